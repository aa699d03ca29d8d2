package experiments

import (
	"math"
	"testing"
)

// A difference within the interval is not called one.
func TestChange(t *testing.T) {
	f := func(want, name string, value, low, high, best float64) {
		t.Helper()
		if got := (result{Name: name, Value: value, Low: low, High: high, Best: best}).Change(); got != want {
			t.Errorf("%s %v (%v to %v) after %v: got %q, want %q", name, value, low, high, best, got, want)
		}
	}
	nan := math.NaN()
	f("", "test.auc", 0.9, 0.8, 0.95, nan)
	f("same", "test.auc", 0.9, 0.8, 0.95, 0.9)
	f("about the same", "test.auc", 0.9, 0.8, 0.95, 0.93)
	f("worse", "test.auc", 0.9, 0.8, 0.95, 0.96)
	f("better", "test.auc", 0.9, 0.8, 0.95, 0.79)
	f("better", "test.auc", 0.9, nan, nan, 0.89)
	f("better", "test.brier", 0.1, 0.09, 0.11, 0.2)
	f("worse", "test.brier", 0.1, 0.09, 0.11, 0.05)
}

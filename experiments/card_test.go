package experiments

import (
	"math"
	"strings"
	"testing"

	"github.com/assay-ml/assay/store"
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

// Nothing is said of earlier runs where there are none, and a part says little.
func TestCardTexts(t *testing.T) {
	s := state{Name: "first", Status: store.Finished, Part: true, Results: []result{
		{Name: "test.auc", Value: 0.9, Low: 0.8, High: 0.95, Best: math.NaN()},
	}}
	if got, want := s.Summary(), "test.auc 0.9000 (0.8000 – 0.9500)"; got != want || !s.Short() {
		t.Errorf("got %q, short %t; want %q, short", got, s.Short(), want)
	}
	if text := s.text(); strings.Contains(text, "best before") {
		t.Errorf("there is no run before, but the text says %q", text)
	}
	s.Results[0].Best, s.Results[0].BestRun = 0.7, "zeroth"
	if text := s.text(); !strings.Contains(text, "zeroth") || !strings.Contains(text, "better") {
		t.Errorf("the run before is not in %q", text)
	}
}

package prognosis

import (
	"testing"

	"github.com/assay-ml/assay/gomlx_models/fit"
)

// What 0 means, -1 takes away.
func TestNetworkHoldsBack(t *testing.T) {
	f := func(decay, average, wantDecay, wantAverage float64) {
		t.Helper()
		n := Network{Options: fit.Options{WeightDecay: decay, Average: average}}.withDefaults()
		if n.WeightDecay != wantDecay || n.Average != wantAverage {
			t.Errorf("decay %v and average %v mean %v and %v, want %v and %v", decay, average, n.WeightDecay, n.Average, wantDecay, wantAverage)
		}
	}
	f(0, 0, 2, 0.99)
	f(-1, -1, 0, 0)
	f(0.1, 0.9, 0.1, 0.9)
}

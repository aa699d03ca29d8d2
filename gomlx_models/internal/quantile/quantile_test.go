package quantile

import "testing"

func TestOf(t *testing.T) {
	f := func(sorted []float64, q, want float64) {
		t.Helper()
		if got := Of(sorted, q); got != want {
			t.Errorf("quantile %v of %v is %v, want %v", q, sorted, got, want)
		}
	}
	f([]float64{3}, 0.5, 3)
	f([]float64{1, 2, 4, 8}, 0, 1)
	f([]float64{1, 2, 4, 8}, 0.5, 3)
	f([]float64{1, 2, 4, 8}, 0.75, 5) // numpy.quantile([1, 2, 4, 8], 0.75)
	f([]float64{1, 2, 4, 8}, 1, 8)
}

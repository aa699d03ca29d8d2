package probability

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
)

func TestOf(t *testing.T) {
	f := func(labels bool, z []float64, want ...float64) {
		t.Helper()
		if got := Of(append([]float64(nil), z...), labels); !floats.EqualApprox(got, want, 1e-12) {
			t.Errorf("%v: got %v, want %v", z, got, want)
		}
	}
	ln3 := math.Log(3)
	f(false, []float64{0, ln3}, 0.25, 0.75)
	f(false, []float64{1e4, 1e4 + ln3}, 0.25, 0.75) // whose exponentials are beyond what a float64 holds
	f(false, []float64{-1e4, 0, math.Inf(-1)}, 0, 1, 0)
	f(true, []float64{0, ln3, -1e4, 1e4}, 0.5, 0.75, 0, 1)
}

func TestOfLogits(t *testing.T) {
	got := OfLogits([]float32{0, 0, 5, 1, -1, 1}, 2, false)
	if len(got) != 3 || got[0][0] != 0.5 || math.Abs(got[1][0]/got[1][1]-math.Exp(4)) > 1e-9 || got[2][1] < got[2][0] {
		t.Errorf("got %v", got)
	}
}

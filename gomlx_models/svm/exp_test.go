package svm

import (
	"math"
	"testing"
)

func TestExpMinus(t *testing.T) {
	for z := 0.0; z < 699; z += 0.00917 {
		if got, want := expMinus(z), math.Exp(-z); math.Abs(got-want) > 1e-12*want {
			t.Fatalf("exp(−%v): got %v, want %v", z, got, want)
		}
	}
	if got := expMinus(1e6); got != 0 {
		t.Errorf("exp(−1e6): got %v, want 0", got)
	}
}

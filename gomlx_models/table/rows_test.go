package table

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestFeaturesCheck(t *testing.T) {
	names := Features{"age"}
	nan := math.NaN()
	f := func(rows [][]float64, columns int, needing, want string) {
		t.Helper()
		switch err := names.Check(rows, columns, needing); {
		case want == "" && err != nil:
			t.Errorf("%v: %v", rows, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%v: got %v, want %q", rows, err, want)
		}
	}
	f([][]float64{{1, 2}, {3, nan}}, 2, "", "")
	f([][]float64{{1, 2}, {3, nan}}, 2, "cox", "row 1: x1 is missing, which cox does not take")
	f([][]float64{{1, 2}, {3}}, 2, "", "row 1 has 1 columns, and the model has 2")
	f([][]float64{{math.Inf(-1), 2}}, 2, "", "row 0: age is -Inf")
	if got, want := names.Names(3), []string{"age", "x1", "x2"}; !slices.Equal(got, want) {
		t.Errorf("names are %q, want %q", got, want)
	}
}

func TestMoments(t *testing.T) {
	nan := math.NaN()
	mean, deviation := Moments([][]float64{{1, 5, nan, nan}, {3, 5, 4, nan}})
	if want := []float64{2, 5, 4, 0}; !slices.Equal(mean, want) {
		t.Errorf("means are %v, want %v", mean, want)
	}
	if want := []float64{1, 1, 1, 1}; !slices.Equal(deviation, want) {
		t.Errorf("deviations are %v, want %v", deviation, want)
	}
}

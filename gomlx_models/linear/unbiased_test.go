package linear_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/linear"
)

// sparse draws rows whose outcome rests on the first three of many columns, which
// go together in pairs.
func sparse(r *rand.Rand, n, p int) (x *mat.Dense, y, truth []float64) {
	x, y, truth = mat.NewDense(n, p, nil), make([]float64, n), make([]float64, p)
	copy(truth, []float64{2, -1.5, 1})
	for i := range n {
		y[i] = r.NormFloat64()
		for j := range p {
			v := r.NormFloat64()
			if j%2 == 1 {
				v = 0.5*x.At(i, j-1) + math.Sqrt(0.75)*v
			}
			x.Set(i, j, v)
			y[i] += truth[j] * v
		}
	}
	return x, y, truth
}

// Intervals of a lasso hold the truth about 95 times in 100, though the
// coefficients themselves are shrunken, with more columns than rows as well.
func TestLassoIntervalsHoldTheTruth(t *testing.T) {
	f := func(n, p, trials int) {
		t.Helper()
		r := rand.New(rand.NewPCG(uint64(n), uint64(p)))
		var strong, weak, all float64
		for range trials {
			x, y, truth := sparse(r, n, p)
			m, err := linear.Fit(x, y, nil, linear.Config{Lambda: math.Sqrt(2 * math.Log(float64(p)) / float64(n)), L1: 1})
			if err != nil {
				t.Fatal(err)
			}
			for j, e := range m.Estimates(nil)[1:] {
				if e.Low > truth[j] || e.High < truth[j] {
					continue
				}
				if all++; j < 3 {
					strong++
				} else {
					weak++
				}
			}
		}
		strong, weak = strong/float64(3*trials), weak/float64((p-3)*trials)
		t.Logf("%d rows, %d columns: intervals hold %.3f of what matters and %.3f of what does not", n, p, strong, weak)
		if strong < 0.85 || weak < 0.92 || weak > 0.995 {
			t.Errorf("%d rows, %d columns: intervals hold %.3f of what matters and %.3f of what does not, want about 0.95", n, p, strong, weak)
		}
	}
	f(100, 10, 100)
	f(80, 120, 15)
}

// With columns of full rank, estimates of a lasso are those of least squares.
func TestLassoEstimatesAreLeastSquares(t *testing.T) {
	x, y, _ := sparse(rand.New(rand.NewPCG(1, 1)), 50, 6)
	lasso, err := linear.Fit(x, y, nil, linear.Config{Lambda: 0.3, L1: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := linear.Fit(x, y, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	want := plain.Estimates(nil)
	for j, got := range lasso.Estimates(nil) {
		if got != want[j] {
			t.Errorf("got %+v, want %+v", got, want[j])
		}
	}
}

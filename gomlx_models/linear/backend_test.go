package linear_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/linear"
)

// sizes are rows and columns of what BenchmarkWays compares.
var sizes = [][2]int{{1000, 10}, {10_000, 50}, {80_000, 50}, {20_000, 200}, {10_000, 500}}

// generated is a table whose first column decides outcome and class, with noise.
func generated(n, p int) (x *mat.Dense, y []float64, class []int) {
	r := rand.New(rand.NewPCG(1, 2))
	x, y, class = mat.NewDense(n, p, nil), make([]float64, n), make([]int, n)
	for i := range y {
		for j := range p {
			x.Set(i, j, r.NormFloat64())
		}
		y[i] = x.At(i, 0) + r.NormFloat64()
		if y[i] > 0 {
			class[i] = 1
		}
	}
	return x, y, class
}

// BenchmarkWays compares this package with gonum's LAPACK (QR) and with GoMLX on
// the same fit; the table in the package comment is its figures.
func BenchmarkWays(b *testing.B) {
	for _, size := range sizes {
		x, y, class := generated(size[0], size[1])
		run := func(task, way string, fit func() error) {
			b.Run(fmt.Sprintf("%s/%d×%d/%s", task, size[0], size[1], way), func(b *testing.B) {
				for b.Loop() {
					if err := fit(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("squares", "own", func() error { _, err := linear.Fit(x, y, nil, linear.Config{}); return err })
		run("squares", "lapack", func() error { return new(mat.Dense).Solve(ones(x), mat.NewDense(len(y), 1, y)) })
		run("logistic", "own", func() error { _, err := linear.FitLogistic(x, class, 2, nil, linear.Config{}); return err })
		on, err := newOnBackend()
		if err != nil {
			b.Logf("GoMLX is left out: %v", err)
			continue
		}
		run("squares", "gomlx", func() error { _, err := on.squares(ones(x), y); return err })
		run("logistic", "gomlx", func() error { _, err := on.logistic(ones(x), class); return err })
		on.close()
	}
}

// The ways that are compared must come to the same.
func TestWaysAgree(t *testing.T) {
	on, err := newOnBackend()
	if err != nil {
		t.Skip(err)
	}
	defer on.close()
	x, y, class := generated(1000, 5)
	f := func(what string, got []float64, err error, intercept float64, want []float64) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if want = append(want[:len(want):len(want)], intercept); !floats.EqualApprox(got, want, 1e-8) {
			t.Errorf("%s: GoMLX has %v, this package %v", what, got, want)
		}
	}
	squares, err := linear.Fit(x, y, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	beta, err := on.squares(ones(x), y)
	f("least squares", beta, err, squares.Intercept, squares.Coef)
	logistic, err := linear.FitLogistic(x, class, 2, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	beta, err = on.logistic(ones(x), class)
	f("logistic", beta, err, logistic.Intercept[0], logistic.Coef[0])
}

// ones returns x with a last column of ones.
func ones(x *mat.Dense) *mat.Dense {
	n, p := x.Dims()
	z := mat.NewDense(n, p+1, nil)
	for i := range n {
		copy(z.RawRowView(i), x.RawRowView(i))
		z.Set(i, p, 1)
	}
	return z
}

// onBackend is least squares and logistic regression whose sums over rows are
// made on GoMLX, in 64 bits, and solved by Cholesky.
type onBackend struct{ sums, newton *Exec }

func newOnBackend() (onBackend, error) {
	backend, err := fit.Backend()
	if err != nil {
		return onBackend{}, err
	}
	sums, err := NewExec(backend, func(z, y *Node) []*Node {
		return []*Node{Einsum("np,nq->pq", z, z), Einsum("np,n->p", z, y)}
	})
	if err != nil {
		return onBackend{}, err
	}
	newton, err := NewExec(backend, func(z, y, beta *Node) []*Node {
		prob := Sigmoid(Einsum("np,p->n", z, beta))
		curve := Mul(prob, OneMinus(prob))
		return []*Node{Einsum("np,nq->pq", Mul(z, InsertAxes(curve, -1)), z), Einsum("np,n->p", z, Sub(y, prob))}
	})
	return onBackend{sums, newton}, err
}

func (o onBackend) close() {
	o.sums.Finalize()
	o.newton.Finalize()
}

// solve returns the solution of the two sums of a graph.
func solve(exec *Exec, inputs ...any) ([]float64, error) {
	results, err := exec.Call(inputs...)
	if err != nil {
		return nil, err
	}
	gram, err := tensors.CopyFlatData[float64](results[0])
	if err != nil {
		return nil, err
	}
	right, err := tensors.CopyFlatData[float64](results[1])
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		r.FinalizeAll()
	}
	var chol mat.Cholesky
	chol.Factorize(mat.NewSymDense(len(right), gram))
	var beta mat.VecDense
	err = chol.SolveVecTo(&beta, mat.NewVecDense(len(right), right))
	return beta.RawVector().Data, err
}

func (o onBackend) squares(z *mat.Dense, y []float64) ([]float64, error) {
	n, q := z.Dims()
	x, outcome := tensors.FromFlatDataAndDimensions(z.RawMatrix().Data, n, q), tensors.FromFlatDataAndDimensions(y, n)
	defer x.FinalizeAll()
	defer outcome.FinalizeAll()
	return solve(o.sums, x, outcome)
}

func (o onBackend) logistic(z *mat.Dense, class []int) ([]float64, error) {
	n, q := z.Dims()
	y := make([]float64, n)
	for i, c := range class {
		y[i] = float64(c)
	}
	x, outcome := tensors.FromFlatDataAndDimensions(z.RawMatrix().Data, n, q), tensors.FromFlatDataAndDimensions(y, n)
	defer x.FinalizeAll()
	defer outcome.FinalizeAll()
	beta := make([]float64, q)
	for range 50 {
		step, err := solve(o.newton, x, outcome, beta)
		if err != nil {
			return nil, err
		}
		floats.Add(beta, step)
		if floats.Norm(step, 2) <= 1e-10*floats.Norm(beta, 2) {
			return beta, nil
		}
	}
	return nil, linear.ErrNotConverged
}

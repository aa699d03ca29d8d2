package prognosis

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/fit"
)

// Products of features are the kernel: to the last digits of 32 bits where every
// row is a landmark, about where landmarks are a half of them or features random.
func TestKernelMapsAreTheKernel(t *testing.T) {
	if _, err := fit.Backend(); err != nil {
		t.Skipf("no GoMLX backend: %v", err)
	}
	const rows, columns = 120, 3
	r := rand.New(rand.NewPCG(1, 2))
	x := mat.NewDense(rows, columns, nil)
	for i := range rows {
		for j := range columns {
			x.Set(i, j, r.NormFloat64())
		}
	}
	f := func(method Method, count int, within float64) {
		t.Helper()
		m, err := newKernelMap(Config{Method: method, Seed: 1, Fourier: Fourier{Count: count, Gamma: 0.3}}, x)
		if err != nil {
			t.Fatal(err)
		}
		z, err := m.apply(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		square := 0.0
		for a := range rows {
			for b := range rows {
				distance := floats.Distance(x.RawRowView(a), x.RawRowView(b), 2)
				want := math.Exp(-0.3 * distance * distance)
				miss := floats.Dot(z.RawRowView(a), z.RawRowView(b)) - want
				square += miss * miss / (rows * rows)
			}
		}
		if far := math.Sqrt(square); far > within {
			t.Errorf("%s, %d features: products are %.2g from the kernel, want %v", method, count, far, within)
		}
	}
	f(Nystrom, 1000, 1e-4) // no more landmarks than rows
	f(Nystrom, 60, 0.05)
	f(RandomFourier, 4000, 0.02)
}

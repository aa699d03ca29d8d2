package svm

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// The kernel of two rows has the same bits on any number of cores.
func TestMatrixRowsOnManyCores(t *testing.T) {
	const n = 3*2048 + 3 // enough for three cores, which n does not divide evenly
	random := rand.New(rand.NewPCG(1, 2))
	x := mat.NewDense(n, 7, nil)
	for i := range x.RawMatrix().Data {
		x.RawMatrix().Data[i] = random.NormFloat64()
	}
	m := newMatrix(x, Kernel{Kind: "linear"}, 1, nil)
	fill := func(cores int) []float64 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		m.fill(make([]float32, n), 0, 0)
		return slices.Clone(m.work) // before it was rounded to 32 bits
	}
	if one, many := fill(1), fill(3); !slices.Equal(one, many) {
		t.Error("one core and three have other bits")
	}
}

// Whatever the cache holds, a row of the matrix is the kernel of the rows where
// they now are.
func TestMatrixRows(t *testing.T) {
	const n = 300
	random := rand.New(rand.NewPCG(1, 2))
	x := mat.NewDense(n, 3, nil)
	for i := range x.RawMatrix().Data {
		x.RawMatrix().Data[i] = random.NormFloat64()
	}
	kernel := Kernel{Kind: "radial", Gamma: 0.5}
	m := newMatrix(x, kernel, 1, nil)
	m.cache, m.free = m.cache[:7*m.width], m.free[:7] // far fewer than rows
	for step := range 3000 {
		active := n
		switch step / 500 {
		case 1, 3:
			active = n / 3
		case 2:
			active = n / 20
		}
		if step%500 == 0 {
			m.fit(active)
		}
		if step%3 == 0 {
			if i, j := random.IntN(active), random.IntN(n); i != j {
				m.swap(min(i, j), max(i, j))
			}
		}
		i := random.IntN(active)
		for j, got := range m.row(i, active) {
			square := 0.0
			for k, v := range x.RawRowView(i) {
				square += (v - x.At(j, k)) * (v - x.At(j, k))
			}
			if want := math.Exp(-kernel.Gamma * square); math.Abs(float64(got)-want) > 1e-6 {
				t.Fatalf("step %d, %d rows active: kernel of rows %d and %d is %v, want %v", step, active, i, j, got, want)
			}
		}
	}
}

package prognosis

import (
	"context"
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/linear"
)

// Fourier describes random Fourier features, which stand for a radial kernel
// where rows are too many for its matrix: a machine's answer in time that grows
// with the rows, not with their square. Rahimi and Recht, NIPS 20 (2007).
type Fourier struct {
	Count int     `json:"count,omitempty"` // of features; 0 means 500
	Gamma float64 `json:"gamma,omitempty"` // of the kernel exp(−Gamma |x − z|²); 0 means 1/columns
}

// penalty returns the ridge that stands for C = 1 of a machine, unless the
// user has set another.
func (f Fourier) penalty(c linear.Config, rows int) linear.Config {
	if c.Lambda == 0 {
		c.Lambda = 1 / float64(rows)
	}
	return c
}

// fourier is the map √(2/Count) cos(xW + b).
type fourier struct {
	Weight []float32 `json:"weight"` // [columns, count]
	Phase  []float32 `json:"phase"`  // [count]
}

func newFourier(cfg Config, columns int) *fourier {
	count, gamma := cfg.Fourier.Count, cfg.Fourier.Gamma
	if count == 0 {
		count = 500
	}
	if gamma == 0 {
		gamma = 1 / float64(columns)
	}
	random := rand.New(rand.NewPCG(uint64(cfg.Seed), 0x666f7572))
	f := &fourier{}
	for range columns * count {
		f.Weight = append(f.Weight, float32(math.Sqrt(2*gamma)*random.NormFloat64()))
	}
	for range count {
		f.Phase = append(f.Phase, float32(2*math.Pi*random.Float64()))
	}
	return f
}

// apply maps standardised rows to their features on GoMLX. Rows go in blocks of
// one size, so that a row's features do not depend on how many there are.
//
//	x       [n, columns]
//	returns [n, count]
func (f *fourier) apply(ctx context.Context, x *mat.Dense) (*mat.Dense, error) {
	const block = 1024
	backend, err := fit.Backend()
	if err != nil {
		return nil, err
	}
	count := len(f.Phase)
	n, columns := x.Dims()
	exec, err := NewExec(backend, func(x, weight, phase *Node) *Node {
		return MulScalar(Cos(Add(Dot(x, weight).Product(), ExpandAxes(phase, 0))), math.Sqrt(2/float64(count)))
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	weight, phase := tensors.FromFlatDataAndDimensions(f.Weight, columns, count), tensors.FromFlatDataAndDimensions(f.Phase, count)
	out := mat.NewDense(n, count, nil)
	for from := 0; from < n; from += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		flat := make([]float32, block*columns)
		for i := range min(block, n-from) {
			for j, v := range x.RawRowView(from + i) {
				flat[i*columns+j] = float32(v)
			}
		}
		results, err := exec.Call(tensors.FromFlatDataAndDimensions(flat, block, columns), weight, phase)
		if err != nil {
			return nil, err
		}
		values, err := tensors.CopyFlatData[float32](results[0])
		if err != nil {
			return nil, err
		}
		results[0].FinalizeAll()
		for i := range min(block, n-from) {
			row := out.RawRowView(from + i)
			for j := range row {
				row[j] = float64(values[i*count+j])
			}
		}
	}
	return out, nil
}

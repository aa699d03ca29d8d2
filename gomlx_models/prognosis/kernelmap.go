package prognosis

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/linear"
)

// Fourier describes the features of RandomFourier and Nystrom, which stand for
// the radial kernel exp(−Gamma |x − z|²) where rows are too many for its matrix: a
// machine's answer in time that grows with the rows, not with their square.
type Fourier struct {
	Count int     `json:"count,omitempty"` // of features; 0 means 500
	Gamma float64 `json:"gamma,omitempty"` // of the kernel; 0 means 1/columns
}

func (f Fourier) withDefaults(columns int) Fourier {
	if f.Count == 0 {
		f.Count = 500
	}
	if f.Gamma == 0 {
		f.Gamma = 1 / float64(columns)
	}
	return f
}

// penalty returns the ridge that stands for C = 1 of a machine, unless the
// user has set another.
func (f Fourier) penalty(c linear.Config, rows int) linear.Config {
	if c.Lambda == 0 {
		c.Lambda = 1 / float64(rows)
	}
	return c
}

// kernelMap maps standardised rows to features whose products are about the
// kernel. Its matrices are inputs of one graph: with a Phase they are random
// Fourier features, √(2/Count) cos(x Weight + Phase) (Rahimi and Recht, NIPS 20,
// 2007); with a Root Nyström's, K(x, Weight) Root, where the columns of Weight are
// training rows and Root is the inverse square root of the kernel among them
// (Williams and Seeger, NIPS 13, 2001).
type kernelMap struct {
	Weight []float32 `json:"weight"`          // [columns, drawn]
	Phase  []float32 `json:"phase,omitempty"` // [drawn]
	Root   []float32 `json:"root,omitempty"`  // [drawn, count]
	Drawn  int       `json:"drawn"`
	Count  int       `json:"count"` // of features
	Gamma  float64   `json:"gamma"`
}

// newKernelMap draws the map of cfg.Method; x is the standardised training rows.
func newKernelMap(cfg Config, x *mat.Dense) (*kernelMap, error) {
	rows, columns := x.Dims()
	o := cfg.Fourier.withDefaults(columns)
	if o.Count < 1 || !(o.Gamma > 0) {
		return nil, errors.New("the count of features and gamma must be positive")
	}
	random := rand.New(rand.NewPCG(uint64(cfg.Seed), 0x666f7572))
	m := &kernelMap{Drawn: o.Count, Count: o.Count, Gamma: o.Gamma}
	if cfg.Method == RandomFourier {
		for range columns * o.Count {
			m.Weight = append(m.Weight, float32(math.Sqrt(2*o.Gamma)*random.NormFloat64()))
		}
		for range o.Count {
			m.Phase = append(m.Phase, float32(2*math.Pi*random.Float64()))
		}
		return m, nil
	}
	m.Drawn = min(o.Count, rows)
	landmarks := mat.NewDense(m.Drawn, columns, nil)
	for k, row := range random.Perm(rows)[:m.Drawn] {
		landmarks.SetRow(k, x.RawRowView(row))
	}
	for j := range columns {
		for k := range m.Drawn {
			m.Weight = append(m.Weight, float32(landmarks.At(k, j)))
		}
	}
	return m, m.root(landmarks)
}

// mapped draws the map and returns what it makes of the training rows.
func (s *state) mapped(ctx context.Context, cfg Config, xs []Row) (z *mat.Dense, err error) {
	x := s.standard(xs)
	if s.Map, err = newKernelMap(cfg, x); err != nil {
		return nil, err
	}
	return s.Map.apply(ctx, x)
}

// root sets Root from the eigenvectors of the kernel among the landmarks. Those
// of eigenvalues next to nothing, of rows that are alike, are left out: their
// inverse would be noise.
func (m *kernelMap) root(landmarks *mat.Dense) error {
	kernel := mat.NewSymDense(m.Drawn, nil)
	for a := range m.Drawn {
		for b := a; b < m.Drawn; b++ {
			square := 0.0
			for j, v := range landmarks.RawRowView(a) {
				d := v - landmarks.At(b, j)
				square += d * d
			}
			kernel.SetSym(a, b, math.Exp(-m.Gamma*square))
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(kernel, true) {
		return errors.New("the kernel of the landmarks has no eigenvectors: are there values without bounds among the rows?")
	}
	values := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	first := 0
	for values[first] < 1e-6*values[m.Drawn-1] {
		first++
	}
	m.Count = m.Drawn - first
	for k := range m.Drawn {
		for c := first; c < m.Drawn; c++ {
			m.Root = append(m.Root, float32(vectors.At(k, c)/math.Sqrt(values[c])))
		}
	}
	return nil
}

// graph is the map of a block of rows.
//
//	x       [rows, columns]
//	weight  [columns, drawn]
//	second  [drawn], the phase, or [drawn, count], the root
//	returns [rows, count]
func (m *kernelMap) graph(x, weight, second *Node) *Node {
	products := Dot(x, weight).Product() // [rows, drawn]
	if m.Root == nil {
		return MulScalar(Cos(Add(products, InsertAxes(second, 0))), math.Sqrt(2/float64(m.Count)))
	}
	length := func(n *Node, axis int) *Node { return InsertAxes(ReduceSum(Square(n), axis), axis) }
	square := Sub(Add(length(x, 1), length(weight, 0)), MulScalar(products, 2))
	return Dot(Exp(MulScalar(MaxScalar(square, 0), -m.Gamma)), second).Product()
}

// apply maps standardised rows to their features on GoMLX. Rows go in blocks of
// one size, so that a row's features do not depend on how many there are.
//
//	x       [n, columns]
//	returns [n, count]
func (m *kernelMap) apply(ctx context.Context, x *mat.Dense) (*mat.Dense, error) {
	const block = 1024
	backend, err := fit.Backend()
	if err != nil {
		return nil, err
	}
	n, columns := x.Dims()
	exec, err := NewExec(backend, m.graph)
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	weight, second := tensors.FromFlatDataAndDimensions(m.Weight, columns, m.Drawn), tensors.FromFlatDataAndDimensions(m.Phase, len(m.Phase))
	if m.Root != nil {
		second = tensors.FromFlatDataAndDimensions(m.Root, m.Drawn, m.Count)
	}
	out := mat.NewDense(n, m.Count, nil)
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
		results, err := exec.Call(tensors.FromFlatDataAndDimensions(flat, block, columns), weight, second)
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
				row[j] = float64(values[i*m.Count+j])
			}
		}
	}
	return out, nil
}

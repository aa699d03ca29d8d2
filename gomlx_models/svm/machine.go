package svm

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Machine is one decision function: Σ Beta K(Support, x) + Bias.
type Machine struct {
	Kernel  Kernel      `json:"kernel"`
	Support [][]float64 `json:"support"`
	Beta    []float64   `json:"beta"`
	Bias    float64     `json:"bias"`
}

// newMachine returns the machine of a solution; x is the matrix it is of.
func newMachine(x *mat.Dense, kernel Kernel, s solution) *Machine {
	m := &Machine{Kernel: kernel, Bias: s.bias}
	for i, b := range s.beta {
		if b != 0 {
			m.Support = append(m.Support, slices.Clone(x.RawRowView(s.place[i])))
			m.Beta = append(m.Beta, b)
		}
	}
	return m
}

// Decide returns the decision value of each row of x, on all cores. It panics if
// x has another number of columns than the machine was fitted on.
func (m *Machine) Decide(x *mat.Dense) []float64 {
	n, _ := x.Dims()
	out := make([]float64, n)
	if len(m.Support) == 0 {
		for i := range out {
			out[i] = m.Bias
		}
		return out
	}
	if _, p := x.Dims(); p != len(m.Support[0]) { // here, as nobody can recover from a panic of a goroutine
		panic(fmt.Sprintf("svm: rows have %d columns, and the machine was fitted on %d", p, len(m.Support[0])))
	}
	support := mat.NewDense(len(m.Support), len(m.Support[0]), nil)
	for s, row := range m.Support {
		support.SetRow(s, row)
	}
	machines := newRows(support, m.Kernel)
	split(n, 16, func(low, high int) {
		values := make([]float64, len(m.Support))
		for i := low; i < high; i++ {
			row := x.RawRowView(i)
			machines.against(values, row, floats.Dot(row, row), 0)
			out[i] = m.Bias + floats.Dot(m.Beta, values)
		}
	})
	return out
}

// Weights returns the coefficient of each column of a linear machine, and nil
// for another kernel.
func (m *Machine) Weights() []float64 {
	if m.Kernel.Kind != "linear" || len(m.Support) == 0 {
		return nil
	}
	w := make([]float64, len(m.Support[0]))
	for s, row := range m.Support {
		floats.AddScaled(w, m.Beta[s], row)
	}
	return w
}

// FitRegressor returns the ε-insensitive regression of y on x. Its Decide is the
// prediction.
//
//	x [n, p], y [n]
func FitRegressor(ctx context.Context, x *mat.Dense, y []float64, cfg Config, watch Watch) (*Machine, error) {
	cfg, err := cfg.check(x, len(y))
	if err != nil {
		return nil, err
	}
	n := len(y)
	if n < 2 {
		return nil, fmt.Errorf("%d rows: a regression needs at least two", n)
	}
	p := problem{target: slices.Clone(y), low: make([]float64, n), high: make([]float64, n), epsilon: cfg.Epsilon}
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("the outcome of row %d is %v: leave such rows out", i, v)
		}
		p.low[i], p.high[i] = -cfg.C, cfg.C
	}
	kernel := newMatrix(mat.DenseCopyOf(x), cfg.Kernel, cfg.CacheMiB, nil)
	s, err := p.solve(ctx, kernel, cfg.Tolerance, watch)
	if err != nil {
		return nil, err
	}
	return newMachine(kernel.x, cfg.Kernel, s), nil
}

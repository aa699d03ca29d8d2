package linear

import (
	"math"
	"runtime"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/internal/parallel"
)

// parts is how many pieces rows are summed in, given the numbers that each
// piece's sum holds. It does not depend on the machine, so that a sum has the
// same bits on any number of cores; large sums get fewer pieces, to save memory.
func parts(size int) int { return min(16, max(1, (1<<23)/max(1, size))) }

// inParts calls f for each of the parts of 0..n, on all cores, and waits.
func inParts(n, parts int, f func(part, low, high int)) {
	parallel.Each(parts, runtime.GOMAXPROCS(0), func(part int) {
		if low, high := part*n/parts, (part+1)*n/parts; low < high {
			f(part, low, high)
		}
	})
}

// Means returns the weighted mean of each column; weights nil means 1. Of a column
// of one value it is that value exactly, so that nothing is left of it, centred.
func Means(x Rows, weights []float64) []float64 {
	n, p := x.Dims()
	mean, total := make([]float64, p), 0.0
	for i := range n {
		w := weightAt(weights, i)
		floats.AddScaled(mean, w, x.RawRowView(i))
		total += w
	}
	floats.Scale(1/total, mean)
	for j := range mean {
		first, constant := x.RawRowView(0)[j], true
		for i := 1; i < n && constant; i++ {
			constant = x.RawRowView(i)[j] == first
		}
		if constant {
			mean[j] = first
		}
	}
	return mean
}

func weightAt(weights []float64, i int) float64 {
	if weights == nil {
		return 1
	}
	return weights[i]
}

func totalWeight(weights []float64, n int) float64 {
	if weights == nil {
		return float64(n)
	}
	return floats.Sum(weights)
}

// AddGram adds Σᵢ wᵢ xᵢ xᵢᵀ over the rows of x to dst, on all cores and with the
// same bits on any number of them.
//
//	x [n, p], weights [n], dst [p, p]
func AddGram(dst *mat.SymDense, x Rows, weights []float64) {
	gram(dst, nil, design{x: x}, nil, weights)
}

// gram adds Σᵢ wᵢ zᵢ zᵢᵀ over the rows of z to the upper triangle of dst and, if y
// is not nil, Σᵢ wᵢ yᵢ zᵢ to xy.
//
// Rows go through a block laid out by column, small enough for the second cache,
// so that the work is dot products of contiguous numbers: gonum's fastest kernel.
//
//	z    [n, p]
//	dst  [p, p]
func gram(dst *mat.SymDense, xy []float64, z design, y, weights []float64) {
	const block = 256
	n, p := z.dims()
	pieces := parts(p * p)
	sums := make([]*mat.SymDense, pieces)
	sumsY := make([][]float64, pieces)
	inParts(n, pieces, func(part, low, high int) {
		sum, sumY := mat.NewSymDense(p, nil), make([]float64, p)
		raw := sum.RawSymmetric()
		row, columns := make([]float64, p), make([]float64, p*block)
		weighted, yw := make([]float64, block), make([]float64, block)
		for from := low; from < high; from += block {
			m := min(block, high-from)
			for i := range m {
				z.row(row, from+i)
				for j, v := range row {
					columns[j*block+i] = v
				}
			}
			if y != nil {
				for i := range m {
					yw[i] = y[from+i] * weightAt(weights, from+i)
				}
			}
			for a := range p {
				za := columns[a*block : a*block+m]
				if y != nil {
					sumY[a] += floats.Dot(za, yw[:m])
				}
				if weights != nil {
					floats.MulTo(weighted[:m], za, weights[from:from+m])
					za = weighted[:m]
				}
				for b := a; b < p; b++ {
					raw.Data[a*raw.Stride+b] += floats.Dot(za, columns[b*block:b*block+m])
				}
			}
		}
		sums[part], sumsY[part] = sum, sumY
	})
	for part, sum := range sums {
		if sum == nil {
			continue
		}
		dst.AddSym(dst, sum)
		if y != nil {
			floats.Add(xy, sumsY[part])
		}
	}
}

// solver is a symmetric positive semidefinite system, scaled to a unit diagonal
// so that columns in different units cost no digits.
type solver struct {
	scale  []float64
	chol   mat.Cholesky
	pseudo *mat.Dense // inverse of the scaled system where it is singular; else nil
	rank   int
	shared []bool // coordinates that others can stand in for; nil if there are none
}

// factorise prepares h. A singular h is solved by the shortest of the solutions,
// in units of the scaled system; columns of zeros get 0.
func factorise(h *mat.SymDense) *solver {
	p := h.SymmetricDim()
	s := &solver{scale: make([]float64, p), rank: p}
	for j := range p {
		if d := h.At(j, j); d > 0 && !math.IsInf(d, 0) {
			s.scale[j] = 1 / math.Sqrt(d)
		}
	}
	unit := mat.NewSymDense(p, nil)
	for a := range p {
		for b := a; b < p; b++ {
			unit.SetSym(a, b, h.At(a, b)*s.scale[a]*s.scale[b])
		}
	}
	if s.chol.Factorize(unit) && s.chol.Cond() < 1e13 {
		return s
	}
	s.pseudo, s.rank = mat.NewDense(p, p, nil), 0
	var eigen mat.EigenSym
	if !eigen.Factorize(unit, true) {
		return s // not finite: all steps are zero
	}
	values := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	s.shared = make([]bool, p)
	for k, v := range values {
		column := vectors.ColView(k)
		if v > 1e-12*values[p-1] {
			s.rank++
			s.pseudo.RankOne(s.pseudo, 1/v, column, column)
			continue
		}
		// A direction that changes nothing: the coordinates in it are free.
		for j := range p {
			s.shared[j] = s.shared[j] || math.Abs(column.AtVec(j)) > 1e-5
		}
	}
	return s
}

// solve returns h⁻¹ b.
func (s *solver) solve(b []float64) []float64 {
	v := mat.NewVecDense(len(b), nil)
	for j, scale := range s.scale {
		v.SetVec(j, b[j]*scale)
	}
	if s.pseudo != nil {
		v.MulVec(s.pseudo, mat.VecDenseCopyOf(v))
	} else {
		_ = s.chol.SolveVecTo(v, v) // factorise has seen to what would warn here
	}
	out := v.RawVector().Data
	floats.Mul(out, s.scale)
	return out
}

// inverse returns h⁻¹; of a singular h the pseudoinverse, which is right for
// coordinates that are not shared.
func (s *solver) inverse() *mat.SymDense {
	p := len(s.scale)
	inv := mat.NewSymDense(p, nil)
	if s.pseudo == nil {
		_ = s.chol.InverseTo(inv) // as in solve
	}
	for a, sa := range s.scale {
		for b := a; b < p; b++ {
			v := inv.At(a, b)
			if s.pseudo != nil {
				v = s.pseudo.At(a, b)
			}
			inv.SetSym(a, b, v*sa*s.scale[b])
		}
	}
	return inv
}

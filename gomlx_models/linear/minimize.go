package linear

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Penalty is what a coefficient costs: L1 |β| + ½ L2 β².
type Penalty struct{ L1, L2 float64 }

// Loss is a smooth convex function of β. It returns its value and, where grad
// and hess are not nil, fills them (hess comes zeroed).
type Loss func(beta, grad []float64, hess *mat.SymDense) float64

// ErrNotConverged is returned when the best coefficients lie at infinity (the
// classes are separated, a group has no event).
var ErrNotConverged = errors.New("the coefficients do not settle, because columns separate the outcomes: add a penalty, or drop columns")

// Minimum is where a penalised loss is least.
type Minimum struct {
	Beta []float64

	// Cov is the covariance of β if loss is a negative log-likelihood: the inverse
	// Hessian H⁻¹, or with a quadratic penalty Λ the sandwich A⁻¹HA⁻¹, A = H + Λ. It
	// is nil if L1 > 0: a corner has no curvature.
	Cov *mat.SymDense

	// Shared marks coordinates that others can stand in for, because columns
	// repeat each other: of the solutions, Beta is the shortest in units of the
	// Hessian, and those coordinates have no variance of their own. nil if there
	// are none.
	Shared []bool
	Rank   int // of the Hessian
}

// Minimize returns the β that minimises loss(β) + Σⱼ penalty(βⱼ), where only
// the first penalised coordinates are penalised. It starts from start, which it
// leaves alone.
//
// It is Newton's method with halved steps: the quadratic model is solved by
// Cholesky, or with an absolute penalty by coordinate descent (proximal
// Newton; Lee, Sun and Saunders, SIAM J. Optim. 24 (2014), 1420).
func Minimize(loss Loss, start []float64, penalised int, penalty Penalty) (*Minimum, error) {
	const (
		rounds  = 100
		decided = 1e-11 // relative change of β that counts as none
	)
	p := len(start)
	beta := append([]float64(nil), start...)
	if p == 0 {
		return &Minimum{Beta: beta}, nil
	}
	cost := func(beta []float64) float64 {
		c := 0.0
		for _, b := range beta[:penalised] {
			c += penalty.L1*math.Abs(b) + penalty.L2/2*b*b
		}
		return c
	}
	grad, next := make([]float64, p), make([]float64, p)
	hess := mat.NewSymDense(p, nil)
	var units []float64
	rank := 0                    // of the first Hessian
	free := penalty == Penalty{} // nothing keeps coefficients from infinity
	derive := func() float64 {
		hess.Zero()
		clear(grad)
		value := loss(beta, grad, hess)
		for j := range penalised {
			grad[j] += penalty.L2 * beta[j]
			hess.SetSym(j, j, hess.At(j, j)+penalty.L2)
		}
		return value + cost(beta)
	}
	for range rounds {
		value := derive()
		if math.IsNaN(value) {
			return nil, ErrNotConverged
		}
		var step []float64
		var system *solver
		if penalty.L1 > 0 {
			step = descend(hess, grad, beta, penalised, penalty.L1)
		} else {
			system = factorise(hess)
			// Columns that repeat others do so at every β. A Hessian that has lost
			// rank on the way is flat in a direction in which the outcomes are
			// separated, be it of no single column: the coefficients of all
			// categories of which only the reference has no event.
			if rank = max(rank, system.rank); free && system.rank < rank {
				return nil, ErrNotConverged
			}
			step = system.solve(grad)
			floats.Scale(-1, step)
		}
		// Moves are measured in the units of the first Hessian, which a change of
		// a column's unit leaves alone. A later one would not do: it vanishes as
		// coefficients go to infinity, and no step would look large.
		if units == nil {
			for j := range p {
				units = append(units, hess.At(j, j))
			}
		}
		var size, scale float64
		for j, s := range step {
			if free && hess.At(j, j) < 1e-13*units[j] {
				return nil, ErrNotConverged // flat out there: on its way to infinity
			}
			size = max(size, s*s*units[j])
			scale = max(scale, beta[j]*beta[j]*units[j])
		}
		settled := math.Sqrt(size) <= decided*math.Sqrt(max(scale, 1e-6))
		t := 1.0
		for {
			floats.AddScaledTo(next, beta, t, step)
			if v := loss(next, nil, nil) + cost(next); v <= value+1e-14*math.Abs(value) {
				break
			}
			if t /= 2; t < 1e-10 {
				// No descent to be had in double precision: this is the bottom
				// if the step is small, and a broken problem if it is not.
				settled = math.Sqrt(size) <= 1e-6*math.Sqrt(max(scale, 1e-6))
				if !settled {
					return nil, ErrNotConverged
				}
				copy(next, beta)
				break
			}
		}
		copy(beta, next)
		if settled {
			if penalty.L1 > 0 {
				return &Minimum{Beta: beta, Rank: p}, nil
			}
			cov := sandwich(system.inverse(), penalised, penalty.L2)
			return &Minimum{Beta: beta, Cov: cov, Shared: system.shared, Rank: system.rank}, nil
		}
	}
	return nil, ErrNotConverged
}

// descend minimises the quadratic model gᵀd + ½dᵀHd + l1 Σ |βⱼ + dⱼ| over d by
// cyclic coordinate descent, keeping the gradient of the model up to date.
func descend(hess *mat.SymDense, grad, beta []float64, penalised int, l1 float64) []float64 {
	p := len(beta)
	raw := hess.RawSymmetric()
	for a := range p { // descend reads whole rows
		for b := a + 1; b < p; b++ {
			raw.Data[b*raw.Stride+a] = raw.Data[a*raw.Stride+b]
		}
	}
	d, g := make([]float64, p), append([]float64(nil), grad...)
	for range 100000 {
		var size, scale float64
		for j := range p {
			h := raw.Data[j*raw.Stride+j]
			if h <= 0 {
				continue // a column of zeros moves nothing
			}
			old := beta[j] + d[j]
			want := old - g[j]/h
			if j < penalised {
				want = soften(want, l1/h)
			}
			if move := want - old; move != 0 {
				d[j] += move
				floats.AddScaled(g, move, raw.Data[j*raw.Stride:j*raw.Stride+p])
				size = max(size, move*move*h)
			}
			scale = max(scale, want*want*h)
		}
		if size <= 1e-26*max(scale, 1e-6) {
			break
		}
	}
	return d
}

// soften returns v moved towards zero by by, and zero if it would cross.
func soften(v, by float64) float64 {
	switch {
	case v > by:
		return v - by
	case v < -by:
		return v + by
	}
	return 0
}

// sandwich returns A⁻¹(A − Λ)A⁻¹ from A⁻¹, where Λ is l2 on the first penalised
// coordinates and zero elsewhere.
func sandwich(inverse *mat.SymDense, penalised int, l2 float64) *mat.SymDense {
	if l2 == 0 {
		return inverse
	}
	out := mat.NewSymDense(inverse.SymmetricDim(), nil)
	out.CopySym(inverse)
	column := mat.NewVecDense(inverse.SymmetricDim(), nil)
	for j := range penalised {
		for i := range column.Len() {
			column.SetVec(i, inverse.At(i, j))
		}
		out.SymRankOne(out, -l2, column)
	}
	return out
}

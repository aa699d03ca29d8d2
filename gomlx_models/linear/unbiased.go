package linear

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// unbiased returns the model that the estimates of a fit with an absolute penalty
// are of: least squares where that has one answer, else the fit with its shrinkage
// taken out again,
//
//	b = β + Θ X'(y − Xβ)/n,   Cov b = σ² Θ (X'X/n) Θ' / n
//
// with Θ next to an inverse of X'X/n, row j of it from the lasso of column j on
// the others. van de Geer, Bühlmann, Ritov and Dezeure, Annals of Statistics 42
// (2014), 1166. Their conditions are that few coefficients are not zero, and the
// errors normal or the rows many.
//
//	xx, xy  sums of squares and products of centred columns and outcome
func (m *Model) unbiased(plain *Model, xx *mat.SymDense, xy, center []float64, middle, total float64) *Model {
	if plain.Shared == nil && plain.Residual > 0 {
		return plain
	}
	if m.Residual <= 0 {
		return nil
	}
	p := len(m.Coef)
	theta := nodewise(xx, total, m.Rows)
	score := mat.NewVecDense(p, nil)
	score.MulVec(xx, mat.NewVecDense(p, m.Coef))
	for j, v := range xy {
		score.SetVec(j, v-score.AtVec(j))
	}
	var step mat.VecDense
	step.MulVec(theta, score)
	out := *m
	out.Config = Config{NoIntercept: m.Config.NoIntercept}
	out.Coef = make([]float64, p)
	floats.AddTo(out.Coef, m.Coef, step.RawVector().Data)
	out.Intercept = middle - floats.Dot(center, out.Coef)
	var half, spread mat.Dense
	half.Mul(theta, xx)
	spread.Mul(&half, theta.T())
	out.Cov = out.covariance(&spread, center, total)
	return &out
}

// nodewise returns Θ/n. The penalty of each column's lasso is half of how far
// chance correlates one of p columns in n rows: all of it leaves enough of the
// shrinkage behind that intervals of what matters hold the truth 3 times in 4.
func nodewise(xx *mat.SymDense, total float64, rows int) *mat.Dense {
	p := xx.SymmetricDim()
	share := 0.5 * math.Sqrt(math.Log(float64(max(p, 2)))/float64(rows))
	theta := mat.NewDense(p, p, nil)
	others, against := mat.NewSymDense(max(p-1, 1), nil), make([]float64, p-1)
	for j := range p {
		own := xx.At(j, j)
		if own <= 0 { // a column of zeros says nothing
			continue
		}
		// In units in which every column has the length of this one, the
		// penalty treats them alike.
		unit := make([]float64, 0, p-1)
		for k := range p {
			if k != j {
				s := 0.0
				if v := xx.At(k, k); v > 0 {
					s = math.Sqrt(own / v)
				}
				unit = append(unit, s)
			}
		}
		at := func(a int) int { // of the others, in xx
			if a >= j {
				return a + 1
			}
			return a
		}
		for a := range against {
			against[a] = -xx.At(j, at(a)) * unit[a]
			for b := a; b < p-1; b++ {
				others.SetSym(a, b, xx.At(at(a), at(b))*unit[a]*unit[b])
			}
		}
		gamma := make([]float64, p-1)
		if p > 1 {
			gamma = descend(others, against, make([]float64, p-1), p-1, share*own)
		}
		left := own
		for a, g := range gamma {
			left -= xx.At(j, at(a)) * g * unit[a]
		}
		if left <= 0 {
			continue
		}
		theta.Set(j, j, 1/left)
		for a, g := range gamma {
			theta.Set(j, at(a), -g*unit[a]/left)
		}
	}
	return theta
}

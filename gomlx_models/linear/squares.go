package linear

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Model is a fitted linear regression: y ≈ Intercept + xβ.
type Model struct {
	Config    Config    `json:"config"`
	Intercept float64   `json:"intercept"`
	Coef      []float64 `json:"coef"`
	Rows      int       `json:"rows"`     // that weigh anything
	Rank      int       `json:"rank"`     // of the columns; below len(Coef) the coefficients are the shortest of many
	Residual  float64   `json:"residual"` // degrees of freedom left for the error
	Sigma     float64   `json:"sigma"`    // standard deviation of the error; 0 if Residual is not positive
	R2        float64   `json:"r2"`       // on the rows fitted; 0 if the outcome is constant

	// Cov is the covariance of the intercept (first, unless there is none) and
	// the coefficients, row by row; nil where there is none (see Estimates).
	Cov []float64 `json:"cov,omitempty"`
	// Shared marks coefficients of columns that repeat others; nil if none does.
	Shared []bool `json:"shared,omitempty"`
	// Unbiased is what estimates are of where a penalty is absolute (see Estimates).
	Unbiased *Model `json:"unbiased,omitempty"`
}

// Fit returns the least-squares fit of y to x, penalised as cfg says. weights
// may be nil; they are inverse variances, so only their ratios matter. A row of
// weight 0 is as good as left out.
//
//	x [n, p], y [n]
//
// Columns that repeat others are no error without a penalty: of the equally
// good β the shortest in standardised units is returned, and the coefficients of
// those columns have no standard errors.
func Fit(x Rows, y, weights []float64, cfg Config) (*Model, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := checkDesign(x, len(y), weights); err != nil {
		return nil, err
	}
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("the outcome of row %d is %v: leave such rows out", i, v)
		}
	}
	n, p := x.Dims()
	total := totalWeight(weights, n)

	// Centred columns decouple the intercept and keep digits in the sums.
	var center []float64
	middle := 0.0
	if cfg.NoIntercept {
		center = make([]float64, p)
	} else {
		center = Means(x, weights)
		for i, v := range y {
			middle += weightAt(weights, i) * v
		}
		middle /= total
	}
	centred := make([]float64, n)
	for i, v := range y {
		centred[i] = v - middle
	}
	xx, xy := mat.NewSymDense(max(p, 1), nil), make([]float64, p)
	if p > 0 {
		gram(xx, xy, design{x: x, center: center}, centred, weights)
	}

	m := &Model{Config: cfg, Rank: p}
	for i := range n {
		if weightAt(weights, i) > 0 {
			m.Rows++
		}
	}
	pen := cfg.penalty()
	ridged := mat.NewSymDense(max(p, 1), nil)
	ridged.CopySym(xx)
	for j := range p {
		ridged.SetSym(j, j, xx.At(j, j)+total*pen.L2)
	}
	var inverse *mat.SymDense
	if pen.L1 > 0 {
		negative := append([]float64(nil), xy...)
		floats.Scale(-1, negative)
		m.Coef = descend(ridged, negative, make([]float64, p), p, total*pen.L1)
	} else if p > 0 {
		system := factorise(ridged)
		m.Coef, m.Rank, m.Shared, inverse = system.solve(xy), system.rank, system.shared, system.inverse()
	}
	m.Intercept = middle - floats.Dot(center, m.Coef)

	var rss, tss float64
	for i, f := range m.Predict(x) {
		w := weightAt(weights, i)
		rss += w * (y[i] - f) * (y[i] - f)
		tss += w * centred[i] * centred[i]
	}
	if tss > 0 {
		m.R2 = 1 - rss/tss
	}
	m.Residual = float64(m.Rows) - m.freedom(xx, inverse)
	if m.Residual > 0 {
		m.Sigma = math.Sqrt(rss / m.Residual)
	}
	switch {
	case inverse != nil && m.Residual > 0:
		m.Cov = m.covariance(m.spread(xx, inverse), center, total)
	case p == 0 && !cfg.NoIntercept && m.Residual > 0:
		m.Cov = []float64{m.Sigma * m.Sigma / total}
	case pen.L1 > 0 && p > 0:
		plain, err := Fit(x, y, weights, Config{NoIntercept: cfg.NoIntercept})
		if err != nil {
			return nil, err
		}
		m.Unbiased = m.unbiased(plain, xx, xy, center, middle, total)
	}
	return m, nil
}

// freedom returns the degrees of freedom that the fit used: its coefficients
// that are not zero, or for ridge the trace of the hat matrix.
func (m *Model) freedom(xx, inverse *mat.SymDense) float64 {
	used := 0.0
	switch {
	case inverse != nil && m.Config.Lambda > 0:
		var hat mat.Dense
		hat.Mul(inverse, xx)
		used = hat.Trace()
	case m.Config.Lambda > 0:
		for _, b := range m.Coef {
			if b != 0 {
				used++
			}
		}
	default:
		used = float64(m.Rank)
	}
	if !m.Config.NoIntercept {
		used++
	}
	return used
}

// spread returns A⁻¹ X'X A⁻¹ with A = X'X + nλI, which is (X'X)⁻¹ without a
// penalty.
func (m *Model) spread(xx, inverse *mat.SymDense) *mat.Dense {
	var half, sandwich mat.Dense
	if m.Config.Lambda > 0 {
		half.Mul(inverse, xx)
		sandwich.Mul(&half, inverse)
	} else {
		sandwich.CloneFrom(inverse)
	}
	return &sandwich
}

// covariance returns σ² times the spread of the coefficients, bordered by the
// intercept.
func (m *Model) covariance(spread *mat.Dense, center []float64, total float64) []float64 {
	p := len(m.Coef)
	s2 := m.Sigma * m.Sigma
	spread.Scale(s2, spread)
	if m.Config.NoIntercept {
		return spread.RawMatrix().Data
	}
	// The intercept is ȳ − x̄β, and ȳ is independent of β.
	c := mat.NewVecDense(p, center)
	var across mat.VecDense
	across.MulVec(spread, c)
	cov := mat.NewDense(p+1, p+1, nil)
	cov.Set(0, 0, s2/total+mat.Dot(c, &across))
	for a := range p {
		cov.Set(0, a+1, -across.AtVec(a))
		cov.Set(a+1, 0, -across.AtVec(a))
		for b := range p {
			cov.Set(a+1, b+1, spread.At(a, b))
		}
	}
	return cov.RawMatrix().Data
}

// Predict returns Intercept + xβ for each row of x. It panics if x has another
// number of columns than the model was fitted on.
func (m *Model) Predict(x Rows) []float64 {
	n, _ := x.Dims()
	out := make([]float64, n)
	for i := range out {
		out[i] = m.Intercept + floats.Dot(x.RawRowView(i), m.Coef)
	}
	return out
}

// Interval returns the standard error of the mean at row, and of a single new
// observation there. Both are NaN where the model has no covariance.
func (m *Model) Interval(row []float64) (mean, single float64) {
	if m.Cov == nil {
		return math.NaN(), math.NaN()
	}
	z := row
	if !m.Config.NoIntercept {
		z = append([]float64{1}, row...)
	}
	v := mat.NewVecDense(len(z), z)
	variance := mat.Inner(v, mat.NewDense(len(z), len(z), m.Cov), v)
	return math.Sqrt(variance), math.Sqrt(variance + m.Sigma*m.Sigma)
}

// Estimates returns the intercept, named "intercept", and the coefficients with
// standard errors, t tests and 95 % intervals.
//
// Ridge's are for the shrunken coefficients, σ² A⁻¹X'XA⁻¹ on n − tr(H) degrees
// of freedom: they say how the estimate varies, not how far it is from the truth.
// With an absolute penalty, whose selection a standard error of β would ignore,
// values and all are those of Unbiased: of least squares, or where columns repeat
// each other or are more than rows, of the fit without its shrinkage. A coefficient
// that the penalty left at 0 has an estimate too; Coef is what predictions use.
//
// There are no standard errors (NaN) for columns that repeat others (Shared) and
// the intercept beside them, whose values are one choice of many.
func (m *Model) Estimates(names []string) []Estimate {
	if m.Unbiased != nil {
		return m.Unbiased.Estimates(names)
	}
	var out []Estimate
	k := 0
	add := func(name string, value float64, shared bool) {
		se := math.NaN()
		if m.Cov != nil && !shared {
			se = math.Sqrt(m.Cov[k*(width(m.Cov)+1)])
		}
		out = append(out, NewEstimate(name, value, se, max(m.Residual, 1)))
		k++
	}
	if !m.Config.NoIntercept {
		add("intercept", m.Intercept, m.Shared != nil)
	}
	for j, b := range m.Coef {
		add(nameAt(names, j), b, m.Shared != nil && m.Shared[j])
	}
	return out
}

// width returns the number of columns of a square matrix stored row by row.
func width(square []float64) int { return int(math.Sqrt(float64(len(square))) + 0.5) }

package linear

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Logistic is a fitted logistic regression. Two classes have one logit, that of
// class 1; more classes have one each, which sum to zero at every x where the
// penalty leaves that free.
type Logistic struct {
	Config    Config      `json:"config"`
	Classes   int         `json:"classes"`
	Intercept []float64   `json:"intercept"` // [logits]
	Coef      [][]float64 `json:"coef"`      // [logits][columns]
	Loss      float64     `json:"loss"`      // mean −log p(y) on the rows fitted, without the penalty

	// Cov is the covariance of the coefficients, logit by logit, and then the
	// intercepts, row by row; nil with an absolute penalty.
	Cov []float64 `json:"cov,omitempty"`
	// Shared marks, in the order of Cov, coefficients of columns that repeat
	// others; nil if none does.
	Shared []bool `json:"shared,omitempty"`
}

// FitLogistic returns the maximum-likelihood fit of classes 0 … classes−1 to x,
// penalised as cfg says. weights may be nil; they count rows.
//
//	x [n, p], class [n]
//
// Classes that the columns separate have no finite fit without a penalty:
// ErrNotConverged.
func FitLogistic(x Rows, class []int, classes int, weights []float64, cfg Config) (*Logistic, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := checkDesign(x, len(class), weights); err != nil {
		return nil, err
	}
	seen := make([]float64, max(classes, 0))
	for i, k := range class {
		if k < 0 || k >= classes {
			return nil, fmt.Errorf("row %d has class %d, and there are %d classes", i, k, classes)
		}
		seen[k] += weightAt(weights, i)
	}
	if classes < 2 {
		return nil, fmt.Errorf("%d classes: there must be at least two", classes)
	}
	for k, w := range seen {
		if w == 0 {
			return nil, fmt.Errorf("no row has class %d: every class must occur", k)
		}
	}
	f := newLogits(x, class, classes, weights, cfg)
	least, err := Minimize(f.loss, f.start(seen), f.logits*f.p, cfg.penalty())
	if err != nil {
		return nil, err
	}
	beta := least.Beta
	m := &Logistic{Config: cfg, Classes: classes, Shared: least.Shared, Loss: f.loss(beta, nil, nil), Intercept: make([]float64, f.logits)}
	m.Loss -= f.anchorLoss(beta)
	for k := range f.logits {
		coef := beta[k*f.p : (k+1)*f.p]
		m.Coef = append(m.Coef, coef)
		if !cfg.NoIntercept {
			m.Intercept[k] = beta[f.logits*f.p+k] - floats.Dot(f.z.center, coef)
		}
	}
	if least.Cov != nil {
		m.Cov = f.uncentre(least.Cov)
	}
	return m, nil
}

// logits is the loss of logistic regression over β = [β of logit 0, β of logit
// 1, …, intercepts].
type logits struct {
	z       design // [n, q]: centred columns and, unless there is no intercept, ones
	class   []int
	weights []float64
	total   float64
	p, q    int       // columns of x and of z
	logits  int       // 1 for two classes
	anchor  []float64 // [q] strength of ½ (Σₖ βₖⱼ)²; see newLogits

	prob, share []float64 // of loss and curvature to work in: [n, logits] and [n]
}

func newLogits(x Rows, class []int, classes int, weights []float64, cfg Config) *logits {
	n, p := x.Dims()
	f := &logits{class: class, weights: weights, total: totalWeight(weights, n), p: p, q: p, logits: classes}
	if classes == 2 {
		f.logits = 1
	}
	f.prob, f.share = make([]float64, n*f.logits), make([]float64, n)
	f.z = design{x: x, center: make([]float64, p)}
	if !cfg.NoIntercept {
		f.q, f.z = p+1, design{x: x, center: Means(x, weights), ones: true}
	}
	// Adding one number to all logits changes no probability, so that what the
	// penalty leaves free has no unique optimum. A cost on the sum over the
	// logits, zero at the answer, picks the one that sums to zero. So would a
	// quadratic penalty, but one that is small leaves the Hessian next to singular.
	f.anchor = make([]float64, f.q)
	if f.logits > 1 {
		row := make([]float64, f.q)
		for i := range n {
			f.z.row(row, i)
			for j, v := range row {
				if j == p || cfg.Lambda*cfg.L1 == 0 {
					f.anchor[j] += v * v / float64(n) / float64(classes)
				}
			}
		}
	}
	return f
}

// at returns the place of coefficient j of logit k in β.
func (f *logits) at(k, j int) int {
	if j < f.p {
		return k*f.p + j
	}
	return f.logits*f.p + k
}

// start is β of the model that knows only how often each class occurs.
func (f *logits) start(seen []float64) []float64 {
	beta := make([]float64, f.logits*f.q)
	if f.q == f.p {
		return beta
	}
	if f.logits == 1 {
		beta[f.p] = math.Log(seen[1] / seen[0])
		return beta
	}
	middle := 0.0
	for _, s := range seen {
		middle += math.Log(s) / float64(len(seen))
	}
	for k, s := range seen {
		beta[f.at(k, f.p)] = math.Log(s) - middle
	}
	return beta
}

func (f *logits) anchorLoss(beta []float64) float64 {
	out := 0.0
	for j, a := range f.anchor {
		sum := 0.0
		for k := range f.logits {
			sum += beta[f.at(k, j)]
		}
		out += a / 2 * sum * sum
	}
	return out
}

// loss is a Loss: the mean −log p(class).
func (f *logits) loss(beta, grad []float64, hess *mat.SymDense) float64 {
	n := len(f.class)
	pieces := parts(f.logits * f.q)
	value, sums := make([]float64, pieces), make([][]float64, pieces)
	coef := make([][]float64, f.logits) // in the order of the columns of z
	for k := range coef {
		coef[k] = make([]float64, f.q)
		for j := range f.q {
			coef[k][j] = beta[f.at(k, j)]
		}
	}
	inParts(n, pieces, func(part, low, high int) {
		sum, p, row := make([]float64, f.logits*f.q), make([]float64, f.logits), make([]float64, f.q)
		for i := low; i < high; i++ {
			f.z.row(row, i)
			w := weightAt(f.weights, i)
			value[part] += w * softmax(p, coef, row, f.class[i])
			if grad == nil {
				continue
			}
			copy(f.prob[i*f.logits:], p)
			for k := range p {
				residual := p[k]
				if k == f.class[i] && f.logits > 1 || f.logits == 1 && f.class[i] == 1 {
					residual--
				}
				floats.AddScaled(sum[k*f.q:(k+1)*f.q], w*residual, row)
			}
		}
		sums[part] = sum
	})
	if grad != nil {
		for _, sum := range sums {
			for s, v := range sum {
				grad[f.at(s/f.q, s%f.q)] += v / f.total
			}
		}
		for j, a := range f.anchor {
			sum := 0.0
			for k := range f.logits {
				sum += beta[f.at(k, j)]
			}
			for k := range f.logits {
				grad[f.at(k, j)] += a * sum
			}
		}
	}
	if hess != nil {
		f.curvature(hess)
	}
	return floats.Sum(value)/f.total + f.anchorLoss(beta)
}

// curvature adds Σᵢ wᵢ pₖ (δₖₗ − pₗ) zzᵀ, block by block, to hess. The
// probabilities are those of the loss before it.
func (f *logits) curvature(hess *mat.SymDense) {
	block := mat.NewSymDense(f.q, nil)
	for k := range f.logits {
		for l := k; l < f.logits; l++ {
			for i := range f.share {
				pk, pl := f.prob[i*f.logits+k], f.prob[i*f.logits+l]
				f.share[i] = -pk * pl
				if k == l {
					f.share[i] = pk * (1 - pk)
				}
				f.share[i] *= weightAt(f.weights, i) / f.total
			}
			block.Zero()
			gram(block, nil, f.z, nil, f.share)
			for a := range f.q {
				block.SetSym(a, a, block.At(a, a)+f.anchor[a])
				for b := range f.q {
					if i, j := f.at(k, a), f.at(l, b); k < l || a <= b {
						hess.SetSym(i, j, block.At(a, b))
					}
				}
			}
		}
	}
}

// uncentre returns the covariance for columns that are not centred.
func (f *logits) uncentre(cov *mat.SymDense) []float64 {
	size := f.logits * f.q
	t := mat.NewDense(size, size, nil)
	for i := range size {
		t.Set(i, i, 1)
	}
	if f.q > f.p {
		for k := range f.logits {
			for j, c := range f.z.center {
				t.Set(f.at(k, f.p), f.at(k, j), -c)
			}
		}
	}
	var half, out mat.Dense
	half.Mul(t, cov)
	out.Mul(&half, t.T())
	out.Scale(1/f.total, &out)
	return out.RawMatrix().Data
}

// softmax fills p with the probabilities that row gets (of class 1 only, if
// there is one logit) and returns −log of that of class.
func softmax(p []float64, coef [][]float64, row []float64, class int) float64 {
	for k := range p {
		p[k] = floats.Dot(row, coef[k])
	}
	if len(p) == 1 {
		eta := p[0]
		p[0] = 1 / (1 + math.Exp(-eta))
		if class == 1 {
			eta = -eta
		}
		return max(eta, 0) + math.Log1p(math.Exp(-math.Abs(eta)))
	}
	top, own := floats.Max(p), p[class]
	sum := 0.0
	for k, eta := range p {
		p[k] = math.Exp(eta - top)
		sum += p[k]
	}
	floats.Scale(1/sum, p)
	return math.Log(sum) + top - own
}

// Predict returns the probability of each class for each row of x. It panics if
// x has another number of columns than the model was fitted on.
//
//	returns [n][classes]
func (m *Logistic) Predict(x Rows) [][]float64 {
	n, _ := x.Dims()
	p := len(m.Coef[0])
	for i := range n { // here, as nobody can recover from a panic of a goroutine
		if got := len(x.RawRowView(i)); got != p {
			panic(fmt.Sprintf("linear: row %d has %d columns, and the model was fitted on %d", i, got, p))
		}
	}
	coef := make([][]float64, len(m.Coef))
	for k := range coef {
		coef[k] = append(append(make([]float64, 0, p+1), m.Coef[k]...), m.Intercept[k])
	}
	out, flat := make([][]float64, n), make([]float64, n*m.Classes)
	inParts(n, parts(p), func(_, low, high int) {
		row := make([]float64, p+1)
		row[p] = 1
		for i := low; i < high; i++ {
			copy(row, x.RawRowView(i))
			prob := flat[i*m.Classes : (i+1)*m.Classes : (i+1)*m.Classes]
			if m.Classes == 2 {
				softmax(prob[1:], coef, row, 0)
				prob[0] = 1 - prob[1]
			} else {
				softmax(prob, coef, row, 0)
			}
			out[i] = prob
		}
	})
	return out
}

// Estimates returns the coefficients of the log odds of class against class 0,
// with standard errors, Wald tests and 95 % intervals; the intercept, named
// "intercept", is first. Exponents of values and interval are odds ratios. With a
// quadratic penalty they are for the shrunken coefficients, A⁻¹HA⁻¹ of the Hessian H
// and A = H + penalty: how the estimate varies, not how far it is from the truth. There
// are no standard errors (NaN) with an absolute penalty, whose selection they
// would ignore, nor for columns that repeat others and the intercept beside them.
// It panics if class is not one of 1 … Classes−1.
func (m *Logistic) Estimates(class int, names []string) []Estimate {
	if class < 1 || class >= m.Classes {
		panic(fmt.Sprintf("linear: class %d of %d has no odds against class 0", class, m.Classes))
	}
	logits, p := len(m.Coef), len(m.Coef[0])
	add := func(name string, at func(k int) int, value func(k int) float64) Estimate {
		cov := func(k, l int) float64 {
			if m.Cov == nil || m.Shared != nil && (name == "intercept" || m.Shared[at(k)] || m.Shared[at(l)]) {
				return math.NaN()
			}
			return m.Cov[at(k)*width(m.Cov)+at(l)]
		}
		if logits == 1 {
			return NewEstimate(name, value(0), math.Sqrt(cov(0, 0)), math.Inf(1))
		}
		variance := cov(class, class) + cov(0, 0) - 2*cov(class, 0)
		return NewEstimate(name, value(class)-value(0), math.Sqrt(variance), math.Inf(1))
	}
	var out []Estimate
	if !m.Config.NoIntercept {
		out = append(out, add("intercept", func(k int) int { return logits*p + k }, func(k int) float64 { return m.Intercept[k] }))
	}
	for j := range p {
		out = append(out, add(nameAt(names, j), func(k int) int { return k*p + j }, func(k int) float64 { return m.Coef[k][j] }))
	}
	return out
}

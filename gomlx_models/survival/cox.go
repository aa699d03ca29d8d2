package survival

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/linear"
)

// Ties says how events at one time share the likelihood.
type Ties string

// Efron is closer to the exact likelihood and is the default; Breslow is the
// simpler one that scikit-survival defaults to.
const (
	Efron   Ties = "efron"
	Breslow Ties = "breslow"
)

// CoxConfig says how a Cox model is fitted. The zero value is the unpenalised
// fit with Efron's ties.
//
// The fit minimises −(1/n) log partial likelihood + Lambda Σⱼ (L1 |βⱼ| +
// ½ (1 − L1) βⱼ²). In scikit-survival's terms, Lambda is alpha/n for
// CoxPHSurvivalAnalysis and alpha for CoxnetSurvivalAnalysis.
type CoxConfig struct {
	Ties   Ties    `json:"ties,omitempty"`   // "" means Efron
	Lambda float64 `json:"lambda,omitempty"` // strength of the penalty; 0 means none
	L1     float64 `json:"l1,omitempty"`     // share of the absolute penalty
}

// Cox is a fitted proportional-hazards model: the hazard at x is that of the
// baseline of its stratum times exp(xβ).
type Cox struct {
	Config        CoxConfig `json:"config"`
	Coef          []float64 `json:"coef"`
	Center        []float64 `json:"center"` // mean of each column, where the baseline is
	Rows          int       `json:"rows"`
	Events        int       `json:"events"`
	LogLikelihood float64   `json:"log_likelihood"` // partial, at the fit
	Null          float64   `json:"null"`           // and with β = 0
	Baseline      []Hazard  `json:"baseline"`       // Breslow's, of each stratum, whatever the ties

	// Cov is the covariance of the coefficients, row by row; nil with an
	// absolute penalty.
	Cov []float64 `json:"cov,omitempty"`
	// Shared marks coefficients of columns that repeat others, which have no
	// standard errors; nil if none does. Rank counts those that say something new.
	Shared []bool `json:"shared,omitempty"`
	Rank   int    `json:"rank"`
}

// Hazard is a cumulative hazard: a step function, 0 before the first time.
type Hazard struct {
	Time  []float64 `json:"time"`
	Value []float64 `json:"value"`
}

// At returns the cumulative hazard at time t.
func (h Hazard) At(t float64) float64 { return stepAt(h.Time, h.Value, t, 0) }

// Rising returns the hazard with only the times at which it rises.
func (h Hazard) Rising() Hazard {
	var out Hazard
	last := 0.0
	for i, v := range h.Value {
		if v > last {
			out.Time, out.Value = append(out.Time, h.Time[i]), append(out.Value, v)
		}
		last = v
	}
	return out
}

// FitCox returns the fit that maximises the partial likelihood. strata may be
// nil; rows of different strata (0, 1, …) have baselines of their own.
//
//	x [n, p]; time, event, strata [n]
//
// It returns linear.ErrNotConverged where a column separates those with events,
// or repeats others, and there is no penalty.
func FitCox(x linear.Rows, time []float64, event []bool, strata []int, cfg CoxConfig) (*Cox, error) {
	if cfg.Ties == "" {
		cfg.Ties = Efron
	}
	l, err := newPartial(x, time, event, strata, cfg)
	if err != nil {
		return nil, err
	}
	n, p := x.Dims()
	penalty := linear.Penalty{L1: cfg.Lambda * cfg.L1, L2: cfg.Lambda * (1 - cfg.L1)}
	zero := make([]float64, p)
	least, err := linear.Minimize(l.loss, zero, p, penalty)
	if err != nil {
		return nil, err
	}
	beta := least.Beta
	m := &Cox{
		Config: cfg, Coef: beta, Center: l.center, Rows: n, Rank: least.Rank, Shared: least.Shared, Events: l.events,
		LogLikelihood: -float64(n) * l.loss(beta, nil, nil),
		Null:          -float64(n) * l.loss(zero, nil, nil),
		Baseline:      l.baseline(beta),
	}
	if least.Cov != nil {
		for a := range p {
			for b := range p {
				m.Cov = append(m.Cov, least.Cov.At(a, b)/float64(n))
			}
		}
	}
	return m, nil
}

// partial is the negative log partial likelihood per row, as a linear.Loss.
type partial struct {
	x      *mat.Dense // [n, p], centred
	center []float64
	event  []bool
	ties   Ties
	events int
	strata [][]moment
}

func newPartial(x linear.Rows, time []float64, event []bool, strata []int, cfg CoxConfig) (*partial, error) {
	if err := check(time, event); err != nil {
		return nil, err
	}
	n, p := x.Dims()
	switch {
	case n != len(time):
		return nil, fmt.Errorf("%d rows and %d times: every row needs one", n, len(time))
	case strata != nil && len(strata) != n:
		return nil, fmt.Errorf("%d rows and %d strata: every row needs one, or none has", n, len(strata))
	case cfg.Ties != Efron && cfg.Ties != Breslow:
		return nil, fmt.Errorf("ties are %q: choose %q or %q", cfg.Ties, Efron, Breslow)
	case !(cfg.Lambda >= 0) || math.IsInf(cfg.Lambda, 0):
		return nil, fmt.Errorf("lambda is %v: it must be 0 or a positive number", cfg.Lambda)
	case !(cfg.L1 >= 0 && cfg.L1 <= 1):
		return nil, fmt.Errorf("l1 is %v: the share of the absolute penalty lies between 0 and 1", cfg.L1)
	}
	if err := linear.CheckRows(x); err != nil {
		return nil, err
	}
	l := &partial{event: event, ties: cfg.Ties, center: linear.Means(x, nil), x: mat.NewDense(n, p, nil)}
	groups := [][]int{pick.All(n)}
	if strata != nil {
		groups = nil
		for i, s := range strata {
			if s < 0 {
				return nil, fmt.Errorf("row %d is in stratum %d: strata count from 0", i, s)
			}
			for len(groups) <= s {
				groups = append(groups, nil)
			}
			groups[s] = append(groups[s], i)
		}
	}
	for _, rows := range groups {
		l.strata = append(l.strata, moments(time, event, rows))
	}
	for _, e := range event {
		if e {
			l.events++
		}
	}
	if l.events == 0 {
		return nil, fmt.Errorf("no row has an event: there is nothing to learn a hazard from")
	}
	for i := range n {
		floats.SubTo(l.x.RawRowView(i), x.RawRowView(i), l.center)
	}
	return l, nil
}

// riskSet is who was at risk at one time of an event, as Efron's l-th of its
// tied events sees it.
type riskSet struct {
	weight float64   // Σ exp(xβ)
	mean   []float64 // of x, weighted by exp(xβ); nil unless asked for
	tied   float64   // share of the tied events already taken out: l/d, or 0 for Breslow
}

// walk calls visit for each time of an event in each stratum, latest first,
// with a risk set for each of its events. theta is exp(xβ).
func (l *partial) walk(theta []float64, means bool, visit func(stratum int, m moment, sets []riskSet)) {
	_, p := l.x.Dims()
	for s, ms := range l.strata {
		sum, sumX := 0.0, make([]float64, p)
		for at := len(ms) - 1; at >= 0; at-- {
			m := ms[at]
			tied, tiedX := 0.0, make([]float64, p)
			for _, i := range m.rows {
				sum += theta[i]
				if means {
					floats.AddScaled(sumX, theta[i], l.x.RawRowView(i))
				}
				if l.event[i] {
					tied += theta[i]
					if means {
						floats.AddScaled(tiedX, theta[i], l.x.RawRowView(i))
					}
				}
			}
			if m.events == 0 {
				continue
			}
			sets := make([]riskSet, m.events)
			for k := range sets {
				share := 0.0
				if l.ties == Efron {
					share = float64(k) / float64(m.events)
				}
				sets[k] = riskSet{weight: sum - share*tied, tied: share}
				if means {
					mean := make([]float64, p)
					floats.AddScaledTo(mean, sumX, -share, tiedX)
					floats.Scale(1/sets[k].weight, mean)
					sets[k].mean = mean
				}
			}
			visit(s, m, sets)
		}
	}
}

// predictors returns xβ and exp(xβ) of each row.
func (l *partial) predictors(beta []float64) (eta, theta []float64) {
	n, _ := l.x.Dims()
	eta, theta = make([]float64, n), make([]float64, n)
	for i := range eta {
		eta[i] = floats.Dot(l.x.RawRowView(i), beta)
		theta[i] = math.Exp(eta[i])
	}
	return eta, theta
}

// loss is −(1/n) Σ events (xβ − log Σ at risk exp(xβ)), Efron's ties included.
//
// With x̄ the weighted mean of a risk set, its Hessian is Σ sets (Σ w xxᵀ − x̄x̄ᵀ).
// The first sum is gathered by row, each with the sum of its shares of the sets
// it is in, so that the whole costs two products of matrices.
func (l *partial) loss(beta, grad []float64, hess *mat.SymDense) float64 {
	n, p := l.x.Dims()
	scale := 1 / float64(n)
	eta, theta := l.predictors(beta)
	value := 0.0
	// A row is in all sets from its own time back: the sums over sets, latest
	// first, are undone from the earliest on below.
	type share struct{ all, tied float64 }
	shares := make([][]share, len(l.strata))
	var means []float64
	l.walk(theta, grad != nil, func(s int, m moment, sets []riskSet) {
		for _, i := range m.rows {
			if l.event[i] {
				value -= eta[i]
				if grad != nil {
					floats.AddScaled(grad, -scale, l.x.RawRowView(i))
				}
			}
		}
		var here share
		for _, set := range sets {
			value += math.Log(set.weight)
			here.all += 1 / set.weight
			here.tied += set.tied / set.weight
			if grad != nil {
				floats.AddScaled(grad, scale, set.mean)
			}
			if hess != nil {
				means = append(means, set.mean...)
			}
		}
		shares[s] = append(shares[s], here)
	})
	if hess == nil {
		return value * scale
	}
	weights := make([]float64, n)
	for s, ms := range l.strata {
		sum, next := 0.0, len(shares[s])-1
		for _, m := range ms {
			tied := 0.0
			if m.events > 0 {
				sum += shares[s][next].all
				tied = shares[s][next].tied
				next--
			}
			for _, i := range m.rows {
				weights[i] = theta[i] * sum * scale
				if l.event[i] {
					weights[i] -= theta[i] * tied * scale
				}
			}
		}
	}
	linear.AddGram(hess, l.x, weights)
	sets := len(means) / p
	minus := make([]float64, sets)
	for i := range minus {
		minus[i] = -scale
	}
	linear.AddGram(hess, mat.NewDense(sets, p, means), minus)
	return value * scale
}

// baseline returns the cumulative hazard at the mean of x in each stratum.
func (l *partial) baseline(beta []float64) []Hazard {
	_, theta := l.predictors(beta)
	out := make([]Hazard, len(l.strata))
	for s, ms := range l.strata {
		out[s] = breslow(ms, theta)
	}
	return out
}

// Baseline returns Breslow's cumulative hazard at log hazard 0, given the log
// hazard that any model says each row has: steps of events/(Σ at risk exp(risk)).
func Baseline(risk, time []float64, event []bool) (Hazard, error) {
	if err := check(time, event); err != nil {
		return Hazard{}, err
	}
	if len(risk) != len(time) {
		return Hazard{}, fmt.Errorf("%d rows and %d risks: every row needs one", len(time), len(risk))
	}
	theta := make([]float64, len(risk))
	for i, r := range risk {
		theta[i] = math.Exp(r)
	}
	return breslow(moments(time, event, pick.All(len(time))), theta), nil
}

func breslow(ms []moment, theta []float64) Hazard {
	sum := 0.0
	step := make([]float64, len(ms))
	for at := len(ms) - 1; at >= 0; at-- {
		for _, i := range ms[at].rows {
			sum += theta[i]
		}
		step[at] = float64(ms[at].events) / sum
	}
	var out Hazard
	total := 0.0
	for at, m := range ms {
		total += step[at]
		out.Time, out.Value = append(out.Time, m.time), append(out.Value, total)
	}
	return out
}

// Risk returns the log hazard of each row against one at the mean of all
// columns. It panics if x has another number of columns than the model.
func (m *Cox) Risk(x linear.Rows) []float64 {
	n, _ := x.Dims()
	out, middle := make([]float64, n), floats.Dot(m.Center, m.Coef)
	for i := range out {
		out[i] = floats.Dot(x.RawRowView(i), m.Coef) - middle
	}
	return out
}

// Survival returns the probability to be free of the event after time t, at a
// row of log hazard risk in a stratum (0 if there are none).
func (m *Cox) Survival(risk float64, stratum int, t float64) float64 {
	return math.Exp(-m.Baseline[stratum].At(t) * math.Exp(risk))
}

// Estimates returns the coefficients with standard errors, Wald tests and 95 %
// intervals; exponents of value and interval are hazard ratios. There are no
// standard errors (NaN) with an absolute penalty, whose selection they would
// ignore, nor for columns that repeat others.
func (m *Cox) Estimates(names []string) []linear.Estimate {
	out := make([]linear.Estimate, len(m.Coef))
	for j, b := range m.Coef {
		se, name := math.NaN(), fmt.Sprintf("x%d", j)
		if m.Cov != nil && !m.shared(j) {
			se = math.Sqrt(m.Cov[j*len(m.Coef)+j])
		}
		if j < len(names) {
			name = names[j]
		}
		out[j] = linear.NewEstimate(name, b, se, math.Inf(1))
	}
	return out
}

func (m *Cox) shared(j int) bool { return m.Shared != nil && m.Shared[j] }

// LikelihoodRatio tests whether the model says more than no model. It has a
// meaning without a penalty only.
func (m *Cox) LikelihoodRatio() Test {
	return chiSquared("likelihood ratio", 2*(m.LogLikelihood-m.Null), m.Rank)
}

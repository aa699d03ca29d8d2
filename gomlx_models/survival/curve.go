package survival

import (
	"math"
	"sort"

	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

// z95 is the 97.5 % quantile of the normal distribution.
const z95 = 1.959963984540054

// Curve is a step function of time with pointwise 95 % intervals and the counts
// that belong under its plot. All slices have one length; the first time is 0.
type Curve struct {
	Time     []float64 `json:"time"` // distinct, rising
	Value    []float64 `json:"value"`
	Low      []float64 `json:"low"`
	High     []float64 `json:"high"`
	AtRisk   []int     `json:"at_risk"` // just before Time
	Events   []int     `json:"events"`  // at Time
	Censored []int     `json:"censored"`
}

// KaplanMeier returns the product-limit estimate of the probability to be free
// of the event after each time,
//
//	S(t) = Π [tᵢ ≤ t] (1 − dᵢ/nᵢ)
//
// with intervals symmetric on the log(−log S) scale by Greenwood's variance, so
// that they stay within 0 and 1. They are 1 before the first event, and NaN once
// S is 0. Kalbfleisch and Prentice, The Statistical Analysis of Failure Time
// Data, 2nd ed. (2002), 1.4.
func KaplanMeier(time []float64, event []bool) (*Curve, error) {
	if err := check(time, event); err != nil {
		return nil, err
	}
	logS, greenwood := 0.0, 0.0
	return newCurve(moments(time, event, pick.All(len(time))), 1, func(n, d float64) (value, low, high float64) {
		logS += math.Log1p(-d / n)
		greenwood += d / (n * (n - d))
		switch {
		case logS == 0:
			return 1, 1, 1
		case n == d || math.IsInf(logS, -1):
			return 0, math.NaN(), math.NaN()
		}
		width := z95 * math.Sqrt(greenwood) / math.Abs(logS)
		return math.Exp(logS), math.Exp(logS * math.Exp(width)), math.Exp(logS * math.Exp(-width))
	}), nil
}

// NelsonAalen returns the estimate of the cumulative hazard after each time,
//
//	H(t) = Σ [tᵢ ≤ t] dᵢ/nᵢ
//
// with intervals symmetric on the log scale by Aalen's variance Σ dᵢ/nᵢ². They
// are 0 before the first event.
func NelsonAalen(time []float64, event []bool) (*Curve, error) {
	if err := check(time, event); err != nil {
		return nil, err
	}
	hazard, variance := 0.0, 0.0
	return newCurve(moments(time, event, pick.All(len(time))), 0, func(n, d float64) (value, low, high float64) {
		hazard += d / n
		variance += d / (n * n)
		if hazard == 0 {
			return 0, 0, 0
		}
		width := z95 * math.Sqrt(variance) / hazard
		return hazard, hazard * math.Exp(-width), hazard * math.Exp(width)
	}), nil
}

// newCurve runs step over the moments, from start at time 0.
func newCurve(ms []moment, start float64, step func(n, d float64) (value, low, high float64)) *Curve {
	c := &Curve{}
	add := func(t, value, low, high float64, m moment) {
		c.Time, c.Value, c.Low, c.High = append(c.Time, t), append(c.Value, value), append(c.Low, low), append(c.High, high)
		c.AtRisk, c.Events, c.Censored = append(c.AtRisk, m.risk), append(c.Events, m.events), append(c.Censored, m.censorings)
	}
	if ms[0].time > 0 {
		add(0, start, start, start, moment{risk: ms[0].risk})
	}
	for _, m := range ms {
		value, low, high := step(float64(m.risk), float64(m.events))
		add(m.time, value, low, high, m)
	}
	return c
}

// At returns the value at time t: that of the last step not after it. It is NaN
// before 0; after the last time it stays what it was.
func (c *Curve) At(t float64) float64 { return stepAt(c.Time, c.Value, t, math.NaN()) }

// Interval returns the interval of the value at time t, as At does the value.
func (c *Curve) Interval(t float64) (low, high float64) {
	return stepAt(c.Time, c.Low, t, math.NaN()), stepAt(c.Time, c.High, t, math.NaN())
}

// AtRiskAt returns how many were still at risk just before time t.
func (c *Curve) AtRiskAt(t float64) int {
	i := sort.SearchFloat64s(c.Time, t) // first time that is not before t
	if i == len(c.Time) {
		return 0
	}
	return c.AtRisk[i]
}

// Median returns the first time at which the value is at most one half, and
// +Inf if there is none. It has a meaning for survival curves only.
func (c *Curve) Median() float64 { return c.Quantile(0.5) }

// Quantile returns the first time at which the value is at most 1 − p, and +Inf
// if there is none. It has a meaning for survival curves only.
func (c *Curve) Quantile(p float64) float64 { return c.reach(c.Value, 1-p) }

// QuantileInterval returns the 95 % interval of Quantile: the first times at which
// the ends of the value's interval are at most 1 − p, +Inf where they never are.
// Brookmeyer and Crowley, Biometrics 38 (1982), 29.
func (c *Curve) QuantileInterval(p float64) (low, high float64) {
	return c.reach(c.Low, 1-p), c.reach(c.High, 1-p)
}

// reach returns the first time at which a falling curve is at most level. A share
// such as 5 of 10 patients is a product of many, which rounds: what is level but
// for that counts.
func (c *Curve) reach(curve []float64, level float64) float64 {
	for i, v := range curve {
		if v <= level+1e-9 {
			return c.Time[i]
		}
	}
	return math.Inf(1)
}

// stepAt returns ys at the last of xs that is not after t, and before if there
// is none.
func stepAt(xs, ys []float64, t, before float64) float64 {
	i := sort.Search(len(xs), func(i int) bool { return xs[i] > t })
	if i == 0 {
		return before
	}
	return ys[i-1]
}

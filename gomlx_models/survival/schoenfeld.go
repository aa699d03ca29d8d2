package survival

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/linear"
)

// Clock is the scale of time on which a hazard ratio is looked at for a trend.
type Clock string

// ByEvents is 1 − S(t) of the Kaplan–Meier curve, the default: it gives every
// part of the data its due, however times are spread.
const (
	ByEvents  Clock = "events"
	ByTime    Clock = "time"
	ByLogTime Clock = "log time"
)

// Proportional tests each column of a fitted model for a hazard ratio that
// changes with time, and all together (named "all", last). A small p says that
// the ratio the model gives is an average over time. x, time, event and strata
// are the rows that m was fitted on. Columns that repeat others have no test of
// their own (NaN).
//
// The tests correlate scaled Schoenfeld residuals with time. Grambsch and
// Therneau, Biometrika 81 (1994), 515.
func (m *Cox) Proportional(x linear.Rows, time []float64, event []bool, strata []int, names []string, clock Clock) ([]Test, error) {
	if m.Cov == nil {
		return nil, fmt.Errorf("the model has an absolute penalty and no covariance: fit it without to test proportional hazards")
	}
	l, err := newPartial(x, time, event, strata, m.Config)
	if err != nil {
		return nil, err
	}
	p := len(m.Coef)
	if len(l.center) != p {
		return nil, fmt.Errorf("%d columns, and the model was fitted on %d", len(l.center), p)
	}
	var g func(t float64) float64
	switch clock {
	case ByEvents, "":
		curve, err := KaplanMeier(time, event)
		if err != nil {
			return nil, err
		}
		g = func(t float64) float64 { return 1 - curve.At(t) }
	case ByTime:
		g = func(t float64) float64 { return t }
	case ByLogTime:
		g = math.Log
	default:
		return nil, fmt.Errorf("the clock is %q: choose %q, %q or %q", clock, ByEvents, ByTime, ByLogTime)
	}
	at, residuals := l.schoenfeld(m.Coef, g)
	mean := floats.Sum(at) / float64(len(at))
	if math.IsInf(mean, 0) || math.IsNaN(mean) {
		return nil, fmt.Errorf("an event happened at time 0, which has no logarithm: choose another clock")
	}
	u, spread := mat.NewVecDense(p, nil), 0.0
	for i, t := range at {
		u.AddScaledVec(u, t-mean, mat.NewVecDense(p, residuals[i]))
		spread += (t - mean) * (t - mean)
	}
	if spread == 0 {
		return nil, errors.New("all events happened at one time: there is no trend over time to test for")
	}
	cov := mat.NewDense(p, p, m.Cov)
	var scaled mat.VecDense
	scaled.MulVec(cov, u)
	factor := float64(l.events) / spread
	out := make([]Test, 0, p+1)
	for j := range p {
		name := fmt.Sprintf("x%d", j)
		if j < len(names) {
			name = names[j]
		}
		if m.shared(j) {
			out = append(out, Test{Name: name, Statistic: math.NaN(), Freedom: 1, P: math.NaN()})
			continue
		}
		out = append(out, chiSquared(name, factor*scaled.AtVec(j)*scaled.AtVec(j)/cov.At(j, j), 1))
	}
	return append(out, chiSquared("all", factor*mat.Dot(u, &scaled), m.Rank)), nil
}

// schoenfeld returns, for each event, g of its time and its column values less
// their mean among those at risk; tied events share the mean of Efron's sets.
func (l *partial) schoenfeld(beta []float64, g func(t float64) float64) (at []float64, residuals [][]float64) {
	_, theta := l.predictors(beta)
	l.walk(theta, true, func(_ int, m moment, sets []riskSet) {
		mean := make([]float64, len(beta))
		for _, set := range sets {
			floats.AddScaled(mean, 1/float64(len(sets)), set.mean)
		}
		for _, i := range m.rows {
			if l.event[i] {
				r := make([]float64, len(beta))
				floats.SubTo(r, l.x.RawRowView(i), mean)
				at, residuals = append(at, g(m.time)), append(residuals, r)
			}
		}
	})
	return at, residuals
}

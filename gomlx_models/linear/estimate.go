package linear

import (
	"math"
	"strconv"

	"gonum.org/v1/gonum/stat/distuv"
)

// Estimate is one coefficient as a paper reports it.
type Estimate struct {
	Name      string
	Value     float64
	StdErr    float64 // NaN where the model has none (see Estimates of each model)
	Statistic float64 // Value/StdErr: t for least squares, z elsewhere
	P         float64 // two-sided, for Value = 0
	Low, High float64 // 95 % interval
}

// NewEstimate tests value against zero with the t distribution of df degrees of
// freedom; an infinite df means the normal one.
func NewEstimate(name string, value, stdErr, df float64) Estimate {
	e := Estimate{Name: name, Value: value, StdErr: stdErr, Statistic: value / stdErr}
	var quantile float64
	if math.IsInf(df, 1) {
		e.P = math.Erfc(math.Abs(e.Statistic) / math.Sqrt2) // keeps digits where 1 − Φ would lose them
		quantile = distuv.UnitNormal.Quantile(0.975)
	} else {
		t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}
		e.P = 2 * t.CDF(-math.Abs(e.Statistic))
		quantile = t.Quantile(0.975)
	}
	e.Low, e.High = value-quantile*stdErr, value+quantile*stdErr
	return e
}

// nameAt returns names[j], or "x0", "x1" … where names has none.
func nameAt(names []string, j int) string {
	if j < len(names) {
		return names[j]
	}
	return "x" + strconv.Itoa(j)
}

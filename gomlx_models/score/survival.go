package score

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

// Forecast is what a survival model says of each row. Either part may be nil.
type Forecast struct {
	Risk     []float64   // higher means an earlier event, on any scale; nil means 1 − the mean of Survival
	At       []float64   // times in ascending order
	Survival [][]float64 // Survival[i][k] is the chance that row i is free of the event after At[k]
}

// Survival judges predictions of the time to an event. train tells how rows are
// censored, which the inverse-probability-weighted scores correct for; it is
// usually what the model was fitted on.
//
// The report holds concordance (Harrell) and, where f has times, uno_c (up to the
// last time), auc_mean (of the cumulative/dynamic AUC over the times) and, where
// f has survival, brier_integrated; the curves "auc_time", "brier_time" and the
// "calibration" at o.Horizon (N counts rows); and the subgroups. Times must lie
// within the follow-up of the test rows and of train.
func Survival(train, test Followup, f Forecast, o Options) (models.Report, error) {
	f, err := f.complete(test.Len())
	if err != nil {
		return models.Report{}, err
	}
	if err := train.check("training rows"); err != nil {
		return models.Report{}, err
	}
	if err := test.check("test rows"); err != nil {
		return models.Report{}, err
	}
	if err := o.check(test.Len()); err != nil {
		return models.Report{}, err
	}
	g := newCensoring(train)
	if err := within(test, g, f.At); err != nil {
		return models.Report{}, err
	}
	m := measure{names: []string{"concordance"}}
	if len(f.At) > 0 {
		m.names = append(m.names, "uno_c", "auc_mean")
	}
	if len(f.At) > 1 && f.Survival != nil {
		m.names = append(m.names, "brier_integrated")
	}
	m.on = func(rows []int) statistic {
		part := Forecast{Risk: pick.Rows(f.Risk, rows), Survival: pick.Rows(f.Survival, rows), At: f.At}
		return survivalStatistic(g, test.rows(rows), part)
	}
	r := o.report(test.Len(), m)
	r.Tables = o.subgroups(m, m.names)
	if len(f.At) > 0 {
		auc, _ := newDynamic(g, test, f.Risk, f.At).areas(ones(test.Len()))
		r.Curves = append(r.Curves, models.Curve{Kind: "auc_time", Label: "AUC", X: numbers(f.At), Y: numbers(auc)})
	}
	if f.Survival != nil {
		brier := newBrierTerms(g, test, f).at(ones(test.Len()))
		r.Curves = append(r.Curves, models.Curve{Kind: "brier_time", Label: "Brier score", X: numbers(f.At), Y: numbers(brier)})
		horizon := o.Horizon
		if horizon == 0 {
			horizon = f.At[len(f.At)-1]
		}
		k := slices.Index(f.At, horizon)
		if k < 0 {
			return models.Report{}, fmt.Errorf("the horizon %g is not one of the forecast's times", horizon)
		}
		predicted, observed, n := CalibrationAt(test, column(f.Survival, k), horizon, o.bins())
		r.Curves = append(r.Curves, models.Curve{
			Kind: "calibration", Label: fmt.Sprintf("event by %g", horizon), X: numbers(predicted), Y: numbers(observed), N: n,
		})
	}
	if math.IsNaN(float64(r.Metrics[0].Value)) {
		r.Notes = append(r.Notes, "No pair of rows is comparable (too few events): concordance is undefined.")
	}
	return r, nil
}

// complete checks the forecast for n rows and fills in the risk.
func (f Forecast) complete(n int) (Forecast, error) {
	if f.Risk == nil && f.Survival == nil {
		return f, errors.New("the forecast has neither risks nor survival")
	}
	if !slices.IsSorted(f.At) || len(slices.Compact(slices.Clone(f.At))) != len(f.At) {
		return f, errors.New("the forecast's times must ascend")
	}
	if f.Survival != nil {
		if err := sameLength(n, len(f.Survival), "rows", "survival curves"); err != nil {
			return f, err
		}
		if len(f.At) == 0 {
			return f, errors.New("the forecast has survival but no times")
		}
		for i, s := range f.Survival {
			if len(s) != len(f.At) {
				return f, fmt.Errorf("row %d: survival at %d times where there are %d", i, len(s), len(f.At))
			}
			if slices.ContainsFunc(s, noProbability) {
				return f, fmt.Errorf("row %d: survival is not a probability: %v", i, s)
			}
		}
	}
	if f.Risk == nil {
		f.Risk = make([]float64, n)
		for i, s := range f.Survival {
			f.Risk[i] = 1 - mean(s)
		}
	}
	if err := sameLength(n, len(f.Risk), "rows", "risks"); err != nil {
		return f, err
	}
	for i, r := range f.Risk {
		if math.IsNaN(r) {
			return f, fmt.Errorf("row %d: the risk is NaN", i)
		}
	}
	return f, nil
}

// within checks that scores at the times are defined.
func within(test Followup, g censoring, at []float64) error {
	if len(at) == 0 {
		return nil
	}
	last, first := slices.Max(test.Time), slices.Min(test.Time)
	if at[0] < first || at[len(at)-1] >= last {
		return fmt.Errorf("the times must lie within the follow-up of the test rows, from %g and before %g", first, last)
	}
	_, err := g.weight(at[len(at)-1])
	return err
}

func survivalStatistic(g censoring, test Followup, f Forecast) statistic {
	harrell := newPairs(test, f.Risk, nil)
	if len(f.At) == 0 {
		return func(w, dst []float64) { dst[0] = harrell.concordance(w) }
	}
	// Survival checked the last time, so every event before it has a weight.
	weight, _ := unoWeights(g, test, f.At[len(f.At)-1])
	uno, auc := newPairs(test, f.Risk, weight), newDynamic(g, test, f.Risk, f.At)
	var brier brierTerms
	if f.Survival != nil {
		brier = newBrierTerms(g, test, f)
	}
	return func(w, dst []float64) {
		dst[0], dst[1] = harrell.concordance(w), uno.concordance(w)
		_, dst[2] = auc.areas(w)
		if len(dst) > 3 {
			dst[3] = overTime(f.At, brier.at(w))
		}
	}
}

// CumulativeAUC returns, for each time t, the chance that of a row with the event
// by t and a row free of it after t, the first has the higher risk; cases are
// weighted by the inverse chance of having been watched so long, learnt from
// train. mean weighs the times by how many events lie between them.
//
// Uno et al., JASA 102 (2007), 527; Lambert and Chevret, Statistical Methods in
// Medical Research 25 (2014), 2088.
func CumulativeAUC(train, test Followup, risk, at []float64) (auc []float64, mean float64, err error) {
	f, err := Forecast{Risk: risk, At: at}.complete(test.Len())
	if err != nil {
		return nil, 0, err
	}
	g, err := judgedAt(train, test, f.At)
	if err != nil {
		return nil, 0, err
	}
	auc, mean = newDynamic(g, test, risk, at).areas(ones(test.Len()))
	return auc, mean, nil
}

func judgedAt(train, test Followup, at []float64) (censoring, error) {
	if err := train.check("training rows"); err != nil {
		return censoring{}, err
	}
	if err := test.check("test rows"); err != nil {
		return censoring{}, err
	}
	g := newCensoring(train)
	return g, within(test, g, at)
}

// dynamic is what the cumulative/dynamic AUC needs that does not depend on how
// often each row counts.
type dynamic struct {
	f      Followup
	ranks  ranked // by risk
	byTime []int
	ipcw   []float64
	at     []float64
}

func newDynamic(g censoring, f Followup, risk, at []float64) dynamic {
	d := dynamic{f: f, ranks: rank(make([]bool, len(risk)), risk), byTime: f.byTime(), ipcw: make([]float64, len(risk)), at: at}
	for i, t := range f.Time {
		if f.Event[i] && t <= at[len(at)-1] {
			d.ipcw[i], _ = g.weight(t)
		}
	}
	return d
}

func (d dynamic) areas(w []float64) (auc []float64, mean float64) {
	auc = make([]float64, len(d.at))
	free := d.f.productLimit(d.byTime, w, false)
	before := 1.0
	var sum float64
	for k, t := range d.at {
		var cases, controls, casesHere, controlsHere, pairs float64
		for r, i := range d.ranks.order {
			switch {
			case d.f.Time[i] > t:
				controlsHere += w[i]
			case d.f.Event[i]:
				casesHere += w[i] * d.ipcw[i]
			}
			if d.ranks.last[r] {
				pairs += controlsHere * (cases + casesHere/2)
				cases, controls = cases+casesHere, controls+controlsHere
				casesHere, controlsHere = 0, 0
			}
		}
		auc[k] = pairs / (cases * controls)
		now := free.at(t)
		if now < before {
			sum += auc[k] * (before - now)
		}
		before = now
	}
	if len(d.at) == 1 {
		return auc, auc[0]
	}
	return auc, sum / (1 - before)
}

// BrierAt returns the Brier score at each time, weighted by the inverse chance of
// not being censored:
//
//	mean over i of  S(t)² [tᵢ ≤ t, event] / G(tᵢ)  +  (1 − S(t))² [tᵢ > t] / G(t)
//
// Graf et al., Statistics in Medicine 18 (1999), 2529.
func BrierAt(train, test Followup, survival [][]float64, at []float64) ([]float64, error) {
	f, err := Forecast{At: at, Survival: survival}.complete(test.Len())
	if err != nil {
		return nil, err
	}
	g, err := judgedAt(train, test, at)
	if err != nil {
		return nil, err
	}
	return newBrierTerms(g, test, f).at(ones(test.Len())), nil
}

// IntegratedBrier returns the mean of BrierAt over the time from at[0] to the
// last, by the trapezoidal rule. It needs two times.
func IntegratedBrier(train, test Followup, survival [][]float64, at []float64) (float64, error) {
	if len(at) < 2 {
		return 0, fmt.Errorf("an integral over time needs at least two times: there are %d", len(at))
	}
	brier, err := BrierAt(train, test, survival, at)
	if err != nil {
		return 0, err
	}
	return overTime(at, brier), nil
}

// brierTerms holds every row's weighted squared error at every time.
type brierTerms [][]float64

func newBrierTerms(g censoring, test Followup, f Forecast) brierTerms {
	terms := make(brierTerms, len(f.At))
	for k, t := range f.At {
		terms[k] = make([]float64, test.Len())
		stillFree, _ := g.weight(t)
		for i, y := range test.Time {
			s := f.Survival[i][k]
			switch {
			case y > t:
				terms[k][i] = (1 - s) * (1 - s) * stillFree
			case test.Event[i]:
				w, _ := g.weight(y)
				terms[k][i] = s * s * w
			}
		}
	}
	return terms
}

func (b brierTerms) at(w []float64) []float64 {
	brier := make([]float64, len(b))
	var n float64
	for _, v := range w {
		n += v
	}
	for k, terms := range b {
		for i, v := range terms {
			brier[k] += w[i] * v
		}
		brier[k] /= n
	}
	return brier
}

func overTime(at, y []float64) float64 {
	var area float64
	for k := 1; k < len(at); k++ {
		area += (at[k] - at[k-1]) * (y[k] + y[k-1]) / 2
	}
	return area / (at[len(at)-1] - at[0])
}

// CalibrationAt compares the predicted with the observed share of rows that have
// the event by the horizon, in groups of equal size by prediction. The observed
// share is one minus Kaplan-Meier, so censored rows count while they are watched.
func CalibrationAt(f Followup, survival []float64, horizon float64, groups int) (predicted, observed []float64, n []int) {
	mustMatch(len(f.Time), len(survival))
	order := pick.All(len(survival))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(survival[b], survival[a]) })
	groups = min(groups, len(order))
	for k := range groups {
		rows := order[k*len(order)/groups : (k+1)*len(order)/groups]
		part := f.rows(rows)
		free := part.productLimit(part.byTime(), ones(len(rows)), false)
		predicted = append(predicted, 1-mean(pick.Rows(survival, rows)))
		observed = append(observed, 1-free.at(horizon))
		n = append(n, len(rows))
	}
	return predicted, observed, n
}

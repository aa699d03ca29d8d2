package score

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/survival"
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
// "calibration" at o.Horizon, with intervals; and the subgroups. Times must lie
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
	var calibration models.Curve
	if f.Survival != nil {
		horizon := o.Horizon
		if horizon == 0 {
			horizon = f.At[len(f.At)-1]
		}
		k := slices.Index(f.At, horizon)
		if k < 0 {
			return models.Report{}, fmt.Errorf("the horizon %g is not one of the forecast's times", horizon)
		}
		if calibration, err = CalibrationAt(test, column(f.Survival, k), horizon, o.bins()); err != nil {
			return models.Report{}, err
		}
	}
	m := measure{names: f.scores()}
	headline := len(m.names)
	// Behind the scores are their values at every time.
	for _, kind := range f.overTime() {
		for range f.At {
			m.names = append(m.names, kind)
		}
	}
	m.on = func(rows []int) statistic {
		part := Forecast{Risk: pick.Rows(f.Risk, rows), Survival: pick.Rows(f.Survival, rows), At: f.At}
		return survivalStatistic(g, test.rows(rows), part)
	}
	r := o.report(test.Len(), m)
	r.Tables = o.subgroups(m, m.names[:headline])
	over := r.Metrics[headline:]
	r.Metrics = slices.Clip(r.Metrics[:headline])
	for k, kind := range f.overTime() {
		c := models.Curve{Kind: kind, Label: map[string]string{"auc_time": "AUC", "brier_time": "Brier score"}[kind], X: numbers(f.At)}
		for _, at := range over[k*len(f.At) : (k+1)*len(f.At)] {
			c.Y = append(c.Y, at.Value)
			if o.resamples() > 0 {
				c.Low, c.High = append(c.Low, at.Low), append(c.High, at.High)
			}
		}
		r.Curves = append(r.Curves, c)
	}
	if f.Survival != nil {
		r.Curves = append(r.Curves, calibration)
	}
	if n := len(f.At); n > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("Scores over time are of %d times from %.4g to %.4g.", n, f.At[0], f.At[n-1]))
	}
	if math.IsNaN(float64(r.Metrics[0].Value)) {
		r.Notes = append(r.Notes, "No pair of rows is comparable (too few events): concordances are undefined.")
	}
	return r, nil
}

// scores names what a forecast of this kind is judged by, overTime the scores
// among them that are taken at every time.
func (f Forecast) scores() []string {
	names := []string{"concordance"}
	if len(f.At) > 0 {
		names = append(names, "uno_c", "auc_mean")
	}
	if len(f.At) > 1 && f.Survival != nil {
		names = append(names, "brier_integrated")
	}
	return names
}

func (f Forecast) overTime() []string {
	switch {
	case f.Survival != nil:
		return []string{"auc_time", "brier_time"}
	case len(f.At) > 0:
		return []string{"auc_time"}
	}
	return nil
}

// complete checks the forecast for n rows and fills in the risk.
func (f Forecast) complete(n int) (Forecast, error) {
	if f.Risk == nil && f.Survival == nil {
		return f, errors.New("the forecast has neither risks nor survival")
	}
	if !slices.IsSorted(f.At) || len(slices.Compact(slices.Clone(f.At))) != len(f.At) || slices.ContainsFunc(f.At, math.IsNaN) {
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

// survivalStatistic writes f.scores, and then those of f.overTime at every time.
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
	headline := len(f.scores())
	return func(w, dst []float64) {
		over := dst[headline:]
		areas, mean := auc.areas(w)
		dst[0], dst[1], dst[2] = harrell.concordance(w), uno.concordance(w), mean
		copy(over, areas)
		if f.Survival == nil {
			return
		}
		errors := brier.at(w)
		copy(over[len(f.At):], errors)
		if headline > 3 {
			dst[3] = overTime(f.At, errors)
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
// the event by the horizon, in groups of equal size by prediction: a curve of kind
// "calibration", whose N counts rows. free is each row's chance to be free of the
// event after the horizon.
//
// The observed share is one minus Kaplan-Meier, so censored rows count while they
// are watched; its interval is the curve's, NaN where all or none have the event. It
// is NaN of a group of which nobody was watched up to the horizon.
func CalibrationAt(f Followup, free []float64, horizon float64, groups int) (models.Curve, error) {
	c := models.Curve{Kind: "calibration", Label: fmt.Sprintf("event by %g", horizon)}
	if err := sameLength(f.Len(), len(free), "rows", "predictions"); err != nil {
		return c, err
	}
	order := pick.All(len(free))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(free[b], free[a]) })
	groups = min(groups, len(order))
	for k := range groups {
		rows := order[k*len(order)/groups : (k+1)*len(order)/groups]
		part := f.rows(rows)
		km, err := survival.KaplanMeier(part.Time, part.Event)
		if err != nil {
			return c, err
		}
		observed, low, high := 1-km.At(horizon), math.NaN(), math.NaN()
		switch {
		case observed < 1 && horizon > slices.Max(part.Time):
			observed = math.NaN()
		case observed > 0: // else its variance is unknown
			below, above := km.Interval(horizon)
			low, high = 1-above, 1-below
		}
		c.X, c.Y = append(c.X, models.Number(1-mean(pick.Rows(free, rows)))), append(c.Y, models.Number(observed))
		c.Low, c.High = append(c.Low, models.Number(low)), append(c.High, models.Number(high))
		c.N = append(c.N, len(rows))
	}
	return c, nil
}

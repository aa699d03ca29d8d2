package prognosis

import (
	"fmt"
	"math"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// EvaluateValues judges predicted numbers: R², mean absolute and root mean
// squared error, with intervals. o.Group makes resamples by patient.
func EvaluateValues(predicted, observed []float64, o score.Options) (models.Report, error) {
	return score.Regression(observed, predicted, o)
}

// EvaluateClasses judges class probabilities. Two classes are judged as a test
// for class 1: AUC, sensitivity and so on; more as score.Multiclass does.
func EvaluateClasses(prob [][]float64, observed []int, o score.Options) (models.Report, error) {
	if len(prob) == 0 || len(prob[0]) != 2 {
		return score.Multiclass(observed, prob, o)
	}
	if len(observed) != len(prob) {
		return models.Report{}, fmt.Errorf("prognosis: %d answers and %d outcomes", len(prob), len(observed))
	}
	positive, of := make([]bool, len(prob)), make([]float64, len(prob))
	for i, p := range prob {
		if len(p) != 2 || observed[i] < 0 || observed[i] > 1 {
			return models.Report{}, fmt.Errorf("prognosis: row %d: class %d and %d probabilities, of 2 classes", i, observed[i], len(p))
		}
		positive[i], of[i] = observed[i] == 1, p[1]
	}
	return score.Binary(positive, of, o)
}

// EvaluateSurvival judges survival curves: Harrell's and Uno's concordance, the
// time-dependent AUC, the integrated Brier score and calibration at o.Horizon,
// with intervals. train is the outcomes that the model learnt from: they tell how
// patients are censored. The scores over time are taken at up to 30 times between
// the 10th and 80th percentiles of the judged events, and at o.Horizon; where no
// such time lies within the follow-up of both, they are left out and a note says so.
//
// Concordance and AUC order rows by Curve.Risk, which of a Cox model with strata
// orders those of one stratum only: judge its strata one by one.
func EvaluateSurvival(train, observed []Outcome, curves []Curve, o score.Options) (models.Report, error) {
	if len(curves) != len(observed) {
		return models.Report{}, fmt.Errorf("prognosis: %d answers and %d outcomes", len(curves), len(observed))
	}
	f := score.Forecast{At: times(train, observed)}
	if o.Horizon != 0 && !slices.Contains(f.At, o.Horizon) {
		f.At = append(f.At, o.Horizon)
		slices.Sort(f.At)
	}
	for _, c := range curves {
		f.Risk = append(f.Risk, c.Risk)
		if len(f.At) == 0 {
			continue
		}
		at := make([]float64, len(f.At))
		for k, t := range f.At {
			at[k] = c.At(t)
		}
		f.Survival = append(f.Survival, at)
	}
	r, err := score.Survival(Followup(train), Followup(observed), f, o)
	if err == nil && len(f.At) == 0 {
		r.Notes = append(r.Notes, "No event lies within the follow-up of both the training and the judged rows: scores over time are left out.")
	}
	return r, err
}

// times returns up to 30 distinct times from the 10th to the 80th percentile of
// the judged events, of those that are before the last row of either set.
func times(train, judged []Outcome) []float64 {
	last := func(ys []Outcome) float64 {
		end := 0.0
		for _, y := range ys {
			end = max(end, y.Time)
		}
		return end
	}
	end := min(last(train), last(judged))
	var events []float64
	for _, y := range judged {
		if y.Event {
			events = append(events, y.Time)
		}
	}
	slices.Sort(events)
	if len(events) == 0 {
		return nil
	}
	var out []float64
	for k := range 30 {
		share := 0.1 + 0.7*float64(k)/29
		if t := events[int(math.Round(share*float64(len(events)-1)))]; t < end {
			out = append(out, t)
		}
	}
	return slices.Compact(out)
}

package treatment

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// MeanEffects says what each arm brings on average against the first to the
// patients who had a chance of every arm: the mean difference of their doubly robust
// scores, which is the augmented inverse-probability-weighted estimate.
//
// For every arm but the first the report holds effect, naive_effect (what those who
// got the arm had less what those who got the first had: the effect only if the arms
// were drawn by lot), of events (outcomes of 0 and 1) risk_ratio, e_value and
// e_value_interval (how strong an unmeasured reason for the arm would have to be to
// explain the effect away, or its interval: see EValue; of other outcomes than events
// by way of EffectRatio). The table of kind "effects" has them with the truth, where
// it is known.
func MeanEffects(s *Scores, o Judging) (models.Report, error) {
	r, err := meanEffects(s, o)
	if err != nil {
		return models.Report{}, fmt.Errorf("treatment: mean effects: %w", err)
	}
	return r, nil
}

func meanEffects(s *Scores, o Judging) (models.Report, error) {
	j, err := s.judge(o)
	if err != nil {
		return models.Report{}, err
	}
	var effects []number
	var shown []string
	for k := 1; k < len(j.Arms); k++ {
		effects = append(effects, j.effect(k))
		shown = append(shown, "effect"+j.suffix(k))
	}
	measure := j.means(effects, shown...)
	events := !slices.ContainsFunc(j.rows, func(r int) bool { return j.Y[r].Value != 0 && j.Y[r].Value != 1 })
	for k := 1; k < len(j.Arms); k++ {
		measure = with(measure, j.naive(k))
		if events {
			measure = with(measure, j.ratio(k))
		}
	}
	r, err := score.Custom(len(j.rows), measure, j.o.Options)
	if err != nil {
		return models.Report{}, err
	}
	t := models.Table{Kind: "effects", Title: "Mean effects against " + j.Arms[0], Columns: []string{"arm", "naive difference", "doubly robust", "low", "high", "E-value", "E-value of the interval"}}
	if events {
		t.Columns = append(t.Columns, "risk ratio")
	}
	if o.Truth != nil {
		t.Columns = append(t.Columns, "truth")
	}
	nan := models.Number(math.NaN())
	for k := 1; k < len(j.Arms); k++ {
		effect, _ := r.Metric("effect" + j.suffix(k))
		naive, _ := r.Metric("naive_effect" + j.suffix(k))
		ratio, known := r.Metric("risk_ratio" + j.suffix(k))
		if !known {
			ratio = j.effectRatio(effect, k)
		}
		point, interval, err := EValue(float64(ratio.Value), float64(ratio.Low), float64(ratio.High))
		if err != nil { // an effect where the outcome does not vary, or a risk of none
			point, interval = math.NaN(), math.NaN()
		}
		r.Metrics = append(r.Metrics,
			models.Metric{Name: "e_value" + j.suffix(k), Value: models.Number(point), Low: nan, High: nan},
			models.Metric{Name: "e_value_interval" + j.suffix(k), Value: models.Number(interval), Low: nan, High: nan})
		row := []string{j.Arms[k], number4(naive.Value), number4(effect.Value), number4(effect.Low), number4(effect.High), significant(point, 3), significant(interval, 3)}
		if events {
			row = append(row, fmt.Sprintf("%s (%s to %s)", significant(float64(ratio.Value), 3), significant(float64(ratio.Low), 3), significant(float64(ratio.High), 3)))
		}
		if o.Truth != nil {
			var truth float64
			for _, i := range j.rows {
				truth += (o.Truth[i][k] - o.Truth[i][0]) / float64(len(j.rows))
			}
			row = append(row, significant(truth, 4))
		}
		t.Rows = append(t.Rows, row)
	}
	r.Tables, r.Notes = append([]models.Table{t}, r.Tables...), j.notes
	return r, nil
}

// effect is the score of what a row gains from arm k.
func (j *judged) effect(k int) number {
	return number{"effect" + j.suffix(k), func(row int) float64 { return j.Value[row][k] - j.Value[row][0] }}
}

// naive returns the measure of how far apart those were who got arm k and the first.
func (j *judged) naive(k int) score.Measure {
	return score.Measure{Names: []string{"naive_effect" + j.suffix(k)}, On: func(at []int) func(weight, dst []float64) {
		return func(weight, dst []float64) {
			n, sum := make([]float64, len(j.Arms)), make([]float64, len(j.Arms))
			for i, a := range at {
				y := j.Y[j.rows[a]]
				n[y.Arm], sum[y.Arm] = n[y.Arm]+weight[i], sum[y.Arm]+weight[i]*y.Value
			}
			dst[0] = sum[k]/n[k] - sum[0]/n[0]
		}
	}}
}

// ratio returns the measure of how many times as often the event happens under arm k
// as under the first.
func (j *judged) ratio(k int) score.Measure {
	risks := j.means([]number{{"", func(row int) float64 { return j.Value[row][k] }}, {"", func(row int) float64 { return j.Value[row][0] }}})
	return score.Measure{Names: []string{"risk_ratio" + j.suffix(k)}, On: func(at []int) func(weight, dst []float64) {
		of := risks.On(at)
		return func(weight, dst []float64) {
			risk := make([]float64, 2)
			of(weight, risk)
			if dst[0] = math.NaN(); risk[0] > 0 && risk[1] > 0 { // scores of rare events may sum to less
				dst[0] = risk[0] / risk[1]
			}
		}
	}}
}

// effectRatio returns the risk ratio that an effect of arm k is like.
func (j *judged) effectRatio(effect models.Metric, k int) models.Metric {
	var outcomes []float64
	for _, r := range j.rows {
		if y := j.Y[r]; y.Arm == 0 || y.Arm == k {
			outcomes = append(outcomes, y.Value)
		}
	}
	stdErr := float64(effect.High-effect.Low) / (2 * 1.96)
	ratio, low, high := EffectRatio(float64(effect.Value), stdErr, stat.StdDev(outcomes, nil))
	return models.Metric{Value: models.Number(ratio), Low: models.Number(low), High: models.Number(high)}
}

package treatment

import (
	"fmt"
	"math"

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
// were drawn by lot), e_value and e_value_interval (how strong an unmeasured reason
// for the arm would have to be to explain the effect away, or its interval: see
// EValue). The table of kind "effects" has them with the truth, where it is known.
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
	for k := 1; k < len(j.Arms); k++ {
		measure = with(measure, j.naive(k))
	}
	r, err := score.Custom(len(j.rows), measure, j.o.Options)
	if err != nil {
		return models.Report{}, err
	}
	t := models.Table{Kind: "effects", Title: "Mean effects against " + j.Arms[0], Columns: []string{"arm", "naive difference", "doubly robust", "low", "high", "E-value", "E-value of the interval"}}
	if o.Truth != nil {
		t.Columns = append(t.Columns, "truth")
	}
	nan := models.Number(math.NaN())
	for k := 1; k < len(j.Arms); k++ {
		effect, _ := r.Metric("effect" + j.suffix(k))
		naive, _ := r.Metric("naive_effect" + j.suffix(k))
		point, interval := j.eValue(effect, k)
		r.Metrics = append(r.Metrics,
			models.Metric{Name: "e_value" + j.suffix(k), Value: models.Number(point), Low: nan, High: nan},
			models.Metric{Name: "e_value_interval" + j.suffix(k), Value: models.Number(interval), Low: nan, High: nan})
		row := []string{j.Arms[k], number4(naive.Value), number4(effect.Value), number4(effect.Low), number4(effect.High), significant(point, 3), significant(interval, 3)}
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

// eValue returns the E-values of the effect of arm k and of its interval; NaN where
// the outcome does not vary.
func (j *judged) eValue(effect models.Metric, k int) (point, interval float64) {
	var outcomes []float64
	for _, r := range j.rows {
		if y := j.Y[r]; y.Arm == 0 || y.Arm == k {
			outcomes = append(outcomes, y.Value)
		}
	}
	stdErr := float64(effect.High-effect.Low) / (2 * 1.96)
	ratio, low, high := EffectRatio(float64(effect.Value), stdErr, stat.StdDev(outcomes, nil))
	point, interval, err := EValue(ratio, low, high)
	if err != nil {
		return math.NaN(), math.NaN()
	}
	return point, interval
}

package score_test

import (
	"testing"

	"github.com/assay-ml/assay/gomlx_models/score"
)

// A mean that is told as a measure of one's own has the interval that a mean has,
// in all rows and in a subgroup.
func TestCustom(t *testing.T) {
	y, sex := make([]float64, 400), make([]string, 400)
	for i := range y {
		y[i], sex[i] = float64(i%2), []string{"f", "m"}[i%2]
	}
	mean := score.Measure{Names: []string{"mean"}, Show: []string{"mean"}, On: func(rows []int) func(weight, dst []float64) {
		return func(weight, dst []float64) {
			var sum, n float64
			for k, row := range rows {
				sum, n = sum+weight[k]*y[row], n+weight[k]
			}
			dst[0] = sum / n
		}
	}}
	r, err := score.Custom(len(y), mean, score.Options{Seed: 1, Subgroups: []score.Subgroup{{Name: "sex", Of: sex}}})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := r.Metric("mean")
	// 0.5 ± 1.96 √(0.25 / 400)
	if m.Value != 0.5 || m.Low < 0.44 || m.Low > 0.46 || m.High < 0.54 || m.High > 0.56 {
		t.Errorf("got %v (%v to %v), want 0.5 (0.451 to 0.549)", m.Value, m.Low, m.High)
	}
	if got := r.Tables[0].Rows[1]; got[0] != "m" || got[1] != "200" || got[3] != "1.000 (1.000–1.000)" {
		t.Errorf("got the row %q of men, all of whom have 1", got)
	}
	if _, err := score.Custom(0, mean, score.Options{}); err == nil {
		t.Error("no rows: got no error")
	}
}

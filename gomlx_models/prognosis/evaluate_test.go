package prognosis_test

import (
	"strings"
	"testing"

	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/score"
)

func TestEvaluateClassesRefuses(t *testing.T) {
	f := func(prob [][]float64, observed []int, want string) {
		t.Helper()
		if _, err := prognosis.EvaluateClasses(prob, observed, score.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	f(nil, nil, "no rows")
	f([][]float64{{0.5, 0.5}, {1}}, []int{0, 1}, "row 1: class 1 and 1 probabilities, of 2 classes")
	f([][]float64{{0.5, 0.5}, {1, 0}}, []int{0, 2}, "row 1: class 2")
	f([][]float64{{0.5, 0.5}}, []int{0, 1}, "1 answers and 2 outcomes")
}

// Rows that are few or followed for longer than those learnt from are judged by
// what there is to judge.
func TestEvaluateSurvivalOfFew(t *testing.T) {
	train := []prognosis.Outcome{{Time: 1, Event: true}, {Time: 2}, {Time: 3, Event: true}, {Time: 4}, {Time: 9, Event: true}, {Time: 10}}
	f := func(want []string, test ...prognosis.Outcome) {
		t.Helper()
		var curves []prognosis.Curve
		for i := range test {
			curves = append(curves, prognosis.Curve{Risk: -float64(i), Time: []float64{1, 3}, Survival: []float64{0.8, 0.5}})
		}
		r, err := prognosis.EvaluateSurvival(train, test, curves, score.Options{Resamples: -1})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range r.Metrics {
			got = append(got, m.Name)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("judged by %q, want %q; notes %q", got, want, r.Notes)
		}
		if said := strings.Contains(strings.Join(r.Notes, " "), "scores over time are left out"); said != (len(want) == 1) {
			t.Errorf("judged by %q, and the notes are %q", got, r.Notes)
		}
	}
	f([]string{"concordance"}, prognosis.Outcome{Time: 1}, prognosis.Outcome{Time: 2}, prognosis.Outcome{Time: 5, Event: true}) // the event is the last time
	f([]string{"concordance"}, prognosis.Outcome{Time: 1}, prognosis.Outcome{Time: 2})
	f([]string{"concordance", "uno_c", "auc_mean", "brier_integrated"},
		prognosis.Outcome{Time: 1, Event: true}, prognosis.Outcome{Time: 2, Event: true}, prognosis.Outcome{Time: 20, Event: true}, prognosis.Outcome{Time: 21, Event: true})
}

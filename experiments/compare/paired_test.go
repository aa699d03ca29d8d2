package compare

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
)

func TestPairedTestSaysWhetherRunsDiffer(t *testing.T) {
	f := func(p, q models.Predictions, wants ...string) {
		t.Helper()
		test := Test{Set: "test"}
		test.compare("first", "second", p, q)
		for _, want := range wants {
			if !strings.Contains(test.Sentence, want) {
				t.Errorf("%q lacks %q", test.Sentence, want)
			}
		}
	}
	good, bad := modeltest.Predictions(0.96, 1), modeltest.Predictions(0.90, 2)
	f(bad, good, "auc of second", "higher than that of first", "tell the two apart", "624 rows of 590 patients", "p = ")
	f(good, good, "do not tell the two apart")
	short := good
	short.Group, short.Class, short.Prob = good.Group[:600], good.Class[:600], good.Prob[:600]
	f(good, short, "different rows of test (624 and 600)")

	// Another answer for each kind: numbers, times, three classes.
	rng := rand.New(rand.NewPCG(1, 1))
	var numbers, worse, times, blind, three, guess models.Predictions
	three.Classes, guess.Classes = []string{"a", "b", "c"}, []string{"a", "b", "c"}
	for i := range 150 {
		y := rng.NormFloat64()
		numbers.Observed, numbers.Predicted = append(numbers.Observed, y), append(numbers.Predicted, y+0.1*rng.NormFloat64())
		worse.Observed, worse.Predicted = append(worse.Observed, y), append(worse.Predicted, y+rng.NormFloat64())
		at := 1 + 10*rng.Float64()
		times.Time, times.Event, times.Risk = append(times.Time, at), append(times.Event, i%3 > 0), append(times.Risk, -at+rng.NormFloat64())
		blind.Risk = append(blind.Risk, rng.NormFloat64())
		class := i % 3
		probs := []float64{0.1, 0.1, 0.1}
		probs[class] = 0.8
		three.Class, three.Prob = append(three.Class, class), append(three.Prob, probs)
		guess.Prob = append(guess.Prob, []float64{0.3 + rng.Float64()/100, 0.3, 0.4})
	}
	blind.Time, blind.Event, guess.Class = times.Time, times.Event, three.Class
	f(numbers, worse, "mae of second is", "higher", "tell the two apart")
	f(times, blind, "concordance of second", "lower", "tell the two apart")
	f(three, guess, "accuracy of second", "0.667 lower")
}

func TestProgramIsReadMainFirst(t *testing.T) {
	names := []string{"code/modules/cell.zip", "code/go.mod", "code/train.go", "code/main.go"}
	slices.SortFunc(names, mainFirst)
	if want := []string{"code/main.go", "code/train.go", "code/go.mod", "code/modules/cell.zip"}; !slices.Equal(names, want) {
		t.Errorf("order %v, want %v", names, want)
	}
}

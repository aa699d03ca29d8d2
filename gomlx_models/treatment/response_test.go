package treatment_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/treatment"
	"github.com/assay-ml/assay/gomlx_models/treatment/causal"
)

// The sicker get more of a drug and fare worse: the more, the worse, it seems. A
// unit does good all the same, 1.5 in those with the receptor and 0.5 in others.
func TestDoseResponse(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 1))
	var d models.Dataset[treatment.Row, treatment.Dosed]
	var dose, value []float64
	for range 2000 {
		x := treatment.Row{r.NormFloat64(), float64(r.IntN(2)), r.NormFloat64()}
		given := 10 + 3*x[0] + r.NormFloat64()
		outcome := 50 - 8*x[0] + (0.5+x[1])*given + r.NormFloat64()
		d.X, d.Y = append(d.X, x), append(d.Y, treatment.Dosed{Dose: given, Value: outcome})
		dose, value = append(dose, given), append(value, outcome)
	}
	if _, slope := stat.LinearRegression(dose, value, nil, false); slope > -0.5 {
		t.Fatalf("the naive slope is %.3f: the test is of nothing", slope)
	}
	forest, err := treatment.DoseResponse(t.Context(), d, treatment.Nuisance{}, causal.Config{Trees: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	effects, err := forest.Effects([]treatment.Row{{0, 0, 0}, {0, 1, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := effects[0].Value, effects[1].Value; math.Abs(a-0.5) > 0.25 || math.Abs(b-1.5) > 0.25 {
		t.Errorf("got %.3f and %.3f a unit, want 0.5 and 1.5", a, b)
	}
	d.Y[3].Dose = math.NaN()
	if _, err := treatment.DoseResponse(t.Context(), d, treatment.Nuisance{}, causal.Config{}); err == nil || !strings.Contains(err.Error(), "row 3: dose NaN") {
		t.Errorf("got %v", err)
	}
}

package treatment_test

import (
	"context"
	"fmt"

	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment"
	"github.com/assay-ml/assay/gomlx_models/treatment/sample"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// Whom does a drug help? Learnt from half of the patients of everyday care, judged
// on the other half.
func Example() {
	ctx := context.Background()
	study := sample.Simulate(sample.Simulation{Rows: 3000, Seed: 1})
	rows, held := halves(study.Rows())
	pipeline, train, test, err := study.Features(table.Plan{}, rows, held)
	if err != nil {
		fmt.Println(err)
		return
	}
	model := treatment.New(treatment.Config{Method: treatment.CausalForest, Arms: study.Arms, Pipeline: pipeline, Seed: 1})
	if err := model.Fit(ctx, train); err != nil {
		fmt.Println(err)
		return
	}
	answers, err := model.Predict(ctx, test.X)
	if err != nil {
		fmt.Println(err)
		return
	}
	scores, err := treatment.Score(ctx, test, study.Arms, treatment.Nuisance{}, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := treatment.Evaluate(answers, scores, treatment.Judging{Options: score.Options{Name: "test", Resamples: 500}})
	if err != nil {
		fmt.Println(err)
		return
	}
	gain, _ := report.Metric("gain_over_best_single")
	fmt.Println("gains over giving everyone one arm:", gain.Low > 0)
	// Output: gains over giving everyone one arm: true
}

// What does the drug do on average? Doctors give it to those whose pressure is higher,
// which would fall further anyway, and so the naive difference is too large: the truth is
// 2.6.
func ExampleMeanEffects() {
	ctx := context.Background()
	study := sample.Simulate(sample.Simulation{Rows: 3000, Seed: 1})
	_, patients, _, err := study.Features(table.Plan{}, pick.All(study.Rows()), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	nuisance := treatment.Nuisance{
		Outcome:    prognosis.Config{Method: prognosis.Boosting, Boost: tree.BoostConfig{MinLeaf: 20, MaxDepth: 2}},
		Propensity: prognosis.Config{Method: prognosis.Boosting, Boost: tree.BoostConfig{MinLeaf: 20, MaxDepth: 2}}, // sees who cannot get it
	}
	scores, err := treatment.Score(ctx, patients, study.Arms, nuisance, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := treatment.MeanEffects(scores, treatment.Judging{Options: score.Options{Seed: 1, Resamples: 500}})
	if err != nil {
		fmt.Println(err)
		return
	}
	naive, _ := report.Metric("naive_effect")
	effect, _ := report.Metric("effect")
	fmt.Printf("naive difference %.1f, doubly robust %.1f (%.1f to %.1f)\n", naive.Value, effect.Value, effect.Low, effect.High)
	fmt.Println(report.Notes[0])
	// Output:
	// naive difference 6.2, doubly robust 2.9 (2.6 to 3.4)
	// 212 of 3000 patients are left out: they had a chance of some arm below 0.05, and nobody comparable got it.
}

package treatment_test

import (
	"context"
	"fmt"

	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment"
	"github.com/assay-ml/assay/gomlx_models/treatment/sample"
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

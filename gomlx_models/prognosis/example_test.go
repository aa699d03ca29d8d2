package prognosis_test

import (
	"context"
	"fmt"

	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/prognosis/sample"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// A model of a number, with the odds of a paper: learnt on four fifths of the
// patients, judged on the others.
func Example() {
	ctx := context.Background()
	frame, err := sample.Diabetes()
	if err != nil {
		fmt.Println(err)
		return
	}
	y, err := frame.Numbers("target")
	if err != nil {
		fmt.Println(err)
		return
	}
	parts, err := table.Divide(frame.Rows(), []float64{0.8, 0.2}, table.SplitOptions{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	train, test := parts[0], parts[1]
	pipeline, x, err := table.Fit(table.Plan{Columns: []string{"bmi", "bp", "s5"}}, frame.Take(train), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	model := prognosis.NewRegressor(prognosis.Config{Method: prognosis.Linear, Pipeline: pipeline})
	if err := model.Fit(ctx, prognosis.Dataset[float64]{X: x, Y: take(y, train)}); err != nil {
		fmt.Println(err)
		return
	}
	predicted, err := model.PredictFrame(ctx, frame.Take(test))
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := prognosis.EvaluateValues(predicted, take(y, test), score.Options{Name: "test"})
	if err != nil {
		fmt.Println(err)
		return
	}
	r2, _ := report.Metric("r2")
	fmt.Println(report.Rows, "patients judged, R² above 0.3:", r2.Value > 0.3)
	// Output: 88 patients judged, R² above 0.3: true
}

package charts_test

import (
	"fmt"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/gomlx_models"
)

// Two treatments, and how many patients each point of the curves rests on.
func ExampleSurvival() {
	f := charts.Survival("trial", "Survival by arm", "months", []charts.Line{
		{Name: "placebo", X: []float64{0, 3, 6, 9}, Y: []float64{1, 0.75, 0.5, 0.25}, N: []int{4, 4, 3, 2}},
		{Name: "drug", X: []float64{0, 6, 9}, Y: []float64{1, 0.8, 0.8}, N: []int{5, 5, 4}},
	})
	fmt.Println(f.Alt)
	// Output: Survival by arm: placebo (4) median 6, drug (5) median not reached.
}

// Hazard ratios with their intervals: grey where no effect is within them.
func ExampleEstimates() {
	f := charts.Estimates("cox", "Hazard ratios", []charts.Estimate{
		{Name: "age, per decade", Value: 1.45, Low: 1.36, High: 1.55},
		{Name: "sex: male", Value: 1.02, Low: 0.91, High: 1.14},
	}, charts.EstimateOptions{X: "hazard ratio", Ratio: true})
	fmt.Print(f.Text())
	// Output:
	// Hazard ratios: age, per decade 1.450 (1.360 – 1.550), sex: male 1.020 (0.9100 – 1.140).
	//                  hazard ratio   95 % interval
	// age, per decade         1.450   1.360 – 1.550
	// sex: male               1.020  0.9100 – 1.140
}

// Why this patient: from the average to what the model says.
func ExampleWaterfall() {
	f := charts.Waterfall("why", "Why", models.Explanation{
		Answer: "risk", Base: 0.25, Names: []string{"age", "pressure"}, Values: []float64{0.5, -0.125},
	}, []float64{81, 120}, 0)
	fmt.Print(f.Text())
	// Output:
	// Why: from 0.2500 to 0.6250; most by age = 81 by +0.5000, pressure = 120 by −0.1250.
	//                 moves the answer by      to
	// base                                 0.2500
	// age = 81                    +0.5000  0.7500
	// pressure = 120              −0.1250  0.6250
	// risk                                 0.6250
}

// A tree is drawn, and written as rules.
func ExampleTree() {
	f := charts.Tree("tree", "Who falls ill?", &models.Branch{
		Ask: "age ≤ 50", Answer: "well 0.70", Value: []float64{0.7, 0.3}, Cover: 100, Share: 1,
		Children: []*models.Branch{
			{Answer: "well 0.90", Value: []float64{0.9, 0.1}, Cover: 60, Share: 0.6},
			{Answer: "ill 0.60", Value: []float64{0.4, 0.6}, Cover: 40, Share: 0.4},
		},
	})
	fmt.Print(f.Text())
	// Output:
	// Who falls ill?: a tree of 2 leaves that first asks whether age ≤ 50.
	// if                 then  patients  share
	// age ≤ 50      well 0.90        60   60 %
	// not age ≤ 50   ill 0.60        40   40 %
}

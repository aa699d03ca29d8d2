// Package prognosis predicts what will become of a patient from one row of a
// table: a number, a class, or the time to an event.
//
// The three models share one configuration and differ in outcome and answer:
//
//	NewRegressor   float64   a number
//	NewClassifier  int       the probability of each class
//	NewSurvivor    Outcome   a Curve: risk, and survival over time
//
// A row is a []float64 in the order of Config.Features. The tree methods take
// NaN for a missing value; for the others impute first (package table). Judging
// is apart from the models: EvaluateValues, EvaluateClasses, EvaluateSurvival.
// Package tune chooses configurations on folds, with OnFrame each by a pipeline of
// its own.
//
//	pipeline, x, err := table.Fit(table.ForLinear(), frame, nil)
//	train := prognosis.Dataset[prognosis.Outcome]{X: x, Y: outcomes}
//	model := prognosis.NewSurvivor(prognosis.Config{Method: prognosis.Cox, Pipeline: pipeline})
//	err = model.Fit(ctx, train, run)
//	curves, err := model.Predict(ctx, test.X)
//	report, err := prognosis.EvaluateSurvival(train.Y, test.Y, curves, score.Options{Name: "test"})
package prognosis

import (
	"fmt"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/survival"
	"github.com/assay-ml/assay/gomlx_models/svm"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// Row is the features of one patient.
type Row = []float64

// Dataset is rows with outcomes Y.
type Dataset[Y any] = models.Dataset[Row, Y]

// Outcome is how long a patient was followed, and whether the event ended it.
type Outcome struct {
	Time  float64 `json:"time"`
	Event bool    `json:"event"`
}

// Method is how a model learns.
type Method string

// The methods, and the outcomes they can learn.
const (
	Linear        Method = "linear"         // values: least squares, ridge, lasso, elastic net; classes: logistic
	SVM           Method = "svm"            // values, classes; columns are standardised
	RandomFourier Method = "random fourier" // values, classes: linear on random Fourier features, on GoMLX; columns are standardised
	Nystrom       Method = "nystrom"        // values, classes: linear on the radial kernel with some training rows, on GoMLX; columns are standardised
	Tree          Method = "tree"           // values, classes: one tree
	Forest        Method = "forest"         // values, classes, survival
	Extra         Method = "extra"          // values, classes, survival: extremely randomised trees
	Boosting      Method = "boosting"       // values, classes
	Cox           Method = "cox"            // survival
	DeepSurv      Method = "deepsurv"       // survival: a network's log hazard, on GoMLX; columns are standardised
	Hazard        Method = "hazard"         // survival: a network's hazard in each interval, on GoMLX; columns are standardised
	Mean          Method = "mean"           // values, classes, survival: the mean of what Config.Members answer
)

// Config describes a model. Method is required; of the parts below it, only the
// method's own counts.
type Config struct {
	Method   Method         `json:"method"`
	Features table.Features `json:"features,omitempty"` // names of the columns, in order; nil means those of Pipeline
	Classes  []string       `json:"classes,omitempty"`  // of a classifier, in output order; required there
	Seed     int64          `json:"seed"`

	// Pipeline made the rows out of a table, and is saved with the model:
	// PredictFrame uses it, and trees learn from it which columns are codes of
	// categories. nil means that rows come from elsewhere.
	Pipeline *table.Pipeline `json:"pipeline,omitempty"`

	Linear  linear.Config      `json:"linear,omitzero"`
	SVM     svm.Config         `json:"svm,omitzero"`
	Fourier Fourier            `json:"fourier,omitzero"`
	Trees   tree.Config        `json:"trees,omitzero"` // Method and Seed of its own are ignored
	Boost   tree.BoostConfig   `json:"boost,omitzero"` // Seed of its own is ignored
	Cox     survival.CoxConfig `json:"cox,omitzero"`
	Network Network            `json:"network,omitzero"`

	// Members, for Mean, are the models to average. Their features, classes and
	// pipeline are those above, and their seed too if they have none.
	Members []Config `json:"members,omitempty"`

	// Strata, for Cox, is the feature whose values have a baseline hazard each
	// rather than a hazard ratio, such as the hospital. Risks then order the
	// rows of one stratum; survival compares them all.
	Strata string `json:"strata,omitempty"`
}

// Network describes the networks of DeepSurv and Hazard. Rows are few for a
// network, so that it is held back: weights decay strongly, and the moving average
// of them is kept. Five folds of the training rows of METABRIC, of GBSG2 and of
// 2,500 patients of SUPPORT2 chose by how much (mean concordance):
//
//	                        METABRIC  GBSG2  SUPPORT2
//	Cox                        0.636  0.676     0.708
//	DeepSurv                   0.637  0.649     0.706
//	DeepSurv, not held back    0.622  0.650     0.695
//	Hazard                     0.644  0.666     0.713
//	Hazard, not held back      0.617  0.624     0.687
type Network struct {
	Hidden      []int   `json:"hidden,omitempty"`     // widths; nil means 32, 32
	Dropout     float64 `json:"dropout,omitempty"`    // share of units left out in training
	Intervals   int     `json:"intervals,omitempty"`  // of Hazard; 0 means 20
	Validation  float64 `json:"validation,omitempty"` // share of patients held out to choose the epoch; 0 means 0.2
	fit.Options         // zero values: 100 epochs of batches of 128, weight decay 2 and average 0.99 (-1 for none), patience 15
}

func (n Network) withDefaults() Network {
	if n.Hidden == nil {
		n.Hidden = []int{32, 32}
	}
	if n.Intervals == 0 {
		n.Intervals = 20
	}
	if n.Validation == 0 {
		n.Validation = 0.2
	}
	if n.Options.Epochs == 0 {
		n.Options.Epochs = 100
	}
	if n.Options.Batch == 0 {
		n.Options.Batch = 128
	}
	if n.Options.Patience == 0 {
		n.Options.Patience = 15
	}
	for value, standard := range map[*float64]float64{&n.Options.WeightDecay: 2, &n.Options.Average: 0.99} {
		switch *value {
		case 0:
			*value = standard
		case -1:
			*value = 0
		}
	}
	return n
}

func (n Network) check() error {
	if n.Intervals < 2 {
		return fmt.Errorf("%d intervals: there must be at least 2", n.Intervals)
	}
	return fit.CheckShares(n.Dropout, n.Validation)
}

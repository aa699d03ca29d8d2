package experiments

import (
	"errors"

	models "github.com/assay-ml/assay/gomlx_models"
)

// PredictionsDir starts the names of the artifacts that hold predictions:
// "predictions/test.csv".
const PredictionsDir = "predictions/"

// Predictions records a model's answers row by row, with what was observed, so
// that pages can test two runs against each other on the same patients. A later
// call for the same data set overwrites an earlier one.
func (r *Run) Predictions(p models.Predictions) error {
	if p.Name == "" {
		return errors.New("predictions need the name of their data set, such as test")
	}
	b, err := p.CSV()
	if err != nil {
		return err
	}
	return r.Artifact(PredictionsDir+p.Name+".csv", b)
}

package imaging

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/linear"
)

// Shortcut is how well a model judges the test films that cannot see what
// they show: a logistic regression on figures that know nothing of anatomy.
// Where it does well, a network may do well for the same reason: the devices,
// hospitals or exposures that the classes came from.
type Shortcut struct {
	Sees string        // "grey-level histogram"
	AUC  models.Metric // over classes or labels the macro mean, if there are several
}

// blindfolds are what the models of the shortcut audit see of a film.
var blindfolds = []struct {
	sees string
	of   func(p *fingerprint) []float64
}{
	{"grey-level histogram", func(p *fingerprint) []float64 { return p.greys[:] }},
	{"4×4 thumbnail", func(p *fingerprint) []float64 { return p.coarse[:] }},
	{"histogram and thumbnail", func(p *fingerprint) []float64 { return append(p.greys[:greyBins:greyBins], p.coarse[:]...) }},
}

// shortcutPenalty is the ridge penalty of those models, on columns of
// deviation 1: within a factor of 100 it changes no AUC by a hundredth.
const shortcutPenalty = 0.01

// shortcuts fits the blindfolded models on train and judges them on test.
func shortcuts[Y Outcome](train, test models.Dataset[Film, Y], classes []string, inTrain, inTest []fingerprint) ([]Shortcut, error) {
	var found []Shortcut
	for _, blindfold := range blindfolds {
		x, rows := columns(inTrain, blindfold.of), columns(inTest, blindfold.of)
		standardize(x, rows)
		probs, err := blindly(x, rows, train.Y, len(classes))
		if err != nil {
			return nil, fmt.Errorf("shortcut by %s: %w", blindfold.sees, err)
		}
		report, err := Evaluate(probs, test, Judging{Classes: classes, quick: true})
		if err != nil {
			return nil, fmt.Errorf("shortcut by %s: %w", blindfold.sees, err)
		}
		auc, _ := aucOf(report)
		found = append(found, Shortcut{blindfold.sees, auc})
	}
	return found, nil
}

// blindly fits a regression to the outcomes of x, and returns its probabilities
// for rows.
func blindly[Y Outcome](x, rows *mat.Dense, outcomes []Y, classes int) ([][]float64, error) {
	ridge := linear.Config{Lambda: shortcutPenalty}
	if class, ok := any(outcomes).([]int); ok {
		m, err := linear.FitLogistic(x, class, classes, nil, ridge)
		if err != nil {
			return nil, err
		}
		return m.Predict(rows), nil
	}
	n, _ := rows.Dims()
	probs := make([][]float64, n)
	for label := range classes {
		shown := make([]int, len(outcomes))
		for i, y := range any(outcomes).([][]bool) {
			if y[label] {
				shown[i] = 1
			}
		}
		if !slices.Contains(shown, 1-shown[0]) { // there is nothing to learn of it
			for i := range probs {
				probs[i] = append(probs[i], float64(shown[0]))
			}
			continue
		}
		m, err := linear.FitLogistic(x, shown, 2, nil, ridge)
		if err != nil {
			return nil, err
		}
		for i, p := range m.Predict(rows) {
			probs[i] = append(probs[i], p[1])
		}
	}
	return probs, nil
}

// aucOf returns the AUC of a report, over several classes or labels the macro
// mean.
func aucOf(r models.Report) (models.Metric, bool) {
	if auc, ok := r.Metric("auc"); ok {
		return auc, true
	}
	return r.Metric("auc_macro")
}

func columns(films []fingerprint, of func(p *fingerprint) []float64) *mat.Dense {
	var values []float64
	for i := range films {
		values = append(values, of(&films[i])...)
	}
	return mat.NewDense(len(films), len(values)/len(films), values)
}

// standardize shifts and scales the columns of both to the mean 0 and the
// deviation 1 of train's.
func standardize(train, others *mat.Dense) {
	n, width := train.Dims()
	for j := range width {
		mean, squares := 0.0, 0.0
		for i := range n {
			mean += train.At(i, j) / float64(n)
		}
		for i := range n {
			squares += math.Pow(train.At(i, j)-mean, 2) / float64(n)
		}
		scale := 1 / max(1e-6, math.Sqrt(squares)) // a grey that no film has stays 0
		for _, m := range []*mat.Dense{train, others} {
			rows, _ := m.Dims()
			for i := range rows {
				m.Set(i, j, (m.At(i, j)-mean)*scale)
			}
		}
	}
}

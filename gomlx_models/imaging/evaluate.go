package imaging

import (
	"fmt"
	"maps"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// Judging says how Evaluate judges. The zero value is the defaults.
type Judging struct {
	Classes   []string        // names in output order; nil means "0", "1" …
	Operating score.Operating // threshold of a binary model, chosen on the validation set: see [Operating]; zero means 0.5
	Resamples int             // of the bootstrap; 0 means 2000, -1 no intervals
	Seed      int64           // of the bootstrap
	Notes     []string        // for the report's reader: Data.Notes
	Audit     *Audit          // of the data set that the films are from; nil has the report say that none was made

	quick bool // the AUC with its interval is all that is wanted
}

// Evaluate judges probabilities, whatever made them, against what was
// observed, with 95 % intervals that resample patients. Two classes are judged
// as positive (the second) against negative, more as score.Multiclass says, and
// labels that do not exclude each other as score.Multilabel does. Whatever
// Film.About knows of every film becomes a table of subgroups.
func Evaluate[Y Outcome](probs [][]float64, set models.Dataset[Film, Y], judging Judging) (models.Report, error) {
	if len(probs) != set.Len() {
		return models.Report{}, fmt.Errorf("imaging: there are %d predictions for %d films", len(probs), set.Len())
	}
	options := score.Options{
		Name: set.Name, Classes: judging.Classes, Group: set.Group,
		Operating: judging.Operating, Resamples: judging.Resamples, Seed: judging.Seed,
	}
	if !judging.quick {
		options.Subgroups = subgroups(set.X)
	}
	var report models.Report
	var err error
	switch y := any(set.Y).(type) {
	case []int:
		report, err = evaluate(probs, y, options)
	case [][]bool:
		report, err = score.Multilabel(y, probs, options)
	}
	if err != nil {
		return models.Report{}, fmt.Errorf("imaging: %w", err)
	}
	if judging.quick {
		return report, nil
	}
	auc, _ := aucOf(report)
	report.Notes = slices.Concat(judging.Notes, judging.Audit.notes(auc), report.Notes)
	if judging.Audit != nil {
		report.Tables = append(report.Tables, judging.Audit.Table())
	}
	return report, nil
}

func evaluate(probs [][]float64, y []int, options score.Options) (models.Report, error) {
	if len(probs) == 0 || len(probs[0]) != 2 {
		return score.Multiclass(y, probs, options)
	}
	positive, p, err := positives(probs, y)
	if err != nil {
		return models.Report{}, err
	}
	return score.Binary(positive, p, options)
}

// Operating chooses the threshold of a binary model on the validation set, to
// be frozen for the test set: Evaluate(…, Judging{Operating: o}).
func Operating(probs [][]float64, validation Dataset, rule score.Rule) (score.Operating, error) {
	positive, p, err := positives(probs, validation.Y)
	if err != nil {
		return score.Operating{}, fmt.Errorf("imaging: %w", err)
	}
	return score.ChooseThreshold(positive, p, rule)
}

// positives takes the second of two classes as positive.
func positives(probs [][]float64, y []int) (positive []bool, p []float64, err error) {
	if len(probs) != len(y) {
		return nil, nil, fmt.Errorf("there are %d predictions for %d films", len(probs), len(y))
	}
	for i, row := range probs {
		if len(row) != 2 || y[i] < 0 || y[i] > 1 {
			return nil, nil, fmt.Errorf("row %d has %d probabilities and label %d: two classes are needed", i, len(row), y[i])
		}
		positive, p = append(positive, y[i] == 1), append(p, row[1])
	}
	return positive, p, nil
}

// subgroups collects what is known of every film.
func subgroups(films []Film) []score.Subgroup {
	names := map[string]bool{}
	for _, film := range films {
		for name := range film.About {
			names[name] = true
		}
	}
	var groups []score.Subgroup
	for _, name := range slices.Sorted(maps.Keys(names)) {
		group := score.Subgroup{Name: name}
		for _, film := range films {
			group.Of = append(group.Of, film.About[name])
		}
		groups = append(groups, group)
	}
	return groups
}

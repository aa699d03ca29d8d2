package text

import (
	"fmt"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// Judging says how answers are judged. The zero value is the defaults.
type Judging struct {
	Classes    []string
	Multilabel bool
	Operating  score.Operating  // the threshold of a binary model, chosen on validation; zero means 0.5
	Subgroups  []score.Subgroup // of the texts: by ward, by author, by how long they are
	Baseline   Answers          // of the linear baseline on the same texts; what a network must be shown beside
	Mistakes   int              // how many to show; 0 means 10, -1 none
	Resamples  int              // of the bootstrap; 0 means 2000, negative means no intervals
	Seed       int64            // of the bootstrap
	Notes      []string         // for the report's reader: Data.Notes
}

// Answers are class probabilities, and the threshold they are called at.
type Answers struct {
	Probabilities [][]float64
	Operating     score.Operating
}

// Evaluate judges class probabilities, whatever made them, against the labels
// of set, with 95 % intervals that resample groups: two classes as positive
// (the second) against negative, more as score.Multiclass or score.Multilabel
// say. F1 macro and micro are among the metrics of the latter two; of classes
// that exclude each other micro F1 is the accuracy.
//
// With a Baseline the report has a table of both side by side, and one of their
// differences with intervals and p from a paired bootstrap. Without one a note
// says so. A last table holds the most confident mistakes with their text, if
// there are any.
func Evaluate(probs [][]float64, set Dataset, judging Judging) (models.Report, error) {
	if err := checkAnswers(probs, set, len(judging.Classes), judging.Multilabel); err != nil {
		return models.Report{}, fmt.Errorf("text: %w", err)
	}
	report, err := judge(probs, set, judging, judging.Operating)
	if err != nil {
		return models.Report{}, fmt.Errorf("text: %w", err)
	}
	notes := slices.Clone(judging.Notes)
	if judging.Baseline.Probabilities != nil {
		beside, err := besideBaseline(report, probs, set, judging)
		if err != nil {
			return models.Report{}, fmt.Errorf("text: baseline: %w", err)
		}
		report.Tables = slices.Insert(report.Tables, 0, beside...)
	} else {
		notes = append(notes, "No baseline beside these answers: a network's figures mean little without those of TF-IDF with logistic regression.")
	}
	report.Notes = append(notes, report.Notes...)
	if n := judging.mistakes(); n > 0 {
		if table := confidentMistakes(probs, set, judging, n); table.Rows != nil {
			report.Tables = append(report.Tables, table)
		} else {
			report.Notes = append(report.Notes, "No call is a mistake.")
		}
	}
	return report, nil
}

// Predictions puts probabilities of classes that exclude each other beside the
// labels of set, as a run keeps them: pages test two runs on the same texts.
func Predictions(probs [][]float64, set Dataset, classes []string) models.Predictions {
	p := models.Predictions{Name: set.Name, Group: set.Group, Classes: classes, Prob: probs}
	for _, labels := range set.Y {
		class := -1 // no row has none or several of such classes: what records it says so
		if len(labels) == 1 {
			class = labels[0]
		}
		p.Class = append(p.Class, class)
	}
	return p
}

func (j Judging) mistakes() int {
	if j.Mistakes == 0 {
		return 10
	}
	return j.Mistakes
}

// checkAnswers finds rows without an answer, or without the labels to judge it by.
func checkAnswers(probs [][]float64, set Dataset, classes int, multilabel bool) error {
	if len(probs) != set.Len() {
		return fmt.Errorf("there are %d answers for %d texts", len(probs), set.Len())
	}
	_, err := countLabels(set, classes, multilabel)
	return err
}

func (j Judging) options(set Dataset, at score.Operating) score.Options {
	return score.Options{
		Name: set.Name, Classes: j.Classes, Group: set.Group, Subgroups: j.Subgroups, Operating: at, Resamples: j.Resamples, Seed: j.Seed,
	}
}

// binary says that the second of two classes is judged against the first.
func (j Judging) binary() bool { return len(j.Classes) == 2 && !j.Multilabel }

func judge(probs [][]float64, set Dataset, judging Judging, at score.Operating) (models.Report, error) {
	options := judging.options(set, at)
	switch {
	case judging.Multilabel:
		return score.Multilabel(judging.labels(set), probs, options)
	case judging.binary():
		positive, p, err := positives(probs, set)
		if err != nil {
			return models.Report{}, err
		}
		return score.Binary(positive, p, options)
	}
	return score.Multiclass(classes(set), probs, options)
}

// labels says which labels each row has.
func (j Judging) labels(set Dataset) [][]bool {
	has := make([][]bool, set.Len())
	for i, labels := range set.Y {
		has[i] = make([]bool, len(j.Classes))
		for _, class := range labels {
			has[i][class] = true
		}
	}
	return has
}

// classes returns the one class of each row.
func classes(set Dataset) []int {
	one := make([]int, set.Len())
	for i, labels := range set.Y {
		one[i] = labels[0]
	}
	return one
}

// positives takes the second of two classes as positive.
func positives(probs [][]float64, set Dataset) (positive []bool, p []float64, err error) {
	for i, row := range probs {
		if len(row) != 2 {
			return nil, nil, fmt.Errorf("row %d has %d probabilities: two classes are needed", i, len(row))
		}
		positive, p = append(positive, set.Y[i][0] == 1), append(p, row[1])
	}
	return positive, p, nil
}

// Operating chooses the threshold of a binary model on the validation set, to
// be frozen for the test set: Evaluate(…, Judging{Operating: o}).
func Operating(probs [][]float64, validation Dataset, rule score.Rule) (score.Operating, error) {
	if err := checkAnswers(probs, validation, 2, false); err != nil {
		return score.Operating{}, fmt.Errorf("text: %w", err)
	}
	positive, p, err := positives(probs, validation)
	if err != nil {
		return score.Operating{}, fmt.Errorf("text: %w", err)
	}
	return score.ChooseThreshold(positive, p, rule)
}

// besideBaseline tabulates a report beside the same judgement of the baseline.
func besideBaseline(report models.Report, probs [][]float64, set Dataset, judging Judging) ([]models.Table, error) {
	base := judging.Baseline
	if len(base.Probabilities) != set.Len() {
		return nil, fmt.Errorf("there are %d answers for %d texts", len(base.Probabilities), set.Len())
	}
	judging.Subgroups = nil
	of, err := judge(base.Probabilities, set, judging, base.Operating)
	if err != nil {
		return nil, err
	}
	beside := models.Table{Kind: "baseline", Title: "Beside the linear baseline", Columns: []string{"metric", "this model", "95 % interval", "baseline", "95 % interval"}}
	for _, metric := range report.Metrics {
		if other, ok := of.Metric(metric.Name); ok {
			beside.Rows = append(beside.Rows, []string{metric.Name, figure(metric.Value), interval(metric), figure(other.Value), interval(other)})
		}
	}
	compared, err := compare(probs, set, judging)
	if err != nil {
		return nil, err
	}
	compared.Title = "The baseline first, this model second"
	return []models.Table{beside, compared}, nil
}

// compare tabulates the paired bootstrap of the baseline and a model, whose
// answers judge has checked.
func compare(probs [][]float64, set Dataset, judging Judging) (models.Table, error) {
	base, options := judging.Baseline, judging.options(set, judging.Operating)
	var compared models.Report
	var err error
	switch {
	case judging.Multilabel:
		compared, err = score.CompareMultilabel(judging.labels(set), base.Probabilities, probs, base.Operating, judging.Operating, options)
	case judging.binary():
		positive, p, _ := positives(probs, set)
		_, q, _ := positives(base.Probabilities, set)
		compared, err = score.CompareBinary(positive, q, p, base.Operating, judging.Operating, options)
	default:
		compared, err = score.CompareMulticlass(classes(set), base.Probabilities, probs, options)
	}
	if err != nil {
		return models.Table{}, err
	}
	return compared.Tables[0], nil
}

func figure(v models.Number) string { return strconv.FormatFloat(float64(v), 'f', 4, 64) }

func interval(m models.Metric) string { return figure(m.Low) + " to " + figure(m.High) }

// confidentMistakes tabulates the texts of which the model was surest in error,
// called at the operating threshold.
func confidentMistakes(probs [][]float64, set Dataset, judging Judging, most int) models.Table {
	type mistake struct {
		row, said  int
		confidence float64 // in what is wrong
		truth      string
	}
	at := judging.Operating.Threshold
	if judging.Operating == (score.Operating{}) {
		at = 0.5
	}
	var mistakes []mistake
	for i, p := range probs {
		if !judging.Multilabel {
			said := floats.MaxIdx(p)
			if judging.binary() {
				said = 0
				if p[1] >= at {
					said = 1
				}
			}
			if said != set.Y[i][0] {
				mistakes = append(mistakes, mistake{i, said, p[said], judging.Classes[set.Y[i][0]]})
			}
			continue
		}
		for class, v := range p {
			has := slices.Contains(set.Y[i], class)
			if has == (v >= at) {
				continue
			}
			m := mistake{i, class, v, "not " + judging.Classes[class]}
			if has {
				m.confidence, m.truth = 1-v, judging.Classes[class]
			}
			mistakes = append(mistakes, m)
		}
	}
	slices.SortStableFunc(mistakes, func(a, b mistake) int {
		switch {
		case a.confidence > b.confidence:
			return -1
		case a.confidence < b.confidence:
			return 1
		}
		return a.row - b.row
	})
	table := models.Table{Kind: "mistakes", Title: "The most confident mistakes", Columns: []string{"row", "true", "said", "confidence", "text"}}
	for _, m := range mistakes[:min(most, len(mistakes))] {
		said := judging.Classes[m.said]
		if m.truth == said {
			said = "not " + said
		}
		table.Rows = append(table.Rows, []string{strconv.Itoa(m.row), m.truth, said, strconv.FormatFloat(m.confidence, 'f', 3, 64), shorten(set.X[m.row], 300)})
	}
	return table
}

// shorten cuts a text after so many characters.
func shorten(text string, most int) string {
	runes := 0
	for at := range text {
		if runes == most {
			return text[:at] + "…"
		}
		runes++
	}
	return text
}

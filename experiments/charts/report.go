package charts

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/gomlx_models"
)

// manner is how a kind of curve is drawn.
type manner struct {
	title string
	line  Line         // Step, Dots
	axes  CurveOptions // names, ranges, diagonal
	say   func(Line) string
	table func([]Line) *Table // nil means where each curve begins and ends
}

var unit = &[2]float64{0, 1}

var manners = map[string]manner{
	"roc": {title: "ROC", axes: CurveOptions{X: "1 − specificity", Y: "sensitivity",
		XRange: unit, YRange: unit, Square: true, Diagonal: "chance"}, say: sayROC},
	"pr": {title: "Precision and recall", axes: CurveOptions{X: "recall", Y: "precision",
		XRange: unit, YRange: unit, Square: true}, say: sayPR},
	"calibration": {title: "Calibration", line: Line{Dots: true}, axes: CurveOptions{X: "predicted probability", Y: "observed share",
		XRange: unit, YRange: unit, Square: true, Diagonal: "perfect"}, say: sayCalibration, table: calibrationTable},
	"decision":   {title: "Decision curve", axes: CurveOptions{X: "threshold probability", Y: "net benefit"}, say: sayDecision},
	"survival":   {title: "Survival", axes: CurveOptions{X: "time"}},
	"scatter":    {title: "Predicted and observed"},
	"auc_time":   {title: "Discrimination over time", axes: CurveOptions{X: "time", Y: "AUC of the event by then", YRange: &[2]float64{0.4, 1}}, say: sayRange},
	"brier_time": {title: "Error over time", axes: CurveOptions{X: "time", Y: "Brier score"}, say: sayRange},
	"hazard":     {title: "Cumulative hazard", line: Line{Step: true}, axes: CurveOptions{X: "time", Y: "cumulative hazard"}},
	"qini":       {title: "Qini curve", axes: CurveOptions{X: "share treated", Y: "gain"}},
	"uplift":     {title: "What treating those who gain most gains", axes: CurveOptions{X: "share treated", Y: "gain a patient of all", XRange: unit}},
	"overlap":    {title: "Overlap", line: Line{Step: true}, axes: CurveOptions{X: "chance of the arm", Y: "share of patients", XRange: unit}},
	// drawn by EffectCalibration
	"effect calibration": {title: "Calibration of effects", line: Line{Dots: true}},
}

// FromReport returns the figures of what judging found: its metrics with their
// intervals, one chart for each kind of curve, a heat map for a confusion
// matrix, and its other tables.
func FromReport(r models.Report) []Figure {
	var figures []Figure
	if len(r.Metrics) > 0 {
		figures = append(figures, metricsFigure(r))
	}
	figures = append(figures, curveFigures([]Judged{{Report: r}})...)
	for i, t := range r.Tables {
		figures = append(figures, tableFigure(fmt.Sprintf("%s-table-%d", r.Name, i), t))
	}
	return figures
}

// Judged is a run and what judging it found.
type Judged struct {
	Name   string // of the run
	Style  Style
	Report models.Report
}

// Compare returns one chart for each kind of curve that the reports of runs
// have, the curves of all runs in it, and their confusion matrices in one.
func Compare(runs []Judged) []Figure {
	figures := curveFigures(runs)
	if f, ok := Confusions(runs[0].Report.Name+"-confusion", "Confusion", runs); ok {
		figures = append(figures, f)
	}
	return figures
}

func curveFigures(runs []Judged) []Figure {
	var kinds []string
	for _, run := range runs {
		for _, curve := range run.Report.Curves {
			if !slices.Contains(kinds, curve.Kind) {
				kinds = append(kinds, curve.Kind)
			}
		}
	}
	var figures []Figure
	for _, kind := range kinds {
		if kind == "partial dependence" || kind == "ice" {
			continue
		}
		how, known := manners[kind]
		if !known {
			how = manner{title: kind, axes: CurveOptions{X: "-"}}
		}
		var labels []string // runs are told apart by name alone where each has one curve
		having := 0         // runs that have such a curve
		for _, run := range runs {
			before := having
			for _, curve := range run.Report.Curves {
				if curve.Kind != kind || reference(curve) {
					continue
				}
				having = before + 1
				if !slices.Contains(labels, curve.Label) {
					labels = append(labels, curve.Label)
				}
			}
		}
		var lines, references []Line
		for k, run := range runs {
			for _, curve := range run.Report.Curves {
				if curve.Kind != kind {
					continue
				}
				if reference(curve) {
					if k == 0 { // the same for all models of one data set
						references = append(references, Line{Name: curve.Label, Color: muted, Dash: dashes[1+len(references)%2], X: floats(curve.X), Y: floats(curve.Y)})
					}
					continue
				}
				line := how.line
				line.Name = curve.Label
				switch {
				case run.Name != "" && len(labels) > 1:
					line.Name = run.Name + " · " + curve.Label
				case run.Name != "":
					line.Name = run.Name
				}
				line.Color, line.Dash = run.Style.Color, run.Style.Dash
				switch label := slices.Index(labels, curve.Label); {
				case label > 0 && having == 1:
					line.Color, line.Dash = palette[label%len(palette)], "" // its curves are what there is to tell apart
				case label > 0:
					line.Dash = dashes[label%len(dashes)] // the colour is the run's
				}
				line.X, line.Y, line.Low, line.High = floats(curve.X), floats(curve.Y), floats(curve.Low), floats(curve.High)
				line.N = curve.N
				lines = append(lines, line)
			}
		}
		lines = append(lines, references...)
		id := runs[0].Report.Name + "-" + kind
		switch kind {
		case "survival":
			figures = append(figures, Survival(id, how.title, how.axes.X, lines))
		case "scatter":
			figures = append(figures, Agreement(id, how.title, lines))
		case "effect calibration":
			figures = append(figures, EffectCalibration(id, how.title, lines))
		case "decision":
			how.axes.YRange = worthwhile(lines)
			fallthrough
		default:
			figures = append(figures, how.figure(id, lines))
		}
	}
	for _, run := range runs {
		figures = append(figures, Dependence(runs[0].Report.Name, run.Report.Curves)...)
	}
	return figures
}

func (m manner) figure(id string, lines []Line) Figure {
	alt, table := curvesAlt(m.title, lines), (*Table)(nil)
	if m.say != nil {
		alt = saidAlt(m.title, lines, m.say)
	}
	if m.table != nil {
		table = m.table(lines)
	}
	return describedCurves(id, m.title, alt, table, lines, m.axes)
}

// reference reports whether a curve is one that models are held against: treating
// all or none, or a share at random.
func reference(c models.Curve) bool {
	return c.Kind == "decision" && strings.HasPrefix(c.Label, "treat ") || c.Kind == "uplift" && strings.HasSuffix(c.Label, " at random")
}

// worthwhile cuts the lines of a decision curve off where they do much more harm
// than good, as treating all does at high thresholds, and returns the range of
// what is left: without it the harm is all one would see.
func worthwhile(lines []Line) *[2]float64 {
	top := 0.0
	for _, line := range lines {
		for _, y := range line.Y {
			if finite(y) {
				top = max(top, y)
			}
		}
	}
	if top == 0 {
		return nil
	}
	step := roundStep(top / 4)
	low, high := -step, step*math.Ceil(top/step)
	for _, line := range lines {
		for i, y := range line.Y {
			if y < low {
				line.Y[i] = math.NaN()
			}
		}
	}
	return &[2]float64{low, high}
}

func floats(numbers []models.Number) []float64 {
	if numbers == nil {
		return nil
	}
	out := make([]float64, len(numbers))
	for i, n := range numbers {
		out[i] = float64(n)
	}
	return out
}

// metricsFigure lists the metrics of r. It is a table: a bar of an AUC beside a
// bar of a loss says nothing.
func metricsFigure(r models.Report) Figure {
	t := &Table{Columns: []string{"", "value", "95 % interval"}}
	for _, m := range r.Metrics {
		t.Rows = append(t.Rows, []string{m.Name, Format(float64(m.Value)), Interval(float64(m.Low), float64(m.High))})
	}
	alt := fmt.Sprintf("Judged on %s, %d rows.", r.Name, r.Rows)
	if r.Method != "" {
		alt = strings.TrimSuffix(alt, ".") + "; intervals: " + r.Method + "."
	}
	return Figure{ID: r.Name + "-metrics", Title: "Metrics on " + r.Name, Alt: alt, Table: t}
}

// Interval writes an interval for people, or nothing where there is none.
func Interval(low, high float64) string {
	if math.IsNaN(low) || math.IsNaN(high) {
		return ""
	}
	return Format(low) + " – " + Format(high)
}

// tableFigure draws a confusion matrix of numbers as a heat map, and coefficients
// as a forest plot; any other table stays one.
func tableFigure(id string, t models.Table) Figure {
	if forest, ok := coefficientsFigure(id, t); ok {
		return forest
	}
	if effects, ok := effectsFigure(id, t); ok {
		return effects
	}
	if words, ok := tokensOfTable(id, t); ok {
		return words
	}
	plain := Figure{ID: id, Title: t.Title, Alt: t.Title + ".", Table: &Table{Columns: t.Columns, Rows: t.Rows}}
	if t.Kind != "confusion" || len(t.Columns) < 2 {
		return plain
	}
	var rows []string
	var values [][]float64
	for _, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return plain
		}
		numbers := make([]float64, len(row)-1)
		for i, cell := range row[1:] {
			number, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				return plain
			}
			numbers[i] = number
		}
		rows, values = append(rows, row[0]), append(values, numbers)
	}
	return Heat(id, t.Title, t.Columns[0], "predicted", rows, t.Columns[1:], values)
}

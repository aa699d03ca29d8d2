package charts

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"github.com/assay-ml/assay/gomlx_models"
)

// EffectCalibration returns predicted effects against what was estimated for the
// patients to whom they were predicted, with the line on which they agree and the
// one on which there is no effect.
func EffectCalibration(id, title string, lines []Line) Figure {
	low, high := math.Inf(1), math.Inf(-1)
	for _, line := range lines {
		for _, x := range line.X {
			if finite(x) {
				low, high = min(low, x), max(high, x)
			}
		}
	}
	if low > high {
		low, high = 0, 1
	}
	ends := []float64{low, high}
	lines = append(lines[:len(lines):len(lines)],
		Line{Name: "as predicted", Color: muted, Dash: "dashed", X: ends, Y: ends},
		Line{Name: "no effect", Color: muted, Dash: "dotted", X: ends, Y: []float64{0, 0}})
	f := Curves(id, title, lines, CurveOptions{X: "predicted effect", Y: "estimated effect"})
	f.Height = 360
	return f
}

// Balanced is how far two groups differ in a variable, in standard deviations.
type Balanced struct {
	Name          string
	Before, After float64 // weighting
}

// Balance returns a love plot: the size of each variable's difference before and
// after weighting, and a line at 0.1, above which groups are called unbalanced.
func Balance(id, title string, variables []Balanced) Figure {
	table := &Table{Columns: []string{"variable", "before weighting", "after weighting"}}
	var names, texts []string
	var before, after rowMarks
	unbalanced := 0
	for i, v := range variables {
		names, texts = append(names, v.Name), append(texts, fmt.Sprintf("%.2f", math.Abs(v.After)))
		table.Rows = append(table.Rows, []string{v.Name, Format(v.Before), Format(v.After)})
		before.dots = append(before.dots, point{math.Abs(v.Before), float64(i)})
		after.dots = append(after.dots, point{math.Abs(v.After), float64(i)})
		before.bars = append(before.bars, point{math.Abs(v.Before), float64(i)}, point{math.Abs(v.After), float64(i)}, gap)
		if math.Abs(v.After) > 0.1 {
			unbalanced++
		}
	}
	alt := fmt.Sprintf("%s: after weighting, %d of %d variables differ by more than 0.1.", title, unbalanced, len(variables))
	chart := rows(names, texts, opts.XAxis{Type: "value", Name: "standardised difference", Min: 0})
	before.add(chart, "before weighting", palette[1], 1)
	after.add(chart, "after weighting", palette[0], 1)
	addReference(chart, 0.1)
	return legended(id, title, alt, table, chart, len(variables), "before weighting", "after weighting")
}

// legended is a chart of rows whose dots have names.
func legended(id, title, alt string, table *Table, chart *charts.Line, n int, names ...string) Figure {
	chart.SetGlobalOptions(
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(true), Data: names}),
		charts.WithGridOpts(opts.Grid{Left: chart.GridList[0].Left, Right: chart.GridList[0].Right, Top: "30", Bottom: chart.GridList[0].Bottom}),
	)
	f := tabled(id, title, alt, table, chart)
	f.Height = rowsHeight(n) + 22
	return f
}

// effectsFigure draws the tables that judging a treatment makes: of kind "balance",
// "policies" and "dose by genotype". It is false if the table is another.
func effectsFigure(id string, t models.Table) (Figure, bool) {
	numbers := func(n int) [][]float64 {
		out := make([][]float64, len(t.Rows))
		for i, row := range t.Rows {
			if len(row) <= n {
				return nil
			}
			for _, cell := range row[1 : n+1] {
				v, err := strconv.ParseFloat(cell, 64)
				if err != nil {
					return nil
				}
				out[i] = append(out[i], v)
			}
		}
		return out
	}
	table := &Table{Columns: t.Columns, Rows: t.Rows}
	switch t.Kind {
	case "balance":
		values := numbers(2)
		if values == nil {
			return Figure{}, false
		}
		var variables []Balanced
		for i, row := range t.Rows {
			variables = append(variables, Balanced{row[0], values[i][0], values[i][1]})
		}
		return Balance(id, t.Title, variables), true
	case "policies":
		values := numbers(6)
		if values == nil {
			return Figure{}, false
		}
		return policiesFigure(id, t.Title, table, values), true
	case "dose by genotype":
		values := numbers(4)
		if values == nil || slices.ContainsFunc(t.Rows, func(row []string) bool { return len(row) < 6 }) {
			return Figure{}, false
		}
		return genotypesFigure(id, t.Title, table, values), true
	}
	return Figure{}, false
}

// policiesFigure is a forest plot of values with a line at that of the best single
// arm. Policies that are not clearly better or worse are grey.
func policiesFigure(id, title string, table *Table, values [][]float64) Figure {
	var names, texts, said []string
	var clear, vague rowMarks
	best := math.NaN()
	for i, v := range values {
		value, low, high, gain, gainLow, gainHigh := v[0], v[1], v[2], v[3], v[4], v[5]
		names, texts = append(names, table.Rows[i][0]), append(texts, Format(value)+" ("+Interval(low, high)+")")
		said = append(said, table.Rows[i][0]+" "+Format(value))
		marks := &clear
		if gainLow <= 0 && gainHigh >= 0 {
			marks = &vague
		}
		if gain == 0 && gainLow == 0 && gainHigh == 0 { // against itself
			best, marks = value, &clear
		}
		marks.dots = append(marks.dots, point{value, float64(i)})
		marks.bars = append(marks.bars, point{low, float64(i)}, point{high, float64(i)}, gap)
	}
	chart := rows(names, texts, opts.XAxis{Type: "value", Name: "mean outcome", Scale: opts.Bool(true)})
	clear.add(chart, "", palette[0], 2)
	vague.add(chart, "", muted, 2)
	if finite(best) {
		addReference(chart, best)
	}
	f := tabled(id, title, title+": "+strings.Join(said, ", ")+".", table, chart)
	f.Height = rowsHeight(len(values))
	return f
}

// genotypesFigure shows the mean dose that each genotype needed, with its interval,
// and the mean that was recommended.
func genotypesFigure(id, title string, table *Table, values [][]float64) Figure {
	var names, texts, said []string
	var observed, recommended rowMarks
	for i, v := range values {
		names, texts = append(names, table.Rows[i][0]), append(texts, fmt.Sprintf("%s, %s patients", table.Rows[i][1], table.Rows[i][5]))
		observed.dots = append(observed.dots, point{v[0], float64(i)})
		observed.bars = append(observed.bars, point{v[1], float64(i)}, point{v[2], float64(i)}, gap)
		recommended.dots = append(recommended.dots, point{v[3], float64(i)})
		if i == 0 || i == len(values)-1 {
			said = append(said, table.Rows[i][0]+" "+Format(v[0]))
		}
	}
	chart := rows(names, texts, opts.XAxis{Type: "value", Name: "mean dose", Scale: opts.Bool(true)})
	observed.add(chart, "needed", palette[0], 2)
	recommended.add(chart, "recommended", palette[1], 2)
	return legended(id, title, title+": from "+strings.Join(said, " to ")+".", table, chart, len(values), "needed", "recommended")
}

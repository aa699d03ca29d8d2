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

// Word is a piece of a text, and how much it speaks for an answer.
type Word struct {
	Text   string  `json:"text"`
	Weight float64 `json:"weight"` // as Explanation.Values
	Share  float64 `json:"share"`  // of the strongest weight in the text, -1 to 1
}

// For says whether the word speaks for the answer rather than against it.
func (w Word) For() bool { return w.Share >= 0 }

// Number is the weight with its sign.
func (w Word) Number() string {
	if w.Weight > 0 {
		return "+" + Format(w.Weight)
	}
	return Format(w.Weight)
}

// Depth is how strongly the word is coloured, 0 to 9. The style sheet has a
// class for each: pages allow no style of an element's own.
func (w Word) Depth() int { return int(math.Round(9 * math.Abs(w.Share))) }

// Tokens returns the explanation of a text as its words, coloured by what they
// say: for the answer in one colour, against it in another, the stronger the
// deeper. Each word has its number as a title; the figure's table has them all.
func Tokens(id, title string, e models.Explanation) Figure {
	f := Figure{ID: id, Title: title, Table: &Table{Columns: []string{"word", e.Method}}}
	strongest := 0.0
	for _, v := range e.Values {
		if finite(v) {
			strongest = max(strongest, math.Abs(v))
		}
	}
	for i, name := range e.Names[:min(len(e.Names), len(e.Values))] {
		word := Word{Text: name, Weight: e.Values[i]}
		if strongest > 0 && finite(word.Weight) {
			word.Share = word.Weight / strongest
		}
		f.Words = append(f.Words, word)
		f.Table.Rows = append(f.Table.Rows, []string{name, Format(word.Weight)})
	}
	f.Alt = tokensAlt(title, e.Method, f.Words)
	return f
}

// tokensAlt names the words that say most on either side.
func tokensAlt(title, method string, words []Word) string {
	order := slices.Clone(words)
	slices.SortStableFunc(order, func(a, b Word) int {
		switch {
		case math.Abs(a.Share) > math.Abs(b.Share):
			return -1
		case math.Abs(a.Share) < math.Abs(b.Share):
			return 1
		}
		return 0
	})
	var sides [2][]string
	for _, word := range order {
		side := 0
		if !word.For() {
			side = 1
		}
		if word.Share != 0 && len(sides[side]) < 4 {
			sides[side] = append(sides[side], word.Text)
		}
	}
	said := title + ", by " + method + "."
	for side, what := range []string{"Most for it", "Most against it"} {
		if len(sides[side]) > 0 {
			said += " " + what + ": " + strings.Join(sides[side], ", ") + "."
		}
	}
	return said
}

// tokensOfTable draws a table of kind "tokens": the words in the first column,
// their weights in the second, whose name is the method. ok is false for
// another table.
func tokensOfTable(id string, t models.Table) (f Figure, ok bool) {
	if t.Kind != "tokens" || len(t.Columns) != 2 {
		return Figure{}, false
	}
	e := models.Explanation{Method: t.Columns[1]}
	for _, row := range t.Rows {
		if len(row) != 2 {
			return Figure{}, false
		}
		weight, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			return Figure{}, false
		}
		e.Names, e.Values = append(e.Names, row[0]), append(e.Values, weight)
	}
	return Tokens(id, t.Title, e), true
}

// Attention returns what each word of a text attends to as a map of colours:
// e.Shape is [words, words], a row for each word that attends. The numbers are
// in the tooltip and the table.
func Attention(id, title string, e models.Explanation) Figure {
	n := len(e.Names)
	var data []opts.HeatMapData
	table := &Table{Columns: append([]string{"word"}, e.Names...)}
	strongest := 0.0
	most, at := make([]float64, n), make([]int, n)
	for row := range n {
		cells := []string{e.Names[row]}
		for column := range n {
			v := e.Values[row*n+column]
			cells = append(cells, Format(v))
			if finite(v) {
				data = append(data, opts.HeatMapData{Value: [3]any{column, row, v}})
				strongest = max(strongest, v)
				if v > most[row] {
					most[row], at[row] = v, column
				}
			}
		}
		table.Rows = append(table.Rows, cells)
	}
	chart := charts.NewHeatMap()
	chart.SetGlobalOptions(still(opts.Grid{Left: "28", Right: "16", Top: "12", Bottom: "40", ContainLabel: opts.Bool(true)})...)
	chart.SetGlobalOptions(
		charts.WithXAxisOpts(opts.XAxis{Type: "category", Data: e.Names, AxisLabel: &opts.AxisLabel{Rotate: 60, Interval: "0"}}),
		charts.WithYAxisOpts(opts.YAxis{Type: "category", Data: e.Names, Inverse: opts.Bool(true)}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}),
		charts.WithVisualMapOpts(opts.VisualMap{Show: opts.Bool(false), Min: 0, Max: float32(strongest),
			InRange: &opts.VisualMapInRange{Color: []string{"#e6f0f7", "#86b9df", palette[0]}}}),
	)
	chart.AddSeries(title, data)
	var said []string
	for row := range min(n, 4) {
		said = append(said, fmt.Sprintf("%s attends most to %s", e.Names[row], e.Names[at[row]]))
	}
	f := figure(id, title, title+": "+strings.Join(said, ", ")+".", chart)
	f.Table, f.Height = table, 120+18*max(n, 6)
	return f
}

package charts

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"github.com/assay-ml/assay/gomlx_models"
)

// Waterfall returns how one patient's answer comes about: from the base, each
// feature moves it up or down, the one that moves it most first, to what the
// model says. x is the patient's features, written beside the names; nil leaves
// them out. most features are shown (0 means 10), the others as one.
func Waterfall(id, title string, e models.Explanation, x []float64, most int) Figure {
	order := bySize(e.Values)
	shown := order[:min(len(order), cmp.Or(most, 10))]

	names, texts := []string{"base"}, []string{Format(e.Base)}
	table := &Table{Columns: []string{"", "moves the answer by", "to"}, Rows: [][]string{{"base", "", Format(e.Base)}}}
	at := e.Base
	var up, down rowMarks
	ends := rowMarks{dots: []point{{at, 0}}}
	move := func(name string, by float64) {
		marks := &up
		if by < 0 {
			marks = &down
		}
		marks.bars = append(marks.bars, point{at, float64(len(names))}, point{at + by, float64(len(names))}, gap)
		at += by
		names, texts = append(names, name), append(texts, signed(by))
		table.Rows = append(table.Rows, []string{name, signed(by), Format(at)})
	}
	for _, j := range shown {
		move(feature(e, x, j), e.Values[j])
	}
	if rest := order[len(shown):]; len(rest) > 0 {
		sum := 0.0
		for _, j := range rest {
			sum += e.Values[j]
		}
		move(fmt.Sprintf("%d others", len(rest)), sum)
	}
	ends.dots = append(ends.dots, point{at, float64(len(names))})
	answer := cmp.Or(e.Answer, "answer")
	names, texts = append(names, answer), append(texts, Format(at))
	table.Rows = append(table.Rows, []string{answer, "", Format(at)})

	chart := rows(names, texts, opts.XAxis{Type: "value", Name: e.Answer, Scale: opts.Bool(true)})
	up.add(chart, "", palette[1], 14)
	down.add(chart, "", palette[0], 14)
	ends.add(chart, "", muted, 0)
	addReference(chart, e.Base)
	alt := fmt.Sprintf("%s: from %s to %s", title, Format(e.Base), Format(at))
	for k, j := range shown[:min(len(shown), 3)] {
		alt += fmt.Sprintf("%s %s by %s", []string{"; most by", ",", ","}[k], feature(e, x, j), signed(e.Values[j]))
	}
	f := tabled(id, title, alt+".", table, chart)
	f.Height = rowsHeight(len(names))
	return f
}

// bySize returns the indices of values, the farthest from zero first.
func bySize(values []float64) []int {
	order := make([]int, len(values))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(math.Abs(values[b]), math.Abs(values[a])) })
	return order
}

func feature(e models.Explanation, x []float64, j int) string {
	name := fmt.Sprint("feature ", j)
	if j < len(e.Names) {
		name = e.Names[j]
	}
	switch {
	case j >= len(x):
		return name
	case math.IsNaN(x[j]):
		return name + " is missing"
	}
	return name + " = " + Format(x[j])
}

func signed(v float64) string {
	if v < 0 {
		return "−" + Format(-v)
	}
	return "+" + Format(v)
}

// shades colour a feature's values from low to high; the last is for missing ones.
var shades = []struct{ name, color string }{
	{"lowest fifth", "#2080c4"}, {"low", "#86bde6"}, {"middle", "#a9a4b0"}, {"high", "#ee9a5c"}, {"highest fifth", "#d55e00"}, {"missing", "#6b6f76"},
}

// Beeswarm returns how the features move the answers of many patients: a row for
// each feature, the most important first, and in it a dot for each patient, as
// far to the right as the feature raises the answer, coloured by the feature's
// value. Explanations and rows of xs belong together. most features are shown; 0
// means 10. Lundberg et al., Nature Machine Intelligence 2 (2020), 56.
func Beeswarm(id, title string, explanations []models.Explanation, xs [][]float64, most int) Figure {
	if len(explanations) == 0 {
		return Figure{ID: id, Title: title, Alt: title + ": no patients.", Table: &Table{Columns: []string{""}}}
	}
	first := explanations[0]
	size := make([]float64, len(first.Values))
	low, high := math.Inf(1), math.Inf(-1)
	for _, e := range explanations {
		for j := range size {
			if v := cell(e.Values, j); finite(v) {
				size[j] += math.Abs(v) / float64(len(explanations))
				low, high = min(low, v), max(high, v)
			}
		}
	}
	shown := bySize(size)
	shown = shown[:min(len(shown), cmp.Or(most, 10))]

	var names, texts []string
	table := &Table{Columns: []string{"", "moves the answer by (mean size)", "lowest fifth of values", "highest fifth"}}
	dots := make([][]dot, len(shades))
	for row, j := range shown {
		name := feature(first, nil, j)
		names, texts = append(names, name), append(texts, Format(size[j]))
		moves, values := make([]float64, len(explanations)), make([]float64, len(explanations))
		for i, e := range explanations {
			moves[i], values[i] = cell(e.Values, j), math.NaN()
			if i < len(xs) {
				values[i] = cell(xs[i], j)
			}
		}
		shade := fifths(values)
		offsets := swarm(moves, low, high)
		var sum, n [6]float64
		for i, v := range moves {
			k := shade[i]
			sum[k] += v
			n[k]++
			dots[k] = append(dots[k], dot{v, float64(row) + 0.5 + offsets[i], values[i]})
		}
		table.Rows = append(table.Rows, []string{name, Format(size[j]), mean(sum[0], n[0]), mean(sum[4], n[4])})
	}

	chart := rows(names, texts, opts.XAxis{Type: "value", Name: "moves " + cmp.Or(first.Answer, "the answer") + " by", Scale: opts.Bool(true)})
	// Dots stand between the categories' middles, where only an axis of numbers has places.
	chart.ExtendYAxis(opts.YAxis{Type: "value", Min: 0.0, Max: float64(len(names)), Inverse: opts.Bool(true), Show: opts.Bool(false)})
	var legend []string
	for k, data := range dots {
		if len(data) == 0 {
			continue
		}
		legend = append(legend, shades[k].name)
		chart.AddSeries(shades[k].name, nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
			s.Type, s.Color, s.SymbolSize, s.YAxisIndex = "scatter", shades[k].color, 5, 2
			s.Data = data
		}))
	}
	addReference(chart, 0)
	chart.SetGlobalOptions(charts.WithLegendOpts(opts.Legend{Show: opts.Bool(true), Data: legend, Type: "scroll"}))
	f := tabled(id, title, fmt.Sprintf("%s: of %d patients, by mean size %s.", title, len(explanations), strings.Join(pairs(names, texts, 4), ", ")), table, chart)
	f.Height = 90 + 34*max(len(names), 2)
	return f
}

// cell returns row[j], NaN if there is none.
func cell(row []float64, j int) float64 {
	if j >= len(row) {
		return math.NaN()
	}
	return row[j]
}

func pairs(names, texts []string, most int) []string {
	var out []string
	for i := range names[:min(len(names), most)] {
		out = append(out, names[i]+" "+texts[i])
	}
	return out
}

func mean(sum, n float64) string {
	if n == 0 {
		return ""
	}
	return signed(sum / n)
}

// dot is one [x, y, value] of a series; what is not finite becomes null.
type dot struct{ x, y, value float64 }

func (d dot) MarshalJSON() ([]byte, error) {
	b := appendNumber([]byte{'['}, d.x, 5)
	b = appendNumber(append(b, ','), d.y, 5)
	b = appendNumber(append(b, ','), d.value, 5)
	return append(b, ']'), nil
}

// fifths returns which fifth of the values each is in, equal ones alike, and 5
// for a missing one.
func fifths(values []float64) []int {
	var known []float64
	for _, v := range values {
		if !math.IsNaN(v) {
			known = append(known, v)
		}
	}
	slices.Sort(known)
	out := make([]int, len(values))
	for i, v := range values {
		if math.IsNaN(v) {
			out[i] = 5
			continue
		}
		below, _ := slices.BinarySearch(known, v)
		notAbove, _ := slices.BinarySearchFunc(known, v, func(e, t float64) int {
			if e <= t {
				return -1
			}
			return 1
		})
		// The middle of equal values: two levels become lowest and highest.
		out[i] = min(5*(below+notAbove)/(2*len(known)), 4)
	}
	return out
}

// swarm returns how far each dot is moved out of its row's middle so that dots
// of like value lie beside each other: within ±0.4.
func swarm(values []float64, low, high float64) []float64 {
	const bins = 100
	counts := make([]int, bins+1)
	bin := make([]int, len(values))
	most := 0
	for i, v := range values {
		if high > low && finite(v) {
			bin[i] = int(bins * (v - low) / (high - low))
		}
		counts[bin[i]]++
		most = max(most, counts[bin[i]])
	}
	step := min(0.09, 0.8/float64(max(most, 1)))
	out, placed := make([]float64, len(values)), make([]int, bins+1)
	for i := range values {
		k := placed[bin[i]]
		placed[bin[i]]++
		side := float64((k+1)/2) * step // 0, +1, −1, +2, −2 …
		if k%2 == 0 {
			side = -side
		}
		out[i] = side
	}
	return out
}

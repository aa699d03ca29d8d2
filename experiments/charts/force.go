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

// Force returns how features push the answers of some patients away from the
// base, a row for each patient, the highest answer first: what raises the answer
// ends at it from the left, what lowers it leaves it to the right, each as long as
// it pushes hard. Features have a colour each, the most important ones of all
// patients (most; 0 means 6, at most 8); the others are grey, as one. patients
// names the rows. Lundberg et al., Nature Biomedical Engineering 2 (2018), 749.
func Force(id, title string, explanations []models.Explanation, patients []string, most int) Figure {
	if len(explanations) == 0 {
		return Figure{ID: id, Title: title, Alt: title + ": no patients.", Table: &Table{Columns: []string{""}}}
	}
	first := explanations[0]
	size, answers := make([]float64, len(first.Values)), make([]float64, len(explanations))
	order := make([]int, len(explanations))
	for i, e := range explanations {
		order[i], answers[i] = i, e.Base
		for j := range size {
			if v := cell(e.Values, j); finite(v) {
				size[j] += math.Abs(v)
				answers[i] += v
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(answers[b], answers[a]) })
	shown := bySize(size)
	shown = shown[:min(len(shown), cmp.Or(most, 6), 8)]

	var names, texts []string
	table := &Table{Columns: []string{"", cmp.Or(first.Answer, "answer")}}
	for _, j := range shown {
		table.Columns = append(table.Columns, feature(first, nil, j))
	}
	parts := len(shown) // of each answer
	if len(shown) < len(size) {
		parts++
		table.Columns = append(table.Columns, "others")
	}
	pushes := make([]rowMarks, parts) // of each feature shown, then of the others
	var ends rowMarks
	low, high := math.Inf(1), math.Inf(-1)
	for row, i := range order {
		name := fmt.Sprint("patient ", i)
		if i < len(patients) {
			name = patients[i]
		}
		names, texts = append(names, name), append(texts, Format(answers[i]))
		moves := make([]float64, len(pushes))
		for j := range size {
			k := slices.Index(shown, j)
			if k < 0 {
				k = len(shown)
			}
			if v := cell(explanations[i].Values, j); finite(v) {
				moves[k] += v
			}
		}
		// The strongest push is next to the answer on either side.
		left, right := answers[i], answers[i]
		cells := []string{name, Format(answers[i])}
		for _, k := range bySize(moves) {
			from, to := left-moves[k], left
			if moves[k] < 0 {
				from, to = right, right-moves[k]
				right = to
			} else {
				left = from
			}
			pushes[k].bars = append(pushes[k].bars, point{from, float64(row)}, point{to, float64(row)}, gap)
		}
		for _, v := range moves {
			cells = append(cells, signed(v))
		}
		table.Rows = append(table.Rows, cells)
		if finite(left) && finite(right) {
			low, high = min(low, left), max(high, right)
		}
	}
	for row, i := range order { // a tick, which is taller than the bars it stands between
		const width = 0.002
		ends.bars = append(ends.bars, point{answers[i] - width*(high-low), float64(row)}, point{answers[i] + width*(high-low), float64(row)}, gap)
	}

	chart := rows(names, texts, opts.XAxis{Type: "value", Name: first.Answer, Scale: opts.Bool(true)})
	var legend []string
	for k, marks := range pushes {
		name, color := "others", muted
		if k < len(shown) {
			name, color = feature(first, nil, shown[k]), palette[k]
		}
		marks.add(chart, name, color, 14)
		legend = append(legend, name)
	}
	ends.add(chart, "", muted, 24)
	addReference(chart, first.Base)
	chart.SetGlobalOptions(charts.WithLegendOpts(opts.Legend{Show: opts.Bool(true), Data: legend, Type: "scroll"}))
	alt := fmt.Sprintf("%s: %s from the base %s; most is moved by %s.", title, strings.Join(pairs(names, texts, 4), ", "), Format(first.Base), strings.Join(legend[:min(len(shown), 3)], ", "))
	f := tabled(id, title, alt, table, chart)
	f.Height = rowsHeight(len(names)) + 30
	return f
}

package charts

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// Agreement returns predicted against observed numbers, a dot for each row, and
// the line on which they agree. X of a line is observed, Y predicted.
func Agreement(id, title string, lines []Line) Figure {
	low, high := math.Inf(1), math.Inf(-1)
	for _, line := range lines {
		for i := range line.X {
			if finite(line.X[i]) && finite(line.Y[i]) {
				low, high = min(low, line.X[i], line.Y[i]), max(high, line.X[i], line.Y[i])
			}
		}
	}
	if low >= high {
		low, high = low-1, high+1
	}
	if !finite(low) || !finite(high) {
		low, high = 0, 1
	}
	step := roundStep((high - low) / 6)
	ends := [2]float64{step * math.Floor(low/step), step * math.Ceil(high/step)}

	same := Line{Name: "the same", Color: muted, Dash: "dashed", X: ends[:], Y: ends[:]}
	chart := curves([]Line{same}, CurveOptions{X: "observed", Y: "predicted", XRange: &ends, YRange: &ends})
	for i, line := range lines {
		data := make([]point, len(line.X))
		for k := range data {
			data[k] = point{line.X[k], line.Y[k]}
		}
		color := cmp.Or(line.Color, palette[i%len(palette)])
		chart.AddSeries(line.Name, nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
			s.Type, s.Data, s.Color, s.SymbolSize = "scatter", data, color, 6
			s.ItemStyle = &opts.ItemStyle{Color: color, Opacity: opts.Float(0.6)}
		}))
	}
	chart.SetGlobalOptions(
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: "item"}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(len(lines) > 1), Data: named(lines), Type: "scroll"}),
	)
	table := agreementTable(lines)
	f := tabled(id, title, agreementAlt(title, table), table, chart)
	f.Height = 360
	return f
}

// agreementTable shows, for each fifth of the predictions, what was observed.
func agreementTable(lines []Line) *Table {
	t := &Table{Columns: []string{"rows by prediction", "rows", "mean predicted", "mean observed"}}
	for _, line := range lines {
		order := make([]int, 0, len(line.X))
		for i := range line.X {
			if finite(line.X[i]) && finite(line.Y[i]) {
				order = append(order, i)
			}
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(line.Y[a], line.Y[b]) })
		for k := range 5 {
			part := order[k*len(order)/5 : (k+1)*len(order)/5]
			if len(part) == 0 {
				continue
			}
			var observed, predicted float64
			for _, i := range part {
				observed += line.X[i] / float64(len(part))
				predicted += line.Y[i] / float64(len(part))
			}
			name := fmt.Sprintf("fifth %d", k+1)
			if len(lines) > 1 {
				name = line.Name + ", " + name
			}
			t.Rows = append(t.Rows, []string{name, fmt.Sprint(len(part)), Format(predicted), Format(observed)})
		}
	}
	return t
}

func agreementAlt(title string, t *Table) string {
	if len(t.Rows) == 0 {
		return title + ": no rows."
	}
	first, last := t.Rows[0], t.Rows[len(t.Rows)-1]
	return fmt.Sprintf("%s: where the lowest fifth is predicted, %s on average, %s was observed; where the highest, %s, it was %s.",
		title, first[2], first[3], last[2], last[3])
}

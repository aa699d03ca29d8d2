package charts

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// Dot is one run among others: a named point.
type Dot struct {
	Name  string
	Color string
	X, Y  float64
}

// Scatter returns a chart of dots. Dots that are not finite are left out.
func Scatter(id, title, xName, yName string, logX bool, dots []Dot) Figure {
	chart := charts.NewScatter()
	chart.SetGlobalOptions(still(opts.Grid{Left: "8", Right: "16", Top: "30", Bottom: "26", ContainLabel: opts.Bool(true)})...)
	chart.SetGlobalOptions(
		charts.WithXAxisOpts(opts.XAxis{Type: axisType(logX), Name: xName, NameLocation: "middle", NameGap: 26, Scale: opts.Bool(true),
			SplitLine: &opts.SplitLine{Show: opts.Bool(false)}}),
		charts.WithYAxisOpts(opts.YAxis{Type: "value", Name: yName, NameLocation: "end", Scale: opts.Bool(true)}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}),
	)
	table := &Table{Columns: []string{"", xName, yName}}
	var data []opts.ScatterData
	var colors []string
	for _, dot := range dots {
		if !finite(dot.X) || !finite(dot.Y) || logX && dot.X <= 0 {
			continue
		}
		data = append(data, opts.ScatterData{Name: dot.Name, Value: point{dot.X, dot.Y}, SymbolSize: 9})
		colors = append(colors, dot.Color)
		table.Rows = append(table.Rows, []string{dot.Name, Format(dot.X), Format(dot.Y)})
	}
	// One series a dot, because go-echarts gives a scatter's data no colour.
	for i, d := range data {
		chart.AddSeries(d.Name, []opts.ScatterData{d}, charts.WithSeriesOpts(func(s *charts.SingleSeries) { s.Color = colors[i] }))
	}
	f := figure(id, title, fmt.Sprintf("%s: %d runs.", title, len(data)), chart)
	f.Table = table
	f.Height = 260
	return f
}

// Way is one run's path through the axes of Parallel, one value an axis: a
// number, text on an axis of text, or nil where the run has none.
type Way struct {
	Name   string
	Color  string
	Values []any
}

// Parallel returns parallel coordinates: an axis for each name, a path for each
// run. An axis on which some value is text is one of categories.
func Parallel(id, title string, axes []string, ways []Way) Figure {
	chart := charts.NewParallel()
	list := make([]opts.ParallelAxis, len(axes))
	for i, name := range axes {
		list[i] = opts.ParallelAxis{Dim: i, Name: name, Type: "value"}
		var categories []string
		seen := map[string]bool{}
		low, high := math.Inf(1), math.Inf(-1)
		for _, way := range ways {
			if number, ok := way.Values[i].(float64); ok && finite(number) {
				low, high = min(low, number), max(high, number)
			}
			if text, ok := way.Values[i].(string); ok && !seen[text] {
				seen[text] = true
				categories = append(categories, text)
			}
		}
		switch {
		case len(categories) > 0:
			list[i].Type, list[i].Data = "category", categories
		case low > 0 && high/low >= 100: // tried by orders of magnitude
			list[i].Type = "log"
		}
	}
	chart.SetGlobalOptions(charts.WithAnimation(false), charts.WithParallelAxisList(list),
		charts.WithParallelComponentOpts(opts.ParallelComponent{Left: "60", Right: "80", Top: "40", Bottom: "24"}),
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true)}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}))
	table := &Table{Columns: append([]string{""}, axes...)}
	for _, way := range ways {
		row := []string{way.Name}
		for i, value := range way.Values {
			text := ""
			switch v := value.(type) {
			case float64:
				text = Format(v)
				if !finite(v) {
					way.Values[i] = nil // JSON has no number for it
				}
			case string:
				text = v
			}
			row = append(row, text)
		}
		table.Rows = append(table.Rows, row)
		chart.AddSeries(way.Name, []opts.ParallelData{{Name: way.Name, Value: way.Values}},
			charts.WithLineStyleOpts(opts.LineStyle{Color: way.Color, Width: 2, Opacity: opts.Float(0.75)}))
	}
	f := figure(id, title, fmt.Sprintf("%s: %d runs over %s.", title, len(ways), strings.Join(axes, ", ")), chart)
	f.Table = table
	f.Height = 340
	return f
}

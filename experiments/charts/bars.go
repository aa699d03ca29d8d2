package charts

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// Bar is a named number.
type Bar struct {
	Name  string
	Value float64
	Color string // "" means the palette's first
}

// Bars returns a chart of horizontal bars, the first on top. Values that are
// not finite have no bar.
func Bars(id, title string, bars []Bar) Figure {
	names, data := make([]string, len(bars)), make([]opts.BarData, len(bars))
	for i, bar := range bars {
		names[i] = bar.Name
		data[i] = opts.BarData{Name: bar.Name, ItemStyle: &opts.ItemStyle{Color: bar.Color}}
		if bar.Color == "" {
			data[i].ItemStyle.Color = palette[0]
		}
		if finite(bar.Value) {
			data[i].Value = bar.Value
		}
	}
	chart := charts.NewBar()
	chart.SetGlobalOptions(still(opts.Grid{Left: "8", Right: "24", Top: "8", Bottom: "8", ContainLabel: opts.Bool(true)})...)
	chart.SetGlobalOptions(
		charts.WithXAxisOpts(opts.XAxis{Type: "value"}),
		charts.WithYAxisOpts(opts.YAxis{Type: "category", Data: names, Inverse: opts.Bool(true),
			SplitLine: &opts.SplitLine{Show: opts.Bool(false)}}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}),
	)
	chart.AddSeries(title, data, charts.WithSeriesOpts(func(s *charts.SingleSeries) { s.BarMaxWidth = "18" }))
	f := figure(id, title, barsAlt(title, bars), chart)
	f.Height = 60 + 26*max(len(bars), 3)
	return f
}

func barsAlt(title string, bars []Bar) string {
	var said []string
	for _, bar := range bars[:min(len(bars), 4)] {
		said = append(said, bar.Name+" "+Format(bar.Value))
	}
	if len(bars) > 4 {
		said = append(said, fmt.Sprintf("and %d more", len(bars)-4))
	}
	return title + ": " + strings.Join(said, ", ") + "."
}

// Heat returns a matrix as colours, such as a confusion matrix: values[row][column],
// the first row on top. Cells that are not finite stay empty.
func Heat(id, title, rowName, columnName string, rows, columns []string, values [][]float64) Figure {
	var data []opts.HeatMapData
	low, high := math.Inf(1), math.Inf(-1)
	for r, row := range values {
		for c, value := range row {
			cell := opts.HeatMapData{Value: [3]any{c, r, nil}}
			if finite(value) {
				cell.Value = [3]any{c, r, value}
				low, high = min(low, value), max(high, value)
			}
			data = append(data, cell)
		}
	}
	if low > high {
		low, high = 0, 1
	}
	if low > 0 {
		low = 0 // counts and shares: the palest colour is none
	}
	labels := &opts.AxisLabel{}
	if len(columns) <= 4 {
		labels.Interval = "0" // all of them, for which there is room
	}
	chart := charts.NewHeatMap()
	top := "12"
	if rowName != "" {
		top = "32" // its place is above the axis: beside it, it would be in the way of long names
	}
	chart.SetGlobalOptions(still(opts.Grid{Left: "28", Right: "16", Top: top, Bottom: "40", ContainLabel: opts.Bool(true)})...)
	chart.SetGlobalOptions(
		charts.WithXAxisOpts(opts.XAxis{Type: "category", Data: columns, Name: columnName, NameLocation: "middle", NameGap: 28, AxisLabel: labels}),
		charts.WithYAxisOpts(opts.YAxis{Type: "category", Data: rows, Name: rowName, NameLocation: "start", Inverse: opts.Bool(true)}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}),
		charts.WithVisualMapOpts(opts.VisualMap{Show: opts.Bool(false), Min: float32(low), Max: float32(high),
			InRange: &opts.VisualMapInRange{Color: []string{"#e6f0f7", "#86b9df", palette[0]}}}),
	)
	chart.AddSeries(title, data, charts.WithLabelOpts(opts.Label{Show: opts.Bool(true)}))
	f := figure(id, title, heatAlt(title, rows, columns, values), chart)
	f.Height = 120 + 44*max(len(rows), 3)
	return f
}

func heatAlt(title string, rows, columns []string, values [][]float64) string {
	var said []string
	for r := range values {
		for c := range values[r] {
			if len(said) < 9 {
				said = append(said, fmt.Sprintf("%s as %s %s", rows[r], columns[c], Format(values[r][c])))
			}
		}
	}
	return title + ": " + strings.Join(said, ", ") + "."
}

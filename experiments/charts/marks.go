package charts

import (
	"math"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// Odd is a stretch of a line whose values are not finite, which has no place on
// the axis.
type Odd struct {
	From, To float64 // x of the first and the last of them
	Value    float64 // NaN, +Inf or −Inf
	Count    int64
}

// oddKinds are the values that are marked, and how.
var oddKinds = []struct {
	is     func(float64) bool
	name   string
	symbol string
	y      float64 // of the chart's height
}{
	{math.IsNaN, "NaN", "diamond", 0.015},
	{func(x float64) bool { return math.IsInf(x, 1) }, "+Inf", "triangle", 0.985},
	{func(x float64) bool { return math.IsInf(x, -1) }, "−Inf", "arrow", 0.015},
}

// addOdd marks the stretches of line that are not finite at the edge of the
// chart: +Inf above, −Inf and NaN below, on an axis of its own that goes from 0
// to 1 whatever the values are. chart.js writes their tooltips.
func addOdd(chart *charts.Line, line Line) {
	for _, kind := range oddKinds {
		var data [][]float64
		for _, odd := range line.Odd {
			if kind.is(odd.Value) {
				data = append(data, []float64{odd.From, kind.y, odd.To, float64(odd.Count)})
			}
		}
		if data == nil {
			continue
		}
		if len(chart.YAxisList) == 1 {
			chart.ExtendYAxis(opts.YAxis{Type: "value", Show: opts.Bool(false), Min: 0, Max: 1})
		}
		chart.AddSeries(line.Name+" "+kind.name, nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
			s.Type, s.YAxisIndex = "scatter", 1
			s.Data, s.Symbol, s.SymbolSize, s.Color = data, kind.symbol, 8, line.Color
		}))
	}
}

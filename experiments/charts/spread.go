package charts

import (
	"fmt"
	"math"
	"slices"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// Sample is the values of one group.
type Sample struct {
	Name   string
	Values []float64 // those that are not finite are left out
}

const (
	fewestForBox    = 3 // values; fewer are dots
	fewestForViolin = 8
)

// Spread returns how values are spread in each of some groups: every value as a
// dot, from three on a box (quartiles and median, whiskers to the ends), from
// eight on with the density around it, a violin.
func Spread(id, title, xName, yName string, samples []Sample) Figure {
	names := make([]string, len(samples))
	table := &Table{Columns: []string{xName, "values", "lowest", "25 %", "median", "75 %", "highest"}}
	var boxes []opts.BoxPlotData
	var violins, dots [][]float64
	for i, sample := range samples {
		names[i] = sample.Name
		values := slices.DeleteFunc(slices.Clone(sample.Values), func(x float64) bool { return !finite(x) })
		slices.Sort(values)
		row := []string{sample.Name, Format(float64(len(values)))}
		box := make([]float64, 5)
		for k := range box {
			box[k] = quantile(values, float64(k)/4)
			row = append(row, Format(box[k]))
		}
		table.Rows = append(table.Rows, row)
		for _, value := range values {
			dots = append(dots, []float64{float64(i), value})
		}
		if len(values) >= fewestForBox {
			boxes = append(boxes, opts.BoxPlotData{Value: box})
		} else {
			boxes = append(boxes, opts.BoxPlotData{Value: "-"})
		}
		if outline := density(values); outline != nil {
			last := len(outline) - 1
			item := []float64{float64(i), outline[0].x, outline[last].x, float64(len(outline))}
			for _, p := range outline {
				item = append(item, p.x, p.y)
			}
			violins = append(violins, item)
		}
	}
	chart := charts.NewBoxPlot()
	chart.SetGlobalOptions(still(opts.Grid{Left: "8", Right: "16", Top: "30", Bottom: "26", ContainLabel: opts.Bool(true)})...)
	chart.SetGlobalOptions(
		charts.WithXAxisOpts(opts.XAxis{Type: "category", Data: names, Name: xName, NameLocation: "middle", NameGap: 26}),
		charts.WithYAxisOpts(opts.YAxis{Type: "value", Name: yName, NameLocation: "end", Scale: opts.Bool(true)}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}),
	)
	chart.AddSeries("", boxes, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
		s.ItemStyle = &opts.ItemStyle{Color: "transparent", BorderColor: palette[0], BorderWidth: 1.5}
	}))
	if violins != nil {
		chart.AddSeries("", nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
			s.Type, s.Data, s.Color = "custom", violins, palette[0] // chart.js draws it
		}))
	}
	chart.AddSeries("", nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
		s.Type, s.Data, s.Color, s.SymbolSize = "scatter", dots, palette[0], 5
	}))
	alt := title + ":"
	for i, row := range table.Rows[:min(len(table.Rows), 4)] {
		if i > 0 {
			alt += ";"
		}
		alt += fmt.Sprintf(" %s has median %s of %s values", row[0], row[4], row[1])
	}
	f := tabled(id, title, alt+".", table, chart)
	f.Height = 260
	return f
}

// quantile returns the p-quantile of sorted values by linear interpolation (type
// 7 of Hyndman and Fan, The American Statistician 50 (1996), 361), and NaN of
// none.
func quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// density returns the outline of a violin: places from the lowest to the highest
// of sorted values, and the height of a Gaussian kernel density there as a share
// of its highest. The bandwidth is Silverman's rule of thumb (Density Estimation,
// 1986, section 3.4.2). It returns nil for too few values, or equal ones.
func density(sorted []float64) []point {
	n := float64(len(sorted))
	if len(sorted) < fewestForViolin {
		return nil
	}
	var mean, squares float64
	for _, x := range sorted {
		mean += x / n
	}
	for _, x := range sorted {
		squares += (x - mean) * (x - mean)
	}
	spread := math.Sqrt(squares / (n - 1))
	if iqr := (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 1.34; iqr > 0 {
		spread = min(spread, iqr)
	}
	if spread == 0 {
		return nil
	}
	h := 0.9 * spread * math.Pow(n, -0.2)
	const places = 41
	outline := make([]point, places)
	highest := 0.0
	low, high := sorted[0], sorted[len(sorted)-1]
	for k := range outline {
		at := low + (high-low)*float64(k)/(places-1)
		var sum float64
		for _, x := range sorted {
			z := (at - x) / h
			sum += math.Exp(-z * z / 2)
		}
		outline[k] = point{at, sum}
		highest = max(highest, sum)
	}
	for k := range outline {
		outline[k].y /= highest
	}
	return outline
}

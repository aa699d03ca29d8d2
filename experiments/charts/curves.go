package charts

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/go-echarts/go-echarts/v2/types"
)

// Line is one curve. X and Y have one length and X does not decrease.
type Line struct {
	Name  string    // "" keeps it out of tooltip and numbers
	Color string    // "#rrggbb"; "" takes the next of the palette
	Dash  string    // "solid", "dashed" or "dotted"; "" means solid
	X, Y  []float64 // points; those that are not finite are gaps
	Low   []float64 // lower edge of a band, one a point; nil means no band
	High  []float64 // upper edge
	Faint bool      // drawn pale and left out of the legend: the raw curve behind a smooth one
	Step  bool      // Y holds until the next X, as in a survival curve
	Dots  bool      // mark the points
	// N counts the rows behind each point: those still at risk just before X, which
	// Survival writes under the curve, or those of a group.
	N   []int
	Odd []Odd // where values are not finite; marked at the chart's edge
}

// CurveOptions say how Curves draws its axes. The zero value is linear axes
// called "step" and nothing, and no more than 400 points a line.
type CurveOptions struct {
	X, Y       string      // names of the axes; X "" means "step", "-" no name
	Wall       bool        // X is milliseconds since 1970, shown as dates and times
	LogX, LogY bool        // points that are not positive become gaps
	Points     int         // of a line, at most: more are thinned, see Thin; 0 means 400, negative means all
	XRange     *[2]float64 // ends of the axis; nil means those of the data
	YRange     *[2]float64 //
	Square     bool        // taller, for curves in the unit square
	Diagonal   string      // name of the line from (0,0) to (1,1); "" means none
	Zoom       bool        // drag and wheel zoom in x
}

const defaultPoints = 400

// Curves returns a line chart.
func Curves(id, title string, lines []Line, o CurveOptions) Figure {
	return describedCurves(id, title, curvesAlt(title, lines), nil, lines, o)
}

func describedCurves(id, title, alt string, table *Table, lines []Line, o CurveOptions) Figure {
	f := tabled(id, title, alt, table, curves(lines, o))
	if o.Square {
		f.Height = 360
	}
	return f
}

func curves(lines []Line, o CurveOptions) *charts.Line {
	xName := o.X
	switch xName {
	case "":
		xName = "step"
	case "-":
		xName = ""
	}
	chart := charts.NewLine()
	x := opts.XAxis{Type: axisType(o.LogX), Name: xName, NameLocation: "middle", NameGap: 26, Scale: opts.Bool(true),
		SplitLine: &opts.SplitLine{Show: opts.Bool(false)}}
	y := opts.YAxis{Type: axisType(o.LogY), Name: o.Y, NameLocation: "end", Scale: opts.Bool(true)}
	if o.Wall {
		x.Type = "time"
	}
	if o.XRange != nil {
		x.Min, x.Max = o.XRange[0], o.XRange[1]
	}
	if o.YRange != nil {
		y.Min, y.Max = o.YRange[0], o.YRange[1]
	}
	bottom := "26"
	if xName == "" {
		bottom = "8"
	}
	legend := named(lines)
	if o.Diagonal != "" {
		legend = append(legend, o.Diagonal)
	}
	top := "12"
	if o.Y != "" {
		top = "30"
	}
	chart.SetGlobalOptions(still(opts.Grid{Left: "8", Right: "16", Top: top, Bottom: bottom, ContainLabel: opts.Bool(true)})...)
	chart.SetGlobalOptions(
		charts.WithXAxisOpts(x),
		charts.WithYAxisOpts(y),
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: "axis"}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(len(legend) > 1), Data: legend, Type: "scroll"}),
	)
	if o.Zoom {
		chart.SetGlobalOptions(charts.WithDataZoomOpts(opts.DataZoom{Type: "inside", FilterMode: "none"}))
	}
	if o.Diagonal != "" {
		addLine(chart, Line{Name: o.Diagonal, Color: "#8a8f98", Dash: "dashed", X: []float64{0, 1}, Y: []float64{0, 1}}, o)
	}
	for i, line := range lines {
		if line.Color == "" {
			line.Color = palette[i%len(palette)]
		}
		if line.Low != nil && line.High != nil {
			addBand(chart, line, o)
		}
		addLine(chart, line, o)
		addOdd(chart, line)
	}
	return chart
}

func axisType(log bool) string {
	if log {
		return "log"
	}
	return "value"
}

// named returns the names of the lines that a legend lists.
func named(lines []Line) []string {
	var names []string
	for _, line := range lines {
		if !line.Faint {
			names = append(names, line.Name)
		}
	}
	return names
}

func addLine(chart *charts.Line, line Line, o CurveOptions) {
	xs, ys := line.X, line.Y
	switch {
	case o.Points == 0:
		xs, ys = Thin(xs, ys, defaultPoints)
	case o.Points > 0:
		xs, ys = Thin(xs, ys, o.Points)
	}
	data := make([]point, len(xs))
	for i := range xs {
		data[i] = place(xs[i], ys[i], o)
	}
	width, opacity := float32(2), float32(1)
	if line.Faint {
		width, opacity = 1, 0.3
	}
	chart.AddSeries(line.Name, nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
		s.Data = data
		s.Color = line.Color
		s.ShowSymbol = opts.Bool(line.Dots || lonely(data))
		s.LineStyle = &opts.LineStyle{Color: line.Color, Width: width, Type: line.Dash, Opacity: opts.Float(opacity)}
		if line.Step {
			s.Step = "end"
		}
	}))
}

// lonely reports whether some point of a short line stands between gaps, where
// a line alone would not show it.
func lonely(data []point) bool {
	if len(data) > 100 {
		return false
	}
	gap := func(i int) bool { return i < 0 || i >= len(data) || !finite(data[i].x) || !finite(data[i].y) }
	for i := range data {
		if !gap(i) && gap(i-1) && gap(i+1) {
			return true
		}
	}
	return false
}

// addBand draws the area between line.Low and line.High as two stacked series
// without lines: the lower edge, and on it the height of the band.
func addBand(chart *charts.Line, line Line, o CurveOptions) {
	low, height := make([]point, len(line.X)), make([]point, len(line.X))
	floor := math.Inf(-1)
	if o.LogY {
		// An edge at 0 or below is beyond the axis: the band goes down to the lowest
		// place that there is.
		floor = smallestPositive(line.Y, line.Low)
	}
	for i, x := range line.X {
		edge := max(line.Low[i], floor)
		low[i] = place(x, edge, o)
		height[i] = place(x, line.High[i]-edge, o)
	}
	stack := "band " + line.Name
	none := &opts.LineStyle{Opacity: opts.Float(0)}
	for _, edge := range []struct {
		data []point
		area types.Float
	}{{low, opts.Float(0)}, {height, opts.Float(0.18)}} {
		chart.AddSeries(stack, nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
			s.Data = edge.data
			s.Stack = stack
			s.Color = line.Color
			s.ShowSymbol = opts.Bool(false)
			s.LineStyle = none
			s.AreaStyle = &opts.AreaStyle{Color: line.Color, Opacity: edge.area}
			if line.Step {
				s.Step = "end"
			}
		}))
	}
}

// smallestPositive returns the smallest of the positive numbers in lists, NaN if
// there are none.
func smallestPositive(lists ...[]float64) float64 {
	smallest := math.NaN()
	for _, list := range lists {
		for _, v := range list {
			if v > 0 && finite(v) && !(v >= smallest) {
				smallest = v
			}
		}
	}
	return smallest
}

// place returns the point, as a gap if a log axis has no room for it.
func place(x, y float64, o CurveOptions) point {
	if o.LogX && x <= 0 {
		x = math.NaN()
	}
	if o.LogY && y <= 0 {
		y = math.NaN()
	}
	return point{x, y}
}

func curvesAlt(title string, lines []Line) string {
	var said []string
	for _, line := range lines {
		if line.Faint || len(line.Y) == 0 {
			continue
		}
		if len(said) == 4 {
			said = append(said, "and more")
			break
		}
		said = append(said, fmt.Sprintf("%s ends at %s", line.Name, Format(line.Y[len(line.Y)-1])))
	}
	if len(said) == 0 {
		return title + ": no points yet."
	}
	return title + ": " + strings.Join(said, ", ") + "."
}

// Thin returns at most about n points that draw the same line: of each of n/4
// stretches the first, the smallest, the largest and the last, in their order,
// so that no spike is lost at any width (M4; Jugel et al., VLDB 2014). Points
// that are not finite stay as gaps, one for a row of them.
func Thin(xs, ys []float64, n int) ([]float64, []float64) {
	if len(xs) <= n || n < 4 {
		return xs, ys
	}
	buckets := n / 4
	outX, outY := make([]float64, 0, n), make([]float64, 0, n)
	for b := range buckets {
		from, to := b*len(xs)/buckets, (b+1)*len(xs)/buckets
		low, high, gap := from, from, -1
		for i := from; i < to; i++ {
			switch {
			case !finite(ys[i]):
				gap = i
			case !finite(ys[low]):
				low, high = i, i
			case ys[i] < ys[low]:
				low = i
			case ys[i] > ys[high]:
				high = i
			}
		}
		keep := []int{from, low, high, to - 1, gap}
		for i := from; i < to; i++ {
			if i == keep[0] || i == keep[1] || i == keep[2] || i == keep[3] || i == keep[4] {
				outX, outY = append(outX, xs[i]), append(outY, ys[i])
			}
		}
	}
	return outX, outY
}

package charts

import (
	"cmp"
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// Survival returns survival curves as a paper shows them: steps with their
// bands, and under them how many were still at risk (Line.N; a curve that is
// predicted has none).
func Survival(id, title, xName string, lines []Line) Figure {
	end := 0.0
	var drawn, counted []Line
	for i, line := range lines {
		line.Step = true
		line.Color = cmp.Or(line.Color, palette[i%len(palette)])
		drawn = append(drawn, line.thinned(defaultPoints))
		if n := len(line.X); n > 0 {
			end = max(end, line.X[n-1])
		}
		if line.N != nil {
			counted = append(counted, line) // all of it: the numbers at risk are exact
		}
	}
	at := ticks(end)
	chart := curves(drawn, CurveOptions{X: xName, Y: "share free of the event", YRange: unit, XRange: &[2]float64{0, end}, Points: -1})
	chart.XAxisList[0].MinInterval, chart.XAxisList[0].MaxInterval = at[1], at[1]
	below := 0
	if counted != nil {
		below = addCounts(chart, counted, at, end)
	}
	f := tabled(id, title, survivalAlt(title, lines), survivalTable(lines, at), chart)
	f.Height = DefaultHeight + below
	return f
}

// addCounts writes the numbers at risk in a grid below the chart's, and returns
// how high it is.
func addCounts(chart *charts.Line, lines []Line, at []float64, end float64) int {
	const row, head = 20, 30
	below := head + row*len(lines)
	longest := 0
	var names []category
	for _, line := range lines {
		longest = max(longest, len([]rune(line.Name)))
		names = append(names, category{line.Name, textStyle{line.Color}})
	}
	// Both grids begin where the longer of their labels ends.
	left, right := fmt.Sprint(min(max(56, 34+7*longest), 180)), "28"
	chart.GridList = []opts.Grid{
		{Left: left, Right: right, Top: "30", Bottom: fmt.Sprint(below + 44)},
		{Left: left, Right: right, Bottom: "2", Height: fmt.Sprint(row * len(lines))},
	}
	chart.ExtendXAxis(opts.XAxis{GridIndex: 1, Type: "value", Min: 0.0, Max: end, Show: opts.Bool(false)})
	chart.ExtendYAxis(opts.YAxis{GridIndex: 1, Type: "category", Data: names, Inverse: opts.Bool(true),
		Name: "number at risk", NameLocation: "start", AxisLine: &opts.AxisLine{Show: opts.Bool(false)}, AxisLabel: &opts.AxisLabel{Margin: 24}})
	for i, line := range lines {
		var counts [][3]float64
		for _, t := range at {
			counts = append(counts, [3]float64{t, float64(i), float64(line.atRisk(t))})
		}
		chart.AddSeries("at risk: "+line.Name, nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
			s.Type, s.Data, s.XAxisIndex, s.YAxisIndex = "scatter", counts, 1, 1
			s.SymbolSize, s.Color = 1, "transparent"
			s.ItemStyle = &opts.ItemStyle{Opacity: opts.Float(1)}
			s.Label = &opts.Label{Show: opts.Bool(true), Position: "inside", Color: stillInk, Formatter: "{@[2]}"}
		}))
	}
	return below
}

// category is a name on an axis in a colour of its own.
type category struct {
	Value     string    `json:"value"`
	TextStyle textStyle `json:"textStyle"`
}

type textStyle struct {
	Color string `json:"color"`
}

// thinned returns the line with at most n of its points, evenly chosen, both
// ends among them: of a step curve, whose every step is small where it has many,
// that is what the eye sees.
func (l Line) thinned(n int) Line {
	if len(l.X) <= n {
		return l
	}
	keep := make([]int, n)
	for k := range keep {
		keep[k] = k * (len(l.X) - 1) / (n - 1)
	}
	l.X, l.Y, l.Low, l.High = pick(l.X, keep), pick(l.Y, keep), pick(l.Low, keep), pick(l.High, keep)
	return l
}

func pick(values []float64, keep []int) []float64 {
	if values == nil {
		return nil
	}
	out := make([]float64, len(keep))
	for k, i := range keep {
		out[k] = values[i]
	}
	return out
}

// ticks returns 0 and the multiples of a round step up to end, about six.
func ticks(end float64) []float64 {
	if !(end > 0) || math.IsInf(end, 1) {
		return []float64{0, 1}
	}
	step := roundStep(end / 6)
	out := []float64{0}
	for k := 1; float64(k)*step <= end*(1+1e-12); k++ {
		out = append(out, float64(k)*step)
	}
	return out
}

// roundStep returns the smallest of 1, 2, 2.5 and 5 times a power of ten that is
// at least v.
func roundStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*power >= v {
			return m * power
		}
	}
	return 10 * power
}

// atRisk returns how many were at risk just before t: those whose time is t or
// later.
func (l Line) atRisk(t float64) int {
	if i := sort.SearchFloat64s(l.X, t); i < len(l.N) {
		return l.N[i]
	}
	return 0
}

// at returns the step curve's value at t, 1 before its first point.
func (l Line) at(t float64) float64 {
	i := sort.Search(len(l.X), func(i int) bool { return l.X[i] > t })
	if i == 0 {
		return 1
	}
	return l.Y[i-1]
}

// median returns where ys first reaches one half but for rounding, +Inf if it does
// not.
func (l Line) median(ys []float64) float64 {
	for i, y := range ys {
		if y <= 0.5+1e-9 {
			return l.X[i]
		}
	}
	return math.Inf(1)
}

func reached(t float64) string {
	if math.IsInf(t, 1) {
		return "not reached"
	}
	return Format(t)
}

func survivalTable(lines []Line, at []float64) *Table {
	t := &Table{Columns: []string{"share free (number at risk)", "median", "95 % interval"}}
	for _, tick := range at {
		t.Columns = append(t.Columns, "at "+Format(tick))
	}
	for _, line := range lines {
		interval := ""
		if line.Low != nil && line.High != nil {
			interval = reached(line.median(line.Low)) + " – " + reached(line.median(line.High))
		}
		row := []string{line.Name, reached(line.median(line.Y)), interval}
		for _, tick := range at {
			cell := fmt.Sprintf("%.2f", line.at(tick))
			if line.N != nil {
				cell += fmt.Sprintf(" (%d)", line.atRisk(tick))
			}
			row = append(row, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func survivalAlt(title string, lines []Line) string {
	var said []string
	for _, line := range lines {
		of := line.Name
		if len(line.N) > 0 {
			of += fmt.Sprintf(" (%d)", line.N[0])
		}
		said = append(said, of+" median "+reached(line.median(line.Y)))
	}
	return title + ": " + strings.Join(said, ", ") + "."
}

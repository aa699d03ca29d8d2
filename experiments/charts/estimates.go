package charts

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"github.com/assay-ml/assay/gomlx_models"
)

// muted is the colour of what says little: an interval that spans no effect, a
// reference line.
const muted = "#8a8f98"

// Estimate is a number with its interval.
type Estimate struct {
	Name             string
	Value, Low, High float64 // Low and High are NaN if there is no interval
}

// EstimateOptions say how Estimates draws its axis.
type EstimateOptions struct {
	X     string // name of the axis
	Ratio bool   // odds and hazard ratios: a log axis, on which 1 is no effect; else 0 is
}

// Estimates returns a forest plot: a row for each estimate, the first on top,
// its number beside it. An interval that spans no effect is grey.
func Estimates(id, title string, estimates []Estimate, o EstimateOptions) Figure {
	table := &Table{Columns: []string{"", cmp.Or(o.X, "value"), "95 % interval"}}
	for _, e := range estimates {
		table.Rows = append(table.Rows, []string{e.Name, Format(e.Value), Interval(e.Low, e.High)})
	}
	return forest(id, title, estimates, o, table)
}

func forest(id, title string, estimates []Estimate, o EstimateOptions, table *Table) Figure {
	none := 0.0
	if o.Ratio {
		none = 1
	}
	names, texts := make([]string, len(estimates)), make([]string, len(estimates))
	decimals := o.decimals(estimates)
	brief := func(v float64) string {
		return strings.Replace(strconv.FormatFloat(v, 'f', decimals, 64), "-", "−", 1)
	}
	var clear, vague rowMarks
	for i, e := range estimates {
		names[i], texts[i] = e.Name, brief(e.Value)
		if finite(e.Low) && finite(e.High) {
			texts[i] += " (" + brief(e.Low) + " – " + brief(e.High) + ")"
		}
		if o.Ratio && !(e.Value > 0) {
			continue // no place on a log axis
		}
		marks := &clear
		if e.Low <= none && e.High >= none {
			marks = &vague
		}
		marks.dots = append(marks.dots, point{e.Value, float64(i)})
		if finite(e.Low) && finite(e.High) {
			marks.bars = append(marks.bars, point{e.Low, float64(i)}, point{e.High, float64(i)}, gap)
		}
	}
	x := opts.XAxis{Type: axisType(o.Ratio), Name: o.X, Scale: opts.Bool(true)}
	if o.Ratio {
		x.Min, x.Max = ratioRange(estimates)
	}
	chart := rows(names, texts, x)
	clear.add(chart, "", palette[0], 2)
	vague.add(chart, "", muted, 2)
	addReference(chart, none)
	f := tabled(id, title, estimatesAlt(title, estimates), table, chart)
	f.Height = rowsHeight(len(estimates))
	return f
}

// ratioRange returns ends of a log axis that hold every interval and 1.
func ratioRange(estimates []Estimate) (low, high float64) {
	low, high = 0.8, 1.25
	for _, e := range estimates {
		for _, v := range []float64{e.Value, e.Low, e.High} {
			if finite(v) && v > 0 {
				low, high = min(low, v/1.1), max(high, v*1.1)
			}
		}
	}
	return low, high
}

// decimals returns with how many decimals the estimates are written beside the
// picture: two of a ratio, one of large numbers, three below 1 or more where that
// would leave the largest less than two digits.
func (o EstimateOptions) decimals(estimates []Estimate) int {
	if o.Ratio {
		return 2
	}
	largest := 0.0
	for _, e := range estimates {
		if finite(e.Value) {
			largest = max(largest, math.Abs(e.Value))
		}
	}
	switch {
	case largest == 0:
		return 2
	case largest >= 1:
		return 1
	}
	return min(max(1-int(math.Floor(math.Log10(largest))), 3), 8)
}

// Importance returns the metrics as Estimates, the largest first, most of them
// at most (0 means 15): what prognosis.Model.Importance returns.
func Importance(id, title, xName string, metrics []models.Metric, most int) Figure {
	sorted := slices.Clone(metrics)
	slices.SortStableFunc(sorted, func(a, b models.Metric) int { return cmp.Compare(b.Value, a.Value) })
	sorted = sorted[:min(len(sorted), cmp.Or(most, 15))]
	estimates := make([]Estimate, len(sorted))
	for i, m := range sorted {
		estimates[i] = Estimate{m.Name, float64(m.Value), float64(m.Low), float64(m.High)}
	}
	return Estimates(id, title, estimates, EstimateOptions{X: xName})
}

// coefficientsFigure draws a table of coefficients (prognosis.Coefficients) as a
// forest plot. The intercept, which has no meaning beside them, is left out, and
// so are variables without an interval. It is false if the table is another.
func coefficientsFigure(id string, t models.Table) (Figure, bool) {
	if t.Kind != "coefficients" || len(t.Columns) < 4 {
		return Figure{}, false
	}
	var estimates []Estimate
	for _, row := range t.Rows {
		if len(row) != len(t.Columns) || row[0] == "intercept" {
			continue
		}
		var numbers [3]float64
		for k := range numbers {
			v, err := strconv.ParseFloat(row[1+k], 64)
			if err != nil {
				return Figure{}, false
			}
			numbers[k] = v
		}
		if finite(numbers[1]) && finite(numbers[2]) {
			estimates = append(estimates, Estimate{row[0], numbers[0], numbers[1], numbers[2]})
		}
	}
	if len(estimates) == 0 {
		return Figure{}, false
	}
	o := EstimateOptions{X: t.Columns[1], Ratio: t.Columns[1] == "ratio"}
	return forest(id, t.Title, estimates, o, &Table{Columns: t.Columns, Rows: t.Rows}), true
}

func estimatesAlt(title string, estimates []Estimate) string {
	var said []string
	for _, e := range estimates[:min(len(estimates), 4)] {
		text := e.Name + " " + Format(e.Value)
		if interval := Interval(e.Low, e.High); interval != "" {
			text += " (" + interval + ")"
		}
		said = append(said, text)
	}
	if len(estimates) > 4 {
		said = append(said, fmt.Sprintf("and %d more", len(estimates)-4))
	}
	return title + ": " + strings.Join(said, ", ") + "."
}

// A chart of rows has a category a row, the first on top, and text at the right
// of each.

const labelWidth = 200 // in pixels; chart.js cuts longer ones

var gap = point{math.NaN(), math.NaN()}

func rowsHeight(n int) int { return 64 + 26*max(n, 2) }

func rows(names, texts []string, x opts.XAxis) *charts.Line {
	chart := charts.NewLine()
	bottom := "28"
	if x.Name != "" {
		x.NameLocation, x.NameGap, bottom = "middle", 26, "44"
	}
	// Room by counting letters: ECharts measures the labels in another font.
	room := func(labels []string) string {
		longest := 0
		for _, l := range labels {
			longest = max(longest, len([]rune(l)))
		}
		return fmt.Sprint(min(16+7*longest, labelWidth+16))
	}
	chart.SetGlobalOptions(still(opts.Grid{Left: room(names), Right: room(texts), Top: "8", Bottom: bottom})...)
	chart.SetGlobalOptions(
		charts.WithXAxisOpts(x),
		charts.WithYAxisOpts(opts.YAxis{Type: "category", Data: names, Inverse: opts.Bool(true)}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}),
	)
	chart.ExtendYAxis(opts.YAxis{Type: "category", Data: texts, Inverse: opts.Bool(true), Position: "right",
		AxisLine: &opts.AxisLine{Show: opts.Bool(false)}})
	return chart
}

// rowMarks are bars and dots of one colour.
type rowMarks struct {
	bars []point // from, to, gap
	dots []point
}

func (m rowMarks) add(chart *charts.Line, name, color string, width float32) {
	if len(m.bars) > 0 {
		chart.AddSeries(name, nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
			s.Data, s.Color, s.ShowSymbol = m.bars, color, opts.Bool(false)
			s.LineStyle = &opts.LineStyle{Color: color, Width: width}
		}))
	}
	if len(m.dots) > 0 {
		chart.AddSeries(name, nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
			s.Type, s.Data, s.Color, s.SymbolSize = "scatter", m.dots, color, 9
		}))
	}
}

// addReference draws a dashed line upright at x.
func addReference(chart *charts.Line, x float64) {
	if !finite(x) {
		return
	}
	chart.AddSeries("", nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
		s.Data = []point{}
		s.MarkLines = &opts.MarkLines{
			Data: []any{opts.MarkLineNameXAxisItem{XAxis: x}},
			MarkLineStyle: opts.MarkLineStyle{Symbol: []string{"none", "none"}, Label: &opts.Label{Show: opts.Bool(false)},
				LineStyle: &opts.LineStyle{Color: muted, Width: 1, Type: "dashed"}},
		}
	}))
}

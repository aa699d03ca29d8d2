// Package charts turns numbers into figures. A Figure is data: an ECharts
// option built with go-echarts, a title, and a sentence that says what it shows.
// The same Figure is drawn in a notebook cell (Cell), on a page (Fragment) and
// in a file that opens without a network (WritePage); all three go through one
// template, so there is one place where names become HTML.
//
// It knows nothing of the store or of HTTP, and holds no JavaScript in options:
// how a figure looks (theme, tooltips, numbers) is chart.js's business, what it
// shows is the option's.
//
//	f := charts.Curves("loss", "Loss", []charts.Line{{Name: "train", X: steps, Y: loss}})
//	html := f.Cell(true)                       // in a notebook
//	err := charts.WritePage(w, "Run 7", f)     // a file
package charts

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// Figure is one chart as data.
type Figure struct {
	ID     string          `json:"id"`              // unique in its page or notebook ("loss" of run k3: "k3-loss"); a later figure with it replaces the earlier
	Title  string          `json:"title"`           //
	Alt    string          `json:"alt"`             // one sentence for those who do not see it
	Height int             `json:"height"`          // in CSS pixels; 0 means 320
	Option json.RawMessage `json:"option"`          // an ECharts option; nil means that Words or Table are all there is
	Words  []Word          `json:"words,omitempty"` // coloured text, in the place of a chart: see Tokens
	Table  *Table          `json:"table,omitempty"`
}

// Table is a figure's numbers as text: what a screen reader gets, and what
// everyone gets where scripts do not run. A Figure without one gets it from its
// option when it is drawn.
type Table struct {
	Columns []string   `json:"columns"` // the first names the row
	Rows    [][]string `json:"rows"`
}

// DefaultHeight is the height of a Figure that names none.
const DefaultHeight = 320

// height returns f's height in CSS pixels.
func (f Figure) height() int {
	if f.Height > 0 {
		return f.Height
	}
	return DefaultHeight
}

// jsonChart is what every go-echarts chart can do.
type jsonChart interface{ JSON() map[string]any }

// figure marshals chart's option without the parts that chart.js decides.
func figure(id, title, alt string, chart jsonChart) Figure {
	return tabled(id, title, alt, nil, chart)
}

// tabled is figure with a table of its own, which the option carries, so that it
// stays with the chart wherever that is kept.
func tabled(id, title, alt string, table *Table, chart jsonChart) Figure {
	option := chart.JSON()
	if table != nil {
		option["table"] = table
	}
	for _, key := range []string{"title", "toolbox", "color"} {
		delete(option, key)
	}
	b, err := json.Marshal(option)
	if err != nil {
		// Options are built here from strings and finite numbers only.
		panic(fmt.Sprintf("charts: figure %s: %v", id, err))
	}
	return Figure{ID: id, Title: title, Alt: alt, Option: b}
}

// still are the settings that all our charts share: no animation, because a
// live chart that is drawn twice a second would never come to rest.
func still(grid opts.Grid) []charts.GlobalOpts {
	return []charts.GlobalOpts{
		charts.WithAnimation(false),
		charts.WithGridOpts(grid),
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true)}),
	}
}

// point is one [x, y] of a series. Coordinates that are not finite become null,
// which ECharts draws as a gap. X keeps every digit (it is often a step number);
// y keeps seven, more than any screen has pixels.
type point struct{ x, y float64 }

func (p point) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 32), '[')
	b = appendNumber(b, p.x, -1)
	b = append(b, ',')
	b = appendNumber(b, p.y, 7)
	return append(b, ']'), nil
}

func appendNumber(b []byte, x float64, digits int) []byte {
	if !finite(x) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, x, 'g', digits, 64)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Format writes x for people: four significant digits, no exponent where none
// is needed, and NaN or ±Inf by name.
func Format(x float64) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "+Inf"
	case math.IsInf(x, -1):
		return "−Inf"
	case x == 0:
		return "0"
	case x == math.Trunc(x) && math.Abs(x) < 1e9:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case math.Abs(x) >= 1e6 || math.Abs(x) < 1e-4:
		return strconv.FormatFloat(x, 'e', 3, 64)
	}
	decimals := 3 - int(math.Floor(math.Log10(math.Abs(x))))
	return strconv.FormatFloat(x, 'f', max(decimals, 0), 64)
}

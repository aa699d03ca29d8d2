package charts

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"github.com/assay-ml/assay/gomlx_models"
)

// node is a box of a graph. Its place is [column, row].
type node struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"` // one or two lines of what it asks or says, and one of how many it holds
	Value      [2]float64 `json:"value"`
	SymbolSize [2]float64 `json:"symbolSize"`
	ItemStyle  struct {
		Color       string `json:"color"`
		BorderColor string `json:"borderColor"`
	} `json:"itemStyle"`
}

// link joins two boxes, as thick as many go there.
type link struct {
	Source    string `json:"source"`
	Target    string `json:"target"`
	LineStyle struct {
		Width float64 `json:"width"`
	} `json:"lineStyle"`
	Label struct {
		Show      bool   `json:"show"`
		Formatter string `json:"formatter"`
	} `json:"label"`
}

const (
	boxWidth, boxHeight   = 176, 54
	columnWidth, rowPitch = 236, 64
)

// Tree returns a decision tree as a picture that is read from left to right: a
// box asks, and the ways that leave it are yes, above, and no, below, as thick as
// the share of patients that goes there. A box is coloured by its answer, the
// deeper the surer; of a tree of numbers, from blue for low to orange for high.
func Tree(id, title string, root *models.Branch) Figure {
	d := treeDrawing{low: math.Inf(1), high: math.Inf(-1)}
	d.span(root)
	table := &Table{Columns: []string{"if", "then", "patients", "share"}}
	d.place(root, 0, nil, table)
	width := float64(d.depth + 1)
	height := float64(max(d.leaves, 2))

	chart := charts.NewLine()
	chart.SetGlobalOptions(still(opts.Grid{Left: "0", Right: "0", Top: "0", Bottom: "0"})...)
	chart.SetGlobalOptions(
		charts.WithXAxisOpts(opts.XAxis{Type: "value", Min: 0.0, Max: width, Show: opts.Bool(false)}),
		charts.WithYAxisOpts(opts.YAxis{Type: "value", Min: 0.0, Max: height, Inverse: opts.Bool(true), Show: opts.Bool(false)}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}),
	)
	chart.AddSeries(title, nil, charts.WithSeriesOpts(func(s *charts.SingleSeries) {
		s.Type, s.CoordSystem, s.Symbol = "graph", "cartesian2d", "roundRect"
		s.Data, s.Links = d.nodes, d.links
	}))
	f := tabled(id, title, treeAlt(title, root, d), table, wide{chart, columnWidth * (d.depth + 1)})
	f.Height = int(rowPitch * height)
	return f
}

// wide is a chart that needs a width, and is scrolled where there is less.
type wide struct {
	jsonChart
	pixels int
}

func (w wide) JSON() map[string]any {
	option := w.jsonChart.JSON()
	option["minWidth"] = w.pixels
	return option
}

// treeDrawing lays a tree out: every leaf has a row, a node stands between its
// children.
type treeDrawing struct {
	nodes         []node
	links         []link
	depth, leaves int
	low, high     float64 // of the answers of a tree of numbers
}

func (d *treeDrawing) span(b *models.Branch) {
	d.low, d.high = min(d.low, cell(b.Value, 0)), max(d.high, cell(b.Value, 0))
	for _, child := range b.Children {
		d.span(child)
	}
}

// place adds b and what is below it, and returns its id and row. path is the
// questions on the way to it, with their answers.
func (d *treeDrawing) place(b *models.Branch, depth int, path []string, table *Table) (id string, row float64) {
	d.depth = max(d.depth, depth)
	id = strconv.Itoa(len(d.nodes))
	at := len(d.nodes)
	n := node{ID: id, SymbolSize: [2]float64{boxWidth, boxHeight}}
	n.ItemStyle.Color, n.ItemStyle.BorderColor = d.color(b)
	held := fmt.Sprintf("%s patients, %.0f %%", Format(b.Cover), 100*b.Share)
	if len(b.Children) == 0 {
		n.Name = boxed(b.Answer) + "\n" + held
		table.Rows = append(table.Rows, []string{cmp.Or(strings.Join(path, " and "), "always"), b.Answer, Format(b.Cover), fmt.Sprintf("%.0f %%", 100*b.Share)})
	} else {
		n.Name = boxed(b.Ask) + "\n" + fmt.Sprintf("%s · %.0f %%", b.Answer, 100*b.Share)
	}
	d.nodes = append(d.nodes, n)
	if len(b.Children) == 0 {
		row = float64(d.leaves) + 0.5
		d.leaves++
	}
	for k, child := range b.Children {
		way := []string{"yes", "no"}[min(k, 1)]
		step := b.Ask
		if k > 0 {
			step = "not " + b.Ask
		}
		childID, childRow := d.place(child, depth+1, append(path[:len(path):len(path)], step), table)
		row += childRow / float64(len(b.Children))
		l := link{Source: id, Target: childID}
		l.LineStyle.Width = 1 + 9*child.Share
		l.Label.Show, l.Label.Formatter = true, way
		d.links = append(d.links, l)
	}
	d.nodes[at].Value = [2]float64{float64(depth) + 0.5, row}
	return id, row
}

// boxed breaks text into the two lines that a box has room for.
func boxed(text string) string {
	const width = 26
	var lines [2]string
	k := 0
	for _, word := range strings.Fields(text) {
		if lines[k] != "" && len([]rune(lines[k]+" "+word)) > width {
			if k == 1 {
				lines[1] += " …"
				break
			}
			k = 1
		}
		lines[k] = strings.TrimSpace(lines[k] + " " + word)
	}
	return strings.TrimSpace(lines[0] + "\n" + lines[1])
}

// color returns the colours of a box and its border.
func (d *treeDrawing) color(b *models.Branch) (fill, border string) {
	hue, depth := palette[0], 0.5
	if len(b.Value) > 1 {
		best := 0
		for k, v := range b.Value {
			if v > b.Value[best] {
				best = k
			}
		}
		hue = palette[best%len(palette)]
		chance := 1 / float64(len(b.Value))
		depth = (b.Value[best] - chance) / (1 - chance)
	} else if d.high > d.low {
		place := 2*(cell(b.Value, 0)-d.low)/(d.high-d.low) - 1 // −1 for the lowest, 1 for the highest
		if place > 0 {
			hue = palette[1]
		}
		depth = math.Abs(place)
	}
	return tint(hue, 0.08+0.42*depth), tint(hue, 0.75)
}

// tint returns the colour on white, as strong as share.
func tint(color string, share float64) string {
	v, err := strconv.ParseUint(strings.TrimPrefix(color, "#"), 16, 32)
	if err != nil {
		return color
	}
	mixed := uint64(0)
	for shift := 16; shift >= 0; shift -= 8 {
		part := float64(v >> shift & 255)
		mixed = mixed<<8 | uint64(math.Round(255+(part-255)*share))
	}
	return fmt.Sprintf("#%06x", mixed)
}

func treeAlt(title string, root *models.Branch, d treeDrawing) string {
	if root.Ask == "" {
		return title + ": a tree that always answers " + root.Answer + "."
	}
	return fmt.Sprintf("%s: a tree of %d leaves that first asks whether %s.", title, d.leaves, root.Ask)
}

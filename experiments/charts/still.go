package charts

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"strings"
)

// A still picture stands where a chart will be until the script draws it, and
// for good where scripts do not run: untrusted notebooks, code hosts, mail. It
// is an SVG image with text in a grey that reads on white and on black.

const (
	stillWidth = 720
	stillInk   = "#7d828c"
	stillRule  = "#7d828c40"
)

// Still returns f as an SVG image, or nil if only ECharts can draw it.
func (f Figure) Still() []byte {
	o, ok := parse(f.Option)
	return f.stillOf(o, ok)
}

// stillOf is Still of a figure whose option is parsed.
func (f Figure) stillOf(o option, ok bool) []byte {
	if !ok {
		return nil
	}
	var body bytes.Buffer
	height := float64(f.height())
	switch o.kind() {
	case "line":
		o.drawLines(&body, height)
	case "bar":
		o.drawBars(&body, height)
	case "heatmap":
		o.drawHeat(&body, height)
	case "rows":
		o.drawRows(&body, height)
	case "graph":
		o.drawGraph(&body)
	default:
		return nil
	}
	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %g" font-family="system-ui,sans-serif" font-size="12" fill="%s">`, stillWidth, height, stillInk)
	svg.Write(body.Bytes())
	svg.WriteString("</svg>")
	return svg.Bytes()
}

// text writes s at x, y; anchor is "start", "middle" or "end".
func text(w *bytes.Buffer, x, y float64, anchor, s string) {
	const longest = 32
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest-1]) + "…"
	}
	fmt.Fprintf(w, `<text x="%.1f" y="%.1f" text-anchor="%s">`, x, y, anchor)
	template.HTMLEscape(w, []byte(s))
	w.WriteString("</text>")
}

// scale maps data to pixels.
type scale struct {
	low, high float64 // data
	from, to  float64 // pixels
	log       bool
}

func (s scale) at(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		v, low, high = math.Log10(v), math.Log10(low), math.Log10(high)
	}
	return s.from + (v-low)/(high-low)*(s.to-s.from)
}

// scaleFor returns the scale of axis a over the dim-th coordinate of lines.
func scaleFor(a axis, lines []series, dim int, from, to float64) scale {
	s := scale{low: math.Inf(1), high: math.Inf(-1), from: from, to: to, log: a.Type == "log"}
	for _, line := range lines {
		for _, d := range line.Data {
			if len(d) >= 2 && finite(d[0]) && finite(d[1]) {
				s.low, s.high = min(s.low, d[dim]), max(s.high, d[dim])
			}
		}
	}
	if a.Min != nil && finite(float64(*a.Min)) {
		s.low = float64(*a.Min)
	}
	if a.Max != nil && finite(float64(*a.Max)) {
		s.high = float64(*a.Max)
	}
	switch {
	case s.low > s.high:
		s.low, s.high = 1, 2
	case s.low == s.high && s.log:
		s.high *= 10
	case s.low == s.high:
		s.low, s.high = s.low-0.5, s.high+0.5
	}
	return s
}

func (o option) drawLines(w *bytes.Buffer, height float64) {
	lines := o.lines()
	const right = 12.0
	left, top, bottom := 64.0, 28.0, 40.0
	if len(o.XAxis) > 1 { // the numbers at risk stand below
		left = 130
		bottom += 30 + 20*float64(len(o.YAxis[1].Data))
	}
	x := scaleFor(o.XAxis[0], lines, 0, left, stillWidth-right)
	y := scaleFor(o.YAxis[0], lines, 1, height-bottom, top)

	for i := range 5 {
		py := y.from + float64(i)/4*(y.to-y.from)
		value := y.low + float64(i)/4*(y.high-y.low)
		if y.log {
			value = math.Pow(10, math.Log10(y.low)+float64(i)/4*(math.Log10(y.high)-math.Log10(y.low)))
		}
		fmt.Fprintf(w, `<path d="M%g %.1fH%g" stroke="%s"/>`, left, py, stillWidth-right, stillRule)
		text(w, left-8, py+4, "end", Format(value))
	}
	text(w, left, height-bottom+18, "start", Format(x.low))
	text(w, stillWidth-right, height-bottom+18, "end", Format(x.high))
	text(w, (left+stillWidth-right)/2, height-bottom+34, "middle", o.XAxis[0].Name)
	o.drawBands(w, x, y)
	o.drawCounts(w, height, x)

	keyX := left
	for _, line := range lines {
		if line.Type == "scatter" {
			drawDots(w, line, x, y)
			continue
		}
		opacity, dash := 1.0, ""
		if line.LineStyle.Opacity != nil {
			opacity = *line.LineStyle.Opacity
		}
		switch line.LineStyle.Type {
		case "dashed":
			dash = ` stroke-dasharray="6 4"`
		case "dotted":
			dash = ` stroke-dasharray="2 3"`
		}
		fmt.Fprintf(w, `<path fill="none" stroke="%s" stroke-width="2" stroke-opacity="%g"%s d="%s"/>`,
			template.HTMLEscapeString(line.Color), opacity, dash, path(line, x, y))
		if opacity == 1 && line.Name != "" && keyX < stillWidth-160 {
			fmt.Fprintf(w, `<path stroke="%s" stroke-width="3"%s d="M%.1f 10h18"/>`, template.HTMLEscapeString(line.Color), dash, keyX)
			text(w, keyX+24, 14, "start", line.Name)
			keyX += 48 + 7*float64(min(len([]rune(line.Name)), 32))
		}
	}
}

// path returns the SVG path of line, broken at its gaps. A point alone between
// gaps is a short stroke.
func path(line series, x, y scale) []byte {
	var d bytes.Buffer
	pen := false
	for i, p := range line.Data {
		if len(p) < 2 || !finite(p[0]) || !finite(p[1]) || (x.log && p[0] <= 0) || (y.log && p[1] <= 0) {
			pen = false
			continue
		}
		px, py := x.at(p[0]), y.at(p[1])
		switch {
		case !pen:
			fmt.Fprintf(&d, "M%.1f %.1fh.1", px, py)
		case line.Step != nil && i > 0:
			fmt.Fprintf(&d, "H%.1fV%.1f", px, py)
		default:
			fmt.Fprintf(&d, "L%.1f %.1f", px, py)
		}
		pen = true
	}
	return d.Bytes()
}

// drawBands fills the areas between the edges that addBand makes.
func (o option) drawBands(w *bytes.Buffer, x, y scale) {
	for i := 1; i < len(o.Series); i++ {
		low, height := o.Series[i-1], o.Series[i]
		if !low.edge() || low.Stack != height.Stack || len(low.Data) != len(height.Data) {
			continue
		}
		top := low
		top.Data = make([]datum, len(low.Data))
		for k, d := range low.Data {
			top.Data[k] = datum{math.NaN(), math.NaN()}
			if h := height.Data[k]; len(d) == 2 && len(h) == 2 {
				top.Data[k] = datum{d[0], d[1] + h[1]}
			}
		}
		// Stretches without a gap are areas of their own.
		for from := 0; from < len(top.Data); {
			to := from
			for to < len(top.Data) && finite(top.Data[to][0]) && finite(top.Data[to][1]) {
				to++
			}
			if to-from > 1 {
				d := path(low.part(from, to), x, y)
				back := top.part(from, to).steps()
				for k := len(back) - 1; k >= 0; k-- {
					d = fmt.Appendf(d, "L%.1f %.1f", x.at(back[k][0]), y.at(back[k][1]))
				}
				fmt.Fprintf(w, `<path fill="%s" fill-opacity=".18" d="%sZ"/>`, template.HTMLEscapeString(low.Color), d)
			}
			from = to + 1
		}
		i++
	}
}

func (s series) part(from, to int) series {
	s.Data = s.Data[from:to]
	return s
}

// steps returns the corners of a line, with those that its steps add.
func (s series) steps() []datum {
	var out []datum
	for i, d := range s.Data {
		if i > 0 && s.Step != nil {
			out = append(out, datum{d[0], s.Data[i-1][1]})
		}
		out = append(out, d)
	}
	return out
}

// drawCounts writes the numbers at risk below survival curves: see Survival.
func (o option) drawCounts(w *bytes.Buffer, height float64, x scale) {
	if len(o.XAxis) < 2 || len(o.YAxis) < 2 {
		return
	}
	names := o.YAxis[1].Data
	top := height - 20*float64(len(names))
	text(w, x.from-24, top-6, "end", o.YAxis[1].Name)
	for i, name := range names {
		text(w, x.from-24, top+20*float64(i)+12, "end", string(name))
	}
	for _, s := range o.Series {
		for _, d := range s.Data {
			if s.XAxis == 1 && len(d) == 3 {
				text(w, x.at(d[0]), top+20*d[1]+12, "middle", Format(d[2]))
			}
		}
	}
}

func drawDots(w *bytes.Buffer, s series, x, y scale) {
	for _, d := range s.Data {
		if len(d) >= 2 && finite(d[0]) && finite(d[1]) && !(x.log && d[0] <= 0) && !(y.log && d[1] <= 0) {
			fmt.Fprintf(w, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s" fill-opacity=".7"/>`, x.at(d[0]), y.at(d[1]), template.HTMLEscapeString(s.Color))
		}
	}
}

// drawRows draws a chart with a category a row: see rows.
func (o option) drawRows(w *bytes.Buffer, height float64) {
	const left, right, top, bottom = 200.0, 190.0, 24.0, 40.0
	names := o.YAxis[0].Data
	x := scaleFor(o.XAxis[0], o.lines(), 0, left, stillWidth-right)
	row := (height - top - bottom) / float64(max(len(names), 1))
	middle := scale{low: 0, high: 1, from: top + row/2, to: top + row*3/2} // of category 0 and 1
	edge := scale{low: 0, high: 1, from: top, to: top + row}               // where an axis of numbers counts rows
	for _, s := range o.Series {
		for _, mark := range s.MarkLine.Data {
			if mark.XAxis != nil && finite(x.at(*mark.XAxis)) {
				fmt.Fprintf(w, `<path d="M%.1f %gV%g" stroke="%s" stroke-dasharray="4 3"/>`, x.at(*mark.XAxis), top, height-bottom, stillRule)
			}
		}
	}
	for i, name := range names {
		text(w, left-8, middle.at(float64(i))+4, "end", string(name))
		if len(o.YAxis) > 1 && i < len(o.YAxis[1].Data) {
			text(w, stillWidth-right+8, middle.at(float64(i))+4, "start", string(o.YAxis[1].Data[i]))
		}
	}
	for _, s := range o.lines() {
		y := middle
		if s.YAxis == 2 {
			y = edge
		}
		if s.Type == "scatter" {
			drawDots(w, s, x, y)
			continue
		}
		fmt.Fprintf(w, `<path fill="none" stroke="%s" stroke-width="%g" d="%s"/>`, template.HTMLEscapeString(s.Color), max(s.LineStyle.Width, 1), path(s, x, y))
	}
	for k := range 5 {
		share := float64(k) / 4
		v := x.low + share*(x.high-x.low)
		if x.log {
			v = x.low * math.Pow(x.high/x.low, share)
		}
		text(w, x.at(v), height-bottom+18, "middle", Format(v))
	}
	text(w, (x.from+x.to)/2, height-6, "middle", o.XAxis[0].Name)
}

// drawGraph draws boxes and the links between them: see Tree.
func (o option) drawGraph(w *bytes.Buffer) {
	columns := 1.0
	if m := o.XAxis[0].Max; m != nil && finite(float64(*m)) && *m >= 1 {
		columns = float64(*m)
	}
	pitch := stillWidth / columns
	boxed := min(boxWidth, 0.76*pitch)
	place := func(n node) (x, y float64) { return n.Value[0] * pitch, n.Value[1] * rowPitch }
	for _, s := range o.Series {
		nodes := map[string]node{}
		for _, n := range s.Nodes {
			nodes[n.ID] = n
		}
		for _, l := range s.Links {
			fromX, fromY := place(nodes[l.Source])
			toX, toY := place(nodes[l.Target])
			fmt.Fprintf(w, `<path d="M%.1f %.1fL%.1f %.1f" stroke="%s" stroke-opacity=".45" stroke-width="%.1f"/>`, fromX, fromY, toX, toY, stillInk, l.LineStyle.Width)
			text(w, (fromX+toX)/2, (fromY+toY)/2-4, "middle", l.Label.Formatter)
		}
		for _, n := range s.Nodes {
			x, y := place(n)
			fmt.Fprintf(w, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="4" fill="%s" stroke="%s"/><g fill="#1c2024" font-size="10">`,
				x-boxed/2, y-boxHeight/2, boxed, boxHeight, template.HTMLEscapeString(n.ItemStyle.Color), template.HTMLEscapeString(n.ItemStyle.BorderColor))
			lines := strings.Split(n.Name, "\n")
			for k, line := range lines {
				text(w, x, y+11-7*float64(len(lines))+14*float64(k), "middle", line)
			}
			w.WriteString("</g>")
		}
	}
}

func (o option) drawBars(w *bytes.Buffer, height float64) {
	names, data := o.YAxis[0].Data, o.Series[0].Data
	const left, right = 180.0, 80.0
	low, high := 0.0, 0.0
	for _, d := range data {
		if finite(d[0]) {
			low, high = min(low, d[0]), max(high, d[0])
		}
	}
	if low == high {
		high = 1
	}
	x := scale{low: low, high: high, from: left, to: stillWidth - right}
	row := (height - 16) / float64(max(len(names), 1))
	for i, d := range data {
		y := 8 + row*float64(i)
		text(w, left-8, y+row/2+4, "end", string(names[i]))
		if finite(d[0]) {
			from, to := min(x.at(0), x.at(d[0])), max(x.at(0), x.at(d[0]))
			fmt.Fprintf(w, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2" fill="%s"/>`, from, y+row*0.2, to-from, row*0.6, palette[0])
		}
		text(w, max(x.at(0), x.at(d[0]))+6, y+row/2+4, "start", Format(d[0]))
	}
}

func (o option) drawHeat(w *bytes.Buffer, height float64) {
	columns, rows := o.XAxis[0].Data, o.YAxis[0].Data
	const left, right, top, bottom = 140.0, 12.0, 8.0, 44.0
	cellW := (stillWidth - left - right) / float64(len(columns))
	cellH := (height - top - bottom) / float64(len(rows))
	high := 0.0
	for _, d := range o.Series[0].Data {
		if len(d) == 3 && finite(d[2]) {
			high = max(high, d[2])
		}
	}
	for _, d := range o.Series[0].Data {
		if len(d) != 3 || !finite(d[2]) {
			continue
		}
		share := 0.0
		if high > 0 {
			share = max(d[2]/high, 0)
		}
		x, y := left+d[0]*cellW, top+d[1]*cellH
		fmt.Fprintf(w, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" fill-opacity="%.2f"/>`,
			x+1, y+1, cellW-2, cellH-2, palette[0], 0.06+0.4*share)
		text(w, x+cellW/2, y+cellH/2+4, "middle", Format(d[2]))
	}
	for i, name := range rows {
		text(w, left-8, top+(float64(i)+0.5)*cellH+4, "end", string(name))
	}
	for i, name := range columns {
		text(w, left+(float64(i)+0.5)*cellW, height-bottom+18, "middle", string(name))
	}
	text(w, left+(stillWidth-left-right)/2, height-6, "middle", o.XAxis[0].Name)
}

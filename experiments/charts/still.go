package charts

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
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
			if len(d) == 2 && finite(d[0]) && finite(d[1]) {
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
	const left, right = 64.0, 12.0
	top, bottom := 28.0, 40.0
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
	text(w, (left+stillWidth-right)/2, height-6, "middle", o.XAxis[0].Name)

	keyX := left
	for _, line := range lines {
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
		if opacity == 1 && keyX < stillWidth-160 {
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
		if len(p) != 2 || !finite(p[0]) || !finite(p[1]) || (x.log && p[0] <= 0) || (y.log && p[1] <= 0) {
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

package charts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// option is the part of an ECharts option that still pictures and tables are
// made from. It reads what this package writes and the same shapes from others;
// what it does not know is left to ECharts.
type option struct {
	XAxis  many[axis]   `json:"xAxis"`
	YAxis  many[axis]   `json:"yAxis"`
	Series many[series] `json:"series"`
	Table  *Table       `json:"table"`    // see tabled
	Width  int          `json:"minWidth"` // see wide
}

type axis struct {
	Type    string  `json:"type"`
	Name    string  `json:"name"`
	Data    []label `json:"data"`
	Min     *number `json:"min"`
	Max     *number `json:"max"`
	Inverse bool    `json:"inverse"`
}

type series struct {
	Name      string  `json:"name"`
	Type      string  `json:"type"`
	Stack     string  `json:"stack"`
	Step      any     `json:"step"`
	Color     string  `json:"color"`
	XAxis     int     `json:"xAxisIndex"`
	YAxis     int     `json:"yAxisIndex"`
	Data      []datum `json:"data"`
	LineStyle struct {
		Type    string   `json:"type"`
		Width   float64  `json:"width"`
		Opacity *float64 `json:"opacity"`
	} `json:"lineStyle"`
	MarkLine struct {
		Data []struct {
			XAxis *float64 `json:"xAxis"`
		} `json:"data"`
	} `json:"markLine"`
	Nodes []node `json:"-"` // the data of a graph
	Links []link `json:"links"`
}

func (s *series) UnmarshalJSON(b []byte) error {
	type plain series // without this method
	if err := json.Unmarshal(b, (*plain)(s)); err != nil {
		return err
	}
	if s.Type != "graph" {
		return nil
	}
	var graph struct {
		Data []node `json:"data"`
	}
	err := json.Unmarshal(b, &graph)
	s.Nodes = graph.Data
	return err
}

// many is a list that may be written as its only member.
type many[T any] []T

func (m *many[T]) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]T)(m))
	}
	var one T
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*m = many[T]{one}
	return nil
}

// label is a category: text, or a number, or an object with a value.
type label string

func (l *label) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if object, ok := v.(map[string]any); ok {
		v = object["value"]
	}
	*l = label(fmt.Sprint(v))
	return nil
}

// number is a coordinate; what is not a number (null, "-", "dataMin") is NaN.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	var f *float64
	if json.Unmarshal(b, &f) != nil || f == nil {
		*n = number(math.NaN())
		return nil
	}
	*n = number(*f)
	return nil
}

// datum is one value of a series: its coordinates, one for a bar.
type datum []float64

func (d *datum) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var object struct {
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(b, &object); err != nil {
			return err
		}
		b = object.Value
	}
	if len(b) == 0 {
		b = []byte("null")
	}
	if inside, list := bytes.CutPrefix(b, []byte("[")); list && !bytes.ContainsAny(inside, `"[{`) {
		// Numbers and nulls alone, as nearly always: there may be very many.
		*d = (*d)[:0]
		for text := range bytes.SplitSeq(bytes.TrimSuffix(inside, []byte("]")), []byte(",")) {
			f, err := strconv.ParseFloat(string(bytes.TrimSpace(text)), 64)
			if err != nil {
				f = math.NaN()
			}
			*d = append(*d, f)
		}
		return nil
	}
	var numbers many[number]
	if err := json.Unmarshal(b, &numbers); err != nil {
		return err
	}
	if len(numbers) == 0 {
		numbers = many[number]{number(math.NaN())} // null leaves many untouched
	}
	*d = make(datum, len(numbers))
	for i, n := range numbers {
		(*d)[i] = float64(n)
	}
	return nil
}

func parse(raw json.RawMessage) (option, bool) {
	var o option
	if len(raw) == 0 || json.Unmarshal(raw, &o) != nil {
		return option{}, false
	}
	return o, len(o.XAxis) > 0 && len(o.YAxis) > 0 && len(o.Series) > 0
}

// lines returns the series of o in its first grid that have a meaning of their
// own, curves and clouds of dots: not the edges of bands, nor marks (addOdd).
func (o option) lines() []series {
	var lines []series
	for _, s := range o.Series {
		drawn := s.Type == "line" || s.Type == "scatter"
		if drawn && !s.edge() && !s.mark() && s.XAxis == 0 && o.XAxis[0].Type != "category" {
			lines = append(lines, s)
		}
	}
	return lines
}

// edge reports whether s is an edge of a band: see addBand.
func (s series) edge() bool { return strings.HasPrefix(s.Stack, "band ") }

// mark reports whether s marks what is not finite: see addOdd.
func (s series) mark() bool { return s.Type == "scatter" && s.YAxis == 1 }

// kind returns which of our charts o is: "line", "bar", "heatmap", "rows" (a
// category a row), "graph", or "" for one that only ECharts can draw.
func (o option) kind() string {
	first := o.Series[0].Type
	switch {
	case first == "bar" && len(o.Series) == 1 && len(o.YAxis[0].Data) == len(o.Series[0].Data):
		return first
	case first == "heatmap" && len(o.XAxis[0].Data) > 0 && len(o.YAxis[0].Data) > 0:
		return first
	case first == "graph":
		return first
	case len(o.lines()) > 0 && o.YAxis[0].Type == "category":
		return "rows"
	case len(o.lines()) > 0:
		return "line"
	}
	return ""
}

// table returns the numbers of f as text: its own Table, or one made from its
// option, or nil.
func (f Figure) table() *Table {
	o, ok := parse(f.Option)
	return f.tableOf(o, ok)
}

// tableOf is table of a figure whose option is parsed.
func (f Figure) tableOf(o option, ok bool) *Table {
	if f.Table != nil {
		return f.Table
	}
	switch {
	case o.Table != nil:
		return o.Table
	case !ok:
		return nil
	}
	switch o.kind() {
	case "line":
		return o.lineTable()
	case "bar":
		t := &Table{Columns: []string{"", "value"}}
		for i, name := range o.YAxis[0].Data {
			t.Rows = append(t.Rows, []string{string(name), Format(o.Series[0].Data[i][0])})
		}
		return t
	case "heatmap":
		return o.heatTable()
	}
	return nil
}

// lineTable says where each curve begins, ends, and how far it goes.
func (o option) lineTable() *Table {
	t := &Table{Columns: []string{"", "points", "first", "last", "lowest", "highest"}}
	for _, s := range o.lines() {
		if s.Name == "" {
			continue
		}
		first, last, low, high, count := math.NaN(), math.NaN(), math.Inf(1), math.Inf(-1), 0
		for _, d := range s.Data {
			if len(d) != 2 || !finite(d[1]) {
				continue
			}
			if count++; count == 1 {
				first = d[1]
			}
			last = d[1]
			low, high = min(low, d[1]), max(high, d[1])
		}
		if count == 0 {
			low, high = math.NaN(), math.NaN()
		}
		t.Rows = append(t.Rows, []string{s.Name, Format(float64(count)), Format(first), Format(last), Format(low), Format(high)})
	}
	return t
}

func (o option) heatTable() *Table {
	t := &Table{Columns: []string{""}}
	for _, column := range o.XAxis[0].Data {
		t.Columns = append(t.Columns, string(column))
	}
	for _, row := range o.YAxis[0].Data {
		t.Rows = append(t.Rows, append([]string{string(row)}, make([]string, len(o.XAxis[0].Data))...))
	}
	for _, d := range o.Series[0].Data {
		if len(d) != 3 {
			continue
		}
		if x, y := int(d[0]), int(d[1]); y >= 0 && y < len(t.Rows) && x >= 0 && x+1 < len(t.Rows[y]) {
			t.Rows[y][x+1] = Format(d[2])
		}
	}
	return t
}

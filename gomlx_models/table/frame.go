package table

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Kind is what a column holds.
type Kind string

// The kinds.
const (
	Number   Kind = "number"
	Category Kind = "category"
)

// Column is one variable. A Number column has Numbers, in which NaN is missing; a
// Category column has Levels in ascending order and Codes into them, in which -1
// is missing.
type Column struct {
	Name    string
	Kind    Kind
	Numbers []float64
	Levels  []string
	Codes   []int
}

// Frame is columns of one length.
type Frame struct {
	Columns []Column
}

// NumberColumn returns a column of numbers; NaN is missing.
func NumberColumn(name string, values []float64) Column {
	return Column{Name: name, Kind: Number, Numbers: values}
}

// CategoryColumn returns a column of categories; empty text is missing.
func CategoryColumn(name string, values []string) Column {
	c := Column{Name: name, Kind: Category, Codes: make([]int, len(values))}
	for _, v := range values {
		if v != "" {
			c.Levels = append(c.Levels, v)
		}
	}
	slices.Sort(c.Levels)
	c.Levels = slices.Compact(c.Levels)
	for i, v := range values {
		c.Codes[i] = -1
		if k, found := slices.BinarySearch(c.Levels, v); found {
			c.Codes[i] = k
		}
	}
	return c
}

// Len returns the number of rows.
func (c *Column) Len() int {
	if c.Kind == Number {
		return len(c.Numbers)
	}
	return len(c.Codes)
}

// Missing reports whether row i has no value.
func (c *Column) Missing(i int) bool {
	if c.Kind == Number {
		return math.IsNaN(c.Numbers[i])
	}
	return c.Codes[i] < 0
}

// Text returns the value of row i as text, "" if it is missing.
func (c *Column) Text(i int) string {
	switch {
	case c.Missing(i):
		return ""
	case c.Kind == Number:
		return numberText(c.Numbers[i])
	}
	return c.Levels[c.Codes[i]]
}

// numberText writes whole numbers without an exponent: they may be patients.
func numberText(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) <= exact {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// exact is up to where every whole number is a float64.
const exact = 1 << 53

// take returns the column with only some rows, in their order.
func (c *Column) take(rows []int) Column {
	t := Column{Name: c.Name, Kind: c.Kind, Levels: c.Levels}
	for _, i := range rows {
		if c.Kind == Number {
			t.Numbers = append(t.Numbers, c.Numbers[i])
		} else {
			t.Codes = append(t.Codes, c.Codes[i])
		}
	}
	return t
}

// Rows returns the number of rows.
func (f *Frame) Rows() int {
	if len(f.Columns) == 0 {
		return 0
	}
	return f.Columns[0].Len()
}

// even finds columns that differ in length, as of a frame put together by hand.
func (f *Frame) even() error {
	for i := range f.Columns {
		if c := &f.Columns[i]; c.Len() != f.Rows() {
			return fmt.Errorf("column %q has %d rows where %q has %d", c.Name, c.Len(), f.Columns[0].Name, f.Rows())
		}
	}
	return nil
}

// Column returns the column called name.
func (f *Frame) Column(name string) (*Column, error) {
	for i := range f.Columns {
		if f.Columns[i].Name == name {
			return &f.Columns[i], nil
		}
	}
	return nil, fmt.Errorf("there is no column %q: the columns are %q", name, f.Names())
}

// Names returns the columns' names.
func (f *Frame) Names() []string {
	names := make([]string, len(f.Columns))
	for i := range f.Columns {
		names[i] = f.Columns[i].Name
	}
	return names
}

// Numbers returns a column's numbers, which share the frame's memory.
func (f *Frame) Numbers(name string) ([]float64, error) {
	c, err := f.Column(name)
	if err != nil {
		return nil, err
	}
	if c.Kind != Number {
		return nil, fmt.Errorf("column %q holds categories such as %q, not numbers", name, first(c.Levels))
	}
	return c.Numbers, nil
}

// Days returns a column of dates (2006-01-02), or of dates with a time of day, as days
// since 1970 in UTC, NaN where missing: what ByTime splits by. Numbers are as they are.
func (f *Frame) Days(name string) ([]float64, error) {
	c, err := f.Column(name)
	if err != nil {
		return nil, err
	}
	if c.Kind == Number {
		return c.Numbers, nil
	}
	days := make([]float64, c.Len())
	for i := range days {
		days[i] = math.NaN()
		if c.Missing(i) {
			continue
		}
		if days[i], err = dayOf(c.Text(i)); err != nil {
			return nil, fmt.Errorf("column %q, row %d: %w", name, i, err)
		}
	}
	return days, nil
}

func dayOf(text string) (float64, error) {
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return float64(t.Unix()) / (24 * 60 * 60), nil
		}
	}
	return 0, fmt.Errorf("%q is no date such as 2006-01-02", text)
}

// Texts returns a column as text, "" where it is missing: patients, subgroups.
func (f *Frame) Texts(name string) ([]string, error) {
	c, err := f.Column(name)
	if err != nil {
		return nil, err
	}
	texts := make([]string, c.Len())
	for i := range texts {
		texts[i] = c.Text(i)
	}
	return texts, nil
}

// Take returns the frame with only some rows, in their order. Categories keep
// levels that none of them has.
func (f *Frame) Take(rows []int) *Frame {
	t := &Frame{Columns: make([]Column, len(f.Columns))}
	for i := range f.Columns {
		t.Columns[i] = f.Columns[i].take(rows)
	}
	return t
}

// Select returns the frame with only the named columns, in that order.
func (f *Frame) Select(names ...string) (*Frame, error) {
	s := &Frame{}
	for _, name := range names {
		c, err := f.Column(name)
		if err != nil {
			return nil, err
		}
		s.Columns = append(s.Columns, *c)
	}
	return s, nil
}

// Drop returns the frame without the named columns, each of which must be there.
func (f *Frame) Drop(names ...string) (*Frame, error) {
	for _, name := range names {
		if _, err := f.Column(name); err != nil {
			return nil, err
		}
	}
	d := &Frame{}
	for _, c := range f.Columns {
		if !slices.Contains(names, c.Name) {
			d.Columns = append(d.Columns, c)
		}
	}
	return d, nil
}

func first(levels []string) string {
	if len(levels) == 0 {
		return ""
	}
	return levels[0]
}

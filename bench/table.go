package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"
)

// column is one figure of the table.
type column struct {
	title  string
	of     func(figures) float64
	format func(float64) string
	faster bool // more is better
}

func whole(v float64) string { return humanize.Comma(int64(v + 0.5)) }

func ms(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.1f ms", v)
	case v >= 10_000:
		return fmt.Sprintf("%.1f s", v/1000)
	}
	return whole(v) + " ms"
}

func columns(w work) []column {
	return []column{
		{"points/s, 1 a call", func(f figures) float64 { return f.Single }, whole, true},
		{"10 a call", func(f figures) float64 { return f.Ten }, whole, true},
		{"in bulk", func(f figures) float64 { return f.Bulk }, whole, true},
		{"list " + whole(float64(w.Runs)) + " runs", func(f figures) float64 { return f.List }, ms, false},
		{"history of " + whole(float64(w.History)), func(f figures) float64 { return f.History }, ms, false},
		{"first page", func(f figures) float64 { return f.Page * 1000 }, ms, false},
		{"its server", func(f figures) float64 { return f.Memory }, func(v float64) string { return whole(v) + " MB" }, false},
	}
}

// write writes the figures as a Markdown table: each with how many times as good
// the first tracker is, in brackets.
func write(w io.Writer, done work, machine string, names []string, all []figures) {
	cols := columns(done)
	head := []string{"", fmt.Sprintf("kept of %d after kill -9", killPoints)}
	for _, c := range cols {
		head = append(head, c.title)
	}
	row := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	row(head)
	fmt.Fprintln(w, "|"+strings.Repeat("---|", len(head)))
	for i, f := range all {
		cells := []string{strings.TrimSpace(names[i] + " " + f.Version), fmt.Sprint(f.Kept)}
		for _, c := range cols {
			cells = append(cells, c.cell(f, all[0], i == 0))
		}
		row(cells)
	}
	fmt.Fprintf(w, `
In brackets: how many times as much %s does, or how many times as fast or small
it is. Points a call are the best of three runs, and count until they are in the
tracker's store; list and history are medians. assay and go-sqlite3 are called
from Go, FastTrackML over HTTP, the others from Python. Aim's readers find a
run, also a killed one, only after a reindex, which is not in its times. Measured with `+"`make bench`"+`
on %s.
`, names[0], machine)
}

func (c column) cell(f, first figures, isFirst bool) string {
	v, own := c.of(f), c.of(first)
	if v == 0 {
		return "–"
	}
	if isFirst || own == 0 {
		return c.format(v)
	}
	ratio := v / own
	if c.faster {
		ratio = own / v
	}
	return fmt.Sprintf("%s (%s×)", c.format(v), times(ratio))
}

// times writes a ratio to about two digits.
func times(ratio float64) string {
	switch {
	case ratio >= 10:
		return whole(ratio)
	case ratio >= 1:
		return fmt.Sprintf("%.1f", ratio)
	}
	return fmt.Sprintf("%.2f", ratio)
}

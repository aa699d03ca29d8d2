package peer

import (
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"
)

// Row is what one program did: its figures by the names of columns.
type Row struct {
	Task    string // what all programs of the table did, where it compares them on several
	Name    string
	Figures map[string]float64
}

// Column is one figure of the table.
type Column struct {
	Name   string // in Row.Figures
	Title  string
	Format func(float64) string
	Better Better
}

// Better says how a figure compares.
type Better int

// A figure is a time or a size, a rate, or what has no ratio, such as a score.
const (
	Less Better = iota
	More
	Alone
)

// Write writes the rows as a Markdown table. Behind each figure stands, in
// brackets, how many times as good that of the task's first row is. What a
// program has no figure for is a dash.
func Write(w io.Writer, columns []Column, rows []Row) {
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	head := []string{""}
	for _, c := range columns {
		head = append(head, c.Title)
	}
	line(head)
	fmt.Fprintln(w, "|"+strings.Repeat("---|", len(head)))
	first := 0
	for i, row := range rows {
		cells := []string{row.Name}
		if row.Task != rows[first].Task {
			first = i
		}
		if row.Task != "" {
			cells[0] = row.Task + ": " + row.Name
			if i > first {
				cells[0] = row.Name
			}
		}
		for _, c := range columns {
			v, ok := row.Figures[c.Name]
			own, compared := rows[first].Figures[c.Name]
			cells = append(cells, c.cell(v, own, ok, compared && i > first))
		}
		line(cells)
	}
}

func (c Column) cell(v, own float64, ok, compared bool) string {
	switch {
	case !ok:
		return "–"
	case !compared || c.Better == Alone:
		return c.Format(v)
	}
	ratio := v / own
	if c.Better == More {
		ratio = own / v
	}
	return fmt.Sprintf("%s (%s×)", c.Format(v), times(ratio))
}

// times writes a ratio to about two digits.
func times(ratio float64) string {
	switch {
	case ratio >= 10:
		return Whole(ratio)
	case ratio >= 1:
		return fmt.Sprintf("%.1f", ratio)
	}
	return fmt.Sprintf("%.2f", ratio)
}

// Whole formats a count.
func Whole(v float64) string { return humanize.Comma(int64(v + 0.5)) }

// MB formats megabytes.
func MB(v float64) string { return Whole(v) + " MB" }

// Score formats a number between 0 and 1.
func Score(v float64) string { return fmt.Sprintf("%.3f", v) }

// Ms formats milliseconds.
func Ms(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.1f ms", v)
	case v >= 10_000:
		return fmt.Sprintf("%.1f s", v/1000)
	}
	return Whole(v) + " ms"
}

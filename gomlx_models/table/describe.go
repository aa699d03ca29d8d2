package table

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/quantile"
)

// Describe shows what each column was taken for: its kind, how many values are
// missing and distinct, and what they are like.
func (f *Frame) Describe() models.Table {
	t := models.Table{
		Kind: "columns", Title: fmt.Sprintf("%d rows", f.Rows()),
		Columns: []string{"column", "kind", "missing", "distinct", "values"},
	}
	for i := range f.Columns {
		c := &f.Columns[i]
		missing := c.Len()
		var distinct int
		var values string
		if c.Kind == Number {
			known := sortedKnown(c.Numbers)
			missing -= len(known)
			if len(known) > 0 {
				values = fmt.Sprintf("%s to %s, median %s", brief(known[0]), brief(known[len(known)-1]), brief(quantile.Of(known, 0.5)))
			}
			distinct = len(slices.Compact(known))
		} else {
			counts := c.counts()
			for _, n := range counts {
				missing -= n
				if n > 0 {
					distinct++
				}
			}
			values = c.commonest(counts, 3)
		}
		t.Rows = append(t.Rows, []string{c.Name, string(c.Kind), share(missing, c.Len()), fmt.Sprint(distinct), values})
	}
	return t
}

// counts returns how many rows have each level.
func (c *Column) counts() []int {
	n := make([]int, len(c.Levels))
	for _, code := range c.Codes {
		if code >= 0 {
			n[code]++
		}
	}
	return n
}

// commonest lists the most frequent levels.
func (c *Column) commonest(counts []int, show int) string {
	order := make([]int, len(counts))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[b], counts[a]) })
	var parts []string
	for _, k := range order[:min(show, len(order))] {
		parts = append(parts, fmt.Sprintf("%s (%d)", c.Levels[k], counts[k]))
	}
	if len(order) > show {
		parts = append(parts, "…")
	}
	return strings.Join(parts, ", ")
}

// TableOne compares the rows of each level of the column by: the first table of
// a medical paper. Numbers are shown as median [quartiles], categories and numbers
// that are 0 or 1 as n (%), of the rows that have a value. If by has two levels, the
// last column is the standardised difference between them,
//
//	|x̄₁ − x̄₂| / √((s₁² + s₂²) / 2)
//
// with s² = p (1−p) for a share; above 0.1 is commonly called unbalanced. columns
// nil means all but by. Rows without a level of by are left out.
func (f *Frame) TableOne(by string, columns ...string) (models.Table, error) {
	outcome, err := f.Column(by)
	if err = cmp.Or(err, f.even()); err != nil {
		return models.Table{}, err
	}
	labels, _ := f.Texts(by)
	groups := slices.Clone(labels)
	slices.Sort(groups)
	groups = slices.DeleteFunc(slices.Compact(groups), func(l string) bool { return l == "" })
	if len(groups) < 2 || len(groups) > 10 {
		return models.Table{}, fmt.Errorf("column %q has %d levels: a table by outcome needs 2 to 10", by, len(groups))
	}
	parts := [][]int{nil} // all, then each group
	head := []string{"variable", ""}
	for _, g := range groups {
		var rows []int
		for i, l := range labels {
			if l == g {
				rows = append(rows, i)
			}
		}
		parts[0] = append(parts[0], rows...)
		parts = append(parts, rows)
		head = append(head, fmt.Sprintf("%s = %s (n = %d)", outcome.Name, g, len(rows)))
	}
	head[1] = fmt.Sprintf("all (n = %d)", len(parts[0]))
	t := models.Table{Kind: "table one", Title: "Patients by " + by, Columns: append(head, "missing")}
	if len(groups) == 2 {
		t.Columns = append(t.Columns, "difference")
	}
	if len(columns) == 0 {
		columns = slices.DeleteFunc(f.Names(), func(name string) bool { return name == by })
	}
	for _, name := range columns {
		c, err := f.Column(name)
		if err != nil {
			return models.Table{}, err
		}
		t.Rows = append(t.Rows, c.tableOne(parts)...)
	}
	return t, nil
}

// tableOne returns the column's lines: one for a number, one a level for a
// category. parts are all rows and those of each group.
func (c *Column) tableOne(parts [][]int) [][]string {
	if known := sortedKnown(c.Numbers); slices.Equal(slices.Compact(known), []float64{0, 1}) {
		texts := make([]string, c.Len())
		for i := range texts {
			texts[i] = c.Text(i)
		}
		yes := CategoryColumn(c.Name, texts)
		return yes.tableOne(parts)[1:] // who have it tell how many have not
	}
	missing := 0
	for _, i := range parts[0] {
		if c.Missing(i) {
			missing++
		}
	}
	line := func(name string, cell func(part Column) (text string, mean, variance float64)) []string {
		cells := []string{name}
		var means, variances []float64
		for _, rows := range parts {
			text, m, v := cell(c.take(rows))
			cells, means, variances = append(cells, text), append(means, m), append(variances, v)
		}
		cells = append(cells, share(missing, len(parts[0])))
		if len(parts) == 3 {
			d := math.Abs(means[1]-means[2]) / math.Sqrt((variances[1]+variances[2])/2)
			switch {
			case means[1] == means[2]:
				cells = append(cells, "0.00")
			case math.IsNaN(d) || math.IsInf(d, 0): // a group has no values, or none that varies
				cells = append(cells, "–")
			default:
				cells = append(cells, fmt.Sprintf("%.2f", d))
			}
		}
		return cells
	}
	if c.Kind == Number {
		return [][]string{line(c.Name, func(part Column) (string, float64, float64) {
			known := sortedKnown(part.Numbers)
			if len(known) == 0 {
				return "–", math.NaN(), math.NaN()
			}
			mean, variance := moments(known)
			return fmt.Sprintf("%s [%s, %s]", brief(quantile.Of(known, 0.5)), brief(quantile.Of(known, 0.25)), brief(quantile.Of(known, 0.75))), mean, variance
		})}
	}
	var lines [][]string
	for k, level := range c.Levels {
		lines = append(lines, line(c.Name+" = "+level, func(part Column) (string, float64, float64) {
			counts, known := part.counts(), 0
			for _, n := range counts {
				known += n
			}
			p := float64(counts[k]) / float64(known)
			return share(counts[k], known), p, p * (1 - p)
		}))
	}
	return lines
}

// brief writes a number to four digits, and one of more than four whole: platelets
// are 263000, not 2.63e+05.
func brief(v float64) string {
	if a := math.Abs(v); a >= 1000 && a < 1e15 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.4g", v)
}

func share(n, of int) string {
	if of == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%.1f %%)", n, 100*float64(n)/float64(of))
}

func sortedKnown(values []float64) []float64 {
	known := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) {
			known = append(known, v)
		}
	}
	slices.Sort(known)
	return known
}

// moments returns the mean and the sample variance.
func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(max(1, len(x)-1))
}

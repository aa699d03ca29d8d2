package charts

import (
	"fmt"
	"slices"
	"strconv"
)

// Confusions returns the confusion matrices of several runs in one heat map: for
// each true class a row a run, so that what is to be compared stands together.
// Cells are shares of the true class, because runs may have been judged on
// different numbers of rows. It reports whether at least two runs have such a
// matrix of the same classes.
func Confusions(id, title string, runs []Judged) (Figure, bool) {
	const mostRows = 24 // that one can still look over
	var classes, called []string
	var names []string
	var shares [][][]float64 // of each run
	for _, run := range runs {
		for _, t := range run.Report.Tables {
			if t.Kind != "confusion" || len(t.Columns) < 2 {
				continue
			}
			var truth []string
			for _, row := range t.Rows {
				truth = append(truth, row[0])
			}
			if classes == nil {
				classes, called = truth, t.Columns[1:]
			}
			share, ok := shareOfRows(t.Rows)
			if !ok || !slices.Equal(truth, classes) || !slices.Equal(t.Columns[1:], called) {
				continue
			}
			names, shares = append(names, run.Name), append(shares, share)
			break
		}
	}
	if len(names) < 2 || len(names)*len(classes) > mostRows {
		return Figure{}, false
	}
	var rows []string
	var values [][]float64
	for c, class := range classes {
		for r, name := range names {
			rows, values = append(rows, class+" · "+name), append(values, shares[r][c])
		}
	}
	f := Heat(id, title, "", "", rows, called, values) // both say what they are
	f.Height = 110 + 26*max(len(rows), 4)
	f.Alt = fmt.Sprintf("%s: shares of each true class that were called each class, by %d runs.", title, len(names))
	return f, true
}

// shareOfRows returns the numbers of a table as shares of the sum of their row;
// its first column names the row.
func shareOfRows(rows [][]string) ([][]float64, bool) {
	shares := make([][]float64, len(rows))
	for i, row := range rows {
		sum := 0.0
		for _, text := range row[1:] {
			x, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, false
			}
			shares[i] = append(shares[i], x)
			sum += x
		}
		for k := range shares[i] {
			shares[i][k] /= sum // NaN of an empty row stays an empty cell
		}
	}
	return shares, true
}

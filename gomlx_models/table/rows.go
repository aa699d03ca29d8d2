package table

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Features are the names of the columns of rows, in order. A column that has no
// name is called by its place: "x0", "x1" …
type Features []string

// Name returns the name of column j.
func (f Features) Name(j int) string {
	if j < len(f) {
		return f[j]
	}
	return fmt.Sprintf("x%d", j)
}

// Names returns the names of n columns.
func (f Features) Names(n int) []string {
	names := make([]string, n)
	for j := range names {
		names[j] = f.Name(j)
	}
	return names
}

// Check finds rows that a model of so many columns cannot read: of another width,
// with infinite values, or with missing ones (NaN) if needing names what does not
// take them, such as "cox"; "" means that all of the model does.
func (f Features) Check(rows [][]float64, columns int, needing string) error {
	for i, x := range rows {
		if len(x) != columns {
			return fmt.Errorf("row %d has %d columns, and the model has %d", i, len(x), columns)
		}
		for j, v := range x {
			switch {
			case v-v == 0: // finite, as next to all are: one comparison is quicker than two calls
			case math.IsInf(v, 0):
				return fmt.Errorf("row %d: %s is %v", i, f.Name(j), v)
			case needing != "":
				return fmt.Errorf("row %d: %s is missing, which %s does not take: impute it first", i, f.Name(j), needing)
			}
		}
	}
	return nil
}

// Moments returns the mean and the standard deviation of each column, of the
// values that are not missing; the deviation is 1 where it would be 0, so that one
// can divide by it.
func Moments(rows [][]float64) (mean, deviation []float64) {
	columns := len(rows[0])
	mean, deviation = make([]float64, columns), make([]float64, columns)
	known := make([]float64, 0, len(rows))
	for j := range columns {
		known = known[:0]
		for _, x := range rows {
			if !math.IsNaN(x[j]) {
				known = append(known, x[j])
			}
		}
		deviation[j] = 1
		switch {
		case len(known) == 0:
		case slices.Min(known) == slices.Max(known): // though the mean may round, and leave a deviation
			mean[j] = known[0]
		default:
			var sd float64
			if mean[j], sd = stat.PopMeanStdDev(known, nil); sd > 0 {
				deviation[j] = sd
			}
		}
	}
	return mean, deviation
}

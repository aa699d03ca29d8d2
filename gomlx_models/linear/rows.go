package linear

import "gonum.org/v1/gonum/mat"

// Rows is a table of numbers that is read row by row: a *mat.Dense, or a Table.
// Fits of this package read it a few times over, from several goroutines, and keep
// no copy.
type Rows interface {
	Dims() (rows, columns int)
	RawRowView(i int) []float64 // row i, which is not written to
}

var _ Rows = (*mat.Dense)(nil)

// Table is Rows that are slices of their own, all of one length.
type Table [][]float64

// Dims implements Rows.
func (t Table) Dims() (rows, columns int) {
	if len(t) == 0 {
		return 0, 0
	}
	return len(t), len(t[0])
}

// RawRowView implements Rows.
func (t Table) RawRowView(i int) []float64 { return t[i] }

// design is what coefficients are of: the columns of x less their centre and then,
// if there is an intercept to fit with them, a column of ones.
type design struct {
	x      Rows
	center []float64 // nil means 0
	ones   bool
}

func (d design) dims() (n, q int) {
	n, p := d.x.Dims()
	if d.ones {
		return n, p + 1
	}
	return n, p
}

// row writes row i to dst.
func (d design) row(dst []float64, i int) {
	for j, v := range d.x.RawRowView(i) {
		if d.center != nil {
			v -= d.center[j]
		}
		dst[j] = v
	}
	if d.ones {
		dst[len(dst)-1] = 1
	}
}

// Package tabletest opens real tables for the tests of models.
package tabletest

import (
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/assay-ml/assay/gomlx_models/modeltest"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// Open reads a table by its path in a data folder, such as
// "predict/surv_gbsg2/gbsg2.csv". The test is skipped if no data folder has it.
func Open(t testing.TB, path string) *table.Frame {
	t.Helper()
	frame, err := table.Open(modeltest.Data(t, path), table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// Numbers returns a column as numbers; a category is its place among the sorted
// levels.
func Numbers(t testing.TB, frame *table.Frame, name string) []float64 {
	t.Helper()
	column, err := frame.Column(name)
	if err != nil {
		t.Fatal(err)
	}
	if column.Kind == table.Number {
		return column.Numbers
	}
	out := make([]float64, len(column.Codes))
	for i, code := range column.Codes {
		out[i] = float64(code)
	}
	return out
}

// Matrix returns the named columns as Numbers has them.
func Matrix(t testing.TB, frame *table.Frame, names []string) *mat.Dense {
	t.Helper()
	x := mat.NewDense(frame.Rows(), len(names), nil)
	for j, name := range names {
		x.SetCol(j, Numbers(t, frame, name))
	}
	return x
}

// XY opens a table as Open does and returns its columns but for the outcome, the
// outcome, and the columns' names; names nil means all.
func XY(t testing.TB, path, outcome string, names ...string) (*mat.Dense, []float64, []string) {
	t.Helper()
	frame := Open(t, path)
	if names == nil {
		for _, name := range frame.Names() {
			if name != outcome {
				names = append(names, name)
			}
		}
	}
	return Matrix(t, frame, names), Numbers(t, frame, outcome), names
}

// Classes returns an outcome that counts classes as integers.
func Classes(y []float64) []int {
	out := make([]int, len(y))
	for i, v := range y {
		out[i] = int(v)
	}
	return out
}

// Standardise returns x with columns of mean 0 and deviation 1.
func Standardise(x *mat.Dense) *mat.Dense {
	out := mat.DenseCopyOf(x)
	_, p := x.Dims()
	for j := range p {
		column := mat.Col(nil, j, x)
		mean, deviation := stat.PopMeanStdDev(column, nil)
		for i, v := range column {
			out.Set(i, j, (v-mean)/deviation)
		}
	}
	return out
}

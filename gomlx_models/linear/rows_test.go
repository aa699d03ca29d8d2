package linear_test

import (
	"reflect"
	"runtime"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/linear"
)

// slices returns the rows of x, each in its own memory.
func slices(x *mat.Dense) (rows linear.Table) {
	for i := range x.RawMatrix().Rows {
		rows = append(rows, mat.Row(nil, i, x))
	}
	return rows
}

func TestTableIsAsGoodAsMatrix(t *testing.T) {
	x := mat.NewDense(6, 2, []float64{1, 0, 2, 1, 3, 0, 4, 1, 5, 1, 6, 0})
	class := []int{0, 1, 0, 1, 0, 1}
	dense, err := linear.FitLogistic(x, class, 2, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	table, err := linear.FitLogistic(slices(x), class, 2, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(dense, table) {
		t.Errorf("of a matrix %+v, of its rows %+v", dense, table)
	}
	if got, want := table.Predict(slices(x)), dense.Predict(x); !reflect.DeepEqual(got, want) {
		t.Errorf("predictions of rows %v, of the matrix %v", got, want)
	}
	_, err = linear.Fit(linear.Table{{1, 2}, {1}}, []float64{1, 2}, nil, linear.Config{})
	if err == nil || !strings.Contains(err.Error(), "row 1 has 1 columns") {
		t.Errorf("rows of two lengths: got %v", err)
	}
}

// A fit must not cost the memory of its data again.
func TestFitsKeepNoCopyOfTheRows(t *testing.T) {
	x, y, class := big()
	f := func(what string, fit func() error) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := fit(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		n, p := x.Dims()
		if got, data := after.TotalAlloc-before.TotalAlloc, uint64(8*n*p); got >= data {
			t.Errorf("%s: allocated %d MB in all, and the rows are %d MB", what, got>>20, data>>20)
		}
	}
	f("least squares", func() error { _, err := linear.Fit(x, y, nil, linear.Config{}); return err })
	f("logistic", func() error { _, err := linear.FitLogistic(x, class, 2, nil, linear.Config{}); return err })
}

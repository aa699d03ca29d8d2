package sample_test

import (
	"testing"

	"github.com/assay-ml/assay/gomlx_models/prognosis/sample"
	"github.com/assay-ml/assay/gomlx_models/table"
)

func TestTablesAreWhole(t *testing.T) {
	f := func(name string, open func() (*table.Frame, error), rows, columns int, outcome string, want float64) {
		t.Helper()
		frame, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if frame.Rows() != rows || len(frame.Columns) != columns {
			t.Errorf("%s: got %d rows and %d columns, want %d and %d", name, frame.Rows(), len(frame.Columns), rows, columns)
		}
		values, err := frame.Numbers(outcome)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		if sum != want {
			t.Errorf("%s: %s sums to %v, want %v", name, outcome, sum, want)
		}
	}
	f("wdbc", sample.WDBC, 569, 31, "target", 357)
	f("diabetes", sample.Diabetes, 442, 11, "target", 67243)
	f("support2", sample.SUPPORT2, 9105, 48, "death", 6201)
}

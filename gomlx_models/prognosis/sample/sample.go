// Package sample is three public tables to learn prognosis on, embedded so that a
// notebook runs without a network. README.md beside this file says where each
// comes from and under which licence.
//
//	frame, err := sample.WDBC()
//	fmt.Println(frame.Describe())
package sample

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the tables
	"fmt"
	"io"

	"github.com/assay-ml/assay/gomlx_models/table"
)

//go:embed wdbc.csv
var wdbc []byte

//go:embed diabetes.csv
var diabetes []byte

//go:embed support2.csv.gz
var support2 []byte

// WDBC returns 569 biopsies of breast masses: 30 measurements of cell nuclei, and
// target, 0 for malignant (212) and 1 for benign (357).
func WDBC() (*table.Frame, error) { return read("wdbc", bytes.NewReader(wdbc)) }

// Diabetes returns 442 patients with diabetes: ten variables at the first visit,
// and target, a measure of the disease's progression a year later.
func Diabetes() (*table.Frame, error) { return read("diabetes", bytes.NewReader(diabetes)) }

// SUPPORT2 returns 9105 seriously ill patients of five American hospitals:
// diagnoses and physiology on the third day, d.time (days followed) and death
// (whether they died then), with values missing as they were. Columns such as
// surv2m, prg6m, dnr, slos, charges and hospdead know what came later, or what
// others foresaw: leave them out of a forecast.
func SUPPORT2() (*table.Frame, error) {
	r, err := gzip.NewReader(bytes.NewReader(support2))
	if err != nil {
		return nil, fmt.Errorf("support2: %w", err)
	}
	return read("support2", r)
}

func read(name string, r io.Reader) (*table.Frame, error) {
	frame, err := table.ReadCSV(r, table.Options{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return frame, nil
}

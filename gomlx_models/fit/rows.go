package fit

import (
	"cmp"
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"
)

// WithRowDefaults returns o with some zero values replaced by what suits a table of
// hundreds or thousands of rows: 100 epochs, batches of 128 and a patience of 15.
func (o Options) WithRowDefaults() Options {
	o.Epochs, o.Batch, o.Patience = cmp.Or(o.Epochs, 100), cmp.Or(o.Batch, 128), cmp.Or(o.Patience, 15)
	return o
}

// CheckShares finds a share of units left out in training (dropout), or of patients
// held out to choose the epoch, that cannot be one.
func CheckShares(dropout, heldOut float64) error {
	if !(dropout >= 0 && dropout < 1) {
		return fmt.Errorf("dropout is %v: it must be at least 0 and below 1", dropout)
	}
	if !(heldOut > 0 && heldOut < 1) {
		return fmt.Errorf("validation is %v: it is the share of patients held out, between 0 and 1", heldOut)
	}
	return nil
}

// Rows is the Source of a table: of each row its columns and, to learn from, its
// label.
type Rows struct {
	X      [][]float32 // [rows][columns]
	Labels [][]float32 // [rows][…]; nil to predict
	Shape  []int       // of one row's label; nil means that it is a list
}

var _ Source = Rows{}

// Len implements Source.
func (r Rows) Len() int { return len(r.X) }

// Batch implements Source.
func (r Rows) Batch(_ int, rows []int) (inputs, labels []*tensors.Tensor, err error) {
	gather := func(from [][]float32, shape []int) []*tensors.Tensor {
		if from == nil {
			return nil
		}
		if shape == nil {
			shape = []int{len(from[0])}
		}
		var flat []float32
		for _, row := range rows {
			flat = append(flat, from[row]...)
		}
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(flat, append([]int{len(rows)}, shape...)...)}
	}
	return gather(r.X, nil), gather(r.Labels, r.Shape), nil
}

package fit

import (
	"github.com/gomlx/gomlx/core/tensors"
)

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

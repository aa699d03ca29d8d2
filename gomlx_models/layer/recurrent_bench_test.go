package layer_test

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/layer"
)

// BenchmarkRecurrent measures the last state and its gradient by the inputs and
// weights at batch 32, 64 steps, 128 features and 128 units.
func BenchmarkRecurrent(b *testing.B) {
	backend, err := fit.Backend()
	if err != nil {
		b.Skip("no XLA:", err)
	}
	for _, c := range []struct {
		name string
		run  func(*model.Scope, *Node, layer.Recurrent) layer.States
		r    layer.Recurrent
		mask bool
	}{
		{"lstm", layer.LSTM, layer.Recurrent{Units: 128}, false},
		{"lstm masked", layer.LSTM, layer.Recurrent{Units: 128}, true},
		{"lstm masked dropout", layer.LSTM, layer.Recurrent{Units: 128, Dropout: 0.2, RecurrentDropout: 0.2}, true},
		{"gru masked dropout", layer.GRU, layer.Recurrent{Units: 128, Dropout: 0.2, RecurrentDropout: 0.2}, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			store := model.NewStore()
			exec := model.MustNewExec(backend, store, func(scope *model.Scope, x, lengths *Node) *Node {
				scope.SetTraining(x.Graph(), true)
				r := c.r
				if c.mask {
					r.Mask = layer.LengthMask(lengths, 64)
				}
				loss := ReduceAllSum(c.run(scope, x, r).Last[0])
				total := ReduceAllSum(Gradient(loss, x)[0])
				for _, g := range scope.BuildTrainableVariablesGradientsGraph(loss) {
					total = Add(total, ReduceAllSum(g))
				}
				return total
			})
			defer exec.Finalize()
			x := tensors.FromShape(shapes.Make(dtypes.Float32, 32, 64, 128))
			lengths := make([]int32, 32)
			for i := range lengths {
				lengths[i] = int32(64 - i)
			}
			n := tensors.FromFlatDataAndDimensions(lengths, 32)
			exec.MustCall1(x, n).MustFinalizeAll()
			for b.Loop() {
				exec.MustCall1(x, n).MustFinalizeAll()
			}
		})
	}
}

package fit

import (
	"reflect"
	"testing"

	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/stablehlo"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// It fails when a version of GoMLX or go-xla has renamed the fields on the way.
func TestChangedVariablesAreWrittenInPlace(t *testing.T) {
	backend, err := Backend()
	if err != nil {
		t.Skip(err)
	}
	if _, ok := backend.(*xla.Backend); !ok {
		t.Skipf("the backend is %s, not XLA", backend.Name())
	}
	store := model.NewStore()
	var donors []string
	exec := model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
		g := x.Graph()
		sum := scope.VariableWithValue("sum", []float32{0, 0, 0})
		scale := scope.VariableWithValue("scale", []float32{1, 10, 100})
		before := sum.NodeValue(g)
		sum.SetNodeValue(Add(before, Mul(x, scale.NodeValue(g))))
		inPlace(scope.Store(), g)
		builder, _ := pointer[xla.Builder](reflect.ValueOf(g).Elem().FieldByName("builder"))
		main, _ := pointer[stablehlo.Function](reflect.ValueOf(builder.Main()).Elem().FieldByName("fn"))
		for _, in := range main.Inputs {
			if in.Attributes["jax.buffer_donor"] == true {
				donors = append(donors, in.String())
			}
		}
		return before // is wanted after it was written over
	})
	for step := range 4 {
		got := tensors.MustCopyFlatData[float32](exec.MustExec([]float32{1, 2, 3})[0])
		for i, want := range []float32{1, 20, 300} {
			if got[i] != float32(step)*want {
				t.Fatalf("step %d: sum before it is %v, want %d times 1, 20, 300", step, got, step)
			}
		}
	}
	if len(donors) != 1 || donors[0] != "%_sum" {
		t.Errorf("inputs whose buffers the program may use are %v, want only that of sum", donors)
	}
}

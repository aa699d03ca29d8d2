package fit

import (
	"reflect"

	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/stablehlo"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// inPlace lets XLA write the new values of the variables that g changes over the
// old ones. GoMLX gives a program the old values' buffers to use up, but go-xla
// v0.4.13 does not tell the compiler so: the program would keep weights and
// their moments twice, and the system clear fresh memory for them at each step.
// It must be called when g is complete but for its outputs.
//
// The way to the program's inputs is through fields that are not exported. In
// a version without these fields, and on other backends, inPlace does nothing.
func inPlace(store *model.Store, g *Graph) {
	builder, ok := pointer[xla.Builder](reflect.ValueOf(g).Elem().FieldByName("builder"))
	if !ok {
		return
	}
	main, ok := pointer[stablehlo.Function](reflect.ValueOf(builder.Main()).Elem().FieldByName("fn"))
	if !ok {
		return
	}
	changed := map[string]bool{}
	for v := range store.IterVariables() {
		if v.ChangedInGraph(g) {
			changed["%"+stablehlo.ConvertToValidName(v.Path())] = true
		}
	}
	for _, in := range main.Inputs {
		if !changed[in.String()] {
			continue
		}
		if in.Attributes == nil {
			in.Attributes = map[string]any{}
		}
		in.Attributes["jax.buffer_donor"] = true
	}
}

// pointer returns the *T that field, which may be an interface, holds, and
// whether it does.
func pointer[T any](field reflect.Value) (*T, bool) {
	if field.IsValid() && field.Kind() == reflect.Interface {
		field = field.Elem()
	}
	if !field.IsValid() || field.Type() != reflect.TypeFor[*T]() || field.IsNil() {
		return nil, false
	}
	return (*T)(field.UnsafePointer()), true
}

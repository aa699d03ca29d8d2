package layer

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Direction is the way in which a recurrence reads its sequence.
type Direction string

// A recurrence reads from the first step to the last (the default), from the
// last to the first, or both ways with separate weights.
const (
	Forward  Direction = "forward"
	Backward Direction = "backward"
	Both     Direction = "both"
)

// Recurrent describes an LSTM or GRU layer. Only Units is required.
type Recurrent struct {
	Units     int
	Direction Direction // "" means Forward

	// Dropout is the share of inputs, RecurrentDropout of hidden units, that
	// are switched off in training: one draw a sequence, the same at every step,
	// what is left scaled up (Gal and Ghahramani, 2016; Keras).
	Dropout          float64
	RecurrentDropout float64

	// Mask says which steps are real, [batch, time] of booleans; nil means all.
	// A masked step leaves the state as it was, so that the last state does not
	// depend on padding, on whichever side it is.
	Mask *Node

	// Initial is the state before the first step in the layout of States.Last;
	// nil means zeros.
	Initial []*Node
}

// States is what a recurrence went through. With both directions, the units
// of Forward come first in the last axis, then those of Backward.
type States struct {
	All  *Node   // hidden state after each step, [batch, time, units]
	Last []*Node // after the whole sequence: hidden, and for an LSTM cell, each [batch, units]
}

// LengthMask returns the mask of sequences that use their first lengths steps
// of steps.
//
//	lengths [batch] of integers
//	returns [batch, steps] of booleans
func LengthMask(lengths *Node, steps int) *Node {
	at := Iota(lengths.Graph(), shapes.Make(lengths.DType(), lengths.Shape().Dim(0), steps), 1)
	return LessThan(at, InsertAxes(lengths, 1))
}

// cell is the mathematics of one step. Its functions work on the last axis of
// nodes, so that they treat one step or all steps at once.
type cell interface {
	// gates is the number of blocks of units in the projected input.
	gates() int
	// states is the number of state vectors; the first is the hidden state.
	states() int
	// forward makes a step from the projected input x [batch, gates·units], the
	// recurrent projection r of the hidden state [batch, gates·units] and the
	// state. It returns the next state and what factors needs of this step.
	forward(x, r *Node, state []*Node) (next []*Node, kept *Node)
	// factors returns what the gradients are made with, from what was kept of
	// steps and the states before them. It has all the gradient's mathematics
	// that does not wait for later steps, and is called on all steps at once.
	factors(kept *Node, before []*Node) *Node
	// backward returns the gradients by x and by the state of a step, from its
	// factors and those by the next state. That by the hidden state leaves out
	// its way through r; nil says that there is no other.
	backward(factors *Node, dnext []*Node) (dx *Node, dstate []*Node)
	// recurrent returns the gradient by r from that by x.
	recurrent(factors, dx *Node) *Node
}

// oneMinus returns 1-x with a constant of its own: GoMLX's OneMinus shares one
// in the whole graph, which breaks in the body of a loop.
func oneMinus(x *Node) *Node {
	return Sub(Const(x.Graph(), shapes.CastAsDType(1, x.DType())), x)
}

// recur runs a recurrence with cell over x.
//
//	x [batch, time, features]
func recur(scope *model.Scope, x *Node, c cell, r Recurrent) States {
	if x.Rank() != 3 {
		exceptions.Panicf("a recurrence needs inputs of shape [batch, time, features], got %s", x.Shape())
	}
	if r.Units <= 0 {
		exceptions.Panicf("a recurrence needs at least one unit, got %d", r.Units)
	}
	ways := 1
	if r.Direction == Both {
		ways = 2
	}
	for _, initial := range r.Initial {
		initial.AssertDims(x.Shape().Dim(0), ways*r.Units)
	}
	if r.Initial != nil && len(r.Initial) != c.states() {
		exceptions.Panicf("the initial state has %d vectors, this recurrence has %d", len(r.Initial), c.states())
	}
	switch r.Direction {
	case "", Forward:
		return recurOneWay(scope.In("forward"), x, c, r, false)
	case Backward:
		return recurOneWay(scope.In("backward"), x, c, r, true)
	case Both:
		part := func(way int) Recurrent {
			own := r
			own.Initial = nil
			for _, initial := range r.Initial {
				own.Initial = append(own.Initial, Slice(initial, AxisRange(), AxisRange(way*r.Units, (way+1)*r.Units)))
			}
			return own
		}
		there := recurOneWay(scope.In("forward"), x, c, part(0), false)
		back := recurOneWay(scope.In("backward"), x, c, part(1), true)
		both := States{All: Concatenate([]*Node{there.All, back.All}, -1)}
		for i := range there.Last {
			both.Last = append(both.Last, Concatenate([]*Node{there.Last[i], back.Last[i]}, -1))
		}
		return both
	}
	exceptions.Panicf("unknown direction %q: use layer.Forward, layer.Backward or layer.Both", r.Direction)
	return States{}
}

// recurOneWay makes the weights of one direction and runs it.
func recurOneWay(scope *model.Scope, x *Node, c cell, r Recurrent, reverse bool) States {
	g, dtype := x.Graph(), x.DType()
	batch, features := x.Shape().Dim(0), x.Shape().Dim(2)
	width := c.gates() * r.Units
	kernel := scope.WithInitializer(initializer.GlorotUniformFn(scope)).VariableWithShape("kernel", shapes.Make(dtype, features, width)).NodeValue(g)
	recurrent := scope.WithInitializer(orthogonal(scope)).VariableWithShape("recurrent", shapes.Make(dtype, r.Units, width)).NodeValue(g)
	bias := scope.WithInitializer(initialBias(c)).VariableWithShape("bias", shapes.Make(dtype, width)).NodeValue(g)
	recurrentBias := scope.WithInitializer(initializer.Zero).VariableWithShape("recurrent_bias", shapes.Make(dtype, width)).NodeValue(g)

	keepInputs := keepMask(scope, g, shapes.Make(dtype, batch, 1, features), r.Dropout)
	if keepInputs != nil {
		x = Mul(x, keepInputs)
	}
	steps := x.Shape().Dim(1)
	// In two dimensions: the gradient of a product of three would copy its transpose.
	projected := MatMul(Reshape(TransposeAllAxes(x, 1, 0, 2), steps*batch, features), kernel)
	projected = Reshape(Add(projected, InsertAxes(bias, 0)), steps, batch, width)
	var real *Node
	if r.Mask != nil {
		r.Mask.AssertDims(batch, steps)
		real = InsertAxes(Transpose(r.Mask, 0, 1), -1) // [time, batch, 1]
	}
	initial := r.Initial
	if initial == nil {
		for range c.states() {
			initial = append(initial, Zeros(g, shapes.Make(dtype, batch, r.Units)))
		}
	}
	s := scan{cell: c, units: r.Units, reverse: reverse, real: real,
		keep: keepMask(scope, g, shapes.Make(dtype, batch, r.Units), r.RecurrentDropout)}
	if real != nil && hasDynamicSlices(g) {
		s.end = endOf(real)
	}
	all, last := s.run(projected, recurrent, recurrentBias, initial)
	return States{All: TransposeAllAxes(all, 1, 0, 2), Last: last}
}

// keepMask draws what dropout keeps: 0 or 1/(1-rate). It is nil when nothing
// is dropped: rate is zero or this is no training graph.
func keepMask(scope *model.Scope, g *Graph, shape shapes.Shape, rate float64) *Node {
	if rate < 0 || rate >= 1 {
		exceptions.Panicf("a dropout rate is at least 0 and less than 1, got %g", rate)
	}
	if rate == 0 || !scope.IsTraining(g) {
		return nil
	}
	kept := GreaterOrEqual(scope.RandomUniform(g, shape), Scalar(g, shape.DType, rate))
	return StopGradient(MulScalar(ConvertDType(kept, shape.DType), 1/(1-rate)))
}

// orthogonal starts recurrent weights with orthonormal rows, which neither
// stretch nor shrink what is carried from step to step (Saxe et al., 2014).
//
//	W ← W·(3 - WᵀW)/2    from normal noise of norm 1 (Björck and Bowie, 1971)
func orthogonal(scope *model.Scope) model.VariableInitializer {
	noise := initializer.RandomNormalFn(scope, 1)
	return func(g *Graph, shape shapes.Shape) *Node {
		w := noise(g, shape)
		w = Div(w, Sqrt(ReduceAllSum(Square(w))))
		// Singular values grow by half a step until they come near 1: those of noise
		// this wide are at least 0.2/√units at first, and then take four steps.
		for range 4 + int(math.Log(5*math.Sqrt(float64(shape.Dim(0))))/math.Log(1.5)) {
			w = Sub(MulScalar(w, 1.5), MulScalar(MatMul(MatMul(w, Transpose(w, 0, 1)), w), 0.5))
		}
		return w
	}
}

// initialBias starts an LSTM's forget gate open (Jozefowicz et al., 2015), so
// that gradients reach far back from the first step on; all else is zero.
func initialBias(c cell) model.VariableInitializer {
	if _, ok := c.(lstmCell); !ok {
		return initializer.Zero
	}
	return func(g *Graph, shape shapes.Shape) *Node {
		units := shape.Dim(0) / c.gates()
		gate := Iota(g, shapes.Make(dtypes.Int32, shape.Dim(0)), 0)
		forget := And(GreaterOrEqual(gate, Const(g, int32(units))), LessThan(gate, Const(g, int32(2*units))))
		return ConvertDType(forget, shape.DType)
	}
}

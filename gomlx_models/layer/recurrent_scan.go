package layer

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// scan is a recurrence as a loop in the graph. Its size, and so the time to
// compile it, does not grow with the sequence, unlike GoMLX's ml/layers/lstm,
// which lays every step out. GoMLX cannot differentiate a loop: the gradient,
// backpropagation through time, is a second loop written here by hand.
type scan struct {
	cell    cell
	units   int
	reverse bool  // from the last step to the first
	real    *Node // [time, batch, 1] of booleans, or nil: all steps are real
	keep    *Node // [batch, units] recurrent dropout, or nil
	end     *Node // scalar: no step from here on is real in any sequence; nil: not known
}

// run scans x and returns the hidden state after each step and the last state.
//
//	x       [time, batch, gates·units]  projected inputs
//	kernel  [units, gates·units]
//	bias    [gates·units]               added to the recurrent projection
//	initial each [batch, units]
//	all     [time, batch, units]
//	last    each [batch, units]
func (s scan) run(x, kernel, bias *Node, initial []*Node) (all *Node, last []*Node) {
	inputs := append([]*Node{x, kernel, bias}, initial...)
	x, kernel, bias = StopGradient(x), StopGradient(kernel), StopGradient(bias)
	first := make([]*Node, len(initial))
	for i := range initial {
		first[i] = StopGradient(initial[i])
	}
	kept, after, last := s.forward(x, kernel, bias, first)
	outputs := withGradient(inputs, append([]*Node{after[0]}, last...), func(d []*Node) []*Node {
		return s.backward(kernel, first, kept, after, d[0], d[1:])
	})
	all, last = outputs[0], outputs[1:]
	if s.end == nil {
		return all, last
	}
	// The loop leaves out the steps from end on, which change no state.
	left := last[0]
	if s.reverse {
		left = initial[0]
	}
	dims := all.Shape().Dimensions
	ran := LessThan(Iota(all.Graph(), shapes.Make(dtypes.Int32, dims...), 0), s.end)
	return Where(ran, all, BroadcastToDims(InsertAxes(left, 0), dims...)), last
}

// forward returns what the gradient needs of each step, the states after each
// step, both stacked along time, and the last state.
func (s scan) forward(x, kernel, bias *Node, initial []*Node) (kept *Node, after, last []*Node) {
	g, steps, n := x.Graph(), x.Shape().Dim(0), len(initial)
	// A dry step tells the shape of kept; nothing uses it, so it is not computed.
	dry := Squeeze(Slice(x, AxisElem(0)), 0)
	_, example := s.cell.forward(dry, dry, initial)
	vars := append([]*Node{}, initial...)
	for _, state := range initial {
		stack := stackOf(g, steps, state.Shape())
		if s.reverse { // steps left out come first, and leave the state as it was
			stack = BroadcastToDims(InsertAxes(state, 0), stack.Shape().Dimensions...)
		}
		vars = append(vars, stack)
	}
	fixed := []*Node{kernel, InsertAxes(bias, 0), s.keep, s.real}
	inPlace := example.Shape().Equal(dry.Shape())
	if inPlace { // what is kept of a step takes the place of its input, which saves filling a stack with zeros
		vars = append(vars, x)
	} else {
		vars, fixed = append(vars, stackOf(g, steps, example.Shape())), append(fixed, x)
	}
	ran := loop(steps, s.end, s.reverse, vars, fixed, func(t *Node, vars, fixed []*Node) []*Node {
		state, stacks := vars[:n], vars[n:]
		kernel, bias, keep, real := fixed[0], fixed[1], fixed[2], fixed[3]
		x := stacks[n]
		if !inPlace {
			x = fixed[4]
		}
		next, kept := s.cell.forward(at(x, t), Add(MatMul(dropped(state[0], keep), kernel), bias), state)
		next = whereReal(real, t, next, state)
		out := append([]*Node{}, next...)
		for i, v := range append(next, kept) {
			out = append(out, put(stacks[i], t, v))
		}
		return out
	})
	ran = stopAll(ran)
	return ran[2*n], ran[n : 2*n], ran[:n]
}

// backward returns the gradients by x, kernel, bias and each initial state,
// from those by the hidden states after each step, dall, and the last state.
func (s scan) backward(kernel *Node, initial []*Node, kept *Node, after []*Node, dall *Node, dlast []*Node) []*Node {
	g, steps, n := kernel.Graph(), kept.Shape().Dim(0), len(initial)
	width := kernel.Shape().Dim(1)
	before := make([]*Node, n)
	for i := range initial {
		before[i] = s.shifted(after[i], initial[i])
	}
	factors := s.cell.factors(kept, before)
	fixed := []*Node{factors, dall, Transpose(kernel, 0, 1), s.keep, s.real}
	dxs := kept // the loop does not read it, so that it can hold the gradients by x
	if kept.Shape().Dim(2) != width {
		dxs = stackOf(g, steps, shapes.Make(kernel.DType(), dall.Shape().Dim(1), width))
	}
	if s.end != nil {
		dxs = cleared(dxs, s.end)
	}
	vars := append(append([]*Node{}, dlast...), dxs)
	ran := loop(steps, s.end, !s.reverse, vars, fixed, func(t *Node, vars, fixed []*Node) []*Node {
		d, dxs := append([]*Node{}, vars[:n]...), vars[n]
		factors, dall, transposed, keep, real := at(fixed[0], t), at(fixed[1], t), fixed[2], fixed[3], fixed[4]
		d[0] = Add(d[0], dall)
		dx, dstate := s.cell.backward(factors, d)
		dx = whereReal(real, t, []*Node{dx}, []*Node{ZerosLike(dx)})[0]
		through := dropped(MatMul(s.cell.recurrent(factors, dx), transposed), keep)
		if dstate[0] != nil {
			through = Add(dstate[0], through)
		}
		dstate[0] = through
		return append(whereReal(real, t, dstate, d), put(dxs, t, dx))
	})
	dx, hidden := ran[n], before[0]
	dr := Reshape(s.cell.recurrent(factors, dx), -1, width)
	if s.keep != nil {
		hidden = Mul(hidden, InsertAxes(s.keep, 0))
	}
	dkernel := MatMul(Transpose(Reshape(hidden, -1, s.units), 0, 1), dr)
	return append([]*Node{dx, dkernel, ReduceSum(dr, 0)}, ran[:n]...)
}

// dropped applies the recurrent dropout, if any, to h or to the gradient by it.
func dropped(h, keep *Node) *Node {
	if keep == nil {
		return h
	}
	return Mul(h, keep)
}

// whereReal returns next at sequences for which step t is real, else old.
func whereReal(real, t *Node, next, old []*Node) []*Node {
	if real == nil {
		return next
	}
	here := at(real, t) // [batch, 1]
	chosen := make([]*Node, len(next))
	for i := range next {
		chosen[i] = Where(BroadcastToDims(here, next[i].Shape().Dimensions...), next[i], old[i])
	}
	return chosen
}

// shifted turns the states after each step into those before it.
func (s scan) shifted(after, initial *Node) *Node {
	steps := after.Shape().Dim(0)
	initial = InsertAxes(initial, 0)
	if s.reverse {
		return Concatenate([]*Node{Slice(after, AxisRange(1, steps)), initial}, 0)
	}
	return Concatenate([]*Node{initial, Slice(after, AxisRange(0, steps-1))}, 0)
}

// endOf returns where the steps that are real in any sequence end, a scalar.
//
//	real [time, batch, 1] of booleans
func endOf(real *Node) *Node {
	count := AddScalar(Iota(real.Graph(), shapes.Make(dtypes.Int32, real.Shape().Dimensions...), 0), 1)
	return ReduceAllMax(Where(real, count, ZerosLike(count)))
}

// cleared returns x with zeros at t = end and after.
func cleared(x, end *Node) *Node {
	steps := x.Shape().Dim(0)
	return loop(steps, Sub(Const(x.Graph(), int32(steps)), end), false, []*Node{x}, nil, func(t *Node, vars, _ []*Node) []*Node {
		x := vars[0]
		row := Sub(Const(x.Graph(), int32(steps-1)), t)
		return []*Node{put(x, row, Zeros(x.Graph(), shapes.Make(x.DType(), x.Shape().Dimensions[1:]...)))}
	})[0]
}

// loop runs step at t = 0 … steps-1, or the other way round, on vars and
// returns what they are in the end. With end, a scalar, it runs only those before
// end. step also gets fixed, which stays what it is: a loop's body cannot use
// nodes from outside on XLA. Nodes of fixed may be nil.
//
// GoMLX's own backend cannot run such loops: it has no dynamic slices, and
// its parallel executor loses values of a loop's body. There, where nothing is
// compiled, the steps are laid out.
func loop(steps int, end *Node, reverse bool, vars, fixed []*Node, step func(t *Node, vars, fixed []*Node) []*Node) []*Node {
	g := vars[0].Graph()
	if !hasDynamicSlices(g) {
		for done := range steps {
			t := done
			if reverse {
				t = steps - 1 - done
			}
			vars = step(Const(g, int32(t)), vars, fixed)
		}
		return vars
	}
	if end == nil {
		end = Const(g, int32(steps))
	}
	state := append([]*Node{Const(g, int32(0)), end}, vars...)
	for _, node := range fixed {
		if node != nil {
			state = append(state, node)
		}
	}
	parameters := func(g *Graph) []*Node {
		own := make([]*Node, len(state))
		for i, node := range state {
			own[i] = Parameter(g, fmt.Sprintf("state_%d", i), node.Shape())
		}
		return own
	}
	more := NewClosure(g, func(g *Graph) []*Node {
		own := parameters(g)
		return []*Node{LessThan(own[0], own[1])}
	})
	body := NewClosure(g, func(g *Graph) []*Node {
		own := parameters(g)
		done, end, vars, constants := own[0], own[1], own[2:2+len(vars)], own[2+len(vars):]
		t := done
		if reverse {
			t = Sub(Sub(end, done), Const(g, int32(1)))
		}
		given := make([]*Node, len(fixed))
		for i, next := 0, 0; i < len(fixed); i++ {
			if fixed[i] != nil {
				given[i] = constants[next]
				next++
			}
		}
		out := append([]*Node{Add(done, Const(g, int32(1))), end}, step(t, vars, given)...)
		return append(out, constants...)
	})
	return While(more, body, state...)[2 : 2+len(vars)]
}

// hasDynamicSlices tells XLA from GoMLX's own backend.
func hasDynamicSlices(g *Graph) bool {
	return g.Backend().Capabilities().Operations[compute.OpTypeDynamicSlice]
}

// at returns x[t].
func at(x, t *Node) *Node {
	dims := x.Shape().Dimensions[1:]
	if !hasDynamicSlices(x.Graph()) {
		return Reshape(Gather(x, Reshape(t, 1, 1)), dims...)
	}
	return Reshape(DynamicSlice(x, rowStart(x, t), append([]int{1}, dims...)), dims...)
}

// put returns x with v at [t].
func put(x, t, v *Node) *Node { return DynamicUpdateSlice(x, InsertAxes(v, 0), rowStart(x, t)) }

// rowStart is where x[t] begins.
func rowStart(x, t *Node) []*Node {
	starts := []*Node{t}
	for range x.Rank() - 1 {
		starts = append(starts, Const(x.Graph(), int32(0)))
	}
	return starts
}

// stackOf returns zeros for steps nodes of shape one.
func stackOf(g *Graph, steps int, one shapes.Shape) *Node {
	return Zeros(g, shapes.Make(one.DType, append([]int{steps}, one.Dimensions...)...))
}

func stopAll(nodes []*Node) []*Node {
	stopped := make([]*Node, len(nodes))
	for i := range nodes {
		stopped[i] = StopGradient(nodes[i])
	}
	return stopped
}

// withGradient returns outputs unchanged in value, with gradient as their
// gradient by inputs: it gets the gradients by outputs and returns those by
// inputs. outputs must not depend on inputs but through StopGradient. All have
// one dtype.
//
// GoMLX lets a gradient be written only for a function of one node to itself.
// So inputs travel flat in one node, followed by a zero for each output
// element; adding these zeros to outputs brings the gradients by outputs back
// to that node. Compilers see through the packing: it costs no copies.
func withGradient(inputs, outputs []*Node, gradient func(doutputs []*Node) []*Node) []*Node {
	g := inputs[0].Graph()
	var flat []*Node
	for _, in := range inputs {
		flat = append(flat, Reshape(in, in.Shape().Size()))
	}
	for _, out := range outputs {
		flat = append(flat, Zeros(g, shapes.Make(out.DType(), out.Shape().Size())))
	}
	// unpack cuts the parts of the packed node that hold nodes like those given.
	unpack := func(packed *Node, from int, like []*Node) []*Node {
		var parts []*Node
		for _, node := range like {
			to := from + node.Shape().Size()
			parts = append(parts, Reshape(Slice(packed, AxisRange(from, to)), node.Shape().Dimensions...))
			from = to
		}
		return parts
	}
	size := 0
	for _, in := range inputs {
		size += in.Shape().Size()
	}
	packed := IdentityWithCustomGradient(Concatenate(flat, 0), func(_, d *Node) *Node {
		var grads []*Node
		for _, dinput := range gradient(unpack(d, size, outputs)) {
			grads = append(grads, Reshape(dinput, dinput.Shape().Size()))
		}
		return Concatenate(append(grads, flat[len(inputs):]...), 0)
	})
	results := unpack(packed, size, outputs)
	for i := range outputs {
		results[i] = Add(outputs[i], results[i])
	}
	return results
}

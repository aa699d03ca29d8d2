package layer

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// LSTM runs a long short-term memory over x (Hochreiter and Schmidhuber, 1997;
// with the forget gate of Gers et al., 2000):
//
//	[i f g o] = x·W + b + (h·R + c)    R the recurrent weights
//	c' = σ(f)·c + σ(i)·tanh(g)
//	h' = σ(o)·tanh(c')
//
//	x [batch, time, features]
//
// Last holds the hidden and the cell state.
func LSTM(scope *model.Scope, x *Node, r Recurrent) States {
	return recur(scope.In("lstm"), x, lstmCell{}, r)
}

// lstmCell keeps the four gates after their activation.
type lstmCell struct{}

func (lstmCell) gates() int  { return 4 }
func (lstmCell) states() int { return 2 }

func (lstmCell) forward(x, r *Node, state []*Node) (next []*Node, kept *Node) {
	// σ(v) = ½ + ½·tanh(½v): one tanh does for all gates, where XLA takes longer
	// for a logistic function than for a tanh.
	z := Add(x, r)
	scale := ConvertDType(Const(z.Graph(), gateScale(z.Shape().Dim(-1)/4)), z.DType())
	scale = BroadcastToDims(InsertAxes(scale, 0), z.Shape().Dimensions...)
	kept = Add(Mul(scale, Tanh(Mul(scale, z))), oneMinus(scale))
	gates := blocks(kept, 4)
	i, f, g, o := gates[0], gates[1], gates[2], gates[3]
	c := Add(Mul(f, state[1]), Mul(i, g))
	return []*Node{Mul(o, Tanh(c)), c}, kept
}

// gateScale is ½ for the gates that are logistic and 1 for g, the tanh.
func gateScale(units int) []float64 {
	scale := slices.Repeat([]float64{0.5}, 4*units)
	for i := 2 * units; i < 3*units; i++ {
		scale[i] = 1
	}
	return scale
}

// factors returns six blocks: what the gradient by each gate is, as a multiple of
// that by the cell or, for o, the hidden state; what the gradient by the hidden
// state adds to that by the cell; and f.
func (lstmCell) factors(kept *Node, before []*Node) *Node {
	gates := blocks(kept, 4)
	i, f, g, o := gates[0], gates[1], gates[2], gates[3]
	tanhC := Tanh(Add(Mul(f, before[1]), Mul(i, g)))
	return Concatenate([]*Node{
		Mul(g, slope(i)), Mul(before[1], slope(f)), Mul(i, oneMinus(Square(g))), Mul(tanhC, slope(o)),
		Mul(o, oneMinus(Square(tanhC))), f,
	}, -1)
}

func (lstmCell) backward(factors *Node, dnext []*Node) (dx *Node, dstate []*Node) {
	by := blocks(factors, 6)
	dh, dc := dnext[0], Add(dnext[1], Mul(dnext[0], by[4]))
	return Mul(Concatenate([]*Node{dc, dc, dc, dh}, -1), Concatenate(by[:4], -1)), []*Node{nil, Mul(dc, by[5])}
}

func (lstmCell) recurrent(_, dx *Node) *Node { return dx }

// slope is the derivative of the logistic function where its value is s.
func slope(s *Node) *Node { return Mul(s, oneMinus(s)) }

// blocks cuts the last axis into n equal parts.
func blocks(x *Node, n int) []*Node { return Split(x, -1, n) }

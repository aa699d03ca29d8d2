package layer

import (
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
	z := blocks(Add(x, r), 4)
	i, f, g, o := Sigmoid(z[0]), Sigmoid(z[1]), Tanh(z[2]), Sigmoid(z[3])
	c := Add(Mul(f, state[1]), Mul(i, g))
	return []*Node{Mul(o, Tanh(c)), c}, Concatenate([]*Node{i, f, g, o}, -1)
}

func (lstmCell) backward(kept *Node, state, dnext []*Node) (dx *Node, dstate []*Node) {
	gates := blocks(kept, 4)
	i, f, g, o := gates[0], gates[1], gates[2], gates[3]
	tanhC := Tanh(Add(Mul(f, state[1]), Mul(i, g)))
	dc := Add(dnext[1], Mul(Mul(dnext[0], o), oneMinus(Square(tanhC))))
	dx = Concatenate([]*Node{
		Mul(Mul(dc, g), slope(i)),
		Mul(Mul(dc, state[1]), slope(f)),
		Mul(Mul(dc, i), oneMinus(Square(g))),
		Mul(Mul(dnext[0], tanhC), slope(o)),
	}, -1)
	return dx, []*Node{nil, Mul(dc, f)}
}

func (lstmCell) recurrent(_, dx *Node) *Node { return dx }

// slope is the derivative of the logistic function where its value is s.
func slope(s *Node) *Node { return Mul(s, oneMinus(s)) }

// blocks cuts the last axis into n equal parts.
func blocks(x *Node, n int) []*Node { return Split(x, -1, n) }

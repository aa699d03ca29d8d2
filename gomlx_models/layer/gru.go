package layer

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// GRU runs a gated recurrent unit over x (Cho et al., 2014), the reset gate
// applied after the recurrent projection, as in Keras and cuDNN:
//
//	[xz xr xn] = x·W + b    [rz rr rn] = h·R + c    R the recurrent weights
//	z = σ(xz + rz)    r = σ(xr + rr)    n = tanh(xn + r·rn)
//	h' = z·h + (1-z)·n
//
//	x [batch, time, features]
//
// Last holds the hidden state. Recurrent dropout is on h·R only: what is
// carried over by z is carried over whole.
func GRU(scope *model.Scope, x *Node, r Recurrent) States {
	return recur(scope.In("gru"), x, gruCell{}, r)
}

// gruCell keeps z, r, n and rn.
type gruCell struct{}

func (gruCell) gates() int  { return 3 }
func (gruCell) states() int { return 1 }

func (gruCell) forward(x, r *Node, state []*Node) (next []*Node, kept *Node) {
	xs, rs := blocks(x, 3), blocks(r, 3)
	z, reset := Sigmoid(Add(xs[0], rs[0])), Sigmoid(Add(xs[1], rs[1]))
	n := Tanh(Add(xs[2], Mul(reset, rs[2])))
	h := Add(Mul(z, state[0]), Mul(oneMinus(z), n))
	return []*Node{h}, Concatenate([]*Node{z, reset, n, rs[2]}, -1)
}

// factors returns five blocks: what the gradients by xz, xr and xn are, as
// multiples of that by the hidden state; z; and r.
func (gruCell) factors(kept *Node, before []*Node) *Node {
	k := blocks(kept, 4)
	z, reset, n, rn := k[0], k[1], k[2], k[3]
	byN := Mul(oneMinus(z), oneMinus(Square(n)))
	return Concatenate([]*Node{Mul(Sub(before[0], n), slope(z)), Mul(Mul(byN, rn), slope(reset)), byN, z, reset}, -1)
}

func (gruCell) backward(factors *Node, dnext []*Node) (dx *Node, dstate []*Node) {
	by, dh := blocks(factors, 5), dnext[0]
	return Mul(Concatenate([]*Node{dh, dh, dh}, -1), Concatenate(by[:3], -1)), []*Node{Mul(dh, by[3])}
}

func (gruCell) recurrent(factors, dx *Node) *Node {
	d := blocks(dx, 3)
	return Concatenate([]*Node{d[0], d[1], Mul(d[2], blocks(factors, 5)[4])}, -1)
}

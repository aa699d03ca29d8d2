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

func (gruCell) backward(kept *Node, state, dnext []*Node) (dx *Node, dstate []*Node) {
	k := blocks(kept, 4)
	z, reset, n, rn := k[0], k[1], k[2], k[3]
	dn := Mul(Mul(dnext[0], oneMinus(z)), oneMinus(Square(n)))
	dx = Concatenate([]*Node{
		Mul(Mul(dnext[0], Sub(state[0], n)), slope(z)),
		Mul(Mul(dn, rn), slope(reset)),
		dn,
	}, -1)
	return dx, []*Node{Mul(dnext[0], z)}
}

func (gruCell) recurrent(kept, dx *Node) *Node {
	d := blocks(dx, 3)
	return Concatenate([]*Node{d[0], d[1], Mul(d[2], blocks(kept, 4)[1])}, -1)
}

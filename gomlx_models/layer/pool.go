package layer

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// MaxPool2 returns the maxima of x over 2×2 windows that do not overlap. An odd
// last row or column is left out, as in Keras and PyTorch.
//
//	x       [batch, height, width, channels]
//	returns [batch, height/2, width/2, channels]
//
// Where several pixels of a window are the maximum, each gets the gradient;
// GoMLX's own MaxPool picks one. It reshapes and reduces, which XLA's CPU
// compiler fuses with its neighbours; the general window operation it runs one
// element at a time, forward and, with a scatter, back.
func MaxPool2(x *Node) *Node {
	d := x.Shape().Dimensions
	h, w := d[1]/2, d[2]/2
	if d[1]%2 != 0 || d[2]%2 != 0 {
		x = Slice(x, AxisRange(), AxisRange(0, 2*h), AxisRange(0, 2*w), AxisRange())
	}
	return ReduceMax(Reshape(x, d[0], h, 2, w, 2, d[3]), 2, 4)
}

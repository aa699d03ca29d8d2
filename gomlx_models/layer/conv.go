package layer

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Conv describes a two-dimensional convolution. Only Channels and Kernel are
// required.
type Conv struct {
	Channels int  // of the output
	Kernel   int  // height and width, an odd number
	Stride   int  // 0 means 1
	Same     bool // pads with zeros so that stride 1 keeps the size; else only whole windows count
	NoBias   bool
}

// Conv2D returns the convolution of x that conv describes. The kernel is the
// variable "weights" in scope, [kernel, kernel, channels in, channels out],
// the bias "biases".
//
//	x       [batch, height, width, channels]
//	returns [batch, height', width', conv.Channels]
//
// On XLA's CPU backend it computes values and gradients by whichever way is
// quickest for the shape; elsewhere by the backend's own convolution.
//
// It panics on an even kernel: GoMLX v0.28.16 gives it a wrong gradient.
func Conv2D(scope *model.Scope, x *Node, conv Conv) *Node {
	if conv.Kernel%2 == 0 {
		exceptions.Panicf("convolution: the kernel is %d pixels wide, it must be an odd number", conv.Kernel)
	}
	channels := x.Shape().Dimensions[3]
	kernel := scope.VariableWithShape("weights",
		shapes.Make(x.DType(), conv.Kernel, conv.Kernel, channels, conv.Channels)).NodeValue(x.Graph())
	y := conv.apply(x, kernel)
	if conv.NoBias {
		return y
	}
	bias := scope.VariableWithShape("biases", shapes.Make(x.DType(), conv.Channels)).NodeValue(x.Graph())
	return Add(y, Reshape(bias, 1, 1, 1, conv.Channels))
}

// apply convolves x with kernel.
func (conv Conv) apply(x, kernel *Node) *Node {
	if conv.Stride == 0 {
		conv.Stride = 1
	}
	if runsOnCPU(x.Graph()) && conv.Kernel > 1 && conv.Stride == 1 {
		return conv.onCPU(x, kernel)
	}
	return conv.native(x, kernel)
}

// native is the backend's own convolution, with GoMLX's gradients.
func (conv Conv) native(x, kernel *Node) *Node {
	c := Convolve(x, kernel).Strides(conv.Stride)
	if conv.Same {
		return c.PadSame().Done()
	}
	return c.NoPadding().Done()
}

// largeMap is from how many output pixels on the kernel's gradient by rows wins
// over the native one, which XLA makes a convolution with a window as large as
// the map. With few channels it always wins. Timed at batch 32 with oneDNN (see
// fit.Backend), milliseconds of processor time on an AMD EPYC with AVX-512, the
// layers of the tutorial network. XLA's CPU plugins without oneDNN, to which the
// same choices apply, are slower wherever the native one is chosen.
//
//	                          values   to the kernel   to the input
//	                                   native   rows
//	28×28×1   → 26×26×32        0.3      0.6    0.3         –
//	13×13×32  → 11×11×64        1.5      1.8    2.3        1.6
//	 5× 5×64  →  3× 3×128       0.3      0.6    1.2        0.6
//	112×112×3 → 110×110×32     12         –    18           –
//	55×55×32  → 53×53×64       31         –    66          34
//	26×26×64  → 24×24×128      25        38    43          28
//	224×224×3 → 222×222×32     47       346    81           –
//	111×111×32 → 109×109×64   135       999   290         142
//	54×54×64  → 52×52×128     118       745   212         117
const (
	fewChannels = 4
	largeMap    = 1000
)

// onCPU convolves with stride 1.
func (conv Conv) onCPU(x, kernel *Node) *Node {
	if conv.Same { // pads now, so that only whole windows are left
		around := PadAxis{Start: conv.Kernel / 2, End: conv.Kernel / 2}
		x = Pad(x, ScalarZero(x.Graph(), x.DType()), PadAxis{}, around, around, PadAxis{})
		conv.Same = false
	}
	d := x.Shape().Dimensions
	if d[3] > fewChannels && (d[1]-conv.Kernel+1)*(d[2]-conv.Kernel+1) < largeMap {
		return conv.native(x, kernel)
	}
	// GoMLX has gradients by hand for identities only. The one after the
	// convolution learns the gradient of the output, dy, and the one before
	// answers with the gradient of the kernel; what GoMLX derives in between
	// is used by nothing, and XLA drops it.
	var dy *Node
	kernel = IdentityWithCustomGradient(kernel, func(_, _ *Node) *Node { return conv.rows(x, dy) })
	return IdentityWithCustomGradient(conv.native(x, kernel), func(_, v *Node) *Node {
		dy = v
		return v
	})
}

// rows returns the gradient of the kernel: for each of its rows and each film
// one matrix product, summed over films. Its left side are the inputs that a row
// of the kernel meets, one column an output pixel: cut from channels that lie
// apart, runs of neighbours are copied, not single numbers.
//
//	x       [batch, height, width, channels]
//	dy      [batch, height', width', channels out]
//	returns [kernel, kernel, channels, channels out]
func (conv Conv) rows(x, dy *Node) *Node {
	k, d := conv.Kernel, dy.Shape().Dimensions
	channels, pixels := x.Shape().Dimensions[3], d[1]*d[2]
	x = TransposeAllAxes(x, 0, 3, 1, 2) // [batch, channels, height, width]
	dy = Reshape(dy, d[0], pixels, conv.Channels)
	rows := make([]*Node, k)
	for row := range rows {
		taps := make([]*Node, k)
		for column := range taps {
			taps[column] = Slice(x, AxisRange(), AxisRange(), AxisRange(row, row+d[1]), AxisRange(column, column+d[2]))
		}
		met := Reshape(Concatenate(taps, 1), d[0], k*channels, pixels)
		rows[row] = ReduceSum(Einsum("bpn,bnc->bpc", met, dy), 0)
	}
	return Reshape(Concatenate(rows, 0), k, k, channels, conv.Channels)
}

// runsOnCPU reports whether g runs on XLA's CPU plugin.
func runsOnCPU(g *Graph) bool {
	backend, ok := g.Backend().(interface{ IsCPU() bool })
	return ok && backend.IsCPU()
}

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

// The ways below were timed at batch 32 on two cores (AMD EPYC, AVX-512), in
// milliseconds of both cores together, the layers of the tutorial network:
//
//	                          values           to the kernel    to the input
//	                          native patches   native rows      native spread
//	28×28×1   → 26×26×32         0.3     1.3      1.9   1.0        –      –
//	13×13×32  → 11×11×64         2.1     2.5      2.2   5.7      3.3    2.0
//	 5× 5×64  →  3× 3×128        0.8     0.7      0.8   1.0      1.7    0.7
//	112×112×3 → 110×110×32      69      39       38    21        –      –
//	 55×55×32 → 53×53×64        44      84      126    68       46     55
//	 26×26×64 → 24×24×128       30      49       54    72       44     42
const (
	patchChannels = 4   // up to how many input channels, but for one, patches win
	rowChannels   = 32  // up to how many input channels rows win on large maps
	largeMap      = 400 // pixels of an output that is large in this sense
)

// onCPU convolves with stride 1.
func (conv Conv) onCPU(x, kernel *Node) *Node {
	if conv.Same { // pads now, so that only whole windows are left
		around := PadAxis{Start: conv.Kernel / 2, End: conv.Kernel / 2}
		x = Pad(x, ScalarZero(x.Graph(), x.DType()), PadAxis{}, around, around, PadAxis{})
		conv.Same = false
	}
	// GoMLX has gradients by hand for identities only. The one after the
	// convolution learns the gradient of the output, dy, and the ones before
	// answer with the gradients of the inputs; what GoMLX derives in between
	// is used by nothing, and XLA drops it.
	var dy *Node
	in, weights := x, kernel
	x = IdentityWithCustomGradient(in, func(_, native *Node) *Node {
		if _, large := conv.output(in); large {
			return native
		}
		return conv.spread(in, weights, dy)
	})
	kernel = IdentityWithCustomGradient(weights, func(_, native *Node) *Node {
		if channels, large := conv.output(in); channels > 1 && (!large || channels > rowChannels) {
			return native
		}
		return conv.rows(in, dy)
	})
	var y *Node
	if channels, _ := conv.output(in); channels > 1 && channels <= patchChannels {
		y = conv.patches(x, kernel)
	} else {
		y = conv.native(x, kernel)
	}
	return IdentityWithCustomGradient(y, func(_, v *Node) *Node {
		dy = v
		return v
	})
}

// output returns the input's channels, and whether the output is a large map.
func (conv Conv) output(x *Node) (channels int, large bool) {
	d := x.Shape().Dimensions
	return d[3], (d[1]-conv.Kernel+1)*(d[2]-conv.Kernel+1) >= largeMap
}

// taps returns, for one row of the kernel, the inputs under it at every output
// pixel.
//
//	x       [batch, height, width, channels]
//	returns [batch, height', width', kernel × channels]
func (conv Conv) taps(x *Node, row int) *Node {
	d, k := x.Shape().Dimensions, conv.Kernel
	h, w := d[1]-k+1, d[2]-k+1
	taps := make([]*Node, k)
	for column := range taps {
		taps[column] = Slice(x, AxisRange(), AxisRange(row, row+h), AxisRange(column, column+w), AxisRange())
	}
	return Concatenate(taps, -1)
}

// patches convolves by one matrix product of all taps with the kernel: XLA's own
// convolution cannot fill its vectors with few channels.
func (conv Conv) patches(x, kernel *Node) *Node {
	k := conv.Kernel
	rows := make([]*Node, k)
	for row := range rows {
		rows[row] = conv.taps(x, row)
	}
	d := kernel.Shape().Dimensions
	return Einsum("bhwp,pc->bhwc", Concatenate(rows, -1), Reshape(kernel, k*k*d[2], d[3]))
}

// rows returns the gradient of the kernel: for each of its rows and each film
// one matrix product, summed over films.
//
//	x       [batch, height, width, channels]
//	dy      [batch, height', width', channels out]
//	returns [kernel, kernel, channels, channels out]
func (conv Conv) rows(x, dy *Node) *Node {
	k := conv.Kernel
	rows := make([]*Node, k)
	for row := range rows {
		rows[row] = ReduceSum(Einsum("bhwp,bhwc->bpc", conv.taps(x, row), dy), 0)
	}
	return Reshape(Concatenate(rows, 0), k, k, x.Shape().Dimensions[3], conv.Channels)
}

// spread returns the gradient of the input: one matrix product gives what each
// output pixel sends to each tap, which are then added up where they came from.
//
//	kernel  [kernel, kernel, channels, channels out]
//	dy      [batch, height', width', channels out]
//	returns [batch, height, width, channels]
func (conv Conv) spread(x, kernel, dy *Node) *Node {
	k, channels := conv.Kernel, x.Shape().Dimensions[3]
	sent := Einsum("bhwc,pc->bhwp", dy, Reshape(kernel, k*k*channels, conv.Channels))
	zero := ScalarZero(x.Graph(), x.DType())
	var sum *Node
	for tap := range k * k {
		part := Slice(sent, AxisRange(), AxisRange(), AxisRange(), AxisRange(tap*channels, (tap+1)*channels))
		part = Pad(part, zero, PadAxis{}, PadAxis{Start: tap / k, End: k - 1 - tap/k}, PadAxis{Start: tap % k, End: k - 1 - tap%k}, PadAxis{})
		if sum == nil {
			sum = part
		} else {
			sum = Add(sum, part)
		}
	}
	return sum
}

// runsOnCPU reports whether g runs on XLA's CPU plugin.
func runsOnCPU(g *Graph) bool {
	backend, ok := g.Backend().(interface{ IsCPU() bool })
	return ok && backend.IsCPU()
}

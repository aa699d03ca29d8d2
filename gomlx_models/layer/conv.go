package layer

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Conv describes a two-dimensional convolution. Only Channels and Kernel are
// required.
type Conv struct {
	Channels int  // of the output
	Kernel   int  // height and width
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
// On XLA's CPU backend a convolution of few input channels becomes one matrix
// product over patches; elsewhere it is the backend's own.
func Conv2D(scope *model.Scope, x *Node, conv Conv) *Node {
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

// apply convolves by the way that is quickest for the shape and backend.
func (conv Conv) apply(x, kernel *Node) *Node {
	if conv.Stride == 0 {
		conv.Stride = 1
	}
	if onCPU(x.Graph()) && conv.Kernel > 1 && x.Shape().Dimensions[3] <= patchChannels {
		return conv.patches(x, kernel)
	}
	return conv.native(x, kernel)
}

// patchChannels is up to how many input channels patches beat XLA's own
// convolution on a CPU, which cannot fill its vectors with so few.
const patchChannels = 8

// native is the backend's own convolution.
func (conv Conv) native(x, kernel *Node) *Node {
	c := Convolve(x, kernel).Strides(conv.Stride)
	if conv.Same {
		return c.PadSame().Done()
	}
	return c.NoPadding().Done()
}

// patches gathers, for every output pixel, the inputs under the kernel, and
// multiplies them all with the kernel at once.
//
//	patches [batch, height', width', kernel × kernel × channels]
func (conv Conv) patches(x, kernel *Node) *Node {
	k, s := conv.Kernel, conv.Stride
	d := x.Shape().Dimensions
	h, w := d[1], d[2]
	if conv.Same {
		rows, columns := samePadding(h, k, s), samePadding(w, k, s)
		x = Pad(x, ScalarZero(x.Graph(), x.DType()), PadAxis{}, rows, columns, PadAxis{})
		h, w = h+rows.Start+rows.End, w+columns.Start+columns.End
	}
	h, w = (h-k)/s+1, (w-k)/s+1
	var taps []*Node
	for i := range k {
		for j := range k {
			taps = append(taps, Slice(x, AxisRange(),
				AxisRange(i, i+(h-1)*s+1).Stride(s), AxisRange(j, j+(w-1)*s+1).Stride(s), AxisRange()))
		}
	}
	return Einsum("bhwp,pc->bhwc", Concatenate(taps, -1), Reshape(kernel, k*k*d[3], conv.Channels))
}

// samePadding splits the zeros that make ⌈n/stride⌉ windows of n pixels: the
// odd one goes to the end, as in TensorFlow.
func samePadding(n, kernel, stride int) PadAxis {
	total := max(0, ((n+stride-1)/stride-1)*stride+kernel-n)
	return PadAxis{Start: total / 2, End: total - total/2}
}

// onCPU reports whether g runs on XLA's CPU plugin.
func onCPU(g *Graph) bool {
	backend, ok := g.Backend().(interface{ IsCPU() bool })
	return ok && backend.IsCPU()
}

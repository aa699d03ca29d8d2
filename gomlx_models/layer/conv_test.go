package layer

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/assay-ml/assay/gomlx_models/fit"
)

// numbers is a tensor of numbers between -1 and 1 without a pattern.
func numbers(dims ...int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	flat := make([]float32, n)
	for i := range flat {
		flat[i] = float32(math.Sin(float64(i*i%9973 + i)))
	}
	return tensors.FromFlatDataAndDimensions(flat, dims...)
}

// agree compares fn and plain, and the gradients of a weighted sum of what they
// return to each input.
func agree(t *testing.T, name string, fn, plain func(inputs []*Node) *Node, inputs ...*tensors.Tensor) {
	t.Helper()
	backend, err := fit.Backend()
	if err != nil {
		t.Skip(err)
	}
	all := func(fn func([]*Node) *Node) func([]*Node) []*Node {
		return func(inputs []*Node) []*Node {
			y := fn(inputs)
			weights := Sin(IotaFull(y.Graph(), y.Shape()))
			return append([]*Node{y}, Gradient(ReduceAllSum(Mul(y, weights)), inputs...)...)
		}
	}
	run := func(fn func([]*Node) *Node) []*tensors.Tensor {
		arguments := make([]any, len(inputs))
		for i, input := range inputs {
			arguments[i] = input
		}
		outputs, err := MustNewExec(backend, all(fn)).Call(arguments...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return outputs
	}
	got, want := run(fn), run(plain)
	for k := range want {
		g, w := tensors.MustCopyFlatData[float32](got[k]), tensors.MustCopyFlatData[float32](want[k])
		if len(g) != len(w) {
			t.Fatalf("%s: output %d has %d numbers, want %d", name, k, len(g), len(w))
		}
		largest := 0.0
		for i := range w {
			largest = max(largest, math.Abs(float64(w[i])))
		}
		for i := range w {
			if d := math.Abs(float64(g[i] - w[i])); !(d <= 1e-5*largest) {
				t.Errorf("%s: number %d of output %d (0 is the value, then gradients): got %g, want %g", name, i, k, g[i], w[i])
				break
			}
		}
	}
}

func TestConvAgreesWithThePlainConvolution(t *testing.T) {
	f := func(name string, conv Conv, height, width, channels int) {
		t.Helper()
		agree(t, name,
			func(in []*Node) *Node { return conv.apply(in[0], in[1]) },
			func(in []*Node) *Node {
				if conv.Same {
					return Convolve(in[0], in[1]).PadSame().Done()
				}
				return Convolve(in[0], in[1]).NoPadding().Done()
			},
			numbers(3, height, width, channels), numbers(conv.Kernel, conv.Kernel, channels, conv.Channels))
	}
	f("one channel", Conv{Channels: 8, Kernel: 3}, 9, 12, 1)
	f("colour", Conv{Channels: 5, Kernel: 3}, 26, 25, 3)
	f("small", Conv{Channels: 7, Kernel: 3}, 9, 8, 6)
	f("large", Conv{Channels: 6, Kernel: 3}, 36, 33, 6)
	f("large, many channels", Conv{Channels: 4, Kernel: 3}, 34, 35, 40)
	f("large, same size", Conv{Channels: 6, Kernel: 3, Same: true}, 33, 34, 6)
	f("same size", Conv{Channels: 6, Kernel: 3, Same: true}, 9, 8, 6)
	f("kernel of 5", Conv{Channels: 6, Kernel: 5}, 9, 8, 3)
	f("kernel of 1", Conv{Channels: 6, Kernel: 1}, 9, 8, 3)
}

// GoMLX's own gradients are not to be taken on trust: those of even kernels are
// wrong in v0.28.16.
func TestConvGradientsAgreeWithDifferences(t *testing.T) {
	backend, err := fit.Backend()
	if err != nil {
		t.Skip(err)
	}
	f := func(conv Conv, height, width int) {
		t.Helper()
		x, kernel := numbers(2, height, width, 4), numbers(conv.Kernel, conv.Kernel, 4, conv.Channels)
		exec := MustNewExec(backend, func(x, kernel *Node) []*Node {
			y := conv.apply(x, kernel)
			sum := ReduceAllSum(Mul(y, Sin(IotaFull(y.Graph(), y.Shape()))))
			return append([]*Node{sum}, Gradient(sum, x, kernel)...)
		})
		outputs := exec.MustExec(x, kernel)
		for k, input := range []*tensors.Tensor{x, kernel} {
			gradient := tensors.MustCopyFlatData[float32](outputs[1+k])
			// The sum is linear in each input, so a large step is exact but
			// for rounding.
			sumAt := func(i int, step float32) float64 {
				flat := tensors.MustCopyFlatData[float32](input)
				flat[i] += step
				inputs := []any{x, kernel}
				inputs[k] = tensors.FromFlatDataAndDimensions(flat, input.Shape().Dimensions...)
				return float64(tensors.ToScalar[float32](exec.MustExec(inputs...)[0]))
			}
			for i := 0; i < len(gradient); i += 1 + len(gradient)/25 {
				got, want := float64(gradient[i]), sumAt(i, 0.5)-sumAt(i, -0.5)
				if math.Abs(got-want) > 1e-3*(1+math.Abs(want)) {
					t.Errorf("%+v on %d×%d: gradient %d to input %d is %.5f, the difference %.5f", conv, height, width, i, k, got, want)
					break
				}
			}
		}
	}
	f(Conv{Channels: 5, Kernel: 3}, 9, 8)
	f(Conv{Channels: 5, Kernel: 3}, 36, 33)
	f(Conv{Channels: 5, Kernel: 3, Same: true}, 9, 8)
	f(Conv{Channels: 5, Kernel: 3, Stride: 2, Same: true}, 9, 8)
	f(Conv{Channels: 5, Kernel: 3, Stride: 2}, 9, 8)
	f(Conv{Channels: 5, Kernel: 7, Stride: 2, Same: true}, 12, 13)
	f(Conv{Channels: 5, Kernel: 1, Stride: 2, Same: true}, 8, 9)
}

func TestMaxPool2AgreesWithThePlainPooling(t *testing.T) {
	f := func(height, width, channels int) {
		t.Helper()
		agree(t, "maximum",
			func(in []*Node) *Node { return MaxPool2(in[0]) },
			func(in []*Node) *Node { return MaxPool(in[0]).Window(2).Done() },
			numbers(3, height, width, channels))
	}
	f(8, 6, 5)
	f(9, 7, 3)
	f(2, 2, 1)
}

func TestReluMaxPool2AgreesWithThePlainOnes(t *testing.T) {
	f := func(height, width, channels int) {
		t.Helper()
		agree(t, "maximum of what is positive",
			func(in []*Node) *Node { return ReluMaxPool2(in[0]) },
			func(in []*Node) *Node { return MaxPool(MaxScalar(in[0], 0)).Window(2).Done() },
			numbers(2, height, width, channels))
	}
	f(8, 6, 5)
	f(50, 52, 3)
	f(53, 57, 2) // no window has its maximum twice
}

package layer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers/lstm"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/layer"
)

// onBackends runs f on GoMLX's own backend and on XLA where there is one.
func onBackends(t *testing.T, f func(t *testing.T, backend compute.Backend)) {
	t.Run("go", func(t *testing.T) {
		backend, err := gobackend.New("")
		if err != nil {
			t.Fatal(err)
		}
		f(t, backend)
	})
	t.Run("xla", func(t *testing.T) {
		backend, err := fit.Backend()
		if err != nil {
			t.Skip("no XLA:", err)
		}
		f(t, backend)
	})
}

// noise returns numbers from the standard normal distribution, the same ones
// every time.
func noise(seed uint64, dims ...int) *tensors.Tensor {
	r := rand.New(rand.NewPCG(seed, 0))
	flat := make([]float64, shapes.Make(dtypes.Float64, dims...).Size())
	for i := range flat {
		flat[i] = r.NormFloat64()
	}
	return tensors.FromFlatDataAndDimensions(flat, dims...)
}

func flat(x *tensors.Tensor) []float64 {
	var out []float64
	tensors.MustConstFlatData(x, func(data []float64) { out = append(out, data...) })
	return out
}

// weigh makes one number of a node, in which every element counts differently.
func weigh(x *Node) *Node {
	w := Sin(AddScalar(MulScalar(ConvertDType(Iota(x.Graph(), shapes.Make(dtypes.Int32, x.Shape().Size()), 0), x.DType()), 0.7), 1))
	return ReduceAllSum(Mul(Reshape(x, x.Shape().Size()), w))
}

// Sizes in the tests.
const batch, steps, features, units = 3, 4, 4, 2 // no sequence of [lengths] is as long as the batch

func lengths(g *Graph) *Node { return Const(g, []int32{3, 1, 2}) }

// TestLSTMEqualsUnrolled compares values and gradients with GoMLX's LSTM, which
// lays every step out and is differentiated by GoMLX.
func TestLSTMEqualsUnrolled(t *testing.T) {
	onBackends(t, func(t *testing.T, backend compute.Backend) {
		for _, direction := range []layer.Direction{layer.Forward, layer.Backward, layer.Both} {
			for _, ragged := range []bool{false, true} {
				if strings.HasPrefix(backend.Name(), "xla") && !(direction == layer.Both && ragged) {
					continue // XLA takes seconds to compile theirs; this case has all in it
				}
				t.Run(fmt.Sprintf("%s ragged %t", direction, ragged), func(t *testing.T) {
					compareWithUnrolled(t, backend, direction, ragged)
				})
			}
		}
	})
}

func compareWithUnrolled(t *testing.T, backend compute.Backend, direction layer.Direction, ragged bool) {
	ways, gomlxDirection := []string{string(direction)}, lstm.DirForward
	switch direction {
	case layer.Backward:
		gomlxDirection = lstm.DirReverse
	case layer.Both:
		ways, gomlxDirection = []string{"forward", "backward"}, lstm.DirBidirectional
	}
	n := len(ways)
	x, h0, c0 := noise(1, batch, steps, features), noise(2, n, batch, units), noise(3, n, batch, units)
	w, r, b := noise(4, n, 4, units, features), noise(5, n, 4, units, units), noise(6, n, 8, units)
	both := func(scope *model.Scope, in []*Node) []*Node {
		x, h0, c0, w, r, b := in[0], in[1], in[2], in[3], in[4], in[5]
		g := x.Graph()
		theirs := lstm.NewWithWeights(x, w, r, b, nil).Direction(gomlxDirection).InitialStates(h0, c0)
		if ragged {
			theirs = theirs.Ragged(lengths(g))
		}
		all, hidden, cells := theirs.Done()                                     // [time, ways, batch, units], [ways, batch, units]
		all = Reshape(TransposeAllAxes(all, 2, 0, 1, 3), batch, steps, n*units) // [batch, time, ways·units]
		side := func(x *Node) *Node { return Reshape(TransposeAllAxes(x, 1, 0, 2), batch, n*units) }
		want := []*Node{all, side(hidden), side(cells)}

		// Their gates are i, o, f, g; ours i, f, g, o.
		order := func(way int, x *Node, from int) *Node {
			var parts []*Node
			for _, gate := range []int{0, 2, 3, 1} {
				part := Squeeze(Slice(x, AxisElem(way), AxisElem(from+gate)), 0, 1)
				if part.Rank() == 2 {
					part = Transpose(part, 0, 1)
				}
				parts = append(parts, part)
			}
			return Concatenate(parts, -1)
		}
		for way, name := range ways {
			own := scope.At("lstm").At("%s", name)
			own.VariableWithNodeValue("kernel", order(way, w, 0)) // the layer finds these and makes none
			own.VariableWithNodeValue("recurrent", order(way, r, 0))
			own.VariableWithNodeValue("bias", order(way, b, 0))
			own.VariableWithNodeValue("recurrent_bias", order(way, b, 4))
		}
		options := layer.Recurrent{Units: units, Direction: direction, Initial: []*Node{side(h0), side(c0)}}
		if ragged {
			options.Mask = layer.LengthMask(lengths(g), steps)
		}
		states := layer.LSTM(scope.ResetVisited(), x, options)
		got := append([]*Node{states.All}, states.Last...)

		var out []*Node
		for _, results := range [][]*Node{want, got} {
			loss := Add(weigh(results[0]), Add(MulScalar(weigh(results[1]), 2), MulScalar(weigh(results[2]), 3)))
			out = append(append(out, results...), Gradient(loss, in...)...)
		}
		return out
	}
	results, err := model.CallOnceN(backend, model.NewStore(), both, x, h0, c0, w, r, b)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"all states", "last hidden", "last cell", "gradient by x", "by h0", "by c0", "by W", "by R", "by biases"}
	for i, name := range names {
		near(t, name, flat(results[len(names)+i]), flat(results[i]))
	}
}

func near(t *testing.T, name string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= 1e-5*max(1, math.Abs(want[i]))) {
			t.Errorf("%s[%d] = %.9g, want %.9g", name, i, got[i], want[i])
			return
		}
	}
}

// TestGradientsEqualDifferences compares the hand-written gradients with
// central differences of the loss, by inputs, weights and initial states, with
// masked steps and with dropout (of one fixed draw).
func TestGradientsEqualDifferences(t *testing.T) {
	kinds := map[string]struct {
		run    func(*model.Scope, *Node, layer.Recurrent) layer.States
		gates  int
		states int
	}{"lstm": {layer.LSTM, 4, 2}, "gru": {layer.GRU, 3, 1}}
	onBackends(t, func(t *testing.T, backend compute.Backend) {
		for name, kind := range kinds {
			for _, direction := range []layer.Direction{layer.Forward, layer.Backward} {
				t.Run(name+" "+string(direction), func(t *testing.T) {
					width := kind.gates * units
					inputs := []*tensors.Tensor{noise(1, batch, steps, features), noise(2, features, width), noise(3, units, width), noise(4, width), noise(5, width)}
					for i := range kind.states {
						inputs = append(inputs, noise(uint64(6+i), batch, units))
					}
					loss := func(scope *model.Scope, in []*Node) *Node {
						own := scope.At("%s", name).At("%s", direction)
						for i, variable := range []string{"kernel", "recurrent", "bias", "recurrent_bias"} {
							own.VariableWithNodeValue(variable, in[1+i])
						}
						g := in[0].Graph()
						scope.SetTraining(g, true)
						states := kind.run(scope.ResetVisited(), in[0], layer.Recurrent{
							Units: units, Direction: direction, Dropout: 0.3, RecurrentDropout: 0.4,
							Mask: layer.LengthMask(lengths(g), steps), Initial: in[5:]})
						total := weigh(states.All)
						for _, last := range states.Last {
							total = Add(total, MulScalar(weigh(last), 2))
						}
						return total
					}
					store := model.NewStore()
					draw := func() { // the same dropout every time
						if err := store.SetRNGStateFromSeed(3); err != nil {
							t.Fatal(err)
						}
					}
					exec := model.MustNewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
						total := loss(scope, in)
						return append(Gradient(total, in...), total)
					})
					defer exec.Finalize()
					exec.MustCall(anys(inputs)...) // the first call also draws weights, which nothing uses
					draw()
					grads := exec.MustCall(anys(inputs)...)
					value := func() float64 {
						draw()
						return flat(exec.MustCall(anys(inputs)...)[len(inputs)])[0]
					}
					const h = 1e-5
					for i, input := range inputs {
						g := flat(grads[i])
						for _, j := range []int{0, len(g) / 2, len(g) - 1} {
							at := flat(input)[j]
							change := func(v float64) float64 {
								tensors.MustMutableFlatData(input, func(data []float64) { data[j] = v })
								return value()
							}
							want := (change(at+h) - change(at-h)) / (2 * h)
							change(at)
							near(t, fmt.Sprintf("gradient by input %d, element %d", i, j), []float64{g[j]}, []float64{want})
						}
					}
				})
			}
		}
	})
}

func anys(inputs []*tensors.Tensor) []any {
	out := make([]any, len(inputs))
	for i := range inputs {
		out[i] = inputs[i]
	}
	return out
}

// TestGRU checks one step against the formula, by hand.
func TestGRU(t *testing.T) {
	onBackends(t, func(t *testing.T, backend compute.Backend) {
		got := model.MustCallOnce(backend, model.NewStore(), func(scope *model.Scope, x *Node) *Node {
			g := x.Graph()
			own := scope.At("gru").At("forward")
			own.VariableWithNodeValue("kernel", Const(g, [][]float64{{0.1, 0.2, 0.3}}))
			own.VariableWithNodeValue("recurrent", Const(g, [][]float64{{0.4, 0.5, 0.6}}))
			own.VariableWithNodeValue("bias", Const(g, []float64{0.01, 0.02, 0.03}))
			own.VariableWithNodeValue("recurrent_bias", Const(g, []float64{0.04, 0.05, 0.06}))
			return layer.GRU(scope.ResetVisited(), x, layer.Recurrent{Units: 1, Initial: []*Node{Const(g, [][]float64{{0.7}})}}).Last[0]
		}, [][][]float64{{{2}}})
		sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
		z := sigmoid(2*0.1 + 0.01 + 0.7*0.4 + 0.04)
		r := sigmoid(2*0.2 + 0.02 + 0.7*0.5 + 0.05)
		n := math.Tanh(2*0.3 + 0.03 + r*(0.7*0.6+0.06))
		near(t, "h", flat(got), []float64{z*0.7 + (1-z)*n})
	})
}

// TestDropoutDrawsOncePerSequence checks Keras' meaning: what is dropped is
// dropped at every step, and differs between sequences.
func TestDropoutDrawsOncePerSequence(t *testing.T) {
	onBackends(t, func(t *testing.T, backend compute.Backend) {
		store := model.NewStore()
		if err := store.SetRNGStateFromSeed(1); err != nil {
			t.Fatal(err)
		}
		const rows, wide = 64, 40
		// The gradient by x is zero exactly where x was dropped.
		grad := model.MustCallOnce(backend, store, func(scope *model.Scope, x *Node) *Node {
			scope.SetTraining(x.Graph(), true)
			return Gradient(weigh(layer.LSTM(scope, x, layer.Recurrent{Units: 3, Dropout: 0.25}).All), x)[0]
		}, noise(1, rows, steps, wide))
		g, dropped := flat(grad), 0
		for row := range rows {
			for feature := range wide {
				zeros := 0
				for step := range steps {
					if g[(row*steps+step)*wide+feature] == 0 {
						zeros++
					}
				}
				if zeros != 0 && zeros != steps {
					t.Fatalf("sequence %d, feature %d is dropped at %d of %d steps", row, feature, zeros, steps)
				}
				if zeros == steps {
					dropped++
				}
			}
		}
		if share := float64(dropped) / (rows * wide); math.Abs(share-0.25) > 0.03 {
			t.Errorf("%.3f of the inputs are dropped, want 0.25", share)
		}
	})
}

func TestRecurrentMistakes(t *testing.T) {
	backend, err := gobackend.New("")
	if err != nil {
		t.Fatal(err)
	}
	f := func(want string, r layer.Recurrent) {
		t.Helper()
		_, err := model.CallOnce(backend, model.NewStore(), func(scope *model.Scope, x *Node) *Node {
			scope.SetTraining(x.Graph(), true)
			return layer.GRU(scope, x, r).All
		}, noise(1, batch, steps, features))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one about %q", r, err, want)
		}
	}
	f("at least one unit", layer.Recurrent{})
	f(`unknown direction "up"`, layer.Recurrent{Units: 1, Direction: "up"})
	f("dropout rate", layer.Recurrent{Units: 1, Dropout: 1})
}

// TestRecurrentWeightsBeginOrthogonal: R·Rᵀ is the identity.
func TestRecurrentWeightsBeginOrthogonal(t *testing.T) {
	onBackends(t, func(t *testing.T, backend compute.Backend) {
		for _, units := range []int{1, 7, 128} {
			store := model.NewStore()
			if err := store.SetRNGStateFromSeed(1); err != nil {
				t.Fatal(err)
			}
			rows := flat(model.MustCallOnce(backend, store, func(scope *model.Scope, x *Node) *Node {
				layer.LSTM(scope, x, layer.Recurrent{Units: units})
				r := scope.At("lstm").At("forward").GetVariable("recurrent").NodeValue(x.Graph())
				return MatMul(r, Transpose(r, 0, 1))
			}, noise(1, 1, 1, 2)))
			want := make([]float64, units*units)
			for i := range units {
				want[i*units+i] = 1
			}
			near(t, fmt.Sprintf("%d units", units), rows, want)
		}
	})
}

// TestMaskedStepsDoNothing: wherever masked steps are, the last state is that of
// the other steps alone.
func TestMaskedStepsDoNothing(t *testing.T) {
	onBackends(t, func(t *testing.T, backend compute.Backend) {
		results, err := model.CallOnceN(backend, model.NewStore(), func(scope *model.Scope, in []*Node) []*Node {
			x := in[0] // [batch, 4 steps, features]
			g := x.Graph()
			mask := BroadcastToDims(Const(g, [][]bool{{true, false, true, false}}), batch, steps)
			real := Concatenate([]*Node{Slice(x, AxisRange(), AxisElem(0)), Slice(x, AxisRange(), AxisElem(2))}, 1)
			masked := layer.LSTM(scope, x, layer.Recurrent{Units: units, Direction: layer.Backward, Mask: mask})
			alone := layer.LSTM(scope.ResetVisited(), real, layer.Recurrent{Units: units, Direction: layer.Backward})
			return append(masked.Last, alone.Last...)
		}, noise(1, batch, steps, features))
		if err != nil {
			t.Fatal(err)
		}
		near(t, "hidden", flat(results[0]), flat(results[2]))
		near(t, "cell", flat(results[1]), flat(results[3]))
	})
}

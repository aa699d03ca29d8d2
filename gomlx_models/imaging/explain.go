package imaging

import (
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Explain returns the Grad-CAM of the most probable class: see GradCAM.
func (m *network) Explain(ctx context.Context, film Film) (models.Explanation, error) {
	probs, err := m.Predict(ctx, []Film{film})
	if err != nil {
		return models.Explanation{}, err
	}
	return m.GradCAM(ctx, film, floats.MaxIdx(probs[0]))
}

// GradCAM returns where in the film the network's last convolution speaks for
// class: its features weighted by the mean gradient of the class's logit,
// negative sums cut off, enlarged to the film's size. Of an ensemble it is the
// sum over its networks.
//
//	map = max(0, Σ_k a_k A_k), a_k = mean over pixels of ∂logit/∂A_k
//
// It tells most of a resnet18, whose last layer sees means over pixels: there the
// logit is linear in them. The cnn's hidden layer weighs each pixel by itself, which
// a mean gradient passes over; its integrated gradients and occlusion point better.
//
// Selvaraju et al., ICCV 2017.
func (m *network) GradCAM(ctx context.Context, film Film, class int) (models.Explanation, error) {
	explanation, p, err := m.explain(ctx, "grad-cam", film, class)
	if err != nil {
		return models.Explanation{}, err
	}
	f := m.fitted
	maps, err := f.gradCAM()(p.tensor(), f.chosen(class))
	if err != nil {
		return models.Explanation{}, fmt.Errorf("imaging: %w", err)
	}
	small := maps[0].Shape().Dimensions // [1, height', width']
	flat, err := tensors.CopyFlatData[float32](maps[0])
	if err != nil {
		return models.Explanation{}, fmt.Errorf("imaging: %w", err)
	}
	explanation.Values = enlarge(flat, small[1], small[2], f.Height, f.Width)
	return explanation, nil
}

// integrationSteps is the number of midpoints of the path integral: at 128 its
// sum misses the difference of logits by less than a hundredth in our tests.
const (
	integrationSteps = 128
	integrationBatch = 16
)

// IntegratedGradients returns how much each pixel, its channels together, adds
// to the logit of class on the straight way from a black film to this one:
//
//	value = (x − x₀) ∫₀¹ ∂logit(x₀ + t(x − x₀))/∂x dt
//
// The values and Base, the logit of the black film, add up to Total, the logit
// of this film, but for the error of a sum in place of the integral: see
// Explanation.Gap. If films are normalised each by itself, all on the way are by
// this film's mean and deviation: of their own, almost the whole way would lie
// in the first step.
// Sundararajan et al., ICML 2017.
func (m *network) IntegratedGradients(ctx context.Context, film Film, class int) (models.Explanation, error) {
	explanation, p, err := m.explain(ctx, "integrated gradients", film, class)
	if err != nil {
		return models.Explanation{}, err
	}
	f := m.fitted
	t := make([]float32, integrationBatch)
	along := func() (gradients, logits []float32, err error) {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		results, err := f.pathGradients()(p.tensor(), f.chosen(class), tensors.FromFlatDataAndDimensions(t, len(t)))
		if err != nil {
			return nil, nil, err
		}
		gradients, err = tensors.CopyFlatData[float32](results[0])
		if err != nil {
			return nil, nil, err
		}
		logits, err = tensors.CopyFlatData[float32](results[1])
		return gradients, logits, err
	}
	t[1] = 1
	_, ends, err := along()
	if err != nil {
		return models.Explanation{}, fmt.Errorf("imaging: %w", err)
	}
	explanation.Base, explanation.Total = float64(ends[0]), float64(ends[1])

	explanation.Values = make([]float64, f.Height*f.Width)
	for first := 0; first < integrationSteps; first += integrationBatch {
		for i := range t {
			t[i] = (float32(first+i) + 0.5) / integrationSteps
		}
		gradients, _, err := along()
		if err != nil {
			return models.Explanation{}, fmt.Errorf("imaging: %w", err)
		}
		for i, v := range gradients {
			explanation.Values[i] += float64(v) / integrationSteps
		}
	}
	return explanation, nil
}

// Occlusion returns how much the probability of class falls when a grey square, a
// seventh of the film wide and moved by half its width, hides a pixel: the
// mean over the squares that hide it. Base is the probability of the whole film.
// Zeiler & Fergus, ECCV 2014.
func (m *network) Occlusion(ctx context.Context, film Film, class int) (models.Explanation, error) {
	explanation, p, err := m.explain(ctx, "occlusion", film, class)
	if err != nil {
		return models.Explanation{}, err
	}
	f := m.fitted
	side := max(2, min(f.Height, f.Width)/7)
	shown := []Pixels{p}
	type corner struct{ y, x int }
	var corners []corner
	for y := 0; y < f.Height; y += side / 2 {
		for x := 0; x < f.Width; x += side / 2 {
			corners = append(corners, corner{y, x})
			shown = append(shown, p.hide(y, x, side))
		}
	}
	logits, err := f.network.Predict(ctx, f.prepared(shown))
	if err != nil {
		return models.Explanation{}, fmt.Errorf("imaging: %w", err)
	}
	probs := f.probabilities(logits)
	explanation.Base = probs[0][class]
	explanation.Values = make([]float64, f.Height*f.Width)
	hidden := make([]float64, f.Height*f.Width)
	for i, c := range corners {
		for y := c.y; y < min(c.y+side, f.Height); y++ {
			for x := c.x; x < min(c.x+side, f.Width); x++ {
				explanation.Values[y*f.Width+x] += explanation.Base - probs[i+1][class]
				hidden[y*f.Width+x]++
			}
		}
	}
	for i := range explanation.Values {
		explanation.Values[i] /= hidden[i]
	}
	return explanation, nil
}

// hide returns the picture with a square of its mean grey.
func (p Pixels) hide(top, left, side int) Pixels {
	mean := 0
	for _, v := range p.Values {
		mean += int(v)
	}
	grey := uint8(mean / len(p.Values))
	q := p
	q.Values = slices.Clone(p.Values)
	for y := top; y < min(top+side, p.Height); y++ {
		row := q.Values[(y*p.Width+left)*p.Channels : (y*p.Width+min(left+side, p.Width))*p.Channels]
		for i := range row {
			row[i] = grey
		}
	}
	return q
}

// explain checks what all methods need, and starts their answer.
func (m *network) explain(ctx context.Context, method string, film Film, class int) (models.Explanation, Pixels, error) {
	if m.fitted == nil {
		return models.Explanation{}, Pixels{}, models.ErrNotFitted
	}
	if ctx.Err() != nil {
		return models.Explanation{}, Pixels{}, context.Cause(ctx)
	}
	if class < 0 || class >= len(m.config.Classes) {
		return models.Explanation{}, Pixels{}, fmt.Errorf("imaging: class %d: there are %d, from 0", class, len(m.config.Classes))
	}
	p, err := m.fitted.see(film)
	if err != nil {
		return models.Explanation{}, Pixels{}, fmt.Errorf("imaging: %w", err)
	}
	return models.Explanation{
		Method: method, Answer: m.config.Classes[class], Shape: []int{m.fitted.Height, m.fitted.Width},
	}, p, nil
}

// gradCAM returns the compiled map of GradCAM.
//
//	film    uint8 [1, height, width, channels]
//	chosen  [classes], 1 at the class and 0 elsewhere
//	returns [1, height', width']
func (f *fitted) gradCAM() compiled {
	f.compileGradCAM.Do(func() {
		f.compiledGradCAM = f.network.Compile(func(scope *model.Scope, inputs []*Node) []*Node {
			logits, features := f.forward(scope, f.input(inputs[0]))
			logit := ReduceAllSum(Mul(logits, InsertAxes(inputs[1], 0)))
			var sum *Node
			for i, gradient := range Gradient(logit, features...) {
				weights := ReduceAndKeep(gradient, ReduceMean, 1, 2)
				seen := MaxScalar(ReduceSum(Mul(weights, features[i]), -1), 0)
				if sum == nil {
					sum = seen
				} else {
					sum = Add(sum, seen)
				}
			}
			return []*Node{sum}
		})
	})
	return f.compiledGradCAM
}

// pathGradients returns the compiled sum that IntegratedGradients averages, and
// the logits on the way.
//
//	film    uint8 [1, height, width, channels]
//	chosen  [classes], 1 at the class and 0 elsewhere
//	t       [steps], where on the way from black to the film
//	returns [height, width] and [steps]
func (f *fitted) pathGradients() compiled {
	f.compilePathGradients.Do(func() {
		f.compiledPathGradients = f.network.Compile(func(scope *model.Scope, inputs []*Node) []*Node {
			film := unit(inputs[0])
			path := Mul(film, InsertAxes(inputs[2], -1, -1, -1)) // [steps, height, width, channels]
			all, _ := f.forward(scope, f.normalize(path, film))
			logits := ReduceSum(Mul(all, InsertAxes(inputs[1], 0)), -1)       // [steps]
			gradient := ReduceSum(Gradient(ReduceAllSum(logits), path)[0], 0) // [height, width, channels]
			return []*Node{ReduceSum(Mul(gradient, Squeeze(film, 0)), -1), logits}
		})
	})
	return f.compiledPathGradients
}

// compiled is a graph on the weights of a fitted network.
type compiled = func(inputs ...*tensors.Tensor) ([]*tensors.Tensor, error)

// chosen is the one-hot vector of class.
func (f *fitted) chosen(class int) *tensors.Tensor {
	chosen := make([]float32, len(f.Config.Classes))
	chosen[class] = 1
	return tensors.FromFlatDataAndDimensions(chosen, len(chosen))
}

// tensor returns the picture as the batch [1, height, width, channels].
func (p Pixels) tensor() *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(p.Values, 1, p.Height, p.Width, p.Channels)
}

// enlarge interpolates a map bilinearly to another size.
func enlarge(flat []float32, fromHeight, fromWidth, height, width int) []float64 {
	rows, columns := triangles(fromHeight, height), triangles(fromWidth, width)
	values := make([]float64, height*width)
	for y, row := range rows {
		for x, column := range columns {
			for i, u := range row.weights {
				for j, v := range column.weights {
					values[y*width+x] += float64(u) * float64(v) * float64(flat[(row.first+i)*fromWidth+column.first+j])
				}
			}
		}
	}
	return values
}

package text

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Explain returns the integrated gradients of the most probable class: see
// [Network.IntegratedGradients].
func (m *Network) Explain(ctx context.Context, text string) (models.Explanation, error) {
	probs, err := m.Predict(ctx, []string{text})
	if err != nil {
		return models.Explanation{}, err
	}
	return m.IntegratedGradients(ctx, text, floats.MaxIdx(probs[0]))
}

// The path of integrated gradients is walked in so many midpoints, so many at a time.
const (
	integrationSteps = 64
	integrationBatch = 16
)

// IntegratedGradients returns how much each word adds to the logit of class on
// the straight way from a text of empty words (embeddings of zero) to this one:
//
//	value = Σ x ∫₀¹ ∂logit(t·x)/∂x dt    over the numbers x of the word's embedding
//
// The values and Base, the logit of the empty text, add up to Total, the logit
// of this text, but for what 64 steps miss; all with the baseline's share if the
// network has one. Sundararajan et al., ICML 2017.
func (m *Network) IntegratedGradients(ctx context.Context, text string, class int) (models.Explanation, error) {
	e, read, err := m.explain("integrated gradients", text, class)
	if err != nil {
		return models.Explanation{}, err
	}
	f := m.fitted
	run := f.network.Compile(func(scope *model.Scope, inputs []*Node) []*Node {
		class, t := inputs[0], inputs[1]
		tokens := inputs[2]
		x := f.embed(scope, inputs[2:]) // [1, length, embedding]
		steps, length := t.Shape().Dim(0), tokens.Shape().Dim(1)
		path := Mul(x, Reshape(t, steps, 1, 1))
		words := BroadcastToDims(isWord(tokens), steps, length)
		logits := f.classify(scope, path, words) // [steps, classes]
		chosen := Mul(logits, OneHot(class, len(f.Config.Classes), logits.DType()))
		gradients := ReduceSum(Gradient(ReduceAllSum(chosen), path)[0], 0)
		return []*Node{ReduceSum(Mul(gradients, Reshape(x, length, -1)), -1), ReduceSum(chosen, -1)}
	})
	call := func(t []float32) (sums, logits []float32, err error) {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		results, err := run(append([]*tensors.Tensor{
			tensors.FromFlatDataAndDimensions([]int32{int32(class)}, 1), tensors.FromFlatDataAndDimensions(t, len(t)),
		}, read...)...)
		if err != nil {
			return nil, nil, fmt.Errorf("text: %w", err)
		}
		if sums, err = tensors.CopyFlatData[float32](results[0]); err != nil {
			return nil, nil, err
		}
		logits, err = tensors.CopyFlatData[float32](results[1])
		return sums, logits, err
	}
	ends := make([]float32, integrationBatch)
	ends[1] = 1
	_, logits, err := call(ends)
	if err != nil {
		return models.Explanation{}, err
	}
	e.Base, e.Total = float64(logits[0]), float64(logits[1])
	for first := 0; first < integrationSteps; first += integrationBatch {
		t := make([]float32, integrationBatch)
		for i := range t {
			t[i] = (float32(first+i) + 0.5) / integrationSteps
		}
		sums, _, err := call(t)
		if err != nil {
			return models.Explanation{}, err
		}
		for i := range e.Values {
			e.Values[i] += float64(sums[i]) / integrationSteps
		}
	}
	if f.Baseline != nil { // linear: its weights are its integrated gradients
		values, base := f.Baseline.parts(e.Names, class)
		e.Base, e.Total = (e.Base+base)/2, (e.Total+f.Baseline.scores(e.Names)[class])/2
		for i, v := range values {
			e.Values[i] = (e.Values[i] + v) / 2
		}
	}
	return e, nil
}

// Occlusion returns how much the probability of class falls when a word is
// replaced by an unknown one. Base is the probability of the whole text.
func (m *Network) Occlusion(ctx context.Context, text string, class int) (models.Explanation, error) {
	e, _, err := m.explain("occlusion", text, class)
	if err != nil {
		return models.Explanation{}, err
	}
	texts := [][]string{e.Names}
	for i := range e.Names {
		hidden := slices.Clone(e.Names)
		hidden[i] = "" // in no vocabulary
		texts = append(texts, hidden)
	}
	probs, err := m.fitted.predict(ctx, texts)
	if err != nil {
		return models.Explanation{}, fmt.Errorf("text: %w", err)
	}
	e.Base = probs[0][class]
	for i := range e.Values {
		e.Values[i] = e.Base - probs[i+1][class]
	}
	return e, nil
}

// Attention returns what the words of a text attend to in each layer of a
// transformer, the mean over heads: Shape is [words, words], each row a word
// and adding up to 1. It shows where information flows, not why an answer was
// given (Jain and Wallace, NAACL 2019).
func (m *Network) Attention(ctx context.Context, text string) ([]models.Explanation, error) {
	e, read, err := m.explain("attention", text, 0)
	if err != nil {
		return nil, err
	}
	f := m.fitted
	if f.Config.Network != "transformer" {
		return nil, fmt.Errorf("text: a network of type %s has no attention", f.Config.Network)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	run := f.network.Compile(func(scope *model.Scope, inputs []*Node) []*Node {
		var layers []*Node
		f.encode(scope, f.embed(scope, inputs), isWord(inputs[0]), &layers)
		for i := range layers {
			layers[i] = ReduceMean(layers[i], 0, 1) // [length, length]
		}
		return layers
	})
	results, err := run(read...)
	if err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	n, length := len(e.Names), read[0].Shape().Dim(1)
	var layers []models.Explanation
	for i, result := range results {
		flat, err := tensors.CopyFlatData[float32](result)
		if err != nil {
			return nil, err
		}
		layer := models.Explanation{Method: fmt.Sprintf("attention, layer %d", i+1), Names: e.Names, Shape: []int{n, n}}
		for row := range n {
			for column := range n {
				layer.Values = append(layer.Values, float64(flat[row*length+column]))
			}
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

// explain checks what all methods need, and starts their answer. read is what
// the network reads of the text.
func (m *Network) explain(method, text string, class int) (e models.Explanation, read []*tensors.Tensor, err error) {
	if m.fitted == nil {
		return models.Explanation{}, nil, models.ErrNotFitted
	}
	f := m.fitted
	if class < 0 || class >= len(f.Config.Classes) {
		return models.Explanation{}, nil, fmt.Errorf("text: class %d: there are %d, from 0", class, len(f.Config.Classes))
	}
	words := f.words([]string{text})
	tokens, affixes := f.source(words, nil, nil, false).tokens([]int{0})
	return models.Explanation{
		Method: method, Answer: f.Config.Classes[class],
		Names: words[0], Values: make([]float64, len(words[0])), Shape: []int{len(words[0])},
	}, asTensors(1, tokens, affixes), nil
}

// Table returns an explanation of a text as a table for a report, which charts
// draw as coloured words.
func Table(title string, e models.Explanation) models.Table {
	t := models.Table{Kind: "tokens", Title: title, Columns: []string{"word", e.Method}}
	for i, name := range e.Names {
		t.Rows = append(t.Rows, []string{name, strconv.FormatFloat(e.Values[i], 'g', 6, 64)})
	}
	return t
}

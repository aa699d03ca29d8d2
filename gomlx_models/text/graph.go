package text

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"

	"github.com/assay-ml/assay/gomlx_models/layer"
)

// graph is the network's fit.GraphFn.
//
//	inputs  see source.Batch
//	returns [batch, classes] logits
func (f *fitted) graph(scope *model.Scope, inputs []*Node) *Node {
	f.begin(scope)
	logits := f.classify(scope, f.embed(scope, inputs), isWord(inputs[0]))
	if f.Baseline != nil {
		logits = MulScalar(Add(logits, inputs[len(inputs)-1]), 0.5)
	}
	return logits
}

// isWord is false where a text is padded.
func isWord(tokens *Node) *Node { return NotEqual(tokens, Const(tokens.Graph(), int32(padID))) }

// embed looks words up, and adds up their affixes to them.
//
//	inputs  see asTensors; more are ignored
//	returns [batch, length, embedding]
func (f *fitted) embed(scope *model.Scope, inputs []*Node) *Node {
	g := inputs[0].Graph()
	x := Gather(f.table(scope, g), InsertAxes(inputs[0], -1))
	if f.Config.Affixes == 0 {
		return x
	}
	affixes := inputs[1] // [batch, length, affixesOfWord]
	table := f.lookup(scope.At("affixes"), g, 1+len(f.Vocabulary.Affixes))
	parts := Gather(table, InsertAxes(affixes, -1)) // [batch, length, affixesOfWord, embedding]
	there := BroadcastToDims(InsertAxes(NotEqual(affixes, Const(g, int32(0))), -1), parts.Shape().Dimensions...)
	return Add(x, MaskedReduceSum(parts, there, 2))
}

// table is the embedding of each word, [words, embedding].
func (f *fitted) table(scope *model.Scope, g *Graph) *Node {
	return f.lookup(scope.At(embeddingScope), g, f.Vocabulary.size())
}

// lookup is a table of embeddings, [rows, embedding].
func (f *fitted) lookup(scope *model.Scope, g *Graph, rows int) *Node {
	shape := shapes.Make(dtypes.Float32, rows, f.Config.Embedding)
	return scope.WithInitializer(initializer.RandomUniformFn(scope, -embeddingSpread, embeddingSpread)).VariableWithShape("table", shape).NodeValue(g)
}

// embeddingScope holds the embedding's table.
const embeddingScope = "embedding"

// embeddingSpread bounds the random start of embeddings, as in Keras.
const embeddingSpread = 0.05

// classify reads embedded words. Its logits are the network's own, without
// the baseline.
//
//	x       [batch, length, embedding]
//	words   bool [batch, length]
//	returns [batch, classes] logits
func (f *fitted) classify(scope *model.Scope, x, words *Node) *Node {
	pooled := f.pool(f.encode(scope, x, words, nil), words)
	pooled = layers.DropoutStatic(scope.In("dropout"), pooled, rate(f.Config.Dropout))
	return layers.DenseWithBias(scope.In("classes"), pooled, len(f.Config.Classes))
}

// rate is the share that a configured dropout drops: -1 means none.
func rate(dropout float64) float64 { return max(0, dropout) }

// encoded is what the layers made of a text.
type encoded struct {
	states *Node // [batch, length, width]
	last   *Node // [batch, width], the state after the last word; nil in a transformer
}

// encode runs the layers over embedded words. attention, if not nil, gets what
// each layer of a transformer attends to, [batch, heads, length, length].
func (f *fitted) encode(scope *model.Scope, x, words *Node, attention *[]*Node) encoded {
	if f.Config.Network == "transformer" {
		return encoded{states: f.transform(scope, x, words, attention)}
	}
	run := layer.LSTM
	if f.Config.Network == "gru" {
		run = layer.GRU
	}
	e := encoded{states: x}
	for i := range f.Config.Layers {
		states := run(scope.In("layer_%d", i), e.states, layer.Recurrent{
			Units: f.Config.Units, Direction: layer.Direction(f.Config.Direction), Mask: words,
			Dropout: rate(f.Config.Dropout), RecurrentDropout: rate(f.Config.RecurrentDropout),
		})
		e = encoded{states.All, states.Last[0]}
	}
	return e
}

// pool makes one vector of a text.
func (f *fitted) pool(e encoded, words *Node) *Node {
	if f.Config.Pool == "last" {
		return e.last
	}
	mask := BroadcastToDims(InsertAxes(words, -1), e.states.Shape().Dimensions...)
	if f.Config.Pool == "max" {
		return MaskedReduceMax(e.states, mask, 1)
	}
	return MaskedReduceMean(e.states, mask, 1)
}

// transform is a Transformer encoder with layer normalisation before each part
// (Vaswani et al., 2017; Xiong et al., 2020) and learnt positions.
func (f *fitted) transform(scope *model.Scope, x, words *Node, attention *[]*Node) *Node {
	c, g := f.Config, x.Graph()
	length := x.Shape().Dim(1)
	shape := shapes.Make(dtypes.Float32, paddedLength(c.MaxTokens), c.Embedding)
	positions := scope.WithInitializer(initializer.RandomUniformFn(scope, -embeddingSpread, embeddingSpread)).VariableWithShape("positions", shape).NodeValue(g)
	x = Add(x, InsertAxes(Slice(positions, AxisRange(0, length)), 0))
	x = layers.DropoutStatic(scope.In("embedding_dropout"), x, rate(c.Dropout))
	for i := range c.Layers {
		scope := scope.In("layer_%d", i)
		mixed, weights := attend(scope.In("attention"), norm.LayerNorm(scope.In("attention_norm"), x, -1).Done(), words, c.Heads)
		if attention != nil {
			*attention = append(*attention, weights)
		}
		x = Add(x, layers.DropoutStatic(scope.In("attention_dropout"), mixed, rate(c.Dropout)))
		h := norm.LayerNorm(scope.In("dense_norm"), x, -1).Done()
		h = activation.Apply(activation.TypeGelu, layers.DenseWithBias(scope.In("dense"), h, c.Hidden))
		h = layers.DenseWithBias(scope.In("back"), h, c.Embedding)
		x = Add(x, layers.DropoutStatic(scope.In("dense_dropout"), h, rate(c.Dropout)))
	}
	return norm.LayerNorm(scope.In("norm"), x, -1).Done()
}

// attend is multi-head self-attention that no padding takes part in.
//
//	x       [batch, length, width]
//	words   bool [batch, length]
//	mixed   [batch, length, width]
//	weights [batch, heads, length, length], of each query (axis 2) over all keys
func attend(scope *model.Scope, x, words *Node, heads int) (mixed, weights *Node) {
	batch, length, width := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)
	part := func(name string) *Node {
		return Reshape(layers.DenseWithBias(scope.In("%s", name), x, width), batch, length, heads, width/heads)
	}
	query, key, value := part("query"), part("key"), part("value")
	scores := MulScalar(Einsum("bqhd,bkhd->bhqk", query, key), 1/math.Sqrt(float64(width/heads)))
	mask := BroadcastToDims(Reshape(words, batch, 1, 1, length), batch, heads, length, length)
	weights = MaskedSoftmax(scores, mask, -1)
	mixed = Reshape(Einsum("bhqk,bkhd->bqhd", weights, value), batch, length, width)
	return layers.DenseWithBias(scope.In("out"), mixed, width), weights
}

// loss is the cross-entropy of each row, by classes that exclude each other or,
// with several labels, the mean over them.
//
//	labels  targets and weights, each [batch, classes]
//	outputs logits [batch, classes]
//	returns [batch]
func (f *fitted) loss(labels, outputs []*Node) *Node {
	target, weight, logits := labels[0], labels[1], outputs[0]
	if !f.Config.Multilabel {
		return Neg(ReduceSum(Mul(Mul(target, weight), LogSoftmax(logits, -1)), -1))
	}
	// ln(1+e^z) − target·z without overflow
	losses := Sub(Add(MaxScalar(logits, 0), Log1P(Exp(Neg(Abs(logits))))), Mul(target, logits))
	return ReduceMean(Mul(weight, losses), -1)
}

// begin makes the variables whose values do not begin at random, before the
// layers that would make them so. Afterwards they are there, and it does nothing.
func (f *fitted) begin(scope *model.Scope) {
	for path, value := range f.start {
		path = model.JoinPath(scope.Scope(), path)
		if scope.Store().GetVariable(path) == nil { // else it has taken the value already
			scope.Store().VariableWithValue(path, value)
		}
	}
}

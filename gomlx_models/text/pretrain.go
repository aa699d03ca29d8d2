package text

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/assay-ml/assay/gomlx_models/fit"
)

// pretraining is what a network reads before it sees a label.
type pretraining struct {
	texts   []string
	options fit.Options
}

// PretrainOn lets the network read unlabelled texts first, and returns m: some
// of the words are hidden, and it learns to tell them from the others (Devlin
// et al., 2019: of 15 % of the words, eight in ten are masked, one is another
// word, one stays). It is meant for the transformer; a recurrence that reads
// one way sees one side of a word only.
//
// Texts that the network is later judged on must not be among these.
func (m *Network) PretrainOn(texts []string, options fit.Options) *Network {
	m.pretrain = &pretraining{texts, options}
	return m
}

// hiddenShare is the share of words that pretraining asks for.
const hiddenShare = 0.15

// unmaskScope holds what only pretraining uses.
const unmaskScope = "unmask"

// pretrained returns the weights that reading the texts of p leads to, by path.
func (f *fitted) pretrained(ctx context.Context, p *pretraining, words [][]string) (map[string]*tensors.Tensor, error) {
	if len(words) == 0 {
		return nil, errors.New("there are no texts")
	}
	network, err := fit.Train(ctx, fit.Job{
		Graph: f.unmask, Loss: unmaskLoss, Options: p.options,
		Train: &unmaskSource{f.source(words, nil, nil, false), p.options.Seed},
	})
	if err != nil {
		return nil, err
	}
	var paths []string
	read := network.Compile(func(scope *model.Scope, inputs []*Node) (values []*Node) {
		for v := range scope.IterVariables() {
			if path := strings.TrimPrefix(v.Path(), scope.Scope()); !strings.HasPrefix(path, "/"+unmaskScope) {
				paths, values = append(paths, path), append(values, v.NodeValue(inputs[0]))
			}
		}
		return values
	})
	values, err := read(tensors.FromScalar(float32(0)))
	if err != nil {
		return nil, err
	}
	start := map[string]*tensors.Tensor{}
	for i, path := range paths {
		if start[path], err = values[i].LocalClone(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return start, nil
}

// unmask guesses the words at some places of a text.
//
//	inputs  see asTensors, then int32 [batch, places] where
//	returns [batch, places, words] logits
func (f *fitted) unmask(scope *model.Scope, inputs []*Node) *Node {
	tokens, places := inputs[0], inputs[len(inputs)-1]
	f.begin(scope)
	states := f.encode(scope, f.embed(scope, inputs), isWord(tokens), nil).states
	batch, asked, width := places.Shape().Dim(0), places.Shape().Dim(1), states.Shape().Dim(2)
	row := Iota(places.Graph(), places.Shape(), 0)
	at := Gather(states, Stack([]*Node{row, places}, -1)) // [batch, places, width]
	scope = scope.In("%s", unmaskScope)
	at = layers.DenseWithBias(scope.In("dense"), Reshape(at, batch*asked, width), f.Config.Embedding)
	// The table of the embedding, read the other way, tells words apart.
	logits := MatMul(at, Transpose(f.table(f.networkScope(scope), places.Graph()), 0, 1))
	return Reshape(logits, batch, asked, f.Vocabulary.size())
}

// networkScope is the scope that unmaskScope is in.
func (f *fitted) networkScope(scope *model.Scope) *model.Scope {
	return scope.Store().Scope(strings.TrimSuffix(scope.Scope(), "/"+unmaskScope))
}

// unmaskLoss is the mean cross-entropy of a text's hidden words.
//
//	labels  int32 [batch, places] words, then float32 [batch, places] weights
//	outputs logits [batch, places, words]
//	returns [batch]
func unmaskLoss(labels, outputs []*Node) *Node {
	words, weight, logits := labels[0], labels[1], outputs[0]
	chosen := OneHot(words, logits.Shape().Dim(-1), logits.DType())
	losses := Neg(ReduceSum(Mul(chosen, LogSoftmax(logits, -1)), -1))
	return Div(ReduceSum(Mul(losses, weight), -1), ReduceSum(weight, -1))
}

// unmaskSource hides words of texts, others each epoch.
type unmaskSource struct {
	*source
	seed int64
}

// Batch implements fit.Source: see unmask and unmaskLoss for shapes.
func (s *unmaskSource) Batch(epoch int, rows []int) (inputs, labels []*tensors.Tensor, err error) {
	tokens, affixes := s.tokens(rows)
	length := len(tokens) / len(rows)
	most := max(1, int(hiddenShare*float64(length)))
	places, words := make([]int32, len(rows)*most), make([]int32, len(rows)*most)
	weight := make([]float32, len(rows)*most)
	for i, row := range rows {
		r := rand.New(rand.NewPCG(uint64(s.seed), uint64(epoch)<<32|uint64(row)))
		text := tokens[i*length : i*length+len(s.ids[row])]
		hidden := min(most, max(1, int(hiddenShare*float64(len(text)))))
		for j, place := range r.Perm(len(text))[:hidden] {
			at := i*most + j
			places[at], words[at], weight[at] = int32(place), text[place], 1
			switch u := r.Float64(); {
			case u < 0.8:
				hide(tokens, affixes, i*length+place, maskID)
			case u < 0.9:
				hide(tokens, affixes, i*length+place, int32(firstWord+r.IntN(len(s.Vocabulary.Words))))
			}
		}
	}
	n := len(rows)
	return append(asTensors(n, tokens, affixes), tensors.FromFlatDataAndDimensions(places, n, most)),
		[]*tensors.Tensor{tensors.FromFlatDataAndDimensions(words, n, most), tensors.FromFlatDataAndDimensions(weight, n, most)}, nil
}

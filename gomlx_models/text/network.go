package text

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/internal/probability"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// Config describes a network that classifies texts. Only Classes is required;
// the zero value of everything else is the LSTM of introductory tutorials: an
// embedding, an LSTM of 128 units with dropout and recurrent dropout of 0.2, and
// a dense layer.
type Config struct {
	Classes    []string `json:"classes"`    // in output order, two or more
	Multilabel bool     `json:"multilabel"` // a text may belong to several classes or none

	Analysis  Analysis `json:"analysis"`   // how texts become words
	MinCount  int      `json:"min_count"`  // of a word in the training texts; 0 means 2
	Words     int      `json:"words"`      // at most in the vocabulary; 0 means 10000
	Affixes   int      `json:"affixes"`    // beginnings and ends of words that are read beside them, at most; 0 means none
	MaxTokens int      `json:"max_tokens"` // longer texts are cut; 0 means 256

	Network          string  `json:"network"`           // "" or "lstm"; "gru"; "transformer"
	Embedding        int     `json:"embedding"`         // width; 0 means 128, or that of the vectors started from
	Units            int     `json:"units"`             // of lstm and gru, each direction; 0 means 128
	Direction        string  `json:"direction"`         // of lstm and gru: "" or "forward", "backward", "both"
	Layers           int     `json:"layers"`            // 0 means 1 of lstm and gru, 2 of transformer
	Heads            int     `json:"heads"`             // of the transformer's attention; 0 means 4
	Hidden           int     `json:"hidden"`            // width of the transformer's dense layers; 0 means twice Embedding
	Pool             string  `json:"pool"`              // how a text's states become one: "last" (lstm and gru only, their default), "mean" (transformer's default), "max"
	Dropout          float64 `json:"dropout"`           // of inputs and outputs of layers; 0 means 0.2, -1 none
	RecurrentDropout float64 `json:"recurrent_dropout"` // of lstm's and gru's hidden state; 0 means 0.2, -1 none
	WordDropout      float64 `json:"word_dropout"`      // share of words that training hides; 0 means none

	ClassWeights string  `json:"class_weights"` // "" counts each text once; "balanced" gives every class the same say
	WithBaseline bool    `json:"with_baseline"` // answer together with TF-IDF with logistic regression: see [Network.Fit]
	HoldOut      float64 `json:"hold_out"`      // share of groups to validate on without ValidateOn; 0 means 0.1, -1 none

	fit.Options
}

// withDefaults returns c with its zero values replaced by what they mean. What
// it returns, it leaves alone.
func (c Config) withDefaults() Config {
	or := func(v *int, value int) {
		if *v == 0 {
			*v = value
		}
	}
	or(&c.MinCount, 2)
	or(&c.Words, 10000)
	or(&c.MaxTokens, 256)
	or(&c.Embedding, 128)
	or(&c.Units, 128)
	or(&c.Heads, 4)
	or(&c.Hidden, 2*c.Embedding)
	if c.Network == "" {
		c.Network = "lstm"
	}
	if c.Network == "transformer" {
		or(&c.Layers, 2)
	}
	or(&c.Layers, 1)
	if c.Pool == "" {
		c.Pool = "last"
		if c.Network == "transformer" {
			c.Pool = "mean"
		}
	}
	for _, rate := range []*float64{&c.Dropout, &c.RecurrentDropout} {
		if *rate == 0 {
			*rate = 0.2
		}
	}
	if c.HoldOut == 0 {
		c.HoldOut = 0.1
	}
	c.Options = c.Options.WithDefaults()
	return c
}

// check finds what no data can mend, in a config with its defaults.
func (c Config) check() error {
	if err := checkClasses(c.Classes, c.ClassWeights); err != nil {
		return err
	}
	if err := c.Analysis.check(); err != nil {
		return err
	}
	for name, v := range map[string]int{
		"min count": c.MinCount, "words": c.Words, "max tokens": c.MaxTokens, "embedding": c.Embedding,
		"units": c.Units, "layers": c.Layers, "heads": c.Heads, "hidden": c.Hidden,
	} {
		if v < 1 {
			return fmt.Errorf("%s is %d: it must be at least 1", name, v)
		}
	}
	for name, v := range map[string]float64{"dropout": c.Dropout, "recurrent dropout": c.RecurrentDropout, "word dropout": c.WordDropout} {
		if v != -1 && !(v >= 0 && v < 1) {
			return fmt.Errorf("%s is %g: it must be at least 0 and below 1, or -1 for none", name, v)
		}
	}
	transformer := c.Network == "transformer"
	switch {
	case !transformer && c.Network != "lstm" && c.Network != "gru":
		return fmt.Errorf(`network is %q: it must be "lstm", "gru" or "transformer"`, c.Network)
	case c.Direction != "" && c.Direction != "forward" && c.Direction != "backward" && c.Direction != "both":
		return fmt.Errorf(`direction is %q: it must be "forward", "backward" or "both"`, c.Direction)
	case transformer && c.Direction != "":
		return fmt.Errorf("direction is %q: a transformer has none", c.Direction)
	case transformer && c.Embedding%c.Heads != 0:
		return fmt.Errorf("embedding is %d: it must be a multiple of the %d heads", c.Embedding, c.Heads)
	case c.Pool != "last" && c.Pool != "mean" && c.Pool != "max" || transformer && c.Pool == "last":
		return fmt.Errorf(`pool is %q: it must be "mean" or "max", or for lstm and gru "last"`, c.Pool)
	case c.Affixes < 0:
		return fmt.Errorf("affixes is %d: it must not be negative", c.Affixes)
	case c.HoldOut != -1 && !(c.HoldOut > 0 && c.HoldOut < 1):
		return fmt.Errorf("hold-out is %g: it must be above 0 and below 1, or -1 for none", c.HoldOut)
	}
	return nil
}

// Network is an LSTM, GRU or transformer that classifies texts.
type Network struct {
	config     Config // as given
	validation *Dataset
	vectors    *Vectors
	pretrain   *pretraining
	fitted     *fitted
}

// fitted is what training found, apart from the weights.
type fitted struct {
	Config     Config          `json:"config"` // with its defaults
	Vocabulary *vocabulary     `json:"vocabulary"`
	Baseline   *fittedBaseline `json:"baseline,omitempty"` // what Config.WithBaseline adds

	start   map[string]*tensors.Tensor // what weights begin with, by path, where not at random
	network *fit.Network
}

var _ models.Model[string, []int, []float64] = (*Network)(nil)

// New returns a network to be fitted.
func New(config Config) *Network { return &Network{config: config} }

// Config returns what New or the saved model was given, with its defaults.
func (m *Network) Config() Config {
	c := m.config
	if c.Embedding == 0 && m.vectors != nil {
		c.Embedding = m.vectors.Width
	}
	return c.withDefaults()
}

// ValidateOn names the texts that choose the best epoch, and returns m.
// Without it, Fit holds out a share of the training groups.
func (m *Network) ValidateOn(validation Dataset) *Network {
	m.validation = &validation
	return m
}

// StartFrom gives the words that vectors have their vectors before training,
// and returns m. They are trained on like all others.
func (m *Network) StartFrom(vectors *Vectors) *Network {
	m.vectors = vectors
	return m
}

// Fit trains the network from scratch. The vocabulary is learnt from train,
// and from the texts of PretrainOn, alone. Observers get "loss" at each step,
// and after each epoch "val_loss", "val_auc" (the mean over classes if there are
// more than two) and "val_accuracy" (of labels). The weights of the epoch with
// the lowest val_loss are kept, or as config.Monitor says. Observers that keep
// files get the model as "model.assay".
//
// With config.WithBaseline a [Baseline] is fitted to the words that the network
// reads, and the two answer together: with the mean of their logits. They err on
// different texts, which makes a better pair than either is alone. val_loss and
// its like are the network's own.
func (m *Network) Fit(ctx context.Context, train Dataset, watching ...models.Observer) error {
	m.fitted = nil
	f, err := m.train(ctx, train, watching)
	if err != nil {
		return fmt.Errorf("text: %w", err)
	}
	m.fitted = f
	return fit.Keep(watching, "model.assay", m.Save)
}

func (m *Network) train(ctx context.Context, train Dataset, watching []models.Observer) (*fitted, error) {
	config := m.Config()
	if err := config.check(); err != nil {
		return nil, err
	}
	if m.vectors != nil && m.vectors.Width != config.Embedding {
		return nil, fmt.Errorf("embedding is %d, but the vectors have width %d", config.Embedding, m.vectors.Width)
	}
	if err := checkSet(train, config.Classes, config.Multilabel); err != nil {
		return nil, err
	}
	validation, err := m.hold(&train, config)
	if err != nil {
		return nil, err
	}

	f := &fitted{Config: config}
	words := f.words(train.X)
	var unlabelled [][]string
	if m.pretrain != nil {
		unlabelled = f.words(m.pretrain.texts)
	}
	f.Vocabulary = learnVocabulary(slices.Concat(words, unlabelled), config.MinCount, config.Words)
	if len(f.Vocabulary.Words) == 0 {
		return nil, fmt.Errorf("no word occurs %d times in the training texts: lower min count, or look at the texts", config.MinCount)
	}
	if config.Affixes > 0 {
		f.Vocabulary.learnAffixes(slices.Concat(words, unlabelled), config.MinCount, config.Affixes)
	}
	if m.vectors != nil {
		f.start = map[string]*tensors.Tensor{"/" + embeddingScope + "/table": m.vectors.table(f.Vocabulary, config.Seed)}
	}
	if m.pretrain != nil {
		if f.start, err = f.pretrained(ctx, m.pretrain, unlabelled); err != nil {
			return nil, fmt.Errorf("pretraining: %w", err)
		}
	}

	target := targets(train.Y, len(config.Classes))
	job := fit.Job{Graph: f.graph, Loss: f.loss, Options: config.Options}
	job.Train = f.source(words, target, weights(target, config.ClassWeights, config.Multilabel), true)
	if validation.Len() > 0 {
		// In order of length, so that a batch is no longer than its texts.
		words := f.words(validation.X)
		order := byLength(words)
		validation = Pick(validation, validation.Name, order)
		target := targets(validation.Y, len(config.Classes))
		job.Validation = f.source(rearranged(words, order), target, weights(target, "", config.Multilabel), false)
		job.Judge = func(outputs []float32) ([]string, []float64) { return f.judge(outputs, target) }
	}
	if f.network, err = fit.Train(ctx, job, watching...); err != nil {
		return nil, err
	}
	f.start = nil
	if config.WithBaseline {
		beside := NewBaseline(BaselineConfig{
			Classes: config.Classes, Multilabel: config.Multilabel, Terms: TFIDF{Analysis: config.Analysis}, ClassWeights: config.ClassWeights,
		})
		if f.Baseline, err = fitBaseline(ctx, beside.Config(), words, train.Y, func(int, float64) error { return nil }); err != nil {
			return nil, fmt.Errorf("baseline: %w", err)
		}
	}
	return f, nil
}

// hold returns what to validate on, taken out of train unless it was named.
func (m *Network) hold(train *Dataset, config Config) (Dataset, error) {
	if m.validation != nil {
		if m.validation.Len() == 0 {
			return Dataset{}, nil
		}
		return *m.validation, checkSet(*m.validation, config.Classes, config.Multilabel)
	}
	if config.HoldOut == -1 {
		return Dataset{}, nil
	}
	cut, err := Cut(*train, config.HoldOut, 0, config.Seed)
	if err != nil {
		return Dataset{}, err
	}
	if cut.Validation.Len() == 0 {
		return Dataset{}, fmt.Errorf("%d texts are too few to hold out %g of: name others to validate on, or set hold-out to -1", train.Len(), config.HoldOut)
	}
	*train = cut.Train
	if err := checkSet(*train, config.Classes, config.Multilabel); err != nil {
		return Dataset{}, fmt.Errorf("after %g is held out to validate on: %w", config.HoldOut, err)
	}
	return cut.Validation, nil
}

// words cuts texts into the words that the network reads.
func (f *fitted) words(texts []string) [][]string {
	all := make([][]string, len(texts))
	for i, text := range texts {
		for _, token := range f.tokens(text) {
			all[i] = append(all[i], token.Text)
		}
	}
	return all
}

func (f *fitted) tokens(text string) []Token {
	tokens := f.Config.Analysis.Terms(text)
	return tokens[:min(len(tokens), f.Config.MaxTokens)]
}

// judge computes what is reported of a validation set.
func (f *fitted) judge(outputs []float32, target [][]float64) ([]string, []float64) {
	probs := f.probabilities(outputs)
	positive, p := make([]bool, len(probs)), make([]float64, len(probs))
	auc, judged, right := 0.0, 0.0, 0.0
	for class := range f.Config.Classes {
		if len(f.Config.Classes) == 2 && class == 0 && !f.Config.Multilabel {
			continue // the other side of class 1
		}
		for i := range probs {
			positive[i], p[i] = target[i][class] == 1, probs[i][class]
		}
		if a := score.AUC(positive, p); !math.IsNaN(a) {
			auc, judged = auc+a, judged+1
		}
	}
	for i := range probs {
		if !f.Config.Multilabel {
			right += target[i][floats.MaxIdx(probs[i])]
			continue
		}
		for class, v := range probs[i] {
			if (v >= 0.5) == (target[i][class] == 1) {
				right += 1 / float64(len(probs[i]))
			}
		}
	}
	return []string{"val_auc", "val_accuracy"}, []float64{auc / judged, right / float64(len(probs))}
}

// probabilities turns logits [rows × classes] into probabilities.
func (f *fitted) probabilities(logits []float32) [][]float64 {
	return probability.OfLogits(logits, len(f.Config.Classes), f.Config.Multilabel)
}

// Predict returns the probability of each class for each text.
func (m *Network) Predict(ctx context.Context, texts []string) ([][]float64, error) {
	if m.fitted == nil {
		return nil, models.ErrNotFitted
	}
	f := m.fitted
	probs, err := f.predict(ctx, f.words(texts))
	if err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	return probs, nil
}

// predict works through texts in order of length, so that a batch is no longer
// than its texts.
func (f *fitted) predict(ctx context.Context, words [][]string) ([][]float64, error) {
	order := byLength(words)
	logits, err := f.network.Predict(ctx, f.source(rearranged(words, order), nil, nil, false))
	if err != nil {
		return nil, err
	}
	sorted := f.probabilities(logits)
	probs := make([][]float64, len(sorted))
	for i, row := range order {
		probs[row] = sorted[i]
	}
	return probs, nil
}

// savedKind is what a saved network says it is.
const savedKind = "text.Network"

// Save writes the fitted model for [Load].
func (m *Network) Save(w io.Writer) error {
	if m.fitted == nil {
		return models.ErrNotFitted
	}
	return m.fitted.network.Save(w, savedKind, m.fitted)
}

// Load reads a model that Save or Fit's observers kept, in any later process.
func Load(r io.Reader) (*Network, error) {
	f := &fitted{}
	weights, err := fit.Load(r, savedKind, f)
	if err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	if f.Vocabulary == nil {
		return nil, fmt.Errorf("text: %w: it has no vocabulary", fit.ErrCorrupt)
	}
	f.Vocabulary.number()
	if f.Baseline != nil {
		if err := f.Baseline.restore(); err != nil {
			return nil, fmt.Errorf("text: baseline: %w", err)
		}
	}
	if err := f.Config.check(); err != nil {
		return nil, fmt.Errorf("text: %w", errors.Join(fit.ErrCorrupt, err))
	}
	if f.network, err = fit.Restore(f.graph, weights, f.Config.Batch); err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	return &Network{config: f.Config, fitted: f}, nil
}

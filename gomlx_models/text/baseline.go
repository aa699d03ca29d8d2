package text

import (
	"context"
	"fmt"
	"io"
	"slices"

	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/internal/probability"
)

// BaselineConfig describes TF-IDF with logistic regression. Only Classes is
// required.
type BaselineConfig struct {
	Classes      []string `json:"classes"`       // in output order, two or more
	Multilabel   bool     `json:"multilabel"`    // a text may belong to several classes or none
	Terms        TFIDF    `json:"terms"`         // what texts are turned into
	C            float64  `json:"c"`             // inverse strength of the L2 penalty; 0 means 10
	ClassWeights string   `json:"class_weights"` // "" counts each text once; "balanced" gives every class the same say
}

// Baseline is TF-IDF with logistic regression: what every network must beat
// to be worth its time. It is fast, and its weights can be read.
type Baseline struct {
	config BaselineConfig
	fitted *fittedBaseline
}

type fittedBaseline struct {
	Kind   string         `json:"kind"`
	Config BaselineConfig `json:"config"`
	Terms  *vectorizer    `json:"vectorizer"`
	Model  *logistic      `json:"model"`
}

var _ models.Model[string, []int, []float64] = (*Baseline)(nil)

// NewBaseline returns a baseline to be fitted.
func NewBaseline(config BaselineConfig) *Baseline {
	config.Terms = config.Terms.withDefaults()
	if config.C == 0 {
		config.C = 10
	}
	return &Baseline{config: config}
}

// Config returns what NewBaseline or the saved model was given, with its
// defaults.
func (m *Baseline) Config() BaselineConfig { return m.config }

// Fit learns the terms and their weights from train. Observers get "loss", the
// mean over texts with the penalty's share, after each iteration of L-BFGS.
// Observers that keep files get the model as "baseline.assay".
func (m *Baseline) Fit(ctx context.Context, train Dataset, watching ...models.Observer) error {
	m.fitted = nil
	f, err := m.fit(ctx, train, watching)
	if err != nil {
		return fmt.Errorf("text: %w", err)
	}
	m.fitted = f
	return fit.Keep(watching, "baseline.assay", m.Save)
}

func (m *Baseline) fit(ctx context.Context, train Dataset, watching []models.Observer) (*fittedBaseline, error) {
	c := m.config
	if err := checkClasses(c.Classes, c.ClassWeights); err != nil {
		return nil, err
	}
	if err := c.Terms.check(); err != nil {
		return nil, err
	}
	if !(c.C > 0) {
		return nil, fmt.Errorf("c is %g: it must be positive", c.C)
	}
	if err := checkSet(train, c.Classes, c.Multilabel); err != nil {
		return nil, err
	}
	words := make([][]string, train.Len())
	inBlocks(train.Len(), func(i int) { words[i] = c.Terms.words(train.X[i]) })
	plan := func(steps int64) {
		for _, observer := range watching {
			if planner, ok := observer.(models.Planner); ok {
				planner.Plan(steps)
			}
		}
	}
	plan(maxIterations) // mostly far fewer are needed
	last := int64(0)
	f, err := fitBaseline(ctx, c, words, train.Y, func(iteration int, loss float64) error {
		last = int64(iteration)
		for _, observer := range watching {
			if err := observer.Step(last, []string{"loss"}, []float64{loss}); err != nil {
				return fmt.Errorf("observer of step %d: %w", iteration, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	plan(last)
	return f, nil
}

// fitBaseline fits a checked configuration to texts, given as their words, and
// their labels. step is told of the loss after each iteration.
func fitBaseline(ctx context.Context, c BaselineConfig, words [][]string, y [][]int, step func(iteration int, loss float64) error) (*fittedBaseline, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f := &fittedBaseline{Kind: baselineKind, Config: c}
	var err error
	var rows [][]entry
	if f.Terms, rows, err = c.Terms.learn(words); err != nil {
		return nil, err
	}
	target := targets(y, len(c.Classes))
	weight := weights(target, c.ClassWeights, c.Multilabel)
	single := len(c.Classes) == 2 && !c.Multilabel
	if single { // one output, for the second class
		for i := range target {
			weight[i] = []float64{weight[i][y[i][0]]}
			target[i] = target[i][1:]
		}
	}
	f.Model, err = fitLogistic(ctx, rows, len(f.Terms.Terms), target, weight, !single && !c.Multilabel, c.C, step)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// checkClasses finds what no data can mend.
func checkClasses(classes []string, weights string) error {
	if len(classes) < 2 {
		return fmt.Errorf("there are %d classes: a classifier needs two or more", len(classes))
	}
	if weights != "" && weights != "balanced" {
		return fmt.Errorf(`class weights is %q: it must be empty or "balanced"`, weights)
	}
	return nil
}

// checkSet finds what is wrong with a data set to learn from.
func checkSet(set Dataset, classes []string, multilabel bool) error {
	name := set.Name
	if name == "" {
		name = "the data set"
	}
	switch {
	case set.Len() == 0:
		return fmt.Errorf("%s has no texts", name)
	case set.Group != nil && len(set.Group) != set.Len():
		return fmt.Errorf("%s has %d texts but %d groups", name, set.Len(), len(set.Group))
	}
	counts, err := countLabels(set, len(classes), multilabel)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for class, n := range counts {
		if n == 0 {
			return fmt.Errorf("class %q has no text in %s: a classifier needs texts of every class", classes[class], name)
		}
	}
	return nil
}

// countLabels returns how many rows each class has. A row without a label that
// there is, or of several classes that exclude each other, is an error.
func countLabels(set Dataset, classes int, multilabel bool) ([]int, error) {
	if len(set.Y) != set.Len() {
		return nil, fmt.Errorf("there are %d texts but labels for %d", set.Len(), len(set.Y))
	}
	counts := make([]int, classes)
	for i, labels := range set.Y {
		if len(labels) != 1 && !multilabel {
			return nil, fmt.Errorf("row %d has %d labels: exactly one is needed unless Multilabel is set", i, len(labels))
		}
		for _, class := range labels {
			if class < 0 || class >= classes {
				return nil, fmt.Errorf("row %d has label %d: there are %d classes, from 0", i, class, classes)
			}
			counts[class]++
		}
	}
	return counts, nil
}

// targets returns 1 for each class that a row belongs to, else 0.
func targets(y [][]int, classes int) [][]float64 {
	target := make([][]float64, len(y))
	for i, labels := range y {
		target[i] = make([]float64, classes)
		for _, class := range labels {
			target[i][class] = 1
		}
	}
	return target
}

// weights returns how much each row counts in the loss of each class. Balanced,
// every class counts alike: n/(classes·n of the class); with several labels,
// having and not having each label count alike.
func weights(target [][]float64, mode string, multilabel bool) [][]float64 {
	classes := len(target[0])
	counts := make([]float64, classes)
	for _, t := range target {
		for class, v := range t {
			counts[class] += v
		}
	}
	n := float64(len(target))
	weight := make([][]float64, len(target))
	for i, t := range target {
		weight[i] = make([]float64, classes)
		for class := range t {
			switch {
			case mode == "":
				weight[i][class] = 1
			case !multilabel:
				weight[i][class] = n / (float64(classes) * counts[class])
			case t[class] == 1:
				weight[i][class] = n / (2 * counts[class])
			default:
				weight[i][class] = n / (2 * (n - counts[class]))
			}
		}
	}
	return weight
}

// Predict returns the probability of each class for each text.
func (m *Baseline) Predict(ctx context.Context, texts []string) ([][]float64, error) {
	if m.fitted == nil {
		return nil, models.ErrNotFitted
	}
	probs := make([][]float64, len(texts))
	for i, text := range texts {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		probs[i] = m.fitted.probabilities(m.fitted.Terms.words(text))
	}
	return probs, nil
}

// probabilities returns that of each class for a text of these words.
func (f *fittedBaseline) probabilities(words []string) []float64 {
	return probability.Of(f.scores(words), f.Config.Multilabel)
}

// scores returns the linear predictor of each class for a text of these words.
// Of two classes that exclude each other, either has half the log odds.
func (f *fittedBaseline) scores(words []string) []float64 {
	z := f.Model.scores(f.Terms.weigh(f.Terms.known(f.Terms.grams(words))), make([]float64, len(f.Model.Weights)))
	if f.single() {
		return []float64{-z[0] / 2, z[0] / 2}
	}
	return z
}

// single says that one output, for the second class, serves two classes.
func (f *fittedBaseline) single() bool { return len(f.Model.Weights) == 1 }

// output returns where class has its weights, and what they are multiplied
// with to give its score.
func (f *fittedBaseline) output(class int) (k int, factor float64) {
	if f.single() {
		return 0, float64(class) - 0.5
	}
	return class, 1
}

// parts shares the score of class out among words: what each adds, and the
// constant. A term's part is shared evenly among the words it consists of.
func (f *fittedBaseline) parts(words []string, class int) (values []float64, base float64) {
	grams := f.Terms.grams(words)
	occurrences, weight := map[int]float64{}, map[int]float64{}
	known := f.Terms.known(grams)
	for _, term := range known {
		occurrences[term]++
	}
	for _, e := range f.Terms.weigh(known) {
		weight[e.at] = e.value
	}
	k, factor := f.output(class)
	values = make([]float64, len(words))
	for _, g := range grams {
		term, ok := f.Terms.index[g.term]
		if !ok {
			continue
		}
		part := factor * f.Model.Weights[k][term] * weight[term] / occurrences[term] / float64(g.last-g.first+1)
		for i := g.first; i <= g.last; i++ {
			values[i] += part
		}
	}
	return values, factor * f.Model.Constants[k]
}

// Explain returns how much each word adds to the score of the most probable
// class: the weights of the terms it is part of, times their value in this
// text, shared evenly among the words of a term. The values and Base, the
// constant, add up to Total, the score (for two classes the log odds).
func (m *Baseline) Explain(ctx context.Context, text string) (models.Explanation, error) {
	if m.fitted == nil {
		return models.Explanation{}, models.ErrNotFitted
	}
	if ctx.Err() != nil {
		return models.Explanation{}, context.Cause(ctx)
	}
	f := m.fitted
	words := f.Terms.words(text)
	scores := f.scores(words)
	class := floats.MaxIdx(scores)
	values, base := f.parts(words, class)
	total := scores[class]
	if f.single() { // the other class has the other half
		for i := range values {
			values[i] *= 2
		}
		base *= 2
		total *= 2
	}
	return models.Explanation{
		Method: "baseline weights", Answer: f.Config.Classes[class], Base: base, Total: total,
		Names: words, Values: values, Shape: []int{len(values)},
	}, nil
}

// TermWeight is what a term says for a class.
type TermWeight struct {
	Term   string
	Weight float64
}

// Weights returns the n terms that speak most for class.
func (m *Baseline) Weights(class, n int) ([]TermWeight, error) {
	if m.fitted == nil {
		return nil, models.ErrNotFitted
	}
	f := m.fitted
	if class < 0 || class >= len(f.Config.Classes) {
		return nil, fmt.Errorf("text: class %d: there are %d, from 0", class, len(f.Config.Classes))
	}
	k, factor := f.output(class)
	if f.single() {
		factor *= 2 // in log odds
	}
	all := make([]TermWeight, len(f.Terms.Terms))
	for i, term := range f.Terms.Terms {
		all[i] = TermWeight{term, factor * f.Model.Weights[k][i]}
	}
	slices.SortStableFunc(all, func(a, b TermWeight) int {
		switch {
		case a.Weight > b.Weight:
			return -1
		case a.Weight < b.Weight:
			return 1
		}
		return 0
	})
	return all[:max(0, min(n, len(all)))], nil
}

// baselineKind is what a saved baseline says it is.
const baselineKind = "text.Baseline"

// Save writes the fitted model for [LoadBaseline].
func (m *Baseline) Save(w io.Writer) error {
	if m.fitted == nil {
		return models.ErrNotFitted
	}
	return fit.SaveState(w, m.fitted)
}

// LoadBaseline reads a model that Save or Fit's observers kept.
func LoadBaseline(r io.Reader) (*Baseline, error) {
	f := &fittedBaseline{}
	if _, err := fit.LoadState(r, baselineKind, f); err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	if f.Kind != baselineKind {
		return nil, fmt.Errorf("text: the saved model is a %s, not a %s", f.Kind, baselineKind)
	}
	if err := f.restore(); err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	return &Baseline{config: f.Config, fitted: f}, nil
}

// restore makes what is not saved. It is an error if what is does not fit together.
func (f *fittedBaseline) restore() error {
	if f.Terms == nil || f.Model == nil {
		return fmt.Errorf("%w: it has no terms", fit.ErrCorrupt)
	}
	outputs, terms := len(f.Config.Classes), len(f.Terms.Terms)
	if outputs == 2 && !f.Config.Multilabel {
		outputs = 1
	}
	short := func(weights []float64) bool { return len(weights) != terms }
	if len(f.Model.Weights) != outputs || len(f.Model.Constants) != outputs || slices.ContainsFunc(f.Model.Weights, short) || short(f.Terms.IDF) {
		return fmt.Errorf("%w: it has not a weight for each of %d terms and %d outputs", fit.ErrCorrupt, terms, outputs)
	}
	f.Terms.makeIndex()
	return nil
}

package imaging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/gomlx/gomlx/ml/model"

	. "github.com/gomlx/gomlx/core/graph"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// Config describes a network that classifies films. Only Classes is required;
// the zero value of everything else is the convolutional network of Keras's
// introductory tutorials, trained with Adam for up to 30 epochs.
type Config struct {
	Classes  []string `json:"classes"`  // in output order, two or more
	Size     int      `json:"size"`     // films are resized to Size × Size pixels; 0 takes them as they come, all alike
	Channels int      `json:"channels"` // 1 grey, 3 colour; 0 as the first film has

	Network   string  `json:"network"`    // "" or "cnn"; "resnet18"
	Filters   []int   `json:"filters"`    // of the convolutions, a block each; nil means 32, 64, 128 (resnet18: 64, 128, 256, 512)
	Dense     int     `json:"dense"`      // width of the cnn's hidden layer; 0 means 1024
	Dropout   float64 `json:"dropout"`    // share of inputs of the last layer that a step leaves out
	BatchNorm bool    `json:"batch_norm"` // after each of the cnn's convolutions; resnet18 always has it

	Normalize    string  `json:"normalize"`     // "" leaves pixels between 0 and 1; "film" and "data" shift and scale them to mean 0 and deviation 1
	Augment      Augment `json:"augment"`       // how training films vary from epoch to epoch
	ClassWeights string  `json:"class_weights"` // "" counts each film once; "balanced" gives every class the same say
	Focal        float64 `json:"focal"`         // γ of the focal loss, 2 say; 0 is cross-entropy
	HoldOut      float64 `json:"hold_out"`      // share of patients to validate on without ValidateOn; 0 means 0.1, -1 none

	fit.Options
}

// CNN is a convolutional network that classifies films.
type CNN struct {
	config     Config
	validation *Dataset
	fitted     *fitted
}

// fitted is what training found, apart from the weights.
type fitted struct {
	Config  Config    `json:"config"`
	Height  int       `json:"height"`
	Width   int       `json:"width"`
	Shades  int       `json:"shades"`  // channels
	Mean    []float64 `json:"mean"`    // of Normalize "data", by channel
	Scale   []float64 `json:"scale"`   // its deviation
	Weights []float64 `json:"weights"` // of classes in the loss

	network *fit.Network

	compileGradCAM, compilePathGradients   sync.Once
	compiledGradCAM, compiledPathGradients compiled
}

var _ models.Model[Film, int, []float64] = (*CNN)(nil)

// New returns a network to be fitted.
func New(config Config) *CNN { return &CNN{config: config.withDefaults()} }

// Config returns the configuration with the defaults filled in: what a run
// records, so that it is known when a later version has other defaults.
func (m *CNN) Config() Config { return m.config }

func (c Config) withDefaults() Config {
	if c.Network == "" {
		c.Network = "cnn"
	}
	if c.Filters == nil {
		c.Filters = []int{32, 64, 128}
		if c.Network == "resnet18" {
			c.Filters = []int{64, 128, 256, 512}
		}
	}
	if c.Dense == 0 && c.Network == "cnn" {
		c.Dense = 1024
	}
	if c.HoldOut == 0 {
		c.HoldOut = 0.1
	}
	c.Options = c.Options.WithDefaults()
	return c
}

// ValidateOn names the films that choose the best epoch, and returns m.
// Without it, Fit holds out a share of the training patients.
func (m *CNN) ValidateOn(validation Dataset) *CNN {
	m.validation = &validation
	return m
}

// Fit trains the network from scratch on films and the indices of their
// classes. Observers get "loss" at each step, and after each epoch "val_loss",
// "val_auc" (the mean over classes, each against the rest, if there are more
// than two) and "val_accuracy". The weights of the epoch with the lowest
// val_loss are kept, or as config.Monitor says. Observers that keep files get
// the model as "model.assay".
func (m *CNN) Fit(ctx context.Context, train Dataset, watching ...models.Observer) error {
	m.fitted = nil
	f, job, err := m.prepare(train)
	if err != nil {
		return fmt.Errorf("imaging: %w", err)
	}
	if f.network, err = fit.Train(ctx, job, watching...); err != nil {
		return fmt.Errorf("imaging: %w", err)
	}
	m.fitted = f
	return fit.Keep(watching, "model.assay", m.Save)
}

// prepare checks everything a user may have got wrong before the first step.
func (m *CNN) prepare(train Dataset) (*fitted, fit.Job, error) {
	f := &fitted{Config: m.config}
	if err := f.Config.check(); err != nil {
		return nil, fit.Job{}, err
	}
	if err := checkSet(train, m.config.Classes); err != nil {
		return nil, fit.Job{}, err
	}
	var validation Dataset
	if m.validation != nil {
		validation = *m.validation
		if validation.Len() > 0 {
			if err := checkSet(validation, m.config.Classes); err != nil {
				return nil, fit.Job{}, err
			}
		}
	} else {
		train, validation = holdOut(train, m.config.HoldOut, m.config.Seed)
	}
	counts := make([]int, len(m.config.Classes))
	for _, y := range train.Y {
		counts[y]++
	}
	for class, n := range counts {
		if n == 0 {
			return nil, fit.Job{}, fmt.Errorf("class %q has no film to train on: a classifier needs films of every class", m.config.Classes[class])
		}
		weight := 1.0
		if m.config.ClassWeights == "balanced" {
			weight = float64(train.Len()) / float64(len(counts)*n)
		}
		f.Weights = append(f.Weights, weight)
	}
	first, err := train.X[0].Pixels()
	if err != nil {
		return nil, fit.Job{}, err
	}
	f.Height, f.Width, f.Shades = first.Height, first.Width, first.Channels
	if m.config.Size > 0 {
		f.Height, f.Width = m.config.Size, m.config.Size
	}
	if m.config.Channels > 0 {
		f.Shades = m.config.Channels
	}
	if err := f.checkSize(); err != nil {
		return nil, fit.Job{}, err
	}
	if m.config.Normalize == "data" {
		if f.Mean, f.Scale, err = f.moments(train); err != nil {
			return nil, fit.Job{}, err
		}
	}
	job := fit.Job{Graph: f.graph, Loss: f.loss, Options: m.config.Options}
	job.Train = f.source(train, m.config.Augment)
	if validation.Len() > 0 {
		job.Validation = f.source(validation, Augment{})
		job.Judge = func(outputs []float32) ([]string, []float64) { return judge(outputs, validation.Y, len(counts)) }
	}
	return f, job, nil
}

func (c Config) check() error {
	switch {
	case len(c.Classes) < 2:
		return fmt.Errorf("there are %d classes: a classifier needs two or more", len(c.Classes))
	case c.Size < 0:
		return fmt.Errorf("size is %d pixels: it must not be negative", c.Size)
	case c.Channels != 0 && c.Channels != 1 && c.Channels != 3:
		return fmt.Errorf("channels is %d: it must be 1 (grey) or 3 (colour)", c.Channels)
	case c.Network != "cnn" && c.Network != "resnet18":
		return fmt.Errorf(`network is %q: it must be "cnn" or "resnet18"`, c.Network)
	case slices.ContainsFunc(c.Filters, func(n int) bool { return n < 1 }):
		return fmt.Errorf("filters is %d: every block needs at least one", c.Filters)
	case c.Dense < 0:
		return fmt.Errorf("dense is %d: it must not be negative", c.Dense)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("dropout is %g: it must be at least 0 and below 1", c.Dropout)
	case c.Normalize != "" && c.Normalize != "film" && c.Normalize != "data":
		return fmt.Errorf(`normalize is %q: it must be empty, "film" or "data"`, c.Normalize)
	case c.ClassWeights != "" && c.ClassWeights != "balanced":
		return fmt.Errorf(`class weights is %q: it must be empty or "balanced"`, c.ClassWeights)
	case !(c.Focal >= 0):
		return fmt.Errorf("focal is %g: it must not be negative", c.Focal)
	case c.HoldOut != -1 && !(c.HoldOut > 0 && c.HoldOut < 1):
		return fmt.Errorf("hold-out is %g: it must be at least 0 and below 1, or -1 for none", c.HoldOut)
	}
	return c.Augment.check()
}

// checkSet finds what is wrong with a data set whatever the model.
func checkSet(set Dataset, classes []string) error {
	name := set.Name
	if name == "" {
		name = "the data set"
	}
	switch {
	case set.Len() == 0:
		return fmt.Errorf("%s has no films", name)
	case len(set.Y) != set.Len():
		return fmt.Errorf("%s has %d films but %d labels", name, set.Len(), len(set.Y))
	case set.Group != nil && len(set.Group) != set.Len():
		return fmt.Errorf("%s has %d films but %d patients", name, set.Len(), len(set.Group))
	}
	for i, y := range set.Y {
		if y < 0 || y >= len(classes) {
			return fmt.Errorf("row %d of %s has label %d: there are %d classes, from 0", i, name, y, len(classes))
		}
	}
	return nil
}

// judge computes what is reported of a validation set.
func judge(logits []float32, y []int, classes int) ([]string, []float64) {
	probs := probabilities(logits, classes)
	right, auc := 0, 0.0
	for i, p := range probs {
		if best(p) == y[i] {
			right++
		}
	}
	positive, scores := make([]bool, len(y)), make([]float64, len(y))
	judged := 0.0
	for class := range classes {
		if classes == 2 && class == 0 {
			continue // the other side of class 1
		}
		for i, p := range probs {
			positive[i], scores[i] = y[i] == class, p[class]
		}
		if a := score.AUC(positive, scores); !math.IsNaN(a) {
			auc += a
			judged++
		}
	}
	return []string{"val_auc", "val_accuracy"}, []float64{auc / judged, float64(right) / float64(len(y))}
}

// best returns the class of the highest probability.
func best(p []float64) int {
	best := 0
	for class := range p {
		if p[class] > p[best] {
			best = class
		}
	}
	return best
}

// probabilities turns logits [rows × classes] into softmax probabilities.
func probabilities(logits []float32, classes int) [][]float64 {
	rows := make([][]float64, len(logits)/classes)
	for i := range rows {
		z := logits[i*classes : (i+1)*classes]
		top := slices.Max(z)
		p, sum := make([]float64, classes), 0.0
		for class, v := range z {
			p[class] = math.Exp(float64(v - top))
			sum += p[class]
		}
		for class := range p {
			p[class] /= sum
		}
		rows[i] = p
	}
	return rows
}

// Predict returns the probability of each class for each film.
func (m *CNN) Predict(ctx context.Context, films []Film) ([][]float64, error) {
	if m.fitted == nil {
		return nil, models.ErrNotFitted
	}
	logits, err := m.fitted.network.Predict(ctx, m.fitted.source(Dataset{X: films}, Augment{}))
	if err != nil {
		return nil, fmt.Errorf("imaging: %w", err)
	}
	return probabilities(logits, len(m.config.Classes)), nil
}

// savedKind is what a saved CNN says it is.
const savedKind = "imaging.CNN"

// Save writes the fitted model for [Load].
func (m *CNN) Save(w io.Writer) error {
	if m.fitted == nil {
		return models.ErrNotFitted
	}
	return m.fitted.network.Save(w, savedKind, m.fitted)
}

// Load reads a model that Save or Fit's observers kept, in any later process.
func Load(r io.Reader) (*CNN, error) {
	f := &fitted{}
	weights, err := fit.Load(r, savedKind, f)
	if err != nil {
		return nil, fmt.Errorf("imaging: %w", err)
	}
	if err := errors.Join(f.Config.check(), f.checkSize()); err != nil {
		return nil, fmt.Errorf("imaging: %w: %w", fit.ErrCorrupt, err)
	}
	if f.network, err = fit.Restore(f.graph, weights, f.batch()); err != nil {
		return nil, fmt.Errorf("imaging: %w", err)
	}
	return &CNN{config: f.Config, fitted: f}, nil
}

// batch is how many films Predict works on at a time.
func (f *fitted) batch() int {
	if f.Config.Batch > 0 {
		return f.Config.Batch
	}
	return 32
}

// graph is the network's fit.GraphFn.
func (f *fitted) graph(scope *model.Scope, inputs []*Node) *Node {
	return f.head(scope, f.features(scope, unit(inputs[0])))
}

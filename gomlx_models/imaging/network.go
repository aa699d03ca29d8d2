package imaging

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"

	"github.com/gomlx/gomlx/ml/model"

	. "github.com/gomlx/gomlx/core/graph"

	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/internal/probability"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// network is what the classifiers share: everything but the type of an outcome.
type network struct {
	config Config
	kind   string // what a saved model says it is
	multi  bool   // labels do not exclude each other
	fitted *fitted
}

// fitted is what training found, apart from the weights.
type fitted struct {
	Config  Config    `json:"config"`
	Height  int       `json:"height"`
	Width   int       `json:"width"`
	Shades  int       `json:"shades"`  // channels
	Mean    []float64 `json:"mean"`    // of Normalize "data", by channel
	Scale   []float64 `json:"scale"`   // its deviation
	Weights []float64 `json:"weights"` // in the loss, of classes, or of labels that are shown
	Absent  []float64 `json:"absent"`  // of labels that are not shown; nil with classes
	Multi   bool      `json:"multi"`   // labels do not exclude each other

	network *fit.Network
	kept    atomic.Int64 // bytes of decoded films between epochs

	compileGradCAM, compilePathGradients   sync.Once
	compiledGradCAM, compiledPathGradients compiled
}

// Config returns the configuration with the defaults filled in: what a run
// records, so that it is known when a later version has other defaults.
func (m *network) Config() Config { return m.config }

// fitTo trains m on films and their outcomes.
func fitTo[Y Outcome](ctx context.Context, m *network, train models.Dataset[Film, Y], validation *models.Dataset[Film, Y], watching []models.Observer) error {
	m.fitted = nil
	f, job, err := prepare(m, train, validation)
	if err != nil {
		return fmt.Errorf("imaging: %w", err)
	}
	if f.network, err = f.train(ctx, job, watching); err != nil {
		return fmt.Errorf("imaging: %w", err)
	}
	m.fitted = f
	return fit.Keep(watching, "model.assay", m.Save)
}

// prepare checks everything a user may have got wrong before the first step.
func prepare[Y Outcome](m *network, train models.Dataset[Film, Y], validation *models.Dataset[Film, Y]) (*fitted, fit.Job, error) {
	f := &fitted{Config: m.config, Multi: m.multi}
	fail := func(err error) (*fitted, fit.Job, error) { return nil, fit.Job{}, err }
	if err := cmp.Or(m.checkClasses(), m.config.check()); err != nil {
		return fail(err)
	}
	if err := checkSet(train, m.config.Classes); err != nil {
		return fail(err)
	}
	if validation == nil {
		rest, held := holdOut(train, m.config.HoldOut, m.config.Seed)
		train, validation = rest, &held
	} else if validation.Len() > 0 {
		if err := checkSet(*validation, m.config.Classes); err != nil {
			return fail(err)
		}
		if shared := sharedPatients(train, *validation); len(shared) > 0 && m.config.AllowLeak == "" {
			return fail(fmt.Errorf("%w, or say in Config.AllowLeak why that is no obstacle", leakOf("patient", shared, "training", "validation")))
		}
	}
	if err := f.weigh(truths(train, len(m.config.Classes))); err != nil {
		return fail(err)
	}
	first, err := train.X[0].Pixels()
	if err != nil {
		return fail(err)
	}
	f.Height, f.Width, f.Shades = first.Height, first.Width, first.Channels
	if m.config.Size > 0 {
		f.Height, f.Width = m.config.Size, m.config.Size
	}
	if m.config.Crop > 0 {
		if m.config.Crop > min(f.Height, f.Width) {
			return fail(fmt.Errorf("crop is %d pixels, and films have %d×%d", m.config.Crop, f.Height, f.Width))
		}
		f.Height, f.Width = m.config.Crop, m.config.Crop
	}
	if m.config.Channels > 0 {
		f.Shades = m.config.Channels
	}
	if err := f.checkSize(); err != nil {
		return fail(err)
	}
	if m.config.Normalize == "data" {
		if f.Mean, f.Scale, err = f.moments(train.X); err != nil {
			return fail(err)
		}
	}
	job := fit.Job{Graph: f.single, Loss: f.loss, Options: m.config.Options}
	job.Train = f.source(train.X, truths(train, len(m.config.Classes)), true)
	if validation.Len() > 0 {
		truth := truths(*validation, len(m.config.Classes))
		job.Validation = f.source(validation.X, truth, false)
		job.Judge = func(outputs []float32) ([]string, []float64) { return f.judge(outputs, truth) }
	}
	return f, job, nil
}

func (m *network) checkClasses() error {
	switch n := len(m.config.Classes); {
	case n < 2 && !m.multi:
		return fmt.Errorf("there are %d classes: a classifier needs two or more", n)
	case n < 1:
		return errors.New("there are no labels: a classifier needs one or more")
	}
	return nil
}

// checkSet finds what is wrong with a data set whatever the model.
func checkSet[Y Outcome](set models.Dataset[Film, Y], classes []string) error {
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
		switch y := any(y).(type) {
		case int:
			if y < 0 || y >= len(classes) {
				return fmt.Errorf("row %d of %s has label %d: there are %d classes, from 0", i, name, y, len(classes))
			}
		case []bool:
			if len(y) != len(classes) {
				return fmt.Errorf("row %d of %s has %d labels: there are %d", i, name, len(y), len(classes))
			}
		}
	}
	return nil
}

// truths returns which of the classes or labels hold for each film.
func truths[Y Outcome](set models.Dataset[Film, Y], classes int) [][]bool {
	truth := make([][]bool, len(set.Y))
	for i, y := range set.Y {
		switch y := any(y).(type) {
		case int:
			truth[i] = make([]bool, classes)
			truth[i][y] = true
		case []bool:
			truth[i] = y
		}
	}
	return truth
}

// weigh finds what a film counts in the loss, by class or label.
func (f *fitted) weigh(truth [][]bool) error {
	classes := f.Config.Classes
	counts := make([]int, len(classes))
	for _, row := range truth {
		for class, holds := range row {
			if holds {
				counts[class]++
			}
		}
	}
	for class, n := range counts {
		switch {
		case n == 0 && !f.Multi:
			return fmt.Errorf("class %q has no film to train on: a classifier needs films of every class", classes[class])
		case f.Multi && (n == 0 || n == len(truth)):
			return fmt.Errorf("label %q holds for %d of %d films to train on: a classifier needs films with it and without", classes[class], n, len(truth))
		}
		shown, absent := 1.0, 1.0
		if f.Config.ClassWeights == "balanced" {
			alike := len(classes) // that a film is one of
			if f.Multi {
				alike = 2
				absent = float64(len(truth)) / float64(2*(len(truth)-n))
			}
			shown = float64(len(truth)) / float64(alike*n)
		}
		f.Weights = append(f.Weights, shown)
		if f.Multi {
			f.Absent = append(f.Absent, absent)
		}
	}
	return nil
}

// train trains the networks of the ensemble one after another, and joins them.
func (f *fitted) train(ctx context.Context, job fit.Job, watching []models.Observer) (*fit.Network, error) {
	members := make([]*fit.Network, f.Config.Ensemble)
	watch := &relay{to: watching, left: f.Config.Ensemble}
	source := job.Train.(*films)
	for i := range members {
		var err error
		if members[i], err = fit.Train(ctx, job, watch); err != nil {
			return nil, err
		}
		watch.next()
		job.Seed++
		source.seed = job.Seed
	}
	if len(members) == 1 {
		return members[0], nil
	}
	return fit.Join(f.graph, members...)
}

// relay tells observers of several trainings as of one.
type relay struct {
	to         []models.Observer
	left       int   // trainings to come, this one among them
	past, last int64 // steps of those before, of this one
}

func (r *relay) next() { r.past, r.last, r.left = r.past+r.last, 0, r.left-1 }

// Step implements models.Observer.
func (r *relay) Step(step int64, names []string, values []float64) error {
	r.last = step
	for _, observer := range r.to {
		if err := observer.Step(r.past+step, names, values); err != nil {
			return err
		}
	}
	return nil
}

// Plan implements models.Planner.
func (r *relay) Plan(steps int64) {
	for _, observer := range r.to {
		if planner, ok := observer.(models.Planner); ok {
			planner.Plan(r.past + steps*int64(r.left))
		}
	}
}

// Resume implements models.Resumer: before the state of a training it keeps how
// many steps that one has done, which it does not tell if it goes on from its end.
func (r *relay) Resume() (state []byte, keep func(state []byte) error, err error) {
	for _, observer := range r.to {
		resumer, ok := observer.(models.Resumer)
		if !ok {
			continue
		}
		state, keep, err := resumer.Resume()
		if keep == nil || err != nil {
			return state, nil, err
		}
		if len(state) >= 8 {
			r.last, state = int64(binary.LittleEndian.Uint64(state)), state[8:]
		}
		return state, func(state []byte) error {
			return keep(append(binary.LittleEndian.AppendUint64(nil, uint64(r.last)), state...))
		}, err
	}
	return nil, nil, nil
}

// judge computes what is reported of a validation set.
func (f *fitted) judge(logits []float32, truth [][]bool) ([]string, []float64) {
	probs := f.probabilities(logits)
	classes := len(f.Config.Classes)
	auc, judged, right, asked := 0.0, 0.0, 0, 0
	positive, scores := make([]bool, len(truth)), make([]float64, len(truth))
	for class := range classes {
		for i, p := range probs {
			positive[i], scores[i] = truth[i][class], p[class]
			if f.Multi && (p[class] >= 0.5) == truth[i][class] {
				right++
			}
		}
		if classes == 2 && class == 0 && !f.Multi {
			continue // the other side of class 1
		}
		if a := score.AUC(positive, scores); !math.IsNaN(a) {
			auc += a
			judged++
		}
	}
	if asked = classes * len(truth); !f.Multi {
		asked = len(truth)
		for i, p := range probs {
			if truth[i][floats.MaxIdx(p)] {
				right++
			}
		}
	}
	return []string{"val_auc", "val_accuracy"}, []float64{auc / judged, float64(right) / float64(asked)}
}

// probabilities turns logits [rows × classes] into probabilities of classes or labels.
func (f *fitted) probabilities(logits []float32) [][]float64 {
	return probability.OfLogits(logits, len(f.Config.Classes), f.Multi)
}

// Predict returns the probability of each class or label for each film.
func (m *network) Predict(ctx context.Context, films []Film) ([][]float64, error) {
	if m.fitted == nil {
		return nil, models.ErrNotFitted
	}
	logits, err := m.fitted.network.Predict(ctx, m.fitted.source(films, nil, false))
	if err != nil {
		return nil, fmt.Errorf("imaging: %w", err)
	}
	return m.fitted.probabilities(logits), nil
}

// See returns a film as the fitted network gets it: in its size and colours, and the
// middle of it where config.Crop cuts. Explanations are of this picture.
func (m *network) See(film Film) (Pixels, error) {
	if m.fitted == nil {
		return Pixels{}, models.ErrNotFitted
	}
	p, err := m.fitted.see(film)
	if err != nil {
		return Pixels{}, fmt.Errorf("imaging: %w", err)
	}
	return p, nil
}

// Save writes the fitted model for [Load] or [LoadMultiLabel].
func (m *network) Save(w io.Writer) error {
	if m.fitted == nil {
		return models.ErrNotFitted
	}
	return m.fitted.network.Save(w, m.kind, m.fitted)
}

// load reads what Save wrote for a model of the same kind.
func (m *network) load(r io.Reader) error {
	f := &fitted{}
	weights, err := fit.Load(r, m.kind, f)
	if err != nil {
		return fmt.Errorf("imaging: %w", err)
	}
	m.config = f.Config
	f.Multi = m.multi
	if f.Config.Ensemble == 0 { // saved before there were ensembles
		f.Config.Ensemble = 1
	}
	if err := cmp.Or(m.checkClasses(), f.Config.check(), f.checkSize()); err != nil {
		return fmt.Errorf("imaging: %w: %w", fit.ErrCorrupt, err)
	}
	if f.network, err = fit.Restore(f.graph, weights, f.batch()); err != nil {
		return fmt.Errorf("imaging: %w", err)
	}
	m.fitted = f
	return nil
}

// batch is how many films Predict works on at a time.
func (f *fitted) batch() int {
	if f.Config.Batch > 0 {
		return f.Config.Batch
	}
	return 32
}

// graph is the fit.GraphFn of the whole: one network, or the mean of several.
func (f *fitted) graph(scope *model.Scope, inputs []*Node) *Node {
	logits, _ := f.forward(scope, f.input(inputs[0]))
	return logits
}

// single is the fit.GraphFn of one network.
func (f *fitted) single(scope *model.Scope, inputs []*Node) *Node {
	return f.head(scope, f.features(scope, f.input(inputs[0])))
}

// input is what the network gets of films.
//
//	films   uint8 [batch, height, width, channels]
//	returns float32, the same shape
func (f *fitted) input(films *Node) *Node {
	x := unit(films)
	return f.normalize(x, x)
}

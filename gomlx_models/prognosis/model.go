package prognosis

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/survival"
	"github.com/assay-ml/assay/gomlx_models/svm"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// Model is a prognostic model of outcomes Y with answers A. Its methods may be
// called from several goroutines once it is fitted.
type Model[Y, A any] struct {
	config Config
	task   task[Y, A]
	state  *state // nil until fitted

	members []*Model[Y, A] // of Mean
}

// Regressor, Classifier and Survivor are the models of the three outcomes.
type (
	Regressor  = Model[float64, float64]
	Classifier = Model[int, []float64]
	Survivor   = Model[Outcome, Curve]
)

var (
	_ models.Model[Row, float64, float64] = (*Regressor)(nil)
	_ models.Model[Row, int, []float64]   = (*Classifier)(nil)
	_ models.Model[Row, Outcome, Curve]   = (*Survivor)(nil)
)

// NewRegressor returns a model of a number.
func NewRegressor(cfg Config) *Regressor { return &Regressor{config: cfg.named(), task: values} }

// NewClassifier returns a model of classes; cfg.Classes names them.
func NewClassifier(cfg Config) *Classifier { return &Classifier{config: cfg.named(), task: classes} }

// NewSurvivor returns a model of the time to an event.
func NewSurvivor(cfg Config) *Survivor { return &Survivor{config: cfg.named(), task: survivals} }

// task is what differs between outcomes.
type task[Y, A any] struct {
	kind   string // of a saved model
	check  func(cfg Config, row int, y Y) error
	fit    func(ctx context.Context, cfg Config, s *state, d models.Dataset[Row, Y], watching []models.Observer) error
	answer func(ctx context.Context, cfg Config, s *state, xs []Row) ([]A, error)
	// scale is the one number of an answer that dependence, importance and
	// sampled explanations are of, and of says what it is.
	scale func(cfg Config, a A) float64
	// mean is of the answers of several models. Of each, known holds the scale of
	// its answers to training rows, sorted.
	mean func(answers []A, known [][]float64) A
	of   func(cfg Config) string
}

// state is what a fit found; a method fills its own parts.
type state struct {
	Columns    int       `json:"columns"`
	Mean       []float64 `json:"mean"`                 // of each column over the training rows, missing values apart
	Deviation  []float64 `json:"deviation"`            // likewise; 1 where it would be 0
	Background []Row     `json:"background,omitempty"` // training rows that explanations compare with

	Linear     *linear.Model        `json:"linear,omitempty"`
	Logistic   *linear.Logistic     `json:"logistic,omitempty"`
	Machine    *svm.Machine         `json:"machine,omitempty"`
	Classifier *svm.Classifier      `json:"classifier,omitempty"`
	Map        *kernelMap           `json:"map,omitempty"` // of RandomFourier and Nystrom, to what is linear
	Trees      *tree.Ensemble       `json:"trees,omitempty"`
	Cox        *survival.Cox        `json:"cox,omitempty"`
	Forest     *tree.SurvivalForest `json:"forest,omitempty"`
	Baseline   *survival.Hazard     `json:"baseline,omitempty"` // of DeepSurv, at log hazard 0
	Strata     []float64            `json:"strata,omitempty"`   // of Cox: the values of the feature that divides rows, ascending
	Times      []float64            `json:"times,omitempty"`    // of the survival curves
	Width      int                  `json:"width,omitempty"`    // outputs of the network
	Base       []float64            `json:"base,omitempty"`     // of Hazard: log odds of the hazard in each interval, of all patients

	Members [][]byte    `json:"members,omitempty"` // of Mean, each as Save writes it; nil until saved
	Known   [][]float64 `json:"known,omitempty"`   // of Mean: the scale of each member's answers to training rows, sorted

	network *fit.Network
}

// Config returns what the model was made with.
func (m *Model[Y, A]) Config() Config { return m.config }

// Fit learns from the training rows. Patients (train.Group) are kept together
// where a network holds rows out.
func (m *Model[Y, A]) Fit(ctx context.Context, train models.Dataset[Row, Y], watching ...models.Observer) error {
	m.state, m.members = nil, nil
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("prognosis: %w", err)
	}
	if err := m.checkData(train); err != nil {
		return fmt.Errorf("prognosis: %w", err)
	}
	s := &state{Columns: len(train.X[0])}
	s.Mean, s.Deviation = table.Moments(train.X)
	if !m.config.TakesMissing() { // trees are explained without, and JSON has no NaN
		s.Background = background(train.X)
	}
	var err error
	if m.config.Method == Mean {
		m.members, s.Known, err = m.fitMembers(ctx, train)
	} else {
		err = m.task.fit(ctx, m.config, s, train, watching)
	}
	if err != nil {
		return fmt.Errorf("prognosis: %s: %w", m.config.Method, err)
	}
	m.state = s
	return fit.Keep(watching, "model.assay", m.Save)
}

func (m *Model[Y, A]) checkData(train models.Dataset[Row, Y]) error {
	if train.Len() == 0 {
		return errors.New("there are no rows to learn from")
	}
	if len(train.Y) != train.Len() {
		return fmt.Errorf("%d rows and %d outcomes: every row needs one", train.Len(), len(train.Y))
	}
	if train.Group != nil && len(train.Group) != train.Len() {
		return fmt.Errorf("%d rows and %d patients: every row needs one, or none has", train.Len(), len(train.Group))
	}
	width := len(train.X[0])
	if width == 0 {
		return errors.New("row 0 has no columns")
	}
	if m.config.Features != nil && len(m.config.Features) != width {
		return fmt.Errorf("rows have %d columns, and %d are named in Features", width, len(m.config.Features))
	}
	if err := m.checkRows(train.X, width); err != nil {
		return err
	}
	for i, y := range train.Y {
		if err := m.task.check(m.config, i, y); err != nil {
			return err
		}
	}
	return nil
}

// checkRows finds rows that the method cannot read.
func (m *Model[Y, A]) checkRows(xs []Row, width int) error {
	needing := string(m.config.Method)
	if m.config.TakesMissing() {
		needing = ""
	}
	return m.config.Features.Check(xs, width, needing)
}

// Predict returns an answer for each row.
func (m *Model[Y, A]) Predict(ctx context.Context, xs []Row) ([]A, error) {
	if m.state == nil {
		return nil, fmt.Errorf("prognosis: %w", models.ErrNotFitted)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("prognosis: %w", err)
	}
	if err := m.checkRows(xs, m.state.Columns); err != nil {
		return nil, fmt.Errorf("prognosis: %w", err)
	}
	if len(xs) == 0 {
		return nil, nil
	}
	if m.members != nil {
		return m.predictMembers(ctx, xs)
	}
	return m.task.answer(ctx, m.config, m.state, xs)
}

// PredictFrame returns an answer for each row of a table, which Config.Pipeline
// turns into what the model reads.
func (m *Model[Y, A]) PredictFrame(ctx context.Context, frame *table.Frame) ([]A, error) {
	if m.config.Pipeline == nil {
		return nil, errors.New("prognosis: there is no Pipeline to read a table with: set it in Config, or call Predict with rows")
	}
	xs, err := m.config.Pipeline.Transform(frame)
	if err != nil {
		return nil, fmt.Errorf("prognosis: %w", err)
	}
	return m.Predict(ctx, xs)
}

// TakesMissing reports whether missing values (NaN) may stay in the rows, because
// the method has a place for them: trees have, and the Mean of methods that have.
// Others need a pipeline that imputes.
func (c Config) TakesMissing() bool {
	switch c.Method {
	case Tree, Forest, Extra, Boosting:
		return true
	case Mean:
		return !slices.ContainsFunc(c.Members, func(c Config) bool { return !c.TakesMissing() })
	}
	return false
}

// named returns the configuration with the feature names of its pipeline.
func (c Config) named() Config {
	if c.Features == nil {
		c.Features = c.Pipeline.Names()
	}
	return c
}

// trees returns the configuration of a tree method.
func (c Config) trees() tree.Config {
	t := c.Trees
	t.Seed = c.Seed
	if t.Categorical == nil {
		t.Categorical = c.Pipeline.Categorical()
	}
	t.Method = map[Method]tree.Method{Tree: tree.Single, Forest: tree.Forest, Extra: tree.Extra}[c.Method]
	return t
}

// boost returns the configuration of boosting.
func (c Config) boost() tree.BoostConfig {
	b := c.Boost
	b.Seed = c.Seed
	if b.Categorical == nil {
		b.Categorical = c.Pipeline.Categorical()
	}
	return b
}

func (c Config) unknown(can ...Method) error {
	return fmt.Errorf("the method is %q: for this outcome choose one of %q", c.Method, can)
}

// standard returns the rows with columns of mean 0 and deviation 1.
func (s *state) standard(xs []Row) *mat.Dense {
	out := mat.NewDense(len(xs), s.Columns, nil)
	for i, x := range xs {
		row := out.RawRowView(i)
		for j, v := range x {
			row[j] = (v - s.Mean[j]) / s.Deviation[j]
		}
	}
	return out
}

// background returns up to 64 rows, evenly spaced.
func background(xs []Row) []Row {
	const most = 64
	var out []Row
	for k := range min(most, len(xs)) {
		out = append(out, xs[k*len(xs)/min(most, len(xs))])
	}
	return out
}

// told passes a method's progress on as the steps of a run, which have no metrics:
// how many trees are done is no curve to look at.
func told(watching []models.Observer) func(done, planned int) error {
	if len(watching) == 0 {
		return nil
	}
	plan := 0
	return func(done, planned int) error {
		for _, w := range watching {
			if p, ok := w.(models.Planner); ok && plan != planned {
				p.Plan(int64(planned))
			}
			if err := w.Step(int64(done), nil, nil); err != nil {
				return fmt.Errorf("observer of step %d: %w", done, err)
			}
		}
		plan = planned
		return nil
	}
}

// heard passes a solver's progress on, counting its reports.
func heard(watching []models.Observer) svm.Watch {
	if len(watching) == 0 {
		return nil
	}
	reports := int64(0)
	return func(step int, gap float64) error {
		reports++
		for _, w := range watching {
			if err := w.Step(reports, []string{"optimality_gap"}, []float64{gap}); err != nil {
				return fmt.Errorf("observer of step %d: %w", step, err)
			}
		}
		return nil
	}
}

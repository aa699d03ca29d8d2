package treatment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"gonum.org/v1/gonum/stat"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment/causal"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// Model says what to expect of a patient under each arm, and recommends one. Its
// methods may be called from several goroutines once it is fitted.
type Model struct {
	config Config
	state  *state // nil until fitted
}

var _ models.Model[Row, Outcome, Answer] = (*Model)(nil)

// New returns a model that is yet to be fitted.
func New(cfg Config) *Model { return &Model{config: cfg.withDefaults()} }

// Config returns what the model was made with, defaults filled in.
func (m *Model) Config() Config { return m.config }

// Trimmed returns how many of the training rows taught nothing of effects, because
// they had next to no chance of some arm (Config.Overlap), and how many there were.
// The s-, t- and x-learner and TARNet leave none out.
func (m *Model) Trimmed() (trimmed, of int) {
	if m.state == nil {
		return 0, 0
	}
	return m.state.Trimmed, m.state.Rows
}

// state is what a fit found; a method fills its own parts.
type state struct {
	Columns int       `json:"columns"`
	Rows    int       `json:"rows"`            // learnt from
	Trimmed int       `json:"trimmed"`         // left out, because they had next to no chance of some arm
	Lowest  []float64 `json:"lowest"`          // value of each column in training
	Highest []float64 `json:"highest"`         // likewise
	Mean    []float64 `json:"mean"`            // likewise
	Spread  []float64 `json:"spread"`          // likewise, standard deviation
	Level   float64   `json:"level"`           // mean of the outcomes
	Scale   float64   `json:"scale"`           // standard deviation of the outcomes
	Chooser *chooser  `json:"chooser"`         // of arms
	Again   []*state  `json:"again,omitempty"` // fitted to resamples of the patients

	One     *regressor       `json:"one,omitempty"`     // s-learner: of columns and arms
	Outcome []regressor      `json:"outcome,omitempty"` // t-learner: of each arm; others: of the first
	Effect  []regressor      `json:"effect,omitempty"`  // dr-learner: of each later arm
	Gained  []gain           `json:"gained,omitempty"`  // x-learner: of each later arm
	Forests []*causal.Forest `json:"forests,omitempty"` // of each later arm
	Rule    *tree.Tree       `json:"rule,omitempty"`    // policy tree; its values are expected outcomes

	network  *fit.Network // of TARNet and its resamples: see Config.graph
	compiled sync.Map     // of each arm, the graph that explains its effect
}

// A gain is the x-learner's two views of the effect of an arm.
type gain struct {
	Treated regressor `json:"treated"` // from those who got it
	Control regressor `json:"control"` // from those who got the first arm
}

// Fit learns from the training rows. Patients (train.Group) are kept together
// wherever rows are divided.
func (m *Model) Fit(ctx context.Context, train Dataset, watching ...models.Observer) error {
	m.state = nil
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("treatment: %w", err)
	}
	if err := m.checkData(train); err != nil {
		return fmt.Errorf("treatment: %w", err)
	}
	f := &fitting{ctx: ctx, cfg: m.config, d: train, watching: watching}
	f.planned = f.models()
	s, err := f.fit()
	if err == nil && m.config.Resamples > 0 && m.config.Method != TARNet { // whose network holds its own
		s.Again, err = f.again()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("treatment: %s: %w", m.config.Method, err)
	}
	m.state = s
	return fit.Keep(watching, "model.assay", m.Save)
}

func (m *Model) checkData(d Dataset) error {
	if err := m.config.check(); err != nil {
		return err
	}
	if err := checkOutcomes(d, m.config); err != nil {
		return err
	}
	return m.config.Features.Check(d.X, len(d.X[0]), m.config.cannotMiss())
}

// checkOutcomes finds what is wrong with who got what, and what came of it.
func checkOutcomes(d Dataset, c Config) error {
	if d.Len() == 0 {
		return errors.New("there are no rows to learn from")
	}
	if len(d.Y) != d.Len() {
		return fmt.Errorf("%d rows and %d outcomes: every row needs one", d.Len(), len(d.Y))
	}
	if d.Group != nil && len(d.Group) != d.Len() {
		return fmt.Errorf("%d rows and %d patients: every row needs one, or none has", d.Len(), len(d.Group))
	}
	width := len(d.X[0])
	if width == 0 {
		return errors.New("row 0 has no columns")
	}
	if c.Features != nil && len(c.Features) != width {
		return fmt.Errorf("rows have %d columns, and %d are named in Features", width, len(c.Features))
	}
	count := make([]int, len(c.Arms))
	for i, y := range d.Y {
		if y.Arm < 0 || y.Arm >= len(c.Arms) {
			return fmt.Errorf("row %d has arm %d, and Config.Arms names %d", i, y.Arm, len(c.Arms))
		}
		if math.IsNaN(y.Value) || math.IsInf(y.Value, 0) {
			return fmt.Errorf("the outcome of row %d is %v: leave such rows out", i, y.Value)
		}
		count[y.Arm]++
	}
	for k, n := range count {
		if least := 2 * c.Folds; n < least {
			return fmt.Errorf("%d rows got %s: %d are needed, two for each of %d folds", n, c.Arms[k], least, c.Folds)
		}
	}
	return nil
}

// cannotMiss names the part of the model that takes no missing values, "" if all do.
func (c Config) cannotMiss() string {
	switch {
	case c.Method == TARNet:
		return string(TARNet)
	case c.Known == nil && !c.Propensity.TakesMissing():
		return fmt.Sprintf("the propensity's %s model", c.Propensity.Method)
	case !c.Outcome.TakesMissing():
		return fmt.Sprintf("the outcome's %s model", c.Outcome.Method)
	case (c.Method == XLearner || c.Method == DRLearner) && !c.Effect.TakesMissing():
		return fmt.Sprintf("the effect's %s model", c.Effect.Method)
	}
	return ""
}

// models returns how many models a fit makes, for observers; those of a causal forest
// and of TARNet hear of trees and of steps instead.
func (f *fitting) models() int {
	later := len(f.cfg.Arms) - 1
	once := map[Method]int{
		SLearner: 2, TLearner: 2 + later, XLearner: 2 + later + 2*later,
		DRLearner: f.crossfits() + 2 + later, PolicyTree: f.crossfits() + 1,
	}[f.cfg.Method]
	again := once
	if f.cfg.Method != XLearner {
		again-- // needs no chances
	}
	return once + again*f.cfg.Resamples
}

// fit fits once to the rows of f.d.
func (f *fitting) fit() (*state, error) {
	s := &state{Columns: len(f.d.X[0]), Rows: f.d.Len()}
	s.Mean, s.Spread = table.Moments(f.d.X)
	s.Lowest, s.Highest = ranges(f.d.X)
	values := make([]Row, f.d.Len())
	for i, y := range f.d.Y {
		values[i] = Row{y.Value}
	}
	level, scale := table.Moments(values)
	s.Level, s.Scale = level[0], scale[0]
	var err error
	switch f.cfg.Method {
	case SLearner:
		err = f.single(s)
	case TLearner:
		s.Outcome, err = f.outcomes(pick.All(f.d.Len()))
	case XLearner:
		err = f.crossed(s)
	case DRLearner:
		err = f.robust(s)
	case CausalForest:
		err = f.forests(s)
	case PolicyTree:
		err = f.rule(s)
	case TARNet:
		err = f.network(s)
	}
	if err != nil {
		return nil, err
	}
	if f.cfg.Method == TARNet { // whose steps are its own
		f.watching = nil
	}
	if f.resampling && f.cfg.Method != XLearner { // only its effects depend on chances
		return s, nil
	}
	s.Chooser, err = f.choose(pick.All(f.d.Len()))
	return s, err
}

// again fits to resamples of the patients.
func (f *fitting) again() ([]*state, error) {
	f.resampling = true
	out := make([]*state, f.cfg.Resamples)
	err := f.resample(func(b int) (err error) {
		out[b], err = f.fit()
		return err
	})
	return out, err
}

// resample calls fit with f.d in turn each of the resamples of the patients. One
// that lacks an arm, as happens to rare ones, is drawn again.
func (f *fitting) resample(fit func(b int) error) error {
	of, names := map[string][]int{}, []string{}
	for i := range f.d.X {
		name := fmt.Sprint(i)
		if f.d.Group != nil {
			name = f.d.Group[i]
		}
		if of[name] == nil {
			names = append(names, name)
		}
		of[name] = append(of[name], i)
	}
	least := 2
	if f.cfg.Method == DRLearner { // which divides them into folds
		least = 2 * f.cfg.Folds
	}
	whole := f.d
	defer func() { f.d = whole }()
	for b := range f.cfg.Resamples {
		random := rand.New(rand.NewPCG(uint64(f.cfg.Seed), uint64(b)))
		const tries = 100
		for try := 1; ; try++ {
			f.d = Dataset{}
			count := make([]int, len(f.cfg.Arms))
			for range names {
				// A patient drawn twice stays one patient, so that folds do not share him.
				name := names[random.IntN(len(names))]
				for _, i := range of[name] {
					f.d.X, f.d.Y, f.d.Group = append(f.d.X, whole.X[i]), append(f.d.Y, whole.Y[i]), append(f.d.Group, name)
					count[whole.Y[i].Arm]++
				}
			}
			rarest := slices.Index(count, slices.Min(count))
			if count[rarest] >= least {
				break
			}
			if try == tries {
				return fmt.Errorf("resample %d: in none of %d draws did %d rows get %s: too few patients did", b, tries, least, f.cfg.Arms[rarest])
			}
		}
		if err := fit(b); err != nil {
			return fmt.Errorf("resample %d: %w", b, err)
		}
	}
	return nil
}

// Predict returns an answer for each row.
func (m *Model) Predict(ctx context.Context, xs []Row) ([]Answer, error) {
	if m.state == nil {
		return nil, fmt.Errorf("treatment: %w", models.ErrNotFitted)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("treatment: %w", err)
	}
	if err := m.config.Features.Check(xs, m.state.Columns, m.config.cannotMiss()); err != nil {
		return nil, fmt.Errorf("treatment: %w", err)
	}
	if len(xs) == 0 {
		return nil, nil
	}
	answers, err := m.state.answer(ctx, m.config, xs)
	if err != nil {
		return nil, fmt.Errorf("treatment: %w", err)
	}
	chances, err := m.state.Chooser.of(ctx, xs)
	if err != nil {
		return nil, fmt.Errorf("treatment: %w", err)
	}
	for i := range answers {
		answers[i].Propensity = chances[i]
		m.recommend(xs[i], &answers[i])
	}
	return answers, nil
}

// PredictFrame returns an answer for each row of a table, which Config.Pipeline
// turns into what the model reads.
func (m *Model) PredictFrame(ctx context.Context, frame *table.Frame) ([]Answer, error) {
	if m.config.Pipeline == nil {
		return nil, errors.New("treatment: there is no Pipeline to read a table with: set it in Config, or call Predict with rows")
	}
	xs, err := m.config.Pipeline.Transform(frame)
	if err != nil {
		return nil, fmt.Errorf("treatment: %w", err)
	}
	return m.Predict(ctx, xs)
}

// answer returns expected outcomes and effects, with standard errors if there are.
func (s *state) answer(ctx context.Context, c Config, xs []Row) ([]Answer, error) {
	answers, err := s.expect(ctx, c, xs)
	if err != nil || len(s.Again) == 0 {
		return answers, err
	}
	var repeats [][]Answer
	for _, again := range s.Again {
		repeat, err := again.expect(ctx, c, xs)
		if err != nil {
			return nil, err
		}
		repeats = append(repeats, repeat)
	}
	for i := range answers {
		answers[i].StdErr = make([]float64, len(c.Arms))
		for k := 1; k < len(c.Arms); k++ {
			effects := make([]float64, len(repeats))
			for b := range repeats {
				effects[b] = repeats[b][i].Effect[k]
			}
			answers[i].StdErr[k] = stat.StdDev(effects, nil)
		}
	}
	return answers, nil
}

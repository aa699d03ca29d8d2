package treatment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// Scale is the scale on which a dose is learnt.
type Scale string

// The scales. Effects that multiply want a logarithm; the square root is what the
// warfarin consortium found between that and none. The dose is what the mean on the
// scale stands for, which is less than the mean dose: EvaluateDoses says by how much
// (bias).
const (
	Plain      Scale = ""
	SquareRoot Scale = "square root"
	Logarithm  Scale = "logarithm"
)

// DoseConfig describes a Doser. Only Model.Method is required.
type DoseConfig struct {
	Model prognosis.Config `json:"model"`           // a regressor: tree, forest, SVM, linear …
	Scale Scale            `json:"scale,omitempty"` // that it learns on
	Unit  string           `json:"unit,omitempty"`  // of the dose: "mg/week"
	Level float64          `json:"level,omitempty"` // of the intervals; 0 means 0.95
	Folds int              `json:"folds,omitempty"` // that the intervals are learnt across; 0 means 5
}

// Dose is a recommended dose with an interval. Such intervals hold what patients
// need as often as DoseConfig.Level says, taken over all patients: of one kind of
// patients it may be more, of another less, which subgroups and genotypes of
// EvaluateDoses show.
type Dose struct {
	Value     float64 `json:"value"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Supported bool    `json:"supported"` // whether there were patients like this
	Reason    string  `json:"reason"`    // why not, or what the dose rests on
}

// Doser recommends a dose: the one at which patients like this were well. It
// learns from the doses of patients whose treatment succeeded, so it says what
// doctors found, not what another dose would have done: for that see DoseResponse.
type Doser struct {
	config DoseConfig
	state  *doseState
}

// doseState is what a fit found.
type doseState struct {
	Model   regressor `json:"model"`
	Lowest  []float64 `json:"lowest"` // value of each column in training
	Highest []float64 `json:"highest"`
	Margin  float64   `json:"margin"` // half the interval, on the scale
	Rows    int       `json:"rows"`
}

var _ models.Model[Row, float64, Dose] = (*Doser)(nil)

// NewDoser returns a model of a dose.
func NewDoser(cfg DoseConfig) *Doser {
	if cfg.Level == 0 {
		cfg.Level = 0.95
	}
	if cfg.Folds == 0 {
		cfg.Folds = 5
	}
	if cfg.Model.Features == nil {
		cfg.Model.Features = cfg.Model.Pipeline.Names()
	}
	return &Doser{config: cfg}
}

// Config returns what the model was made with, defaults filled in.
func (m *Doser) Config() DoseConfig { return m.config }

func (s Scale) check() error {
	if s != Plain && s != SquareRoot && s != Logarithm {
		return fmt.Errorf("there is no scale %q: choose one of %q", s, []Scale{Plain, SquareRoot, Logarithm})
	}
	return nil
}

func (s Scale) of(dose float64) float64 {
	switch s {
	case SquareRoot:
		return math.Sqrt(dose)
	case Logarithm:
		return math.Log(dose)
	}
	return dose
}

func (s Scale) dose(v float64) float64 {
	switch s {
	case SquareRoot:
		return max(v, 0) * max(v, 0)
	case Logarithm:
		return math.Exp(v)
	}
	return max(v, 0)
}

// Fit learns from patients and the doses that suited them. The intervals come from
// the errors for patients of other folds (cross-conformal; Vovk, Annals of
// Mathematics and Artificial Intelligence 74 (2015), 9), patients (train.Group)
// being kept together.
func (m *Doser) Fit(ctx context.Context, train models.Dataset[Row, float64], watching ...models.Observer) error {
	m.state = nil
	s, err := m.fit(ctx, train, watching, true)
	if err != nil {
		return fmt.Errorf("treatment: dose: %w", err)
	}
	m.state = s
	return fit.Keep(watching, "model.assay", m.Save)
}

// fit fits, with or without the margin of the intervals.
func (m *Doser) fit(ctx context.Context, train models.Dataset[Row, float64], watching []models.Observer, intervals bool) (*doseState, error) {
	c := m.config
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.Scale.check(); err != nil {
		return nil, err
	}
	if !(c.Level > 0 && c.Level < 1) || c.Folds < 2 {
		return nil, fmt.Errorf("intervals of level %v across %d folds: the level lies between 0 and 1, and there are two folds or more", c.Level, c.Folds)
	}
	if train.Len() == 0 || len(train.Y) != train.Len() {
		return nil, fmt.Errorf("%d rows and %d doses: every row needs one", train.Len(), len(train.Y))
	}
	if train.Group != nil && len(train.Group) != train.Len() {
		return nil, fmt.Errorf("%d rows and %d patients: every row needs one, or none has", train.Len(), len(train.Group))
	}
	y := make([]float64, train.Len())
	for i, dose := range train.Y {
		if !(dose > 0) || math.IsInf(dose, 0) {
			return nil, fmt.Errorf("row %d: a dose of %v: leave out patients who had none", i, dose)
		}
		y[i] = c.Scale.of(dose)
	}
	done := 0
	learn := func(rows []int) (*prognosis.Regressor, error) {
		model := prognosis.NewRegressor(c.Model)
		if err := model.Fit(ctx, prognosis.Dataset[float64]{X: train.X, Y: y, Group: train.Group}.Take(rows)); err != nil {
			return nil, err
		}
		done++
		return model, tell(watching, "models", done, c.Folds+1)
	}
	whole, err := learn(pick.All(train.Len()))
	if err != nil {
		return nil, err
	}
	s := &doseState{Model: regressor{whole}, Rows: train.Len()}
	s.Lowest, s.Highest = ranges(train.X)
	if !intervals {
		return s, nil
	}
	if least := int(math.Ceil(c.Level / (1 - c.Level))); train.Len() < least {
		return nil, fmt.Errorf("intervals of level %v need the errors of %d patients, and there are %d: lower the level, or find more", c.Level, least, train.Len())
	}
	folds, err := table.KFold(train.Len(), c.Folds, table.SplitOptions{Group: train.Group, Seed: c.Model.Seed})
	if err != nil {
		return nil, err
	}
	var errs []float64
	for _, fold := range folds {
		model, err := learn(fold.Train)
		if err != nil {
			return nil, err
		}
		predicted, err := model.Predict(ctx, pick.Rows(train.X, fold.Test))
		if err != nil {
			return nil, err
		}
		for i, r := range fold.Test {
			errs = append(errs, math.Abs(predicted[i]-y[r]))
		}
	}
	slices.Sort(errs)
	s.Margin = errs[min(len(errs), int(math.Ceil(c.Level*float64(len(errs)+1))))-1]
	return s, ctx.Err()
}

// ranges returns the least and the greatest value of each column. One without
// values has none that is like them.
func ranges(xs []Row) (lowest, highest []float64) {
	lowest, highest = make([]float64, len(xs[0])), make([]float64, len(xs[0]))
	for j := range lowest {
		lowest[j], highest[j] = math.MaxFloat64, -math.MaxFloat64
		for _, x := range xs {
			if !math.IsNaN(x[j]) {
				lowest[j], highest[j] = min(lowest[j], x[j]), max(highest[j], x[j])
			}
		}
	}
	return lowest, highest
}

// unlike says in what a row is beyond all that were learnt from, "" if in nothing.
func unlike(x Row, lowest, highest []float64, names table.Features) string {
	for j, v := range x {
		if lowest[j] > highest[j] && !math.IsNaN(v) {
			return names.Name(j) + " is known, and was missing in all patients learnt from"
		}
		if v < lowest[j] || v > highest[j] {
			return fmt.Sprintf("%s is %.4g, and was between %.4g and %.4g in the patients learnt from: nothing is known of patients like this one", names.Name(j), v, lowest[j], highest[j])
		}
	}
	return ""
}

// Predict returns a dose for each row.
func (m *Doser) Predict(ctx context.Context, xs []Row) ([]Dose, error) {
	if m.state == nil {
		return nil, fmt.Errorf("treatment: dose: %w", models.ErrNotFitted)
	}
	values, err := m.state.Model.Predict(ctx, xs)
	if err != nil {
		return nil, fmt.Errorf("treatment: dose: %w", err)
	}
	c, s := m.config, m.state
	out := make([]Dose, len(values))
	for i, v := range values {
		d := Dose{Value: c.Scale.dose(v), Low: c.Scale.dose(v - s.Margin), High: c.Scale.dose(v + s.Margin)}
		d.Reason = unlike(xs[i], s.Lowest, s.Highest, c.Model.Features)
		if d.Supported = d.Reason == ""; d.Supported {
			d.Reason = fmt.Sprintf("learnt from %d patients; %s to %s %s, an interval made to hold what %.4g %% of patients need", s.Rows, significant(d.Low, 3), significant(d.High, 3), c.Unit, 100*c.Level)
		}
		out[i] = d
	}
	return out, nil
}

// PredictFrame returns a dose for each row of a table.
func (m *Doser) PredictFrame(ctx context.Context, frame *table.Frame) ([]Dose, error) {
	if m.config.Model.Pipeline == nil {
		return nil, errors.New("treatment: dose: there is no Pipeline to read a table with: set it in DoseConfig.Model, or call Predict with rows")
	}
	xs, err := m.config.Model.Pipeline.Transform(frame)
	if err != nil {
		return nil, fmt.Errorf("treatment: dose: %w", err)
	}
	return m.Predict(ctx, xs)
}

// Explain returns how far each feature moves the dose, on the scale that it is
// learnt on. See prognosis.Model.Explain.
func (m *Doser) Explain(ctx context.Context, x Row) (models.Explanation, error) {
	if m.state == nil {
		return models.Explanation{}, fmt.Errorf("treatment: dose: %w", models.ErrNotFitted)
	}
	e, err := m.state.Model.Explain(ctx, x)
	if err != nil {
		return e, fmt.Errorf("treatment: dose: %w", err)
	}
	e.Answer = "dose"
	if m.config.Scale != Plain {
		e.Answer = string(m.config.Scale) + " of the dose"
	}
	return e, nil
}

// Model returns the fitted regressor, for its estimates or trees; nil before Fit.
func (m *Doser) Model() *prognosis.Regressor {
	if m.state == nil {
		return nil
	}
	return m.state.Model.Regressor
}

type savedDose struct {
	Kind   string     `json:"kind"`
	Config DoseConfig `json:"config"`
	State  *doseState `json:"state"`
}

// Save writes the fitted model.
func (m *Doser) Save(w io.Writer) error {
	if m.state == nil {
		return fmt.Errorf("treatment: dose: %w", models.ErrNotFitted)
	}
	if err := fit.SaveState(w, savedDose{Kind: "dose", Config: m.config, State: m.state}); err != nil {
		return fmt.Errorf("treatment: dose: save: %w", err)
	}
	return nil
}

// LoadDoser reads what Save of a Doser wrote.
func LoadDoser(r io.Reader) (*Doser, error) {
	var in savedDose
	if _, err := fit.LoadState(r, "dose", &in); err != nil {
		return nil, fmt.Errorf("treatment: dose: load: %w", err)
	}
	if in.Kind != "dose" || in.State == nil {
		return nil, fmt.Errorf("treatment: dose: %w: it is saved as %q, not as \"dose\"", fit.ErrCorrupt, cmp.Or(in.Kind, "nothing"))
	}
	return &Doser{config: in.Config, state: in.State}, nil
}

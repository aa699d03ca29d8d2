package treatment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// A regressor is a model of a number that is part of another, and saved with it.
type regressor struct{ *prognosis.Regressor }

func (r regressor) MarshalJSON() ([]byte, error) { return savedPart(r.Save) }

func (r *regressor) UnmarshalJSON(b []byte) (err error) {
	r.Regressor, err = loadPart(b, prognosis.LoadRegressor)
	return err
}

// A classifier is likewise a model of classes.
type classifier struct{ *prognosis.Classifier }

func (c classifier) MarshalJSON() ([]byte, error) { return savedPart(c.Save) }

func (c *classifier) UnmarshalJSON(b []byte) (err error) {
	c.Classifier, err = loadPart(b, prognosis.LoadClassifier)
	return err
}

// savedPart returns as JSON what save writes.
func savedPart(save func(io.Writer) error) ([]byte, error) {
	var b bytes.Buffer
	if err := save(&b); err != nil {
		return nil, err
	}
	return json.Marshal(b.Bytes())
}

// loadPart loads what is in b as savedPart wrote it, or as it is: a part was JSON
// among that of the whole before models were compressed.
func loadPart[M any](b []byte, load func(io.Reader) (M, error)) (M, error) {
	if bytes.HasPrefix(b, []byte("{")) {
		return load(bytes.NewReader(b))
	}
	var part []byte
	err := json.Unmarshal(b, &part)
	if err != nil {
		var none M
		return none, err
	}
	return load(bytes.NewReader(part))
}

// A chooser says who gets which arm: a model, or what is known of a trial.
type chooser struct {
	Known  []float64   `json:"known,omitempty"`
	Model  *classifier `json:"model,omitempty"`
	Mean   []float64   `json:"mean,omitempty"` // of the columns, if they are standardised for the model
	Spread []float64   `json:"spread,omitempty"`
}

// of returns the chance of each arm for each row.
func (c *chooser) of(ctx context.Context, xs []Row) ([][]float64, error) {
	if c.Known != nil {
		out := make([][]float64, len(xs))
		for i := range out {
			out[i] = slices.Clone(c.Known)
		}
		return out, nil
	}
	if c.Mean != nil {
		xs = standardised(xs, c.Mean, c.Spread)
	}
	return c.Model.Predict(ctx, xs)
}

func standardised(xs []Row, mean, spread []float64) []Row {
	out := make([]Row, len(xs))
	for i, x := range xs {
		out[i] = make(Row, len(x))
		for j, v := range x {
			out[i][j] = (v - mean[j]) / spread[j]
		}
	}
	return out
}

// fitting is one call of Fit: what it fits on, and whom it tells.
type fitting struct {
	ctx           context.Context
	cfg           Config
	d             Dataset
	watching      []models.Observer
	done, planned int // models that are part of this one
	resampling    bool
}

// one tells the observers that another model is fitted. planned is known by then.
func (f *fitting) one() error {
	f.done++
	return tell(f.watching, "models", f.done, f.planned)
}

// tell tells observers of a step, and of the plan with the first.
func tell(watching []models.Observer, name string, done, planned int) error {
	for _, w := range watching {
		if p, ok := w.(models.Planner); ok && done == 1 {
			p.Plan(int64(planned))
		}
		if err := w.Step(int64(done), []string{name}, []float64{float64(done)}); err != nil {
			return fmt.Errorf("observer of step %d: %w", done, err)
		}
	}
	return nil
}

// regress fits a model of a number.
func (f *fitting) regress(cfg prognosis.Config, x []Row, y []float64) (regressor, error) {
	cfg.Seed = f.cfg.Seed
	if len(x) == 0 {
		return regressor{}, errors.New("outcome: a fold has no patient of one arm to learn from: every arm must be given in two groups or more; use fewer Folds, or other groups")
	}
	if categorical := f.cfg.Pipeline.Categorical(); categorical != nil {
		categorical = append(slices.Clone(categorical), make([]bool, len(x[0])-len(categorical))...)
		cfg.Trees.Categorical, cfg.Boost.Categorical = categorical, categorical
	}
	m := regressor{prognosis.NewRegressor(cfg)}
	if err := m.Fit(f.ctx, prognosis.Dataset[float64]{X: x, Y: y}); err != nil {
		return m, fmt.Errorf("outcome: %w", err)
	}
	return m, f.one()
}

// choose fits a model of who of the given rows got which arm.
func (f *fitting) choose(rows []int) (*chooser, error) {
	if f.cfg.Known != nil {
		return &chooser{Known: f.cfg.Known}, f.one()
	}
	x, y := pick.Rows(f.d.X, rows), make([]int, len(rows))
	for i, r := range rows {
		y[i] = f.d.Y[r].Arm
	}
	cfg := f.cfg.Propensity
	cfg.Seed, cfg.Classes = f.cfg.Seed, f.cfg.Arms
	cfg.Trees.Categorical, cfg.Boost.Categorical = f.cfg.Pipeline.Categorical(), f.cfg.Pipeline.Categorical()
	c := &chooser{Model: &classifier{prognosis.NewClassifier(cfg)}}
	if cfg.Method == prognosis.Linear { // its penalty is to treat columns alike
		c.Mean, c.Spread = table.Moments(x)
		x = standardised(x, c.Mean, c.Spread)
	}
	if err := c.Model.Fit(f.ctx, prognosis.Dataset[int]{X: x, Y: y}); err != nil {
		return nil, fmt.Errorf("propensity: %w", err)
	}
	return c, f.one()
}

// outcomes fits a model of the outcome for each arm, to the rows that got it.
func (f *fitting) outcomes(rows []int) ([]regressor, error) {
	out := make([]regressor, len(f.cfg.Arms))
	for k := range out {
		x, y := f.arm(rows, k)
		var err error
		if out[k], err = f.regress(f.cfg.Outcome, x, y); err != nil {
			return nil, fmt.Errorf("arm %s: %w", f.cfg.Arms[k], err)
		}
	}
	return out, nil
}

// arm returns those of the rows that got an arm.
func (f *fitting) arm(rows []int, arm int) (x []Row, y []float64) {
	for _, r := range rows {
		if f.d.Y[r].Arm == arm {
			x, y = append(x, f.d.X[r]), append(y, f.d.Y[r].Value)
		}
	}
	return x, y
}

// crossfit returns for each row the chance of each arm and the expected outcome
// under each, as models say that have not seen the row or its patient.
func (f *fitting) crossfit() (propensity, outcome [][]float64, err error) {
	folds, err := table.KFold(f.d.Len(), f.cfg.Folds, table.SplitOptions{Group: f.d.Group, Stratify: armNames(f.d.Y), Seed: f.cfg.Seed})
	if err != nil {
		return nil, nil, err
	}
	propensity, outcome = make([][]float64, f.d.Len()), make([][]float64, f.d.Len())
	for i := range outcome {
		outcome[i] = make([]float64, len(f.cfg.Arms))
	}
	for _, fold := range folds {
		c, err := f.choose(fold.Train)
		if err != nil {
			return nil, nil, err
		}
		x := pick.Rows(f.d.X, fold.Test)
		chances, err := c.of(f.ctx, x)
		if err != nil {
			return nil, nil, err
		}
		ms, err := f.outcomes(fold.Train)
		if err != nil {
			return nil, nil, err
		}
		for k, m := range ms {
			values, err := m.Predict(f.ctx, x)
			if err != nil {
				return nil, nil, err
			}
			for i, r := range fold.Test {
				outcome[r][k] = values[i]
			}
		}
		for i, r := range fold.Test {
			propensity[r] = chances[i]
		}
	}
	return propensity, outcome, nil
}

// armNames labels rows by arm, to divide them alike.
func armNames(ys []Outcome) []string {
	out := make([]string, len(ys))
	for i, y := range ys {
		out[i] = strconv.Itoa(y.Arm)
	}
	return out
}

// crossfits is how many models crossfit fits.
func (f *fitting) crossfits() int { return f.cfg.Folds * (1 + len(f.cfg.Arms)) }

// doublyRobust returns what each arm would have brought each row:
//
//	μ_k(x) + [arm = k] (y − μ_k(x)) / e_k(x)
//
// Its mean over patients is right if either μ or e is. Robins, Rotnitzky and Zhao,
// JASA 89 (1994), 846.
func doublyRobust(ys []Outcome, propensity, outcome [][]float64) [][]float64 {
	out := make([][]float64, len(ys))
	for i, y := range ys {
		out[i] = slices.Clone(outcome[i])
		out[i][y.Arm] += (y.Value - outcome[i][y.Arm]) / propensity[i][y.Arm]
	}
	return out
}

// versus returns the chance of arm k of a patient who gets it or the first: ½ if there
// was none of either, as a forest may say.
func versus(chances []float64, k int) float64 {
	if chances[0]+chances[k] == 0 {
		return 0.5
	}
	return chances[k] / (chances[0] + chances[k])
}

// comparable returns the rows whose chance of every arm is at least the least.
func comparable(propensity [][]float64, least float64) (rows []int) {
	for i, p := range propensity {
		if slices.Min(p) >= least {
			rows = append(rows, i)
		}
	}
	return rows
}

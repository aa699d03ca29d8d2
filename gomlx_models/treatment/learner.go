package treatment

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/treatment/causal"
)

// single fits the s-learner: one model of the outcome that has the arm as columns,
// one for each arm but the first.
func (f *fitting) single(s *state) error {
	x, y := make([]Row, f.d.Len()), make([]float64, f.d.Len())
	for i, o := range f.d.Y {
		x[i], y[i] = withArm(f.d.X[i], o.Arm, len(f.cfg.Arms)), o.Value
	}
	m, err := f.regress(f.cfg.Outcome, x, y)
	s.One = &m
	return err
}

// withArm appends the columns of the arm.
func withArm(x Row, arm, arms int) Row {
	out := append(make(Row, 0, len(x)+arms-1), x...)
	for k := 1; k < arms; k++ {
		if k == arm {
			out = append(out, 1)
		} else {
			out = append(out, 0)
		}
	}
	return out
}

// crossed fits the x-learner. A model of one arm says what each patient of the
// other would have had, which it has not seen: no row is judged by a model that
// learnt from it.
func (f *fitting) crossed(s *state) error {
	rows := pick.All(f.d.Len())
	ms, err := f.outcomes(rows)
	if err != nil {
		return err
	}
	s.Outcome = ms[:1]
	// gained regresses, over the rows of an arm, outcome − what the other model
	// says, or the reverse.
	gained := func(arm int, other regressor, sign float64) (regressor, error) {
		x, y := f.arm(rows, arm)
		would, err := other.Predict(f.ctx, x)
		if err != nil {
			return regressor{}, err
		}
		for i := range y {
			y[i] = sign * (y[i] - would[i])
		}
		return f.regress(f.cfg.Effect, x, y)
	}
	s.Gained = make([]gain, len(f.cfg.Arms)-1)
	for k := 1; k < len(f.cfg.Arms); k++ {
		g := &s.Gained[k-1]
		if g.Treated, err = gained(k, ms[0], 1); err != nil {
			return err
		}
		if g.Control, err = gained(0, ms[k], -1); err != nil {
			return err
		}
	}
	return nil
}

// trimmed cross-fits the nuisances and returns them with the rows that had a chance
// of every arm.
func (f *fitting) trimmed(s *state) (rows []int, propensity, outcome [][]float64, err error) {
	if propensity, outcome, err = f.crossfit(); err != nil {
		return nil, nil, nil, err
	}
	rows = comparable(propensity, f.cfg.Overlap)
	s.Trimmed = f.d.Len() - len(rows)
	if len(rows) < 20 {
		return nil, nil, nil, fmt.Errorf("only %d of %d rows had a chance of every arm of at least %v: the arms were given to patients who cannot be compared", len(rows), f.d.Len(), f.cfg.Overlap)
	}
	return rows, propensity, outcome, nil
}

// robust fits the dr-learner: it regresses the difference between doubly robust
// scores.
func (f *fitting) robust(s *state) error {
	rows, propensity, outcome, err := f.trimmed(s)
	if err != nil {
		return err
	}
	scores := doublyRobust(f.d.Y, propensity, outcome)
	for k := 1; k < len(f.cfg.Arms); k++ {
		y := make([]float64, len(rows))
		for i, r := range rows {
			y[i] = scores[r][k] - scores[r][0]
		}
		m, err := f.regress(f.cfg.Effect, pick.Rows(f.d.X, rows), y)
		if err != nil {
			return err
		}
		s.Effect = append(s.Effect, m)
	}
	return f.first(s)
}

// first fits a model of the outcome under the first arm, to which effects are added.
func (f *fitting) first(s *state) error {
	x, y := f.arm(pick.All(f.d.Len()), 0)
	m, err := f.regress(f.cfg.Outcome, x, y)
	s.Outcome = []regressor{m}
	return err
}

// forests fits a causal forest to the patients of each later arm and the first,
// after what their columns say of arm and outcome is taken off both.
func (f *fitting) forests(s *state) error {
	watching := f.watching
	f.watching = nil // they hear of trees
	rows, propensity, outcome, err := f.trimmed(s)
	if err != nil {
		return err
	}
	later, trees := len(f.cfg.Arms)-1, 0
	for k := 1; k <= later; k++ {
		var x []Row
		var w, y []float64
		var treated []bool
		var group []string
		for _, i := range rows {
			o := f.d.Y[i]
			if o.Arm != 0 && o.Arm != k {
				continue
			}
			chance := versus(propensity[i], k)
			expected := (1-chance)*outcome[i][0] + chance*outcome[i][k]
			got := 0.0
			if o.Arm == k {
				got = 1
			}
			x, w, y = append(x, f.d.X[i]), append(w, got-chance), append(y, o.Value-expected)
			treated = append(treated, o.Arm == k)
			if f.d.Group != nil {
				group = append(group, f.d.Group[i])
			}
		}
		cfg := f.cfg.Forest
		cfg.Seed, cfg.Treated, cfg.Group, cfg.Categorical = f.cfg.Seed, treated, group, f.cfg.Pipeline.Categorical()
		cfg.Progress = func(_, planned int) error {
			trees++
			return tell(watching, "trees", trees, later*planned)
		}
		forest, err := causal.Grow(f.ctx, x, w, y, cfg)
		if err != nil {
			return fmt.Errorf("arm %s: %w", f.cfg.Arms[k], err)
		}
		s.Forests = append(s.Forests, forest)
	}
	return f.first(s)
}

// rule fits a policy tree to doubly robust scores.
func (f *fitting) rule(s *state) error {
	rows, propensity, outcome, err := f.trimmed(s)
	if err != nil {
		return err
	}
	x, scores := pick.Rows(f.d.X, rows), pick.Rows(doublyRobust(f.d.Y, propensity, outcome), rows)
	worth := scores
	if f.cfg.LowerIsBetter {
		worth = make([][]float64, len(scores))
		for i, score := range scores {
			worth[i] = make([]float64, len(score))
			for k, v := range score {
				worth[i][k] = -v
			}
		}
	}
	if s.Rule, err = causal.Policy(x, worth, f.cfg.Policy); err != nil {
		return err
	}
	if f.cfg.LowerIsBetter {
		for i := range s.Rule.Values {
			s.Rule.Values[i] *= -1
		}
	}
	return nil
}

// expect returns the outcomes to expect and the effects, by the method's own parts.
func (s *state) expect(ctx context.Context, c Config, xs []Row) ([]Answer, error) {
	answers := make([]Answer, len(xs))
	for i := range answers {
		answers[i] = Answer{Expected: make([]float64, len(c.Arms)), Effect: make([]float64, len(c.Arms))}
	}
	// outcome fills in what a model of the outcome says of an arm, and effect what
	// one of the effect does, on top of the first arm's outcome.
	outcome := func(k int, m regressor, xs []Row) error {
		values, err := m.Predict(ctx, xs)
		for i, v := range values {
			answers[i].Expected[k] = v
			answers[i].Effect[k] = v - answers[i].Expected[0]
		}
		return err
	}
	effect := func(k, i int, v float64) {
		answers[i].Effect[k], answers[i].Expected[k] = v, answers[i].Expected[0]+v
	}
	switch {
	case s.network != nil:
		return answers, s.heads(ctx, c, xs, answers)
	case s.Rule != nil:
		for i, x := range xs {
			leaf := s.Rule.Leaf(x)
			copy(answers[i].Expected, s.Rule.Value(leaf))
			for k := range c.Arms {
				answers[i].Effect[k] = answers[i].Expected[k] - answers[i].Expected[0]
			}
		}
		return answers, nil
	case s.One != nil:
		for k := range c.Arms {
			with := make([]Row, len(xs))
			for i, x := range xs {
				with[i] = withArm(x, k, len(c.Arms))
			}
			if err := outcome(k, *s.One, with); err != nil {
				return nil, err
			}
		}
		return answers, nil
	}
	for k, m := range s.Outcome {
		if err := outcome(k, m, xs); err != nil {
			return nil, err
		}
	}
	for k, m := range s.Effect {
		values, err := m.Predict(ctx, xs)
		if err != nil {
			return nil, err
		}
		for i, v := range values {
			effect(k+1, i, v)
		}
	}
	if s.Gained != nil {
		chances, err := s.Chooser.of(ctx, xs)
		if err != nil {
			return nil, err
		}
		for k, g := range s.Gained {
			treated, err := g.Treated.Predict(ctx, xs)
			if err != nil {
				return nil, err
			}
			control, err := g.Control.Predict(ctx, xs)
			if err != nil {
				return nil, err
			}
			for i := range xs {
				chance := versus(chances[i], k+1)
				effect(k+1, i, chance*control[i]+(1-chance)*treated[i])
			}
		}
	}
	for k, forest := range s.Forests {
		effects, err := forest.Effects(xs)
		if err != nil {
			return nil, err
		}
		for i, e := range effects {
			if math.IsNaN(e.Value) {
				return nil, errors.New("the training rows alike to a patient all had one arm: there is nothing to compare")
			}
			if answers[i].StdErr == nil {
				answers[i].StdErr = make([]float64, len(c.Arms))
			}
			effect(k+1, i, e.Value)
			answers[i].StdErr[k+1] = e.StdErr
		}
	}
	return answers, nil
}

package treatment

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// Explain returns how far each feature of x moves the effect of the arm that is
// recommended, or else looks best, against the first arm: Base + Σ Values is the
// effect. If the first arm itself is best, it is the effect of the runner-up.
//
// Effects of trees are explained exactly by TreeSHAP: of a causal forest, of the
// models that the s-, t-, x- and dr-learner are made of (others of theirs as
// package prognosis does), of a policy tree. TARNet's are integrated gradients
// from the mean patient.
func (m *Model) Explain(ctx context.Context, x Row) (models.Explanation, error) {
	answers, err := m.Predict(ctx, []Row{x})
	if err != nil {
		return models.Explanation{}, err
	}
	arm := answers[0].Arm
	if arm <= 0 {
		arm = 1
		for k := 2; k < len(m.config.Arms); k++ {
			if m.config.better(answers[0].Expected[k], answers[0].Expected[arm]) {
				arm = k
			}
		}
	}
	return m.ExplainArm(ctx, x, arm)
}

// ExplainArm does what Explain does for an arm of the caller's choice, which is
// not the first.
func (m *Model) ExplainArm(ctx context.Context, x Row, arm int) (models.Explanation, error) {
	answers, err := m.Predict(ctx, []Row{x})
	if err != nil {
		return models.Explanation{}, err
	}
	if arm < 1 || arm >= len(m.config.Arms) {
		return models.Explanation{}, fmt.Errorf("treatment: arm %d has no effect to explain: choose one of 1 to %d", arm, len(m.config.Arms)-1)
	}
	e := models.Explanation{
		Answer: fmt.Sprintf("effect of %s against %s", m.config.Arms[arm], m.config.Arms[0]),
		Names:  m.config.Features.Names(len(x)), Shape: []int{len(x)},
	}
	if err := m.state.explain(ctx, m.config, x, arm, answers[0], &e); err != nil {
		return models.Explanation{}, fmt.Errorf("treatment: %w", err)
	}
	return e, nil
}

// explain fills in method, values and base.
func (s *state) explain(ctx context.Context, c Config, x Row, arm int, a Answer, e *models.Explanation) (err error) {
	switch {
	case s.network != nil:
		e.Method = "integrated gradients"
		if e.Values, err = s.integrated(c, x, arm); err != nil {
			return err
		}
		e.Base = a.Effect[arm]
		for _, v := range e.Values {
			e.Base -= v
		}
		return nil
	case s.Forests != nil:
		e.Method = "tree shap"
		e.Values, e.Base, err = s.Forests[arm-1].SHAP(x)
		return err
	case s.Rule != nil:
		rule := tree.Ensemble{Trees: []*tree.Tree{s.Rule}, Outputs: len(c.Arms), Base: make([]float64, len(c.Arms)), Mean: true, Features: len(x)}
		phi, base, err := rule.SHAP(x)
		if err != nil {
			return err
		}
		e.Method, e.Base, e.Values = "tree shap", base[arm]-base[0], make([]float64, len(x))
		for j := range x {
			e.Values[j] = phi[arm][j] - phi[0][j]
		}
		return nil
	}
	e.Values = make([]float64, len(x))
	// add adds a share of what a model's answer rests on. The columns of arms that
	// the s-learner has beyond those of x make up its base.
	add := func(m regressor, x Row, share float64) error {
		part, err := m.Explain(ctx, x)
		if err != nil {
			return err
		}
		e.Method = part.Method
		e.Base += share * part.Base
		for j, v := range part.Values {
			if j < len(e.Values) {
				e.Values[j] += share * v
			} else {
				e.Base += share * v
			}
		}
		return nil
	}
	plus, minus := func(m regressor, x Row) error { return add(m, x, 1) }, func(m regressor, x Row) error { return add(m, x, -1) }
	switch {
	case s.One != nil:
		if err := plus(*s.One, withArm(x, arm, len(c.Arms))); err != nil {
			return err
		}
		return minus(*s.One, withArm(x, 0, len(c.Arms)))
	case s.Effect != nil:
		return plus(s.Effect[arm-1], x)
	case s.Gained != nil:
		// The weight of the two views is held at the patient's own.
		chance := versus(a.Propensity, arm)
		if err := add(s.Gained[arm-1].Control, x, chance); err != nil {
			return err
		}
		return add(s.Gained[arm-1].Treated, x, 1-chance)
	}
	if err := plus(s.Outcome[arm], x); err != nil {
		return err
	}
	return minus(s.Outcome[0], x)
}

// Rules returns the policy tree as text that can be read aloud; "" for the other
// methods. The outcomes in it are of the patients who made the rule, and so flatter
// it: judge it on others.
func (m *Model) Rules() string {
	if rule, labels := m.rule(); rule != nil {
		return rule.Rules(labels)
	}
	return ""
}

// Draw returns the policy tree as a picture; nil for the other methods. The values
// of a node are 1 for the arm that is best there, 0 for the others.
func (m *Model) Draw() *models.Branch {
	rule, labels := m.rule()
	if rule == nil {
		return nil
	}
	root := rule.Draw(labels, 0)
	var choose func(b *models.Branch)
	choose = func(b *models.Branch) {
		best := floats.MaxIdx(b.Value)
		b.Value = make([]float64, len(b.Value))
		b.Value[best] = 1
		for _, child := range b.Children {
			choose(child)
		}
	}
	choose(root)
	return root
}

// rule returns the policy tree with the names of what it speaks of, nil if there
// is none.
func (m *Model) rule() (*tree.Tree, tree.Labels) {
	if m.state == nil || m.state.Rule == nil {
		return nil, tree.Labels{}
	}
	labels := tree.Labels{Features: m.config.Features, Outputs: m.config.Arms, Complete: m.config.cannotMiss() != "", Categories: m.config.Pipeline.CodeNames()}
	if !m.config.LowerIsBetter {
		return m.state.Rule, labels
	}
	// A tree names its largest value: turned round, the least harm.
	rule := *m.state.Rule
	rule.Values = append([]float64(nil), rule.Values...)
	for i := range rule.Values {
		rule.Values[i] *= -1
	}
	return &rule, labels
}

// Importance returns what the effect of an arm of a causal forest depends on, one
// share a feature; nil for the other methods.
func (m *Model) Importance(arm int) []float64 {
	if m.state == nil || arm < 1 || arm > len(m.state.Forests) {
		return nil
	}
	return m.state.Forests[arm-1].Importance()
}

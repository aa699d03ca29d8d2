package prognosis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// Explain returns how far each feature of x moves the answer from its base, so
// that Base + Σ Values is what the model says of x: a value, the probability of
// the last class (the log odds against the first for a logistic model, the sum
// of trees before its link for boosting), the log hazard or risk.
//
// Linear models and Cox are explained exactly against the means of the training
// rows ("linear shap"), trees exactly by TreeSHAP, others by sampled Shapley
// values against training rows (Štrumbelj and Kononenko, JMLR 11 (2010), 1).
func (m *Model[Y, A]) Explain(ctx context.Context, x Row) (models.Explanation, error) {
	if m.state == nil {
		return models.Explanation{}, fmt.Errorf("prognosis: %w", models.ErrNotFitted)
	}
	if err := m.checkRows([]Row{x}, m.state.Columns); err != nil {
		return models.Explanation{}, fmt.Errorf("prognosis: %w", err)
	}
	s := m.state
	e := models.Explanation{Answer: m.task.of(m.config), Names: m.config.Features.Names(len(x)), Shape: []int{len(x)}}
	switch {
	case s.Map != nil:
	case s.Linear != nil:
		linearSHAP(&e, s.Linear.Coef, s.Linear.Intercept, x, s.Mean)
		return e, nil
	case s.Logistic != nil:
		coef, intercept := s.Logistic.Coef[len(s.Logistic.Coef)-1], s.Logistic.Intercept[len(s.Logistic.Coef)-1]
		if len(s.Logistic.Coef) > 1 {
			coef, intercept = append([]float64(nil), coef...), intercept-s.Logistic.Intercept[0]
			floats.Sub(coef, s.Logistic.Coef[0])
		}
		e.Answer = fmt.Sprintf("log odds of %s against %s", m.config.Classes[len(m.config.Classes)-1], m.config.Classes[0])
		linearSHAP(&e, coef, intercept, x, s.Mean)
		return e, nil
	case s.Cox != nil:
		coef := s.Cox.Coef
		if at, err := m.config.stratum(len(x)); err != nil {
			return models.Explanation{}, fmt.Errorf("prognosis: %w", err)
		} else if at >= 0 { // the stratum moves no risk
			coef = slices.Insert(slices.Clone(coef), at, 0)
		}
		linearSHAP(&e, coef, -floats.Dot(s.Cox.Center, s.Cox.Coef), x, s.Mean)
		return e, nil
	case s.Trees != nil:
		if s.Trees.Link != tree.Identity {
			e.Answer = "log odds"
		}
		return e, treeSHAP(&e, s.Trees, x)
	case s.Forest != nil:
		return e, treeSHAP(&e, &s.Forest.Ensemble, x)
	}
	return e, m.sampledSHAP(ctx, &e, x)
}

func linearSHAP(e *models.Explanation, coef []float64, intercept float64, x, mean []float64) {
	e.Method, e.Base, e.Values = "linear shap", intercept+floats.Dot(coef, mean), make([]float64, len(x))
	for j, b := range coef {
		e.Values[j] = b * (x[j] - mean[j])
	}
}

func treeSHAP(e *models.Explanation, trees *tree.Ensemble, x Row) error {
	phi, base, err := trees.SHAP(x)
	if err != nil {
		return fmt.Errorf("prognosis: %w", err)
	}
	last := len(base) - 1
	e.Method, e.Base, e.Values = "tree shap", base[last], phi[last]
	return nil
}

// sampledSHAP walks from background rows to x, one feature at a time in random
// order, and gives each feature the mean of its steps. The steps of a walk add
// up, and so do their means. Each order is also walked backwards, which halves
// the noise.
func (m *Model[Y, A]) sampledSHAP(ctx context.Context, e *models.Explanation, x Row) error {
	random := rand.New(rand.NewPCG(uint64(m.config.Seed), 0x73686170))
	var walk []Row
	var orders [][]int
	for _, from := range m.state.Background {
		order := random.Perm(len(x))
		back := make([]int, len(order))
		for k, j := range order {
			back[len(order)-1-k] = j
		}
		for _, order := range [][]int{order, back} {
			orders = append(orders, order)
			at := append(Row(nil), from...)
			walk = append(walk, append(Row(nil), at...))
			for _, j := range order {
				at[j] = x[j]
				walk = append(walk, append(Row(nil), at...))
			}
		}
	}
	answers, err := m.Predict(ctx, walk)
	if err != nil {
		return err
	}
	e.Method, e.Values = "sampled shapley values", make([]float64, len(x))
	share := 1 / float64(len(orders))
	for w, order := range orders {
		steps := answers[w*(len(x)+1):]
		e.Base += share * m.task.scale(m.config, steps[0])
		for k, j := range order {
			e.Values[j] += share * (m.task.scale(m.config, steps[k+1]) - m.task.scale(m.config, steps[k]))
		}
	}
	return nil
}

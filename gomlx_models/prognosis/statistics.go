package prognosis

import (
	"fmt"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// Estimates returns the coefficients of a fitted linear or Cox model as a paper
// reports them: standard errors, tests, intervals. Of more than two classes they
// are the log odds of the last against the first. Other methods have none.
func (m *Model[Y, A]) Estimates() ([]linear.Estimate, error) {
	if m.state == nil {
		return nil, fmt.Errorf("prognosis: %w", models.ErrNotFitted)
	}
	names := m.config.features(m.state.Columns)
	switch s := m.state; {
	case s.Fourier != nil:
	case s.Linear != nil:
		return s.Linear.Estimates(names), nil
	case s.Logistic != nil:
		return s.Logistic.Estimates(s.Logistic.Classes-1, names), nil
	case s.Cox != nil:
		return s.Cox.Estimates(names), nil
	}
	return nil, fmt.Errorf("prognosis: %s has no coefficients", m.config.Method)
}

// Trees returns the fitted trees, to be drawn, printed as rules or compiled; nil
// for a method without trees.
func (m *Model[Y, A]) Trees() *tree.Ensemble {
	switch {
	case m.state == nil:
		return nil
	case m.state.Forest != nil:
		return &m.state.Forest.Ensemble
	}
	return m.state.Trees
}

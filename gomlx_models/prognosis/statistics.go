package prognosis

import (
	"fmt"
	"math"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/survival"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// Estimates returns the coefficients of a fitted linear or Cox model as a paper
// reports them: standard errors, tests, intervals. Of more than two classes they
// are the log odds of the last against the first. Other methods have none.
//
// Columns that repeat others have no standard errors: code categories without
// their first level (table.CategoryPlan.DropFirst) for a table to publish.
func (m *Model[Y, A]) Estimates() ([]linear.Estimate, error) {
	if m.state == nil {
		return nil, fmt.Errorf("prognosis: %w", models.ErrNotFitted)
	}
	names := m.config.Features.Names(m.state.Columns)
	switch s := m.state; {
	case s.Map != nil:
	case s.Linear != nil:
		return s.Linear.Estimates(names), nil
	case s.Logistic != nil:
		return s.Logistic.Estimates(s.Logistic.Classes-1, names), nil
	case s.Cox != nil:
		return s.Cox.Estimates(s.read(m.config)), nil
	}
	return nil, fmt.Errorf("prognosis: %s has no coefficients", m.config.Method)
}

// Trees returns the fitted trees, to be drawn, printed as rules or compiled (see
// package treegraph); nil for a method without trees.
func (m *Model[Y, A]) Trees() *tree.Ensemble {
	switch {
	case m.state == nil:
		return nil
	case m.state.Forest != nil:
		return &m.state.Forest.Ensemble
	}
	return m.state.Trees
}

// SurvivalForest returns the fitted forest with the curves of its leaves; nil for
// a model that is none.
func (m *Model[Y, A]) SurvivalForest() *tree.SurvivalForest {
	if m.state == nil {
		return nil
	}
	return m.state.Forest
}

// Coefficients shows estimates as a table of a report, which charts draws as a
// forest plot: with exponent, as odds or hazard ratios with their intervals, else
// as they are. The standard error is the coefficient's.
func Coefficients(title string, estimates []linear.Estimate, exponent bool) models.Table {
	t := models.Table{Kind: "coefficients", Title: title, Columns: []string{"variable", "coefficient", "low", "high", "standard error", "p"}}
	if exponent {
		t.Columns[1] = "ratio"
	}
	for _, e := range estimates {
		value, low, high := e.Value, e.Low, e.High
		if exponent {
			value, low, high = math.Exp(value), math.Exp(low), math.Exp(high)
		}
		p := fmt.Sprintf("%.3f", e.P)
		if e.P < 0.001 {
			p = "< 0.001"
		}
		t.Rows = append(t.Rows, []string{e.Name, fmt.Sprintf("%.4g", value), fmt.Sprintf("%.4g", low), fmt.Sprintf("%.4g", high), fmt.Sprintf("%.3g", e.StdErr), p})
	}
	return t
}

// ProportionalHazards tests each column of a fitted Cox model for a hazard ratio
// that changes with time, and all together (named "all", last). train is the rows
// that the model was fitted on. See survival.Cox.Proportional.
func ProportionalHazards(m *Survivor, train Dataset[Outcome]) ([]survival.Test, error) {
	if m.state == nil {
		return nil, fmt.Errorf("prognosis: %w", models.ErrNotFitted)
	}
	if m.state.Cox == nil {
		return nil, fmt.Errorf("prognosis: %s does not assume proportional hazards", m.config.Method)
	}
	if err := m.checkData(train); err != nil {
		return nil, fmt.Errorf("prognosis: %w", err)
	}
	xs, strata, err := m.state.divide(m.config, train.X)
	if err != nil {
		return nil, fmt.Errorf("prognosis: %w", err)
	}
	f := Followup(train.Y)
	tests, err := m.state.Cox.Proportional(linear.Table(xs), f.Time, f.Event, strata, m.state.read(m.config), survival.ByEvents)
	if err != nil {
		return nil, fmt.Errorf("prognosis: %w", err)
	}
	return tests, nil
}

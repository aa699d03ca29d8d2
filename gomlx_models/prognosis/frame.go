package prognosis

import (
	"context"
	"fmt"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// OnFrame returns a model whose inputs are the places of rows in a table. Its Fit
// learns a pipeline from the rows it is given, as plan says, and then the model
// that new makes. Where one would cross-validate with rows that a pipeline made,
// the rows held out have had a part in its medians and scales; here they have none.
// The plan cannot encode categories by the outcome.
func OnFrame[Y, A any](frame *table.Frame, plan table.Plan, cfg Config, new func(Config) *Model[Y, A]) models.Model[int, Y, A] {
	return &onFrame[Y, A]{frame: frame, plan: plan, config: cfg, new: new}
}

type onFrame[Y, A any] struct {
	frame  *table.Frame
	plan   table.Plan
	config Config
	new    func(Config) *Model[Y, A]
	fitted *Model[Y, A] // nil until fitted
}

func (m *onFrame[Y, A]) Fit(ctx context.Context, train models.Dataset[int, Y], watching ...models.Observer) error {
	m.fitted = nil
	frame, err := m.take(train.X)
	if err != nil {
		return err
	}
	pipeline, xs, err := table.Fit(m.plan, frame, nil)
	if err != nil {
		return fmt.Errorf("prognosis: %w", err)
	}
	cfg := m.config
	cfg.Pipeline = pipeline
	fitted := m.new(cfg)
	if err := fitted.Fit(ctx, models.Dataset[Row, Y]{Name: train.Name, X: xs, Y: train.Y, Group: train.Group}, watching...); err != nil {
		return err
	}
	m.fitted = fitted
	return nil
}

func (m *onFrame[Y, A]) Predict(ctx context.Context, rows []int) ([]A, error) {
	if m.fitted == nil {
		return nil, fmt.Errorf("prognosis: %w", models.ErrNotFitted)
	}
	frame, err := m.take(rows)
	if err != nil {
		return nil, err
	}
	return m.fitted.PredictFrame(ctx, frame)
}

func (m *onFrame[Y, A]) Explain(ctx context.Context, row int) (models.Explanation, error) {
	if m.fitted == nil {
		return models.Explanation{}, fmt.Errorf("prognosis: %w", models.ErrNotFitted)
	}
	frame, err := m.take([]int{row})
	if err != nil {
		return models.Explanation{}, err
	}
	xs, err := m.fitted.config.Pipeline.Transform(frame)
	if err != nil {
		return models.Explanation{}, fmt.Errorf("prognosis: %w", err)
	}
	return m.fitted.Explain(ctx, xs[0])
}

func (m *onFrame[Y, A]) take(rows []int) (*table.Frame, error) {
	for _, r := range rows {
		if r < 0 || r >= m.frame.Rows() {
			return nil, fmt.Errorf("prognosis: there is no row %d in a table of %d", r, m.frame.Rows())
		}
	}
	return m.frame.Take(rows), nil
}

package treatment

import (
	"context"
	"fmt"
	"math"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment/causal"
)

// Dosed is how much of something a patient got, and what came of it.
type Dosed struct {
	Dose  float64 `json:"dose"`
	Value float64 `json:"value"`
}

// DoseResponse returns a causal forest of how the outcome changes for one more unit
// of a dose: what patients' columns say of dose and outcome is learnt on other folds
// (n.Outcome is the regressor of both) and taken off first. The effect is that of a
// small change near the doses that patients like this one got.
//
// A dose that doctors raise until the outcome is right has no effect that could be
// seen: for such data see Doser.
func DoseResponse(ctx context.Context, d models.Dataset[Row, Dosed], n Nuisance, cfg causal.Config) (*causal.Forest, error) {
	forest, err := doseResponse(ctx, d, n.withDefaults(), cfg)
	if err != nil {
		return nil, fmt.Errorf("treatment: dose response: %w", err)
	}
	return forest, nil
}

func doseResponse(ctx context.Context, d models.Dataset[Row, Dosed], n Nuisance, cfg causal.Config) (*causal.Forest, error) {
	if len(d.Y) != d.Len() {
		return nil, fmt.Errorf("%d rows and %d outcomes: every row needs one", d.Len(), len(d.Y))
	}
	dose, value := make([]float64, d.Len()), make([]float64, d.Len())
	for i, y := range d.Y {
		if math.IsNaN(y.Dose+y.Value) || math.IsInf(y.Dose+y.Value, 0) {
			return nil, fmt.Errorf("row %d: dose %v, outcome %v: leave such rows out", i, y.Dose, y.Value)
		}
		dose[i], value[i] = y.Dose, y.Value
	}
	folds, err := table.KFold(d.Len(), n.Folds, table.SplitOptions{Group: d.Group, Seed: cfg.Seed})
	if err != nil {
		return nil, err
	}
	n.Outcome.Seed, n.Outcome.Trees.Categorical, n.Outcome.Boost.Categorical = cfg.Seed, cfg.Categorical, cfg.Categorical
	// residuals takes off y what the columns say of it.
	residuals := func(y []float64) ([]float64, error) {
		out := make([]float64, len(y))
		for _, fold := range folds {
			m := prognosis.NewRegressor(n.Outcome)
			if err := m.Fit(ctx, prognosis.Dataset[float64]{X: pick.Rows(d.X, fold.Train), Y: pick.Rows(y, fold.Train)}); err != nil {
				return nil, err
			}
			expected, err := m.Predict(ctx, pick.Rows(d.X, fold.Test))
			if err != nil {
				return nil, err
			}
			for i, r := range fold.Test {
				out[r] = y[r] - expected[i]
			}
		}
		return out, nil
	}
	w, err := residuals(dose)
	if err != nil {
		return nil, fmt.Errorf("dose: %w", err)
	}
	y, err := residuals(value)
	if err != nil {
		return nil, fmt.Errorf("outcome: %w", err)
	}
	cfg.Group = d.Group
	return causal.Grow(ctx, d.X, w, y, cfg)
}

package prognosis

import (
	"context"
	"fmt"
	"math"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/svm"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// values is the task of predicting a number.
var values = task[float64, float64]{
	kind: "prognosis of a value",
	check: func(_ Config, row int, y float64) error {
		if math.IsNaN(y) || math.IsInf(y, 0) {
			return fmt.Errorf("the outcome of row %d is %v: leave such rows out", row, y)
		}
		return nil
	},
	fit:    fitValues,
	answer: predictValues,
	scale:  func(_ Config, a float64) float64 { return a },
	mean:   meanValue,
	of:     func(Config) string { return "value" },
}

func fitValues(ctx context.Context, cfg Config, s *state, d models.Dataset[Row, float64], watching []models.Observer) (err error) {
	switch cfg.Method {
	case Linear:
		s.Linear, err = linear.Fit(linear.Table(d.X), d.Y, nil, cfg.Linear)
	case SVM:
		s.Machine, err = svm.FitRegressor(ctx, s.standard(d.X), d.Y, cfg.SVM, heard(watching))
	case RandomFourier, Nystrom:
		z, zerr := s.mapped(ctx, cfg, d.X)
		if zerr != nil {
			return zerr
		}
		s.Linear, err = linear.Fit(z, d.Y, nil, cfg.Fourier.penalty(cfg.Linear, len(d.X)))
	case Tree, Forest, Extra:
		t := cfg.trees()
		t.Progress = told(watching)
		s.Trees, err = tree.Regress(ctx, d.X, d.Y, t)
	case Boosting:
		b := cfg.boost()
		b.Progress = told(watching)
		s.Trees, err = tree.BoostNumbers(ctx, d.X, d.Y, b)
	default:
		err = cfg.unknown(Linear, SVM, RandomFourier, Nystrom, Tree, Forest, Extra, Boosting, Mean)
	}
	return err
}

func predictValues(ctx context.Context, _ Config, s *state, xs []Row) ([]float64, error) {
	switch {
	case s.Map != nil:
		z, err := s.Map.apply(ctx, s.standard(xs))
		if err != nil {
			return nil, err
		}
		return s.Linear.Predict(z), nil
	case s.Linear != nil:
		return s.Linear.Predict(linear.Table(xs)), nil
	case s.Machine != nil:
		return s.Machine.Decide(s.standard(xs)), nil
	}
	answers, err := s.Trees.Predict(xs)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(xs))
	for i, a := range answers {
		out[i] = a[0]
	}
	return out, nil
}

package prognosis

import (
	"context"
	"fmt"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/svm"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// classes is the task of telling classes apart.
var classes = task[int, []float64]{
	kind: "prognosis of a class",
	check: func(cfg Config, row, y int) error {
		if len(cfg.Classes) < 2 {
			return fmt.Errorf("Config.Classes names %d classes: name two or more", len(cfg.Classes))
		}
		if y < 0 || y >= len(cfg.Classes) {
			return fmt.Errorf("row %d has class %d, and Config.Classes names %d", row, y, len(cfg.Classes))
		}
		return nil
	},
	fit:    fitClasses,
	answer: predictClasses,
	// Explanations are of the last class: "malignant" of benign and malignant.
	scale: func(_ Config, p []float64) float64 { return p[len(p)-1] },
	mean:  meanChances,
	of:    func(cfg Config) string { return "probability of " + cfg.Classes[len(cfg.Classes)-1] },
}

func fitClasses(ctx context.Context, cfg Config, s *state, d models.Dataset[Row, int], watching []models.Observer) (err error) {
	k := len(cfg.Classes)
	switch cfg.Method {
	case Linear:
		s.Logistic, err = linear.FitLogistic(linear.Table(d.X), d.Y, k, nil, cfg.Linear)
	case SVM:
		c := cfg.SVM
		c.Seed, c.Group = cfg.Seed, d.Group
		s.Classifier, err = svm.FitClassifier(ctx, s.standard(d.X), d.Y, k, c, heard(watching))
	case RandomFourier, Nystrom:
		z, zerr := s.mapped(ctx, cfg, d.X)
		if zerr != nil {
			return zerr
		}
		s.Logistic, err = linear.FitLogistic(z, d.Y, k, nil, cfg.Fourier.penalty(cfg.Linear, len(d.X)))
	case Tree, Forest, Extra:
		t := cfg.trees()
		t.Progress = told(watching)
		s.Trees, err = tree.Classify(ctx, d.X, d.Y, k, t)
	case Boosting:
		b := cfg.boost()
		b.Progress = told(watching)
		s.Trees, err = tree.BoostClasses(ctx, d.X, d.Y, k, b)
	default:
		err = cfg.unknown(Linear, SVM, RandomFourier, Nystrom, Tree, Forest, Extra, Boosting, Mean)
	}
	return err
}

func predictClasses(ctx context.Context, _ Config, s *state, xs []Row) ([][]float64, error) {
	switch {
	case s.Map != nil:
		z, err := s.Map.apply(ctx, s.standard(xs))
		if err != nil {
			return nil, err
		}
		return s.Logistic.Predict(z), nil
	case s.Logistic != nil:
		return s.Logistic.Predict(linear.Table(xs)), nil
	case s.Classifier != nil:
		return s.Classifier.Predict(s.standard(xs)), nil
	}
	return s.Trees.Predict(xs)
}

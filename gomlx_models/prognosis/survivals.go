package prognosis

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// Curve is what a survival model says of one patient.
type Curve struct {
	Risk     float64   // higher means an earlier event; a log hazard for Cox and DeepSurv, else the model's own scale
	Time     []float64 // rising; shared by all curves of a model
	Survival []float64 // chance to be free of the event after each time
}

// At returns the chance to be free of the event after time t: that of the last
// time not after t, and 1 before the first.
func (c Curve) At(t float64) float64 {
	i := sort.Search(len(c.Time), func(i int) bool { return c.Time[i] > t })
	if i == 0 {
		return 1
	}
	return c.Survival[i-1]
}

// survivals is the task of predicting the time to an event.
var survivals = task[Outcome, Curve]{
	kind: "prognosis of survival",
	check: func(_ Config, row int, y Outcome) error {
		if !(y.Time >= 0) || math.IsInf(y.Time, 0) {
			return fmt.Errorf("the time of row %d is %v: times are finite and not negative", row, y.Time)
		}
		return nil
	},
	fit:    fitSurvival,
	answer: predictSurvival,
	scale:  func(_ Config, c Curve) float64 { return c.Risk },
	mean:   meanCurve,
	of: func(cfg Config) string {
		if cfg.Method == Cox || cfg.Method == DeepSurv {
			return "log hazard"
		}
		return "risk"
	},
}

// Followup splits outcomes into what package score takes.
func Followup(ys []Outcome) score.Followup {
	f := score.Followup{Time: make([]float64, len(ys)), Event: make([]bool, len(ys))}
	for i, y := range ys {
		f.Time[i], f.Event[i] = y.Time, y.Event
	}
	return f
}

func fitSurvival(ctx context.Context, cfg Config, s *state, d models.Dataset[Row, Outcome], watching []models.Observer) (err error) {
	if !slices.ContainsFunc(d.Y, func(y Outcome) bool { return y.Event }) {
		return errors.New("no row has the event: there is nothing to learn")
	}
	y := Followup(d.Y)
	switch cfg.Method {
	case Cox:
		err = fitCox(cfg, s, d)
	case Forest, Extra:
		t := cfg.trees()
		t.Progress = told(watching)
		s.Forest, err = tree.Survive(ctx, d.X, y, t)
	case DeepSurv:
		err = fitDeepSurv(ctx, cfg, s, d, watching)
	case Hazard:
		err = fitHazard(ctx, cfg, s, d, watching)
	default:
		err = cfg.unknown(Cox, Forest, Extra, DeepSurv, Hazard, Mean)
	}
	return err
}

func predictSurvival(ctx context.Context, cfg Config, s *state, xs []Row) ([]Curve, error) {
	out := make([]Curve, len(xs))
	switch {
	case s.Forest != nil:
		risk, err := s.Forest.Predict(xs)
		if err != nil {
			return nil, err
		}
		curves, err := s.Forest.Survival(xs)
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i] = Curve{Risk: risk[i][0], Time: s.Forest.Times, Survival: curves[i]}
		}
		return out, nil
	case cfg.Method == Hazard:
		return predictHazard(ctx, s, xs)
	}
	if s.Cox != nil {
		return predictCox(ctx, cfg, s, xs)
	}
	risk, err := s.network.Predict(ctx, s.source(xs, nil))
	if err != nil {
		return nil, err
	}
	for i, log := range risk {
		r := float64(log)
		out[i] = Curve{Risk: r, Time: s.Baseline.Time, Survival: make([]float64, len(s.Baseline.Time))}
		for k, h := range s.Baseline.Value {
			out[i].Survival[k] = math.Exp(-h * math.Exp(r))
		}
	}
	return out, nil
}

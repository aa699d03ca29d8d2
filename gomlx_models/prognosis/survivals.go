package prognosis

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sort"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/parallel"
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
		out := make([]Curve, len(xs))
		for i := range out {
			out[i] = Curve{Risk: risk[i][0], Time: s.Forest.Times, Survival: curves[i]}
		}
		return out, nil
	case cfg.Method == Hazard:
		return predictHazard(ctx, s, xs)
	case s.Cox != nil:
		return predictCox(ctx, cfg, s, xs)
	}
	risk, err := s.logHazards(ctx, xs)
	if err != nil {
		return nil, err
	}
	return proportional(risk, s.Baseline.Time, func(int) []float64 { return s.Baseline.Value }), nil
}

// proportional returns the curves of rows whose log hazard is risk, given the
// cumulative hazard at log hazard 0 of each at those times.
func proportional(risk, times []float64, hazard func(row int) []float64) []Curve {
	out := make([]Curve, len(risk))
	free := make([]float64, len(risk)*len(times))
	parallel.Each(len(risk), runtime.GOMAXPROCS(0), func(i int) {
		c := Curve{Risk: risk[i], Time: times, Survival: free[i*len(times) : (i+1)*len(times) : (i+1)*len(times)]}
		ratio := math.Exp(risk[i])
		for k, h := range hazard(i) {
			c.Survival[k] = math.Exp(-h * ratio)
		}
		out[i] = c
	})
	return out
}

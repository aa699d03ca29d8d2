package tree

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/assay-ml/assay/gomlx_models/internal/parallel"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// SurvivalForest predicts the time to an event. As an Ensemble it answers with
// the expected number of events, a risk that orders rows; Survival and Hazard
// give the curves. Ishwaran et al., Annals of Applied Statistics 2 (2008), 841.
type SurvivalForest struct {
	Ensemble
	Times  []float64         `json:"times"`  // of events in training, ascending
	Curves []map[int32]Curve `json:"curves"` // of each tree's leaves, by node
}

// Survive learns survival from rows and their follow-up, splitting by the
// log-rank statistic. It is an error if no row has the event.
func Survive(ctx context.Context, x [][]float64, y score.Followup, c Config) (*SurvivalForest, error) {
	if err := c.check(x, len(y.Time)); err != nil {
		return nil, err
	}
	if len(y.Event) != len(y.Time) {
		return nil, fmt.Errorf("there are %d times but %d event marks", len(y.Time), len(y.Event))
	}
	if c.Prune > 0 {
		return nil, errors.New("a survival tree has no impurity to prune by: limit MinLeaf or MaxDepth")
	}
	if c.MinLeaf == 0 {
		c.MinLeaf = 15
	}
	f := &SurvivalForest{}
	for i, t := range y.Time {
		if math.IsNaN(t) || math.IsInf(t, 0) || t < 0 {
			return nil, fmt.Errorf("row %d: time %v must be finite and not negative", i, t)
		}
		if y.Event[i] {
			f.Times = append(f.Times, t)
		}
	}
	slices.Sort(f.Times)
	f.Times = slices.Compact(f.Times)
	if len(f.Times) == 0 {
		return nil, errors.New("no row has the event: there is nothing to learn survival from")
	}
	d, err := NewData(x, c.Categorical, c.threads())
	if err != nil {
		return nil, err
	}
	f.Ensemble = Ensemble{Outputs: 1, Base: []float64{0}, Mean: true, Features: d.Features()}
	hazard := func(weight []float64) *Hazard {
		return &Hazard{Time: y.Time, Event: y.Event, Weight: weight, Times: f.Times}
	}
	f.Curves = make([]map[int32]Curve, c.trees())
	bag := newBag(c)
	f.Trees, err = c.grow(ctx, d, true, func(weight []float64) Criterion { return hazard(weight) }, func(k int, g grown) {
		bag.note(k, g)
		h := hazard(g.weight)
		leaves := g.leaves()
		f.Curves[k] = make(map[int32]Curve, len(leaves))
		for _, leaf := range leaves {
			f.Curves[k][int32(leaf.Node)] = h.curve(leaf.Rows)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("growing trees: %w", err)
	}
	if f.OOB = bag.outOf(&f.Ensemble, x); f.OOB != nil {
		rows, risk := f.OOB.judged()
		f.OOB.Score = score.Concordance(score.Followup{Time: pick.Rows(y.Time, rows), Event: pick.Rows(y.Event, rows)}, risk)
	}
	return f, nil
}

// Survival returns the chance of being free of the event after each of Times:
// the mean over trees of the product limit in each row's leaf.
func (f *SurvivalForest) Survival(xs [][]float64) ([][]float64, error) {
	return f.curves(xs, 1, func(sum []float64, c Curve) {
		free := 1.0
		for k, at := range c.At {
			sum[at] -= free * c.Rise[k]
			free *= 1 - c.Rise[k]
		}
	})
}

// Hazard returns the cumulative hazard at each of Times: the mean over trees of
// Nelson and Aalen's estimate in each row's leaf.
func (f *SurvivalForest) Hazard(xs [][]float64) ([][]float64, error) {
	return f.curves(xs, 0, func(sum []float64, c Curve) {
		for k, at := range c.At {
			sum[at] += c.Rise[k]
		}
	})
}

// curves adds up the steps of every row's leaves, from start.
func (f *SurvivalForest) curves(xs [][]float64, start float64, add func(sum []float64, c Curve)) ([][]float64, error) {
	if err := f.check(xs); err != nil {
		return nil, err
	}
	out := make([][]float64, len(xs))
	parallel.Each(len(xs), runtime.GOMAXPROCS(0), func(i int) {
		sum := make([]float64, len(f.Times))
		for k, t := range f.Trees {
			add(sum, f.Curves[k][int32(t.Leaf(xs[i]))])
		}
		level := 0.0
		for k, step := range sum {
			level += step
			sum[k] = start + level/float64(len(f.Trees))
			if start == 1 { // rounding must not leave the range of a probability
				sum[k] = min(1, max(0, sum[k]))
			}
		}
		out[i] = sum
	})
	return out, nil
}

// At picks from a curve over Times its values at other times, in any order; a
// time before the first has the value before.
func (f *SurvivalForest) At(curve, times []float64, before float64) []float64 {
	values := make([]float64, len(times))
	for i, t := range times {
		k, found := slices.BinarySearch(f.Times, t)
		switch {
		case found:
			values[i] = curve[k]
		case k == 0:
			values[i] = before
		default:
			values[i] = curve[k-1]
		}
	}
	return values
}

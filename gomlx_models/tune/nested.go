package tune

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Outer is one outer fold of a nested cross-validation: the candidate that the
// search chose on the other folds, fitted to them, and how it did on this one.
type Outer[A, C any] struct {
	Rows    []int // of this fold, ascending
	Chosen  Candidate[C]
	Answers []A     // to those rows
	Inner   float64 // the score that the candidate was chosen for
	Score   float64 // on this fold: what is to be believed
}

// Nested repeats the search on the rows outside each of so many folds and judges
// its choice on the fold. The mean Score is an honest estimate of how well a
// model does that is tuned so; Inner is not. Candidates are not recorded.
//
// Cawley and Talbot, JMLR 11 (2010), 2079.
func (s Search[X, Y, A, C]) Nested(ctx context.Context, d models.Dataset[X, Y], folds int) ([]Outer[A, C], error) {
	outer, err := s.deal(d, folds)
	if err != nil {
		return nil, fmt.Errorf("tune: outer folds: %w", err)
	}
	out := make([]Outer[A, C], len(outer))
	for i, fold := range outer {
		train := d.Take(fold.Train)
		best, results, err := s.best(ctx, train, nil)
		if err != nil {
			return nil, fmt.Errorf("tune: outer fold %d: %w", i+1, err)
		}
		o := Outer[A, C]{Rows: fold.Test, Chosen: best, Inner: ranked(results)[0].Mean}
		if o.Answers, o.Score, err = s.judge(ctx, best.Config, train, d.Take(fold.Test)); err != nil {
			return nil, fmt.Errorf("tune: outer fold %d: %s: %w", i+1, best.Name, err)
		}
		out[i] = o
	}
	return out, nil
}

// ranked returns the results, the best first, those that failed last.
func ranked[C any](results []Result[C]) []Result[C] {
	out := slices.Clone(results)
	last := func(r Result[C]) float64 {
		if r.Err != nil {
			return math.Inf(1)
		}
		return -r.Mean
	}
	slices.SortStableFunc(out, func(a, b Result[C]) int { return cmp.Compare(last(a), last(b)) })
	return out
}

package compare

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/tree"
	"github.com/assay-ml/assay/store"
)

// Importance is how much each of some params tells of a metric, all others at
// hand: what shuffling the param among the runs costs a random forest.
type Importance struct {
	Runs   int             // that the forest was grown on, the latest
	R2     float64         // of the forest, of runs that it has not seen
	Params []models.Metric // R² lost by shuffling each, with the middle 95 % of repeats
}

const (
	importanceFewest = 10  // runs
	importanceMost   = 500 // runs, the latest: a page is not to wait
)

// importanceOf grows forests on the params of runs to predict results. Each run
// is answered by a forest that has not seen it (five parts, each left out once),
// so a param that merely numbers the runs tells nothing. Text is a category. A
// param that a run lacks is a missing value. It is nil of too few runs.
func importanceOf(ctx context.Context, runs []store.Run, names []string, result func(store.Run) float64) (*Importance, error) {
	runs = slices.SortedStableFunc(slices.Values(runs), func(a, b store.Run) int { return b.Started.Compare(a.Started) })
	runs = runs[:min(len(runs), importanceMost)]
	if len(runs) < importanceFewest || len(names) == 0 {
		return nil, nil
	}
	const parts, seed = 5, 1
	xs, categorical := features(runs, names)
	ys := make([]float64, len(runs))
	for i, run := range runs {
		ys[i] = result(run)
	}
	order := rand.New(rand.NewPCG(seed, 0)).Perm(len(runs))
	forests := make([]*tree.Ensemble, parts)
	for part := range forests {
		var trainX [][]float64
		var trainY []float64
		for k, i := range order {
			if k%parts != part {
				trainX, trainY = append(trainX, xs[i]), append(trainY, ys[i])
			}
		}
		var err error
		forests[part], err = tree.Regress(ctx, trainX, trainY, tree.Config{Trees: 50, MinLeaf: 2, Categorical: categorical, Seed: seed})
		if err != nil {
			return nil, err
		}
	}
	r2 := func(xs [][]float64) (float64, error) {
		predicted := make([]float64, len(xs))
		for part, forest := range forests {
			var left [][]float64
			for k := part; k < len(order); k += parts {
				left = append(left, xs[order[k]])
			}
			answers, err := forest.Predict(left)
			if err != nil {
				return math.NaN(), err
			}
			for k, answer := range answers {
				predicted[order[part+k*parts]] = answer[0]
			}
		}
		return score.R2(ys, predicted), nil
	}
	found := Importance{Runs: len(runs)}
	var err error
	if found.R2, err = r2(xs); err != nil {
		return nil, err
	}
	const repeats = 10
	if found.Params, err = score.Permutation(xs, names, r2, repeats, seed); err != nil {
		return nil, err
	}
	slices.SortStableFunc(found.Params, func(a, b models.Metric) int { return cmp.Compare(b.Value, a.Value) })
	return &found, nil
}

// features returns the params of runs as rows for a tree, and which of them are
// codes of categories.
func features(runs []store.Run, names []string) (xs [][]float64, categorical []bool) {
	const mostCategories = 254 // later ones share a code
	xs = make([][]float64, len(runs))
	for i := range xs {
		xs[i] = make([]float64, len(names))
	}
	categorical = make([]bool, len(names))
	for j, name := range names {
		categorical[j] = !numeric(runs, name)
		codes := map[string]int{}
		for i, run := range runs {
			value, ok := run.Params[name]
			number, isNumber := numberOf(value)
			switch {
			case !ok:
				xs[i][j] = math.NaN()
			case !categorical[j] && isNumber:
				xs[i][j] = number
			default:
				text := ValueText(value)
				if _, known := codes[text]; !known {
					codes[text] = min(len(codes), mostCategories)
				}
				xs[i][j] = float64(codes[text])
			}
		}
	}
	return xs, categorical
}

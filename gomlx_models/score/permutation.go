package score

import (
	"fmt"
	"math/rand/v2"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/quantile"
)

// Permutation returns, for each feature, how much worse a model scores when that
// feature's values are shuffled among the rows: the mean over repeats and the
// range of their middle 95 %. value judges predictions made from xs, higher being
// better; it is called 1 + features × repeats times. Breiman, Machine Learning 45
// (2001), 5.
//
// Features that say the same share their importance: each alone may look
// useless. names nil means "0", "1" …
func Permutation(xs [][]float64, names []string, value func(xs [][]float64) (float64, error), repeats int, seed int64) ([]models.Metric, error) {
	if len(xs) == 0 {
		return nil, ErrNoRows
	}
	if repeats < 1 {
		return nil, fmt.Errorf("permutation importance needs at least one repeat, not %d", repeats)
	}
	whole, err := value(xs)
	if err != nil {
		return nil, err
	}
	shuffled := make([][]float64, len(xs))
	for i, x := range xs {
		shuffled[i] = append([]float64(nil), x...)
	}
	importance := make([]models.Metric, len(xs[0]))
	for f := range importance {
		lost := make([]float64, repeats)
		for r := range lost {
			order := rand.New(rand.NewPCG(uint64(seed), uint64(f*repeats+r))).Perm(len(xs))
			for i, from := range order {
				shuffled[i][f] = xs[from][f]
			}
			without, err := value(shuffled)
			if err != nil {
				return nil, err
			}
			lost[r] = whole - without
		}
		for i, x := range xs {
			shuffled[i][f] = x[f]
		}
		name := fmt.Sprint(f)
		if f < len(names) {
			name = names[f]
		}
		lost = sorted(lost)
		importance[f] = models.Metric{
			Name: name, Value: models.Number(mean(lost)),
			Low: models.Number(quantile.Of(lost, 0.025)), High: models.Number(quantile.Of(lost, 0.975)),
		}
	}
	return importance, nil
}

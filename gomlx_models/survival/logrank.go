package survival

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

// Test is a χ² test. P is NaN if there is nothing to test: Freedom is 0.
type Test struct {
	Name      string
	Statistic float64
	Freedom   int
	P         float64
}

func chiSquared(name string, statistic float64, freedom int) Test {
	p := math.NaN()
	if freedom > 0 {
		p = distuv.ChiSquared{K: float64(freedom)}.Survival(statistic)
	}
	return Test{Name: name, Statistic: statistic, Freedom: freedom, P: p}
}

// LogRank tests whether groups 0 … k−1 have one survival curve. observed and
// expected are the events of each group, as they came and as they would be if
// the curves were one. The variance is the hypergeometric one, as in R's survdiff.
func LogRank(time []float64, event []bool, group []int) (test Test, observed, expected []float64, err error) {
	if err := check(time, event); err != nil {
		return Test{}, nil, nil, err
	}
	if len(group) != len(time) {
		return Test{}, nil, nil, fmt.Errorf("%d rows and %d groups: every row needs one", len(time), len(group))
	}
	k := 0
	for i, g := range group {
		if g < 0 {
			return Test{}, nil, nil, fmt.Errorf("row %d is in group %d: groups count from 0", i, g)
		}
		k = max(k, g+1)
	}
	if k < 2 {
		return Test{}, nil, nil, fmt.Errorf("there is one group: a log-rank test compares two or more")
	}
	risk := make([]float64, k)
	for _, g := range group {
		risk[g]++
	}
	for g, n := range risk {
		if n == 0 {
			return Test{}, nil, nil, fmt.Errorf("group %d of %d has no rows", g, k)
		}
	}
	if !slices.Contains(event, true) {
		return Test{}, nil, nil, errors.New("no row has an event: there is nothing to compare")
	}
	observed, expected = make([]float64, k), make([]float64, k)
	variance := mat.NewSymDense(k, nil)
	for _, m := range moments(time, event, pick.All(len(time))) {
		n, d := float64(m.risk), float64(m.events)
		for a := range k {
			expected[a] += d * risk[a] / n
			if n < 2 {
				continue
			}
			for b := a; b < k; b++ {
				v := -risk[b] / n
				if a == b {
					v++
				}
				variance.SetSym(a, b, variance.At(a, b)+d*(n-d)/(n-1)*risk[a]/n*v)
			}
		}
		for _, i := range m.rows {
			risk[group[i]]--
			if event[i] {
				observed[group[i]]++
			}
		}
	}
	// Differences sum to zero, so that one group says nothing new.
	inner := variance.SliceSym(0, k-1)
	difference := mat.NewVecDense(k-1, nil)
	for a := range k - 1 {
		difference.SetVec(a, observed[a]-expected[a])
	}
	var solved mat.VecDense
	if err := solved.SolveVec(inner, difference); err != nil {
		return Test{}, observed, expected, fmt.Errorf("a group has nobody at risk when events happen: the groups can't be compared")
	}
	return chiSquared("log-rank", math.Max(0, mat.Dot(difference, &solved)), k-1), observed, expected, nil
}

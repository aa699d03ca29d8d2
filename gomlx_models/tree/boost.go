package tree

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/assay-ml/assay/gomlx_models/internal/parallel"
	"github.com/assay-ml/assay/gomlx_models/internal/probability"
)

// BoostConfig describes gradient boosting: small trees, each grown on what the
// sum of those before it gets wrong. The zero value is 100 rounds of depth 3 at
// rate 0.1. Friedman, Annals of Statistics 29 (2001), 1189, with the second-order
// leaf values of Chen and Guestrin, KDD 2016.
type BoostConfig struct {
	Rounds      int     `json:"rounds"`       // 0 means 100; a round has a tree a class if there are more than two
	Rate        float64 `json:"rate"`         // learning rate; 0 means 0.1
	MaxDepth    int     `json:"max_depth"`    // 0 means 3
	MinLeaf     int     `json:"min_leaf"`     // rows in a leaf; 0 means 1
	MaxFeatures int     `json:"max_features"` // tried at each split; 0 means all
	Subsample   float64 `json:"subsample"`    // share of rows drawn for each tree; 0 means all
	Lambda      float64 `json:"lambda"`       // shrinks leaf values
	Patience    int     `json:"patience"`     // rounds without a better score on Valid before stopping; 0 means 10
	Seed        int64   `json:"seed"`

	Threads     int       `json:"-"` // 0 means all processors; the result is the same
	Categorical []bool    `json:"-"` // features that hold category codes; nil means none
	Weight      []float64 `json:"-"` // of every row; nil means 1

	// Valid, if set, judges the answers for ValidX after every round, lower
	// being better; the ensemble keeps the rounds up to the best. NaN is an error.
	ValidX [][]float64                      `json:"-"`
	Valid  func(answer [][]float64) float64 `json:"-"`
	// Progress, if set, is told of every round. An error stops.
	Progress func(done, planned int) error `json:"-"`
}

// BoostClasses boosts probabilities of classes, by log loss.
func BoostClasses(ctx context.Context, x [][]float64, y []int, classes int, c BoostConfig) (*Ensemble, error) {
	if err := checkRows(x, len(y), c.Weight); err != nil {
		return nil, err
	}
	if err := checkClasses(y, classes); err != nil {
		return nil, err
	}
	share := make([]float64, classes)
	var total float64
	for i, k := range y {
		w := c.weight(i)
		share[k] += w
		total += w
	}
	if classes == 2 {
		e := &Ensemble{Outputs: 1, Link: Logistic, Base: []float64{math.Log(share[1] / share[0])}}
		return c.boost(ctx, x, e, func(i int, raw, gradient, hessian []float64) {
			p := probability.Logistic(raw[0])
			gradient[0], hessian[0] = p-float64(y[i]), p*(1-p)
		})
	}
	e := &Ensemble{Outputs: classes, Link: Softmax}
	for k := range classes {
		// A class without rows starts, and stays, next to impossible.
		e.Base = append(e.Base, math.Log(max(share[k]/total, 1e-12)))
	}
	return c.boost(ctx, x, e, func(i int, raw, gradient, hessian []float64) {
		for k, p := range probability.Softmax(slices.Clone(raw)) {
			gradient[k], hessian[k] = p, p*(1-p)
		}
		gradient[y[i]]--
	})
}

// BoostNumbers boosts predictions of a number, by squared error.
func BoostNumbers(ctx context.Context, x [][]float64, y []float64, c BoostConfig) (*Ensemble, error) {
	if err := checkRows(x, len(y), c.Weight); err != nil {
		return nil, err
	}
	if err := checkNumbers(y); err != nil {
		return nil, err
	}
	var mean, total float64
	for i, v := range y {
		mean += c.weight(i) * v
		total += c.weight(i)
	}
	e := &Ensemble{Outputs: 1, Base: []float64{mean / total}}
	return c.boost(ctx, x, e, func(i int, raw, gradient, hessian []float64) {
		gradient[0], hessian[0] = raw[0]-y[i], 1
	})
}

func (c BoostConfig) weight(i int) float64 {
	if c.Weight == nil {
		return 1
	}
	return c.Weight[i]
}

// boost adds trees to e. loss writes the gradient and hessian of row i's loss by
// its raw sums.
func (c BoostConfig) boost(ctx context.Context, x [][]float64, e *Ensemble, loss func(i int, raw, gradient, hessian []float64)) (*Ensemble, error) {
	threads := c.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	if !(c.Subsample >= 0 && c.Subsample <= 1 && c.Rate >= 0 && c.Lambda >= 0) || min(c.Rounds, c.MaxDepth, c.MinLeaf, c.Patience) < 0 {
		return nil, errors.New("the subsample must lie between 0 and 1; rounds, rate, lambda, depth, leaf size and patience must not be negative")
	}
	d, err := NewData(x, c.Categorical, threads)
	if err != nil {
		return nil, err
	}
	e.Features = d.Features()
	if err := e.check(c.ValidX); err != nil {
		return nil, fmt.Errorf("validation rows: %w", err)
	}
	rounds, rate, patience := c.Rounds, c.Rate, c.Patience
	if rounds == 0 {
		rounds = 100
	}
	if rate == 0 {
		rate = 0.1
	}
	if patience == 0 {
		patience = 10
	}
	limit := Limits{MaxDepth: c.MaxDepth, MinLeaf: c.MinLeaf, MaxFeatures: c.MaxFeatures, Threads: threads}
	if limit.MaxDepth == 0 {
		limit.MaxDepth = 3
	}
	n, outputs := len(x), e.Outputs
	raw, validRaw := repeat(e.Base, n), repeat(e.Base, len(c.ValidX))
	target, weight := repeat(make([]float64, n), outputs), repeat(make([]float64, n), outputs)
	growths := make([]*growth, outputs)
	for k := range growths {
		growths[k] = newGrowth(d, &Response{Y: target[k], Weight: weight[k], Lambda: c.Lambda}, limit)
	}
	rows := make([]int32, 0, n)
	random := rand.New(rand.NewPCG(uint64(c.Seed), 0))
	report := newProgress(ctx, rounds, c.Progress)
	best, bestRound := math.Inf(1), 0
	for round := 1; round <= rounds && !report.stopped(); round++ {
		parallel.Each(threads, threads, func(part int) {
			gradient, hessian := make([]float64, outputs), make([]float64, outputs)
			for i := part * n / threads; i < (part+1)*n/threads; i++ {
				loss(i, raw[i], gradient, hessian)
				for k := range outputs {
					h := max(hessian[k], 1e-16)
					target[k][i], weight[k][i] = -gradient[k]/h, h*c.weight(i)
				}
			}
		})
		for k := range outputs {
			rows = c.draw(rows[:0], n, random)
			t := growths[k].grow(rows, random)
			t.Output = k
			for v := range t.Values {
				t.Values[v] *= rate
			}
			e.Trees = append(e.Trees, t)
			if len(rows) == n { // every row is in one of the leaves
				for _, leaf := range growths[k].leaves(t, rows) {
					for _, i := range leaf.Rows {
						raw[i][k] += t.Values[leaf.Node]
					}
				}
			} else {
				t.addTo(raw, k, x, threads)
			}
			t.addTo(validRaw, k, c.ValidX, threads)
		}
		report.one()
		if c.Valid == nil {
			continue
		}
		answers := make([][]float64, len(validRaw))
		for i, r := range validRaw {
			answers[i] = e.Link.answer(slices.Clone(r))
		}
		s := c.Valid(answers)
		if math.IsNaN(s) {
			return nil, fmt.Errorf("boosting: the validation rows score NaN after round %d: are there too few, or none of a class?", round)
		}
		if s < best || bestRound == 0 {
			best, bestRound = s, round
		} else if round-bestRound >= patience {
			break
		}
	}
	if err := report.err(); err != nil {
		return nil, fmt.Errorf("boosting: %w", err)
	}
	if c.Valid != nil {
		e.Trees = slices.Clip(e.Trees[:bestRound*outputs])
	}
	return e, nil
}

// addTo adds the tree's answers for rows to their k-th sums.
func (t *Tree) addTo(raw [][]float64, k int, x [][]float64, threads int) {
	parallel.Each(threads, threads, func(part int) {
		from, to := part*len(x)/threads, (part+1)*len(x)/threads
		leaves := make([]int32, to-from)
		t.fall(x[from:to], leaves)
		for i, leaf := range leaves {
			raw[from+i][k] += t.Values[leaf]
		}
	})
}

// draw appends the rows of the next tree, in ascending order.
func (c BoostConfig) draw(rows []int32, n int, random *rand.Rand) []int32 {
	left := n
	if c.Subsample > 0 {
		left = max(1, int(c.Subsample*float64(n)))
	}
	for i := range n {
		if left == n-i || random.Float64()*float64(n-i) < float64(left) {
			rows = append(rows, int32(i))
			left--
		}
	}
	return rows
}

// repeat returns n copies of row.
func repeat(row []float64, n int) [][]float64 {
	rows, all := make([][]float64, n), slices.Repeat(row, n)
	for i := range rows {
		rows[i] = all[i*len(row) : (i+1)*len(row) : (i+1)*len(row)]
	}
	return rows
}

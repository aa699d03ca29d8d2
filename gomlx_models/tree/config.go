package tree

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"

	"github.com/assay-ml/assay/gomlx_models/internal/parallel"
)

// Method is how the trees of an ensemble differ from each other.
type Method string

// The methods.
const (
	Forest Method = ""       // each on a bootstrap sample, features drawn at each split (Breiman 2001)
	Extra  Method = "extra"  // each on all rows, features and thresholds drawn (Geurts et al. 2006)
	Single Method = "single" // one tree on all rows and features: CART
)

// Config describes a tree or a forest. The zero value is a random forest of 100
// trees grown until their leaves are pure.
type Config struct {
	Method      Method  `json:"method"`
	Trees       int     `json:"trees"`        // 0 means 100; a Single is one
	MaxDepth    int     `json:"max_depth"`    // 0 means no limit
	MinLeaf     int     `json:"min_leaf"`     // rows in a leaf; 0 means 1, for survival 15
	MinSplit    int     `json:"min_split"`    // rows in a node that may be split; 0 means 2
	MaxFeatures int     `json:"max_features"` // tried at each split; 0 means √features for classes and survival, all for numbers and a Single; negative means all
	Entropy     bool    `json:"entropy"`      // classes: split by entropy rather than Gini
	Prune       float64 `json:"prune"`        // cost-complexity α; 0 prunes nothing
	OOB         bool    `json:"oob"`          // judge a Forest by the rows each tree has not seen
	Seed        int64   `json:"seed"`

	Threads     int       `json:"-"` // 0 means all processors; the result is the same
	Categorical []bool    `json:"-"` // features that hold category codes; nil means none
	Weight      []float64 `json:"-"` // of every row; nil means 1

	// Progress, if set, is told of every tree that is done. An error stops.
	Progress func(done, planned int) error `json:"-"`
}

func (c Config) threads() int {
	if c.Threads > 0 {
		return c.Threads
	}
	return runtime.GOMAXPROCS(0)
}

func (c Config) trees() int {
	switch {
	case c.Method == Single:
		return 1
	case c.Trees == 0:
		return 100
	}
	return c.Trees
}

// check finds what is wrong with the settings and the rows.
func (c Config) check(x [][]float64, outcomes int) error {
	switch c.Method {
	case Forest, Extra, Single:
	default:
		return fmt.Errorf("there is no method %q: use tree.Forest, tree.Extra or tree.Single", c.Method)
	}
	if c.Trees < 0 || c.MaxDepth < 0 || c.MinLeaf < 0 || c.MinSplit < 0 || !(c.Prune >= 0) {
		return errors.New("trees, depth, leaf size, split size and pruning must not be negative")
	}
	if c.OOB && c.Method != Forest {
		return errors.New("out-of-bag answers need a random forest: the trees of other methods see all rows")
	}
	return checkRows(x, outcomes, c.Weight)
}

func checkRows(x [][]float64, outcomes int, weight []float64) error {
	if len(x) == 0 {
		return errors.New("there are no rows to learn from")
	}
	if len(x) != outcomes {
		return fmt.Errorf("there are %d rows but %d outcomes", len(x), outcomes)
	}
	if len(x) > math.MaxInt32 {
		return fmt.Errorf("%d rows are more than a tree can hold (%d)", len(x), math.MaxInt32)
	}
	if weight != nil && len(weight) != len(x) {
		return fmt.Errorf("there are %d rows but %d weights", len(x), len(weight))
	}
	for i, w := range weight {
		if !(w > 0) || math.IsInf(w, 0) {
			return fmt.Errorf("row %d: weight %v must be positive", i, w)
		}
	}
	return nil
}

// checkClasses counts classes and finds labels that are none.
func checkClasses(y []int, classes int) error {
	seen := make([]bool, max(classes, 0))
	present := 0
	for i, c := range y {
		if c < 0 || c >= classes {
			return fmt.Errorf("row %d: class %d is not one of 0 to %d", i, c, classes-1)
		}
		if !seen[c] {
			seen[c] = true
			present++
		}
	}
	if present < 2 {
		return errors.New("all rows are of one class: there is nothing to tell apart")
	}
	return nil
}

func checkNumbers(y []float64) error {
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("row %d: outcome %v is not finite", i, v)
		}
		if math.Abs(v) > 1e150 {
			return fmt.Errorf("row %d: outcome %v is too large to be squared: take it in another unit", i, v)
		}
	}
	return nil
}

// features returns how many are tried at each split.
func (c Config) features(of int, drawn bool) int {
	switch {
	case c.MaxFeatures > 0:
		return c.MaxFeatures
	case c.MaxFeatures < 0 || !drawn || c.Method == Single:
		return of
	}
	return max(1, int(math.Sqrt(float64(of))))
}

// grown is one tree of an ensemble with what it was grown on. What is in it is
// valid until the next tree.
type grown struct {
	tree   *Tree
	leaves func() []Leaf
	weight []float64 // of every row; 0 if out of bag
}

// grow grows the trees of an ensemble, several at once. criterion makes the
// criterion of trees, one after another, from the weights of their rows, which
// change from tree to tree; done is told of every tree, in no order and from
// several goroutines.
func (c Config) grow(ctx context.Context, d *Data, drawn bool, criterion func(weight []float64) Criterion, done func(k int, g grown)) ([]*Tree, error) {
	limit := Limits{
		MaxDepth: c.MaxDepth, MinLeaf: c.MinLeaf, MinSplit: c.MinSplit,
		MaxFeatures: c.features(d.Features(), drawn), Random: c.Method == Extra, Threads: 1,
	}
	if c.Method == Single {
		limit.Threads = c.threads()
	}
	trees := make([]*Tree, c.trees())
	report := newProgress(ctx, len(trees), c.Progress)
	parallel.With(len(trees), c.threads(), func() func(k int) {
		weight, rows := c.Weight, make([]int32, 0, d.Rows())
		if c.Method == Forest {
			weight = make([]float64, d.Rows())
		}
		rule := criterion(weight)
		growth := newGrowth(d, rule, limit)
		return func(k int) {
			if report.stopped() {
				return
			}
			random := rand.New(rand.NewPCG(uint64(c.Seed), uint64(k)))
			if c.Method == Forest {
				c.bootstrap(weight, random)
			}
			rows = rows[:0]
			for i := range d.Rows() {
				if weight == nil || weight[i] > 0 {
					rows = append(rows, int32(i))
				}
			}
			if h, ok := rule.(*Hazard); ok {
				h.Order(rows)
			}
			t := growth.grow(rows, random)
			g := grown{tree: t, leaves: func() []Leaf { return growth.leaves(t, rows) }, weight: weight}
			if c.Prune > 0 {
				g.tree.Prune(c.Prune)
			}
			trees[k] = g.tree
			done(k, g)
			report.one()
		}
	})
	return trees, report.err()
}

// bootstrap writes how much every row weighs in a sample drawn with replacement.
func (c Config) bootstrap(weight []float64, random *rand.Rand) {
	clear(weight)
	for range weight {
		i := random.IntN(len(weight))
		if c.Weight == nil {
			weight[i]++
		} else {
			weight[i] += c.Weight[i]
		}
	}
}

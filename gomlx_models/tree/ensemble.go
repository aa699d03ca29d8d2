package tree

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/assay-ml/assay/gomlx_models/internal/parallel"
	"github.com/assay-ml/assay/gomlx_models/internal/probability"
)

// Ensemble is trees that answer together: one tree, a forest that takes their
// mean, or a boosted sum. All exported fields survive JSON and gob.
type Ensemble struct {
	Trees    []*Tree   `json:"trees"`
	Outputs  int       `json:"outputs"`
	Base     []float64 `json:"base"` // the answer before any tree, one an output
	Mean     bool      `json:"mean"` // of the trees rather than their sum
	Link     Link      `json:"link,omitempty"`
	Features int       `json:"features"`

	// OOB is what the trees say of the rows they were not grown on; nil unless
	// Config.OOB asked for it. It is not saved.
	OOB *OutOfBag `json:"-"`
}

// OutOfBag judges a forest by the rows that each tree has not seen.
type OutOfBag struct {
	Answer [][]float64 // of every training row; NaN if every tree has seen it
	Score  float64     // accuracy, R² or concordance of those answers
}

// Link turns the sum over trees into an answer.
type Link string

// The links. A forest's means need none.
const (
	Identity Link = ""
	Logistic Link = "logistic" // one sum: probabilities of the two classes
	Softmax  Link = "softmax"  // a sum a class: probabilities of the classes
)

// Raw returns the mean or sum over trees for one row, before the link: what SHAP
// values add up to.
func (e *Ensemble) Raw(x []float64) []float64 { return e.raw([][]float64{x})[0] }

// raw goes through the trees in the outer loop: a tree that stays in the cache
// for many rows answers several times faster.
func (e *Ensemble) raw(xs [][]float64) [][]float64 {
	sums := repeat(make([]float64, e.Outputs), len(xs))
	leaves := make([]int32, len(xs))
	for _, t := range e.Trees {
		t.fall(xs, leaves)
		for i, leaf := range leaves {
			for k, v := range t.Value(int(leaf)) {
				sums[i][t.Output+k] += v
			}
		}
	}
	for _, sum := range sums {
		for k := range sum {
			if e.Mean {
				sum[k] /= float64(len(e.Trees))
			}
			sum[k] += e.Base[k]
		}
	}
	return sums
}

// Predict returns the answers for rows: class probabilities, one number, or the
// expected number of events.
func (e *Ensemble) Predict(xs [][]float64) ([][]float64, error) {
	if err := e.check(xs); err != nil {
		return nil, err
	}
	answers := make([][]float64, len(xs))
	eachPart(len(xs), func(from, to int) {
		for i, raw := range e.raw(xs[from:to]) {
			answers[from+i] = e.Link.answer(raw)
		}
	})
	return answers, nil
}

// eachPart divides rows among all processors, in parts that go through all trees
// together: as many rows as stay in the cache, since each part reads the trees anew.
func eachPart(rows int, f func(from, to int)) {
	const most = 4096
	threads := runtime.GOMAXPROCS(0)
	parts := threads * ((rows + threads*most - 1) / (threads * most))
	parallel.Each(parts, threads, func(part int) {
		f(part*rows/parts, (part+1)*rows/parts)
	})
}

func (e *Ensemble) check(xs [][]float64) error {
	for i, x := range xs {
		if len(x) != e.Features {
			return fmt.Errorf("row %d has %d features where the trees were grown on %d", i, len(x), e.Features)
		}
	}
	return nil
}

func (l Link) answer(raw []float64) []float64 {
	switch l {
	case Logistic:
		p := probability.Logistic(raw[0])
		return []float64{1 - p, p}
	case Softmax:
		return probability.Softmax(slices.Clone(raw))
	}
	return raw
}

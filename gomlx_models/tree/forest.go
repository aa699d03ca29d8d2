package tree

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// Classify learns to tell classes apart: y[i] is the class of row i, from 0 to
// classes-1, of which at least two must be present. Predict answers with the
// share of each class, averaged over the trees.
func Classify(ctx context.Context, x [][]float64, y []int, classes int, c Config) (*Ensemble, error) {
	if err := c.check(x, len(y)); err != nil {
		return nil, err
	}
	if err := checkClasses(y, classes); err != nil {
		return nil, err
	}
	class := make([]int32, len(y))
	for i, v := range y {
		class[i] = int32(v)
	}
	e, err := c.fit(ctx, x, classes, true, func(weight []float64) Criterion {
		return &Classes{Class: class, Count: classes, Weight: weight, Entropy: c.Entropy}
	})
	if err != nil || e.OOB == nil {
		return e, err
	}
	var right, judged float64
	for i, p := range e.OOB.Answer {
		if math.IsNaN(p[0]) {
			continue
		}
		judged++
		if floats.MaxIdx(p) == y[i] {
			right++
		}
	}
	e.OOB.Score = right / judged
	return e, nil
}

// Regress learns to predict a number. Predict answers with the mean of the trees'
// means.
func Regress(ctx context.Context, x [][]float64, y []float64, c Config) (*Ensemble, error) {
	if err := c.check(x, len(y)); err != nil {
		return nil, err
	}
	if err := checkNumbers(y); err != nil {
		return nil, err
	}
	e, err := c.fit(ctx, x, 1, false, func(weight []float64) Criterion { return &Response{Y: y, Weight: weight} })
	if err != nil || e.OOB == nil {
		return e, err
	}
	rows, answer := e.OOB.judged()
	e.OOB.Score = score.R2(pick.Rows(y, rows), answer)
	return e, nil
}

// fit grows an ensemble that takes the mean of its trees.
func (c Config) fit(ctx context.Context, x [][]float64, outputs int, drawn bool, criterion func(weight []float64) Criterion) (*Ensemble, error) {
	d, err := NewData(x, c.Categorical, c.threads())
	if err != nil {
		return nil, err
	}
	e := &Ensemble{Outputs: outputs, Base: make([]float64, outputs), Mean: true, Features: d.Features()}
	bag := newBag(c)
	if e.Trees, err = c.grow(ctx, d, drawn, criterion, bag.note); err != nil {
		return nil, fmt.Errorf("growing trees: %w", err)
	}
	e.OOB = bag.outOf(e, x)
	return e, nil
}

// bag remembers which rows each tree has seen.
type bag struct{ seen [][]bool }

func newBag(c Config) *bag {
	if !c.OOB {
		return &bag{}
	}
	return &bag{seen: make([][]bool, c.trees())}
}

func (b *bag) note(k int, g grown) {
	if b.seen == nil {
		return
	}
	b.seen[k] = make([]bool, len(g.weight))
	for i, w := range g.weight {
		b.seen[k][i] = w > 0
	}
}

// outOf returns the answers of the trees that have not seen each row.
func (b *bag) outOf(e *Ensemble, x [][]float64) *OutOfBag {
	if b.seen == nil {
		return nil
	}
	o := &OutOfBag{Answer: repeat(make([]float64, e.Outputs), len(x))}
	eachPart(len(x), func(from, to int) {
		leaves, trees := make([]int32, to-from), make([]float64, to-from)
		for k, t := range e.Trees {
			t.fall(x[from:to], leaves)
			for i, leaf := range leaves {
				if b.seen[k][from+i] {
					continue
				}
				trees[i]++
				for j, v := range t.Value(int(leaf)) {
					o.Answer[from+i][j] += v
				}
			}
		}
		for i, n := range trees {
			for j := range o.Answer[from+i] {
				o.Answer[from+i][j] /= n // no tree: 0 of 0 is NaN
			}
		}
	})
	return o
}

// judged returns the rows that some tree has not seen, and the answers' first
// value for them.
func (o *OutOfBag) judged() (rows []int, answer []float64) {
	for i, a := range o.Answer {
		if !math.IsNaN(a[0]) {
			rows, answer = append(rows, i), append(answer, a[0])
		}
	}
	return rows, answer
}

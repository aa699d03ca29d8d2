package tree

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

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
	less, middle := centred(y)
	e, err := c.fit(ctx, x, 1, false, func(weight []float64) Criterion {
		return &Response{Y: less, Weight: weight, middle: middle}
	})
	if err != nil || e.OOB == nil {
		return e, err
	}
	rows, answer := e.OOB.judged()
	e.OOB.Score = score.R2(pick.Rows(y, rows), answer)
	return e, nil
}

// centred returns y less a number near its mean, and that number: squares of large
// numbers would leave no digits for what differs between them. It is a multiple of a
// power of 2 below the deviation, so that whole numbers stay whole, and is 0, and y
// itself is returned, where the mean is nearer to 0 than half of that.
func centred(y []float64) (less []float64, middle float64) {
	mean, deviation := stat.MeanStdDev(y, nil)
	if !(deviation > 0) {
		return y, 0
	}
	unit := math.Exp2(math.Floor(math.Log2(deviation)))
	if middle = math.Round(mean/unit) * unit; middle == 0 {
		return y, 0
	}
	less = slices.Clone(y)
	floats.AddConst(-middle, less)
	return less, middle
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

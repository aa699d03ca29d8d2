// Package treegraph compiles trees to a GoMLX graph, which answers for many rows
// at once on any backend: an ensemble grown here on a processor can answer on an
// accelerator.
//
//	program, err := treegraph.Compile(backend, forest)
//	defer program.Close()
//	probs, err := program.Predict(ctx, rows) // what forest.Predict answers
//
// All rows step down all trees together, one level a step: at each node a row
// gathers the feature asked about, the threshold and the child it goes to, and
// leaves lead to themselves. Numbers are 64 bits wide, so that a row takes the
// turns it takes in package tree, and answers differ by no more than the order of
// sums does.
//
// On a processor the trees themselves answer faster: a forest of 100 trees takes
// two to four times as long by XLA on two cores (BenchmarkPredict), since a graph
// takes every row down to the depth of the deepest tree.
package treegraph

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/assay-ml/assay/gomlx_models/tree"
)

// Program is trees compiled for one backend. Its Predict may be called from
// several goroutines.
type Program struct {
	walk   walk
	block  int // rows that one run of the graph takes
	exec   *graph.Exec
	tables []*tensors.Tensor
	close  sync.Once
}

// Compile returns a program that answers as e.Predict does.
func Compile(backend compute.Backend, e *tree.Ensemble) (*Program, error) {
	t, err := flatten(e)
	if err != nil {
		return nil, err
	}
	if e.Link != tree.Identity && e.Link != tree.Logistic && e.Link != tree.Softmax {
		return nil, fmt.Errorf("the trees have a link %q, which is not known here", e.Link)
	}
	for _, leaf := range t.leaves {
		t.values = append(t.values, e.Trees[leaf.tree].Value(leaf.node)...)
	}
	t.width = e.Trees[0].Width
	w := walk{link: e.Link, base: e.Base, scale: 1}
	if e.Mean {
		w.scale = 1 / float64(len(e.Trees))
	}
	into := make([]int, 0, len(e.Trees))
	for _, own := range e.Trees {
		into = append(into, own.Output)
	}
	return t.compile(backend, w, e, into, e.Outputs)
}

// CompileSurvival returns a program that answers with the chance of being free of
// the event after each of times, as f.Survival does after each of f.Times; nil
// means those. Every leaf keeps a value a time: name few times if the forest is
// large.
func CompileSurvival(backend compute.Backend, f *tree.SurvivalForest, times []float64) (*Program, error) {
	t, err := flatten(&f.Ensemble)
	if err != nil {
		return nil, err
	}
	if times == nil {
		times = f.Times
	}
	if len(times) == 0 {
		return nil, errors.New("there are no times to answer for")
	}
	steps := make([]float64, len(f.Times))
	for _, leaf := range t.leaves {
		curve := f.Curves[leaf.tree][int32(leaf.node)]
		free, k := 1.0, 0
		for i := range steps {
			if k < len(curve.At) && int(curve.At[k]) == i {
				free *= 1 - curve.Rise[k]
				k++
			}
			steps[i] = free
		}
		t.values = append(t.values, f.At(steps, times, 1)...)
	}
	t.width = len(times)
	w := walk{base: make([]float64, t.width), scale: 1 / float64(len(f.Trees)), chance: true}
	return t.compile(backend, w, &f.Ensemble, make([]int, len(f.Trees)), t.width)
}

// leaf is a leaf of one of the trees.
type leaf struct{ tree, node int }

// flat is the nodes of all trees, one after another, as columns.
type flat struct {
	root      []int32
	feature   []int32 // asked about; 0 in a leaf
	threshold []float64
	missing   []int32 // 1 if missing values go left
	set       []int32 // 1 + row of member; 0 for a number
	child     []int32 // of node i: right at 2i, left at 2i+1; itself in a leaf
	answer    []int32 // of a leaf: its row of values
	member    []int32 // [set, 256]: whether a code goes left; the last, whether no code does
	leaves    []leaf
	values    []float64 // [leaf, width]
	width     int
	depth     int
}

func flatten(e *tree.Ensemble) (*flat, error) {
	if len(e.Trees) == 0 {
		return nil, errors.New("there are no trees to compile")
	}
	t := &flat{}
	for k, own := range e.Trees {
		if own.Width != e.Trees[0].Width {
			return nil, fmt.Errorf("tree %d has %d values a node and tree 0 has %d", k, own.Width, e.Trees[0].Width)
		}
		first := int32(len(t.feature))
		t.root = append(t.root, first)
		t.depth = max(t.depth, own.Depth())
		for i := range own.Nodes {
			t.add(k, i, own, first)
		}
	}
	if len(t.feature) > math.MaxInt32/2 {
		return nil, fmt.Errorf("%d nodes are more than a graph can count", len(t.feature))
	}
	return t, nil
}

func (t *flat) add(k, i int, own *tree.Tree, first int32) {
	n := &own.Nodes[i]
	if n.Leaf() {
		at := int32(len(t.feature))
		t.feature, t.threshold = append(t.feature, 0), append(t.threshold, 0)
		t.missing, t.set, t.child = append(t.missing, 0), append(t.set, 0), append(t.child, at, at)
		t.answer = append(t.answer, int32(len(t.leaves)))
		t.leaves = append(t.leaves, leaf{k, i})
		return
	}
	missing := one(n.MissingLeft)
	set := int32(0)
	if n.Set > 0 {
		codes := &own.Sets[n.Set-1]
		for c := range 255 {
			t.member = append(t.member, one(codes.Has(uint8(c))))
		}
		t.member = append(t.member, missing)
		set = int32(len(t.member) / 256)
	}
	t.feature, t.threshold = append(t.feature, n.Feature), append(t.threshold, n.Threshold)
	t.missing, t.set = append(t.missing, missing), append(t.set, set)
	t.child = append(t.child, first+n.Right, first+int32(i)+1)
	t.answer = append(t.answer, 0)
}

func one(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// compile makes the program. into is the output that each tree's values start at.
func (t *flat) compile(backend compute.Backend, w walk, e *tree.Ensemble, into []int, outputs int) (*Program, error) {
	trees := len(t.root)
	w.features, w.depth, w.width, w.sets = e.Features, t.depth, t.width, len(t.member) > 0
	p := &Program{
		walk: w,
		// What one run gathers from the leaves stays below 32 MiB.
		block: min(1024, max(8, (1<<22)/(trees*t.width))),
		tables: []*tensors.Tensor{
			column(t.root), column(t.feature), column(t.threshold), column(t.missing), column(t.child), column(t.answer),
			tensors.FromFlatDataAndDimensions(t.values, len(t.leaves), t.width),
		},
	}
	if into[len(into)-1] > 0 || t.width != outputs {
		place := make([]float64, trees*t.width*outputs)
		for k, output := range into {
			for v := range t.width {
				place[(k*t.width+v)*outputs+output+v] = 1
			}
		}
		p.tables = append(p.tables, tensors.FromFlatDataAndDimensions(place, trees*t.width, outputs))
		p.walk.placed = true
	}
	if w.sets {
		p.tables = append(p.tables, column(t.set), column(t.member))
	}
	var err error
	if p.exec, err = graph.NewExec(backend, p.walk.answers); err != nil {
		return nil, err
	}
	return p, nil
}

func column[T int32 | float64](values []T) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(values, len(values))
}

// Close frees what the program holds of the backend.
func (p *Program) Close() {
	p.close.Do(func() {
		p.exec.Finalize()
		for _, t := range p.tables {
			t.FinalizeAll()
		}
	})
}

// Predict returns the answers for rows. Rows go in blocks of one size, so that
// the graph is compiled once and a row's answer does not depend on how many
// there are.
func (p *Program) Predict(ctx context.Context, xs [][]float64) ([][]float64, error) {
	width := p.walk.features
	out := make([][]float64, 0, len(xs))
	for from := 0; from < len(xs); from += p.block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows := xs[from:min(from+p.block, len(xs))]
		flat := make([]float64, p.block*width)
		for i, x := range rows {
			if len(x) != width {
				return nil, fmt.Errorf("row %d has %d features where the trees were grown on %d", from+i, len(x), width)
			}
			copy(flat[i*width:], x)
		}
		inputs := []any{tensors.FromFlatDataAndDimensions(flat, p.block, width)}
		for _, t := range p.tables {
			inputs = append(inputs, t)
		}
		results, err := p.exec.Call(inputs...)
		if err != nil {
			return nil, fmt.Errorf("trees as a graph: %w", err)
		}
		values, err := tensors.CopyFlatData[float64](results[0])
		if err != nil {
			return nil, err
		}
		results[0].FinalizeAll()
		answers := len(values) / p.block
		for i := range rows {
			out = append(out, values[i*answers:(i+1)*answers:(i+1)*answers])
		}
	}
	return out, nil
}

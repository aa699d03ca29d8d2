package tree

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/assay-ml/assay/gomlx_models/internal/parallel"
)

// SHAP returns how much each feature of x moves each output of Raw from its base:
//
//	Raw(x)[k] = base[k] + Σ_j phi[k][j]
//
// They are exact Shapley values of the path-dependent game, in which a feature
// that is not known follows both branches in proportion to their training rows.
// Lundberg, Erion and Lee, arXiv:1802.03888, algorithm 2.
func (e *Ensemble) SHAP(x []float64) (phi [][]float64, base []float64, err error) {
	if err := e.check([][]float64{x}); err != nil {
		return nil, nil, err
	}
	phi, base = e.spread(func(t *Tree, phi [][]float64) []float64 {
		w := walk{tree: t, x: x, phi: phi}
		w.node(0, nil, 1, 1, -1)
		return t.expected()
	})
	return phi, base, nil
}

// SHAPAgainst returns what SHAP does for the interventional game: a feature that
// is not known takes its value from a background row, whatever the other features
// are, and the base is the mean answer for the background. Lundberg et al., Nature
// Machine Intelligence 2 (2020), 56.
func (e *Ensemble) SHAPAgainst(x []float64, background [][]float64) (phi [][]float64, base []float64, err error) {
	if len(background) == 0 {
		return nil, nil, errors.New("there are no background rows to explain against")
	}
	if err := e.check(append([][]float64{x}, background...)); err != nil {
		return nil, nil, fmt.Errorf("explaining a row (0) against a background (from 1): %w", err)
	}
	share := 1 / float64(len(background))
	phi, base = e.spread(func(t *Tree, phi [][]float64) []float64 {
		mean := make([]float64, t.Width)
		for _, z := range background {
			d := duel{tree: t, x: x, z: z, phi: phi, share: share, owner: make(map[int32]bool)}
			d.node(0)
			for k, v := range t.Value(t.Leaf(z)) {
				mean[k] += v * share
			}
		}
		return mean
	})
	return phi, base, nil
}

// spread adds up what one tree gives each of its outputs. The trees are worked on
// at once and added in order, so that the bits do not depend on the threads.
func (e *Ensemble) spread(one func(t *Tree, phi [][]float64) (base []float64)) (phi [][]float64, base []float64) {
	parts, bases := make([][][]float64, len(e.Trees)), make([][]float64, len(e.Trees))
	parallel.Each(len(e.Trees), runtime.GOMAXPROCS(0), func(i int) {
		parts[i] = repeat(make([]float64, e.Features), e.Trees[i].Width)
		bases[i] = one(e.Trees[i], parts[i])
	})
	phi, base = repeat(make([]float64, e.Features), e.Outputs), make([]float64, e.Outputs)
	scale := 1.0
	if e.Mean {
		scale = 1 / float64(len(e.Trees))
	}
	for i, t := range e.Trees {
		for k := range t.Width {
			base[t.Output+k] += bases[i][k] * scale
			for j, v := range parts[i][k] {
				phi[t.Output+k][j] += v * scale
			}
		}
	}
	for k, b := range e.Base {
		base[k] += b
	}
	return phi, base
}

// expected returns the mean of the leaves by their training rows.
func (t *Tree) expected() []float64 {
	mean := make([]float64, t.Width)
	for i := range t.Nodes {
		if n := &t.Nodes[i]; n.Leaf() {
			for k, v := range t.Value(i) {
				mean[k] += v * n.Cover / t.Nodes[0].Cover
			}
		}
	}
	return mean
}

// step is one distinct feature on the way to a node.
type step struct {
	feature int32
	zero    float64 // share of rows that pass if the feature is not known
	one     float64 // 1 if x passes, else 0
	weight  float64 // of the subsets with as many known features as the step's index
}

// walk is algorithm 2 on one tree.
type walk struct {
	tree *Tree
	x    []float64
	phi  [][]float64
}

func (w *walk) node(i int32, above []step, zero, one float64, feature int32) {
	path := extend(append(make([]step, 0, len(above)+2), above...), zero, one, feature)
	n := &w.tree.Nodes[i]
	if n.Leaf() {
		value := w.tree.Value(int(i))
		for k := 1; k < len(path); k++ {
			s := unwoundSum(path, k) * (path[k].one - path[k].zero)
			for out, v := range value {
				w.phi[out][path[k].feature] += s * v
			}
		}
		return
	}
	hot, cold := n.Right, i+1
	if w.tree.goesLeft(n, w.x[n.Feature]) {
		hot, cold = cold, hot
	}
	zero, one = 1, 1
	for k := 1; k < len(path); k++ {
		if path[k].feature == n.Feature { // met before: both splits are one step
			zero, one = path[k].zero, path[k].one
			path = unwind(path, k)
			break
		}
	}
	w.node(hot, path, zero*w.tree.Nodes[hot].Cover/n.Cover, one, n.Feature)
	w.node(cold, path, zero*w.tree.Nodes[cold].Cover/n.Cover, 0, n.Feature)
}

func extend(path []step, zero, one float64, feature int32) []step {
	l := len(path)
	s := step{feature: feature, zero: zero, one: one}
	if l == 0 {
		s.weight = 1
	}
	path = append(path, s)
	for i := l - 1; i >= 0; i-- {
		path[i+1].weight += one * path[i].weight * float64(i+1) / float64(l+1)
		path[i].weight = zero * path[i].weight * float64(l-i) / float64(l+1)
	}
	return path
}

// unwind undoes extend for the step at k.
func unwind(path []step, k int) []step {
	l := len(path) - 1
	zero, one := path[k].zero, path[k].one
	next := path[l].weight
	for i := l - 1; i >= 0; i-- {
		if one != 0 {
			was := path[i].weight
			path[i].weight = next * float64(l+1) / (float64(i+1) * one)
			next = was - path[i].weight*zero*float64(l-i)/float64(l+1)
		} else {
			path[i].weight = path[i].weight * float64(l+1) / (zero * float64(l-i))
		}
	}
	for i := k; i < l; i++ {
		path[i].feature, path[i].zero, path[i].one = path[i+1].feature, path[i+1].zero, path[i+1].one
	}
	return path[:l]
}

// unwoundSum returns the sum of the weights of unwind(path, k).
func unwoundSum(path []step, k int) (sum float64) {
	l := len(path) - 1
	zero, one := path[k].zero, path[k].one
	next := path[l].weight
	for i := l - 1; i >= 0; i-- {
		if one != 0 {
			w := next * float64(l+1) / (float64(i+1) * one)
			sum += w
			next = path[i].weight - w*zero*float64(l-i)/float64(l+1)
		} else {
			sum += path[i].weight * float64(l+1) / (zero * float64(l-i))
		}
	}
	return sum
}

// duel finds Shapley values of one row against one background row: only leaves
// that some mixture of the two reaches matter, and each depends on which features
// had to come from which row.
type duel struct {
	tree  *Tree
	x, z  []float64
	phi   [][]float64
	share float64
	owner map[int32]bool // features on which the rows part: whether x has its way
	ours  int            // features on which x has
}

func (d *duel) node(i int32) {
	n := &d.tree.Nodes[i]
	if n.Leaf() {
		d.leaf(d.tree.Value(int(i)))
		return
	}
	toward := func(left bool) int32 {
		if left {
			return i + 1
		}
		return n.Right
	}
	ours, theirs := d.tree.goesLeft(n, d.x[n.Feature]), d.tree.goesLeft(n, d.z[n.Feature])
	if ours == theirs {
		d.node(toward(ours))
		return
	}
	if x, met := d.owner[n.Feature]; met {
		d.node(toward(x == ours))
		return
	}
	d.owner[n.Feature] = true
	d.ours++
	d.node(toward(ours))
	d.ours--
	d.owner[n.Feature] = false
	d.node(toward(theirs))
	delete(d.owner, n.Feature)
}

// leaf credits the features that lead here. Of n features on which the rows part,
// u of them x's, the leaf counts for an x feature in (u−1)! (n−u)! / n! of the
// orders in which features become known, and against a z feature in u! (n−u−1)! / n!.
func (d *duel) leaf(value []float64) {
	n, u := len(d.owner), d.ours
	if n == 0 {
		return
	}
	// 1 / (n choose u), from which both weights follow.
	inverse := d.share
	for k := 1; k <= u; k++ {
		inverse *= float64(k) / float64(n-u+k)
	}
	for j, x := range d.owner {
		w := inverse / float64(max(u, 1))
		if !x {
			w = -inverse / float64(n-u)
		}
		for out, v := range value {
			d.phi[out][j] += w * v
		}
	}
}

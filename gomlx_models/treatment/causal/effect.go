package causal

import (
	"errors"
	"fmt"
	"math"
	"runtime"

	"gonum.org/v1/gonum/floats"

	"github.com/assay-ml/assay/gomlx_models/internal/parallel"
)

// Effect is the change in y for one more of w, and its standard error.
type Effect struct{ Value, StdErr float64 }

// Effects returns the effect for each row, with its standard error by the
// bootstrap of little bags: bags vary as the data do, and the trees within one as
// chance does, which is taken off. Athey, Tibshirani and Wager (2019), section 4.
// Of a corrected forest, the trees of one bag in both move the effect together.
//
// Both are NaN where the training rows alike to x all have one w.
func (f *Forest) Effects(xs [][]float64) ([]Effect, error) {
	for i, x := range xs {
		if len(x) != f.Ensemble.Features {
			return nil, fmt.Errorf("causal forest: row %d has %d columns, and the forest has %d", i, len(x), f.Ensemble.Features)
		}
	}
	out := make([]Effect, len(xs))
	blocks(len(xs), runtime.GOMAXPROCS(0), func(from, to int) {
		moves := make([][]float64, to-from) // of each row, what each tree moves its effect by
		for i := range moves {
			moves[i] = make([]float64, len(f.Ensemble.Trees))
		}
		for part := f; part != nil; part = part.Rest {
			part.leaves(xs[from:to], func(i int, leaves [][]float64) { out[from+i].Value += solve(leaves, moves[i]) })
		}
		for i := range moves {
			out[from+i].StdErr = stdErr(moves[i], f.Bag)
		}
	})
	return out, nil
}

// blocks calls f for runs of rows that go through all trees together, so that a
// tree stays in the cache.
func blocks(n, threads int, f func(from, to int)) {
	const rows = 128
	parallel.Each((n+rows-1)/rows, threads, func(b int) { f(b*rows, min(n, (b+1)*rows)) })
}

// leaves calls use with the moments of the leaf of each tree that each row falls
// into. use may keep nothing of them.
func (f *Forest) leaves(xs [][]float64, use func(i int, leaves [][]float64)) {
	trees := f.Ensemble.Trees
	at := make([][]float64, len(xs)*len(trees))
	for k, t := range trees {
		for i, x := range xs {
			at[i*len(trees)+k] = t.Value(t.Leaf(x))
		}
	}
	for i := range xs {
		use(i, at[i*len(trees):(i+1)*len(trees)])
	}
}

// solve returns the effect at a row from the leaves that it falls into, and adds to
// moves, unless it is nil, what each tree alone would move the effect by: the first
// row of J⁻¹ times the equation, J = (ww, w; w, 1). All are NaN where the leaves
// hold one w.
func solve(leaves [][]float64, moves []float64) float64 {
	var m [moments]float64
	for _, leaf := range leaves {
		for k, v := range leaf {
			m[k] += v / float64(len(leaves))
		}
	}
	variance := m[momentWW] - m[momentW]*m[momentW]
	if !(variance > 1e-12*m[momentWW]) {
		variance = math.NaN()
	}
	effect := (m[momentWY] - m[momentW]*m[momentY]) / variance
	level := m[momentY] - effect*m[momentW]
	for k := range moves {
		leaf := leaves[k]
		first := leaf[momentWY] - effect*leaf[momentWW] - level*leaf[momentW]
		second := leaf[momentY] - effect*leaf[momentW] - level
		moves[k] += (first - m[momentW]*second) / variance
	}
	return effect
}

// stdErr returns the standard error of an effect that each tree, bag by bag, would
// move by so much.
func stdErr(moves []float64, bag int) float64 {
	var between, total float64
	for b := 0; b < len(moves); b += bag {
		var mean float64
		for _, move := range moves[b : b+bag] {
			total += move * move
			mean += move / float64(bag)
		}
		between += mean * mean
	}
	bags := float64(len(moves) / bag)
	between, total = between/bags, total/float64(len(moves))
	noise := (total - between) / float64(bag-1)
	return math.Sqrt(positive(between-noise, max(between, noise)*math.Sqrt(2/bags)))
}

// positive returns the mean of a normal distribution around an estimated variance
// given that it is above zero: with few bags the estimate may fall below.
func positive(estimate, stdErr float64) float64 {
	if stdErr == 0 {
		return 0
	}
	z := estimate / stdErr
	return estimate + stdErr*math.Exp(-z*z/2)/math.Sqrt(2*math.Pi)/(0.5*math.Erfc(-z/math.Sqrt2))
}

// SHAP returns how far each feature of x moves the effect from that of the
// training rows together: base + Σ phi is the effect at x.
//
// They are the Shapley values of the equation that the effect solves, taken at the
// solution: J₀⁻¹ (a_S − J_S θ) is θ₀ − θ when no feature is known and nothing when
// all are, and it is linear in what trees say, so TreeSHAP is exact on it. What
// corrects a forest is explained likewise, and added.
func (f *Forest) SHAP(x []float64) (phi []float64, base float64, err error) {
	phi = make([]float64, len(x))
	for part := f; part != nil; part = part.Rest {
		more, at, err := part.shap(x)
		if err != nil {
			return nil, 0, fmt.Errorf("causal forest: %w", err)
		}
		floats.Add(phi, more)
		base += at
	}
	return phi, base, nil
}

func (f *Forest) shap(x []float64) (phi []float64, base float64, err error) {
	parts, at, err := f.Ensemble.SHAP(x)
	if err != nil {
		return nil, 0, err
	}
	m := f.Ensemble.Raw(x)
	variance, before := m[momentWW]-m[momentW]*m[momentW], at[momentWW]-at[momentW]*at[momentW]
	if !(variance > 0 && before > 0) {
		return nil, 0, errors.New("there is no effect to explain where all patients had one treatment")
	}
	effect := (m[momentWY] - m[momentW]*m[momentY]) / variance
	level := m[momentY] - effect*m[momentW]
	base = (at[momentWY] - at[momentW]*at[momentY]) / before
	phi = make([]float64, len(x))
	for j := range phi {
		first := parts[momentWY][j] - effect*parts[momentWW][j] - level*parts[momentW][j]
		second := parts[momentY][j] - effect*parts[momentW][j]
		phi[j] = (first - at[momentW]*second) / before
	}
	return phi, base, nil
}

// Importance returns how often the forest asks for each feature in its first four
// levels, those of level d counting 1/d² and all summing to one: what the effect
// depends on, not what the outcome does. Deeper splits are mostly of noise, and so
// are those of what corrects the forest, which do not count.
func (f *Forest) Importance() []float64 {
	const levels = 4
	splits, level := make([][]float64, levels), make([]float64, levels)
	for d := range splits {
		splits[d] = make([]float64, f.Ensemble.Features)
	}
	for _, t := range f.Ensemble.Trees {
		depth := make([]int, len(t.Nodes))
		for i, n := range t.Nodes {
			if n.Leaf() {
				continue
			}
			depth[i+1], depth[n.Right] = depth[i]+1, depth[i]+1
			if depth[i] < levels {
				splits[depth[i]][n.Feature]++
				level[depth[i]]++
			}
		}
	}
	out, sum := make([]float64, f.Ensemble.Features), 0.0
	for d := range splits {
		if level[d] == 0 {
			break
		}
		weight := 1 / float64((d+1)*(d+1))
		sum += weight
		for j, n := range splits[d] {
			out[j] += weight * n / level[d]
		}
	}
	if sum > 0 {
		for j := range out {
			out[j] /= sum
		}
	}
	return out
}

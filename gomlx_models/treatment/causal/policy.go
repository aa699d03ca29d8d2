package causal

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sort"

	"gonum.org/v1/gonum/floats"

	"github.com/assay-ml/assay/gomlx_models/internal/parallel"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// PolicyConfig describes a policy tree. The zero value has two levels of
// questions, and so at most four kinds of patients.
type PolicyConfig struct {
	Depth      int `json:"depth"`      // 0 means 2
	MinLeaf    int `json:"min_leaf"`   // rows in a leaf; 0 means 1/20 of the rows
	Candidates int `json:"candidates"` // thresholds a column, at quantiles; 0 means 32
}

// Policy returns the tree that gains most in score when each row gets the arm that
// its leaf does best with: scores[i][k] is what giving arm k to row i is worth,
// such as its doubly robust score. A leaf's values are the mean scores of the
// arms. Up to depth 2 it is the best of all trees over the candidate thresholds;
// below, each question is the first of the best two. Missing values go left.
//
// Athey and Wager, Econometrica 89 (2021), 133; Zhou, Athey and Wager, Operations
// Research 71 (2023), 148.
func Policy(x, scores [][]float64, cfg PolicyConfig) (*tree.Tree, error) {
	if cfg.Depth == 0 {
		cfg.Depth = 2
	}
	if cfg.MinLeaf == 0 {
		cfg.MinLeaf = max(1, len(x)/20)
	}
	if cfg.Candidates == 0 {
		cfg.Candidates = 32
	}
	switch {
	case len(x) == 0 || len(x[0]) == 0:
		return nil, errors.New("policy tree: there are no rows or no columns to learn from")
	case len(scores) != len(x) || len(scores[0]) == 0:
		return nil, fmt.Errorf("policy tree: %d rows and %d scores: every row needs one an arm", len(x), len(scores))
	case cfg.Depth < 0 || cfg.Depth > 6 || cfg.Candidates < 1 || cfg.Candidates > 255:
		return nil, fmt.Errorf("policy tree: depth %d with %d candidates: there may be 6 levels and 255 candidates at most", cfg.Depth, cfg.Candidates)
	}
	s := search{x: x, scores: scores, arms: len(scores[0]), width: len(x[0]), least: cfg.MinLeaf}
	for i := range x {
		if len(x[i]) != s.width || len(scores[i]) != s.arms {
			return nil, fmt.Errorf("policy tree: row %d has %d columns and %d scores where the first has %d and %d", i, len(x[i]), len(scores[i]), s.width, s.arms)
		}
		if sum := floats.Sum(scores[i]); math.IsNaN(sum) || math.IsInf(sum, 0) {
			return nil, fmt.Errorf("policy tree: row %d has the scores %v: all must be finite", i, scores[i])
		}
	}
	s.divide(cfg.Candidates)
	out := &tree.Tree{Width: s.arms}
	s.grow(out, pick.All(len(x)), cfg.Depth)
	return out, nil
}

// search looks for trees among thresholds fixed in advance.
type search struct {
	x, scores   [][]float64
	arms, width int
	least       int
	edge        [][]float64 // of each column: a row is in the first bin whose edge is not below it
	bins        int         // of the column that has most
	bin         [][]uint8   // of each row, by column
}

// divide finds the candidate thresholds and each row's bins.
func (s *search) divide(candidates int) {
	s.edge, s.bin = make([][]float64, s.width), make([][]uint8, len(s.x))
	for j := range s.width {
		var column []float64
		for _, x := range s.x {
			if !math.IsNaN(x[j]) {
				column = append(column, x[j])
			}
		}
		slices.Sort(column)
		for k := 1; k <= candidates; k++ {
			at := k * len(column) / (candidates + 1)
			// Half-way to the next value, so that new rows on either side go with
			// those they are near.
			next := sort.Search(len(column), func(i int) bool { return column[i] > column[min(at, len(column)-1)] })
			if next == len(column) {
				break
			}
			edge := column[next-1]/2 + column[next]/2
			if e := s.edge[j]; len(e) == 0 || edge > e[len(e)-1] {
				s.edge[j] = append(e, edge)
			}
		}
		s.bins = max(s.bins, len(s.edge[j])+1)
	}
	for i, x := range s.x {
		s.bin[i] = make([]uint8, s.width)
		for j, v := range x {
			if !math.IsNaN(v) {
				s.bin[i][j] = uint8(sort.SearchFloat64s(s.edge[j], v))
			}
		}
	}
}

// A cut is a way to part rows: those in bins up to the given one go left.
type cut struct {
	feature, bin int
	value        float64 // score of the rows, each with the best arm of its leaf
}

// grow appends the best tree of a depth for rows and returns its place and the arm
// that all of it gives, −1 if it gives several.
func (s *search) grow(out *tree.Tree, rows []int, depth int) (at int32, arm int) {
	at = int32(len(out.Nodes))
	sum := make([]float64, s.arms)
	for _, i := range rows {
		for k, v := range s.scores[i] {
			sum[k] += v
		}
	}
	out.Nodes = append(out.Nodes, tree.Node{Feature: -1, Cover: float64(len(rows))})
	for _, v := range sum {
		out.Values = append(out.Values, v/float64(len(rows)))
	}
	best := cut{feature: -1, value: slices.Max(sum)}
	switch {
	case depth >= 2:
		best = s.twice(rows, best)
	case depth == 1:
		best = s.once(s.histogram(rows), best)
	}
	arm = slices.Index(sum, slices.Max(sum))
	if best.feature < 0 {
		return at, arm
	}
	var left, right []int
	for _, i := range rows {
		if int(s.bin[i][best.feature]) <= best.bin {
			left = append(left, i)
		} else {
			right = append(right, i)
		}
	}
	_, leftArm := s.grow(out, left, depth-1)
	r, rightArm := s.grow(out, right, depth-1)
	if leftArm == rightArm && leftArm >= 0 { // the question changes nothing
		out.Nodes, out.Values = out.Nodes[:at+1], out.Values[:(int(at)+1)*s.arms]
		return at, leftArm
	}
	out.Nodes[at] = tree.Node{
		Feature: int32(best.feature), Right: r, MissingLeft: true, Threshold: s.edge[best.feature][best.bin],
		Cover: float64(len(rows)),
	}
	return at, -1
}

// A histogram holds, for each column and bin, the sum of each arm's scores and, last,
// the number of rows.
type histogram []float64

func (s *search) cells() int { return s.arms + 1 }

func (s *search) empty() histogram { return make(histogram, s.width*s.bins*s.cells()) }

func (s *search) add(h histogram, row int) {
	for j, b := range s.bin[row] {
		cell := h[(j*s.bins+int(b))*s.cells():]
		for k, v := range s.scores[row] {
			cell[k] += v
		}
		cell[s.arms]++
	}
}

func (s *search) histogram(rows []int) histogram {
	h := s.empty()
	for _, i := range rows {
		s.add(h, i)
	}
	return h
}

// once returns the best cut of the rows in h, or best if none is better.
func (s *search) once(h histogram, best cut) cut {
	cells := s.cells()
	total, left := make([]float64, cells), make([]float64, cells)
	for b := range s.bins {
		for k := range total {
			total[k] += h[b*cells+k]
		}
	}
	for j := range s.width {
		clear(left)
		for b := range s.edge[j] {
			cell := h[(j*s.bins+b)*cells:]
			for k := range left {
				left[k] += cell[k]
			}
			if left[s.arms] < float64(s.least) || total[s.arms]-left[s.arms] < float64(s.least) {
				continue
			}
			one, other := math.Inf(-1), math.Inf(-1)
			for k := range s.arms {
				one, other = max(one, left[k]), max(other, total[k]-left[k])
			}
			if one+other > best.value+1e-9*math.Abs(best.value) {
				best = cut{feature: j, bin: b, value: one + other}
			}
		}
	}
	return best
}

// twice returns the first cut of the best tree of two levels, or best if none is
// better. For each column the rows move to the left in order of its bins, and both
// sides are cut once more at each step.
func (s *search) twice(rows []int, best cut) cut {
	whole := s.histogram(rows)
	found := make([]cut, s.width)
	parallel.Each(s.width, runtime.GOMAXPROCS(0), func(j int) {
		found[j] = best
		order := slices.Clone(rows)
		slices.SortStableFunc(order, func(a, b int) int { return int(s.bin[a][j]) - int(s.bin[b][j]) })
		left, right := s.empty(), slices.Clone(whole)
		moved := 0
		for b := range s.edge[j] {
			from := moved
			for moved < len(order) && int(s.bin[order[moved]][j]) <= b {
				s.add(left, order[moved])
				moved++
			}
			if moved == from || moved < s.least || len(order)-moved < s.least {
				continue
			}
			for k := range right {
				right[k] = whole[k] - left[k]
			}
			value := s.once(left, cut{value: s.single(left)}).value + s.once(right, cut{value: s.single(right)}).value
			if value > found[j].value+1e-9*math.Abs(found[j].value) {
				found[j] = cut{feature: j, bin: b, value: value}
			}
		}
	})
	for _, c := range found {
		if c.value > best.value {
			best = c
		}
	}
	return best
}

// single returns the score of the rows in h if all get the arm that suits them best.
func (s *search) single(h histogram) float64 {
	most := math.Inf(-1)
	for k := range s.arms {
		var sum float64
		for b := range s.bins {
			sum += h[b*s.cells()+k]
		}
		most = max(most, sum)
	}
	return most
}

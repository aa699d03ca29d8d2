package svm

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// problem is the dual of every machine here, in the signed form in which a
// variable's sign is its side:
//
//	maximise  Σ targetᵥ βᵥ − ½ Σ βᵤβᵥ K(rowᵤ, rowᵥ)
//	where     Σ βᵥ = 0 and lowᵥ ≤ βᵥ ≤ highᵥ
//
// A classifier's target is ±1 and its box [0, C] or [−C, 0]. A regression has
// two variables a row, with targets y − ε and y + ε.
type problem struct {
	target, low, high []float64
	row               []int // of each variable; nil if variable v is row v
}

// solution is the optimum: β of each row and the bias b.
type solution struct {
	beta []float64
	bias float64
}

// solver keeps the gradient F = target − Kβ of the active variables, which come
// first. Bordes et al., JMLR 6 (2005), 1579, for the signed form; Fan, Chen and
// Lin, JMLR 6 (2005), 1889, for the choice of pairs and the shrinking.
type solver struct {
	problem
	kernel    *matrix
	tolerance float64

	active   int
	variable []int // the one at each place
	beta     []float64
	f        []float64
	wholeF   []float64 // F of all variables when all were last active,
	wholeB   []float64 // and their β
	diagonal []float64
	gathered [2][]float32 // kernel rows by variable, where variables are not rows
}

// solve returns the optimum. The values in p are put in another order.
func (p problem) solve(ctx context.Context, kernel *matrix, tolerance float64, watch Watch) (solution, error) {
	n := len(p.target)
	s := &solver{problem: p, kernel: kernel, tolerance: tolerance, active: n, variable: make([]int, n), beta: make([]float64, n), f: slices.Clone(p.target), wholeF: slices.Clone(p.target), wholeB: make([]float64, n), diagonal: make([]float64, n)}
	for v := range n {
		s.variable[v] = v
		s.diagonal[v] = kernel.self(s.rowOf(v))
	}
	if p.row != nil {
		s.gathered = [2][]float32{make([]float32, n), make([]float32, n)}
	}
	if err := s.run(ctx, watch); err != nil {
		return solution{}, err
	}
	beta := make([]float64, n)
	for at, v := range s.variable {
		beta[v] = s.beta[at]
	}
	return solution{beta: beta, bias: s.bias()}, nil
}

// rowOf returns the row of the kernel matrix that the variable at a place is of.
func (s *solver) rowOf(at int) int {
	if s.row == nil {
		return at
	}
	return s.row[at]
}

// values returns the kernel of the variable at a place with the active ones.
// which is 0 or 1: two can be held at a time.
func (s *solver) values(at, which int) []float32 {
	if s.row == nil {
		return s.kernel.row(at, s.active)
	}
	all := s.kernel.row(s.row[at], len(s.kernel.square))
	out := s.gathered[which][:s.active]
	for v := range out {
		out[v] = all[s.row[v]]
	}
	return out
}

func (s *solver) run(ctx context.Context, watch Watch) error {
	n := len(s.f)
	limit := max(10_000_000, 100*n)
	interval := min(n, 1000)
	for step := 0; ; step++ {
		if step%interval == 0 && step > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if watch != nil {
				top, bottom := s.edges()
				if err := watch(step, top-bottom); err != nil {
					return err
				}
			}
			s.shrink()
		}
		i, j, delta := s.pair()
		if j < 0 {
			if s.active == n {
				return nil
			}
			s.restore()
			if i, j, delta = s.pair(); j < 0 {
				return nil
			}
		}
		if step == limit {
			return fmt.Errorf("no optimum after %d steps: scale the columns, or lower C", limit)
		}
		a, b := s.values(i, 0), s.values(j, 1)
		s.beta[i] += delta
		s.beta[j] -= delta
		// A step that ends at a bound is put there exactly: the tests below
		// compare for equality.
		s.beta[i] = snap(s.beta[i], s.low[i], s.high[i])
		s.beta[j] = snap(s.beta[j], s.low[j], s.high[j])
		f := s.f[:len(a)]
		for v := range f {
			f[v] -= delta * (float64(a[v]) - float64(b[v]))
		}
	}
}

// snap returns v, or a bound that v passed or came within rounding of.
func snap(v, low, high float64) float64 {
	slack := 1e-13 * (high - low)
	if v >= high-slack {
		return high
	}
	if v <= low+slack {
		return low
	}
	return v
}

// edges returns the largest F that can still rise and the smallest that can
// still fall. At the optimum the first is not above the second.
func (s *solver) edges() (top, bottom float64) {
	top, bottom = math.Inf(-1), math.Inf(1)
	for v := range s.active {
		if s.beta[v] < s.high[v] {
			top = max(top, s.f[v])
		}
		if s.beta[v] > s.low[v] {
			bottom = min(bottom, s.f[v])
		}
	}
	return top, bottom
}

// pair returns the variable with the largest F that can rise, the one that can
// fall for the largest gain with it, and how far they go. j is −1 at the optimum.
func (s *solver) pair() (i, j int, delta float64) {
	i, j = -1, -1
	top := math.Inf(-1)
	f, beta, high := s.f[:s.active], s.beta[:s.active], s.high[:s.active]
	for v, value := range f {
		if value > top && beta[v] < high[v] {
			i, top = v, value
		}
	}
	if i < 0 {
		return i, j, 0
	}
	row := s.values(i, 0)
	f = f[:len(row)]
	low, diagonal := s.low[:len(row)], s.diagonal[:len(row)]
	own, bottom, best := s.diagonal[i], math.Inf(1), 0.0
	for v, value := range f {
		if beta[v] <= low[v] {
			continue
		}
		bottom = min(bottom, value)
		if gap := top - value; gap > 0 {
			curve := max(own+diagonal[v]-2*float64(row[v]), 1e-12)
			if gain := gap * gap / curve; gain > best {
				j, best, delta = v, gain, gap/curve
			}
		}
	}
	if top-bottom < s.tolerance || j < 0 {
		return i, -1, 0
	}
	return i, j, min(delta, s.high[i]-s.beta[i], s.beta[j]-s.low[j])
}

// shrink sets aside variables at a bound which the edges say will stay there.
func (s *solver) shrink() {
	top, bottom := s.edges()
	idle := func(v int) bool {
		return s.beta[v] == s.high[v] && s.f[v] > top || s.beta[v] == s.low[v] && s.f[v] < bottom
	}
	for v := 0; v < s.active; {
		if !idle(v) {
			v++
			continue
		}
		s.active--
		for s.active > v && idle(s.active) {
			s.active--
		}
		if s.active > v {
			s.swap(v, s.active)
			v++
		}
	}
}

func (s *solver) swap(a, b int) {
	for _, values := range [][]float64{s.target, s.low, s.high, s.beta, s.f, s.wholeF, s.wholeB, s.diagonal} {
		values[a], values[b] = values[b], values[a]
	}
	s.variable[a], s.variable[b] = s.variable[b], s.variable[a]
	if s.row != nil {
		s.row[a], s.row[b] = s.row[b], s.row[a]
		return
	}
	s.kernel.swap(a, b)
}

// restore makes all variables active, with the F they have by now: what it was
// when all were last active, less what has changed since. Late in a fit that is
// much less than everything.
func (s *solver) restore() {
	n := len(s.f)
	var moved []int
	var by []float64
	for v, b := range s.beta {
		if b != s.wholeB[v] {
			moved, by = append(moved, s.rowOf(v)), append(by, b-s.wholeB[v])
		}
	}
	from := s.active
	s.active = n
	if len(moved) > 0 {
		movers := newRows(pick(s.kernel.x, moved), s.kernel.kernel)
		split(n-from, 1, func(low, high int) {
			values := make([]float64, len(moved))
			for v := from + low; v < from+high; v++ {
				r := s.rowOf(v)
				movers.against(values, s.kernel.x.RawRowView(r), s.kernel.square[r], 0)
				s.f[v] = s.wholeF[v] - floats.Dot(by, values)
			}
		})
	}
	copy(s.wholeF, s.f)
	copy(s.wholeB, s.beta)
}

// bias returns the mean F of the variables between their bounds, or the middle
// of the edges if there are none.
func (s *solver) bias() float64 {
	sum, free := 0.0, 0
	for v, b := range s.beta {
		if b > s.low[v] && b < s.high[v] {
			sum += s.f[v]
			free++
		}
	}
	if free > 0 {
		return sum / float64(free)
	}
	top, bottom := s.edges()
	return (top + bottom) / 2
}

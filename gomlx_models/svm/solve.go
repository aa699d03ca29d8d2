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
//	maximise  Σ (targetᵥ βᵥ − Epsilon |βᵥ|) − ½ Σ βᵤβᵥ K(rowᵤ, rowᵥ)
//	where     Σ βᵥ = 0 and lowᵥ ≤ βᵥ ≤ highᵥ
//
// A classifier's target is ±1, its box [0, C] or [−C, 0], its epsilon 0. A
// regression's target is y and its box [−C, C]: libsvm's two variables a row, of
// which one is 0, are one here whose objective has a kink at 0.
type problem struct {
	target, low, high []float64
	epsilon           float64
}

// solution is the optimum: β of each row and the bias b.
type solution struct {
	beta   []float64
	bias   float64
	values []float64 // of the decision function at each row: Kβ + b
	place  []int     // of each row in the kernel's matrix
}

// solver keeps the gradient F = target − Kβ of the active variables, which come
// first. Bordes et al., JMLR 6 (2005), 1579, for the signed form; Fan, Chen and
// Lin, JMLR 6 (2005), 1889, for the choice of pairs and the shrinking.
type solver struct {
	problem
	kernel    *matrix
	tolerance float64

	active     int
	variable   []int // the one at each place
	beta       []float64
	f          []float64
	rise, fall []float64 // what F lacks of the slope upwards and downwards: ∓epsilon, or infinite at a bound
	wholeF     []float64 // F of all variables when all were last active,
	wholeB     []float64 // and their β
	diagonal   []float64
}

// solve returns the optimum. The values in p are put in another order.
func (p problem) solve(ctx context.Context, kernel *matrix, tolerance float64, watch Watch) (solution, error) {
	n := len(p.target)
	s := &solver{
		problem: p, kernel: kernel, tolerance: tolerance, active: n, variable: make([]int, n), beta: make([]float64, n),
		f: slices.Clone(p.target), rise: make([]float64, n), fall: make([]float64, n),
		wholeF: slices.Clone(p.target), wholeB: make([]float64, n), diagonal: make([]float64, n),
	}
	for v := range n {
		s.variable[v] = v
		s.diagonal[v] = kernel.self(v)
		s.turn(v)
	}
	if err := s.run(ctx, watch); err != nil {
		return solution{}, err
	}
	out := solution{beta: make([]float64, n), bias: s.bias(), values: make([]float64, n), place: make([]int, n)}
	for at, v := range s.variable {
		out.beta[v], out.values[v], out.place[v] = s.beta[at], s.target[at]-s.f[at]+out.bias, at
	}
	return out, nil
}

// turn sets the slopes of a variable after its β has changed.
func (s *solver) turn(v int) {
	b := s.beta[v]
	s.rise[v], s.fall[v] = -s.epsilon, s.epsilon // at the kink
	if b < 0 {
		s.rise[v] = s.epsilon
	}
	if b > 0 {
		s.fall[v] = -s.epsilon
	}
	if b == s.high[v] {
		s.rise[v] = math.Inf(-1)
	}
	if b == s.low[v] {
		s.fall[v] = math.Inf(1)
	}
}

// ceiling is how far a variable can rise in one step: to the kink, or the bound.
func (s *solver) ceiling(v int) float64 {
	if s.epsilon > 0 && s.beta[v] < 0 {
		return 0
	}
	return s.high[v]
}

// floor is how far a variable can fall in one step.
func (s *solver) floor(v int) float64 {
	if s.epsilon > 0 && s.beta[v] > 0 {
		return 0
	}
	return s.low[v]
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
		a, b := s.kernel.row(i, s.active), s.kernel.row(j, s.active)
		// A step that ends at a bound is put there exactly: turn compares for
		// equality.
		s.beta[i] = snap(s.beta[i]+delta, s.low[i], s.ceiling(i))
		s.beta[j] = snap(s.beta[j]-delta, s.floor(j), s.high[j])
		s.turn(i)
		s.turn(j)
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

// edges returns the steepest slope upwards and the steepest downwards. At the optimum the first is not above the second.
func (s *solver) edges() (top, bottom float64) {
	top, bottom = math.Inf(-1), math.Inf(1)
	for v, f := range s.f[:s.active] {
		top = max(top, f+s.rise[v])
		bottom = min(bottom, f+s.fall[v])
	}
	return top, bottom
}

// pair returns the variable with the steepest slope upwards, the one that falls
// for the largest gain with it, and how far they go. j is −1 at the optimum.
func (s *solver) pair() (i, j int, delta float64) {
	i, j = -1, -1
	top := math.Inf(-1)
	f := s.f[:s.active]
	rise := s.rise[:len(f)]
	for v, value := range f {
		if slope := value + rise[v]; slope > top {
			i, top = v, slope
		}
	}
	if i < 0 {
		return i, j, 0
	}
	row := s.kernel.row(i, s.active)
	f = f[:len(row)]
	fall, diagonal := s.fall[:len(row)], s.diagonal[:len(row)]
	own, bottom, best := s.diagonal[i], math.Inf(1), 0.0
	for v, value := range f {
		slope := value + fall[v]
		bottom = min(bottom, slope)
		if gap := top - slope; gap > 0 {
			curve := max(own+diagonal[v]-2*float64(row[v]), 1e-12)
			if gain := gap * gap / curve; gain > best {
				j, best, delta = v, gain, gap/curve
			}
		}
	}
	if top-bottom < s.tolerance || j < 0 {
		return i, -1, 0
	}
	return i, j, min(delta, s.ceiling(i)-s.beta[i], s.beta[j]-s.floor(j))
}

// shrink sets aside variables at a bound or the kink which the edges say will
// stay there.
func (s *solver) shrink() {
	top, bottom := s.edges()
	idle := func(v int) bool {
		return s.f[v]+s.rise[v] < bottom && s.f[v]+s.fall[v] > top
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
	s.kernel.fit(s.active)
}

func (s *solver) swap(a, b int) {
	for _, values := range [][]float64{s.target, s.low, s.high, s.beta, s.f, s.rise, s.fall, s.wholeF, s.wholeB, s.diagonal} {
		values[a], values[b] = values[b], values[a]
	}
	s.variable[a], s.variable[b] = s.variable[b], s.variable[a]
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
			moved, by = append(moved, v), append(by, b-s.wholeB[v])
		}
	}
	from := s.active
	s.active = n
	s.kernel.fit(n)
	if len(moved) > 0 {
		movers := newRows(pick(s.kernel.x, moved), s.kernel.kernel)
		split(n-from, 1, func(low, high int) {
			values := make([]float64, len(moved))
			for v := from + low; v < from+high; v++ {
				movers.against(values, s.kernel.x.RawRowView(v), s.kernel.square[v], 0)
				s.f[v] = s.wholeF[v] - floats.Dot(by, values)
			}
		})
	}
	copy(s.wholeF, s.f)
	copy(s.wholeB, s.beta)
}

// bias returns the mean slope of the variables between their bounds, or the
// middle of the edges if there are none.
func (s *solver) bias() float64 {
	sum, free := 0.0, 0
	for v, f := range s.f {
		if s.rise[v] == s.fall[v] { // neither at a bound nor at the kink
			sum += f + s.rise[v]
			free++
		}
	}
	if free > 0 {
		return sum / float64(free)
	}
	top, bottom := s.edges()
	return (top + bottom) / 2
}

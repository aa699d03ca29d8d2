package tree

import (
	"math"
	"slices"
)

// Response splits for the squared error of a number. A node's value is the mean
// response, Σ w y / (Σ w + Lambda).
//
// Gradient boosting splits by it with y = −gradient/hessian and w = hessian; a
// causal forest sets Relabel to turn a node's rows into pseudo-outcomes whose mean
// differs between children as the effect does, and Mass to keep both arms on both
// sides.
type Response struct {
	Y      []float64 // of every row of the data
	Weight []float64 // of every row of the data; nil means 1
	Lambda float64   // shrinks a node's mean towards zero

	// Relabel, if set, is told of every node before it is split, and replaces
	// y, the responses of its rows. Afterwards the node's value and impurity
	// are those of the new responses.
	Relabel func(rows []int32, y []float64)

	// Mass, if set, is a number from 0 to 1 for every row of the data, such as
	// whether the patient was treated. Either side of a split must hold at
	// least MinMass of it and of its complement.
	Mass    []float64
	MinMass float64

	middle              float64   // what Y is less than the response, and a node's value is not
	rows                int       // of the node
	y, weight, mass     []float64 // of each of them, if they are loaded: w y, w and the mass
	sumY, sumW, sumMass float64
	squares             float64
	raw                 []float64 // likewise: y
}

// A cell sums what the rows in one bin hold: w y, w, which may be left out if all
// weights are 1, and their number.
type cell struct {
	y, w float64
	rows int
}

func (r *Response) width() int { return 1 }

func (r *Response) enter(rows []int32, load bool) {
	r.rows = len(rows)
	r.y, r.weight, r.raw, r.mass = r.y[:0], r.weight[:0], r.raw[:0], r.mass[:0]
	r.sumY, r.sumW, r.squares, r.sumMass = 0, 0, 0, 0
	if load || r.Relabel != nil {
		r.load(rows)
	}
	same := true
	var first float64
	for k, i := range rows {
		y, w := 0.0, 1.0
		if r.Relabel != nil {
			y = r.raw[k]
		} else {
			y = r.Y[i]
		}
		if r.Weight != nil {
			w = r.Weight[i]
		}
		if k == 0 {
			first = y
		}
		same = same && y == first
		r.sumY, r.sumW, r.squares = r.sumY+w*y, r.sumW+w, r.squares+w*y*y
	}
	if same { // rounding must not make equal responses look impure
		r.squares = 0
	}
}

// load gathers what scanners need of each row.
func (r *Response) load(rows []int32) {
	// The root is entered first, with more rows than any node below it.
	n := len(rows)
	r.y, r.weight, r.raw = slices.Grow(r.y, n)[:n], slices.Grow(r.weight, n)[:n], slices.Grow(r.raw, n)[:n]
	for k, i := range rows {
		r.raw[k] = r.Y[i]
	}
	if r.Relabel != nil {
		r.Relabel(rows, r.raw)
	}
	for k, i := range rows {
		r.weight[k] = 1
		if r.Weight != nil {
			r.weight[k] = r.Weight[i]
		}
		r.y[k] = r.weight[k] * r.raw[k]
	}
	if r.Mass != nil {
		for _, i := range rows {
			r.mass = append(r.mass, r.Mass[i])
			r.sumMass += r.Mass[i]
		}
	}
}

func (r *Response) value(dst []float64) { dst[0] = r.middle + r.sumY/(r.sumW+r.Lambda) }

func (r *Response) cover() float64 { return r.sumW }

func (r *Response) impurity() float64 {
	if r.squares == 0 {
		return 0
	}
	mean := r.sumY / r.sumW
	return max(0, r.squares/r.sumW-mean*mean)
}

// most is what a split into pure sides would gain; of few rows it is what the best
// of all ways to part them gains, which one of the first features often finds.
// Either side of that way holds neighbours in response (Fisher 1958).
func (r *Response) most() float64 {
	n := r.rows
	if r.Lambda != 0 { // shrunken means are not where the error is least
		return math.Inf(1)
	}
	whole := r.sumY * r.sumY / r.sumW
	if n > listed {
		return r.squares - whole
	}
	var room [listed]uint8
	order := room[:0]
	for i := range n {
		order = append(order, uint8(i))
		k := i
		for ; k > 0 && r.raw[order[k-1]] > r.raw[i]; k-- {
			order[k] = order[k-1]
		}
		order[k] = uint8(i)
	}
	var left cell
	best := 0.0
	for _, i := range order[:n-1] {
		left.y, left.w = left.y+r.y[i], left.w+r.weight[i]
		if r.weighs(left) {
			best = max(best, r.gain(left)-whole)
		}
	}
	return best
}

func (r *Response) fork() Criterion {
	if r.Relabel != nil { // of which nobody knows whether it may be called twice at once
		return nil
	}
	return &Response{Y: r.Y, Weight: r.Weight, Lambda: r.Lambda, Mass: r.Mass, MinMass: r.MinMass, middle: r.middle}
}

func (r *Response) scanner() scanner { return &responseScanner{r: r} }

func (r *Response) bin() int {
	if r.Relabel != nil || r.Mass != nil {
		return 0
	}
	return 3
}

func (r *Response) newSums(features int) sums {
	return &responseSums{r: r, hist: make([][256]cell, features)}
}

type responseSums struct {
	r    *Response // or one that it is a fork of
	hist [][256]cell
}

func (s *responseSums) add(d *Data, rows []int32, from, to int) {
	width := len(d.features)
	hist := s.hist[from:to]
	for _, i := range rows {
		codes := d.byRow[int(i)*width+from:][:len(hist)]
		y := s.r.Y[i]
		if s.r.Weight == nil {
			for j, b := range codes {
				c := &hist[j][b]
				c.y += y
				c.rows++
			}
			continue
		}
		w := s.r.Weight[i]
		y *= w
		for j, b := range codes {
			c := &hist[j][b]
			c.y += y
			c.w += w
			c.rows++
		}
	}
}

func (s *responseSums) subtract(other sums) {
	for j := range s.hist {
		less := &other.(*responseSums).hist[j]
		for b := range less {
			c := &s.hist[j][b]
			c.y -= less[b].y
			c.w -= less[b].w
			c.rows -= less[b].rows
		}
	}
}

func (s *responseSums) clear() { clear(s.hist) }

type responseScanner struct {
	r        *Response
	own      [256]cell
	hist     *[256]cell // own, or one that is kept
	mass     [256]float64
	occupied Set // of own
}

func (s *responseScanner) turn(kept sums, feature int32) Set {
	s.hist = &kept.(*responseSums).hist[feature]
	return occupied(s.hist)
}

// occupied returns the bins that hold rows. Which do cannot be foreseen, so that
// there is no branch.
func occupied(hist *[256]cell) (set Set) {
	for b := range hist {
		set[b>>6] |= uint64(-hist[b].rows) >> 63 << (b & 63)
	}
	return set
}

// at returns the sums of a bin.
func (s *responseScanner) at(bin uint8) cell {
	c := s.hist[bin]
	if s.r.Weight == nil {
		c.w = float64(c.rows)
	}
	return c
}

func (s *responseScanner) load(codes []uint8) Set {
	s.hist = &s.own
	for w, word := range s.occupied {
		for ; word != 0; word &= word - 1 {
			b := w<<6 + trailing(word)
			s.own[b] = cell{}
			if s.r.Mass != nil {
				s.mass[b] = 0
			}
		}
	}
	s.occupied = Set{}
	y := s.r.y[:len(codes)]
	if s.r.Weight == nil {
		for i, b := range codes {
			c := &s.own[b]
			c.y += y[i]
			c.rows++
		}
	} else {
		weight := s.r.weight[:len(codes)]
		for i, b := range codes {
			c := &s.own[b]
			c.y += y[i]
			c.w += weight[i]
			c.rows++
		}
	}
	if s.r.Mass != nil {
		for i, b := range codes {
			s.mass[b] += s.r.mass[i]
		}
	}
	if len(codes) < few {
		for _, b := range codes {
			s.occupied.add(b)
		}
	} else {
		s.occupied = occupied(&s.own)
	}
	return s.occupied
}

func (s *responseScanner) key(bin uint8) float64 {
	c := s.at(bin)
	return c.y / (c.w + s.r.Lambda)
}

func (s *responseScanner) scan(bins []uint8, missingLeft bool, from, to, least int) (best int, gain float64) {
	var left cell
	var mass float64
	if missingLeft {
		left, mass = s.at(missing), s.mass[missing]
	}
	r := s.r
	whole := r.sumY * r.sumY / (r.sumW + r.Lambda)
	gain = enough(r.squares)
	for i, b := range bins {
		if i+1 >= to {
			break
		}
		c := s.at(b)
		left.y, left.w, left.rows = left.y+c.y, left.w+c.w, left.rows+c.rows
		mass += s.mass[b]
		if i+1 < from || left.rows < least || r.rows-left.rows < least || !r.balanced(left.rows, mass) {
			continue
		}
		if !r.weighs(left) {
			continue
		}
		if g := r.gain(left) - whole; g > gain {
			best, gain = i+1, g
		}
	}
	return best, gain
}

// gain returns what the sums of a side make of the error, but for what they are
// without a split.
func (r *Response) gain(left cell) float64 {
	y, w := r.sumY-left.y, r.sumW-left.w
	return left.y*left.y/(left.w+r.Lambda) + y*y/(w+r.Lambda)
}

// weighs reports whether both sides have weight: rows may weigh so little that a
// difference of sums is but rounding, and what a side gains 0/0.
func (r *Response) weighs(left cell) bool { return left.w > 0 && left.w < r.sumW }

// balanced reports whether both sides hold enough of the mass and its complement.
func (r *Response) balanced(leftRows int, mass float64) bool {
	if r.Mass == nil {
		return true
	}
	rest := r.sumMass - mass
	return min(mass, float64(leftRows)-mass, rest, float64(r.rows-leftRows)-rest) >= r.MinMass
}

func (s *responseScanner) list(order []uint16, least int) (best int, gain float64) {
	r := s.r
	var left cell
	var mass float64
	whole := r.sumY * r.sumY / (r.sumW + r.Lambda)
	gain = enough(r.squares)
	for k, o := range order[:len(order)-1] {
		i := o & 255
		left.y, left.w, left.rows = left.y+r.y[i], left.w+r.weight[i], left.rows+1
		if r.Mass != nil {
			mass += r.mass[i]
		}
		if o>>8 == order[k+1]>>8 || k+1 < least || len(order)-k-1 < least || !r.balanced(left.rows, mass) || !r.weighs(left) {
			continue
		}
		if g := r.gain(left) - whole; g > gain {
			best, gain = k+1, g
		}
	}
	return best, gain
}

func (s *responseScanner) cut(codes []uint8, last uint8, least int) float64 {
	r := s.r
	var left cell
	var mass float64
	for i, b := range codes {
		if b > last {
			continue
		}
		left.y, left.w, left.rows = left.y+r.y[i], left.w+r.weight[i], left.rows+1
		if r.Mass != nil {
			mass += r.mass[i]
		}
	}
	if left.rows < least || len(codes)-left.rows < least || !r.balanced(left.rows, mass) || !r.weighs(left) {
		return 0
	}
	if g := r.gain(left) - r.sumY*r.sumY/(r.sumW+r.Lambda); g > enough(r.squares) {
		return g
	}
	return 0
}

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

	y, weight, mass     []float64 // of the rows of the node: w y, w and the mass
	sumY, sumW, sumMass float64
	squares             float64
	raw                 []float64
}

// A cell sums what the rows in one bin hold.
type cell struct{ y, w, rows float64 }

func (r *Response) width() int { return 1 }

func (r *Response) enter(rows []int32) {
	r.mass = r.mass[:0]
	// The root is entered first, with more rows than any node below it.
	r.y, r.weight, r.raw = slices.Grow(r.y[:0], len(rows)), slices.Grow(r.weight[:0], len(rows)), slices.Grow(r.raw[:0], len(rows))
	r.sumMass = 0
	for _, i := range rows {
		r.raw = append(r.raw, r.Y[i])
		if r.Mass != nil {
			r.mass = append(r.mass, r.Mass[i])
			r.sumMass += r.Mass[i]
		}
	}
	if r.Relabel != nil {
		r.Relabel(rows, r.raw)
	}
	r.sumY, r.sumW, r.squares = 0, 0, 0
	same := true
	for k, i := range rows {
		w := 1.0
		if r.Weight != nil {
			w = r.Weight[i]
		}
		y := r.raw[k]
		same = same && y == r.raw[0]
		r.y, r.weight = append(r.y, w*y), append(r.weight, w)
		r.sumY, r.sumW, r.squares = r.sumY+w*y, r.sumW+w, r.squares+w*y*y
	}
	if same { // rounding must not make equal responses look impure
		r.squares = 0
	}
}

func (r *Response) value(dst []float64) { dst[0] = r.sumY / (r.sumW + r.Lambda) }

func (r *Response) cover() float64 { return r.sumW }

func (r *Response) impurity() float64 {
	if r.squares == 0 {
		return 0
	}
	mean := r.sumY / r.sumW
	return max(0, r.squares/r.sumW-mean*mean)
}

func (r *Response) most() float64 {
	if r.Lambda != 0 { // shrunken means are not where the error is least
		return math.Inf(1)
	}
	return r.squares - r.sumY*r.sumY/r.sumW
}

func (r *Response) fork() Criterion {
	if r.Relabel != nil { // of which nobody knows whether it may be called twice at once
		return nil
	}
	return &Response{Y: r.Y, Weight: r.Weight, Lambda: r.Lambda, Mass: r.Mass, MinMass: r.MinMass}
}

func (r *Response) scanner() scanner { return &responseScanner{r: r} }

type responseScanner struct {
	r        *Response
	hist     [256]cell
	mass     [256]float64
	occupied Set
}

func (s *responseScanner) load(codes []uint8) Set {
	for w, word := range s.occupied {
		for ; word != 0; word &= word - 1 {
			b := w<<6 + trailing(word)
			s.hist[b] = cell{}
			if s.r.Mass != nil {
				s.mass[b] = 0
			}
		}
	}
	s.occupied = Set{}
	y := s.r.y[:len(codes)]
	if s.r.Weight == nil { // a row's weight is 1, and the cell's is known by its rows
		for i, b := range codes {
			c := &s.hist[b]
			c.y += y[i]
			c.w++
			c.rows++
		}
	} else {
		weight := s.r.weight[:len(codes)]
		for i, b := range codes {
			c := &s.hist[b]
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
		return s.occupied
	}
	for b := range s.hist {
		if s.hist[b].rows > 0 {
			s.occupied.add(uint8(b))
		}
	}
	return s.occupied
}

func (s *responseScanner) key(bin uint8) float64 {
	return s.hist[bin].y / (s.hist[bin].w + s.r.Lambda)
}

func (s *responseScanner) scan(bins []uint8, missingLeft bool, from, to, least int) (best int, gain float64) {
	var left cell
	var mass float64
	if missingLeft {
		left, mass = s.hist[missing], s.mass[missing]
	}
	r := s.r
	rows, atLeast := float64(len(r.y)), float64(least)
	whole := r.sumY * r.sumY / (r.sumW + r.Lambda)
	gain = enough(r.squares)
	for i, b := range bins {
		if i+1 >= to {
			break
		}
		c := &s.hist[b]
		left.y, left.w, left.rows = left.y+c.y, left.w+c.w, left.rows+c.rows
		mass += s.mass[b]
		if i+1 < from || left.rows < atLeast || rows-left.rows < atLeast || !r.balanced(left.rows, mass) {
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

// balanced reports whether both sides hold enough of the mass and its complement.
func (r *Response) balanced(rows, mass float64) bool {
	if r.Mass == nil {
		return true
	}
	others, left := r.sumMass-mass, float64(len(r.y))-rows
	return min(mass, rows-mass, others, left-others) >= r.MinMass
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
		if o>>8 == order[k+1]>>8 || k+1 < least || len(order)-k-1 < least || !r.balanced(left.rows, mass) {
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
	if left.rows < float64(least) || float64(len(codes))-left.rows < float64(least) || !r.balanced(left.rows, mass) {
		return 0
	}
	if g := r.gain(left) - r.sumY*r.sumY/(r.sumW+r.Lambda); g > enough(r.squares) {
		return g
	}
	return 0
}

package tree

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

	y, weight, mass []float64 // of the rows of the node: w y, w and the mass
	sumY, sumW      float64
	squares         float64
	raw             []float64
}

// A cell sums what the rows in one bin hold.
type cell struct{ y, w, mass, rows float64 }

func (r *Response) width() int { return 1 }

func (r *Response) enter(rows []int32) {
	r.y, r.weight, r.mass, r.raw = r.y[:0], r.weight[:0], r.mass[:0], r.raw[:0]
	for _, i := range rows {
		r.raw = append(r.raw, r.Y[i])
		if r.Mass != nil {
			r.mass = append(r.mass, r.Mass[i])
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

func (r *Response) scanner() scanner { return &responseScanner{r: r} }

type responseScanner struct {
	r        *Response
	hist     [256]cell
	occupied Set
}

func (s *responseScanner) load(rows []int32, bin []uint8) Set {
	for w, word := range s.occupied {
		for ; word != 0; word &= word - 1 {
			s.hist[w<<6+trailing(word)] = cell{}
		}
	}
	s.occupied = Set{}
	y, weight := s.r.y[:len(rows)], s.r.weight[:len(rows)]
	for i, row := range rows {
		b := bin[row]
		c := &s.hist[b]
		c.y += y[i]
		c.w += weight[i]
		c.rows++
	}
	if s.r.Mass != nil {
		for i, row := range rows {
			s.hist[bin[row]].mass += s.r.mass[i]
		}
	}
	if len(rows) < few {
		for _, row := range rows {
			s.occupied.add(bin[row])
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
	var l cell
	move := func(b uint8) {
		c := &s.hist[b]
		l.y, l.w, l.mass, l.rows = l.y+c.y, l.w+c.w, l.mass+c.mass, l.rows+c.rows
	}
	if missingLeft {
		move(missing)
	}
	r := s.r
	rows, atLeast := float64(len(r.y)), float64(least)
	var mass float64
	for _, m := range r.mass {
		mass += m
	}
	whole := r.sumY * r.sumY / (r.sumW + r.Lambda)
	gain = enough(r.squares)
	for i, b := range bins {
		if i+1 >= to {
			break
		}
		move(b)
		if i+1 < from || l.rows < atLeast || rows-l.rows < atLeast {
			continue
		}
		if r.Mass != nil && min(l.mass, l.rows-l.mass, mass-l.mass, rows-mass-(l.rows-l.mass)) < r.MinMass {
			continue
		}
		right, w := r.sumY-l.y, r.sumW-l.w
		if g := l.y*l.y/(l.w+r.Lambda) + right*right/(w+r.Lambda) - whole; g > gain {
			best, gain = i+1, g
		}
	}
	return best, gain
}

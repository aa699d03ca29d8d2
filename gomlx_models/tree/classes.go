package tree

import (
	"math"
	"slices"
)

// Classes splits for purity in class. A node's value is the share of each class.
type Classes struct {
	Class  []int32   // of every row of the data
	Count  int       // of classes
	Weight []float64 // of every row of the data; nil means 1
	// Entropy measures impurity by −Σ p log₂ p rather than Gini's 1 − Σ p².
	Entropy bool

	rows   int       // of the node
	class  []int32   // of each of them, if they are loaded
	weight []float64 // likewise
	total  []float64 // weight of each class in the node
	sum    float64
}

func (c *Classes) width() int { return c.Count }

func (c *Classes) enter(rows []int32, load bool) {
	c.rows = len(rows)
	c.total = append(c.total[:0], make([]float64, c.Count)...)
	for _, r := range rows {
		w := 1.0
		if c.Weight != nil {
			w = c.Weight[r]
		}
		c.total[c.Class[r]] += w
	}
	c.sum = 0
	for _, w := range c.total {
		c.sum += w
	}
	if !load {
		return
	}
	// The root is entered first, with more rows than any node below it.
	c.class, c.weight = slices.Grow(c.class[:0], len(rows))[:len(rows)], slices.Grow(c.weight[:0], len(rows))[:len(rows)]
	for i, r := range rows {
		c.class[i], c.weight[i] = c.Class[r], 1
		if c.Weight != nil {
			c.weight[i] = c.Weight[r]
		}
	}
}

func (c *Classes) value(dst []float64) {
	for k, w := range c.total {
		dst[k] = w / c.sum
	}
}

func (c *Classes) cover() float64 { return c.sum }

func (c *Classes) impurity() float64 {
	for _, w := range c.total {
		if w == c.sum {
			return 0
		}
	}
	return 1 - c.purity(c.total, c.sum)/c.sum
}

// purity returns w times one minus the impurity of rows that weigh total by
// class and w altogether: what a split should make as large as it can.
func (c *Classes) purity(total []float64, w float64) float64 {
	if c.Entropy {
		p := w
		for _, t := range total {
			if t > 0 {
				p += t * math.Log2(t/w)
			}
		}
		return p
	}
	var squares float64
	for _, t := range total {
		squares += t * t
	}
	return squares / w
}

func (c *Classes) most() float64 { return c.sum - c.purity(c.total, c.sum) }

func (c *Classes) fork() Criterion {
	return &Classes{Class: c.Class, Count: c.Count, Weight: c.Weight, Entropy: c.Entropy}
}

func (c *Classes) scanner() scanner {
	return &classScanner{
		c: c, own: make([]float64, 256*(c.Count+1)), left: make([]float64, c.Count), right: make([]float64, c.Count),
	}
}

func (c *Classes) bin() int { return c.Count + 1 }

func (c *Classes) newSums(features int) sums {
	return &classSums{c: c, hist: make([]float64, 256*c.bin()*features)}
}

type classSums struct {
	c    *Classes  // or one that it is a fork of
	hist []float64 // [feature, bin, class]; the last of a bin counts its rows
}

func (s *classSums) add(d *Data, rows []int32, from, to int) {
	width, stride := len(d.features), s.c.bin()
	for _, i := range rows {
		class, w := int(s.c.Class[i]), 1.0
		if s.c.Weight != nil {
			w = s.c.Weight[i]
		}
		at := from << 8
		for _, b := range d.byRow[int(i)*width+from : int(i)*width+to] {
			bin := s.hist[(at+int(b))*stride:][:stride]
			bin[class] += w
			bin[len(bin)-1]++
			at += 256
		}
	}
}

func (s *classSums) subtract(other sums) {
	for i, v := range other.(*classSums).hist {
		s.hist[i] -= v
	}
}

func (s *classSums) clear() { clear(s.hist) }

type classScanner struct {
	c           *Classes
	own         []float64 // [bin, class]; the last of a bin counts its rows
	hist        []float64 // own, or some that are kept
	occupied    Set       // of own
	left, right []float64
}

// cell returns the weights of the classes in a bin, and the number of its rows.
func (s *classScanner) cell(bin uint8) (weight []float64, rows float64) {
	k := s.c.Count
	c := s.hist[int(bin)*(k+1):][:k+1]
	return c[:k], c[k]
}

func (s *classScanner) turn(kept sums, feature int32) Set {
	size := 256 * s.c.bin()
	s.hist = kept.(*classSums).hist[int(feature)*size:][:size]
	return s.filled()
}

// filled returns the bins that hold rows. Which do cannot be foreseen, so that
// there is no branch.
func (s *classScanner) filled() (set Set) {
	stride := s.c.bin()
	for b, at := 0, stride-1; b < 256; b, at = b+1, at+stride {
		positive := 1 - (math.Float64bits(s.hist[at])-1)>>63
		set[b>>6] |= positive << (b & 63)
	}
	return set
}

func (s *classScanner) load(codes []uint8) Set {
	s.hist = s.own
	k, stride := s.c.Count, s.c.Count+1
	for w, word := range s.occupied {
		for ; word != 0; word &= word - 1 {
			b := w<<6 + trailing(word)
			clear(s.hist[b*stride : (b+1)*stride])
		}
	}
	s.occupied = Set{}
	class, weight, hist := s.c.class[:len(codes)], s.c.weight[:len(codes)], s.hist
	for i, b := range codes {
		at := int(b) * stride
		hist[at+int(class[i])] += weight[i]
		hist[at+k]++
	}
	if len(codes) < few {
		for _, b := range codes {
			s.occupied.add(b)
		}
		return s.occupied
	}
	s.occupied = s.filled()
	return s.occupied
}

// key is the share of the class most frequent in the node: for two classes no
// other order can hold a better split (Breiman et al. 1984, 4.2.2); for more it
// is a heuristic.
func (s *classScanner) key(bin uint8) float64 {
	most := 0
	for k, w := range s.c.total {
		if w > s.c.total[most] {
			most = k
		}
	}
	weight, _ := s.cell(bin)
	var sum float64
	for _, w := range weight {
		sum += w
	}
	return weight[most] / sum
}

func (s *classScanner) scan(bins []uint8, missingLeft bool, from, to, least int) (best int, gain float64) {
	clear(s.left)
	copy(s.right, s.c.total)
	var w, rows float64
	move := func(b uint8) {
		weight, n := s.cell(b)
		for c, v := range weight {
			s.left[c] += v
			s.right[c] -= v
			w += v
		}
		rows += n
	}
	if missingLeft {
		move(missing)
	}
	sum, all, atLeast := s.c.sum, float64(s.c.rows), float64(least)
	whole := s.c.purity(s.c.total, sum)
	gain = enough(whole)
	for i, b := range bins {
		if i+1 >= to {
			break
		}
		move(b)
		if i+1 < from || rows < atLeast || all-rows < atLeast {
			continue
		}
		if g := s.c.purity(s.left, w) + s.c.purity(s.right, sum-w) - whole; g > gain {
			best, gain = i+1, g
		}
	}
	return best, gain
}

func (s *classScanner) list(order []uint16, least int) (best int, gain float64) {
	clear(s.left)
	copy(s.right, s.c.total)
	var w float64
	whole := s.c.purity(s.c.total, s.c.sum)
	gain = enough(whole)
	for k, o := range order[:len(order)-1] {
		i := o & 255
		v, class := s.c.weight[i], s.c.class[i]
		s.left[class] += v
		s.right[class] -= v
		w += v
		if o>>8 == order[k+1]>>8 || k+1 < least || len(order)-k-1 < least {
			continue
		}
		if g := s.c.purity(s.left, w) + s.c.purity(s.right, s.c.sum-w) - whole; g > gain {
			best, gain = k+1, g
		}
	}
	return best, gain
}

func (s *classScanner) cut(codes []uint8, last uint8, least int) float64 {
	class, weight := s.c.class[:len(codes)], s.c.weight[:len(codes)]
	clear(s.left)
	var w float64
	rows := 0
	if s.c.Count == 2 && s.c.Weight == nil {
		// Forests of this kind spend most of their time here. Which side a row
		// is on cannot be foreseen, so that counting without a branch pays.
		ones := 0
		for i, b := range codes {
			left := 1 - int((uint32(last)-uint32(b))>>31)
			rows += left
			ones += left & int(class[i])
		}
		s.left[0], s.left[1], w = float64(rows-ones), float64(ones), float64(rows)
	} else {
		for i, b := range codes {
			if b <= last {
				s.left[class[i]] += weight[i]
				w += weight[i]
				rows++
			}
		}
	}
	if rows < least || len(codes)-rows < least {
		return 0
	}
	for k, v := range s.left {
		s.right[k] = s.c.total[k] - v
	}
	whole := s.c.purity(s.c.total, s.c.sum)
	if g := s.c.purity(s.left, w) + s.c.purity(s.right, s.c.sum-w) - whole; g > enough(whole) {
		return g
	}
	return 0
}

// few is how many rows are quicker to go through again than all bins are.
const few = 128

// enough is the smallest gain worth a split: less may be rounding.
func enough(whole float64) float64 { return 1e-12 * max(math.Abs(whole), 1e-300) }

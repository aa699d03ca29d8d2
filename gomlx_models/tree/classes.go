package tree

import "math"

// Classes splits for purity in class. A node's value is the share of each class.
type Classes struct {
	Class  []int32   // of every row of the data
	Count  int       // of classes
	Weight []float64 // of every row of the data; nil means 1
	// Entropy measures impurity by −Σ p log₂ p rather than Gini's 1 − Σ p².
	Entropy bool

	class  []int32   // of the rows of the node
	weight []float64 // likewise
	total  []float64 // weight of each class in the node
	sum    float64
}

func (c *Classes) width() int { return c.Count }

func (c *Classes) enter(rows []int32) {
	c.class, c.weight = c.class[:0], c.weight[:0]
	c.total = append(c.total[:0], make([]float64, c.Count)...)
	for _, r := range rows {
		w := 1.0
		if c.Weight != nil {
			w = c.Weight[r]
		}
		c.class, c.weight = append(c.class, c.Class[r]), append(c.weight, w)
		c.total[c.Class[r]] += w
	}
	c.sum = 0
	for _, w := range c.total {
		c.sum += w
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

func (c *Classes) scanner() scanner {
	return &classScanner{
		c: c, hist: make([]float64, 256*c.Count), left: make([]float64, c.Count), right: make([]float64, c.Count),
	}
}

type classScanner struct {
	c           *Classes
	hist        []float64 // [bin, class]
	rows        [256]int32
	occupied    Set
	left, right []float64
}

func (s *classScanner) load(rows []int32, bin []uint8) Set {
	k := s.c.Count
	for w, word := range s.occupied {
		for ; word != 0; word &= word - 1 {
			b := w<<6 + trailing(word)
			s.rows[b] = 0
			clear(s.hist[b*k : (b+1)*k])
		}
	}
	s.occupied = Set{}
	class, weight := s.c.class[:len(rows)], s.c.weight[:len(rows)]
	for i, r := range rows {
		b := bin[r]
		s.hist[int(b)*k+int(class[i])] += weight[i]
		s.rows[b]++
	}
	if len(rows) < few {
		for _, r := range rows {
			s.occupied.add(bin[r])
		}
		return s.occupied
	}
	for b, n := range s.rows {
		if n > 0 {
			s.occupied.add(uint8(b))
		}
	}
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
	cell := s.hist[int(bin)*s.c.Count:][:s.c.Count]
	var sum float64
	for _, w := range cell {
		sum += w
	}
	return cell[most] / sum
}

func (s *classScanner) scan(bins []uint8, missingLeft bool, from, to, least int) (best int, gain float64) {
	k := s.c.Count
	clear(s.left)
	copy(s.right, s.c.total)
	var w float64
	rows := 0
	move := func(b uint8) {
		for c, v := range s.hist[int(b)*k:][:k] {
			s.left[c] += v
			s.right[c] -= v
			w += v
		}
		rows += int(s.rows[b])
	}
	if missingLeft {
		move(missing)
	}
	sum, all := s.c.sum, len(s.c.class)
	whole := s.c.purity(s.c.total, sum)
	gain = enough(whole)
	for i, b := range bins {
		if i+1 >= to {
			break
		}
		move(b)
		if i+1 < from || rows < least || all-rows < least {
			continue
		}
		if g := s.c.purity(s.left, w) + s.c.purity(s.right, sum-w) - whole; g > gain {
			best, gain = i+1, g
		}
	}
	return best, gain
}

// few is how many rows are quicker to go through again than all bins are.
const few = 128

// enough is the smallest gain worth a split: less may be rounding.
func enough(whole float64) float64 { return 1e-12 * max(math.Abs(whole), 1e-300) }

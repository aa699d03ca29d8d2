package tree

import (
	"cmp"
	"math"
	"slices"
)

// Hazard splits for difference in survival, by the log-rank statistic. A node's
// value is its expected number of events, the cumulative hazard summed over Times
// (Ishwaran et al., Annals of Applied Statistics 2 (2008), 841).
//
// Rows must be given to Grow in order of time; Order sorts them.
//
// The statistic of every split of a feature takes O(n log n), not O(n) a split.
// With at-risk count Y(t), events d(t) and Nelson-Aalen hazard H of the node, and
// c = d (Y−d) / (Y² (Y−1)),
//
//	observed − expected on the left = Σ_{i∈L} (eᵢ − H(tᵢ))
//	its variance = Σ_{i∈L} Σ_{s≤tᵢ} c(s) Y(s) − Σ_{i,j∈L} Σ_{s≤min(tᵢ,tⱼ)} c(s)
//
// and a row joining the left adds to the double sum what a Fenwick tree over time
// knows.
type Hazard struct {
	Time   []float64 // of every row of the data
	Event  []bool    // likewise
	Weight []float64 // likewise; nil means 1
	Times  []float64 // ascending, that a node's hazard is summed over

	rows   []int32
	weight []float64
	later  []float64 // weight of a row and those after it
	excess []float64 // e − H(t), times the weight
	linear []float64 // Σ c Y up to t, times the weight
	common []float64 // Σ c up to t
	sum    float64
	events float64
	risk   float64
}

// Order sorts rows by time.
func (h *Hazard) Order(rows []int32) {
	slices.SortStableFunc(rows, func(a, b int32) int { return cmp.Compare(h.Time[a], h.Time[b]) })
}

func (h *Hazard) width() int { return 1 }

func (h *Hazard) enter(rows []int32, _ bool) {
	n := len(rows)
	h.rows = rows
	h.weight, h.excess, h.linear, h.common = h.weight[:0], h.excess[:0], h.linear[:0], h.common[:0]
	h.sum, h.events, h.risk = 0, 0, 0
	for _, r := range rows {
		w := h.weigh(r)
		h.weight = append(h.weight, w)
		h.sum += w
	}
	h.later = h.since(h.later, rows)
	var hazard, linear, common float64
	for k := 0; k < n; {
		end, died := h.tied(rows, k)
		atRisk := h.later[k]
		if died > 0 {
			hazard += died / atRisk
			later := len(h.Times) - searchTimes(h.Times, h.Time[rows[k]])
			h.risk += died / atRisk * float64(later)
			if atRisk > 1 {
				c := died * (atRisk - died) / (atRisk * atRisk * (atRisk - 1))
				common += c
				linear += c * atRisk
			}
		}
		for ; k < end; k++ {
			e := 0.0
			if h.Event[rows[k]] {
				e = 1
			}
			w := h.weight[k]
			h.excess, h.linear, h.common = append(h.excess, w*(e-hazard)), append(h.linear, w*linear), append(h.common, common)
		}
		h.events += died
	}
}

// since returns the weight of each row and those after it, in dst. What is left of a
// sum when rows are taken away again may be nothing but rounding.
func (h *Hazard) since(dst []float64, rows []int32) []float64 {
	dst = slices.Grow(dst[:0], len(rows))[:len(rows)]
	sum := 0.0
	for k, r := range slices.Backward(rows) {
		sum += h.weigh(r)
		dst[k] = sum
	}
	return dst
}

// tied returns the end of the rows that share the time of row k, and the weight
// of those with the event.
func (h *Hazard) tied(rows []int32, k int) (end int, died float64) {
	t := h.Time[rows[k]]
	for end = k; end < len(rows) && h.Time[rows[end]] == t; end++ {
		if h.Event[rows[end]] {
			died += h.weigh(rows[end])
		}
	}
	return end, died
}

func (h *Hazard) weigh(row int32) float64 {
	if h.Weight == nil {
		return 1
	}
	return h.Weight[row]
}

func (h *Hazard) value(dst []float64) { dst[0] = h.risk }
func (h *Hazard) cover() float64      { return h.sum }

// impurity only says whether there is anything to split: the log-rank statistic
// compares nodes but does not measure one.
func (h *Hazard) impurity() float64 {
	if h.events == 0 {
		return 0
	}
	return 1
}

func (h *Hazard) most() float64 { return math.Inf(1) }

func (h *Hazard) fork() Criterion {
	return &Hazard{Time: h.Time, Event: h.Event, Weight: h.Weight, Times: h.Times}
}

func (h *Hazard) scanner() scanner { return &hazardScanner{h: h} }

type hazardScanner struct {
	h     *Hazard
	start [257]int32 // of each bin in order
	order []int32    // positions of the node's rows, bin by bin
	// Fenwick tree over time: the weight of rows on the left, and the weight
	// times common.
	left []struct{ weight, common float64 }
}

func (s *hazardScanner) load(codes []uint8) (occupied Set) {
	s.start = [257]int32{}
	for _, b := range codes {
		s.start[int(b)+1]++
	}
	for b := range 256 {
		if s.start[b+1] > 0 {
			occupied.add(uint8(b))
		}
		s.start[b+1] += s.start[b]
	}
	s.order = slices.Grow(s.order[:0], len(codes))[:len(codes)]
	next := s.start
	for k, b := range codes {
		s.order[next[b]] = int32(k)
		next[b]++
	}
	return occupied
}

func (s *hazardScanner) members(bin uint8) []int32 {
	return s.order[s.start[bin]:s.start[int(bin)+1]]
}

// key is the mean excess of events over what the node's hazard expects.
func (s *hazardScanner) key(bin uint8) float64 {
	var excess, w float64
	for _, k := range s.members(bin) {
		excess += s.h.excess[k]
		w += s.h.weight[k]
	}
	return excess / w
}

func (s *hazardScanner) scan(bins []uint8, missingLeft bool, from, to, least int) (best int, gain float64) {
	h := s.h
	n := len(h.rows)
	s.left = append(s.left[:0], make([]struct{ weight, common float64 }, n+1)...)
	var excess, linear, double, weight float64
	rows := 0
	move := func(b uint8) {
		for _, k := range s.members(b) {
			w, c := h.weight[k], h.common[k]
			var before, earlier float64
			for i := k + 1; i > 0; i &= i - 1 {
				before += s.left[i].weight
				earlier += s.left[i].common
			}
			double += w*w*c + 2*w*(earlier+c*(weight-before))
			for i := k + 1; i <= int32(n); i += i & -i {
				s.left[i].weight += w
				s.left[i].common += w * c
			}
			excess += h.excess[k]
			linear += h.linear[k]
			weight += w
		}
		rows += len(s.members(b))
	}
	if missingLeft {
		move(missing)
	}
	gain = 1e-9
	for i, b := range bins {
		if i+1 >= to {
			break
		}
		move(b)
		if i+1 < from || rows < least || n-rows < least {
			continue
		}
		if v := linear - double; v > 1e-12 {
			if g := excess * excess / v; g > gain {
				best, gain = i+1, g
			}
		}
	}
	return best, gain
}

// searchTimes returns the index of the first of times not before t.
func searchTimes(times []float64, t float64) int {
	k, _ := slices.BinarySearch(times, t)
	return k
}

// Curve is the Nelson-Aalen hazard of a leaf: a step of size Rise[k] at the
// At[k]-th of the forest's times.
type Curve struct {
	At   []int32   `json:"at"`
	Rise []float64 `json:"rise"`
}

// curve returns the hazard of rows in order of time.
func (h *Hazard) curve(rows []int32) (c Curve) {
	atRisk := h.since(nil, rows)
	for k := 0; k < len(rows); {
		end, died := h.tied(rows, k)
		if died > 0 {
			c.At = append(c.At, int32(searchTimes(h.Times, h.Time[rows[k]])))
			c.Rise = append(c.Rise, math.Min(1, died/atRisk[k]))
		}
		k = end
	}
	return c
}

package tree

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/assay-ml/assay/gomlx_models/internal/parallel"
)

const (
	maxBins = 255
	missing = 255 // the bin of missing values
	// sampled is how many rows the bin edges of features with more values than
	// bins are learnt from. Quantiles of so many are within a bin of those of all.
	sampled = 20_000
)

// Data is a table of features in bins, made once and shared by every tree grown
// on it.
type Data struct {
	rows     int
	features []feature
	byRow    []uint8 // [rows, features]: the bins once more, for sums and for nodes of few rows
}

// feature is one column: of each row the bin, and what the bins mean.
type feature struct {
	bin         []uint8
	ruler               // numeric: of the edges of the bins
	low, high   float64 // numeric: range of the values
	categorical bool
}

// NewData sorts the rows of x into bins. categorical says which features hold
// codes of categories; nil means none. Values may be NaN (missing) but not
// infinite, and all rows must have one width. threads below 1 count as one; the
// result, and the cell that an error names, are the same for any number.
func NewData(x [][]float64, categorical []bool, threads int) (*Data, error) {
	if len(x) == 0 || len(x[0]) == 0 {
		return nil, fmt.Errorf("there are no rows or no features to grow a tree on")
	}
	threads = max(1, threads)
	width := len(x[0])
	if categorical != nil && len(categorical) != width {
		return nil, fmt.Errorf("there are %d features but %d are said to be categorical or not", width, len(categorical))
	}
	for i, row := range x {
		if len(row) != width {
			return nil, fmt.Errorf("row %d has %d features where the first row has %d", i, len(row), width)
		}
	}
	d := &Data{rows: len(x), features: make([]feature, width), byRow: make([]uint8, len(x)*width)}
	bins := make([]uint8, width*len(x))
	for j := range d.features {
		d.features[j] = feature{bin: bins[j*len(x) : (j+1)*len(x)], categorical: categorical != nil && categorical[j], low: math.Inf(1), high: math.Inf(-1)}
	}
	d.learnEdges(x, threads)
	if err := d.fill(x, threads); err != nil {
		return nil, err
	}
	return d, nil
}

// learnEdges finds the edges of the numeric features.
func (d *Data) learnEdges(x [][]float64, threads int) {
	// A stride that shares no factor with a period of the data would be safer
	// still; one that is odd is enough for tables written patient by patient.
	stride := max(1, len(x)/sampled) | 1
	const together = 8 // neighbours that share a cache line of a row
	width := len(d.features)
	parallel.With((width+together-1)/together, threads, func() func(int) {
		var values [together][]float64
		return func(group int) {
			first := group * together
			last := min(first+together, width)
			for k := range values {
				values[k] = slices.Grow(values[k][:0], len(x)/stride+1)
			}
			for i := 0; i < len(x); i += stride {
				for k, v := range x[i][first:last] {
					if !math.IsNaN(v) {
						values[k] = append(values[k], v)
					}
				}
			}
			for j := first; j < last; j++ {
				f := &d.features[j]
				if f.categorical {
					continue
				}
				known := values[j-first]
				if stride > 1 {
					if all := distinct(x, j); all != nil {
						known = all
					}
				}
				f.ruler = newRuler(edges(known))
			}
		}
	})
}

// distinct returns the values of feature j if a bin can be had for each of them,
// else nil. A sample of the rows would leave rare ones out, such as a disease that
// a handful of patients have, and put them in a bin with others.
func distinct(x [][]float64, j int) (values []float64) {
	seen := make(map[float64]bool, maxBins)
	for _, row := range x {
		if v := row[j]; !math.IsNaN(v) && !seen[v] {
			if len(values) == maxBins {
				return nil
			}
			seen[v] = true
			values = append(values, v)
		}
	}
	return values
}

// fill puts the rows into their bins.
func (d *Data) fill(x [][]float64, threads int) error {
	const block = 64 // rows that stay in the cache while each feature takes them
	width := len(d.features)
	type part struct {
		low, high []float64
		wrong     error
	}
	parts := make([]part, threads)
	parallel.Each(threads, threads, func(k int) {
		p := part{low: slices.Repeat([]float64{math.Inf(1)}, width), high: slices.Repeat([]float64{math.Inf(-1)}, width)}
		from, to := k*len(x)/threads, (k+1)*len(x)/threads
		bad := to // the first row with a value that has no bin
		for ; from < to && bad == to; from += block {
			end := min(from+block, to)
			for j := range d.features {
				f := &d.features[j]
				bin := f.bin[from:end]
				for i, row := range x[from:end] {
					v := row[j]
					b := uint8(missing)
					switch {
					case math.IsNaN(v):
					case f.categorical && isCode(v):
						b = uint8(v)
					case f.categorical, math.IsInf(v, 0):
						bad = min(bad, from+i)
					default:
						p.low[j], p.high[j] = min(p.low[j], v), max(p.high[j], v)
						b = f.at(v)
					}
					bin[i] = b
					d.byRow[(from+i)*width+j] = b
				}
			}
		}
		if bad < to {
			p.wrong = d.blame(bad, x[bad])
		}
		parts[k] = p
	})
	for _, p := range parts {
		if p.wrong != nil {
			return p.wrong
		}
		for j := range d.features {
			f := &d.features[j]
			f.low, f.high = min(f.low, p.low[j]), max(f.high, p.high[j])
		}
	}
	return nil
}

// blame names the first value of row i that has no bin.
func (d *Data) blame(i int, row []float64) error {
	for j, v := range row {
		switch categorical := d.features[j].categorical; {
		case math.IsNaN(v):
		case categorical && !isCode(v):
			return fmt.Errorf("row %d, feature %d: %v is not a category code from 0 to %d", i, j, v, maxBins-1)
		case !categorical && math.IsInf(v, 0):
			return fmt.Errorf("row %d, feature %d: %v is not finite", i, j, v)
		}
	}
	return nil
}

// codes gathers a feature's bins of some rows. Rows far apart in a column are
// each in a cache line of their own, of which the features of a row share one.
func (d *Data) codes(dst []uint8, feature int32, rows []int32) []uint8 {
	dst = slices.Grow(dst[:0], len(rows))[:len(rows)]
	if len(rows) > d.rows/16 {
		bin := d.features[feature].bin
		for i, r := range rows {
			dst[i] = bin[r]
		}
		return dst
	}
	width := len(d.features)
	column := d.byRow[feature:]
	for i, r := range rows {
		dst[i] = column[int(r)*width]
	}
	return dst
}

// Rows returns the number of rows.
func (d *Data) Rows() int { return d.rows }

// Features returns the number of features.
func (d *Data) Features() int { return len(d.features) }

func isCode(v float64) bool { return v >= 0 && v < maxBins && v == math.Trunc(v) }

// binOf returns the first bin whose edge is not below v.
func binOf(edge []float64, v float64) uint8 { return uint8(sort.SearchFloat64s(edge, v)) }

// A ruler finds bins faster than a search does: it cuts the range of the edges
// into many short pieces and knows the bin that each begins in.
type ruler struct {
	edge         []float64 // x ≤ edge[b] is in bin b or below; one fewer than bins
	start, scale float64
	first        []uint8 // bin of each piece
}

func newRuler(edge []float64) ruler {
	const pieces = 1024
	r := ruler{edge: edge}
	if len(edge) < 2 {
		return r
	}
	r.start = edge[0]
	r.scale = pieces / (edge[len(edge)-1] - r.start)
	if math.IsInf(r.scale, 0) || r.scale == 0 { // the range over- or underflows
		return r
	}
	r.first = make([]uint8, pieces+1)
	b := 0
	for p := range r.first {
		for b < len(edge) && r.piece(edge[b]) < p {
			b++
		}
		r.first[p] = uint8(b)
	}
	return r
}

// piece never falls as v rises, so no edge before that of the piece's first bin
// can reach v.
func (r *ruler) piece(v float64) int { return int((v - r.start) * r.scale) }

func (r *ruler) at(v float64) uint8 {
	n := len(r.edge)
	switch {
	case n == 0 || v <= r.edge[0]:
		return 0
	case v > r.edge[n-1]:
		return uint8(n)
	case r.first == nil:
		return binOf(r.edge, v)
	}
	b := r.first[min(r.piece(v), len(r.first)-1)]
	for r.edge[b] < v {
		b++
	}
	return b
}

// edges returns what divides values into bins: half-way between neighbours if
// there are at most 255 distinct ones, else at quantiles.
func edges(values []float64) []float64 {
	slices.Sort(values)
	var edge []float64
	distinct := 1
	for i := 1; i < len(values); i++ {
		if values[i] != values[i-1] {
			distinct++
		}
	}
	start, bins := 0, maxBins
	for i := 1; i < len(values); i++ {
		if values[i] == values[i-1] {
			continue
		}
		// A value that fills several bins takes one, and leaves the rest of the
		// rows to be divided among the remaining bins.
		if distinct > maxBins && (i-start)*bins < len(values)-start {
			continue
		}
		edge = append(edge, between(values[i-1], values[i]))
		start = i
		if bins--; bins == 1 {
			break
		}
	}
	return edge
}

// between returns a number m with a ≤ m < b.
func between(a, b float64) float64 {
	if m := a/2 + b/2; a <= m && m < b {
		return m
	}
	return a
}

// threshold returns the edge in the middle of the gap between the bins below and
// above, which hold rows of a node when those between do not, and that edge's bin.
func (f *feature) threshold(below, above uint8) (float64, uint8) {
	gap := f.edge[below:above]
	middle := gap[0]/2 + gap[len(gap)-1]/2
	k := sort.SearchFloat64s(gap, middle)
	if k == len(gap) || k > 0 && middle-gap[k-1] <= gap[k]-middle {
		k--
	}
	return gap[max(k, 0)], below + uint8(max(k, 0))
}

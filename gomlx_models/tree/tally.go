package tree

import "math"

// A tallier is a criterion whose sums by bin can be kept: of the children of a
// node, those of one are the node's less the other's, so that only the smaller
// child's rows need to be gone through.
type tallier interface {
	// stride is how many numbers a bin takes; 0 if sums depend on more than the
	// rows.
	stride() int
	// add adds rows to the sums of features from ≤ j < to, which are at
	// sums[(256*j+bin)*stride:].
	add(sums []float64, d *Data, rows []int32, from, to int)
}

// A turner is a scanner that can look at sums kept by a tallier.
type turner interface {
	// turn turns to the sums of a feature, as load does to codes.
	turn(sums []float64) (occupied Set)
}

// occupied returns the bins that hold rows, of which the last number of a bin is
// the count. Which do cannot be foreseen, so that there is no branch.
func occupied(sums []float64, stride int) (set Set) {
	for b, at := 0, stride-1; b < 256; b, at = b+1, at+stride {
		positive := 1 - (math.Float64bits(sums[at])-1)>>63
		set[b>>6] |= positive << (b & 63)
	}
	return set
}

// keeps reports whether sums of so many rows are worth keeping: for fewer, going
// through bins takes longer than going through rows.
func (g *growth) keeps(rows, depth int) bool {
	return g.tallier != nil && rows >= 256*g.stride() && g.mayBeSplit(rows, depth)
}

// tally returns the sums of rows by bin of all features.
func (g *growth) tally(rows []int32) []float64 {
	size, width := 256*g.stride(), len(g.features)
	g.crew.mu.Lock()
	sums := last(&g.crew.spare)
	g.crew.mu.Unlock()
	if sums == nil {
		sums = make([]float64, width*size)
	} else {
		clear(sums)
	}
	// The sums of so many features stay in the cache, and their bins of a row are
	// in one or two of its lines.
	const most = 64
	parts := (width + most - 1) / most
	if len(rows)*width >= 1<<16 {
		parts = max(parts, len(g.lookers))
	}
	g.share(parts, func(_ *looker, i int) {
		g.add(sums, g.data, rows, i*width/parts, (i+1)*width/parts)
	})
	return sums
}

// parted returns the sums of children from those of their parent. Either may be
// nil.
func (g *growth) parted(left, right []int32, depth int, sums []float64) (ofLeft, ofRight []float64) {
	if sums == nil || !g.keeps(max(len(left), len(right)), depth) {
		g.drop(sums)
		return nil, nil
	}
	smaller := left
	if len(right) < len(left) {
		smaller = right
	}
	small := g.tally(smaller)
	for i, v := range small {
		sums[i] -= v
	}
	if len(smaller) < few { // which are looked at row by row
		g.drop(small)
		small = nil
	}
	if len(right) < len(left) {
		return sums, small
	}
	return small, sums
}

// drop takes sums that are no longer needed, to be used again.
func (g *growth) drop(sums []float64) {
	if sums != nil {
		g.crew.mu.Lock()
		g.crew.spare = append(g.crew.spare, sums)
		g.crew.mu.Unlock()
	}
}

// sumsOf returns what sums, if there are any, hold of a feature.
func (g *growth) sumsOf(sums []float64, feature int) []float64 {
	if sums == nil {
		return nil
	}
	size := 256 * g.stride()
	return sums[feature*size : (feature+1)*size]
}

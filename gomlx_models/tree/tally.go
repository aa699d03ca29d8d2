package tree

// sums are what rows sum to, by feature and bin.
type sums interface {
	// add adds rows to the sums of features from ≤ j < to.
	add(d *Data, rows []int32, from, to int)
	// subtract takes away other sums of the same kind.
	subtract(other sums)
	clear()
}

// A tallier is a criterion whose sums can be kept: of the children of a node, those
// of one are the node's less the other's, so that only the smaller child's rows
// need to be gone through.
type tallier interface {
	// bin is how many numbers a bin takes; 0 if sums depend on more than the rows.
	bin() int
	newSums(features int) sums
}

// A turner is a scanner that can look at sums that are kept.
type turner interface {
	// turn turns to a feature, as load does to codes.
	turn(s sums, feature int32) (occupied Set)
}

// keeps reports whether sums of so many rows are worth keeping: for fewer, going
// through bins takes longer than going through rows.
func (g *growth) keeps(rows, depth int) bool {
	return g.tallier != nil && rows >= 256*g.bin() && g.mayBeSplit(rows, depth)
}

// tally returns the sums of rows.
func (g *growth) tally(rows []int32) sums {
	g.crew.mu.Lock()
	s := last(&g.crew.spare)
	g.crew.mu.Unlock()
	width := len(g.features)
	if s == nil {
		s = g.newSums(width)
	} else {
		s.clear()
	}
	// The sums of so many features stay in the cache, and their bins of a row are
	// in one or two of its lines.
	const most = 64
	parts := (width + most - 1) / most
	if len(rows)*width >= 1<<16 {
		parts = max(parts, min(width, len(g.lookers)))
	}
	g.share(parts, func(_ *looker, i int) {
		s.add(g.data, rows, i*width/parts, (i+1)*width/parts)
	})
	return s
}

// parted returns the sums of children from those of their parent. Either may be
// nil.
func (g *growth) parted(left, right []int32, depth int, s sums) (ofLeft, ofRight sums) {
	if s == nil || !g.keeps(max(len(left), len(right)), depth) {
		g.drop(s)
		return nil, nil
	}
	smaller := left
	if len(right) < len(left) {
		smaller = right
	}
	small := g.tally(smaller)
	s.subtract(small)
	if len(smaller) < few { // which are looked at row by row
		g.drop(small)
		small = nil
	}
	if len(right) < len(left) {
		return s, small
	}
	return small, s
}

// drop takes sums that are no longer needed, to be used again.
func (g *growth) drop(s sums) {
	if s != nil {
		g.crew.mu.Lock()
		g.crew.spare = append(g.crew.spare, s)
		g.crew.mu.Unlock()
	}
}

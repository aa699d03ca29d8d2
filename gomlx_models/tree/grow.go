package tree

import (
	"cmp"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
)

// Limits say when a tree stops growing and what it may look at.
type Limits struct {
	MaxDepth    int     // 0 means no limit
	MinLeaf     int     // rows in a leaf; 0 means 1
	MinSplit    int     // rows in a node that may be split; 0 means 2
	MaxFeatures int     // tried at each split, constant ones not counted; 0 means all
	MinGain     float64 // of a split
	Random      bool    // one random threshold a feature rather than the best (extremely randomised trees)
	Threads     int     // that look for splits of large nodes; 0 means 1
}

// A Leaf says which of the rows that a tree grew on fell into a leaf.
type Leaf struct {
	Node int
	Rows []int32
}

// Grow grows a tree on some rows of the data and returns it with the rows of its
// leaves, which keep the order that rows has. random is used if features are
// drawn or thresholds are random.
func Grow(d *Data, rows []int32, c Criterion, limit Limits, random *rand.Rand) (*Tree, []Leaf) {
	g := growth{
		data: d, criterion: c, limit: limit, random: random,
		tree: &Tree{Width: c.width()}, swap: make([]int32, len(rows)),
		features: make([]int32, len(d.features)),
	}
	g.limit.MinLeaf = max(1, limit.MinLeaf)
	g.limit.MinSplit = max(2, limit.MinSplit, 2*g.limit.MinLeaf)
	if limit.MaxFeatures <= 0 || limit.MaxFeatures > len(d.features) {
		g.limit.MaxFeatures = len(d.features)
	}
	for j := range g.features {
		g.features[j] = int32(j)
	}
	for range max(1, min(limit.Threads, len(d.features))) {
		g.lookers = append(g.lookers, &looker{scanner: c.scanner()})
	}
	g.node(slices.Clone(rows), 0)
	g.tree.Nodes, g.tree.Values = slices.Clip(g.tree.Nodes), slices.Clip(g.tree.Values)
	return g.tree, g.leaves
}

type growth struct {
	data      *Data
	criterion Criterion
	limit     Limits
	random    *rand.Rand
	tree      *Tree
	leaves    []Leaf
	lookers   []*looker
	swap      []int32 // as long as the rows, for dividing them
	features  []int32 // in the order last drawn
}

// looker is one goroutine's part of a growth.
type looker struct {
	scanner
	bins [maxBins]uint8
}

// node appends the node that holds rows, and all below it, and returns its index.
func (g *growth) node(rows []int32, depth int) int32 {
	i := len(g.tree.Nodes)
	g.criterion.enter(rows)
	impurity := g.criterion.impurity()
	g.tree.Nodes = append(g.tree.Nodes, Node{Feature: -1, Cover: g.criterion.cover(), Impurity: impurity})
	g.tree.Values = append(g.tree.Values, make([]float64, g.tree.Width)...)
	g.criterion.value(g.tree.Value(i))
	var best split
	if len(rows) >= g.limit.MinSplit && (g.limit.MaxDepth == 0 || depth < g.limit.MaxDepth) && impurity > 0 {
		best = g.best(rows)
	}
	if best.gain <= g.limit.MinGain {
		g.leaves = append(g.leaves, Leaf{Node: i, Rows: rows})
		return int32(i)
	}
	f := &g.data.features[best.feature]
	n := Node{Feature: best.feature, Cover: g.tree.Nodes[i].Cover, Impurity: impurity, Gain: best.gain}
	n.Threshold = f.complete(&best)
	left := g.divide(rows, best)
	n.MissingLeft = best.missingLeft
	if !best.occupied.Has(missing) { // none to learn from: with most rows
		n.MissingLeft = 2*left >= len(rows)
	}
	if f.categorical {
		for w := range best.left { // categories not seen here go where missing values go
			if n.MissingLeft {
				best.left[w] |= ^best.occupied[w]
			}
		}
		g.tree.Sets = append(g.tree.Sets, best.left)
		n.Set = int32(len(g.tree.Sets))
	}
	n.Left = g.node(rows[:left], depth+1)
	n.Right = g.node(rows[left:], depth+1)
	g.tree.Nodes[i] = n
	return int32(i)
}

// split is a way to divide a node; its gain is 0 if there is none.
type split struct {
	feature      int32
	gain         float64
	below, above uint8 // a number: the bins on either side of the cut
	present      bool  // all that are present go left, only missing values right
	missingLeft  bool
	left         Set // the bins that go left; of a number, once complete
	occupied     Set // the bins that hold rows of the node
}

// best returns the best split of the node last entered.
func (g *growth) best(rows []int32) split {
	if g.limit.MaxFeatures < len(g.features) || g.limit.Random {
		return g.bestOfDrawn(rows)
	}
	found := make([]split, len(g.features))
	lookers := g.lookers
	if len(rows)*len(g.features) < 1<<15 { // too little work to share
		lookers = lookers[:1]
	}
	var next atomic.Int64
	look := func(l *looker) {
		for {
			j := int(next.Add(1)) - 1
			if j >= len(found) {
				return
			}
			found[j], _ = g.scan(l, int32(j), rows, 0)
		}
	}
	var workers sync.WaitGroup
	for _, l := range lookers[1:] {
		workers.Go(func() { look(l) })
	}
	look(lookers[0])
	workers.Wait()
	var best split
	for _, s := range found {
		if s.gain > best.gain {
			best = s
		}
	}
	return best
}

// bestOfDrawn draws features until MaxFeatures of them vary in the node.
func (g *growth) bestOfDrawn(rows []int32) (best split) {
	varied := 0
	for k := range g.features {
		j := k + g.random.IntN(len(g.features)-k)
		g.features[k], g.features[j] = g.features[j], g.features[k]
		var u float64
		if g.limit.Random {
			u = g.random.Float64()
		}
		s, varies := g.scan(g.lookers[0], g.features[k], rows, u)
		if s.gain > best.gain {
			best = s
		}
		if varies {
			if varied++; varied == g.limit.MaxFeatures {
				break
			}
		}
	}
	return best
}

// scan returns the best split of rows by a feature, and whether the feature
// varies among them. u places a random threshold.
func (g *growth) scan(l *looker, j int32, rows []int32, u float64) (split, bool) {
	f := &g.data.features[j]
	best := split{feature: j, occupied: l.load(rows, f.bin)}
	anyMissing := best.occupied.Has(missing)
	bins := l.bins[:0]
	for w, word := range best.occupied {
		for ; word != 0; word &= word - 1 {
			if b := w<<6 + trailing(word); b != missing {
				bins = append(bins, uint8(b))
			}
		}
	}
	if len(bins) == 0 || len(bins) == 1 && !anyMissing {
		return split{}, false
	}
	if f.categorical {
		slices.SortStableFunc(bins, func(a, b uint8) int { return cmp.Compare(l.key(a), l.key(b)) })
	}
	from, to := 1, len(bins)
	if g.limit.Random && len(bins) > 1 {
		from = f.cut(bins, u)
		to = from + 1
	}
	// With values missing, all that are present may stand against them.
	k, gain := l.scan(bins, false, from, wider(to, anyMissing), g.limit.MinLeaf)
	if anyMissing {
		if other, more := l.scan(bins, true, from, to, g.limit.MinLeaf); other > 0 && more > gain {
			k, gain, best.missingLeft = other, more, true
		}
	}
	if k == 0 {
		return split{}, true
	}
	best.gain, best.below = gain, bins[k-1]
	if best.present = k == len(bins); !best.present {
		best.above = bins[k]
	}
	if f.categorical {
		for _, b := range bins[:k] {
			best.left.add(b)
		}
	}
	return best, true
}

func wider(to int, byOne bool) int {
	if byOne {
		to++
	}
	return to
}

// cut returns the number of bins that a threshold drawn evenly between the
// lowest and highest value of the node leaves on the left.
func (f *feature) cut(bins []uint8, u float64) int {
	if f.categorical {
		return 1 + int(u*float64(len(bins)-1))
	}
	low, high := f.low, f.high
	if b := bins[0]; b > 0 {
		low = f.edge[b-1]
	}
	if b := bins[len(bins)-1]; int(b) < len(f.edge) {
		high = f.edge[b]
	}
	at := binOf(f.edge, low+u*(high-low))
	k, _ := slices.BinarySearch(bins, at)
	return min(max(k, 1), len(bins)-1)
}

// complete fills in the bins that a split sends left, and returns its threshold.
func (f *feature) complete(s *split) (threshold float64) {
	switch {
	case f.categorical:
	case s.present:
		threshold = math.MaxFloat64 // not +Inf, which JSON does not have
		s.left = Set{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0) >> 1}
	default:
		var last uint8
		threshold, last = f.threshold(s.below, s.above)
		for b := range int(last) + 1 {
			s.left.add(uint8(b))
		}
	}
	if s.missingLeft {
		s.left.add(missing)
	}
	return threshold
}

// divide puts the rows that go left first and returns how many there are.
func (g *growth) divide(rows []int32, s split) int {
	bin := g.data.features[s.feature].bin
	left, right := 0, 0
	for _, r := range rows {
		if s.left.Has(bin[r]) {
			rows[left] = r
			left++
		} else {
			g.swap[right] = r
			right++
		}
	}
	copy(rows[left:], g.swap[:right])
	return left
}

func trailing(word uint64) int { return bits.TrailingZeros64(word) }

// each calls f(0) … f(n-1) from the given number of goroutines.
func each(n, threads int, f func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(n, threads) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	workers.Wait()
}

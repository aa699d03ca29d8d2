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
	g, rows := newGrowth(d, c, limit), slices.Clone(rows)
	t := g.grow(rows, random)
	return t, g.leaves(t, rows)
}

// growth grows trees, one after another in the same memory.
type growth struct {
	data      *Data
	criterion Criterion
	limit     Limits
	random    *rand.Rand
	tree      *Tree   // as far as it is grown
	held      []int32 // rows in each leaf, in the order of the leaves
	lookers   []*looker
	crew      *crew
	swap      []int32 // as long as the rows, for dividing them
	features  []int32 // in the order last drawn
	tallier           // nil if sums are not kept
}

// crew is what the growths of one tree share: hands that are free to help, and what
// was used and may be used again.
type crew struct {
	hands chan struct{}
	mu    sync.Mutex
	idle  []*growth // of parts of the tree that are done
	spare []sums    // that were kept
}

// last takes the last of what is kept; the zero value if there is nothing.
func last[T any](kept *[]T) (v T) {
	if n := len(*kept); n > 0 {
		v, *kept = (*kept)[n-1], (*kept)[:n-1]
	}
	return v
}

func newGrowth(d *Data, c Criterion, limit Limits) *growth {
	g := &growth{data: d, criterion: c, limit: limit, tree: &Tree{Width: c.width()}, features: make([]int32, len(d.features))}
	g.limit.MinLeaf = max(1, limit.MinLeaf)
	g.limit.MinSplit = max(2, limit.MinSplit, 2*g.limit.MinLeaf)
	if limit.MaxFeatures <= 0 || limit.MaxFeatures > len(d.features) {
		g.limit.MaxFeatures = len(d.features)
	}
	helpers := max(limit.Threads, 1) - 1
	g.crew = &crew{hands: make(chan struct{}, helpers)}
	for range helpers {
		g.crew.hands <- struct{}{}
	}
	g.look()
	return g
}

// grow grows a tree on rows, which it orders by leaf.
func (g *growth) grow(rows []int32, random *rand.Rand) *Tree {
	g.random = random
	for j := range g.features {
		g.features[j] = int32(j)
	}
	g.begin(len(rows))
	var s sums
	if g.keeps(len(rows), 0) {
		s = g.tally(rows)
	}
	g.node(rows, 0, s)
	t := g.tree
	if len(t.Nodes) > cap(t.Nodes)-cap(t.Nodes)/16 {
		g.tree = &Tree{Width: t.Width}
		return t
	}
	// A copy is without the room that the tree did not need.
	return &Tree{Width: t.Width, Nodes: slices.Clone(t.Nodes), Values: slices.Clone(t.Values), Sets: append([]Set(nil), t.Sets...)}
}

// leaves returns the leaves of t, the tree last grown, on these rows.
func (g *growth) leaves(t *Tree, rows []int32) []Leaf {
	leaves := make([]Leaf, 0, len(g.held))
	for i := range t.Nodes {
		if t.Nodes[i].Leaf() {
			n := g.held[len(leaves)]
			leaves = append(leaves, Leaf{Node: i, Rows: rows[:n]})
			rows = rows[n:]
		}
	}
	return leaves
}

// begin forgets what was grown and makes room for a number of rows.
func (g *growth) begin(rows int) {
	g.held = g.held[:0]
	g.swap = slices.Grow(g.swap[:0], rows)[:rows]
	t := g.tree
	t.Nodes, t.Values, t.Sets = t.Nodes[:0], t.Values[:0], t.Sets[:0]
	if t.Width == 1 {
		// A tree of numbers is often as large as it may be: a leaf for each row. To
		// outgrow its room again and again would leave as much behind.
		nodes := 2 * rows / g.limit.MinLeaf
		if d := g.limit.MaxDepth; 0 < d && d < 30 {
			nodes = min(nodes, 2<<d)
		}
		g.held, t.Nodes, t.Values = slices.Grow(g.held, nodes/2), slices.Grow(t.Nodes, nodes), slices.Grow(t.Values, nodes)
	}
}

// looker is one goroutine's part of a growth.
type looker struct {
	scanner
	cutter         // nil if the scanner is none
	lister         // likewise
	turner         // likewise
	codes  []uint8 // of the rows of the node
	order  [listed]uint16
	bins   [maxBins]uint8
	best   split
}

// look makes the lookers of the growth.
func (g *growth) look() {
	for range max(1, min(g.limit.Threads, len(g.features))) {
		l := &looker{scanner: g.criterion.scanner()}
		l.cutter, _ = l.scanner.(cutter)
		l.lister, _ = l.scanner.(lister)
		l.turner, _ = l.scanner.(turner)
		g.lookers = append(g.lookers, l)
	}
	if t, ok := g.criterion.(tallier); ok && t.bin() > 0 && !g.draws() {
		g.tallier = t
	}
}

// draws reports whether chance has a part in the growth.
func (g *growth) draws() bool { return g.limit.MaxFeatures < len(g.features) || g.limit.Random }

// node appends the node that holds rows, and all below it, and returns its index.
// s is what the rows sum to if that is kept, else nil; it is used up.
func (g *growth) node(rows []int32, depth int, s sums) int32 {
	i := len(g.tree.Nodes)
	mayBeSplit := g.mayBeSplit(len(rows), depth)
	g.criterion.enter(rows, mayBeSplit && s == nil)
	impurity := g.criterion.impurity()
	g.tree.Nodes = append(roomy(g.tree.Nodes, 1), Node{Feature: -1, Cover: g.criterion.cover(), Impurity: impurity})
	g.tree.Values = roomy(g.tree.Values, g.tree.Width)[:len(g.tree.Values)+g.tree.Width]
	g.criterion.value(g.tree.Value(i))
	var best split
	if mayBeSplit && impurity > 0 {
		best = g.best(rows, s)
	}
	if best.gain <= g.limit.MinGain {
		g.drop(s)
		g.held = append(roomy(g.held, 1), int32(len(rows)))
		return int32(i)
	}
	f := &g.data.features[best.feature]
	n := Node{Feature: best.feature, Cover: g.tree.Nodes[i].Cover, Impurity: impurity}
	n.Threshold = f.complete(&best)
	left := g.divide(rows, best)
	n.MissingLeft = best.missingLeft
	if !best.anyMissing { // none to learn from: with most rows
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
	n.Right = g.children(rows[:left], rows[left:], depth+1, s)
	g.tree.Nodes[i] = n
	return int32(i)
}

// roomy returns s with room for n more. What has none is made twice as large: append
// adds a quarter at a time, and leaves four times the size behind.
func roomy[T any](s []T, n int) []T {
	if len(s)+n > cap(s) {
		s = slices.Grow(s, max(len(s), n, 1024))
	}
	return s
}

func (g *growth) mayBeSplit(rows, depth int) bool {
	return rows >= g.limit.MinSplit && (g.limit.MaxDepth == 0 || depth < g.limit.MaxDepth)
}

// children appends the nodes that hold rows, with all below them, and returns the
// index of the right one. If a hand is free and the rows are worth it, both sides
// grow at once; the tree is the same.
func (g *growth) children(left, right []int32, depth int, s sums) (r int32) {
	leftSums, rightSums := g.parted(left, right, depth, s)
	other := g.helped(min(len(left), len(right)), len(right))
	if other == nil {
		g.node(left, depth, leftSums)
		return g.node(right, depth, rightSums)
	}
	done := make(chan struct{})
	go func() {
		other.node(right, depth, rightSums)
		g.crew.hands <- struct{}{}
		close(done)
	}()
	g.node(left, depth, leftSums)
	<-done
	r = int32(len(g.tree.Nodes))
	sets := int32(len(g.tree.Sets))
	g.tree.Nodes, g.tree.Values = roomy(g.tree.Nodes, len(other.tree.Nodes)), roomy(g.tree.Values, len(other.tree.Values))
	for _, n := range other.tree.Nodes {
		if !n.Leaf() {
			n.Right += r
			if n.Set > 0 {
				n.Set += sets
			}
		}
		g.tree.Nodes = append(g.tree.Nodes, n)
	}
	g.tree.Values, g.tree.Sets = append(g.tree.Values, other.tree.Values...), append(g.tree.Sets, other.tree.Sets...)
	g.held = append(g.held, other.held...)
	g.crew.mu.Lock()
	g.crew.idle = append(g.crew.idle, other)
	g.crew.mu.Unlock()
	return r
}

// helped returns a growth for another part of the tree, of so many rows, and
// takes a hand for it; nil if that cannot be, or is not worth it.
func (g *growth) helped(smaller, rows int) *growth {
	if g.draws() || smaller < 1024 {
		return nil
	}
	c := g.criterion.fork()
	if c == nil {
		return nil
	}
	select {
	case <-g.crew.hands:
	default:
		return nil
	}
	g.crew.mu.Lock()
	other := last(&g.crew.idle)
	g.crew.mu.Unlock()
	if other == nil {
		other = &growth{data: g.data, criterion: c, limit: g.limit, crew: g.crew, features: g.features, tree: &Tree{Width: g.tree.Width}}
		other.look()
	}
	other.begin(rows)
	return other
}

// split is a way to divide a node; its gain is 0 if there is none.
type split struct {
	feature      int32
	gain         float64
	below, above uint8 // a number: the bins on either side of the cut
	last         uint8 // likewise, once complete: the last bin that goes left
	present      bool  // all that are present go left, only missing values right
	missingLeft  bool
	anyMissing   bool // among the rows of the node
	left         Set  // a category: the codes that go left
	occupied     Set  // a category: the codes of rows of the node
}

// best returns the best split of the node last entered; of equal ones that of
// the feature looked at first. s is what the rows sum to, or nil.
func (g *growth) best(rows []int32, s sums) split {
	// Rounding must not make one perfect split better than another.
	most := g.criterion.most() * (1 - 1e-12)
	own := g.lookers[0]
	own.best = split{}
	if g.draws() {
		g.bestOfDrawn(rows, most)
		return own.best
	}
	work := len(rows)
	if s != nil {
		work = maxBins
	}
	if work*len(g.features) < 1<<15 { // too little to share
		for j := range g.features {
			if g.scan(own, int32(j), rows, s, 0, most); own.best.gain >= most {
				break
			}
		}
		return own.best
	}
	helping := g.share(len(g.features), func(l *looker, j int) { g.scan(l, int32(j), rows, s, 0, most) })
	for _, l := range g.lookers[1 : 1+helping] {
		if l.best.gain > own.best.gain || l.best.gain == own.best.gain && l.best.feature < own.best.feature {
			own.best = l.best
		}
	}
	return own.best
}

// share calls f for 0 … n-1 from as many goroutines as there are hands free, each
// with a looker of its own, the first of the growth's. It returns the number of
// those that helped.
func (g *growth) share(n int, f func(l *looker, i int)) (helping int) {
	var next atomic.Int64
	work := func(l *looker) {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			f(l, i)
		}
	}
	var workers sync.WaitGroup
	for helping < min(len(g.lookers)-1, n-1) {
		select {
		case <-g.crew.hands:
		default:
			work(g.lookers[0])
			workers.Wait()
			return helping
		}
		helping++
		l := g.lookers[helping]
		l.best = split{}
		workers.Go(func() {
			work(l)
			g.crew.hands <- struct{}{}
		})
	}
	work(g.lookers[0])
	workers.Wait()
	return helping
}

// bestOfDrawn draws features until MaxFeatures of them vary in the node.
func (g *growth) bestOfDrawn(rows []int32, most float64) {
	varied := 0
	own := g.lookers[0]
	for k := range g.features {
		j := k + g.random.IntN(len(g.features)-k)
		g.features[k], g.features[j] = g.features[j], g.features[k]
		var u float64
		if g.limit.Random {
			u = g.random.Float64()
		}
		if g.scan(own, g.features[k], rows, nil, u, most) {
			if varied++; varied == g.limit.MaxFeatures || own.best.gain >= most {
				break
			}
		}
	}
}

// scan makes the best split of rows by a feature the looker's, if it is better
// than what that has, and reports whether the feature varies among them. s is what
// the rows sum to, or nil. u places a random threshold. A gain of most or above
// counts as most.
func (g *growth) scan(l *looker, j int32, rows []int32, s sums, u, most float64) (varies bool) {
	f := &g.data.features[j]
	if s == nil {
		l.codes = g.data.codes(l.codes, j, rows)
	}
	switch {
	case s != nil || f.categorical:
	case g.limit.Random && l.cutter != nil:
		if low, high := extent(l.codes); high != missing {
			return g.cutOf(l, j, low, high, u, most)
		}
	case !g.limit.Random && l.lister != nil && len(rows) <= listed:
		if order := inOrder(l.order[:0], l.codes); order[len(order)-1]>>8 != missing {
			return g.listOf(l, j, order, most)
		}
	}
	var occupied Set
	if s != nil {
		occupied = l.turn(s, j)
	} else {
		occupied = l.load(l.codes)
	}
	anyMissing := occupied.Has(missing)
	bins := l.bins[:0]
	for w, word := range occupied {
		for ; word != 0; word &= word - 1 {
			if b := w<<6 + trailing(word); b != missing {
				bins = append(bins, uint8(b))
			}
		}
	}
	if len(bins) == 0 || len(bins) == 1 && !anyMissing {
		return false
	}
	if f.categorical {
		slices.SortStableFunc(bins, func(a, b uint8) int { return cmp.Compare(l.key(a), l.key(b)) })
	}
	from, to := 1, len(bins)
	drawn := g.limit.Random && len(bins) > 1
	var last uint8 // before a threshold drawn
	if drawn {
		if f.categorical {
			from = 1 + int(u*float64(len(bins)-1))
		} else {
			last = f.drawn(bins[0], bins[len(bins)-1], u)
			from, _ = slices.BinarySearch(bins, last+1)
		}
		to = from + 1
	}
	k, gain, missingLeft := 0, 0.0, false
	try := func(left bool, from, to int) {
		if other, more := l.scan(bins, left, from, to, g.limit.MinLeaf); other > 0 && more > gain {
			k, gain, missingLeft = other, more, left
		}
	}
	try(false, from, to)
	if anyMissing {
		try(false, len(bins), len(bins)+1) // all that are present against them
		try(true, from, to)
	}
	if gain = min(gain, most); k == 0 || gain <= l.best.gain {
		return true
	}
	best := split{feature: j, gain: gain, present: k == len(bins), missingLeft: missingLeft, anyMissing: anyMissing}
	switch {
	case best.present:
	case drawn && !f.categorical: // where it was drawn, not half-way to the next rows
		best.below, best.above = last, last+1
	default:
		best.below, best.above = bins[k-1], bins[k]
	}
	if f.categorical {
		best.occupied = occupied
		for _, b := range bins[:k] {
			best.left.add(b)
		}
	}
	l.best = best
	return true
}

// cutOf is scan for one random threshold and no missing value: low and high are
// the first and last bin that hold rows.
func (g *growth) cutOf(l *looker, j int32, low, high uint8, u, most float64) (varies bool) {
	if low == high {
		return false
	}
	last := g.data.features[j].drawn(low, high, u)
	gain := min(l.cut(l.codes, last, g.limit.MinLeaf), most)
	if gain <= l.best.gain {
		return true
	}
	l.best = split{feature: j, gain: gain, below: last, above: last + 1}
	return true
}

// listOf is scan for few rows and no missing value.
func (g *growth) listOf(l *looker, j int32, order []uint16, most float64) (varies bool) {
	if order[0]>>8 == order[len(order)-1]>>8 {
		return false
	}
	k, gain := l.list(order, g.limit.MinLeaf)
	if gain = min(gain, most); k > 0 && gain > l.best.gain {
		l.best = split{feature: j, gain: gain, below: uint8(order[k-1] >> 8), above: uint8(order[k] >> 8)}
	}
	return true
}

// inOrder appends code<<8 + place of every code in ascending order.
func inOrder(order []uint16, codes []uint8) []uint16 {
	for i, b := range codes {
		o := uint16(b)<<8 | uint16(i)
		order = append(order, o)
		for ; i > 0 && order[i-1] > o; i-- {
			order[i] = order[i-1]
		}
		order[i] = o
	}
	return order
}

// extent returns the lowest and the highest code.
func extent(codes []uint8) (low, high uint8) {
	low = maxBins
	for _, b := range codes {
		low, high = min(low, b), max(high, b)
	}
	return low, high
}

// drawn returns the last bin on the left of a threshold drawn evenly between the
// lowest and highest value of a node whose rows are in bins low to high.
func (f *feature) drawn(low, high uint8, u float64) uint8 {
	from, to := f.low, f.high
	if low > 0 {
		from = f.edge[low-1]
	}
	if int(high) < len(f.edge) {
		to = f.edge[high]
	}
	at := f.at(from + u*(to-from))
	return min(max(at, low+1)-1, high-1)
}

// complete finds the last bin that a split sends left, and returns its threshold.
func (f *feature) complete(s *split) (threshold float64) {
	switch {
	case f.categorical:
		if s.missingLeft {
			s.left.add(missing)
		}
		return 0
	case s.present:
		s.last = maxBins - 1
		return math.MaxFloat64 // not +Inf, which JSON does not have
	}
	threshold, s.last = f.threshold(s.below, s.above)
	return threshold
}

// divide puts the rows that go left first and returns how many there are.
func (g *growth) divide(rows []int32, s split) int {
	l := g.lookers[0]
	l.codes = g.data.codes(l.codes, s.feature, rows)
	categorical := g.data.features[s.feature].categorical
	left, right := 0, 0
	for i, b := range l.codes {
		r := rows[i]
		goes := b <= s.last || b == missing && s.missingLeft
		if categorical {
			goes = s.left.Has(b)
		}
		if goes {
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

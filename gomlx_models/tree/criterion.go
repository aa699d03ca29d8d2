package tree

// A Criterion says what a good split is: Classes, Response or Hazard. It belongs
// to one tree at a time.
type Criterion interface {
	// width is the number of values of a node.
	width() int
	// enter turns to a node that holds rows. load says whether scanners will
	// load codes of them.
	enter(rows []int32, load bool)
	// value writes the answer of the node entered.
	value(dst []float64)
	// cover and impurity describe the node entered. A node of impurity 0 is
	// not split.
	cover() float64
	impurity() float64
	// most returns a gain that no split of the node entered exceeds: once one
	// has reached it, other features need no look. +Inf if none is known.
	most() float64
	// scanner returns what looks for splits of the node entered, of which
	// several may work at once.
	scanner() scanner
	// fork returns a criterion like this that may enter nodes at the same time,
	// or nil if there can be no other.
	fork() Criterion
}

// A scanner looks at one feature of the node last entered.
type scanner interface {
	// load takes in the bins of the node's rows and returns which are occupied.
	load(codes []uint8) Set
	// key orders categories: near ones are alike in outcome.
	key(bin uint8) float64
	// scan moves bins to the left one by one, and returns the number of bins
	// on the left, from ≤ k < to, at which the gain is highest, with at least
	// least rows on either side. k is 0 if there is none. Rows whose value is
	// missing are on the left if missingLeft says so, else on the right.
	scan(bins []uint8, missingLeft bool, from, to, least int) (k int, gain float64)
}

// A cutter is a scanner that judges one cut quicker than by load and scan: rows
// of bins up to last on the left, at least least rows on either side, no value
// missing. The gain is 0 if it is not worth a split.
type cutter interface {
	cut(codes []uint8, last uint8, least int) (gain float64)
}

// A lister is a scanner that goes through few rows one by one, quicker than bin by
// bin. order has the rows by bin, as bin<<8 + place in the node. It returns the
// number of rows on the left of the best split between bins, with at least least
// rows on either side and no value missing; 0 if none is worth it.
type lister interface {
	list(order []uint16, least int) (left int, gain float64)
}

// listed is how many rows are few. The order of so many is found quickest by
// inserting one after another.
const listed = 12

package treegraph

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/assay-ml/assay/gomlx_models/tree"
)

// walk is what the graph is built from beside its tables.
type walk struct {
	features, depth, width int
	sets                   bool // some nodes ask for categories
	placed                 bool // trees add to outputs of their own
	scale                  float64
	base                   []float64
	link                   tree.Link
	chance                 bool // answers are kept within 0 and 1
}

// answers is the whole graph. Its inputs are the rows and the tables of flat, in
// the order that compile gives them.
//
//	x       [rows, features] of 64 bits; NaN is missing
//	returns [rows, outputs]
func (w walk) answers(inputs []*Node) *Node {
	x, root, feature, threshold, missing, child, answer, values := inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5], inputs[6], inputs[7]
	inputs = inputs[8:]
	var place, set, member *Node
	if w.placed {
		place, inputs = inputs[0], inputs[1:]
	}
	if w.sets {
		set, member = inputs[0], inputs[1]
	}
	g, rows, trees := x.Graph(), x.Shape().Dim(0), root.Shape().Dim(0)
	cells := Reshape(x, rows*w.features)
	row := MulScalar(Iota(g, shapes.Make(dtypes.Int32, rows, trees), 0), float64(w.features)) // where each row's cells begin
	at := BroadcastToDims(InsertAxes(root, 0), rows, trees)                                   // the node that each row is at in each tree
	for range w.depth {
		v := pick(cells, Add(row, pick(feature, at)))                          // [rows, trees]
		unknown := GreaterThan(pick(missing, at), ScalarZero(g, dtypes.Int32)) // whether missing values go left
		left := Where(IsNaN(v), unknown, LessOrEqual(v, pick(threshold, at)))  // [rows, trees]
		if w.sets {
			left = Where(isPositive(pick(set, at)), inSet(v, pick(set, at), member), left)
		}
		at = pick(child, Add(MulScalar(at, 2), ConvertDType(left, dtypes.Int32)))
	}
	found := pick(values, pick(answer, at)) // [rows, trees, width]
	var sum *Node
	if w.placed {
		sum = Dot(Reshape(found, rows, trees*w.width), place).Product()
	} else {
		sum = ReduceSum(found, 1)
	}
	sum = Add(MulScalar(sum, w.scale), InsertAxes(Const(g, w.base), 0))
	switch {
	case w.link == tree.Logistic:
		p := Sigmoid(sum)
		return Concatenate([]*Node{OneMinus(p), p}, -1)
	case w.link == tree.Softmax:
		return Softmax(sum, -1)
	case w.chance: // rounding must not leave the range of a probability
		return ClipScalar(sum, 0, 1)
	}
	return sum
}

// inSet reports whether the category codes v are in the sets numbered from 1.
// What is no code is looked up as 255, where flat.member keeps the side of
// missing values.
func inSet(v, set, member *Node) *Node {
	isCode := LogicalAnd(LogicalAnd(GreaterOrEqual(v, ScalarZero(v.Graph(), v.DType())), LessThan(v, Scalar(v.Graph(), v.DType(), 255))), Equal(v, Floor(v)))
	code := ConvertDType(Where(isCode, v, Scalar(v.Graph(), v.DType(), 255)), dtypes.Int32)
	// Nodes that ask for a number look at the first set, whose answer is not used.
	index := MaxScalar(AddScalar(MulScalar(set, 256), -256), 0)
	return isPositive(pick(member, Add(index, code)))
}

func isPositive(x *Node) *Node { return GreaterThan(x, ScalarZero(x.Graph(), x.DType())) }

// pick returns from[index], index by index.
//
//	from    [n, …]
//	index   [rows, trees] of integers
//	returns [rows, trees, …]
func pick(from, index *Node) *Node { return Gather(from, InsertAxes(index, -1)) }

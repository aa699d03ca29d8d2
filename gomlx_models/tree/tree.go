package tree

import "math"

// Tree is a binary decision tree. Node 0 is the root; the left child of a node comes
// right after it, and its right child after all below the left one.
type Tree struct {
	Nodes  []Node    `json:"nodes"`
	Sets   []Set     `json:"sets,omitempty"` // of the categories that go left
	Width  int       `json:"width"`          // values a node
	Values []float64 `json:"values"`         // of node i: [i*Width, (i+1)*Width)
	Output int       `json:"output"`         // of the ensemble that the first value adds to
}

// Node is a leaf if Feature is negative; else it sends a row to the left if its
// value is at most Threshold or, for a category, in its set.
type Node struct {
	Feature     int32   `json:"feature"`
	Right       int32   `json:"right,omitempty"`
	Set         int32   `json:"set,omitempty"` // 1 + index into Sets; 0 for a number
	MissingLeft bool    `json:"missing_left,omitempty"`
	Threshold   float64 `json:"threshold,omitempty"`
	Cover       float64 `json:"cover"`    // weight of the training rows that reached it
	Impurity    float64 `json:"impurity"` // of those rows; 0 for criteria without one
}

// Leaf reports whether the node has no children.
func (n *Node) Leaf() bool { return n.Feature < 0 }

// Set is a set of category codes.
type Set [4]uint64

// Has reports whether code is in the set.
func (s *Set) Has(code uint8) bool { return s[code>>6]>>(code&63)&1 == 1 }

func (s *Set) add(code uint8) { s[code>>6] |= 1 << (code & 63) }

// Leaf returns the index of the leaf that x falls into.
func (t *Tree) Leaf(x []float64) int {
	i := int32(0)
	for t.Nodes[i].Feature >= 0 {
		n := &t.Nodes[i]
		if t.goesLeft(n, x[n.Feature]) {
			i++
		} else {
			i = n.Right
		}
	}
	return int(i)
}

// fall writes the leaf that each row falls into. Several rows step down in turn:
// while one waits for its next node, the others need not.
func (t *Tree) fall(xs [][]float64, leaf []int32) {
	const together = 8
	nodes := t.Nodes
	for ; len(xs) >= together; xs, leaf = xs[together:], leaf[together:] {
		at := (*[together]int32)(leaf)
		*at = [together]int32{}
		for moved := true; moved; {
			moved = false
			for k, i := range at {
				n := &nodes[i]
				if n.Feature < 0 {
					continue
				}
				v := xs[k][n.Feature]
				next := n.Right
				if v <= n.Threshold { // as good as chance, and so no branch: one assignment
					next = i + 1
				}
				if n.Set != 0 || v != v {
					next = t.step(i, v)
				}
				at[k] = next
				moved = true
			}
		}
	}
	for k, x := range xs {
		leaf[k] = int32(t.Leaf(x))
	}
}

// step returns the child of node i that value v of its feature leads to.
func (t *Tree) step(i int32, v float64) int32 {
	if n := &t.Nodes[i]; !t.goesLeft(n, v) {
		return n.Right
	}
	return i + 1
}

func (t *Tree) goesLeft(n *Node, v float64) bool {
	switch {
	case n.Set == 0 && v <= n.Threshold:
		return true
	case math.IsNaN(v):
		return n.MissingLeft
	case n.Set == 0:
		return false
	case isCode(v):
		return t.Sets[n.Set-1].Has(uint8(v))
	}
	return n.MissingLeft
}

// Value returns the values of node i, which share the tree's memory.
func (t *Tree) Value(i int) []float64 { return t.Values[i*t.Width : (i+1)*t.Width] }

// Depth returns the number of splits on the longest way to a leaf.
func (t *Tree) Depth() int {
	depth, deepest := make([]int, len(t.Nodes)), 0
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if n.Leaf() {
			deepest = max(deepest, depth[i])
			continue
		}
		depth[i+1], depth[n.Right] = depth[i]+1, depth[i]+1
	}
	return deepest
}

// Leaves returns the number of leaves.
func (t *Tree) Leaves() int { return (len(t.Nodes) + 1) / 2 }

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

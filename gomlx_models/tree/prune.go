package tree

import "math"

// PruningPath returns the values of α at which cost-complexity pruning cuts the
// tree back, ascending from 0, and the number of leaves left from each on.
// Breiman et al., Classification and Regression Trees (1984), chapter 3.
func (t *Tree) PruningPath() (alpha []float64, leaves []int) {
	p := newPruning(t)
	alpha, leaves = []float64{0}, []int{t.Leaves()}
	for {
		weakest, at := p.weakest()
		if len(at) == 0 {
			return alpha, leaves
		}
		left := p.cut(at)
		if last := len(alpha) - 1; weakest <= alpha[last] {
			leaves[last] = left
		} else {
			alpha, leaves = append(alpha, weakest), append(leaves, left)
		}
	}
}

// Prune removes, weakest first, every subtree whose splits lower the impurity by
// no more than alpha a leaf:
//
//	(R(t) − R(subtree)) / (leaves − 1) ≤ α,   R(t) = impurity × cover / cover of the root
//
// The node above a removed subtree becomes a leaf.
func (t *Tree) Prune(alpha float64) {
	p := newPruning(t)
	for {
		weakest, at := p.weakest()
		if len(at) == 0 || weakest > alpha {
			break
		}
		p.cut(at)
	}
	kept := &Tree{Width: t.Width, Output: t.Output}
	p.keep(kept, 0)
	*t = *kept
}

// pruning is a tree of which some subtrees are cut.
type pruning struct {
	t    *Tree
	open []bool // nodes that still split
}

func newPruning(t *Tree) *pruning {
	p := &pruning{t: t, open: make([]bool, len(t.Nodes))}
	for i := range t.Nodes {
		p.open[i] = !t.Nodes[i].Leaf()
	}
	return p
}

// weakest returns the smallest gain a leaf of the open nodes, and where it is.
func (p *pruning) weakest() (least float64, at []int) {
	n := len(p.t.Nodes)
	risk, leaves := make([]float64, n), make([]int, n)
	least = math.Inf(1)
	for i := n - 1; i >= 0; i-- { // children come after their parent
		node := &p.t.Nodes[i]
		asLeaf := node.Impurity * node.Cover / p.t.Nodes[0].Cover
		if !p.open[i] {
			risk[i], leaves[i] = asLeaf, 1
			continue
		}
		risk[i], leaves[i] = risk[i+1]+risk[node.Right], leaves[i+1]+leaves[node.Right]
		switch gain := (asLeaf - risk[i]) / float64(leaves[i]-1); {
		case gain < least:
			least, at = gain, []int{i}
		case gain == least:
			at = append(at, i)
		}
	}
	return least, at
}

// cut closes nodes and all below them, and returns the number of leaves left.
func (p *pruning) cut(at []int) int {
	for _, i := range at {
		p.close(int32(i))
	}
	open := 0
	for _, o := range p.open {
		if o {
			open++
		}
	}
	return open + 1
}

func (p *pruning) close(i int32) {
	if p.open[i] {
		p.open[i] = false
		p.close(i + 1)
		p.close(p.t.Nodes[i].Right)
	}
}

// keep copies node i and what is open below it.
func (p *pruning) keep(to *Tree, i int32) int32 {
	n := p.t.Nodes[i]
	at := len(to.Nodes)
	to.Nodes, to.Values = append(to.Nodes, n), append(to.Values, p.t.Value(int(i))...)
	if !p.open[i] {
		to.Nodes[at] = Node{Feature: -1, Cover: n.Cover, Impurity: n.Impurity}
		return int32(at)
	}
	if n.Set > 0 {
		to.Sets = append(to.Sets, p.t.Sets[n.Set-1])
		n.Set = int32(len(to.Sets))
	}
	p.keep(to, i+1)
	n.Right = p.keep(to, n.Right)
	to.Nodes[at] = n
	return int32(at)
}

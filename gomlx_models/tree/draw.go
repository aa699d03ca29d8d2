package tree

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/floats"
)

// Labels name what a tree speaks of. What is not named is numbered.
type Labels struct {
	Features   []string
	Categories map[int][]string // of a categorical feature: the name of each code
	Outputs    []string         // classes; nil for a number
}

// Drawing is a tree as a picture: a node with what it asks, what it answers and
// how many rows it holds. It nests, as tree charts want it.
type Drawing struct {
	Ask      string     `json:"ask,omitempty"` // "age ≤ 50"; empty in a leaf
	Answer   string     `json:"answer"`        // "malignant 0.93", "mean 12.4"
	Value    []float64  `json:"value"`
	Cover    float64    `json:"cover"`              // weight of the training rows
	Share    float64    `json:"share"`              // of the training rows
	Children []*Drawing `json:"children,omitempty"` // yes, no
}

// Draw returns the tree down to a depth; 0 draws all of it.
func (t *Tree) Draw(l Labels, depth int) *Drawing {
	if depth == 0 {
		depth = math.MaxInt
	}
	return t.draw(0, l, depth)
}

func (t *Tree) draw(i int32, l Labels, depth int) *Drawing {
	n := &t.Nodes[i]
	d := &Drawing{
		Answer: l.answer(t.Value(int(i))), Value: t.Value(int(i)), Cover: n.Cover, Share: n.Cover / t.Nodes[0].Cover,
	}
	if !n.Leaf() && depth > 0 {
		d.Ask = t.ask(n, l)
		d.Children = []*Drawing{t.draw(n.Left, l, depth-1), t.draw(n.Right, l, depth-1)}
	}
	return d
}

// Rules returns the tree as nested text.
func (t *Tree) Rules(l Labels) string {
	var b strings.Builder
	var write func(d *Drawing, indent string)
	write = func(d *Drawing, indent string) {
		if d.Ask == "" {
			fmt.Fprintf(&b, "%s%s (%.4g rows)\n", indent, d.Answer, d.Cover)
			return
		}
		fmt.Fprintf(&b, "%sif %s:\n", indent, d.Ask)
		write(d.Children[0], indent+"    ")
		fmt.Fprintf(&b, "%selse:\n", indent)
		write(d.Children[1], indent+"    ")
	}
	write(t.Draw(l, 0), "")
	return b.String()
}

// ask writes what a node asks, yes meaning left.
func (t *Tree) ask(n *Node, l Labels) string {
	name := named(l.Features, int(n.Feature), "feature ")
	orMissing := ""
	if n.MissingLeft {
		orMissing = " or missing"
	}
	if n.Set == 0 {
		if n.Threshold == math.MaxFloat64 {
			return name + " is known"
		}
		return fmt.Sprintf("%s ≤ %.4g%s", name, n.Threshold, orMissing)
	}
	set := &t.Sets[n.Set-1]
	// A set that unseen categories belong to has most codes: the others are said.
	verb, in := " is ", true
	if n.MissingLeft {
		verb, in = " is not ", false
	}
	var codes []string
	for c := range maxBins {
		if set.Has(uint8(c)) == in {
			codes = append(codes, named(l.Categories[int(n.Feature)], c, ""))
		}
	}
	return name + verb + strings.Join(codes, ", ")
}

func (l Labels) answer(value []float64) string {
	if len(value) == 1 {
		return fmt.Sprintf("%.4g", value[0])
	}
	k := floats.MaxIdx(value)
	return fmt.Sprintf("%s %.2f", named(l.Outputs, k, "class "), value[k])
}

func named(names []string, k int, otherwise string) string {
	if k < len(names) {
		return names[k]
	}
	return fmt.Sprint(otherwise, k)
}

package tree

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Labels name what a tree speaks of. What is not named is numbered.
type Labels struct {
	Features   []string
	Categories map[int][]string // of a categorical feature: the name of each code
	Outputs    []string         // classes; nil for a number
	Complete   bool             // no row lacks a value, so no question says where missing ones go
}

// Draw returns the tree down to a depth; 0 draws all of it.
func (t *Tree) Draw(l Labels, depth int) *models.Branch {
	if depth == 0 {
		depth = math.MaxInt
	}
	return t.draw(0, l, depth)
}

func (t *Tree) draw(i int32, l Labels, depth int) *models.Branch {
	n := &t.Nodes[i]
	d := &models.Branch{
		Answer: l.answer(t.Value(int(i))), Value: t.Value(int(i)), Cover: n.Cover, Share: n.Cover / t.Nodes[0].Cover,
	}
	if !n.Leaf() && depth > 0 {
		d.Ask = t.ask(n, l)
		d.Children = []*models.Branch{t.draw(i+1, l, depth-1), t.draw(n.Right, l, depth-1)}
	}
	return d
}

// Rules returns the tree as nested text.
func (t *Tree) Rules(l Labels) string {
	var b strings.Builder
	var write func(d *models.Branch, indent string)
	write = func(d *models.Branch, indent string) {
		if d.Ask == "" {
			fmt.Fprintf(&b, "%s%s (%s rows)\n", indent, d.Answer, short(d.Cover))
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
	if n.MissingLeft && !l.Complete {
		orMissing = " or missing"
	}
	if n.Set == 0 {
		if n.Threshold == math.MaxFloat64 {
			return name + " is known"
		}
		return name + " ≤ " + short(n.Threshold) + orMissing
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
		return short(value[0])
	}
	k := floats.MaxIdx(value)
	return fmt.Sprintf("%s %.2f", named(l.Outputs, k, "class "), value[k])
}

// short writes four significant digits, or more of a large number: who reads "≤ 1988"
// of a threshold of 1987.5 sends a patient the wrong way.
func short(v float64) string {
	if size := math.Abs(v); size < 1000 || size > 1e15 {
		return fmt.Sprintf("%.4g", v)
	}
	return strconv.FormatFloat(math.Round(10*v)/10, 'f', -1, 64)
}

func named(names []string, k int, otherwise string) string {
	if k < len(names) {
		return names[k]
	}
	return fmt.Sprint(otherwise, k)
}

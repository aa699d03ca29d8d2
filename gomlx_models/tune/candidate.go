package tune

import (
	"math/rand/v2"
	"strings"
)

// Candidate is a configuration with a name to tell it by.
type Candidate[C any] struct {
	Name   string
	Config C
}

// Choice is one setting of something that a configuration leaves open.
type Choice[C any] struct {
	Name string // "C = 10"

	// Set makes the choice. Slices, maps and what pointers point to are shared
	// with the base and with other candidates: Set may replace them, not write
	// through them.
	Set func(*C)
}

// Grid returns base with every combination of one choice of each axis; the last
// axis changes quickest.
func Grid[C any](base C, axes ...[]Choice[C]) []Candidate[C] {
	out := []Candidate[C]{{Config: base}}
	for _, choices := range axes {
		var more []Candidate[C]
		for _, c := range out {
			for _, choice := range choices {
				more = append(more, c.with(choice))
			}
		}
		out = more
	}
	return out
}

// Random returns base with n draws of choices. draw returns those of one
// candidate, and takes all chance from random, so that a seed gives them again.
// Bergstra and Bengio, JMLR 13 (2012), 281: it finds as good a candidate as a grid
// in fewer trials, where only some settings matter.
func Random[C any](base C, n int, seed int64, draw func(random *rand.Rand) []Choice[C]) []Candidate[C] {
	random := rand.New(rand.NewPCG(uint64(seed), 0x74756e65))
	out := make([]Candidate[C], n)
	for i := range out {
		out[i].Config = base
		for _, choice := range draw(random) {
			out[i] = out[i].with(choice)
		}
	}
	return out
}

// with returns the candidate with one more choice made.
func (c Candidate[C]) with(choice Choice[C]) Candidate[C] {
	c.Name = strings.TrimPrefix(c.Name+", "+choice.Name, ", ")
	choice.Set(&c.Config)
	return c
}

package imaging

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	models "github.com/assay-ml/assay/gomlx_models"
)

// ErrLeak is wrapped by the error for films that are on two sides of a split:
// what is judged on them says nothing of other patients.
var ErrLeak = errors.New("leak")

// Leak is something that two sides of a split share.
type Leak struct {
	Kind  string    // "patient", "same picture", "near-duplicate"
	Sides [2]string // "train", "test"
	What  [2]string // the patient, or the film on each side
}

// leakOf is the error for what two sides share.
func leakOf(kind string, shared []string, a, b string) error {
	n := len(shared)
	if n > 3 {
		shared = append(slices.Clone(shared[:3]), "…")
	}
	return fmt.Errorf("%w: %s in both %s and %s, %d in all (%s): move each to one side", ErrLeak, kind, a, b, n, strings.Join(shared, ", "))
}

// sharedPatients returns the patients who have films in both sets, in the order of b.
func sharedPatients[Y Outcome](a, b models.Dataset[Film, Y]) []string {
	in := map[string]bool{}
	for _, who := range a.Group {
		in[who] = true
	}
	var shared []string
	for _, who := range b.Group {
		if in[who] {
			shared = append(shared, who)
			delete(in, who)
		}
	}
	return shared
}

// A near-duplicate is a film whose hash differs from another's in at most
// nearBits of 64, and whose thumbnail correlates with the other's by more than
// nearCorrelation. Of 4,708 × 624 chest films of children and 705 × 209 of adults, no two of
// different people correlate by more than 0.972; a film scaled, recompressed, or brightened
// correlates with itself by more than 0.997.
const (
	nearBits        = 10
	nearCorrelation = 0.995
)

// leaks returns what two sides, so called, share: first patients, then pictures.
func leaks[Y Outcome](sides [2]string, a, b models.Dataset[Film, Y], inA, inB []fingerprint) []Leak {
	var found []Leak
	for _, who := range sharedPatients(a, b) {
		found = append(found, Leak{"patient", sides, [2]string{who, who}})
	}
	for j := range inB {
		for i := range inA {
			switch x, y := &inA[i], &inB[j]; {
			case x.digest == y.digest:
				found = append(found, Leak{"same picture", sides, [2]string{a.X[i].Name, b.X[j].Name}})
			case bits.OnesCount64(x.hash^y.hash) <= nearBits && x.alike(y) > nearCorrelation:
				found = append(found, Leak{"near-duplicate", sides, [2]string{a.X[i].Name, b.X[j].Name}})
			}
		}
	}
	return found
}

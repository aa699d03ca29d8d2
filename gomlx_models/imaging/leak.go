package imaging

import (
	"context"
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
	Kind  string    // "patient", "same picture", "near-duplicate", "mirrored copy"
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
// nearCorrelation; a mirrored copy is one of which that holds once left and
// right are exchanged. Of 4,708 × 624 chest films of children and 705 × 209 of adults, no two of
// different people correlate by more than 0.972, one of them mirrored 0.961; a film scaled,
// recompressed, mirrored or brightened correlates with itself by more than 0.997.
const (
	nearBits        = 10
	nearCorrelation = 0.995
)

// kinds are those of leaks, the worst first.
var kinds = []string{"patient", "same picture", "near-duplicate", "mirrored copy"}

// leaks returns what two sides, so called, share: first patients, then the films
// of b that are in a too, each once.
func leaks[Y Outcome](ctx context.Context, sides [2]string, a, b models.Dataset[Film, Y], inA, inB []fingerprint) ([]Leak, error) {
	var found []Leak
	for _, who := range sharedPatients(a, b) {
		found = append(found, Leak{"patient", sides, [2]string{who, who}})
	}
	// Hashes lie close together: all that most pairs, of which there may be
	// billions, are asked for.
	hashes := make([]uint64, len(inA))
	for i := range inA {
		hashes[i] = inA[i].hash
	}
	for j := range inB {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		film, worst, of := &inB[j], len(kinds), 0
		for i, hash := range hashes {
			near, mirrored := bits.OnesCount64(hash^film.hash) <= nearBits, bits.OnesCount64(hash^film.mirrored) <= nearBits
			if near || mirrored {
				if kind := inA[i].kinship(film, near, mirrored); kind < worst {
					worst, of = kind, i
				}
			}
		}
		if worst < len(kinds) {
			found = append(found, Leak{kinds[worst], sides, [2]string{a.X[of].Name, b.X[j].Name}})
		}
	}
	return found, nil
}

// kinship returns the index of the worst kind of leak that two films are, of those
// that their hashes allow; len(kinds) if they are none.
func (a *fingerprint) kinship(b *fingerprint, near, mirrored bool) int {
	switch {
	case a.digest == b.digest:
		return 1
	case near && a.alike(b, false) > nearCorrelation:
		return 2
	case mirrored && a.alike(b, true) > nearCorrelation:
		return 3
	}
	return len(kinds)
}

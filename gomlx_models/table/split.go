package table

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

// Split says which rows a model learns from and which judge it.
type Split struct {
	Train, Test []int // ascending
}

// SplitOptions say what a division of rows respects.
type SplitOptions struct {
	Group    []string // patient of each row: all rows of one go to one side; nil means that every row is another patient
	Stratify []string // class of each row: every side gets its share of each; nil means no classes
	Seed     int64
}

// Divide deals n rows into parts of the given shares, such as 0.7, 0.15, 0.15 for
// training, validation and test. Patients are never cut. With classes, every part
// gets its share of each as nearly as whole patients allow.
func Divide(n int, shares []float64, o SplitOptions) ([][]int, error) {
	var sum float64
	for _, s := range shares {
		if !(s > 0) {
			return nil, fmt.Errorf("a part has the share %v: shares must be positive", s)
		}
		sum += s
	}
	if len(shares) < 2 || sum < 0.999 || sum > 1.001 {
		return nil, fmt.Errorf("%d shares sum to %.4g: there must be at least two, and they must sum to 1", len(shares), sum)
	}
	patients, classes, err := o.patients(n)
	if err != nil {
		return nil, err
	}
	if len(patients) < len(shares) {
		return nil, fmt.Errorf("%d patients cannot be divided into %d parts", len(patients), len(shares))
	}
	r := rand.New(rand.NewPCG(uint64(o.Seed), 0))
	r.Shuffle(len(patients), func(i, j int) { patients[i], patients[j] = patients[j], patients[i] })
	// Large patients first: small ones can still even out what these tip.
	slices.SortStableFunc(patients, func(a, b patient) int { return cmp.Compare(len(b.rows), len(a.rows)) })
	parts := make([][]int, len(shares))
	held := make([][]float64, len(shares)) // rows of each class in each part
	for p := range held {
		held[p] = make([]float64, len(classes))
	}
	for _, unit := range patients {
		best, least := 0, 0.0
		for p, share := range shares {
			// How full the part would be, in the classes that this patient brings
			// first, then in rows.
			fullness := 1e-6 * float64(len(parts[p])+len(unit.rows)) / (share * float64(n))
			for c, k := range unit.classes {
				fullness += k / float64(len(unit.rows)) * (held[p][c] + k) / (share * classes[c])
			}
			if p == 0 || fullness < least {
				best, least = p, fullness
			}
		}
		parts[best] = append(parts[best], unit.rows...)
		for c, k := range unit.classes {
			held[best][c] += k
		}
	}
	for _, rows := range parts {
		if len(rows) == 0 {
			return nil, errors.New("a part is left without rows: there are too few patients for shares so small")
		}
		slices.Sort(rows)
	}
	return parts, nil
}

// patient is rows that must stay together.
type patient struct {
	rows    []int
	classes []float64 // rows of each class
}

// patients groups rows, and counts the rows of each class.
func (o SplitOptions) patients(n int) ([]patient, []float64, error) {
	if o.Group != nil && len(o.Group) != n {
		return nil, nil, fmt.Errorf("there are %d rows but %d patients", n, len(o.Group))
	}
	if o.Stratify != nil && len(o.Stratify) != n {
		return nil, nil, fmt.Errorf("there are %d rows but %d classes to stratify by", n, len(o.Stratify))
	}
	class, of := make(map[string]int), make([]int, n)
	var totals []float64
	for i := range n {
		label := ""
		if o.Stratify != nil {
			label = o.Stratify[i]
		}
		k, seen := class[label]
		if !seen {
			k = len(totals)
			class[label] = k
			totals = append(totals, 0)
		}
		of[i] = k
		totals[k]++
	}
	var patients []patient
	at := make(map[string]int)
	for i := range n {
		p := len(patients)
		if o.Group != nil {
			if o.Group[i] == "" {
				return nil, nil, fmt.Errorf("row %d has no patient", i)
			}
			if known, seen := at[o.Group[i]]; seen {
				p = known
			}
			at[o.Group[i]] = p
		}
		if p == len(patients) {
			patients = append(patients, patient{classes: make([]float64, len(totals))})
		}
		patients[p].rows = append(patients[p].rows, i)
		patients[p].classes[of[i]]++
	}
	return patients, totals, nil
}

// KFold deals n rows into k parts and returns k splits, each with another part to
// test.
func KFold(n, k int, o SplitOptions) ([]Split, error) {
	if k < 2 {
		return nil, fmt.Errorf("%d folds: there must be at least two", k)
	}
	shares := make([]float64, k)
	for i := range shares {
		shares[i] = 1 / float64(k)
	}
	parts, err := Divide(n, shares, o)
	if err != nil {
		return nil, err
	}
	splits := make([]Split, k)
	for i := range splits {
		splits[i].Test = parts[i]
		splits[i].Train = slices.Concat(slices.Concat(parts[:i]...), slices.Concat(parts[i+1:]...))
		slices.Sort(splits[i].Train)
	}
	return splits, nil
}

// Repeated returns the splits of several KFolds, each dealt anew.
func Repeated(n, k, times int, o SplitOptions) ([]Split, error) {
	var splits []Split
	for range times {
		once, err := KFold(n, k, o)
		if err != nil {
			return nil, err
		}
		splits = append(splits, once...)
		o.Seed++
	}
	return splits, nil
}

// NestedSplit is a split whose training rows are split again, to tune on, so that
// what judges a model has not tuned it.
type NestedSplit struct {
	Split
	Inner []Split // of the training rows; indices of the whole
}

// Nested returns outer splits with inner splits of each training set.
func Nested(n, outer, inner int, o SplitOptions) ([]NestedSplit, error) {
	splits, err := KFold(n, outer, o)
	if err != nil {
		return nil, err
	}
	nested := make([]NestedSplit, len(splits))
	for i, s := range splits {
		within := SplitOptions{Group: pick.Rows(o.Group, s.Train), Stratify: pick.Rows(o.Stratify, s.Train), Seed: o.Seed}
		folds, err := KFold(len(s.Train), inner, within)
		if err != nil {
			return nil, fmt.Errorf("inner folds: %w", err)
		}
		for j, f := range folds {
			folds[j] = Split{Train: pick.Rows(s.Train, f.Train), Test: pick.Rows(s.Train, f.Test)}
		}
		nested[i] = NestedSplit{Split: s, Inner: folds}
	}
	return nested, nil
}

// ByTime tests on the latest rows: about the given share of them, never cutting a
// moment in two. With groups, a patient seen before the cut is left out of the
// test, for the model has met them. Frame.Days makes times of dates.
func ByTime(time []float64, share float64, group []string) (Split, error) {
	if group != nil && len(group) != len(time) {
		return Split{}, fmt.Errorf("there are %d times but %d patients", len(time), len(group))
	}
	if !(share > 0 && share < 1) {
		return Split{}, fmt.Errorf("the share %v to test on must lie between 0 and 1", share)
	}
	if i := slices.Index(group, ""); i >= 0 {
		return Split{}, fmt.Errorf("row %d has no patient", i)
	}
	known := sortedKnown(time)
	if len(known) < len(time) {
		return Split{}, fmt.Errorf("%d rows have no time", len(time)-len(known))
	}
	if len(known) < 2 || known[0] == known[len(known)-1] {
		return Split{}, errors.New("all rows are of one time: there is no later part to test on")
	}
	cut := known[min(int(math.Round((1-share)*float64(len(known)))), len(known)-1)]
	if cut == known[0] {
		cut = known[slices.IndexFunc(known, func(t float64) bool { return t > known[0] })]
	}
	var s Split
	met := make(map[string]bool)
	for i, t := range time {
		if t < cut {
			s.Train = append(s.Train, i)
			if group != nil {
				met[group[i]] = true
			}
		}
	}
	for i, t := range time {
		if t >= cut && !(group != nil && met[group[i]]) {
			s.Test = append(s.Test, i)
		}
	}
	if len(s.Test) == 0 {
		return Split{}, errors.New("every patient seen late was seen early too: there is nobody new to test on")
	}
	return s, nil
}

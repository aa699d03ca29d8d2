package score

import (
	"errors"
	"fmt"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Options say how predictions are judged. The zero value judges at threshold
// 0.5, takes every row for another patient, and draws 2000 resamples.
type Options struct {
	Name      string     // of the data set: "test"
	Classes   []string   // names in output order; nil means "0", "1" …
	Group     []string   // patient of each row, "" if unknown: such a row, and with nil every row, is another patient
	Subgroups []Subgroup // groupings that the report breaks the scores down by
	Operating Operating  // the threshold of a binary model; zero means 0.5
	Resamples int        // of the bootstrap; 0 means 2000, negative means no intervals
	Seed      int64      // of the bootstrap
	Bins      int        // of calibration; 0 means 10
	Horizon   float64    // of survival calibration, one of the forecast's times; 0 means the last
}

// Subgroup is one way of dividing the rows: by sex, age band, device, view.
type Subgroup struct {
	Name string
	Of   []string // label of each row; an empty label is shown as "unknown"
}

// ErrNoRows is returned by every builder when there is nothing to judge.
var ErrNoRows = errors.New("there are no rows to judge")

// check finds what would make a report of n rows meaningless.
func (o Options) check(n int) error {
	if n == 0 {
		return ErrNoRows
	}
	if o.Group != nil && len(o.Group) != n {
		return fmt.Errorf("there are %d rows but %d patients in Options.Group", n, len(o.Group))
	}
	for _, s := range o.Subgroups {
		if len(s.Of) != n {
			return fmt.Errorf("there are %d rows but %d labels in subgroup %q", n, len(s.Of), s.Name)
		}
	}
	if o.Bins < 0 {
		return fmt.Errorf("%d calibration bins: there must be at least one", o.Bins)
	}
	return nil
}

func (o Options) bins() int {
	if o.Bins == 0 {
		return 10
	}
	return o.Bins
}

// class names the k-th output.
func (o Options) class(k int) string {
	if k < len(o.Classes) {
		return o.Classes[k]
	}
	return fmt.Sprint(k)
}

// patients returns, for each patient of some rows, their positions among those
// rows; patients come in order of first appearance.
func (o Options) patients(rows []int) [][]int {
	var of [][]int
	seen := make(map[string]int, len(rows))
	for i, row := range rows {
		g := len(of)
		if o.Group != nil && o.Group[row] != "" {
			known, ok := seen[o.Group[row]]
			if ok {
				g = known
			}
			seen[o.Group[row]] = g
		}
		if g == len(of) {
			of = append(of, nil)
		}
		of[g] = append(of[g], i)
	}
	return of
}

// probabilities checks that every value is a probability.
func probabilities(of string, p []float64) error {
	if i := slices.IndexFunc(p, noProbability); i >= 0 {
		return fmt.Errorf("row %d: %s is %v, which is not a probability", i, of, p[i])
	}
	return nil
}

func noProbability(v float64) bool { return !(v >= 0 && v <= 1) }

func sameLength(n, m int, a, b string) error {
	if n != m {
		return fmt.Errorf("there are %d %s but %d %s", n, a, m, b)
	}
	return nil
}

// mustMatch guards the plain measures.
func mustMatch(n, m int) {
	if n != m {
		panic(fmt.Sprintf("score: slices of length %d and %d", n, m))
	}
}

func numbers(x []float64) []models.Number {
	n := make([]models.Number, len(x))
	for i, v := range x {
		n[i] = models.Number(v)
	}
	return n
}

// levels returns the labels in use, sorted.
func levels(labels []string) []string {
	set := slices.Clone(labels)
	slices.Sort(set)
	return slices.Compact(set)
}

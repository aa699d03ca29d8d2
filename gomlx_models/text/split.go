package text

import (
	"fmt"
	"math/rand/v2"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Dataset is texts with the indices of the classes that each belongs to:
// exactly one, unless the model is told that labels do not exclude each other.
type Dataset = models.Dataset[string, []int]

// Pick returns the given rows of a data set under another name.
func Pick(set Dataset, name string, rows []int) Dataset {
	picked := Dataset{Name: name}
	for _, row := range rows {
		picked.X, picked.Y = append(picked.X, set.X[row]), append(picked.Y, set.Y[row])
		if set.Group != nil {
			picked.Group = append(picked.Group, set.Group[row])
		}
	}
	return picked
}

// Cut divides a data set in three by shares, so that all rows of a group are in
// one part, and each class is in every part in about the same share. The same
// seed cuts alike.
func Cut(set Dataset, validation, test float64, seed int64) (Data, error) {
	if !(validation >= 0 && test >= 0 && validation+test < 1) {
		return Data{}, fmt.Errorf("shares of %g and %g for validation and test: they must not be negative and must leave some to train on", validation, test)
	}
	// Fine folds are dealt out to the parts.
	const parts = 20
	folds := assign(set, parts, seed)
	var rows [3][]int
	for row, fold := range folds {
		at := (float64(fold) + 0.5) / parts
		switch {
		case at < test:
			rows[2] = append(rows[2], row)
		case at < test+validation:
			rows[1] = append(rows[1], row)
		default:
			rows[0] = append(rows[0], row)
		}
	}
	return Data{Train: Pick(set, "train", rows[0]), Validation: Pick(set, "validation", rows[1]), Test: Pick(set, "test", rows[2])}, nil
}

// Folds returns the rows of each of k folds for cross-validation: all rows of
// a group in one fold, each class in every fold in about the same share.
func Folds(set Dataset, k int, seed int64) ([][]int, error) {
	if k < 2 || k > set.Len() {
		return nil, fmt.Errorf("%d folds of %d rows: there must be at least two folds and a row for each", k, set.Len())
	}
	folds := make([][]int, k)
	for row, fold := range assign(set, k, seed) {
		folds[fold] = append(folds[fold], row)
	}
	return folds, nil
}

// assign deals groups out to k folds, large ones first, each to the fold that
// lacks most of its classes.
func assign(set Dataset, k int, seed int64) []int {
	groups := map[string][]int{}
	var names []string
	for row := range set.X {
		name := fmt.Sprint(row)
		if set.Group != nil {
			name = set.Group[row]
		}
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], row)
	}
	rand.New(rand.NewPCG(uint64(seed), 0)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	slices.SortStableFunc(names, func(a, b string) int { return len(groups[b]) - len(groups[a]) })

	classes := 0
	for _, labels := range set.Y {
		for _, class := range labels {
			classes = max(classes, class+1)
		}
	}
	held := make([][]int, k) // of each class, in each fold; rows in all in the last place
	for fold := range held {
		held[fold] = make([]int, classes+1)
	}
	folds := make([]int, set.Len())
	for _, name := range names {
		wanted := make([]int, classes+1)
		for _, row := range groups[name] {
			for _, class := range set.Y[row] {
				wanted[class]++
			}
			wanted[classes]++
		}
		best, least := 0, 0
		for fold := range held {
			load := 0
			for class, n := range wanted {
				load += n * held[fold][class]
			}
			if fold == 0 || load < least {
				best, least = fold, load
			}
		}
		for class, n := range wanted {
			held[best][class] += n
		}
		for _, row := range groups[name] {
			folds[row] = best
		}
	}
	return folds
}

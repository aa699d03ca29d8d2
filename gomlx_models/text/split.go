package text

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Dataset is texts with the indices of the classes that each belongs to:
// exactly one, unless the model is told that labels do not exclude each other.
type Dataset = models.Dataset[string, []int]

// Pick returns the given rows of a data set under another name.
func Pick(set Dataset, name string, rows []int) Dataset {
	picked := set.Take(rows)
	picked.Name = name
	return picked
}

// Cut divides a data set in three by shares, so that all rows of a group are in
// one part, and each class is in every part in about the same share. The same
// seed cuts alike.
func Cut(set Dataset, validation, test float64, seed int64) (Data, error) {
	if !(validation >= 0 && test >= 0 && validation+test < 1) {
		return Data{}, fmt.Errorf("shares of %g and %g for validation and test: they must not be negative and must leave some to train on", validation, test)
	}
	var rows [3][]int
	for row, part := range assign(set, []float64{1 - validation - test, validation, test}, seed) {
		rows[part] = append(rows[part], row)
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
	for row, fold := range assign(set, slices.Repeat([]float64{1}, k), seed) {
		folds[fold] = append(folds[fold], row)
	}
	if slices.ContainsFunc(folds, func(rows []int) bool { return rows == nil }) {
		return nil, fmt.Errorf("%d folds of fewer groups: there must be a group for each", k)
	}
	return folds, nil
}

// assign deals groups out to parts of the given shares, large groups first. Each
// goes where it adds least to
//
//	Σ n²/share    over parts and classes, and all rows, n of which the part has
//
// which is least where every part has its share of every class.
func assign(set Dataset, shares []float64, seed int64) []int {
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
	held := make([][]float64, len(shares)) // of each class, in each part; rows in all in the last place
	for part := range held {
		held[part] = make([]float64, classes+1)
	}
	parts := make([]int, set.Len())
	for _, name := range names {
		wanted := make([]float64, classes+1)
		for _, row := range groups[name] {
			for _, class := range set.Y[row] {
				wanted[class]++
			}
			wanted[classes]++
		}
		best, least := 0, math.Inf(1)
		for part, share := range shares {
			adds := 0.0
			for class, n := range wanted {
				adds += n * (2*held[part][class] + n)
			}
			if adds /= share; adds < least {
				best, least = part, adds
			}
		}
		for class, n := range wanted {
			held[best][class] += n
		}
		for _, row := range groups[name] {
			parts[row] = best
		}
	}
	return parts
}

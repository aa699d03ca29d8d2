// Package pick takes some rows of a set.
package pick

// All returns 0 … n−1: every row.
func All(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// Rows returns the values of some rows, in their order; of nil, which is no values
// at all, nil.
func Rows[T any](from []T, rows []int) []T {
	if from == nil {
		return nil
	}
	to := make([]T, len(rows))
	for i, r := range rows {
		to[i] = from[r]
	}
	return to
}

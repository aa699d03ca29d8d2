// Package helper is of a module that is a folder.
package helper

// Twice doubles x.
func Twice(x float64) float64 { return 2 * x }

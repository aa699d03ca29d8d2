// Package probability turns what models add up, from −∞ to ∞, into probabilities.
package probability

import "math"

// Logistic returns 1 / (1 + e⁻ᶻ).
func Logistic(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// Softmax puts exp(z_k) / Σ exp(z) in the place of each z_k, and returns z.
func Softmax(z []float64) []float64 {
	top, sum := math.Inf(-1), 0.0
	for _, v := range z {
		top = max(top, v)
	}
	for k, v := range z {
		z[k] = math.Exp(v - top) // at most 1
		sum += z[k]
	}
	for k := range z {
		z[k] /= sum
	}
	return z
}

// Of puts probabilities in the place of the scores of a row, and returns them: of
// classes that exclude each other by Softmax, of labels each by Logistic.
func Of(z []float64, labels bool) []float64 {
	if !labels {
		return Softmax(z)
	}
	for k, v := range z {
		z[k] = Logistic(v)
	}
	return z
}

// OfLogits returns the probabilities of rows whose scores a network returns, row
// after row.
//
//	logits  [rows * classes]
//	returns [rows][classes]
func OfLogits(logits []float32, classes int, labels bool) [][]float64 {
	rows := make([][]float64, len(logits)/classes)
	for i := range rows {
		rows[i] = make([]float64, classes)
		for k := range rows[i] {
			rows[i][k] = float64(logits[i*classes+k])
		}
		Of(rows[i], labels)
	}
	return rows
}

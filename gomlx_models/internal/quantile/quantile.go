// Package quantile finds quantiles as numpy does.
package quantile

// Of interpolates linearly between the order statistics of sorted: R's type 7.
func Of(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

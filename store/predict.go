package store

import "math"

// A predictor guesses a value from the taps before it:
//
//	guess = Σ cⱼ v[i-j],  j = 1 … taps
//
// with the coefficients that make the squared errors of a chunk least. A sum of
// exponentials and sines, which many curves nearly are, is guessed to the last
// digits; noise around a trend is averaged out. What the file holds is the
// difference of the ordered integers of value and guess, so that a bad guess
// costs space and nothing else.
//
// The guess must come out the same, bit for bit, wherever the chunk is read: each
// product is rounded on its own (the conversions below forbid fused operations),
// and the sum is made in one order.
type predictor struct {
	coefficients [taps]float64
	first        int64 // ordered value that all others differ from by multiples of 1<<shift
	shift        int
}

const taps = 6

// guess returns the guess that follows the values before it, as an ordered
// integer on the values' grid.
func (p *predictor) guess(before *[taps]float64) int64 {
	var sum float64
	for j, c := range p.coefficients {
		sum += float64(c * before[taps-1-j])
	}
	x := ordered(math.Float64bits(sum)) - p.first
	return p.first + x>>p.shift<<p.shift
}

// residuals appends what the guesses miss of values, which xs are the ordered
// integers of.
func (p *predictor) residuals(dst, xs []int64, values []float64) []int64 {
	for i := taps; i < len(xs); i++ {
		dst = append(dst, xs[i]-p.guess((*[taps]float64)(values[i-taps:])))
	}
	return dst
}

// restore makes values of residuals, behind the first taps values.
func (p *predictor) restore(xs []int64) {
	var before [taps]float64
	for i, x := range xs {
		if i >= taps {
			x += p.guess(&before)
			xs[i] = x
		}
		copy(before[:], before[1:])
		before[taps-1] = math.Float64frombits(unordered(x))
	}
}

// fit returns the predictor of xs. There is none for short or non-finite columns.
func (k *codec) fit(xs []int64) (p predictor, found bool) {
	if len(xs) < 64 { // the coefficients would cost more than they save
		return p, false
	}
	var off uint64
	values := k.values[:0]
	for _, x := range xs {
		off |= uint64(x - xs[0])
		values = append(values, math.Float64frombits(unordered(x)))
	}
	k.values = values
	p.first, p.shift = xs[0], sharedZeros([]int64{int64(off)})

	// The normal equations: a[r][c] = Σ v[i-1-r] v[i-1-c], and v[i-1-r] v[i] on the
	// right. Along a diagonal only the ends of the sums differ.
	var a equations
	n := len(values)
	for i := taps; i < n; i++ {
		past := (*[taps + 1]float64)(values[i-taps:])
		for r := range taps {
			a[r][0] += past[taps-1-r] * past[taps-1]
			a[r][taps] += past[taps-1-r] * past[taps]
		}
	}
	for r := 1; r < taps; r++ {
		for c := 1; c <= r; c++ {
			a[r][c] = a[r-1][c-1] + values[taps-1-r]*values[taps-1-c] - values[n-1-r]*values[n-1-c]
		}
	}
	// Curves without noise have equations that depend on each other; a ridge,
	// the smallest that does, makes them solvable.
	for _, ridge := range []float64{1e-14, 1e-12, 1e-10} {
		if p.coefficients, found = a.solve(ridge * a[0][0]); found {
			return p, true
		}
	}
	return p, false
}

// equations are symmetric linear equations: the lower triangle, and the right
// side in the last column.
type equations [taps][taps + 1]float64

// solve solves the equations with ridge added to the diagonal, by Cholesky's
// method, if they are positive definite and finite.
func (a equations) solve(ridge float64) (x [taps]float64, found bool) {
	for r := range taps {
		for c := 0; c <= r; c++ {
			sum := a[r][c]
			for j := range c {
				sum -= a[r][j] * a[c][j]
			}
			if r == c {
				a[r][r] = math.Sqrt(sum + ridge)
			} else {
				a[r][c] = sum / a[c][c]
			}
		}
		for j := range r {
			a[r][taps] -= a[r][j] * a[j][taps]
		}
		a[r][taps] /= a[r][r]
	}
	for r := taps - 1; r >= 0; r-- {
		x[r] = a[r][taps]
		for j := r + 1; j < taps; j++ {
			x[r] -= a[j][r] * x[j]
		}
		x[r] /= a[r][r]
		if x[r]-x[r] != 0 {
			return x, false
		}
	}
	return x, true
}

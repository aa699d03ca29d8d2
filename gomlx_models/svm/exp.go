package svm

import "math"

const expSteps = 64

// powers are 2^(−j/64).
var powers = func() (t [expSteps]float64) {
	for j := range t {
		t[j] = math.Exp2(-float64(j) / expSteps)
	}
	return t
}()

// expMinus returns exp(−z) for z ≥ 0 to within 1e-12 of itself, in a third of the
// time of math.Exp, which was half of all time spent fitting a radial kernel.
//
// With z = (64k + j + f) ln2/64, it is 2⁻ᵏ times powers[j] times a short
// series of the rest, which is at most ln2/128.
func expMinus(z float64) float64 {
	const perStep = math.Ln2 / expSteps
	if !(z < 700) {
		return 0
	}
	n := int64(z*(1/perStep) + 0.5)
	r := float64(n)*perStep - z
	series := 1 + r*(1+r*(1.0/2+r*(1.0/6+r*(1.0/24))))
	return math.Float64frombits(uint64(1023-n/expSteps)<<52) * powers[n%expSteps] * series
}

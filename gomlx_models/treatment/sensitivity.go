package treatment

import (
	"fmt"
	"math"
)

// EValue says how strong an unmeasured confounder would have to be to explain away
// a risk ratio and, if its interval leaves out 1, the end of the interval nearest
// to 1: it would have to be that many times as frequent in one arm, and raise the
// risk that many times, beyond what is measured. 1 means that none is needed.
//
//	E = RR + √(RR (RR − 1)), of 1/RR if RR is below 1
//
// Low and high may be NaN. VanderWeele and Ding, Annals of Internal Medicine 167
// (2017), 268.
func EValue(ratio, low, high float64) (point, interval float64, err error) {
	if !(ratio > 0) || math.IsInf(ratio, 0) || low <= 0 || low > ratio || high < ratio {
		return 0, 0, fmt.Errorf("treatment: %v (%v to %v) is no risk ratio with its interval: they are above 0 and in order", ratio, low, high)
	}
	e := func(r float64) float64 {
		if r < 1 {
			r = 1 / r
		}
		return r + math.Sqrt(r*(r-1))
	}
	nearest := low
	if ratio < 1 {
		nearest = high
	}
	switch {
	case math.IsNaN(nearest):
		interval = math.NaN()
	case low <= 1 && high >= 1:
		interval = 1
	default:
		interval = e(nearest)
	}
	return e(ratio), interval, nil
}

// EffectRatio turns a difference in means into the risk ratio that EValue takes,
// by way of its size in standard deviations of the outcome: RR ≈ exp(0.91 d).
// VanderWeele and Ding (2017), after Chinn, Statistics in Medicine 19 (2000), 3127.
func EffectRatio(effect, stdErr, deviation float64) (ratio, low, high float64) {
	d, s := effect/deviation, stdErr/deviation
	return math.Exp(0.91 * d), math.Exp(0.91*d - 1.78*s), math.Exp(0.91*d + 1.78*s)
}

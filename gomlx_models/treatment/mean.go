package treatment

import (
	"math"
	"strconv"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// A mean is that of some values, with its standard error.
type mean struct {
	value, stdErr float64
	patients      int
}

// meanOf returns the mean of values. What is off in the values of one patient adds
// up before it is squared:
//
//	s² = G/(G−1) Σ_g (Σ_{i∈g} (vᵢ − v̄))² / n²
//
// which is the usual one where each of the G patients has one value. patient is nil
// if each has. Liang and Zeger, Biometrika 73 (1986), 13.
func meanOf(values []float64, patient []string) mean {
	m := mean{value: stat.Mean(values, nil), patients: len(values)}
	var squares float64
	if patient == nil {
		for _, v := range values {
			squares += (v - m.value) * (v - m.value)
		}
	} else {
		at, off := map[string]int{}, []float64{} // in the order of the rows, so that sums have the same bits
		for i, v := range values {
			g, seen := at[patient[i]]
			if !seen {
				g = len(off)
				at[patient[i]], off = g, append(off, 0)
			}
			off[g] += v - m.value
		}
		for _, d := range off {
			squares += d * d
		}
		m.patients = len(off)
	}
	n, g := float64(len(values)), float64(m.patients)
	m.stdErr = math.Sqrt(g/(g-1)*squares) / n
	return m
}

// interval returns the 95 % interval by Student's t, NaN of fewer than two patients.
func (m mean) interval() (low, high float64) {
	if m.patients < 2 {
		return math.NaN(), math.NaN()
	}
	half := m.stdErr * distuv.StudentsT{Sigma: 1, Nu: float64(m.patients - 1)}.Quantile(0.975)
	return m.value - half, m.value + half
}

// significant writes a number with so many significant digits, or as a whole one if
// it has more: 12345 rather than 1.234e+04.
func significant(v float64, digits int) string {
	if size := math.Abs(v); size >= math.Pow10(digits) && size < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', digits, 64)
}

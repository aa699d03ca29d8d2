package importers

import (
	"math"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/store"
)

// pythonValue returns the bool, int64 or float64 that Python's str wrote as s, or
// s itself if Python would write that value in any other way: "007" and "0.10"
// were text, and stay it.
func pythonValue(s string) store.Value {
	switch s {
	case "True":
		return true
	case "False":
		return false
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(i, 10) == s {
		return i
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && pythonFloat(f) == s {
		return f
	}
	return s
}

// pythonFloat returns what Python's repr writes for f.
// Python's Objects/floatobject.c, float_repr; Python/pystrtod.c, format 'r'.
func pythonFloat(f float64) string {
	switch {
	case f != f:
		return "nan"
	case math.IsInf(f, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+"))
	}
	scientific := strconv.FormatFloat(f, 'e', -1, 64)
	_, exponent, _ := strings.Cut(scientific, "e")
	if e, err := strconv.Atoi(exponent); err != nil || e < -4 || e >= 16 {
		return scientific
	}
	plain := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(plain, ".") {
		plain += ".0"
	}
	return plain
}

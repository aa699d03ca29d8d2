package models

import (
	"math"
	"strings"
)

// Report is what judging a model on one data set found. It is a value: the
// tracker keeps it as JSON, charts draw it, pages compare it. Non-finite numbers
// survive the trip (see Number).
type Report struct {
	Name    string   `json:"name"`             // the data set judged on: "test"
	Rows    int      `json:"rows"`             // judged
	Groups  int      `json:"groups,omitempty"` // patients among them
	Method  string   `json:"method,omitempty"` // how intervals were made: "bootstrap by patient, 2000 resamples, seed 1"
	Metrics []Metric `json:"metrics"`          // headline first
	Curves  []Curve  `json:"curves,omitempty"` // ROC, precision-recall, calibration, survival …
	Tables  []Table  `json:"tables,omitempty"` // confusion matrix, subgroups …
	Notes   []string `json:"notes,omitempty"`  // what a reader must know: synthetic data, a shortcut found, a leak overridden
}

// Metric is one number with its 95 % interval.
type Metric struct {
	Name  string `json:"name"` // "auc"; lower case, underscores
	Value Number `json:"value"`
	Low   Number `json:"low"`  // 2.5 %; NaN if there is no interval
	High  Number `json:"high"` // 97.5 %; NaN if there is no interval
}

// Curve is a line with a meaning: X and Y have one length.
type Curve struct {
	Kind  string   `json:"kind"`  // "roc", "pr", "calibration", "decision", "survival", "qini": charts draws each its way
	Label string   `json:"label"` // the class or group
	X     []Number `json:"x"`
	Y     []Number `json:"y"`
	Low   []Number `json:"low,omitempty"`  // lower end of the 95 % interval of Y; nil means that there is none
	High  []Number `json:"high,omitempty"` // upper end
	N     []int    `json:"n,omitempty"`    // count at each point: bin sizes of a calibration curve, number at risk
}

// Table is rows under named columns.
type Table struct {
	Kind    string     `json:"kind"` // "confusion", "coefficients", "tokens", "subgroups": charts draws the first as a heat map, the second as a forest plot, the third as coloured words
	Title   string     `json:"title"`
	Columns []string   `json:"columns"` // the first names the row
	Rows    [][]string `json:"rows"`
}

// Metric returns the metric called name, and whether there is one.
func (r Report) Metric(name string) (Metric, bool) {
	for _, m := range r.Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// LowerIsBetter reports whether a smaller value of the metric is the better
// one: of losses, errors and what the field calls scores but means as errors.
// Prefixes such as "test." and "val_" do not matter.
func LowerIsBetter(metric string) bool {
	words := strings.FieldsFunc(strings.ToLower(metric), func(r rune) bool { return r == '.' || r == '_' || r == '/' || r == '-' || r == ' ' })
	for _, word := range words {
		switch word {
		case "loss", "error", "err", "mae", "mse", "rmse", "mape", "brier", "ibs", "ece", "hinge", "perplexity", "pehe", "deviance", "aic", "bic":
			return true
		}
	}
	return false
}

// Better returns the better of two values of a metric; NaN is worse than any, and
// is what it returns of a metric that is Unranked.
func Better(metric string, a, b float64) float64 {
	switch {
	case Unranked(metric):
		return math.NaN()
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	case LowerIsBetter(metric):
		return min(a, b)
	}
	return max(a, b)
}

// Unranked reports whether neither the higher nor the lower value of the metric is
// the better one: prevalence says what the data are, a bias is best at 0, and a p
// value is no measure of how good anything is.
func Unranked(metric string) bool {
	name := metric[strings.LastIndexByte(metric, '.')+1:]
	return name == "prevalence" || name == "bias" || name == "p" || strings.HasSuffix(name, "_p")
}

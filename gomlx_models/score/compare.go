package score

import (
	"fmt"
	"math"
	"sort"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

// Comparison is a test of the difference between two models on the same rows.
type Comparison struct {
	A, B       float64 // the score of each model
	Difference float64 // B − A
	Low, High  float64 // 95 % interval of the difference
	P          float64 // two-sided, of no difference
}

// DeLong compares the AUCs of two models on the same rows, which must be
// independent: with several rows a patient use CompareBinary, which resamples
// patients. DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), 837; computed
// from ranks as in Sun and Xu, IEEE Signal Processing Letters 21 (2014), 1389.
//
// If the two models rank every pair alike, the difference is 0 and P is 1. It is
// an error if a class has fewer than two rows or a score is NaN.
func DeLong(positive []bool, a, b []float64) (Comparison, error) {
	if len(a) != len(positive) || len(b) != len(positive) {
		return Comparison{}, fmt.Errorf("there are %d outcomes but %d and %d scores", len(positive), len(a), len(b))
	}
	for i := range a {
		if math.IsNaN(a[i]) || math.IsNaN(b[i]) {
			return Comparison{}, fmt.Errorf("row %d: a score is NaN", i)
		}
	}
	caseA, controlA := placements(positive, a)
	caseB, controlB := placements(positive, b)
	if len(caseA) < 2 || len(controlA) < 2 {
		return Comparison{}, fmt.Errorf("DeLong's test needs two rows of each class: there are %d positive and %d negative", len(caseA), len(controlA))
	}
	variance := differenceVariance(caseA, caseB) + differenceVariance(controlA, controlB)
	c := Comparison{A: mean(caseA), B: mean(caseB), P: 1}
	c.Difference = c.B - c.A
	se := math.Sqrt(variance)
	c.Low, c.High = c.Difference-z975*se, c.Difference+z975*se
	if c.Difference != 0 {
		c.P = math.Erfc(math.Abs(c.Difference) / se / math.Sqrt2)
	}
	return c, nil
}

// z975 is the 97.5th percentile of the normal distribution.
const z975 = 1.959963984540054

// placements returns, for each positive row, the share of negative rows that it
// outranks, and for each negative row the share of positive rows outranking it.
// The mean of either is the AUC.
func placements(positive []bool, score []float64) (cases, controls []float64) {
	var ps, ns []float64
	for i, s := range score {
		if positive[i] {
			ps = append(ps, s)
		} else {
			ns = append(ns, s)
		}
	}
	below := func(sorted []float64, s float64) float64 {
		less := sort.SearchFloat64s(sorted, s)
		upTo := less + sort.Search(len(sorted)-less, func(k int) bool { return sorted[less+k] > s })
		return (float64(less) + float64(upTo)) / 2 / float64(len(sorted))
	}
	sortedPs, sortedNs := sorted(ps), sorted(ns)
	for _, s := range ps {
		cases = append(cases, below(sortedNs, s))
	}
	for _, s := range ns {
		controls = append(controls, 1-below(sortedPs, s))
	}
	return cases, controls
}

// differenceVariance returns the variance of the mean of b − a.
func differenceVariance(a, b []float64) float64 {
	off := mean(b) - mean(a)
	var squares float64
	for i := range a {
		d := b[i] - a[i] - off
		squares += d * d
	}
	n := float64(len(a))
	return squares / (n - 1) / n
}

// CompareBinary compares two models' probabilities of the positive class on the
// same rows by a paired bootstrap: both are judged on every resample of the
// patients. The report holds, for each score of Binary, the difference b − a as
// "auc_difference" …, and a table with both values and a two-sided p. Each
// model's calls are made at its own operating threshold; o.Operating is not used.
func CompareBinary(positive []bool, a, b []float64, atA, atB Operating, o Options) (models.Report, error) {
	if len(a) != len(positive) || len(b) != len(positive) {
		return models.Report{}, fmt.Errorf("there are %d outcomes but %d and %d probabilities", len(positive), len(a), len(b))
	}
	if err := o.check(len(positive)); err != nil {
		return models.Report{}, err
	}
	if err := probabilities("the first model", a); err != nil {
		return models.Report{}, err
	}
	if err := probabilities("the second model", b); err != nil {
		return models.Report{}, err
	}
	return o.compare(len(positive),
		binaryMeasure(positive, a, atA.threshold(), o.bins()), binaryMeasure(positive, b, atB.threshold(), o.bins())), nil
}

// CompareMulticlass compares two models' probabilities of classes that exclude
// each other as CompareBinary compares those of two.
func CompareMulticlass(class []int, a, b [][]float64, o Options) (models.Report, error) {
	ma, _, err := o.classMeasure(class, a)
	if err != nil {
		return models.Report{}, fmt.Errorf("first model: %w", err)
	}
	mb, _, err := o.classMeasure(class, b)
	if err != nil {
		return models.Report{}, fmt.Errorf("second model: %w", err)
	}
	return o.compare(len(class), ma, mb), nil
}

// CompareMultilabel compares two models' probabilities of labels that do not
// exclude each other as CompareBinary compares those of one.
func CompareMultilabel(label [][]bool, a, b [][]float64, atA, atB Operating, o Options) (models.Report, error) {
	ma, err := o.labelMeasure(label, a, atA.threshold())
	if err != nil {
		return models.Report{}, fmt.Errorf("first model: %w", err)
	}
	mb, err := o.labelMeasure(label, b, atB.threshold())
	if err != nil {
		return models.Report{}, fmt.Errorf("second model: %w", err)
	}
	return o.compare(len(label), ma, mb), nil
}

// CompareRegression compares two models' predictions of a number as
// CompareBinary compares probabilities.
func CompareRegression(observed, a, b []float64, o Options) (models.Report, error) {
	ra, err := regressionMeasure(observed, a, o)
	if err != nil {
		return models.Report{}, fmt.Errorf("first model: %w", err)
	}
	rb, err := regressionMeasure(observed, b, o)
	if err != nil {
		return models.Report{}, fmt.Errorf("second model: %w", err)
	}
	return o.compare(len(observed), ra, rb), nil
}

// compare reports the differences of two measures of n rows.
func (o Options) compare(n int, a, b measure) models.Report {
	rows := pick.All(n)
	scores := len(a.names)
	onA, onB := a.on(rows), b.on(rows)
	valueA, valueB := make([]float64, scores), make([]float64, scores)
	onA(ones(n), valueA)
	onB(ones(n), valueB)
	difference := func(w, dst []float64) {
		first := make([]float64, scores)
		onA(w, first)
		onB(w, dst)
		for k := range dst {
			dst[k] -= first[k]
		}
	}
	patients := o.patients(rows)
	drawn := bootstrap(difference, n, scores, patients, o.resamples(), o.Seed)
	r := models.Report{Name: o.Name, Rows: n, Groups: len(patients), Method: o.method()}
	t := models.Table{
		Kind: "comparison", Title: "Paired comparison",
		Columns: []string{"score", "first", "second", "difference", "p"},
	}
	for k, name := range a.names {
		m := models.Metric{Name: name + "_difference", Value: models.Number(valueB[k] - valueA[k])}
		low, high, p := spread(column(drawn, k))
		m.Low, m.High = models.Number(low), models.Number(high)
		r.Metrics = append(r.Metrics, m)
		t.Rows = append(t.Rows, []string{
			name, fmt.Sprintf("%.3f", valueA[k]), fmt.Sprintf("%.3f", valueB[k]), cell(m), fmt.Sprintf("%.3g", p),
		})
	}
	r.Tables = []models.Table{t}
	return r
}

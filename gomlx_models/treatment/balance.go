package treatment

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/gonum/stat"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// Overlap shows whether the patients of the arms can be compared, given the chance
// that each had of each arm (Scores.Propensity, or those of a model's answers).
//
// For every arm but the first the report holds the share of patients whose chance
// of each of the two is at least the least (overlap), the effective number of these
// after weighting by inverse chance, and the largest standardised difference of a
// column before and after. The curves, of kind "overlap", are shares of the patients
// of each of the two by their chance of the arm rather than the first; the tables, of
// kind "balance", standardised differences by column, as Balance makes them.
func Overlap(xs []Row, ys []Outcome, propensity [][]float64, arms, names []string, least float64) (models.Report, error) {
	if len(xs) != len(ys) || len(propensity) != len(ys) || len(ys) == 0 {
		return models.Report{}, fmt.Errorf("treatment: %d rows, %d outcomes and %d chances: every row needs one of each", len(xs), len(ys), len(propensity))
	}
	if !(least > 0) {
		return models.Report{}, fmt.Errorf("treatment: the least chance is %v: it must be above 0, for patients count by its inverse", least)
	}
	r := models.Report{Name: "overlap", Rows: len(xs)}
	nan := models.Number(math.NaN())
	add := func(name string, value float64) {
		r.Metrics = append(r.Metrics, models.Metric{Name: name, Value: models.Number(value), Low: nan, High: nan})
	}
	for k := 1; k < len(arms); k++ {
		suffix := ""
		if len(arms) > 2 {
			suffix = "_" + slug(arms[k])
		}
		both, inside := 0.0, 0.0
		var weight, squares [2]float64
		for i, y := range ys {
			if y.Arm != 0 && y.Arm != k {
				continue
			}
			both++
			if !hasBoth(propensity[i], k, least) {
				continue
			}
			inside++
			side := min(y.Arm, 1)
			w := 1 / propensity[i][y.Arm]
			weight[side] += w
			squares[side] += w * w
		}
		balance, before, after := Balance(xs, ys, propensity, arms, k, names, least)
		add("overlap"+suffix, inside/both)
		add("effective_patients"+suffix, weight[0]*weight[0]/squares[0]+weight[1]*weight[1]/squares[1])
		add("largest_difference_before"+suffix, before)
		add("largest_difference_after"+suffix, after)
		for _, arm := range []int{0, k} {
			r.Curves = append(r.Curves, histogram(ys, propensity, arms, arm, k))
		}
		r.Tables = append(r.Tables, balance)
	}
	return r, nil
}

// histogram returns the shares of the patients who got an arm by their chance of
// arm k rather than the first.
func histogram(ys []Outcome, propensity [][]float64, arms []string, arm, k int) models.Curve {
	const bins = 20
	c := models.Curve{Kind: "overlap", Label: "got " + arms[arm], N: make([]int, bins)}
	if len(arms) > 2 {
		c.Label += " (chance of " + arms[k] + " rather than " + arms[0] + ")"
	}
	n := 0
	for i, y := range ys {
		if y.Arm == arm {
			n++
			c.N[min(bins-1, int(versus(propensity[i], k)*bins))]++
		}
	}
	for b := range bins {
		c.X = append(c.X, models.Number((float64(b)+0.5)/bins))
		c.Y = append(c.Y, models.Number(float64(c.N[b])/float64(n)))
	}
	return c
}

// hasBoth reports whether a patient had at least the least chance of arm k and of
// the first.
func hasBoth(chances []float64, k int, least float64) bool {
	return min(chances[0], chances[k]) >= least
}

// Balance compares the columns of those who got arm k with those of the first arm
// by standardised differences: of all of them before weighting, and of those with
// at least the least chance of both arms after weighting each by the inverse chance
// of what he got. The others have no one to be weighted like.
//
//	(x̄_k − x̄_0) / √((s²_k + s²_0) / 2), s² of all, unweighted, in both
//
// It also returns the largest in size of each. Above 0.1 is commonly called
// unbalanced (Austin, Statistics in Medicine 28 (2009), 3083). A column of which an
// arm has no two values differs by NaN, which does not count.
func Balance(xs []Row, ys []Outcome, propensity [][]float64, arms []string, k int, names []string, least float64) (t models.Table, before, after float64) {
	t = models.Table{Kind: "balance", Title: "Balance of " + arms[k] + " and " + arms[0], Columns: []string{"variable", "before weighting", "after weighting"}}
	for j := range xs[0] {
		var all, kept, weight [2][]float64
		for i, y := range ys {
			v := xs[i][j]
			if y.Arm != 0 && y.Arm != k || math.IsNaN(v) {
				continue
			}
			side := min(y.Arm, 1)
			all[side] = append(all[side], v)
			if hasBoth(propensity[i], k, least) {
				kept[side], weight[side] = append(kept[side], v), append(weight[side], 1/propensity[i][y.Arm])
			}
		}
		var mean, weighted [2]float64
		var variance float64
		for side := range 2 {
			var s2 float64
			mean[side], s2 = stat.MeanVariance(all[side], nil)
			weighted[side] = stat.Mean(kept[side], weight[side])
			variance += s2 / 2
		}
		raw, adjusted := difference(mean, variance), difference(weighted, variance)
		t.Rows = append(t.Rows, []string{table.Features(names).Name(j), strconv.FormatFloat(raw, 'f', 3, 64), strconv.FormatFloat(adjusted, 'f', 3, 64)})
		if !math.IsNaN(raw + adjusted) {
			before, after = max(before, math.Abs(raw)), max(after, math.Abs(adjusted))
		}
	}
	return t, before, after
}

// difference returns how far two means are apart in deviations. Where there is no
// deviation it is infinite unless they are the same but for rounding: nobody can be
// compared.
func difference(mean [2]float64, variance float64) float64 {
	apart := mean[1] - mean[0]
	if math.Abs(apart) <= 1e-12*math.Abs(mean[0]) {
		return 0
	}
	return apart / math.Sqrt(variance)
}

package prognosis

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/survival"
)

// SurvivalCurves returns the Kaplan–Meier curve of each named group, for a
// figure with the numbers at risk under it: N is how many were at risk just
// before each time. group[i] is the name of the group of row i; curves come in
// the order of names. The reports of a survival model may hold them as they are.
func SurvivalCurves(ys []Outcome, group, names []string) ([]models.Curve, error) {
	if len(group) != len(ys) {
		return nil, fmt.Errorf("prognosis: %d outcomes and %d groups: every row needs one", len(ys), len(group))
	}
	var out []models.Curve
	for _, name := range names {
		km, err := groupCurve(ys, group, name)
		if err != nil {
			return nil, err
		}
		c := models.Curve{Kind: "survival", Label: name, N: km.AtRisk}
		for k, t := range km.Time {
			c.X, c.Y = append(c.X, models.Number(t)), append(c.Y, models.Number(km.Value[k]))
			c.Low, c.High = append(c.Low, models.Number(km.Low[k])), append(c.High, models.Number(km.High[k]))
		}
		out = append(out, c)
	}
	return out, nil
}

func groupCurve(ys []Outcome, group []string, name string) (*survival.Curve, error) {
	var of []Outcome
	for i, y := range ys {
		if group[i] == name {
			of = append(of, y)
		}
	}
	f := Followup(of)
	km, err := survival.KaplanMeier(f.Time, f.Event)
	if err != nil {
		return nil, fmt.Errorf("prognosis: group %q: %w", name, err)
	}
	return km, nil
}

// RiskGroups divides patients by predicted risk, and shows whether the groups
// part ways: cut at quantiles of the risks of the training rows, so that no
// judged row says where the line is. names are from low to high risk.
//
// The report holds the curves of the groups, a log-rank test of all of them, and
// a table of patients, events, and median survival with its interval. It is an error
// if a group has no judged rows: too few have other risks.
func RiskGroups(trainRisk, risk []float64, ys []Outcome, names []string) (models.Report, error) {
	if len(risk) != len(ys) {
		return models.Report{}, fmt.Errorf("prognosis: %d risks and %d outcomes", len(risk), len(ys))
	}
	if len(names) < 2 || len(trainRisk) < len(names) {
		return models.Report{}, fmt.Errorf("prognosis: %d groups of %d training rows: there must be two groups or more, and as many rows", len(names), len(trainRisk))
	}
	sorted := slices.Clone(trainRisk)
	slices.Sort(sorted)
	group, index := make([]string, len(risk)), make([]int, len(risk))
	for i, r := range risk {
		for k := 1; k < len(names); k++ {
			if r > sorted[k*len(sorted)/len(names)-1] {
				index[i] = k
			}
		}
		group[i] = names[index[i]]
	}
	curves, err := SurvivalCurves(ys, group, names)
	if err != nil {
		return models.Report{}, err
	}
	f := Followup(ys)
	test, observed, expected, err := survival.LogRank(f.Time, f.Event, index)
	if err != nil {
		return models.Report{}, fmt.Errorf("prognosis: %w", err)
	}
	nan := models.Number(math.NaN())
	t := models.Table{Kind: "risk groups", Title: "Risk groups", Columns: []string{"group", "patients", "events", "expected events", "median survival (95 % interval)"}}
	for k, name := range names {
		km, err := groupCurve(ys, group, name)
		if err != nil {
			return models.Report{}, err
		}
		low, high := km.QuantileInterval(0.5)
		median := fmt.Sprintf("%s (%s – %s)", reached(km.Median()), reached(low), reached(high))
		t.Rows = append(t.Rows, []string{name, fmt.Sprint(km.AtRisk[0]), fmt.Sprintf("%.0f", observed[k]), fmt.Sprintf("%.1f", expected[k]), median})
	}
	return models.Report{
		Name: "risk groups", Rows: len(ys), Curves: curves, Tables: []models.Table{t},
		Metrics: []models.Metric{{Name: "logrank", Value: models.Number(test.Statistic), Low: nan, High: nan}, {Name: "logrank_p", Value: models.Number(test.P), Low: nan, High: nan}},
	}, nil
}

// reached writes a time to the seven digits that times are known to.
func reached(t float64) string {
	if math.IsInf(t, 1) {
		return "not reached"
	}
	return strconv.FormatFloat(t, 'f', -1, 32)
}

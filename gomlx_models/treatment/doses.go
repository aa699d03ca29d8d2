package treatment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/tune"
)

// DoseJudging says how doses are judged.
type DoseJudging struct {
	score.Options
	Unit string // of the dose
	// Bands are where a dose is called low and high: 21 and 49 mg a week of
	// warfarin. The table of bands is left out if both are 0.
	Bands [2]float64
	// Genotype of each row: "VKORC1 A/G, CYP2C9 *1/*3". nil leaves the table of
	// doses by genotype out.
	Genotype []string
}

// EvaluateDoses judges doses by those that suited the patients. The report holds
// mae, within_20 (the share of patients whose dose is within 20 % of the right
// one), over_20 and under_20 (given too much, too little), bias, r2, interval_coverage
// and supported; a "scatter" curve; tables of bands, of the subgroups and, of kind
// "dose by genotype", of each genotype.
func EvaluateDoses(doses []Dose, observed []float64, o DoseJudging) (models.Report, error) {
	if len(doses) != len(observed) {
		return models.Report{}, fmt.Errorf("treatment: %d doses and %d observed", len(doses), len(observed))
	}
	if o.Genotype != nil && len(o.Genotype) != len(doses) {
		return models.Report{}, fmt.Errorf("treatment: %d doses and %d genotypes", len(doses), len(o.Genotype))
	}
	predicted := make([]float64, len(doses))
	for i, d := range doses {
		if !(observed[i] > 0) || math.IsInf(observed[i], 0) || !(d.Value >= 0) || math.IsInf(d.Value, 0) {
			return models.Report{}, fmt.Errorf("treatment: row %d: recommended %v, observed %v: doses are numbers above 0", i, d.Value, observed[i])
		}
		predicted[i] = d.Value
	}
	m := score.Measure{
		Names: []string{"mae", "within_20", "over_20", "under_20", "bias", "r2", "interval_coverage", "supported"},
		Show:  []string{"mae", "within_20", "over_20", "under_20", "bias", "interval_coverage"},
		On: func(rows []int) func(weight, dst []float64) {
			return func(weight, dst []float64) {
				clear(dst)
				var n, sum, squares float64
				for k, r := range rows {
					w, ratio, off := weight[k], predicted[r]/observed[r], predicted[r]-observed[r]
					n, sum = n+w, sum+w*observed[r]
					dst[0] += w * math.Abs(off)
					switch {
					case ratio > 1.2:
						dst[2] += w
					case ratio < 0.8:
						dst[3] += w
					default:
						dst[1] += w
					}
					dst[4] += w * off
					squares += w * off * off
					if doses[r].Low <= observed[r] && observed[r] <= doses[r].High {
						dst[6] += w
					}
					if doses[r].Supported {
						dst[7] += w
					}
				}
				for k := range dst {
					dst[k] /= n
				}
				var spread float64
				for k, r := range rows {
					spread += weight[k] * (observed[r] - sum/n) * (observed[r] - sum/n)
				}
				dst[5] = 1 - squares/spread
			}
		},
	}
	options := o.Options
	if o.Bands[1] > 0 {
		options.Subgroups = append(slices.Clip(options.Subgroups), score.Subgroup{Name: "dose needed", Of: o.bands(observed)})
	}
	r, err := score.Custom(len(doses), m, options)
	if err != nil {
		return models.Report{}, fmt.Errorf("treatment: %w", err)
	}
	scatter := models.Curve{Kind: "scatter", Label: o.Name}
	for i := range doses {
		scatter.X, scatter.Y = append(scatter.X, models.Number(observed[i])), append(scatter.Y, models.Number(predicted[i]))
	}
	r.Curves = []models.Curve{scatter}
	if o.Genotype != nil {
		r.Tables = append([]models.Table{o.genotypes(doses, observed)}, r.Tables...)
	}
	return r, nil
}

func (o DoseJudging) bands(observed []float64) []string {
	low, high := o.Bands[0], o.Bands[1]
	out := make([]string, len(observed))
	for i, v := range observed {
		switch {
		case v <= low:
			out[i] = fmt.Sprintf("%v %s or less", low, o.Unit)
		case v < high:
			out[i] = fmt.Sprintf("%v to %v %s", low, high, o.Unit)
		default:
			out[i] = fmt.Sprintf("%v %s or more", high, o.Unit)
		}
	}
	return out
}

// genotypes shows the mean dose of each genotype with its 95 % interval, that of
// the lowest dose first. Genotypes of fewer than five patients are left out.
func (o DoseJudging) genotypes(doses []Dose, observed []float64) models.Table {
	t := models.Table{Kind: "dose by genotype", Title: strings.TrimSpace("Dose by genotype " + o.Unit), Columns: []string{"genotype", "observed", "low", "high", "recommended", "patients"}}
	of := map[string][]int{}
	for i, g := range o.Genotype {
		of[g] = append(of[g], i)
	}
	type group struct {
		name                  string
		observed, recommended mean
	}
	var groups []group
	for _, name := range slices.Sorted(maps.Keys(of)) {
		rows := of[name]
		if name == "" {
			continue
		}
		recommended := make([]float64, len(rows))
		for i, r := range rows {
			recommended[i] = doses[r].Value
		}
		patients := pick.Rows(o.Group, rows)
		if g := (group{name, meanOf(pick.Rows(observed, rows), patients), meanOf(recommended, patients)}); g.observed.patients >= 5 {
			groups = append(groups, g)
		}
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(a.observed.value, b.observed.value) })
	for _, g := range groups {
		row := []string{g.name}
		low, high := g.observed.interval()
		for _, v := range []float64{g.observed.value, low, high, g.recommended.value} {
			row = append(row, significant(v, 3))
		}
		t.Rows = append(t.Rows, append(row, strconv.Itoa(g.observed.patients)))
	}
	return t
}

// DoseCandidate is a configuration of a Doser with a name to tell it by. tune.Grid
// and tune.Random make many.
type DoseCandidate = tune.Candidate[DoseConfig]

// TuneDoses fits every candidate on inner folds of the training rows and returns
// the one with the least mean absolute error for the rows held out, with a table of
// all. Judge it on other rows.
func TuneDoses(ctx context.Context, train models.Dataset[Row, float64], candidates []DoseCandidate, folds int, seed int64) (DoseCandidate, models.Table, error) {
	t := tuning("doses", "mean absolute error", "within 20 %")
	if len(candidates) == 0 {
		return DoseCandidate{}, t, errors.New("treatment: tune: there are no candidates")
	}
	if len(train.Y) != train.Len() {
		return DoseCandidate{}, t, fmt.Errorf("treatment: tune: %d rows and %d doses: every row needs one", train.Len(), len(train.Y))
	}
	inner, err := table.KFold(train.Len(), folds, table.SplitOptions{Group: train.Group, Seed: seed})
	if err != nil {
		return DoseCandidate{}, t, fmt.Errorf("treatment: tune: %w", err)
	}
	best, least := 0, math.Inf(1)
	for c, candidate := range candidates {
		doses := make([]Dose, train.Len())
		for _, fold := range inner {
			m := NewDoser(candidate.Config)
			if m.state, err = m.fit(ctx, train.Take(fold.Train), nil, false); err != nil {
				return DoseCandidate{}, t, fmt.Errorf("treatment: tune: %s: %w", candidate.Name, err)
			}
			answers, err := m.Predict(ctx, pick.Rows(train.X, fold.Test))
			if err != nil {
				return DoseCandidate{}, t, fmt.Errorf("treatment: tune: %s: %w", candidate.Name, err)
			}
			for i, r := range fold.Test {
				doses[r] = answers[i]
			}
		}
		r, err := EvaluateDoses(doses, train.Y, DoseJudging{Options: score.Options{Resamples: -1}})
		if err != nil {
			return DoseCandidate{}, t, err
		}
		mae, _ := r.Metric("mae")
		within, _ := r.Metric("within_20")
		t.Rows = append(t.Rows, []string{candidate.Name, significant(float64(mae.Value), 4), fmt.Sprintf("%.1f %%", 100*float64(within.Value))})
		if float64(mae.Value) < least {
			best, least = c, float64(mae.Value)
		}
	}
	return candidates[best], t, nil
}

package score

import (
	"fmt"
	"math"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

// Regression judges predictions of a number. The report holds r2, mae, rmse and
// bias (mean of predicted − observed); a "scatter" curve of predicted against
// observed; and the subgroups. R² is NaN if all observed values are the same.
func Regression(observed, predicted []float64, o Options) (models.Report, error) {
	m, err := regressionMeasure(observed, predicted, o)
	if err != nil {
		return models.Report{}, err
	}
	r := o.report(len(observed), m)
	r.Curves = []models.Curve{thin("scatter", o.Name, observed, predicted)}
	r.Tables = o.subgroups(m, []string{"r2", "mae", "rmse", "bias"})
	if math.IsNaN(float64(r.Metrics[0].Value)) {
		r.Notes = append(r.Notes, "All observed values are the same: r2 is undefined.")
	}
	return r, nil
}

func regressionMeasure(observed, predicted []float64, o Options) (measure, error) {
	if err := sameLength(len(observed), len(predicted), "outcomes", "predictions"); err != nil {
		return measure{}, err
	}
	if err := o.check(len(observed)); err != nil {
		return measure{}, err
	}
	for i := range observed {
		for _, v := range []float64{observed[i], predicted[i]} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return measure{}, fmt.Errorf("row %d: observed %v, predicted %v: both must be finite", i, observed[i], predicted[i])
			}
		}
	}
	return measure{
		names: []string{"r2", "mae", "rmse", "bias"},
		on: func(rows []int) statistic {
			observed, predicted := pick.Rows(observed, rows), pick.Rows(predicted, rows)
			return func(w, dst []float64) { copy(dst, errors4(observed, predicted, w)) }
		},
	}, nil
}

// R2 returns 1 − Σ(y − ŷ)² / Σ(y − ȳ)², the share of variance explained. It is
// below zero for a model that does worse than the mean of these rows.
func R2(observed, predicted []float64) float64 {
	mustMatch(len(observed), len(predicted))
	return errors4(observed, predicted, ones(len(observed)))[0]
}

// MAE returns the mean of |y − ŷ|.
func MAE(observed, predicted []float64) float64 {
	mustMatch(len(observed), len(predicted))
	return errors4(observed, predicted, ones(len(observed)))[1]
}

// RMSE returns the square root of the mean of (y − ŷ)².
func RMSE(observed, predicted []float64) float64 {
	mustMatch(len(observed), len(predicted))
	return errors4(observed, predicted, ones(len(observed)))[2]
}

// errors4 returns R², MAE, RMSE and bias of rows counting w times.
func errors4(observed, predicted, w []float64) []float64 {
	var n, sum, off, abs, squares float64
	low, high := math.Inf(1), math.Inf(-1)
	for i, y := range observed {
		if w[i] > 0 {
			low, high = min(low, y), max(high, y)
		}
		d := predicted[i] - y
		n += w[i]
		sum += w[i] * y
		off += w[i] * d
		abs += w[i] * math.Abs(d)
		squares += w[i] * d * d
	}
	var spread float64
	for i, y := range observed {
		spread += w[i] * (y - sum/n) * (y - sum/n)
	}
	r2 := 1 - squares/spread
	if low == high { // the mean of one value rounds, and leaves a spread that is none
		r2 = math.NaN()
	}
	return []float64{r2, abs / n, math.Sqrt(squares / n), off / n}
}

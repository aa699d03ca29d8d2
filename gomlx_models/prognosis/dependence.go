package prognosis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// Scale returns the one number of each answer that Explain, Dependence and the
// like speak of: the value, the probability of the last class, the risk.
func (m *Model[Y, A]) Scale(answers []A) []float64 {
	out := make([]float64, len(answers))
	for i, a := range answers {
		out[i] = m.task.scale(m.config, a)
	}
	return out
}

// Dependence returns how the answer changes with one feature, the others as they
// are in the rows: first the partial dependence, the mean over the rows (kind
// "partial dependence"), then a curve for each of up to individual rows (kind
// "ice"). It looks at all values of a feature that has up to 20, else at 20 between
// the 5th and the 95th percentile.
//
// Where features go together, it asks about patients that do not exist: believe
// it only where the data are. Friedman, Annals of Statistics 29 (2001), 1189;
// Goldstein et al., JCGS 24 (2015), 44.
func (m *Model[Y, A]) Dependence(ctx context.Context, xs []Row, feature, individual int) ([]models.Curve, error) {
	if len(xs) == 0 {
		return nil, fmt.Errorf("prognosis: %w", score.ErrNoRows)
	}
	if feature < 0 || feature >= len(xs[0]) {
		return nil, fmt.Errorf("prognosis: there is no feature %d: rows have %d", feature, len(xs[0]))
	}
	grid := quantiles(xs, feature)
	if len(grid) == 0 {
		return nil, fmt.Errorf("prognosis: %s has no values in these rows", m.config.Features.Name(feature))
	}
	name := m.config.Features.Name(feature)
	curves := []models.Curve{{Kind: "partial dependence", Label: name}}
	for i := range min(individual, len(xs)) {
		curves = append(curves, models.Curve{Kind: "ice", Label: fmt.Sprintf("%s, row %d", name, i)})
	}
	changed := make([]Row, len(xs))
	for _, v := range grid {
		for i, x := range xs {
			changed[i] = slices.Clone(x)
			changed[i][feature] = v
		}
		answers, err := m.Predict(ctx, changed)
		if err != nil {
			return nil, err
		}
		mean := 0.0
		for i, a := range m.Scale(answers) {
			mean += a / float64(len(xs))
			if i+1 < len(curves) {
				curves[i+1].X, curves[i+1].Y = append(curves[i+1].X, models.Number(v)), append(curves[i+1].Y, models.Number(a))
			}
		}
		curves[0].X, curves[0].Y = append(curves[0].X, models.Number(v)), append(curves[0].Y, models.Number(mean))
	}
	return curves, nil
}

// quantiles returns up to 20 distinct values of a feature: all if they are no more,
// lest a rare one be missed.
func quantiles(xs []Row, feature int) []float64 {
	var column []float64
	for _, x := range xs {
		if !math.IsNaN(x[feature]) {
			column = append(column, x[feature])
		}
	}
	slices.Sort(column)
	if distinct := slices.Compact(slices.Clone(column)); len(distinct) <= 20 {
		return distinct
	}
	var out []float64
	for k := range 20 {
		out = append(out, column[int(math.Round((0.05+0.9*float64(k)/19)*float64(len(column)-1)))])
	}
	return slices.Compact(out)
}

// Importance returns how much worse the model scores when a feature is shuffled
// among the rows, with intervals: see score.Permutation. value judges answers,
// higher being better.
func (m *Model[Y, A]) Importance(ctx context.Context, xs []Row, value func(answers []A) float64, repeats int) ([]models.Metric, error) {
	if m.state == nil {
		return nil, fmt.Errorf("prognosis: %w", models.ErrNotFitted)
	}
	return score.Permutation(xs, m.config.Features.Names(m.state.Columns), func(xs [][]float64) (float64, error) {
		answers, err := m.Predict(ctx, xs)
		if err != nil {
			return 0, err
		}
		return value(answers), nil
	}, repeats, m.config.Seed)
}

// Neighbour is a row like another.
type Neighbour struct {
	Row      int     // its place among the rows searched
	Distance float64 // root mean square of the differences, in standard deviations
}

// Nearest returns the k rows most like x, nearest first: patients that a
// prediction can be compared with. Features count alike, each in units of its
// standard deviation over the training rows; one that either row lacks is left
// out.
func (m *Model[Y, A]) Nearest(rows []Row, x Row, k int) ([]Neighbour, error) {
	if m.state == nil {
		return nil, fmt.Errorf("prognosis: %w", models.ErrNotFitted)
	}
	var out []Neighbour
	for i, row := range rows {
		if len(row) != m.state.Columns || len(x) != m.state.Columns {
			return nil, fmt.Errorf("prognosis: row %d has %d columns and x has %d: the model has %d", i, len(row), len(x), m.state.Columns)
		}
		sum, n := 0.0, 0.0
		for j, v := range row {
			if d := (v - x[j]) / m.state.Deviation[j]; !math.IsNaN(d) {
				sum += d * d
				n++
			}
		}
		if n > 0 {
			out = append(out, Neighbour{Row: i, Distance: math.Sqrt(sum / n)})
		}
	}
	sort.SliceStable(out, func(a, b int) bool { return out[a].Distance < out[b].Distance })
	return out[:min(max(k, 0), len(out))], nil
}

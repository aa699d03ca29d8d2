package compare

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/assay-ml/assay/experiments/charts"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// Rank says what a param has to do with a metric.
type Rank struct {
	Name string
	Lost *models.Metric // its Importance; nil if there are too few runs to tell
	Rho  float64        // Spearman's, over the runs that have both; NaN if the param is text
	Runs int            // that have both
}

// Dependence is what a metric has to do with the params of runs.
type Dependence struct {
	Metric     string
	Runs       int // that have it
	Drawn      int // of them in the figures, the first
	Ranks      []Rank
	Importance *Importance     // nil of too few runs
	Figures    []charts.Figure // all params in one, then one each; nil of fewer than two runs
}

// Dependence finds what the last values of a metric have to do with the runs'
// params, and draws it.
func (set *Set) Dependence(ctx context.Context, metric string) (v Dependence, err error) {
	v.Metric = metric
	var runs []store.Run
	for _, run := range set.Runs {
		if m, ok := run.Metrics[metric]; ok && !math.IsNaN(m.Last) && !math.IsInf(m.Last, 0) {
			runs = append(runs, run)
		}
	}
	if v.Runs = len(runs); v.Runs < 2 {
		return v, nil
	}
	names, _ := ParamNames(runs)
	names = slices.DeleteFunc(names, func(name string) bool { return !Varied(runs, name) })
	result := func(run store.Run) float64 { return run.Metrics[v.Metric].Last }
	if v.Importance, err = importanceOf(ctx, runs, names, result); err != nil {
		return v, err
	}
	for _, name := range names {
		rank := Rank{Name: name, Rho: math.NaN()}
		var xs, ys []float64
		for _, run := range runs {
			value, ok := run.Params[name]
			if !ok {
				continue
			}
			rank.Runs++
			if x, ok := numberOf(value); ok {
				xs, ys = append(xs, x), append(ys, result(run))
			}
		}
		if len(xs) > 2 && numeric(runs, name) {
			rank.Rho = spearman(xs, ys)
		}
		if v.Importance != nil {
			i := slices.IndexFunc(v.Importance.Params, func(m models.Metric) bool { return m.Name == name })
			rank.Lost = &v.Importance.Params[i]
		}
		v.Ranks = append(v.Ranks, rank)
	}
	slices.SortStableFunc(v.Ranks, func(a, b Rank) int {
		if a.Lost != nil {
			return cmp.Compare(b.Lost.Value, a.Lost.Value)
		}
		return cmp.Compare(math.Abs(b.Rho), math.Abs(a.Rho)) // NaN is the least
	})

	const axes, ways, dots = 8, 200, 6 // what one can still tell apart
	axisNames := names[:min(len(names), axes)]
	var paths []charts.Way
	v.Drawn = min(len(runs), ways)
	for _, run := range runs[:v.Drawn] {
		way := charts.Way{Name: run.Name, Color: charts.Color(string(run.ID))}
		for _, name := range axisNames {
			value, known := run.Params[name]
			switch x, ok := numberOf(value); {
			case !known:
				way.Values = append(way.Values, nil)
			case ok && numeric(runs, name):
				way.Values = append(way.Values, x)
			default:
				way.Values = append(way.Values, short(ValueText(value)))
			}
		}
		way.Values = append(way.Values, result(run))
		paths = append(paths, way)
	}
	v.Figures = append(v.Figures, charts.Parallel("parallel", "Each run's params and "+v.Metric, append(slices.Clone(axisNames), v.Metric), paths))
	for _, rank := range v.Ranks[:min(len(v.Ranks), dots)] {
		if samples := samplesBy(runs, rank.Name, result); len(samples) <= categoriesMost {
			v.Figures = append(v.Figures, charts.Spread("spread-"+rank.Name, rank.Name, rank.Name, v.Metric, samples))
			continue
		}
		if !numeric(runs, rank.Name) {
			continue // a text of its own in nearly each run
		}
		var points []charts.Dot
		low, high := math.Inf(1), math.Inf(-1)
		for _, run := range runs[:v.Drawn] {
			if x, ok := numberOf(run.Params[rank.Name]); ok {
				points = append(points, charts.Dot{Name: run.Name, Color: charts.Color(string(run.ID)), X: x, Y: result(run)})
				low, high = min(low, x), max(high, x)
			}
		}
		// Learning rates and the like are tried by orders of magnitude.
		log := low > 0 && high/low >= 10
		v.Figures = append(v.Figures, charts.Scatter("scatter-"+rank.Name, rank.Name, rank.Name, v.Metric, log, points))
	}
	return v, nil
}

// categoriesMost is how many values of a param are drawn as groups beside each
// other; more are a cloud.
const categoriesMost = 8

// short returns text as it has room beside an axis: of digests and the like the
// beginning and the end, which tell them apart.
func short(text string) string {
	const most, end = 20, 6
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most-end-1]) + "…" + string(r[len(r)-end:])
}

// samplesBy returns the results of runs by the value of a param.
func samplesBy(runs []store.Run, name string, result func(store.Run) float64) []charts.Sample {
	values := map[string][]float64{}
	for _, run := range runs {
		if value, ok := run.Params[name]; ok {
			text := ValueText(value)
			values[text] = append(values[text], result(run))
		}
	}
	var samples []charts.Sample
	for _, text := range slices.SortedFunc(maps.Keys(values), Naturally) {
		samples = append(samples, charts.Sample{Name: short(text), Values: values[text]})
	}
	return samples
}

// numeric reports whether all runs that have a param have a number there.
func numeric(runs []store.Run, name string) bool {
	for _, run := range runs {
		if value, ok := run.Params[name]; ok {
			if _, ok := numberOf(value); !ok {
				return false
			}
		}
	}
	return true
}

func numberOf(v store.Value) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case int64:
		return float64(v), true
	}
	return 0, false
}

// spearman returns the rank correlation of xs and ys, or NaN if one of them does
// not vary.
func spearman(xs, ys []float64) float64 {
	return stat.Correlation(ranks(xs), ranks(ys), nil)
}

// ranks returns the rank of each value; equal values share the mean of theirs.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	out := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			out[k] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}

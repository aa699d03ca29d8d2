package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/store"
)

// trend returns a run's curve as one point a bucket, its mean, or the moving
// average if one is wanted: what is averaged over runs.
func trend(cut []store.Bucket, place ends, a Axes) charts.Line {
	if a.Smooth > 0 {
		lines := draw(charts.Line{}, cut, place, a)
		return rising(lines[len(lines)-1])
	}
	var line charts.Line
	for _, b := range cut {
		if !math.IsNaN(b.Mean) {
			first, last := place(b)
			line.X, line.Y = append(line.X, (first+last)/2), append(line.Y, b.Mean)
		}
	}
	return rising(line)
}

// rising returns the points of a curve in order of x, of those at one place the
// last: a run that was resumed passes steps a second time.
func rising(line charts.Line) charts.Line {
	order := make([]int, len(line.X))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(line.X[a], line.X[b]) })
	out := line
	out.X, out.Y = nil, nil
	for k, i := range order {
		if k+1 < len(order) && line.X[order[k+1]] == line.X[i] {
			continue
		}
		out.X, out.Y = append(out.X, line.X[i]), append(out.Y, line.Y[i])
	}
	return out
}

// band returns the mean of the curves of one group with its 95 % interval by
// Student's t, at up to 200 places where any of them has a point. A curve counts
// between its first and its last point. Where there is one curve only the band
// has no width.
func band(group string, style charts.Style, runs []charts.Line) charts.Line {
	var xs []float64
	for _, run := range runs {
		xs = append(xs, run.X...)
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	const most = 200
	every := max((len(xs)+most-1)/most, 1)
	name := fmt.Sprintf("%s, %d runs", group, len(runs))
	if len(runs) == 1 {
		name = group
	}
	out := charts.Line{Name: name, Color: style.Color, Dash: style.Dash}
	for i := 0; i < len(xs); i += every {
		var values []float64
		for _, run := range runs {
			if y, ok := at(run, xs[i]); ok {
				values = append(values, y)
			}
		}
		if len(values) == 0 {
			continue
		}
		mean, half := values[0], 0.0
		if n := float64(len(values)); n > 1 {
			var sd float64
			mean, sd = stat.MeanStdDev(values, nil)
			half = distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975) * sd / math.Sqrt(n)
		}
		out.X, out.Y = append(out.X, xs[i]), append(out.Y, mean)
		out.Low, out.High = append(out.Low, mean-half), append(out.High, mean+half)
	}
	return out
}

// at returns the value of a curve, whose x rises, at x: on the straight line
// between the points beside it.
func at(line charts.Line, x float64) (float64, bool) {
	i := sort.SearchFloat64s(line.X, x)
	switch {
	case i < len(line.X) && line.X[i] == x:
		return line.Y[i], true
	case i == 0 || i == len(line.X):
		return 0, false
	}
	share := (x - line.X[i-1]) / (line.X[i] - line.X[i-1])
	return line.Y[i-1] + share*(line.Y[i]-line.Y[i-1]), true
}

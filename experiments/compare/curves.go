package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/store"
)

// Axes is how curves are drawn. The zero value draws whole series over the step.
type Axes struct {
	X          string  // "" or "step", "relative" (seconds since the run began), "wall", or "metric.NAME"
	Smooth     float64 // weight of the past in the moving average, from 0 (none) to below 1
	LogX, LogY bool
	Bands      bool      // one mean with its interval for the runs of a group
	Steps      *[2]int64 // from and to, that are cut finely; the rest is there, coarsely. nil means all
}

// Valid reports whether X is one of those that Axes lists.
func (a Axes) Valid() bool {
	_, metric := a.metric()
	return metric || slices.Contains([]string{"", "step", "relative", "wall"}, a.X)
}

// metric returns the metric that is the x axis, if one is.
func (a Axes) metric() (name string, ok bool) { return strings.CutPrefix(a.X, "metric.") }

// Range returns the steps that are cut finely.
func (a Axes) Range() (from, to int64) {
	if a.Steps == nil {
		return math.MinInt64, math.MaxInt64
	}
	return a.Steps[0], a.Steps[1]
}

// Curves draws metrics of the runs in one chart. A run has one colour wherever it
// is drawn; only where it is alone its second metric (val_loss beside loss) has
// another. What a run has not logged is left out.
func (set *Set) Curves(ctx context.Context, a Axes, metrics ...string) (charts.Figure, error) {
	runs, styles, s := set.Runs, set.Styles(), set.store
	if len(runs) == 0 || len(metrics) == 0 {
		return charts.Figure{}, errors.New("curves need a run and a metric")
	}
	// A screen has some 600 columns to share between the curves of one chart.
	buckets := min(max(2000/(len(runs)*len(metrics)), 40), 400)
	var lines []charts.Line
	means := map[string][]charts.Line{} // of the runs of a group, if bands are wanted
	odd, low := 0, false
	for i, run := range runs {
		for j, metric := range metrics {
			m, ok := run.Metrics[metric]
			if !ok {
				continue
			}
			odd += int(m.NaNs + m.PosInfs + m.NegInfs)
			if a.LogY && m.Min <= 0 {
				low = true
			}
			line := charts.Line{Name: lineName(run, metric, len(runs), len(metrics)), Color: styles[i].Color, Dash: styles[i].Dash}
			if j > 0 && len(runs) == 1 {
				line.Color = charts.Contrast(line.Color)
			}
			cut, err := cutOf(ctx, s, run.ID, metric, a, buckets)
			if errors.Is(err, store.ErrNotFound) {
				continue // logged after the run was read
			}
			if err != nil {
				return charts.Figure{}, err
			}
			ends, err := endsOf(ctx, s, run, a)
			if errors.Is(err, store.ErrNotFound) {
				continue // it has no such x
			}
			if err != nil {
				return charts.Figure{}, err
			}
			if a.Bands && run.Group != "" && ordered(a) {
				means[run.Group] = append(means[run.Group], trend(cut, ends, a))
				continue
			}
			lines = append(lines, draw(line, cut, ends, a)...)
		}
	}
	groups := slices.Sorted(maps.Keys(means))
	for i, style := range charts.Styles(groups) {
		lines = append(lines, band(groups[i], style, means[groups[i]]))
	}
	title := strings.Join(metrics, ", ")
	if odd > 0 {
		title += fmt.Sprintf(" · %d not finite", odd)
	}
	if low {
		title += " · values of 0 and below have no place on a log axis"
	}
	xName := map[string]string{"step": "step", "relative": "seconds", "wall": "-"}[cmp.Or(a.X, "step")]
	if metric, ok := a.metric(); ok {
		xName = metric
	}
	if a.X == "relative" {
		xName = inTime(lines)
	}
	figure := charts.Curves("curve-"+strings.Join(metrics, "-"), title, lines, charts.CurveOptions{
		X: xName, Y: experiments.SystemUnit(metrics[0]), Wall: a.X == "wall",
		LogX: a.LogX && a.X != "wall", LogY: a.LogY, Points: -1, Zoom: true,
	})
	figure.Height = 260
	return figure, nil
}

// inTime turns x of lines from seconds into the unit that people would name so long a
// time in, and returns the unit.
func inTime(lines []charts.Line) (unit string) {
	longest := 0.0
	for _, line := range lines {
		for _, x := range line.X {
			longest = max(longest, x)
		}
	}
	unit, size := "seconds", 1.0
	switch {
	case longest >= 2*3600:
		unit, size = "hours", 3600
	case longest >= 2*60:
		unit, size = "minutes", 60
	}
	for _, line := range lines {
		for i := range line.X {
			line.X[i] /= size
		}
		for i := range line.Odd {
			line.Odd[i].From /= size
			line.Odd[i].To /= size
		}
	}
	return unit
}

func lineName(run store.Run, metric string, runs, metrics int) string {
	switch {
	case runs == 1:
		return metric
	case metrics == 1:
		return run.Name
	}
	return run.Name + " " + metric
}

// cutOf returns the buckets of a whole series, fine inside the window of a and
// coarse outside, so that zooming in never loses the ends of the axis.
func cutOf(ctx context.Context, s *store.Store, run store.RunID, metric string, a Axes, buckets int) ([]store.Bucket, error) {
	from, to := a.Range()
	if a.Steps == nil {
		return s.Window(ctx, run, metric, from, to, buckets)
	}
	var cut []store.Bucket
	before, after := max(from, math.MinInt64+1)-1, min(to, math.MaxInt64-1)+1
	for _, part := range []struct {
		from, to int64
		buckets  int
	}{{math.MinInt64, before, 40}, {max(from, before+1), min(to, after-1), buckets}, {after, math.MaxInt64, 40}} {
		if part.from > part.to {
			continue
		}
		more, err := s.Window(ctx, run, metric, part.from, part.to, part.buckets)
		if err != nil {
			return nil, err
		}
		cut = append(cut, more...)
	}
	return cut, nil
}

// ends says where a bucket begins and ends on the x axis.
type ends func(store.Bucket) (first, last float64)

// ordered reports whether x never falls along a curve.
func ordered(a Axes) bool {
	_, metric := a.metric()
	return !metric
}

// endsOf returns where the points of run lie on the x axis of a. Where x is a
// metric it is read between the points beside a step, on a straight line; it is
// NaN, a gap, outside of them.
func endsOf(ctx context.Context, s *store.Store, run store.Run, a Axes) (ends, error) {
	switch a.X {
	case "relative":
		return func(b store.Bucket) (first, last float64) {
			return b.FirstTime.Sub(run.Started).Seconds(), b.LastTime.Sub(run.Started).Seconds()
		}, nil
	case "wall":
		return func(b store.Bucket) (first, last float64) {
			return float64(b.FirstTime.UnixMilli()), float64(b.LastTime.UnixMilli())
		}, nil
	case "", "step":
		return func(b store.Bucket) (first, last float64) { return float64(b.FirstStep), float64(b.LastStep) }, nil
	}
	name, _ := a.metric()
	const buckets = 1000
	cut, err := s.Window(ctx, run.ID, name, math.MinInt64, math.MaxInt64, buckets)
	if err != nil {
		return nil, err
	}
	var x charts.Line // the metric over steps
	for _, b := range cut {
		if b.FirstStep == b.LastStep {
			x.X, x.Y = append(x.X, float64(b.LastStep)), append(x.Y, b.Last)
			continue
		}
		x.X, x.Y = append(x.X, float64(b.FirstStep), float64(b.LastStep)), append(x.Y, b.First, b.Last)
	}
	x = rising(x)
	place := func(step int64) float64 {
		if value, ok := at(x, float64(step)); ok {
			return value
		}
		return math.NaN()
	}
	return func(b store.Bucket) (first, last float64) { return place(b.FirstStep), place(b.LastStep) }, nil
}

// draw turns buckets into line: of each bucket the first, smallest, largest and
// last value, so that no spike is hidden. Values that are not finite are gaps,
// and marked. A smoothed line comes with the raw one behind it.
func draw(line charts.Line, cut []store.Bucket, place ends, a Axes) []charts.Line {
	smooth := line
	var past, weight float64 // of the moving average: its sum, and the weights in it
	for _, b := range cut {
		firstX, lastX := place(b)
		add := func(x, y float64) { line.X, line.Y = append(line.X, x), append(line.Y, y) }
		if b.Count == 1 {
			add(firstX, b.First)
		} else {
			// Where in the bucket the extremes lie is not kept.
			low, high := b.Min, b.Max
			if b.First > b.Last {
				low, high = high, low
			}
			middle := (firstX + lastX) / 2
			add(firstX, b.First)
			add(middle, low)
			add(middle, high)
			add(lastX, b.Last)
		}
		if odd := b.NaNs + b.PosInfs + b.NegInfs; odd > 0 && b.Count > 1 {
			add(lastX, math.NaN())
		}
		if a.Smooth > 0 && !math.IsNaN(b.Mean) {
			// A bucket of n points counts as n points of its mean. Dividing by the
			// weights takes out the pull towards 0 at the beginning.
			keep := math.Pow(a.Smooth, float64(b.Count))
			past = keep*past + (1-keep)*b.Mean
			weight = keep*weight + (1 - keep)
			smooth.X, smooth.Y = append(smooth.X, lastX), append(smooth.Y, past/weight)
		}
	}
	line.Odd = oddStretches(cut, place)
	if a.Smooth == 0 {
		return []charts.Line{line}
	}
	line.Faint = true
	return []charts.Line{line, smooth}
}

// oddStretches returns where values are not finite: one stretch for buckets that
// follow each other, so that a run that has diverged is one mark and no row of
// them.
func oddStretches(cut []store.Bucket, place ends) []charts.Odd {
	var all []charts.Odd
	for _, kind := range []struct {
		value float64
		count func(store.Bucket) int64
	}{
		{math.NaN(), func(b store.Bucket) int64 { return b.NaNs }},
		{math.Inf(1), func(b store.Bucket) int64 { return b.PosInfs }},
		{math.Inf(-1), func(b store.Bucket) int64 { return b.NegInfs }},
	} {
		open := false
		for _, b := range cut {
			n := kind.count(b)
			first, last := place(b)
			switch {
			case n == 0:
				open = false
			case open:
				stretch := &all[len(all)-1]
				stretch.To, stretch.Count = last, stretch.Count+n
			default:
				all = append(all, charts.Odd{From: first, To: last, Value: kind.value, Count: n})
				open = true
			}
		}
	}
	return all
}

package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/store"
)

// axes is how a reader wants curves drawn.
type axes struct {
	X          string  // "step", "relative" (seconds since the run began), "wall", or "metric.NAME"
	Smooth     float64 // weight of the past in the moving average, 0 for none
	LogX, LogY bool
	Bands      bool  // one mean with its interval for the runs of a group
	From, To   int64 // steps that are cut finely; the rest is there, coarsely
}

var wholeSeries = axes{X: "step", From: math.MinInt64, To: math.MaxInt64}

// axesOf reads axes from an address.
func axesOf(q url.Values) (axes, error) {
	a := wholeSeries
	switch x := q.Get("x"); x {
	case "":
	case "step", "relative", "wall":
		a.X = x
	default:
		if !strings.HasPrefix(x, "metric.") {
			return axes{}, badRequest(fmt.Sprintf("x is %q: it can be step, relative, wall or metric.NAME", x))
		}
		a.X = x
	}
	if text := q.Get("smooth"); text != "" {
		smooth, err := strconv.ParseFloat(text, 64)
		if err != nil || !(smooth >= 0 && smooth < 1) {
			return axes{}, badRequest(fmt.Sprintf("smooth is %q: it is a number from 0 up to, not including, 1", text))
		}
		a.Smooth = smooth
	}
	a.LogX, a.LogY = q.Get("logx") != "", q.Get("logy") != ""
	a.Bands = q.Get("bands") != ""
	for name, step := range map[string]*int64{"from": &a.From, "to": &a.To} {
		if text := q.Get(name); text != "" {
			f, err := strconv.ParseFloat(text, 64)
			if err != nil || math.IsNaN(f) {
				return axes{}, badRequest(fmt.Sprintf("%s is %q: it is a step", name, text))
			}
			*step = int64(min(max(f, math.MinInt64/2), math.MaxInt64/2))
		}
	}
	return a, nil
}

// metric returns the metric that is the x axis, if one is.
func (a axes) metric() (name string, ok bool) { return strings.CutPrefix(a.X, "metric.") }

// query returns the part of an address that axesOf reads, without the window.
func (a axes) query() url.Values {
	q := url.Values{}
	if a.X != "step" {
		q.Set("x", a.X)
	}
	if a.Smooth > 0 {
		q.Set("smooth", strconv.FormatFloat(a.Smooth, 'g', -1, 64))
	}
	if a.LogX {
		q.Set("logx", "1")
	}
	if a.LogY {
		q.Set("logy", "1")
	}
	if a.Bands {
		q.Set("bands", "1")
	}
	return q
}

// curve is a figure of metrics of runs, and where a finer cut of it comes from.
type curve struct {
	charts.Figure
	Source string // the address of the figure; "" in files
}

// curveOf draws metrics of runs in one chart. A run has one colour wherever it is
// drawn; only where it is alone its second metric (val_loss beside loss) has
// another.
func curveOf(ctx context.Context, s *store.Store, runs []store.Run, metrics []string, a axes) (curve, error) {
	ids := make([]string, len(runs))
	for i, run := range runs {
		ids[i] = string(run.ID)
	}
	styles := charts.Styles(ids)
	// A screen has some 600 columns to share between the curves of one chart.
	buckets := min(max(2000/(len(runs)*len(metrics)), 40), 400)
	var lines []charts.Line
	means := map[string][]charts.Line{} // of the runs of a group, if bands are wanted
	odd := 0
	for i, run := range runs {
		for j, metric := range metrics {
			m, ok := run.Metrics[metric]
			if !ok {
				continue
			}
			odd += int(m.NaNs + m.PosInfs + m.NegInfs)
			line := charts.Line{Name: lineName(run, metric, len(runs), len(metrics)), Color: styles[i].Color, Dash: styles[i].Dash}
			if j > 0 && len(runs) == 1 {
				line.Color = charts.Contrast(line.Color)
			}
			cut, err := cutOf(ctx, s, run.ID, metric, a, buckets)
			if errors.Is(err, store.ErrNotFound) {
				continue // logged after the run was read
			}
			if err != nil {
				return curve{}, err
			}
			ends, err := endsOf(ctx, s, run, a)
			if errors.Is(err, store.ErrNotFound) {
				continue // it has no such x
			}
			if err != nil {
				return curve{}, err
			}
			if a.Bands && run.Group != "" && ordered(a) {
				means[run.Group] = append(means[run.Group], trend(cut, ends, a))
				continue
			}
			lines = append(lines, draw(line, cut, ends, a)...)
		}
	}
	for _, group := range slices.Sorted(maps.Keys(means)) {
		lines = append(lines, band(group, means[group]))
	}
	title := strings.Join(metrics, ", ")
	if odd > 0 {
		title += fmt.Sprintf(" · %d not finite", odd)
	}
	xName := map[string]string{"step": "step", "relative": "seconds", "wall": "-"}[a.X]
	if metric, ok := a.metric(); ok {
		xName = metric
	}
	figure := charts.Curves("curve-"+strings.Join(metrics, "-"), title, lines, charts.CurveOptions{
		X: xName, Wall: a.X == "wall",
		LogX: a.LogX && a.X != "wall", LogY: a.LogY, Points: -1, Zoom: true,
	})
	figure.Height = 260
	q := a.query()
	q["run"], q["metric"] = ids, metrics
	return curve{figure, "/figure?" + q.Encode()}, nil
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
func cutOf(ctx context.Context, s *store.Store, run store.RunID, metric string, a axes, buckets int) ([]store.Bucket, error) {
	if a.From == math.MinInt64 && a.To == math.MaxInt64 {
		return s.Window(ctx, run, metric, a.From, a.To, buckets)
	}
	var cut []store.Bucket
	for _, part := range []struct {
		from, to int64
		buckets  int
	}{{math.MinInt64, a.From - 1, 40}, {a.From, a.To, buckets}, {a.To + 1, math.MaxInt64, 40}} {
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
func ordered(a axes) bool {
	_, metric := a.metric()
	return !metric
}

// endsOf returns where the points of run lie on the x axis of a. Where x is a
// metric it is read between the points beside a step, on a straight line; it is
// NaN, a gap, outside of them.
func endsOf(ctx context.Context, s *store.Store, run store.Run, a axes) (ends, error) {
	switch a.X {
	case "relative":
		return func(b store.Bucket) (first, last float64) {
			return b.FirstTime.Sub(run.Started).Seconds(), b.LastTime.Sub(run.Started).Seconds()
		}, nil
	case "wall":
		return func(b store.Bucket) (first, last float64) {
			return float64(b.FirstTime.UnixMilli()), float64(b.LastTime.UnixMilli())
		}, nil
	case "step":
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
func draw(line charts.Line, cut []store.Bucket, place ends, a axes) []charts.Line {
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

// curveGroups returns the metrics of runs that make curves, one group a chart.
// The chart of a run alone has a quantity on training and on validation data
// together. Metrics that are one number make no curve. search keeps those with
// the text in their name.
func curveGroups(runs []store.Run, search string) [][]string {
	points := map[string]int64{}
	for _, run := range runs {
		for name, m := range run.Metrics {
			points[name] = max(points[name], m.Count)
		}
	}
	var names []string
	for name, count := range points {
		if count > 1 && strings.Contains(strings.ToLower(name), strings.ToLower(search)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var groups [][]string
	for _, name := range names {
		base, validation := strings.CutPrefix(name, "val_")
		switch {
		case len(runs) == 1 && validation && slices.Contains(names, base):
			// is with base
		case len(runs) == 1 && slices.Contains(names, "val_"+name):
			groups = append(groups, []string{name, "val_" + name})
		default:
			groups = append(groups, []string{name})
		}
	}
	return groups
}

// curvesPerPage is how many charts a page draws at once; a search reaches the
// others.
const curvesPerPage = 24

// curvesView is the section of a page that holds curves.
type curvesView struct {
	Curves []curve
	Groups int      // in all
	Others []string // metrics that can be the x axis
	Search string
	Axes   axes
	Runs   []string // named by the page's address, kept when the form is sent
	Seeds  bool     // some runs share a group, so that there is something to average
}

func curvesOf(ctx context.Context, s *store.Store, runs []store.Run, q url.Values) (curvesView, error) {
	a, err := axesOf(q)
	if err != nil {
		return curvesView{}, err
	}
	v := curvesView{Search: q.Get("metrics"), Axes: a, Runs: q["run"]}
	members := map[string]int{}
	for _, run := range runs {
		if run.Group != "" {
			members[run.Group]++
			v.Seeds = v.Seeds || members[run.Group] > 1
		}
	}
	groups := curveGroups(runs, v.Search)
	v.Groups = len(groups)
	for _, metrics := range curveGroups(runs, "") {
		v.Others = append(v.Others, metrics...)
	}
	v.Others = v.Others[:min(len(v.Others), choicesMost)]
	for _, metrics := range groups[:min(len(groups), curvesPerPage)] {
		c, err := curveOf(ctx, s, runs, metrics, a)
		if err != nil {
			return curvesView{}, err
		}
		v.Curves = append(v.Curves, c)
	}
	return v, nil
}

// figure answers with a curve alone: the finer cut that a zoom asks for.
func (s *server) figure(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c, err := func() (curve, error) {
		a, err := axesOf(q)
		if err != nil {
			return curve{}, err
		}
		runs, err := runsNamed(r.Context(), s.store, q["run"])
		if err != nil {
			return curve{}, err
		}
		if len(q["metric"]) == 0 {
			return curve{}, badRequest("no metric is named")
		}
		return curveOf(r.Context(), s.store, runs, q["metric"], a)
	}()
	if err != nil {
		writeJSON(w, status(err), apiError{sentence(err)})
		return
	}
	writeJSON(w, http.StatusOK, c.Figure)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(b)
}

package web

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/experiments/compare"
	"github.com/assay-ml/assay/store"
)

// axesOf reads axes from an address.
func axesOf(q url.Values) (compare.Axes, error) {
	a := compare.Axes{X: q.Get("x")}
	if !a.Valid() {
		return compare.Axes{}, badRequest(fmt.Sprintf("x is %q: it can be step, relative, wall or metric.NAME", a.X))
	}
	if text := q.Get("smooth"); text != "" {
		smooth, err := strconv.ParseFloat(text, 64)
		if err != nil || !(smooth >= 0 && smooth < 1) {
			return compare.Axes{}, badRequest(fmt.Sprintf("smooth is %q: it is a number from 0 up to, not including, 1", text))
		}
		a.Smooth = smooth
	}
	a.LogX, a.LogY = q.Get("logx") != "", q.Get("logy") != ""
	a.Bands = q.Get("bands") != ""
	if q.Get("from") != "" || q.Get("to") != "" {
		a.Steps = &[2]int64{math.MinInt64, math.MaxInt64}
	}
	for i, name := range []string{"from", "to"} {
		if text := q.Get(name); text != "" {
			f, err := strconv.ParseFloat(text, 64)
			if err != nil || math.IsNaN(f) {
				return compare.Axes{}, badRequest(fmt.Sprintf("%s is %q: it is a step", name, text))
			}
			a.Steps[i] = int64(min(max(f, math.MinInt64/2), math.MaxInt64/2))
		}
	}
	return a, nil
}

// axesQuery returns the part of an address that axesOf reads, without the window.
func axesQuery(a compare.Axes) url.Values {
	q := url.Values{}
	if a.X != "" && a.X != "step" {
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

	section string
}

// curveOf draws metrics of runs in one chart.
func curveOf(ctx context.Context, s *store.Store, runs []store.Run, metrics []string, a compare.Axes) (curve, error) {
	set := compare.Of(s, runs)
	figure, err := set.Curves(ctx, a, metrics...)
	if err != nil {
		return curve{}, err
	}
	q := axesQuery(a)
	q["metric"] = metrics
	for _, run := range runs {
		q.Add("run", string(run.ID))
	}
	return curve{figure, "/figure?" + q.Encode(), section(metrics[0])}, nil
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
	slices.SortFunc(names, func(a, b string) int {
		x, y := section(a), section(b)
		switch {
		case x == y && experiments.IsBookkeeping(a) != experiments.IsBookkeeping(b):
			if experiments.IsBookkeeping(a) {
				return 1
			}
			return -1
		case x == y:
			return strings.Compare(a, b)
		case x == systemSection:
			return 1
		case y == systemSection:
			return -1
		}
		return strings.Compare(x, y)
	})
	drawn := map[string]bool{}
	for _, name := range names {
		drawn[name] = true
	}
	var groups [][]string
	for _, name := range names {
		base, validation := strings.CutPrefix(name, "val_")
		switch {
		case len(runs) == 1 && validation && drawn[base]:
			// is with base
		case len(runs) == 1 && drawn["val_"+name]:
			groups = append(groups, []string{name, "val_" + name})
		default:
			groups = append(groups, []string{name})
		}
	}
	return groups
}

// systemSection is the heading of the machine's metrics.
var systemSection = strings.TrimSuffix(experiments.SystemPrefix, ".")

// section returns the heading that a metric's chart stands under: what is before
// the first slash, or else the first dot, of its name.
func section(metric string) string {
	for _, separator := range []string{"/", "."} {
		if before, _, ok := strings.Cut(metric, separator); ok {
			return before
		}
	}
	return ""
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
	Axes   compare.Axes
	Runs   []string // named by the page's address, kept when the form is sent
	Seeds  bool     // some runs share a group, so that there is something to average
}

// curveSection is charts under one heading, or none.
type curveSection struct {
	Name   string
	Curves []curve
}

// Sections is called by the template.
func (v curvesView) Sections() []curveSection {
	var all []curveSection
	for _, c := range v.Curves {
		if len(all) == 0 || all[len(all)-1].Name != c.section {
			all = append(all, curveSection{Name: c.section})
		}
		last := &all[len(all)-1]
		last.Curves = append(last.Curves, c)
	}
	return all
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
		at := a
		if experiments.IsSystem(metrics[0]) && at.X == "" {
			at.X = "relative" // samples stand at whatever step the run was at
		}
		c, err := curveOf(ctx, s, runs, metrics, at)
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

package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/experiments/compare"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// compareView lays runs side by side.
type compareView struct {
	Runs    []styledRun
	Params  []diffRow
	Metrics []diffRow
	Env     []diffRow
	Data    []diffRow
	Curves  curvesView
	Figures []charts.Figure // of their reports: ROC, calibration …
	Tests   []compare.Test
	Untold  bool            // whether the runs differ cannot be tested: they kept no predictions
	Beside  []charts.Figure // that the runs recorded
	Images  []pictureRow
	Cells   []compare.Diff
	Program []compare.Diff
	All     bool   // also rows that do not differ
	Toggle  string // the address with All the other way round
	Export  string
}

type styledRun struct {
	store.Run
	charts.Style
	Took    string
	First   string // the address with this run as the one that others are held against; "" of the first
	Without string // the address without it; "" if there would be none left; of many runs both are ""
}

// diffRow is one thing in all runs.
type diffRow struct {
	Name   string
	Cells  []cell
	Differ bool
}

// sideBySide is a table of rows with the runs as columns.
type sideBySide struct {
	What string // the rows are
	Runs []styledRun
	Rows []diffRow
}

// Side is called by the template.
func (v compareView) Side(what string, rows []diffRow) sideBySide {
	return sideBySide{what, v.Runs, rows}
}

// diffsMost is how many runs have their code compared with that of the first.
const diffsMost = 6

func (s *server) compare(r *http.Request) (page, error) {
	q := r.URL.Query()
	v, err := compareOf(r.Context(), s.store, q, false)
	if err != nil {
		return page{}, err
	}
	v.Export = "/export?" + q.Encode()
	u := maps.Clone(q)
	if v.All {
		u.Del("all")
	} else {
		u.Set("all", "1")
	}
	v.Toggle = "/compare?" + u.Encode()
	v.rearrange(q)
	p := page{Title: compareTitle(v), Body: v, template: "compare"}
	p.Crumbs = crumbs(v.Runs[0].Run)
	return p, nil
}

// rearrange sets the addresses that change which runs are compared, and with which.
func (v *compareView) rearrange(q url.Values) {
	const most = 50 // each address names all runs
	if len(v.Runs) > most {
		return
	}
	u := maps.Clone(q)
	address := func(ids []string) string {
		u["run"] = ids
		return "/compare?" + u.Encode()
	}
	var ids []string
	for _, run := range v.Runs {
		ids = append(ids, string(run.ID))
	}
	for i := range v.Runs {
		others := slices.Delete(slices.Clone(ids), i, i+1)
		if i > 0 {
			v.Runs[i].First = address(append([]string{ids[i]}, others...))
		}
		if len(others) > 0 {
			v.Runs[i].Without = address(others)
		}
	}
}

func compareTitle(v compareView) string {
	if len(v.Runs) == 2 {
		return v.Runs[0].Name + " and " + v.Runs[1].Name
	}
	return fmt.Sprintf("%d runs compared", len(v.Runs))
}

// compareOf compares the runs that q names, for a page or for a file.
func compareOf(ctx context.Context, s *store.Store, q url.Values, static bool) (v compareView, err error) {
	runs, err := runsNamed(ctx, s, q["run"])
	if err != nil {
		return v, err
	}
	v.All = q.Get("all") != ""
	for i, style := range compare.Of(s, runs).Styles() {
		v.Runs = append(v.Runs, styledRun{Run: runs[i], Style: style, Took: took(runs[i])})
	}
	params, _ := compare.ParamNames(runs)
	v.Params = v.rows(params, func(run store.Run, name string) cell { return cell{Text: compare.ValueText(run.Params[name])} })
	v.Env = v.rows(keysOf(runs, func(run store.Run) map[string]string { return run.Env }), func(run store.Run, name string) cell { return cell{Text: run.Env[name]} })
	metrics, err := compare.MetricNames(ctx, s, runs)
	if err != nil {
		return v, err
	}
	v.Metrics = metricRows(runs, metrics)
	if v.Data, err = v.dataRows(ctx, s, runs); err != nil {
		return v, err
	}
	if v.Curves, err = curvesOf(ctx, s, runs, q); err != nil {
		return v, err
	}
	set := compare.Of(s, runs)
	if v.Figures, err = set.Judged(ctx); err != nil {
		return v, err
	}
	if v.Tests, err = set.Tests(ctx); err != nil {
		return v, err
	}
	v.Untold = len(runs) > 1 && len(v.Figures) > 0 && len(v.Tests) == 0
	if v.Beside, err = figuresBeside(ctx, s, v.Runs); err != nil {
		return v, err
	}
	if v.Images, err = picturesBeside(ctx, s, v.Runs, static); err != nil {
		return v, err
	}
	for _, run := range runs[1:min(len(runs), diffsMost+1)] {
		if run.Origin.Source != runs[0].Origin.Source {
			v.Cells = append(v.Cells, compare.Diff{From: runs[0].Name, To: run.Name, Lines: compare.Texts(runs[0].Origin.Source, run.Origin.Source)})
		}
		program, err := compare.Programs(ctx, s, runs[0], run)
		if err != nil {
			return v, err
		}
		v.Program = append(v.Program, program...)
	}
	return v, nil
}

// rows returns one row a name, those that differ only unless all are wanted.
func (v *compareView) rows(names []string, value func(store.Run, string) cell) []diffRow {
	var rows []diffRow
	for _, name := range names {
		row := diffRow{Name: name}
		for _, run := range v.Runs {
			row.Cells = append(row.Cells, value(run.Run, name))
			row.Differ = row.Differ || row.Cells[len(row.Cells)-1].Text != row.Cells[0].Text
		}
		if row.Differ || v.All {
			rows = append(rows, row)
		}
	}
	return rows
}

func keysOf(runs []store.Run, of func(store.Run) map[string]string) []string {
	names := map[string]bool{}
	for _, run := range runs {
		for name := range of(run) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// metricRows lists the last values of metrics, the best of each marked.
func metricRows(runs []store.Run, names []string) []diffRow {
	var rows []diffRow
	for _, name := range names {
		if experiments.IsSystem(name) {
			continue // they have curves, and no best
		}
		row := diffRow{Name: name}
		for _, run := range runs {
			c := cellOf(run, "metric."+name)
			if m, ok := run.Metrics[name]; ok && experiments.IsFinal(m) {
				c.Text += " (" + charts.Interval(m.Low, m.High) + ")"
			}
			row.Cells = append(row.Cells, c)
			row.Differ = row.Differ || c.Text != row.Cells[0].Text
		}
		if ranked(name) {
			cells := make([]*cell, len(row.Cells))
			for i := range row.Cells {
				cells[i] = &row.Cells[i]
			}
			markBestOf(name, cells)
		}
		rows = append(rows, row)
	}
	return rows
}

// dataRows compares what the runs read, by the hashes of the files.
func (v *compareView) dataRows(ctx context.Context, s *store.Store, runs []store.Run) ([]diffRow, error) {
	used := map[store.RunID]map[string]string{}
	names := map[string]bool{}
	for _, run := range runs {
		uses, err := s.DataUses(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		used[run.ID] = map[string]string{}
		for _, use := range uses {
			name := strings.TrimSpace(use.Name + " " + use.Split)
			text := fmt.Sprintf("%d rows", use.Rows)
			for _, file := range use.Files {
				text += " · " + string(file.Digest[:min(12, len(file.Digest))])
			}
			used[run.ID][name] = text
			names[name] = true
		}
	}
	return v.rows(slices.Sorted(maps.Keys(names)), func(run store.Run, name string) cell { return cell{Text: used[run.ID][name]} }), nil
}

// leaderboardView is the best runs of an experiment by one metric.
type leaderboardView struct {
	Experiment  string // "" means all
	Experiments []store.Experiment
	Metric      string
	Metrics     []string
	Lower       bool // is better
	Rows        []leader
}

type leader struct {
	store.Run
	store.Metric
	Differ []pair // params that are not the same in all
}

func (s *server) leaderboard(r *http.Request) (page, error) {
	ctx, q := r.Context(), r.URL.Query()
	v := leaderboardView{Experiment: q.Get("experiment"), Metric: q.Get("metric")}
	var err error
	if v.Experiments, err = s.store.Experiments(ctx); err != nil {
		return page{}, err
	}
	some, err := s.store.Runs(ctx, store.Query{Experiment: v.Experiment, Where: "status = finished"})
	if err != nil {
		return page{}, err
	}
	if v.Metrics, err = compare.MetricNames(ctx, s.store, some.Runs); err != nil {
		return page{}, err
	}
	p := page{Title: "Leaderboard", Body: &v, template: "leaderboard"}
	if v.Experiment != "" {
		p.Crumbs = []crumb{{v.Experiment, "/runs?" + url.Values{"experiment": {v.Experiment}}.Encode()}}
	}
	v.Rows, err = s.leaders(ctx, v.Experiment, v.Metric)
	if len(v.Rows) == 0 && len(v.Metrics) > 0 && err == nil { // none was asked for, or one of another experiment
		v.Metric = v.Metrics[0]
		v.Rows, err = s.leaders(ctx, v.Experiment, v.Metric)
	}
	v.Lower = models.LowerIsBetter(v.Metric)
	return p, err
}

// leaders returns the finished runs of an experiment that are best by the last value
// of a metric, the best first.
func (s *server) leaders(ctx context.Context, experiment, metric string) ([]leader, error) {
	const most = 20
	if metric == "" {
		return nil, nil
	}
	found, err := s.store.Runs(ctx, store.Query{Experiment: experiment, Where: "status = finished", Sort: []string{sortField(nextOrder("", "metric."+metric))}, Limit: most})
	if err != nil {
		return nil, err
	}
	var rows []leader
	_, differ := compare.ParamNames(found.Runs)
	for _, run := range found.Runs {
		m, ok := run.Metrics[metric]
		if !ok {
			continue
		}
		l := leader{Run: run, Metric: m}
		for _, p := range paramPairs(run) {
			if differ[p.Name] {
				l.Differ = append(l.Differ, p)
			}
		}
		rows = append(rows, l)
	}
	return rows, nil
}

// exportWhole sends an experiment as a file.
func (s *server) exportWhole(w http.ResponseWriter, r *http.Request, name string) {
	v, err := wholeOf(r.Context(), s.store, name)
	if err != nil {
		s.fail(w, r, fmt.Errorf("experiment %s: %w", name, err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="experiment.html"`)
	writeFile(w, name, "whole", v, false)
}

// export sends a comparison, or an experiment, as a file that opens without a server.
func (s *server) export(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if name := q.Get("experiment"); name != "" {
		s.exportWhole(w, r, name)
		return
	}
	v, err := compareOf(r.Context(), s.store, q, true)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="compare.html"`)
	writeFile(w, compareTitle(v), "compare", v, false)
}

package web

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/experiments/compare"
	"github.com/assay-ml/assay/store"
)

// wholeView is an experiment in one file: all its runs, the best first, and what
// comparing them shows.
type wholeView struct {
	store.Experiment
	Metric  string // that the runs are ordered by; "" if they have none
	Lower   bool   // is better
	Table   runsView
	Drawn   int // runs whose curves are drawn, the best
	Curves  curvesView
	Judged  []charts.Figure
	Depends compare.Dependence
	Best    *store.Run
	Reports []reportView // of the best
}

const (
	wholeRows   = 2000 // of the table
	wholeCurves = 40   // runs whose curves are drawn
	wholeJudged = 8    // runs whose ROC curves and the like are drawn
)

// WriteExperiment writes an experiment as one HTML file that opens from disk, with
// its charts, without a server or a network: the table of its runs, the best by
// its foremost metric first, their curves, what judging the best of them found,
// and what the metric depends on. For linked see WriteCompare.
func WriteExperiment(ctx context.Context, w io.Writer, s *store.Store, name string, linked bool) error {
	v, err := wholeOf(ctx, s, name)
	if err != nil {
		return fmt.Errorf("experiment %s: %w", name, err)
	}
	return writeFile(w, name, "whole", v, linked)
}

func wholeOf(ctx context.Context, s *store.Store, name string) (v wholeView, err error) {
	all, err := s.Experiments(ctx)
	if err != nil {
		return v, err
	}
	i := slices.IndexFunc(all, func(e store.Experiment) bool { return e.Name == name })
	if i < 0 {
		return v, store.ErrNotFound
	}
	v.Experiment = all[i]
	latest, err := s.Runs(ctx, store.Query{Experiment: name})
	if err != nil {
		return v, err
	}
	q := url.Values{"experiment": {name}}
	metrics, err := compare.MetricNames(ctx, s, latest.Runs)
	if err != nil {
		return v, err
	}
	metrics = slices.DeleteFunc(metrics, experiments.IsSystem)
	if len(metrics) > 0 {
		v.Metric = metrics[0]
		order := nextOrder("", "metric."+v.Metric)
		v.Lower = order[0] != '-'
		q.Set("sort", order)
	}
	var runs []store.Run
	if v.Table, runs, err = (&server{store: s}).table(ctx, q, wholeRows); err != nil || len(runs) == 0 {
		return v, err
	}
	v.Table.date()
	v.Drawn = min(len(runs), wholeCurves)
	if v.Curves, err = curvesOf(ctx, s, runs[:v.Drawn], url.Values{"bands": {"1"}}); err != nil {
		return v, err
	}
	if v.Judged, err = compare.Of(s, runs[:min(len(runs), wholeJudged)]).Judged(ctx); err != nil {
		return v, err
	}
	if v.Depends, err = compare.Of(s, runs).Dependence(ctx, v.Metric); err != nil {
		return v, err
	}
	v.Best = &runs[0]
	v.Reports, err = reportsOf(ctx, s, runs[0].ID)
	return v, err
}

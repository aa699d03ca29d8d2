package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/assay-ml/assay/experiments/compare"
	"github.com/assay-ml/assay/store"
)

// exploreView shows how a metric goes with the params.
type exploreView struct {
	Experiment string
	Query      string
	Metrics    []string
	Latest     int // of the runs asked for are looked at; 0 means all
	compare.Dependence
}

// exploreMost is how many runs are looked at, the latest.
const exploreMost = 1000

func (s *server) explore(r *http.Request) (page, error) {
	ctx, q := r.Context(), r.URL.Query()
	v := exploreView{Experiment: q.Get("experiment"), Query: q.Get("q")}
	found, err := s.store.Runs(ctx, store.Query{Experiment: v.Experiment, Where: v.Query, Limit: exploreMost})
	if err != nil {
		return page{}, err
	}
	if found.Total > len(found.Runs) {
		v.Latest = len(found.Runs)
	}
	if v.Metrics, err = compare.MetricNames(ctx, s.store, found.Runs); err != nil {
		return page{}, err
	}
	metric := q.Get("metric")
	if !slices.Contains(v.Metrics, metric) && len(v.Metrics) > 0 {
		metric = v.Metrics[0] // none was asked for, or one that no run has
	}
	p := page{Title: "Params and results", template: "explore"}
	if v.Experiment != "" {
		p.Crumbs = []crumb{{v.Experiment, "/runs?" + url.Values{"experiment": {v.Experiment}}.Encode()}}
	}
	if v.Dependence, err = compare.Of(s.store, found.Runs).Dependence(ctx, metric); err != nil {
		return page{}, err
	}
	p.Body = v
	return p, nil
}

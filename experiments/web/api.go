package web

import (
	_ "embed"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

//go:embed openapi.json
var openAPI []byte

// api adds the JSON API, which openapi.json describes. It reads only.
func (s *server) api(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(openAPI)
	})
	answer := func(pattern string, f func(*http.Request) (any, error)) {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			v, err := f(r)
			if err != nil {
				writeJSON(w, status(err), apiError{sentence(err)})
				return
			}
			writeJSON(w, http.StatusOK, v)
		})
	}
	answer("/api/experiments", s.apiExperiments)
	answer("/api/runs", s.apiRuns)
	answer("/api/runs/{id}", s.apiRun)
	answer("/api/runs/{id}/metrics/{name...}", s.apiMetric)
	answer("/api/", func(r *http.Request) (any, error) {
		return nil, fmt.Errorf("%s: %w", r.URL.Path, store.ErrNotFound)
	})
}

type apiError struct {
	Error string `json:"error"`
}

func (s *server) apiExperiments(r *http.Request) (any, error) {
	all, err := s.store.Experiments(r.Context())
	if all == nil {
		all = []store.Experiment{}
	}
	return all, err
}

// Run is a run as programs read it, here and from the command line.
type Run struct {
	ID         store.RunID            `json:"id"`
	Experiment string                 `json:"experiment"`
	Name       string                 `json:"name"`
	Status     store.Status           `json:"status"`
	Message    string                 `json:"message,omitempty"`
	Started    time.Time              `json:"started"`
	Ended      *time.Time             `json:"ended"` // null while it runs
	Params     map[string]store.Value `json:"params"`
	Metrics    map[string]Metric      `json:"metrics"`
	Tags       map[string]string      `json:"tags"`
	RerunOf    store.RunID            `json:"rerun_of"`
	Rerun      string                 `json:"rerun"` // the verdict
}

// Metric sums up a metric of a Run.
type Metric struct {
	Last models.Number `json:"last"`
	Min  models.Number `json:"min"`
	Max  models.Number `json:"max"`
	Step int64         `json:"step"` // of Last
	Low  models.Number `json:"low"`  // 95 % interval; NaN if there is none
	High models.Number `json:"high"`
}

// RunOf returns run as programs read it.
func RunOf(run store.Run) Run {
	out := Run{
		ID: run.ID, Experiment: run.Experiment, Name: run.Name, Status: run.Status, Message: run.Message,
		Started: run.Started, Params: map[string]store.Value{}, Metrics: map[string]Metric{},
		Tags: map[string]string{}, RerunOf: run.RerunOf, Rerun: run.Verdict,
	}
	maps.Copy(out.Tags, run.Tags)
	for name, value := range run.Params {
		if number, ok := value.(float64); ok {
			value = models.Number(number) // NaN has no JSON of its own
		}
		out.Params[name] = value
	}
	if !run.Ended.IsZero() {
		out.Ended = &run.Ended
	}
	for name, m := range run.Metrics {
		out.Metrics[name] = Metric{
			Last: models.Number(m.Last), Min: models.Number(m.Min), Max: models.Number(m.Max), Step: m.LastStep,
			Low: models.Number(m.Low), High: models.Number(m.High),
		}
	}
	return out
}

type apiPage struct {
	Runs  []Run `json:"runs"`
	Total int   `json:"total"`
}

func (s *server) apiRuns(r *http.Request) (any, error) {
	q := r.URL.Query()
	query := store.Query{Experiment: q.Get("experiment"), Where: q.Get("where"), Sort: slices.DeleteFunc(q["sort"], func(key string) bool { return key == "" })}
	var err error
	if query.Limit, err = count(q, "limit", 50, 10_000); err != nil {
		return nil, err
	}
	if query.Limit == 0 {
		return nil, badRequest("limit is 0: ask for at least one run")
	}
	if query.Offset, err = count(q, "offset", 0, math.MaxInt32); err != nil {
		return nil, err
	}
	found, err := s.store.Runs(r.Context(), query)
	if err != nil {
		return nil, err
	}
	out := apiPage{Runs: []Run{}, Total: found.Total}
	for _, run := range found.Runs {
		out.Runs = append(out.Runs, RunOf(run))
	}
	return out, nil
}

// count reads a whole number from 0 to most out of an address.
func count(q url.Values, name string, otherwise, most int) (int, error) {
	if !q.Has(name) {
		return otherwise, nil
	}
	text := q.Get(name)
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, badRequest(fmt.Sprintf("%s is %q: it is a whole number from 0 to %d", name, text, most))
	}
	return n, nil
}

func (s *server) apiRun(r *http.Request) (any, error) {
	run, err := s.runOf(r)
	if err != nil {
		return nil, err
	}
	return RunOf(run), nil
}

// bucket is a store.Bucket as JSON.
type bucket struct {
	FirstStep int64         `json:"first_step"`
	LastStep  int64         `json:"last_step"`
	FirstTime time.Time     `json:"first_time"`
	LastTime  time.Time     `json:"last_time"`
	First     models.Number `json:"first"`
	Last      models.Number `json:"last"`
	Min       models.Number `json:"min"`
	Max       models.Number `json:"max"`
	Mean      models.Number `json:"mean"`
	Count     int64         `json:"count"`
	NaNs      int64         `json:"nans"`
	PosInfs   int64         `json:"pos_infs"`
	NegInfs   int64         `json:"neg_infs"`
}

func (s *server) apiMetric(r *http.Request) (any, error) {
	run, err := s.runOf(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	a, err := axesOf(q)
	if err != nil {
		return nil, err
	}
	buckets, err := count(q, "buckets", 500, 100_000)
	if err != nil {
		return nil, err
	}
	if buckets == 0 {
		return nil, badRequest("buckets is 0: ask for at least one")
	}
	from, to := a.Range()
	cut, err := s.store.Window(r.Context(), run.ID, r.PathValue("name"), from, to, buckets)
	if err != nil {
		return nil, err
	}
	out := make([]bucket, len(cut))
	for i, b := range cut {
		out[i] = bucket{b.FirstStep, b.LastStep, b.FirstTime, b.LastTime, models.Number(b.First), models.Number(b.Last),
			models.Number(b.Min), models.Number(b.Max), models.Number(b.Mean), b.Count, b.NaNs, b.PosInfs, b.NegInfs}
	}
	return out, nil
}

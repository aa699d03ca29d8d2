package web

import (
	"context"
	"fmt"
	"html/template"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/experiments/compare"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// runView is all about one run.
type runView struct {
	Run       store.Run
	Took      string
	Left      string
	Percent   int // of the planned steps; 0 if none are planned
	Note      template.HTML
	Metrics   []metricRow
	Unlisted  int // metrics that are not in Metrics, because they are too many
	Curves    curvesView
	Reports   []reportView
	Figures   []charts.Figure
	Params    []pair
	Tags      []pair
	Env       []pair
	Data      []store.DataUse
	Artifacts []store.Artifact
	Source    template.HTML
	Executed  []experiments.ExecutedCell // in the notebook's session until the run started
	Doubts    []string                   // about their order
	Output    string
	Cut       bool // Output is only its end
	Parent    *store.Run
	RerunOf   *store.Run
	Parts     experiments.Parts
	Reruns    []store.Run
	Command   string     // that runs it again
	Again     *rerunning // from this page
	CanAgain  bool
	Notebook  bool // there is one to show
}

// metricsPerPage is how many metrics a run's page lists; a search reaches the
// others.
const metricsPerPage = 200

type pair struct{ Name, Value string }

type metricRow struct {
	Name string
	store.Metric
	Odd int64 // values that are not finite
}

type reportView struct {
	models.Report
	Figures []charts.Figure
	Problem string // why it cannot be shown
}

func (s *server) run(r *http.Request) (page, error) {
	run, err := s.runOf(r)
	if err != nil {
		return page{}, err
	}
	v, err := s.view(r.Context(), run, r.URL.Query())
	if err != nil {
		return page{}, fmt.Errorf("run %s: %w", run.ID, err)
	}
	return page{Title: run.Name, Crumbs: crumbs(run), Body: v, template: "run"}, nil
}

func crumbs(run store.Run) []crumb {
	return []crumb{{run.Experiment, "/runs?" + url.Values{"experiment": {run.Experiment}}.Encode()}}
}

func (s *server) view(ctx context.Context, run store.Run, q url.Values) (v runView, err error) {
	v = runView{Run: run, Took: took(run), Left: left(run), Params: paramPairs(run), Tags: pairs(run.Tags), Env: pairs(run.Env)}
	if run.Planned > 0 {
		v.Percent = int(100 * min(run.Done, run.Planned) / run.Planned)
	}
	if v.Note, err = noteHTML(run.Note); err != nil {
		return v, err
	}
	names, err := compare.MetricNames(ctx, s.store, []store.Run{run})
	if err != nil {
		return v, err
	}
	for _, name := range names {
		if !strings.Contains(strings.ToLower(name), strings.ToLower(q.Get("metrics"))) {
			continue
		}
		if len(v.Metrics) == metricsPerPage {
			v.Unlisted++
			continue
		}
		m := run.Metrics[name]
		v.Metrics = append(v.Metrics, metricRow{name, m, m.NaNs + m.PosInfs + m.NegInfs})
	}
	if v.Curves, err = curvesOf(ctx, s.store, []store.Run{run}, q); err != nil {
		return v, err
	}
	if v.Reports, err = reportsOf(ctx, s.store, run.ID); err != nil {
		return v, err
	}
	drawn := map[string]bool{}
	for _, r := range v.Reports {
		for _, f := range r.Figures {
			drawn[f.ID] = true
		}
	}
	figures, err := s.store.Figures(ctx, run.ID)
	if err != nil {
		return v, err
	}
	for _, f := range figures {
		if !drawn[f.ID] {
			v.Figures = append(v.Figures, figureOf(f))
		}
	}
	if v.Data, err = s.store.DataUses(ctx, run.ID); err != nil {
		return v, err
	}
	if v.Artifacts, err = s.store.Artifacts(ctx, run.ID); err != nil {
		return v, err
	}
	v.Command, v.Again, v.CanAgain = rerunCommand(run.ID, nil), s.reruns.last(run.ID), s.Again != nil
	v.Notebook = hasNotebook(run, v.Artifacts)
	if run.Origin.Source != "" {
		if v.Source, err = codeHTML(run.Origin.Source); err != nil {
			return v, err
		}
	}
	history, err := experiments.CellHistory(ctx, s.store, run.ID)
	if err != nil {
		return v, err
	}
	v.Executed, v.Doubts = history.Executed, history.Doubts(notebookNow(run))
	if v.Output, v.Cut, err = outputOf(ctx, s.store, run.ID); err != nil {
		return v, err
	}
	return v, s.relatives(ctx, run, &v)
}

// relatives reads the runs that run is tied to. One that is gone is left out.
func (s *server) relatives(ctx context.Context, run store.Run, v *runView) error {
	read := func(ids ...store.RunID) []store.Run {
		var runs []store.Run
		for _, id := range ids {
			if id == "" {
				continue
			}
			if other, err := s.store.Run(ctx, id); err == nil {
				runs = append(runs, other)
			}
		}
		return runs
	}
	if parent := read(run.Parent); len(parent) == 1 {
		v.Parent = &parent[0]
	}
	if original := read(run.RerunOf); len(original) == 1 {
		v.RerunOf = &original[0]
	}
	v.Reruns = read(run.Reruns...)
	var err error
	if v.Parts, err = experiments.PartsOf(ctx, s.store, run.ID); err != nil {
		return err
	}
	return ctx.Err()
}

func figureOf(f store.Figure) charts.Figure {
	return charts.Figure{ID: f.ID, Title: f.Title, Alt: f.Alt, Height: f.Height, Option: f.Option}
}

// reportsOf returns the reports of a run with their figures. Of one that cannot be
// read it says why.
func reportsOf(ctx context.Context, s *store.Store, id store.RunID) ([]reportView, error) {
	kept, err := s.Reports(ctx, id)
	if err != nil {
		return nil, err
	}
	views := make([]reportView, len(kept))
	for i, k := range kept {
		r, err := compare.ReadReport(k)
		if err != nil {
			views[i].Problem = sentence(err)
			continue
		}
		views[i].Report, views[i].Figures = r, charts.FromReport(r)
	}
	return views, nil
}

// outputOf returns the end of what a run printed, and whether it is only that.
func outputOf(ctx context.Context, s *store.Store, id store.RunID) (text string, cut bool, err error) {
	const most = 64 << 10
	pieces, err := s.Outputs(ctx, id, 0)
	if err != nil {
		return "", false, err
	}
	size := 0
	first := len(pieces)
	for first > 0 && size < most {
		first--
		size += len(pieces[first].Text)
	}
	var b strings.Builder
	for _, p := range pieces[first:] {
		b.WriteString(p.Text)
	}
	return b.String(), first > 0, nil
}

func paramPairs(run store.Run) []pair {
	names, _ := compare.ParamNames([]store.Run{run})
	list := make([]pair, len(names))
	for i, name := range names {
		list[i] = pair{name, compare.ValueText(run.Params[name])}
	}
	return list
}

func pairs(m map[string]string) []pair {
	var list []pair
	for name, value := range m {
		list = append(list, pair{name, value})
	}
	slices.SortFunc(list, func(a, b pair) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// shown are the media types that a browser may show itself, because nothing in
// them can run. All else is downloaded.
var shown = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true,
	"text/plain": true, "application/json": true, "text/csv": true,
}

// artifact streams an artifact, in a sandbox of its own: a page that a run left
// is not one of ours.
func (s *server) artifact(w http.ResponseWriter, r *http.Request) {
	run, err := s.runOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	content, a, err := s.store.OpenArtifact(r.Context(), run.ID, r.PathValue("name"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer content.Close()
	media, _, _ := mime.ParseMediaType(a.MediaType)
	h := w.Header()
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'")
	h.Set("Cache-Control", "no-cache") // kept, and asked for again each time
	tag := `"` + string(a.Digest) + `"`
	h.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.FormatInt(a.Size, 10))
	disposition := "attachment"
	if shown[media] && r.URL.Query().Get("download") == "" {
		disposition = "inline"
		if strings.HasPrefix(media, "text/") {
			media = "text/plain; charset=utf-8"
		}
		h.Set("Content-Type", media)
	} else {
		h.Set("Content-Type", "application/octet-stream")
	}
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": path.Base(a.Name)}))
	io.Copy(w, content) // an error here is the reader's leaving
}

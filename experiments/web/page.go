package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/experiments/compare"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

//go:embed templates
var templateFiles embed.FS

// page is what every template sees.
type page struct {
	Title    string
	Crumbs   []crumb
	Body     any
	Static   bool // a file: no links to other pages, nothing to edit
	Linked   bool // but to the files of runs, which lie beside it
	Writable bool
	template string // of the content
}

type crumb struct{ Text, URL string }

// shared is the layouts and the parts of pages. Templates are parsed when they are
// first needed: every command links them, few show a page.
var shared = sync.OnceValue(func() *template.Template {
	functions := template.FuncMap{
		"number":   charts.Format,
		"interval": charts.Interval,
		"color":    func(id store.RunID) string { return charts.Color(string(id)) },
		"bytes":    func(n int64) string { return humanize.IBytes(uint64(n)) },
		"ago":      ago,
		"stamp":    func(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") },
		"machine":  func(t time.Time) string { return t.Format(time.RFC3339) },
		"artifact": artifactURL,
		"picture":  isPicture,
		"value":    compare.ValueText,
		"float":    func(n models.Number) float64 { return float64(n) },
		"add":      func(a, b int) int { return a + b },
	}
	return template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
})

var parsed struct {
	sync.Mutex
	pages map[string]*template.Template
}

// templateOf returns the template of a page: the layouts, the shared parts and the
// page's own content.
func templateOf(name string) *template.Template {
	parsed.Lock()
	defer parsed.Unlock()
	if parsed.pages == nil {
		parsed.pages = map[string]*template.Template{}
	}
	if parsed.pages[name] == nil {
		parsed.pages[name] = template.Must(template.Must(shared().Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return parsed.pages[name]
}

// page returns a handler that writes the page that f makes of a request.
func (s *server) page(f func(*http.Request) (page, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := f(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.write(w, r, http.StatusOK, p)
	}
}

func (s *server) write(w http.ResponseWriter, r *http.Request, code int, p page) {
	p.Writable = !s.ReadOnly
	var b bytes.Buffer // a page that breaks off half-way would look whole
	if err := templateOf(p.template).ExecuteTemplate(&b, "layout", p); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	w.Write(b.Bytes())
}

// status returns the HTTP status of an error.
func status(err error) int {
	var query *store.QueryError
	var bad badRequest
	switch {
	case errors.Is(err, store.ErrNotFound):
		return http.StatusNotFound
	case errors.As(err, &query), errors.As(err, &bad), errors.Is(err, store.ErrAmbiguous):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// badRequest is a mistake in an address or a form.
type badRequest string

func (b badRequest) Error() string { return string(b) }

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // the reader has left
	}
	s.write(w, r, status(err), page{Title: http.StatusText(status(err)), Body: sentence(err), template: "error"})
}

// sentence returns an error as a person reads it.
func sentence(err error) string {
	text := err.Error()
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

// runOf returns the run that the path of r names, by its id or a prefix.
func (s *server) runOf(r *http.Request) (store.Run, error) {
	return s.find(r.Context(), r.PathValue("id"))
}

func (s *server) find(ctx context.Context, prefix string) (store.Run, error) {
	id, err := s.store.Resolve(ctx, prefix)
	if err != nil {
		return store.Run{}, err
	}
	return s.store.Run(ctx, id)
}

// runsNamed returns the runs that are named by the parameter "run" of an address.
func runsNamed(ctx context.Context, s *store.Store, names []string) ([]store.Run, error) {
	const most = 200
	if len(names) == 0 {
		return nil, badRequest("no run is named: choose runs in the table first")
	}
	if len(names) > most {
		return nil, badRequest(fmt.Sprintf("%d runs are too many for one comparison: choose up to %d", len(names), most))
	}
	var runs []store.Run
	seen := map[store.RunID]bool{}
	for _, name := range names {
		id, err := s.Resolve(ctx, name)
		if err != nil {
			return nil, err
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		run, err := s.Run(ctx, id)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

package web

import (
	"context"
	"fmt"
	"html/template"
	"io"
	"net/url"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/store"
)

// file is what the layout of a file sees.
type file struct {
	page
	Policy  string
	Styles  []template.CSS
	Scripts []template.JS
}

// WriteCompare writes the comparison of runs as one HTML file that opens from
// disk, with its charts, without a server or a network. linked says that the files
// of the runs (WriteRun), called ID.html, lie beside it: then it leads to them.
func WriteCompare(ctx context.Context, w io.Writer, s *store.Store, runs []store.RunID, linked bool) error {
	q := url.Values{}
	for _, id := range runs {
		q.Add("run", string(id))
	}
	v, err := compareOf(ctx, s, q, true)
	if err != nil {
		return fmt.Errorf("comparison: %w", err)
	}
	return writeFile(w, compareTitle(v), "compare", v, linked)
}

// WriteRun writes the page of a run as one HTML file. Artifacts are listed and
// not in it.
func WriteRun(ctx context.Context, w io.Writer, s *store.Store, id store.RunID) error {
	srv := &server{store: s}
	run, err := srv.find(ctx, string(id))
	if err != nil {
		return err
	}
	v, err := srv.view(ctx, run, nil)
	if err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	return writeFile(w, run.Name, "run", v, false)
}

// WriteCard writes the model card of a run as one HTML file.
func WriteCard(ctx context.Context, w io.Writer, s *store.Store, id store.RunID) error {
	v, err := cardOf(ctx, s, id, true)
	if err != nil {
		return fmt.Errorf("model card of run %s: %w", id, err)
	}
	return writeFile(w, "Model card: "+v.Run.Name, "card", v, false)
}

// writeFile writes the content of a page with everything it loads inside it.
func writeFile(w io.Writer, title, name string, body any, linked bool) error {
	f := file{page: page{Title: title, Body: body, Static: true, Linked: linked, template: name}, Scripts: charts.Inline()}
	for _, name := range []string{"style.css", "chart.css"} {
		css, err := asset(name)
		if err != nil {
			return err
		}
		f.Styles = append(f.Styles, template.CSS(css))
	}
	theme, err := asset("theme.js")
	if err != nil {
		return err
	}
	f.Scripts = append(f.Scripts, template.JS(theme))
	f.Policy = charts.Policy(f.Scripts)
	if err := templateOf(name).ExecuteTemplate(w, "file", f); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return nil
}

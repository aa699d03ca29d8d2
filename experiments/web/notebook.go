package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/kernel"
	"github.com/assay-ml/assay/store"
)

const notebookExt = ".ipynb"

// notebookView is the notebook that a run came from.
type notebookView struct {
	Run    store.Run
	Kept   bool     // with the run; else it is the file as it is now
	Doubts []string // see experiments.History
}

// hasNotebook reports whether there is a notebook to show of run.
func hasNotebook(run store.Run, artifacts []store.Artifact) bool {
	if slices.ContainsFunc(artifacts, isNotebook) {
		return true
	}
	if !strings.HasSuffix(run.Origin.Notebook, notebookExt) {
		return false
	}
	info, err := os.Stat(run.Origin.Notebook)
	return err == nil && info.Mode().IsRegular()
}

func isNotebook(a store.Artifact) bool { return path.Ext(a.Name) == notebookExt }

// notebookOf returns the content of the notebook that run kept, or else of the
// file that its record names, and whether it was kept.
func notebookOf(ctx context.Context, s *store.Store, run store.Run) (content []byte, kept bool, err error) {
	artifacts, err := s.Artifacts(ctx, run.ID)
	if err != nil {
		return nil, false, err
	}
	if i := slices.IndexFunc(artifacts, isNotebook); i >= 0 {
		f, _, err := s.OpenArtifact(ctx, run.ID, artifacts[i].Name)
		if err != nil {
			return nil, true, err
		}
		defer f.Close()
		content, err = io.ReadAll(f)
		return content, true, err
	}
	file := run.Origin.Notebook
	if filepath.Ext(file) != notebookExt { // a record does not make us read other files
		return nil, false, fmt.Errorf("notebook of run %s: %w", run.ID, store.ErrNotFound)
	}
	content, err = os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("notebook %s: %w", file, store.ErrNotFound)
	}
	return content, false, err
}

// notebookNow returns the content of the file that run came from, or nil if it is
// not there, as on another machine, or large: a run's page is made anew whenever
// something changes.
func notebookNow(run store.Run) []byte {
	const most = 4 << 20
	if filepath.Ext(run.Origin.Notebook) != notebookExt {
		return nil
	}
	info, err := os.Stat(run.Origin.Notebook)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil
	}
	content, err := os.ReadFile(run.Origin.Notebook)
	if err != nil {
		return nil
	}
	return content
}

// notebook is the page around a run's notebook, with what a reader is to know of
// it.
func (s *server) notebook(r *http.Request) (page, error) {
	run, err := s.runOf(r)
	if err != nil {
		return page{}, err
	}
	content, kept, err := notebookOf(r.Context(), s.store, run)
	if err != nil {
		return page{}, err
	}
	history, err := experiments.CellHistory(r.Context(), s.store, run.ID)
	if err != nil {
		return page{}, err
	}
	v := notebookView{Run: run, Kept: kept, Doubts: history.Doubts(content)}
	crumbs := append(crumbs(run), crumb{run.Name, "/run/" + string(run.ID)})
	return page{Title: "Notebook", Crumbs: crumbs, Body: v, template: "notebook"}, nil
}

// notebookFile is the notebook itself: its outputs with their scripts, in a
// sandbox without an origin. They do not reach these pages, and embedded in one of
// them no network; alone in a tab, a script could still go to another address.
func (s *server) notebookFile(w http.ResponseWriter, r *http.Request) {
	run, err := s.runOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	content, _, err := notebookOf(r.Context(), s.store, run)
	var b bytes.Buffer
	if err == nil {
		err = writeNotebook(&b, content, run.Name)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "+
		"style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'")
	w.Write(b.Bytes())
}

func writeNotebook(w io.Writer, content []byte, title string) error {
	nb, err := kernel.ParseNotebook(content)
	if err != nil {
		return err
	}
	return nb.HTML(w, title)
}

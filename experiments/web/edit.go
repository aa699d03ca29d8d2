package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/assay-ml/assay/store"
)

// maxForm is the longest form that is read: a note may be long, a video is not
// a note.
const maxForm = 1 << 20

// editRun changes one run as its page's forms ask.
func (s *server) editRun(w http.ResponseWriter, r *http.Request) {
	run, err := s.runOf(r)
	if err == nil {
		err = readForm(w, r)
	}
	place := ""
	if do := r.PostForm.Get("do"); err == nil && (do == "rerun" || do == "stop") {
		place, err = "#again", s.editRerun(run.ID, do, r.PostForm.Get("params"))
	} else if err == nil {
		err = s.edit(r.Context(), run.ID, r.PostForm)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/run/"+string(run.ID)+place, http.StatusSeeOther)
}

// readForm reads the form of r, if it is not too long.
func readForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err := r.ParseForm()
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return badRequest(fmt.Sprintf("this is too long: a form takes up to %d KiB; keep more as an artifact of the run", maxForm>>10))
	case err != nil:
		return badRequest("the form cannot be read: " + err.Error())
	}
	return nil
}

// editRerun runs a run again, or stops that.
func (s *server) editRerun(id store.RunID, do, params string) error {
	if s.Again == nil {
		return badRequest("these pages run nothing again: do it where the store is, with " + rerunCommand(id, nil))
	}
	if do == "stop" {
		s.reruns.stop(id)
		return nil
	}
	values, err := otherParams(params)
	if err != nil {
		return err
	}
	return s.reruns.start(s.ctx, s.Again, id, values)
}

// editRuns changes the runs that are chosen in the table, or compares them.
func (s *server) editRuns(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r); err != nil {
		s.fail(w, r, err)
		return
	}
	for _, name := range r.PostForm["run"] {
		id, err := s.store.Resolve(r.Context(), name)
		if err == nil {
			err = s.edit(r.Context(), id, r.PostForm)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
	}
	back := url.URL{Path: "/runs", RawQuery: r.PostForm.Get("back")}
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

// edit does to a run what the form's field "do" says.
func (s *server) edit(ctx context.Context, id store.RunID, form url.Values) error {
	switch do := form.Get("do"); do {
	case "note":
		return s.store.SetNote(ctx, id, strings.ReplaceAll(form.Get("note"), "\r\n", "\n"))
	case "name":
		name := strings.TrimSpace(form.Get("name"))
		if name == "" {
			return badRequest("a run needs a name")
		}
		return s.store.Rename(ctx, id, name)
	case "tag":
		key, value, _ := strings.Cut(form.Get("tag"), "=")
		if key = strings.TrimSpace(key); key == "" {
			return badRequest("a tag has a name: write name or name=value")
		}
		return s.store.SetTag(ctx, id, key, strings.TrimSpace(value))
	case "add":
		run, err := s.store.Run(ctx, id)
		if err != nil {
			return err
		}
		note := strings.TrimSpace(run.Note + "\n\n" + strings.ReplaceAll(form.Get("note"), "\r\n", "\n"))
		return s.store.SetNote(ctx, id, note)
	case "untag":
		return s.store.RemoveTag(ctx, id, form.Get("tag"))
	case "archive":
		return s.store.Archive(ctx, id, true)
	case "unarchive":
		return s.store.Archive(ctx, id, false)
	case "trash":
		return s.store.Trash(ctx, id)
	case "restore":
		return s.store.Restore(ctx, id)
	case "delete":
		return s.store.Delete(ctx, id)
	default:
		return badRequest(fmt.Sprintf("there is nothing called %q to do to a run", do))
	}
}

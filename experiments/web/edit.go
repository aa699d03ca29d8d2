package web

import (
	"context"
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
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	run, err := s.runOf(r)
	if do := r.PostFormValue("do"); err == nil && (do == "rerun" || do == "stop") {
		if err := s.editRerun(run.ID, do, r.PostFormValue("params")); err != nil {
			s.fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/run/"+string(run.ID)+"#again", http.StatusSeeOther)
		return
	}
	if err == nil {
		err = s.edit(r.Context(), run.ID, r)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/run/"+string(run.ID), http.StatusSeeOther)
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
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.fail(w, r, badRequest("the form cannot be read: "+err.Error()))
		return
	}
	for _, name := range r.PostForm["run"] {
		id, err := s.store.Resolve(r.Context(), name)
		if err == nil {
			err = s.edit(r.Context(), id, r)
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
func (s *server) edit(ctx context.Context, id store.RunID, r *http.Request) error {
	switch do := r.PostFormValue("do"); do {
	case "note":
		return s.store.SetNote(ctx, id, strings.ReplaceAll(r.PostFormValue("note"), "\r\n", "\n"))
	case "name":
		name := strings.TrimSpace(r.PostFormValue("name"))
		if name == "" {
			return badRequest("a run needs a name")
		}
		return s.store.Rename(ctx, id, name)
	case "tag":
		key, value, _ := strings.Cut(r.PostFormValue("tag"), "=")
		if key = strings.TrimSpace(key); key == "" {
			return badRequest("a tag has a name: write name or name=value")
		}
		return s.store.SetTag(ctx, id, key, strings.TrimSpace(value))
	case "add":
		run, err := s.store.Run(ctx, id)
		if err != nil {
			return err
		}
		note := strings.TrimSpace(run.Note + "\n\n" + strings.ReplaceAll(r.PostFormValue("note"), "\r\n", "\n"))
		return s.store.SetNote(ctx, id, note)
	case "untag":
		return s.store.RemoveTag(ctx, id, r.PostFormValue("tag"))
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

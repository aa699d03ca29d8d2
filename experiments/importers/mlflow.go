package importers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"math"
	"mime"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/assay-ml/assay/experiments/export"
	"github.com/assay-ml/assay/store"
)

// MLflow brings the runs of an MLflow store, which is its SQLite file or its
// mlruns folder. It reads what MLflow 1 to 3 wrote.
//
//	experiments   with their note (mlflow.note.content)
//	runs          name, start, end, nesting (mlflow.parentRunId); deleted ones go to the trash
//	status        FINISHED finished, FAILED failed, KILLED interrupted; RUNNING and
//	              SCHEDULED killed, as nothing writes them here
//	params        MLflow keeps text; a text that Python writes for a bool, an int or a
//	              float becomes that value, all other stays text
//	metrics       every point with step and time, in order of logging. MLflow's SQLite
//	              store has no infinities, it puts the largest float64 in their place:
//	              that becomes the infinity again
//	tags          as they are, but for those that became something else
//	data sets     name, context as split, rows, source; the digest, which is none of
//	              the content, as the tag mlflow.dataset.NAME.digest
//	artifacts     of runs, and of the models that they logged as models/NAME/…, from
//	              local folders; if the store was moved, from folders beside it
//
// Traces, registered models and artifacts on other machines stay out.
func MLflow(ctx context.Context, s *store.Store, path string, progress Progress) (Result, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Result{}, fmt.Errorf("mlflow: %w", err)
	}
	open := openMLflowFile
	if info.IsDir() {
		open = openMLflowFolder
	}
	source, err := open(ctx, path)
	if err != nil {
		return Result{}, fmt.Errorf("mlflow %s: %w", path, err)
	}
	l := &lander{s: s}
	err = errors.Join(l.mlflow(ctx, source, progress), source.Close())
	if err != nil {
		err = fmt.Errorf("mlflow %s: %w", path, err)
	}
	return l.result, err
}

// mlflowSource is one of the ways in which MLflow keeps runs. experiments and
// runs return what can be read, also with an error.
type mlflowSource interface {
	experiments(ctx context.Context) (map[string]store.Experiment, error) // by id
	runs(ctx context.Context) ([]mlflowRun, error)                        // without what describe adds
	describe(ctx context.Context, run *mlflowRun) error
	points(ctx context.Context, run mlflowRun) iter.Seq2[sample, error]
	root() string // folder in which artifacts may be found
	io.Closer
}

// mlflowRun is a run as MLflow has it. Times are milliseconds since 1970.
type mlflowRun struct {
	id, experiment, name, status, user, source string
	parent                                     string // "" for none
	start, end                                 int64  // 0 for none
	deleted                                    bool
	artifacts                                  string // URI

	params, tags map[string]string
	data         []mlflowData
	models       []mlflowModel
}

type mlflowData struct {
	name, digest, context string
	source, profile       string // JSON
}

type mlflowModel struct {
	id, name string
	location string // URI
}

func (l *lander) mlflow(ctx context.Context, source mlflowSource, progress Progress) error {
	experiments, errExperiments := source.experiments(ctx)
	runs, errRuns := source.runs(ctx)
	bad := faults{[]error{errExperiments, errRuns}}
	ids := map[string]store.RunID{} // of those that are in the store
	without := 0
	for i, m := range parentsFirst(runs) {
		err := source.describe(ctx, &m)
		run := m.run(experiments[m.experiment].Name, ids[m.parent])
		run.Series = gather(source.points(ctx, m))
		var found bool
		if err == nil {
			run.Artifacts, found, err = m.files(source.root())
		}
		if err == nil && !found {
			without++
		}
		if err == nil {
			ids[m.id], err = l.land(ctx, "mlflow:"+m.id, run)
		}
		if err != nil && bad.enough(ctx, fmt.Errorf("run %s: %w", m.id, err)) {
			break
		}
		progress.tell(i+1, len(runs))
	}
	if without > 0 {
		l.note("for %s there is no folder of artifacts on this machine: either nothing was put in it, or it is elsewhere",
			count(without, "run", "runs"))
	}
	bad.enough(ctx, l.experimentNotes(ctx, slices.Collect(maps.Values(experiments))))
	return errors.Join(bad.errs...)
}

// parentsFirst orders runs by start, but parents before their children.
func parentsFirst(runs []mlflowRun) []mlflowRun {
	slices.SortStableFunc(runs, func(a, b mlflowRun) int { return cmp.Compare(a.start, b.start) })
	byID := map[string]mlflowRun{}
	for _, m := range runs {
		byID[m.id] = m
	}
	ordered := make([]mlflowRun, 0, len(runs))
	placed := map[string]bool{}
	var place func(m mlflowRun)
	place = func(m mlflowRun) {
		if placed[m.id] {
			return
		}
		placed[m.id] = true // before its parent, should they form a ring
		if parent, ok := byID[m.parent]; ok {
			place(parent)
		}
		ordered = append(ordered, m)
	}
	for _, m := range runs {
		place(m)
	}
	return ordered
}

// Tags of MLflow that say what we have a place for.
const (
	mlflowParent = "mlflow.parentRunId"
	mlflowNote   = "mlflow.note.content"
	mlflowName   = "mlflow.runName"
	mlflowSplit  = "mlflow.data.context"
)

// run returns m as a run of ours, without points and artifacts.
func (m mlflowRun) run(experiment string, parent store.RunID) export.Run {
	if experiment == "" {
		experiment = "mlflow " + m.experiment
	}
	run := export.Run{Run: store.Run{
		Experiment: experiment, Name: m.name, Status: mlflowStatus(m.status), Started: fromMillis(m.start), Ended: fromMillis(m.end),
		Parent: parent, Note: m.tags[mlflowNote], Host: "unknown", Origin: store.Origin{Program: m.source},
		Params: map[string]store.Value{}, Tags: map[string]string{}, Env: map[string]string{},
	}}
	if run.Name == "" {
		run.Name = m.tags[mlflowName]
	}
	if m.user != "" {
		run.Env["user"] = m.user
	}
	if run.Origin.Program == "" {
		run.Origin.Program = m.tags["mlflow.source.name"]
	}
	if m.deleted {
		run.Trashed = time.Now()
	}
	for name, value := range m.params {
		run.Params[name] = pythonValue(value)
	}
	for key, value := range m.tags {
		if key == mlflowNote || key == mlflowName || key == mlflowParent && parent != "" {
			continue
		}
		run.Tags[key] = value
	}
	for _, d := range m.data {
		run.Data = append(run.Data, d.use())
		run.Tags["mlflow.dataset."+d.name+".digest"] = d.digest
	}
	return run
}

func mlflowStatus(status string) store.Status {
	switch status {
	case "FINISHED":
		return store.Finished
	case "FAILED":
		return store.Failed
	case "KILLED":
		return store.Interrupted
	}
	return store.Running
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// use returns d as ours. What MLflow's loose JSON does not say stays empty.
func (d mlflowData) use() store.DataUse {
	use := store.DataUse{Name: d.name, Split: d.context}
	var profile struct {
		Rows int64 `json:"num_rows"`
	}
	if json.Unmarshal([]byte(d.profile), &profile) == nil {
		use.Rows = profile.Rows
	}
	var source map[string]any
	if json.Unmarshal([]byte(d.source), &source) == nil {
		for _, key := range []string{"uri", "url", "path"} {
			if where, ok := source[key].(string); ok {
				use.Files = append(use.Files, store.DataFile{Path: where})
				break
			}
		}
	}
	return use
}

// files returns the artifacts of a run and of its models. found says whether
// there is a folder for the run's.
func (m mlflowRun) files(root string) (files []export.Artifact, found bool, err error) {
	dir := localFolder(m.artifacts, root, m.id)
	if files, err = filesIn(dir, ""); err != nil {
		return nil, false, err
	}
	for _, model := range m.models {
		more, err := filesIn(localFolder(model.location, root, model.id), "models/"+model.name+"/")
		if err != nil {
			return nil, false, err
		}
		files = append(files, more...)
	}
	return files, dir != "", nil
}

// localFolder returns the local folder that an artifact URI means, which must be
// OWNER/artifacts: a store that somebody sent must not make us read other
// folders. If it is not where the URI says, folders of the same name below root
// are tried. It returns "" if there is none.
func localFolder(uri, root, owner string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	path := filepath.FromSlash(u.Path)
	if filepath.Base(path) != "artifacts" || filepath.Base(filepath.Dir(path)) != owner {
		return ""
	}
	if (u.Scheme == "" || u.Scheme == "file") && isFolder(path) {
		return path
	}
	parts := strings.Split(filepath.ToSlash(path), "/")
	for n := 2; n <= len(parts); n++ {
		tail := filepath.Join(parts[len(parts)-n:]...)
		for _, beside := range []string{root, filepath.Join(root, "mlartifacts"), filepath.Join(root, "mlruns")} {
			if dir := filepath.Join(beside, tail); isFolder(dir) {
				return dir
			}
		}
	}
	return ""
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// filesIn returns the files in and below dir as artifacts. It follows no links.
func filesIn(dir, prefix string) ([]export.Artifact, error) {
	if dir == "" {
		return nil, nil
	}
	var files []export.Artifact
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		media := mime.TypeByExtension(filepath.Ext(name))
		if media == "" {
			media = "application/octet-stream"
		}
		files = append(files, export.Artifact{
			Artifact: store.Artifact{Name: prefix + filepath.ToSlash(name), MediaType: media, Size: info.Size(), Added: info.ModTime()},
			Open:     func() (io.ReadCloser, error) { return os.Open(path) },
		})
		return nil
	})
	return files, err
}

// unclip makes infinities of what MLflow's SQLite store keeps in their place.
func unclip(v float64) float64 {
	if math.Abs(v) == math.MaxFloat64 {
		return math.Inf(int(math.Copysign(1, v)))
	}
	return v
}

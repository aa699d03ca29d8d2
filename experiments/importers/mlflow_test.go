package importers

import (
	"archive/zip"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/assay-ml/assay/store"
)

// unzip unpacks a file of testdata and returns the folder.
func unzip(t *testing.T, name string) string {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join("testdata", name))
	check(t, err)
	defer z.Close()
	dir := t.TempDir()
	check(t, os.CopyFS(dir, z))
	return dir
}

// TestMLflow imports what testdata/make_mlflow.py recorded with MLflow 3.17.2,
// through its SQLite store and through its mlruns folder.
func TestMLflow(t *testing.T) {
	dir := unzip(t, "mlflow.zip")
	for _, path := range []string{"mlflow.sqlite", "mlruns"} {
		t.Run(path, func(t *testing.T) {
			s := newStore(t)
			result, err := MLflow(context.Background(), s, filepath.Join(dir, path), nil)
			check(t, err)
			if result.New != 7 || result.Points != 10+1+5 {
				t.Errorf("%v, want 7 new runs with 16 points", result)
			}
			checkMLflow(t, s)

			before := inventory(t, s)
			result, err = MLflow(context.Background(), s, filepath.Join(dir, path), nil)
			check(t, err)
			if result.Unchanged != 7 || result.Points != 0 {
				t.Errorf("again: %v, want 7 that were there already", result)
			}
			if after := inventory(t, s); after != before {
				t.Errorf("importing again changed the store: %s", firstDifference(after, before))
			}
		})
	}
}

func checkMLflow(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := context.Background()
	runs := map[string]store.Run{}
	for _, trash := range []bool{false, true} {
		page, err := s.Runs(ctx, store.Query{Limit: -1, Trash: trash})
		check(t, err)
		for _, run := range page.Runs {
			runs[run.Name] = run
		}
	}
	for name, want := range map[string]store.Status{
		"sweep": store.Finished, "child": store.Finished, "failed": store.Failed, "running": store.Killed,
		"stopped": store.Interrupted, "deleted": store.Killed, "other": store.Killed,
	} {
		run, ok := runs[name]
		if !ok {
			t.Fatalf("no run %s", name)
		}
		if run.Status != want {
			t.Errorf("run %s is %s, want %s", name, run.Status, want)
		}
		if run.Trashed.IsZero() == (name == "deleted") {
			t.Errorf("run %s: trashed at %v", name, run.Trashed)
		}
		wantExperiment := "cohort/chest"
		if name == "other" {
			wantExperiment = "Default"
		}
		if run.Experiment != wantExperiment {
			t.Errorf("run %s is of experiment %q, want %q", name, run.Experiment, wantExperiment)
		}
		if run.Ended.Before(run.Started) || run.Started.Year() < 2026 && name != "running" {
			t.Errorf("run %s lasted from %v to %v", name, run.Started, run.Ended)
		}
	}

	sweep, child := runs["sweep"], runs["child"]
	// text 0.10 and 007 are not what Python writes for a number
	want := map[string]store.Value{
		"lr": 1e-05, "epochs": int64(3), "augment": true, "arch": "cnn", "version": "007", "dropout": 0.25, "layers": "[1, 2]",
		"huge": "12345678901234567890", "limit": math.Inf(1), "none": "None", "text": "0.10",
	}
	if !reflect.DeepEqual(sweep.Params, want) {
		t.Errorf("params are %#v, want %#v", sweep.Params, want)
	}
	if sweep.Note != "Two rates." || sweep.Tags["arm"] != "treated 🫀" || sweep.Origin.Program != "make_mlflow.py" || sweep.Env["user"] == "" {
		t.Errorf("note %q, tags %v, origin %+v, env %v", sweep.Note, sweep.Tags, sweep.Origin, sweep.Env)
	}
	if child.Parent != sweep.ID {
		t.Errorf("the child's parent is %q, want %q", child.Parent, sweep.ID)
	}
	if got := points(t, s, child.ID, "loss"); !strings.HasPrefix(got, "0:0.9 1:0.30000000000000004 2:NaN 3:+Inf 4:-Inf 5:") ||
		!strings.HasSuffix(got, "0 6:5e-324 3:2 1:1") { // SQLite itself drops the sign of -0
		t.Errorf("loss is %s", got)
	}
	if got, want := points(t, s, child.ID, "val/auc"), "-1:0.75"; got != want {
		t.Errorf("val/auc is %s, want %s", got, want)
	}
	if got, want := points(t, s, runs["running"].ID, "loss"), "0:0 1:0.125 2:0.25 3:0.375 4:0.5"; got != want {
		t.Errorf("loss of the run that was left running is %s, want %s", got, want)
	}
	series, err := s.Series(ctx, runs["running"].ID, "loss")
	check(t, err)
	if got := series[4].Time.UnixMilli(); got != 1_700_000_000_004 {
		t.Errorf("its last point is of %d ms, want 1700000000004", got)
	}

	artifacts, err := s.Artifacts(ctx, child.ID)
	check(t, err)
	if len(artifacts) != 2 {
		t.Fatalf("artifacts are %v, want empty.bin and model/weights.txt", artifacts)
	}
	r, _, err := s.OpenArtifact(ctx, child.ID, "model/weights.txt")
	check(t, err)
	content, err := io.ReadAll(r)
	check(t, err)
	if string(content) != "weights" {
		t.Errorf("model/weights.txt holds %q, want weights", content)
	}
	uses, err := s.DataUses(ctx, child.ID)
	check(t, err)
	wantUse := []store.DataUse{{Name: "cohort", Split: "training", Rows: 2, Files: []store.DataFile{{Path: "cohort.csv"}}}}
	if !reflect.DeepEqual(uses, wantUse) {
		t.Errorf("data is %+v, want %+v", uses, wantUse)
	}
	if got := child.Tags["mlflow.dataset.cohort.digest"]; got != "2a8f9f02" {
		t.Errorf("the data's digest is %q, want 2a8f9f02", got)
	}
	experiments, err := s.Experiments(ctx)
	check(t, err)
	notes := map[string]string{}
	for _, e := range experiments {
		notes[e.Name] = e.Note
	}
	if got, want := notes["cohort/chest"], "Chest films of 2019."; got != want {
		t.Errorf("the experiment's note is %q, want %q", got, want)
	}
}

// points returns a series as STEP:VALUE ….
func points(t *testing.T, s *store.Store, id store.RunID, metric string) string {
	t.Helper()
	series, err := s.Series(context.Background(), id, metric)
	check(t, err)
	var texts []string
	for _, p := range series {
		texts = append(texts, fmt.Sprintf("%d:%v", p.Step, p.Value))
	}
	return strings.Join(texts, " ")
}

// TestMLflowGoesOn imports a run that MLflow still writes, twice.
func TestMLflowGoesOn(t *testing.T) {
	ctx := context.Background()
	file := filepath.Join(unzip(t, "mlflow.zip"), "mlflow.sqlite")
	s := newStore(t)
	_, err := MLflow(ctx, s, file, nil)
	check(t, err)

	db, err := sql.Open("sqlite3", file)
	check(t, err)
	defer db.Close()
	for _, change := range []string{
		`insert into metrics (key, value, timestamp, run_uuid, step, is_nan)
			select 'loss', 9, 1700000000009, run_uuid, 9, false from runs where name = 'running'`,
		`update runs set status = 'FINISHED', end_time = 1999999999999 where name = 'running'`,
	} {
		_, err := db.Exec(change)
		check(t, err)
	}
	result, err := MLflow(ctx, s, file, nil)
	check(t, err)
	if result.New != 0 || result.Updated != 1 || result.Points != 1 {
		t.Errorf("%v, want 1 updated run with 1 point", result)
	}
	page, err := s.Runs(ctx, store.Query{Limit: -1})
	check(t, err)
	for _, run := range page.Runs {
		if run.Name != "running" {
			continue
		}
		if run.Status != store.Finished || run.Message != "" || run.Ended.UnixMilli() != 1999999999999 {
			t.Errorf("it is %s (%s) since %v, want finished", run.Status, run.Message, run.Ended)
		}
		if got, want := points(t, s, run.ID, "loss"), "0:0 1:0.125 2:0.25 3:0.375 4:0.5 9:9"; got != want {
			t.Errorf("loss is %s, want %s", got, want)
		}
	}
}

// A run that cannot be read is named, and does not keep the others out.
func TestMLflowWithBadRuns(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(unzip(t, "mlflow.zip"), "mlruns")
	spoil := func(run, file, content string) {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(dir, "*", "*", "tags", "mlflow.runName"))
		check(t, err)
		for _, name := range names {
			if b, err := os.ReadFile(name); err == nil && string(b) == run {
				check(t, os.WriteFile(filepath.Join(filepath.Dir(name), "..", file), []byte(content), 0o644))
				return
			}
		}
		t.Fatalf("no run %s", run)
	}
	spoil("failed", "metrics/loss", "1700000000000 three 0\n")
	spoil("other", "meta.yaml", "{")
	s := newStore(t)
	result, err := MLflow(ctx, s, dir, nil)
	if err == nil || !strings.Contains(err.Error(), `"three" is not a number`) || !strings.Contains(err.Error(), "meta.yaml") {
		t.Errorf("error %v, want one that names both runs", err)
	}
	if result.New != 5 {
		t.Errorf("%v, want the other 5 runs", result)
	}
	spoil("failed", "metrics/loss", "1700000000000 3.0 0\n")
	result, err = MLflow(ctx, s, dir, nil)
	if err == nil || result.Updated+result.New != 1 || result.Unchanged != 5 {
		t.Errorf("once a run is mended: %v, %v; want that one", result, err)
	}
}

func TestNotMLflow(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		_, err := MLflow(context.Background(), newStore(t), path, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", path, err, want)
		}
	}
	f("nowhere", "no such file")
	f(t.TempDir(), "name the mlruns folder, or the SQLite file")
	f(newStore(t).Path(), "not MLflow's")
	f("mlflow_test.go", "not a database")
}

func TestPythonValue(t *testing.T) {
	f := func(s string, want store.Value) {
		t.Helper()
		if got := pythonValue(s); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %T %v, want %T %v", s, got, got, want, want)
		}
	}
	// as CPython 3.11 writes them
	f("1e-05", 1e-05)
	f("0.0001", 0.0001)
	f("1e+16", 1e16)
	f("1234567890123456.0", 1234567890123456.0)
	f("1.5", 1.5)
	f("-0.0", math.Copysign(0, -1))
	f("-inf", math.Inf(-1))
	f("5e-324", 5e-324)
	f("-9223372036854775808", int64(math.MinInt64))
	f("False", false)
	// as it does not
	f("1e-5", "1e-5")
	f("+1", "+1")
	f("1.50", "1.50")
	f("Infinity", "Infinity")
	f("true", "true")
	f("0x10", "0x10")
	f("9223372036854775808", "9223372036854775808")
	f("", "")
}

func TestArtifactFolderMustBeTheRuns(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"secret", "run1/artifacts", "mlartifacts/0/run2/artifacts"} {
		check(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	f := func(uri, owner, want string) {
		t.Helper()
		if got := localFolder(uri, root, owner); got != want {
			t.Errorf("%s is %q, want %q", uri, got, want)
		}
	}
	f(filepath.Join(root, "run1/artifacts"), "run1", filepath.Join(root, "run1/artifacts"))
	f("file://"+root+"/run1/artifacts", "run1", filepath.Join(root, "run1/artifacts"))
	f("file:///gone/run1/artifacts", "run1", filepath.Join(root, "run1/artifacts"))
	f("mlflow-artifacts:/0/run2/artifacts", "run2", filepath.Join(root, "mlartifacts/0/run2/artifacts"))
	f(filepath.Join(root, "secret"), "run1", "")
	f(filepath.Join(root, "run1/artifacts"), "run2", "")
	f("s3://bucket/0/run3/artifacts", "run3", "")
}

package rerun_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/rerun"
	"github.com/assay-ml/assay/store"
)

// recorded is a store with the two runs of testdata/program, whose source is
// gone. It is recorded once for all tests, each of which works on a copy.
var recorded string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rerun-test-")
	if err == nil {
		recorded = filepath.Join(dir, "assay.db")
		err = record(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func record(dir string) error {
	src, work := filepath.Join(dir, "src"), filepath.Join(dir, "work")
	program := filepath.Join(src, "program")
	if err := writeSource(src, program); err != nil {
		return err
	}
	if err := errors.Join(os.Mkdir(work, 0o700), os.WriteFile(filepath.Join(work, "ward.csv"), []byte("ward a\n"), 0o600)); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-mod=mod", "-o", filepath.Join(dir, "program"), ".")
	build.Dir = program
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	run := exec.Command(filepath.Join(dir, "program"), "-rate", "0.25")
	run.Dir = work
	run.Env = append(os.Environ(), "ASSAY_STORE="+recorded, "ASSAY_RERUN_OF=", "ASSAY_PARENT=")
	if out, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("the program: %w\n%s", err, out)
	}
	return os.RemoveAll(src)
}

// writeSource copies testdata to src, with the go.mod and go.sum of the modules
// in it: assay is a folder to the program, and so is the helper.
func writeSource(src, program string) error {
	if err := os.CopyFS(src, os.DirFS("testdata")); err != nil {
		return err
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	mod, err := modfile.ParseLax("go.mod", content, nil)
	if err != nil {
		return err
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return err
	}
	err = mod.AddModuleStmt("example.org/program")
	for _, m := range [][2]string{{"github.com/assay-ml/assay", root}, {"example.org/helper", "../helper"}} {
		err = errors.Join(err, mod.AddRequire(m[0], module.ZeroPseudoVersion("v0")), mod.AddReplace(m[0], "", m[1], ""))
	}
	if err != nil {
		return err
	}
	if content, err = mod.Format(); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(program, "go.mod"), content, 0o600),
		os.WriteFile(filepath.Join(program, "go.sum"), sum, 0o600),
		os.WriteFile(filepath.Join(src, "helper", "go.mod"), []byte("module example.org/helper\n\ngo 1.27\n"), 0o600),
	)
}

// copied returns a copy of the recorded store, and the ids of its two runs.
func copied(t *testing.T) (s *store.Store, first, second store.RunID) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "assay.db")
	content, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = store.Open(file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, latest(t, s, "first").ID, latest(t, s, "second").ID
}

func latest(t *testing.T, s *store.Store, experiment string) store.Run {
	t.Helper()
	page, err := s.Runs(context.Background(), store.Query{Experiment: experiment, Limit: 1})
	if err != nil || len(page.Runs) == 0 {
		t.Fatalf("runs of %s: %d, %v", experiment, len(page.Runs), err)
	}
	run, err := s.Run(context.Background(), page.Runs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// again runs a run again and returns what came of it, and what was said.
func again(t *testing.T, s *store.Store, id store.RunID, o rerun.Options) (rerun.Result, string, error) {
	t.Helper()
	var out bytes.Buffer
	o.Out = &out
	result, err := rerun.Run(context.Background(), s, id, o)
	return result, out.String(), err
}

// moveData puts the file that the program reads elsewhere, under another name,
// for the time of the test, and returns where. change makes it another file.
func moveData(t *testing.T, change bool) {
	t.Helper()
	file := filepath.Join(filepath.Dir(recorded), "work", "ward.csv")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.WriteFile(file, content, 0o600) })
	if change {
		if err := os.WriteFile(file, []byte("ward b\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

func TestARerunIsIdentical(t *testing.T) {
	s, first, second := copied(t)
	ctx := context.Background()
	result, out, err := again(t, s, second, rerun.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := result.Comparison
	if c.Verdict != experiments.Identical || c.Points != 101 || c.Reports != 1 || len(c.Changes) > 0 {
		t.Errorf("verdict %q, %d points, %d reports, changes %v; want identical, 101, 1 and none", c.Verdict, c.Points, c.Reports, c.Changes)
	}
	// The second run of the program repeats the second; the first is linked too.
	new, old := latest(t, s, "second"), second
	if new.ID != result.Rerun || new.RerunOf != old || new.Verdict != "identical" {
		t.Errorf("run %s repeats %q with verdict %q, want %s repeating %s, identical", new.ID, new.RerunOf, new.Verdict, result.Rerun, old)
	}
	if sibling := latest(t, s, "first"); sibling.RerunOf != first {
		t.Errorf("the program's other run repeats %q, want %s", sibling.RerunOf, first)
	}
	original, err := s.Run(ctx, old)
	if err != nil || original.Verdict != "identical" {
		t.Errorf("the original's verdict is %q, %v; want identical", original.Verdict, err)
	}
	reports, err := s.Reports(ctx, old)
	if err != nil || len(reports) != 2 || !bytes.Contains(reports[1].Data, []byte("identical: 2 metrics with 101 points")) {
		t.Errorf("the original's reports are %s, %v; want one that says identical", reports, err)
	}
	// A rerun can itself be run again, although its own folder is gone too.
	result, out, err = again(t, s, new.ID, rerun.Options{Bitwise: true})
	if err != nil || result.Comparison.Verdict != experiments.Identical || !strings.Contains(out, "bitwise: the run took ") {
		t.Errorf("the rerun's rerun: %q, %v\n%s", result.Comparison.Verdict, err, out)
	}
}

func TestDataIsKnownByItsContent(t *testing.T) {
	s, first, _ := copied(t)
	t.Run("moved", func(t *testing.T) {
		moveData(t, false)
		elsewhere := t.TempDir()
		if err := os.WriteFile(filepath.Join(elsewhere, "other.bin"), []byte("ward a\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("ASSAY_DATA", elsewhere)
		result, out, err := again(t, s, first, rerun.Options{})
		if err != nil || result.Comparison.Verdict != experiments.Identical {
			t.Errorf("%q, %v\n%s", result.Comparison.Summary(), err, out)
		}
	})
	t.Run("changed", func(t *testing.T) {
		moveData(t, true)
		result, out, err := again(t, s, first, rerun.Options{})
		c := result.Comparison
		if err != nil || c.Verdict != experiments.Differs || c.First == nil || *c.First.Step != 5 || len(c.Changes) != 1 || c.Changes[0].Kind != "data" {
			t.Fatalf("%q, %v; want a difference at step 5 because of data\n%s", c.Summary(), err, out)
		}
		for _, want := range []string{"ward.csv has changed: its sha256 was", "because data ward changed"} {
			if !strings.Contains(out+c.Summary(), want) {
				t.Errorf("%q lacks %q", out+c.Summary(), want)
			}
		}
		page, err := s.Runs(context.Background(), store.Query{Where: "rerun = differs"})
		if err != nil || page.Total != 2 {
			t.Errorf("rerun = differs finds %d runs, %v; want the run and its rerun", page.Total, err)
		}
		if check := verify(t, s, first); len(check.Missing) != 1 || !strings.Contains(check.Missing[0], "has changed") {
			t.Errorf("Verify says %q; want that the file has changed", check.Missing)
		}
	})
	t.Run("other data", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "b.csv")
		if err := os.WriteFile(file, []byte("ward b\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		result, out, err := again(t, s, first, rerun.Options{Data: map[string]string{"ward": file}})
		if err != nil || result.Comparison.Different == 0 {
			t.Fatalf("%v\n%s", err, out)
		}
		if run := latest(t, s, "first"); run.Parent != first || run.RerunOf != "" || run.Verdict != "" || !strings.HasPrefix(run.Tags[rerun.VariationTag], "data ward=") {
			t.Errorf("the variation is child of %q, repeats %q, verdict %q, tags %v", run.Parent, run.RerunOf, run.Verdict, run.Tags)
		}
	})
}

func TestVariations(t *testing.T) {
	s, first, _ := copied(t)
	// rate is an argument, seed a variable.
	_, out, err := again(t, s, first, rerun.Options{Params: map[string]string{"rate": "0.75", "seed": "7"}})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := latest(t, s, "first")
	if run.Params["rate"] != 0.75 || run.Params["seed"] != int64(7) || run.Parent != first || run.Tags[rerun.VariationTag] != "rate=0.75 seed=7" {
		t.Errorf("the variation has params %v, parent %q, tags %v", run.Params, run.Parent, run.Tags)
	}
	spreads, err := rerun.Times(context.Background(), s, first, rerun.Options{}, 2, 2)
	if err != nil || len(spreads) != 2 {
		t.Fatalf("Times: %v, %v; want the spread of two metrics", spreads, err)
	}
	for _, m := range spreads {
		switch {
		case m.Metric == "first.beds" && (m.Mean != 3 || m.SD != 0),
			m.Metric == "loss" && !(m.Least < m.Most && m.SD > 0),
			len(m.Runs) != 2:
			t.Errorf("the spread of %s is %+v", m.Metric, m)
		}
	}
}

// Today's code with the old params: the helper has changed since.
func TestTodaysCode(t *testing.T) {
	src := filepath.Join(filepath.Dir(recorded), "src")
	t.Cleanup(func() { os.RemoveAll(src) })
	if err := writeSource(src, filepath.Join(src, "program")); err != nil {
		t.Fatal(err)
	}
	helper := []byte("package helper\n\nfunc Twice(x float64) float64 { return 3 * x }\n")
	if err := os.WriteFile(filepath.Join(src, "helper", "helper.go"), helper, 0o600); err != nil {
		t.Fatal(err)
	}
	s, first, _ := copied(t)
	result, out, err := again(t, s, first, rerun.Options{Code: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := result.Comparison
	// go build -mod=mod may have tidied the recorded go.mod, which today's is not; and
	// somebody may be working on assay.
	c.Changes = slices.DeleteFunc(c.Changes, func(c experiments.Change) bool {
		return c.Name == "go.mod" || c.Name == "modules/github.com/assay-ml/assay.zip"
	})
	if c.Different != 100 || len(c.Changes) != 1 || c.Changes[0].Name != "modules/example.org/helper.zip" {
		t.Errorf("%d values differ, changes %v; want the 100 of loss, because of the helper", c.Different, c.Changes)
	}
	if run := latest(t, s, "first"); run.Tags[rerun.VariationTag] != "today's code" || run.Parent != first {
		t.Errorf("the variation has tags %v and parent %q", run.Tags, run.Parent)
	}
}

func TestPins(t *testing.T) {
	f := func(env map[string]string, want string) {
		t.Helper()
		if got := rerun.Pins(env)["XLA_FLAGS"]; got != want {
			t.Errorf("for %v XLA_FLAGS is %q, want %q", env, got, want)
		}
	}
	f(nil, "--xla_cpu_multi_thread_eigen=false")
	f(map[string]string{"XLA_FLAGS": "--xla_dump_to=x"}, "--xla_dump_to=x --xla_cpu_multi_thread_eigen=false")
	f(map[string]string{"gpu": "NVIDIA H100"}, "--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0")
}

// What cannot run says why in one sentence and records nothing.
func TestWhatCouldNotRun(t *testing.T) {
	ctx := context.Background()
	f := func(name string, prepare func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options), want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			s, id, _ := copied(t)
			id, o := prepare(t, s, id)
			before, err := s.Version(ctx)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = again(t, s, id, o)
			var could *rerun.Error
			if !errors.As(err, &could) {
				t.Fatalf("the error is %v, want one that says why it could not run", err)
			}
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
			if after, err := s.Version(ctx); err != nil || after != before {
				t.Errorf("the store is version %d, %v; want %d, untouched", after, err, before)
			}
		})
	}
	f("missing data", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		moveData(t, false)
		return id, rerun.Options{}
	}, "data ward", "ward.csv (sha256 ", "ASSAY_DATA")
	f("unknown data", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		return id, rerun.Options{Data: map[string]string{"clinic": "x"}}
	}, `no data called "clinic"`, `"ward"`)
	f("unknown parameter", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		return id, rerun.Options{Params: map[string]string{"depth": "3"}}
	}, "no parameter depth", "seed int64 = 1")
	f("parameter of another type", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		return id, rerun.Options{Params: map[string]string{"seed": "many"}}
	}, `"many" is not of type int64`)
	f("still running", func(t *testing.T, s *store.Store, _ store.RunID) (store.RunID, rerun.Options) {
		w, err := s.Start(ctx, store.NewRun{Experiment: "x"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.End(store.Finished, "") })
		return w.ID(), rerun.Options{}
	}, "still running")
	f("no program", func(t *testing.T, s *store.Store, _ store.RunID) (store.RunID, rerun.Options) {
		w, err := s.Start(ctx, store.NewRun{Experiment: "x"})
		if err != nil {
			t.Fatal(err)
		}
		return w.ID(), end(t, w)
	}, "did not record its program")
	f("newer assay", func(t *testing.T, s *store.Store, _ store.RunID) (store.RunID, rerun.Options) {
		w, err := s.Start(ctx, store.NewRun{Experiment: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Artifact(ctx, experiments.SnapshotFile, "", strings.NewReader(`{"format": 99}`)); err != nil {
			t.Fatal(err)
		}
		return w.ID(), end(t, w)
	}, "newer assay")
	f("deleted blob", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		execute(t, s, `delete from artifact where name = 'code/modules/example.org/helper.zip'`)
		return id, rerun.Options{}
	}, "code/modules/example.org/helper.zip", "not found")
	f("blob that is not whole", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		execute(t, s, `delete from blob_part where blob in (select blob from artifact where name = 'code/go.sum')`)
		return id, rerun.Options{}
	}, "code/go.sum", "not whole", "fsck")
	f("another architecture", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		execute(t, s, `update run set env = json_set(env, '$.arch', 'riscv64')`)
		return id, rerun.Options{}
	}, "it ran on linux/riscv64 and this machine is", "--other-machine")
	f("no go command", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		t.Setenv("PATH", t.TempDir())
		return id, rerun.Options{}
	}, "the go command is not in PATH", "go.dev/dl")
	cut := func(s *store.Store) { execute(t, s, `update run set status = 'interrupted'`) }
	f("resuming what is finished", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		return id, rerun.Options{Resume: true}
	}, "nothing left to resume")
	f("resuming with another parameter", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		cut(s)
		return id, rerun.Options{Resume: true, Params: map[string]string{"seed": "2"}}
	}, "nothing of it can be varied")
	f("resuming with other data", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		cut(s)
		moveData(t, true)
		return id, rerun.Options{Resume: true}
	}, "data ward", "has changed")
	f("damaged blob", func(t *testing.T, s *store.Store, id store.RunID) (store.RunID, rerun.Options) {
		execute(t, s, `update blob_part set data = zeroblob(length(data)) where blob in (select blob from artifact where name = 'code/main.go')`)
		return id, rerun.Options{}
	}, "code/main.go", "damaged", "fsck")
}

func end(t *testing.T, w *store.Writer) rerun.Options {
	t.Helper()
	if err := w.End(store.Finished, ""); err != nil {
		t.Fatal(err)
	}
	return rerun.Options{}
}

// execute changes a store behind its back.
func execute(t *testing.T, s *store.Store, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// A program that fails now is told apart from one that differs.
func TestAProgramThatPanics(t *testing.T) {
	s, first, _ := copied(t)
	_, _, err := again(t, s, first, rerun.Options{Params: map[string]string{"explode": "true"}})
	if err == nil || !strings.Contains(err.Error(), "now ends as failed") || !strings.Contains(err.Error(), "panic: the ward exploded") || strings.Contains(err.Error(), "goroutine") {
		t.Errorf("the error is %v, want one sentence that has the panic's message", err)
	}
}

// Of a run that was killed, on another machine, what there is of it is compared.
func TestARunThatNeverEnded(t *testing.T) {
	s, first, _ := copied(t)
	execute(t, s, `update run set status = 'killed', env = json_set(env, '$.arch', 'riscv64')`)
	execute(t, s, `delete from report`)
	result, out, err := again(t, s, first, rerun.Options{OtherMachine: true})
	c := result.Comparison
	if err != nil || c.Verdict != experiments.Identical || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "is killed: what there is of it is compared") {
		t.Errorf("%q, notes %q, %v\n%s", c.Summary(), c.Notes, err, out)
	}
	if want := (experiments.Change{Kind: "environment", Name: "arch", Was: "riscv64", Is: runtime.GOARCH}); !slices.Contains(c.Changes, want) {
		t.Errorf("the changes are %v, want %v among them", c.Changes, want)
	}
}

func verify(t *testing.T, s *store.Store, id store.RunID) rerun.Check {
	t.Helper()
	checks, err := rerun.Verify(context.Background(), s, id)
	if err != nil || len(checks) != 1 {
		t.Fatalf("%d checks, %v", len(checks), err)
	}
	return checks[0]
}

func TestVerify(t *testing.T) {
	s, first, second := copied(t)
	for _, id := range []store.RunID{first, second} {
		if check := verify(t, s, id); len(check.Missing) > 0 || len(check.Notes) > 0 {
			t.Errorf("%q, %q; want nothing missing", check.Missing, check.Notes)
		}
	}
	execute(t, s, `delete from artifact where name = 'code/go.mod'`)
	if check := verify(t, s, first); len(check.Missing) != 1 || !strings.Contains(check.Missing[0], "go.mod") {
		t.Errorf("%q; want that go.mod is missing", check.Missing)
	}
}

// A bundle is all that another machine needs: the data comes along.
func TestBundle(t *testing.T) {
	s, first, second := copied(t)
	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "run.assay")
	if leftOut, err := rerun.Bundle(ctx, s, second, file, rerun.BundleOptions{MaxData: 1}); err != nil || len(leftOut) != 1 || !strings.Contains(leftOut[0], "has 7 bytes") {
		t.Errorf("with data of one byte at most: left out %q, %v; want the file", leftOut, err)
	}
	if _, err := rerun.Bundle(ctx, s, second, file, rerun.BundleOptions{}); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a file that is there: %v", err)
	}
	file = filepath.Join(t.TempDir(), "run.assay")
	if leftOut, err := rerun.Bundle(ctx, s, second, file, rerun.BundleOptions{MaxData: -1}); err != nil || leftOut != nil {
		t.Fatalf("left out %q, %v; want nothing", leftOut, err)
	}
	moveData(t, false)
	bundle, err := store.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer bundle.Close()
	if _, err := bundle.Run(ctx, first); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the bundle has another run too: %v", err)
	}
	before, err := s.Run(ctx, second)
	if err != nil {
		t.Fatal(err)
	}
	if run, err := bundle.Run(ctx, second); err != nil || run.Status != before.Status || !run.Ended.Equal(before.Ended) || run.Host != before.Host || run.PID != before.PID {
		t.Errorf("in the bundle the run is %+v, %v; want %+v", run, err, before)
	}
	result, out, err := again(t, bundle, second, rerun.Options{})
	if err != nil || result.Comparison.Verdict != experiments.Identical || len(result.Comparison.Notes) > 0 {
		t.Errorf("%q, notes %q, %v\n%s", result.Comparison.Summary(), result.Comparison.Notes, err, out)
	}
}

// With its modules a bundle needs no network, nor what other builds have fetched.
func TestBundleWithModules(t *testing.T) {
	s, first, _ := copied(t)
	file := filepath.Join(t.TempDir(), "run.assay")
	if _, err := rerun.Bundle(context.Background(), s, first, file, rerun.BundleOptions{MaxData: -1, Modules: true}); err != nil {
		t.Fatal(err)
	}
	bundle, err := store.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer bundle.Close()
	cache := t.TempDir()
	t.Cleanup(func() { // the go command makes folders that cannot be written
		filepath.WalkDir(cache, func(file string, _ fs.DirEntry, _ error) error { return os.Chmod(file, 0o700) })
	})
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOMODCACHE": cache, "XDG_CACHE_HOME": t.TempDir(), "GOTOOLCHAIN": "local",
		"PATH": filepath.Join(strings.TrimSpace(string(goroot)), "bin"),
	} {
		t.Setenv(name, value)
	}
	if check := verify(t, s, first); len(check.Missing) != 1 || !strings.Contains(check.Missing[0], "module lookup disabled by GOPROXY=off") {
		t.Errorf("without the modules there is missing %q; want that they cannot be fetched", check.Missing)
	}
	if check := verify(t, bundle, first); len(check.Missing) > 0 || len(check.Notes) > 0 {
		t.Errorf("missing %q, notes %q; want nothing", check.Missing, check.Notes)
	}
}

// A rerun that the user stops stops its program, whose run is interrupted.
func TestStoppingARerun(t *testing.T) {
	s, first, _ := copied(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := rerun.Run(ctx, s, first, rerun.Options{
		Params: map[string]string{"pause": "30s"},
		Out: callWriter(func(text string) { // the program says that it has started
			if strings.Contains(text, "pausing") {
				cancel()
			}
		}),
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("the error is %v, want that it was stopped", err)
	}
	if run := latest(t, s, "first"); run.ID == first || run.Status != store.Interrupted {
		t.Errorf("the stopped run is %s %s, want a new one, interrupted", run.ID, run.Status)
	}
}

type callWriter func(string)

func (c callWriter) Write(b []byte) (int, error) { c(string(b)); return len(b), nil }

// The same program again costs the store next to nothing.
func TestASnapshotIsKeptOnce(t *testing.T) {
	s, first, _ := copied(t)
	size := func() int64 {
		execute(t, s, `vacuum`)
		info, err := os.Stat(s.Path())
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	const runs = 2 * 2 // the program makes two
	for range runs / 2 {
		if _, out, err := again(t, s, first, rerun.Options{}); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if grown := (size() - before) / runs; grown > 10_000 {
		t.Errorf("a run of a program that is known takes %d bytes of the store, want at most 10 kB", grown)
	}
}

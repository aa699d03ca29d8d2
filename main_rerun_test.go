package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/notebooks"
)

// moved moves a store to another folder, as one that was copied to another machine.
func moved(t *testing.T, store string) string {
	t.Helper()
	elsewhere := filepath.Join(t.TempDir(), "copy.db")
	if err := os.Rename(store, elsewhere); err != nil {
		t.Fatal(err)
	}
	return elsewhere
}

// A cell's run is run again from a store that was copied to another folder, with
// the notebook gone.
func TestRerunOfACell(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "dose.txt")
	if err := os.WriteFile(file, []byte("12"), 0o600); err != nil {
		t.Fatal(err)
	}
	notebook := writeNotebook(t, "var (\n\tgrams = 1.5\n\tseed int64 = 1\n\tfile = \"\"\n)", `import (
	"context"
	"log"
	"os"

	"github.com/assay-ml/assay/data"
	"github.com/assay-ml/assay/experiments"
	models "github.com/assay-ml/assay/gomlx_models"
)

%%
err := experiments.Track(context.Background(), "dose", func(run *experiments.Run) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	files, err := data.Stat(file)
	if err != nil {
		return err
	}
	run.Data(models.DataUse{Name: "dose", Files: files})
	run.Param("grams", grams)
	for step := range int64(10) {
		run.Log(step, "level", grams*float64(content[0])*float64(seed)/float64(step+1))
	}
	return nil
})
if err != nil {
	log.Fatal(err)
}`)
	store := filepath.Join(dir, "assay.db")
	execNotebook(t, store, notebook, "file="+file, "seed=3")
	todaysCell(t, store, notebook)
	if err := os.Remove(notebook); err != nil {
		t.Fatal(err)
	}
	store = moved(t, store)
	id := string(listedRuns(t, store)[0].ID)
	f := func(code int, want string, args ...string) {
		t.Helper()
		if got := run(t, store, args...); got.code != code || !strings.Contains(got.stdout+got.stderr, want) {
			t.Errorf("assay %s: exit code %d, want %d and %q in\n%s%s", strings.Join(args, " "), got.code, code, want, got.stdout, got.stderr)
		}
	}
	f(0, "everything is there", "verify", id)
	f(0, "identical: 1 metric with 10 points", "rerun", id)
	f(0, "identical", "runs", "show", id)
	f(0, "varies run "+id, "rerun", id, "-p", "grams=3", "--seed", "4")
	f(2, "no parameter milligrams", "rerun", id, "-p", "milligrams=3")
	f(2, "-p grams: write it as name=value", "rerun", id, "-p", "grams")
	f(2, "--tolerance close", "rerun", id, "--tolerance", "close")
	f(2, "name one run", "rerun")
	f(2, "there is no store at", "--store", filepath.Join(dir, "none.db"), "rerun", id)
	f(2, "not found", "rerun", "nobody")
	f(2, "the query finds none", "rerun", "--where", "name = nobody")
	f(0, "identical", "rerun", "--experiment", "dose", "--jobs", "2")
	f(0, "because param grams was 1.5, is 3", "rerun", "--experiment", "dose", "-p", "grams=3")
	f(0, "level", "rerun", id, "--times", "2")

	f(0, "finished", "runs", "ls", "--where", `param.grams = 3 and tag.variation contains "seed=4"`)

	// A byte of the data changes.
	if err := os.WriteFile(file, []byte("22"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(1, "differs: metric level at step 0 was 220.5, is 225, because data dose changed: its sha256 ", "rerun", id)
	f(0, "equal within tolerance", "rerun", id, "--tolerance", "0.1")
	f(1, "has changed", "verify", "--all")
	got := run(t, store, "rerun", id, "--json", "--tolerance", "level=1e-9")
	var verdict verdictJSON
	if err := json.Unmarshal([]byte(got.stdout), &verdict); err != nil || got.code != 1 || verdict.Verdict != "differs" || verdict.Comparison.Different != 10 {
		t.Errorf("rerun --json: exit code %d, %v: %s", got.code, err, got.stdout)
	}
	f(0, id, "runs", "ls", "--where", "rerun = differs")

	// It is gone.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	f(2, "dose.txt (sha256 ", "rerun", id)
}

// todaysCell changes a cell of a notebook, and a parameter's value, and runs the
// notebook's run again with that code: the params stay those of the run.
func todaysCell(t *testing.T, store, notebook string) {
	t.Helper()
	content, err := os.ReadFile(notebook)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.NewReplacer("grams*float64(content[0])", "2*grams*float64(content[0])", "grams = 1.5", "grams = 9.5").Replace(string(content))
	if err := os.WriteFile(notebook, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	id := string(listedRuns(t, store)[0].ID)
	got := run(t, store, "rerun", id, "--code", "--json")
	var verdict verdictJSON
	if err := json.Unmarshal([]byte(got.stdout), &verdict); err != nil || got.code != 0 {
		t.Fatalf("rerun --code: exit code %d, %v: %s%s", got.code, err, got.stdout, got.stderr)
	}
	const want = "metric level at step 0 was 220.5, is 441, because code main.go changed"
	if !strings.Contains(verdict.Message, want) || !strings.Contains(got.stderr, "today's code with the old values of file, grams, seed") {
		t.Errorf("rerun --code says %s\n%s, want %s", verdict.Message, got.stderr, want)
	}
	if err := os.WriteFile(notebook, []byte(strings.Replace(edited, "2*grams", "grams +", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run(t, store, "rerun", id, "--code"); got.code != 2 || !strings.Contains(got.stderr, "today's code: ") {
		t.Errorf("rerun --code of a cell that does not compile: exit code %d: %s", got.code, got.stderr)
	}
	if got := run(t, store, "runs", "rm", string(verdict.Rerun)); got.code != 0 {
		t.Errorf("runs rm: %s", got.stderr)
	}
}

// rerunIsIdentical runs all runs of a store again, from a copy of it, and wants
// every point, metric and figure bit for bit.
func rerunIsIdentical(t *testing.T, store string) {
	t.Helper()
	store = moved(t, store)
	got := run(t, store, "rerun", "--where", "status = finished", "--jobs", "1", "--json")
	var verdicts []verdictJSON
	if err := json.Unmarshal([]byte(got.stdout), &verdicts); err != nil || len(verdicts) == 0 {
		t.Fatalf("assay rerun: exit code %d, %d verdicts, %v\n%s", got.code, len(verdicts), err, got.stderr)
	}
	identical := 0
	for _, v := range verdicts {
		switch v.Verdict {
		case experiments.Identical:
			identical++
		case experiments.NothingToCompare: // of a run whose results are in its parts
		default:
			t.Errorf("run %s: %s", v.Run, v.Message)
		}
		t.Logf("run %s: %s", v.Run, v.Message)
	}
	if identical == 0 {
		t.Error("no run is identical")
	}
}

// tutorials are the notebooks whose runs are run again: the parameters with which
// each takes seconds, and metrics that its runs must have recorded. The one about
// reruns changes its data, and says itself what came of it; imaging has a test of
// its own.
var tutorials = map[string]struct{ parameters, metrics []string }{
	"compare":   {[]string{"epochs=1", "seeds=1"}, []string{"loss", "test.auc"}},
	"prognosis": {[]string{"resamples=50", "trees=10", "patients=500"}, []string{"test.r2", "test.auc", "test.concordance", "by person.r2", "validation.log_likelihood"}},
	"text":      {[]string{"epochs=1", "transformerEpochs=1", "width=16"}, []string{"test.auc", "test.f1", "val_auc"}},
	"treatment": {[]string{"resamples=50", "trees=40", "patients=800"}, []string{"test.policy_value", "test.qini", "test.mae"}},
}

// Every run of every notebook can be run again with the same numbers.
func TestNotebooksRunAgain(t *testing.T) {
	for _, name := range notebooks.Names() {
		if name == "rerun" || name == "imaging" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			store := filepath.Join(t.TempDir(), "assay.db")
			tutorial := tutorials[name]
			execNotebook(t, store, filepath.Join("notebooks", name+".ipynb"), tutorial.parameters...)
			recorded := map[string]bool{}
			for _, r := range listedRuns(t, store) {
				for metric := range r.Metrics {
					recorded[metric] = true
				}
			}
			for _, metric := range tutorial.metrics {
				if !recorded[metric] {
					t.Errorf("no run has recorded %s", metric)
				}
			}
			rerunIsIdentical(t, store)
		})
	}
}

// The story that the tutorial tells is true.
func TestRerunNotebook(t *testing.T) {
	dir, err := os.MkdirTemp("", "rr") // short: sockets are made below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
	store := filepath.Join(dir, "assay.db")
	written, err := os.ReadFile(execNotebook(t, store, "notebooks/rerun.ipynb", "epochs=1", "films=80"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"identical: `, `"differs: metric loss at step `, "train/clear/000.png changed: its sha256 "} {
		if !strings.Contains(string(written), want) {
			t.Errorf("the notebook's output lacks %q", want)
		}
	}
	if runs := listedRuns(t, store); len(runs) != 3 {
		t.Errorf("there are %d runs, want one and its two reruns", len(runs))
	}
}

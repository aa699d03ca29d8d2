package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-ml/assay/data"
	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/web"
	"github.com/assay-ml/assay/store"
)

// assay is the program under test: the real one, as a user runs it.
var assay string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "assay-test-*")
	if err != nil {
		panic(err)
	}
	assay = filepath.Join(dir, "assay")
	out, err := exec.Command("go", "build", "-o", assay, ".").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// result is what a command did.
type result struct {
	code           int
	stdout, stderr string
}

// run runs assay with a store of the test's own.
func run(t *testing.T, store string, args ...string) result {
	t.Helper()
	return runEnv(t, []string{"ASSAY_STORE=" + store}, args...)
}

func runEnv(t *testing.T, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, assay, args...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("assay %s: %v", strings.Join(args, " "), err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// writeNotebook writes a notebook of code cells.
func writeNotebook(t *testing.T, cells ...string) string {
	t.Helper()
	type cell struct {
		ID       string         `json:"id"`
		Type     string         `json:"cell_type"`
		Metadata map[string]any `json:"metadata"`
		Source   string         `json:"source"`
		Outputs  []any          `json:"outputs"`
		Count    *int           `json:"execution_count"`
	}
	nb := map[string]any{"nbformat": 4, "nbformat_minor": 5, "metadata": map[string]any{}}
	var list []cell
	for i, source := range cells {
		c := cell{ID: fmt.Sprintf("cell-%d", i+1), Type: "code", Metadata: map[string]any{}, Source: source, Outputs: []any{}}
		if i == 0 && strings.HasPrefix(source, "var (") {
			c.Metadata["tags"] = []string{"parameters"}
		}
		list = append(list, c)
	}
	nb["cells"] = list
	b, err := json.Marshal(nb)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "test.ipynb")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// A mistake is one sentence on stderr, with the way out, and an exit code that
// tells whether it was tried.
func TestMistakesAreOneSentence(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "assay.db")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	corrupt := filepath.Join(dir, "data")
	if err := os.MkdirAll(corrupt, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(corrupt, "pneumoniamnist.npz"), []byte("PK\x03\x04 not a zip at all"), 0o644); err != nil {
		t.Fatal(err)
	}
	notebook := writeNotebook(t, "var (\n\tlearningRate = 1e-3\n\tseed int64 = 1\n)")

	f := func(name string, env []string, args []string, code int, want ...string) {
		t.Helper()
		got := runEnv(t, append([]string{"ASSAY_STORE=" + store}, env...), args...)
		if got.code != code {
			t.Errorf("%s: exit code %d, want %d; stderr: %s", name, got.code, code, got.stderr)
		}
		message := strings.TrimSpace(got.stderr)
		// A list of the names there are may follow the sentence.
		if !strings.HasPrefix(message, "assay: ") || strings.Count(message, "\n") > 3 || strings.Contains(message, "goroutine ") {
			t.Errorf("%s: stderr is not a sentence:\n%s", name, message)
		}
		for _, w := range want {
			if !strings.Contains(message, w) {
				t.Errorf("%s: stderr %q lacks %q", name, message, w)
			}
		}
	}
	for _, args := range [][]string{{"runs", "ls"}, {"runs", "rm", "k3f"}, {"runs", "tag", "k3f", "ward=2"}, {"gc"}, {"rerun", "k3f"}} {
		f("no store", nil, args, 2, "there is no store at", "record a run first")
	}
	if _, err := os.Stat(store); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a command that changes a store has made one (%v)", err)
	}
	f("unknown flag", nil, []string{"runs", "ls", "--lmit", "3"}, 2, "--lmit")
	f("unknown command", nil, []string{"rnus"}, 2, `no command "rnus": did you mean runs?`)
	f("unknown command of a command", nil, []string{"runs", "list"}, 2, `assay runs has no command "list"`)
	f("no arguments", nil, []string{"exec"}, 2, "write `assay exec NOTEBOOK [flags]`")
	f("no notebook", nil, []string{"exec", filepath.Join(dir, "none.ipynb")}, 2, "none.ipynb")
	f("unknown parameter", nil, []string{"exec", notebook, "-p", "lr=1e-3"}, 2, "lr", "learningRate", "seed")
	f("wrong type", nil, []string{"exec", notebook, "-p", "seed=many"}, 2, "seed", "int64")
	f("unknown data set", nil, []string{"data", "get", "pneumonia"}, 2, "pneumonia")
	f("unknown notebook", nil, []string{"new", "x-ray", dir}, 2, "x-ray", "imaging")
	f("folder of the store", []string{"ASSAY_STORE=/dev/null/assay.db"}, []string{"ui"}, 2, "/dev/null")
	f("port in use", nil, []string{"ui", "--addr", listener.Addr().String()}, 1, listener.Addr().String(), "in use")
}

func TestPanicNamesTheCell(t *testing.T) {
	notebook := writeNotebook(t,
		"%%\nfmt.Println(\"one\")",
		"func explode(films []int) int {\n\treturn films[3]\n}",
		"%%\nfmt.Println(\"three\")\nfmt.Println(explode(nil))",
		"%%\nfmt.Println(\"never\")")
	out := filepath.Join(t.TempDir(), "out.ipynb")
	got := run(t, filepath.Join(t.TempDir(), "assay.db"), "exec", notebook, "-o", out)
	if got.code != 1 {
		t.Errorf("exit code %d, want 1; stderr: %s", got.code, got.stderr)
	}
	last := got.stderr[strings.LastIndex(strings.TrimSpace(got.stderr), "\n")+1:]
	for _, want := range []string{"cell", "index out of range"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("stderr lacks %q; its last line: %s", want, last)
		}
	}
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(written, []byte(`"never\n"`)) || !bytes.Contains(written, []byte(`"output_type": "error"`)) {
		t.Errorf("the written notebook should end with the third cell's error:\n%s", written)
	}
}

// listedRuns returns what `runs ls --json` says of the store.
func listedRuns(t *testing.T, store string) []web.Run {
	t.Helper()
	got := run(t, store, "runs", "ls", "--json", "--sort", "started")
	var runs []web.Run
	if err := json.Unmarshal([]byte(got.stdout), &runs); err != nil {
		t.Fatalf("runs ls --json: %v; stdout %q, stderr %q", err, got.stdout, got.stderr)
	}
	return runs
}

// execNotebook runs a notebook and returns the written one.
func execNotebook(t *testing.T, store, notebook string, parameters ...string) (written string) {
	t.Helper()
	written = filepath.Join(t.TempDir(), filepath.Base(notebook))
	args := []string{"exec", notebook, "-o", written}
	for _, p := range parameters {
		args = append(args, "-p", p)
	}
	if got := run(t, store, args...); got.code != 0 {
		t.Fatalf("assay exec %s: exit code %d:\n%s", notebook, got.code, got.stderr)
	}
	return written
}

func TestImagingNotebook(t *testing.T) {
	store := filepath.Join(t.TempDir(), "assay.db")
	written := execNotebook(t, store, "notebooks/imaging.ipynb", "epochs=2")

	// The run's program, taken from a copy of the store, gives the same numbers, every bit.
	store = moved(t, store)
	if got := run(t, store, "rerun", string(listedRuns(t, store)[0].ID)); got.code != 0 || !strings.HasPrefix(got.stdout, "identical: ") {
		t.Fatalf("assay rerun: exit code %d, %s\n%s", got.code, got.stdout, got.stderr)
	}
	runs := listedRuns(t, store)
	if len(runs) != 2 {
		t.Fatalf("an execution and a rerun recorded %d runs", len(runs))
	}
	a, b := runs[0], runs[1]
	if a.Status != "finished" || len(a.Metrics) < 10 {
		t.Errorf("the first run is %s with metrics %v", a.Status, a.Metrics)
	}
	for name := range a.Metrics {
		if experiments.IsSystem(name) {
			continue
		}
		if x, y := fmt.Sprint(a.Metrics[name]), fmt.Sprint(b.Metrics[name]); x != y {
			t.Errorf("%s is %s in one run and %s in the other", name, x, y)
		}
	}

	// The notebook was written with what a reader sees, and other programs can read it.
	content, err := os.ReadFile(written)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"assay-run", "Synthetic films", `"test.auc`, "image/png;base64", "execution_count\": 7"} {
		if !bytes.Contains(content, []byte(want)) {
			t.Errorf("the written notebook lacks %q", want)
		}
	}
	python(t, "import nbformat, sys; nbformat.validate(nbformat.read(sys.argv[1], 4))", written)
	python(t, "import sys; from nbconvert import HTMLExporter; html, _ = HTMLExporter().from_filename(sys.argv[1]); assert 'assay-run' in html", written)

	// The runs can be compared in one file.
	page := filepath.Join(t.TempDir(), "compare.html")
	if got := run(t, store, "compare", string(a.ID), string(b.ID), "-o", page); got.code != 0 {
		t.Fatalf("compare: exit code %d: %s", got.code, got.stderr)
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(html, []byte(a.Name)) || !bytes.Contains(html, []byte(b.Name)) || bytes.Contains(html, []byte(`src="http`)) {
		t.Error("the comparison should name both runs and load nothing from the network")
	}

	// What the cell was, and what it made, is in the store.
	for _, want := range []string{"artifact code/main.go", "artifact code/go.mod", "artifact model.assay", "param learning_rate", "imaging.ipynb"} {
		if got := run(t, store, "runs", "show", string(a.ID)); !strings.Contains(got.stdout, want) {
			t.Errorf("runs show lacks %q:\n%s", want, got.stdout)
		}
	}
}

// The target of the tutorial network on the official split of PneumoniaMNIST.
// Published for a ResNet-18: AUC 0.944 (Yang et al., Scientific Data 10, 2023).
func TestImagingNotebookOnRealFilms(t *testing.T) {
	if _, err := data.Find("pneumoniamnist"); err != nil {
		t.Skipf("%v: set ASSAY_DATA to a folder with it", err)
	}
	store := filepath.Join(t.TempDir(), "assay.db")
	execNotebook(t, store, "notebooks/imaging.ipynb", "data=pneumoniamnist", "seed=1")
	runs := listedRuns(t, store)
	if len(runs) != 1 {
		t.Fatalf("one execution recorded %d runs", len(runs))
	}
	auc := runs[0].Metrics["test.auc"]
	if !(auc.Last >= 0.94) || !(auc.Low < auc.Last && auc.Last < auc.High) {
		t.Errorf("test AUC is %v (%v–%v), want at least 0.94 inside its interval", auc.Last, auc.Low, auc.High)
	}
}

// Without an XLA plugin a cell fails with a sentence that says what to run.
func TestNoPlugin(t *testing.T) {
	notebook := writeNotebook(t, `import (
	"log"

	"github.com/assay-ml/assay/gomlx_models/fit"
)

%%
if _, err := fit.Backend(); err != nil {
	log.SetFlags(0)
	log.Fatal(err)
}`)
	got := runEnv(t, []string{"ASSAY_HOME=" + t.TempDir(), "HOME=" + t.TempDir(), "GOPATH=" + goEnv(t, "GOPATH"), "GOCACHE=" + goEnv(t, "GOCACHE"),
		"PJRT_PLUGIN_LIBRARY_PATH=", "GOMLX_BACKEND=xla:cpu"}, "exec", notebook)
	if got.code != 1 || !strings.Contains(got.stderr, "no XLA plugin for cpu") || !strings.Contains(got.stderr, "assay setup") {
		t.Errorf("exit code %d, want 1 and what to run; stderr:\n%s", got.code, got.stderr)
	}
	if strings.Contains(got.stderr, "goroutine ") {
		t.Errorf("a stack trace reached the user:\n%s", got.stderr)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// python runs a program of Jupyter's own on a file. make test installs them.
func python(t *testing.T, program, file string) {
	t.Helper()
	exe, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on the PATH")
	}
	if exec.Command(exe, "-c", "import nbformat, nbconvert").Run() != nil {
		t.Log("nbformat and nbconvert are not installed for python3: `make test` does it")
		return
	}
	if out, err := exec.Command(exe, "-c", program, file).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", program, err, out)
	}
}

func TestStoreIsCaredFor(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "assay.db")
	t.Setenv("ASSAY_STORE", store)
	err := experiments.Track(context.Background(), "care", func(run *experiments.Run) error {
		run.Params(map[string]any{"lr": 0.1})
		run.Log(1, "loss", 0.5)
		return run.Artifact("notes.txt", []byte("kept"))
	}, experiments.Name("first"))
	if err != nil {
		t.Fatal(err)
	}
	id := string(listedRuns(t, store)[0].ID)
	f := func(want string, args ...string) {
		t.Helper()
		if got := run(t, store, args...); got.code != 0 || !strings.Contains(got.stdout, want) {
			t.Errorf("assay %s: exit code %d, stdout %q, want %q; stderr: %s", strings.Join(args, " "), got.code, got.stdout, want, got.stderr)
		}
	}
	f("no fault found", "fsck")
	f("first", "runs", "ls", "--where", "param.lr < 1 and metric.loss = 0.5")
	f("first", "runs", "ls", "--sort", "-at(metric.loss, 1)", "--sort", "name")
	f("param.lr,metric.loss", "runs", "ls", "--csv", "--limit", "0")
	f("0.1", "sql", "select value from params where name = 'lr'")
	f("", "runs", "tag", id, "site=north")
	f("north", "runs", "show", id)
	f("", "backup", filepath.Join(dir, "copy.db"))
	f("first", "--store", filepath.Join(dir, "copy.db"), "runs", "ls")
	f("", "runs", "archive", id)
	if got := run(t, store, "runs", "ls", "--ids"); got.stdout != "" {
		t.Errorf("an archived run is listed: %q", got.stdout)
	}
	f("first", "runs", "ls", "--archived")
	f("", "export", filepath.Join(dir, "out"), "--format", "jsonl") // also what is archived
	f("", "--store", filepath.Join(dir, "other.db"), "import", "assay", filepath.Join(dir, "out"))
	f("first", "--store", filepath.Join(dir, "other.db"), "runs", "ls", "--archived", "--where", "tag.site = north")
	f("", "runs", "archive", "--undo", id)
	f("", "export", "--html", filepath.Join(dir, "run.html"), id)
	f("", "export", "--html", filepath.Join(dir, "pages"), "--experiment", "care")
	for _, page := range []string{"run.html", "pages/index.html", "pages/" + id + ".html"} {
		if html, err := os.ReadFile(filepath.Join(dir, page)); err != nil || !bytes.Contains(html, []byte("first")) {
			t.Errorf("%s should tell of the run: %v", page, err)
		}
	}
	f("", "runs", "rm", id)
	f("would delete 1 run(s)", "gc")
	f("", "runs", "restore", id)
	f("first", "runs", "ls")
	f("", "runs", "rm", id)
	f("deleted 1 run(s)", "gc", "--delete")
	f("", "new", "imaging", dir)
	f("pneumoniamnist", "data", "ls")

	// What an import leaves out it says.
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(logs, "events.out.tfevents.1700000000.vm"), []byte("torn"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := run(t, store, "import", "tensorboard", logs); got.code != 0 || !strings.Contains(got.stderr, "note: ") || !strings.Contains(got.stderr, "last record is not whole") {
		t.Errorf("the import of a torn file: exit code %d, stderr %q", got.code, got.stderr)
	}
}

// Readers, too, bring in what a run left whose program is gone.
func TestKilledRunIsListedSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "assay.db")
	s, err := store.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Start(context.Background(), store.NewRun{Experiment: "care"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // without an end
		t.Fatal(err)
	}
	for _, where := range []string{"status = killed", "not status = running"} {
		if got := run(t, file, "runs", "ls", "--where", where); !strings.Contains(got.stdout, "killed") {
			t.Errorf("runs ls --where %q: %s%s", where, got.stdout, got.stderr)
		}
	}
}

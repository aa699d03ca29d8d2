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
		if lines := strings.Count(message, "\n"); lines > 0 || strings.Contains(message, "goroutine ") {
			t.Errorf("%s: %d lines on stderr, want one:\n%s", name, lines+1, message)
		}
		for _, w := range want {
			if !strings.Contains(message, w) {
				t.Errorf("%s: stderr %q lacks %q", name, message, w)
			}
		}
	}
	f("no store", nil, []string{"runs", "ls"}, 2, "there is no store at", "record a run first")
	f("unknown flag", nil, []string{"runs", "ls", "--lmit", "3"}, 2, "--lmit")
	f("unknown command", nil, []string{"rnus"}, 2, "rnus")
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

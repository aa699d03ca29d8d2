package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// recording are the cells of a notebook that records a run.
var recording = []string{
	"var (\n\tlr = 0.1\n\tname = \"a, b\"\n)",
	"import (\n\t\"context\"\n\n\t\"github.com/assay-ml/assay/experiments\"\n)",
	`err := experiments.Track(context.Background(), "exec", func(run *experiments.Run) error {
	run.Param("lr", lr)
	run.Log(1, "loss", lr/2)
	return nil
})
fmt.Println(name, lr, err)`,
	"fmt.Println(1 / int(lr*100 - 9))", // fails for an lr of 0.09
}

func TestExecExitCodes(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "assay.db")
	notebook := writeNotebook(t, recording...)
	f := func(code int, want string, args ...string) {
		t.Helper()
		got := run(t, store, append([]string{"exec", notebook}, args...)...)
		if got.code != code || !strings.Contains(got.stderr+got.stdout, want) {
			t.Errorf("assay exec %s: exit code %d, want %d and %q:\n%s%s", strings.Join(args, " "), got.code, code, want, got.stdout, got.stderr)
		}
	}
	inject := filepath.Join(dir, "p.yaml")
	if err := os.WriteFile(inject, []byte("lr: 0.5\nname: injected\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	executed := filepath.Join(dir, "executed.ipynb")
	f(0, "", "-o", executed, "-o", filepath.Join(dir, "out.html"), "-o", filepath.Join(dir, "out.md"))
	f(0, "injected 0.7", "--inject", inject, "-p", "lr=0.7", "--from", "2", "--to", "cell-3")
	f(1, "integer divide by zero", "-p", "lr=0.09", "--from", "cell-4")
	f(1, "did not end within 1ms", "--timeout", "1ms")
	f(2, "there is no code cell 9", "--from", "9")
	f(2, "not of type float64", "-p", "lr=1,fast")
	f(2, "p.json", "--inject", filepath.Join(dir, "p.json"))
	f(2, ".ipynb, .html or .md", "-o", filepath.Join(dir, "out.pdf"))
	f(2, "there is no folder", "-o", filepath.Join(dir, "none", "out.html"))
	f(2, "it is a folder", "-o", func() string {
		folder := filepath.Join(dir, "folder.html")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		return folder
	}())
	f(2, "cannot be written", "-o", "/proc/self/out.html")
	f(2, "there is no code cell 9", "--from", "9", "-p", "lr=1,2") // of several executions too
	f(2, "stores no outputs", "--check")
	f(2, "--jobs 0", "--jobs", "0")

	t.Setenv("ASSAY_PARAM_LR", "0.3")
	t.Setenv("ASSAY_PARAM_RATE", "0.3")
	f(0, "a, b 0.3", "--to", "3")
	f(0, "note: ASSAY_PARAM_RATE names no parameter", "--to", "1")

	page, err := os.ReadFile(filepath.Join(dir, "out.html"))
	if err != nil || !bytes.Contains(page, []byte("a, b 0.1")) || !bytes.Contains(page, []byte("__assay")) || bytes.Contains(page, []byte(`src="http`)) {
		t.Errorf("the page should have the output and its figures' script, and load nothing from the network: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "out.md"))
	if err != nil || !bytes.Contains(text, []byte("```text\na, b 0.1 <nil>\n```\n")) {
		t.Errorf("the Markdown should have the output: %v\n%s", err, text)
	}

	// Nothing is recorded or written if nothing can be run.
	t.Setenv("TMPDIR", filepath.Join(dir, "none"))
	runsBefore := len(listedRuns(t, store))
	untouched := filepath.Join(dir, "untouched.ipynb")
	f(2, "workspace: ", "-o", untouched)
	if _, err := os.Stat(untouched); !os.IsNotExist(err) {
		t.Errorf("a notebook of which nothing was run was written (%v)", err)
	}
	if now := len(listedRuns(t, store)); now != runsBefore {
		t.Errorf("%d runs were recorded by what did not run", now-runsBefore)
	}
	t.Setenv("TMPDIR", dir)

	// The notebook that was written is a test of itself.
	runs := len(listedRuns(t, store))
	notebook = executed
	f(0, "4 cells put out what is stored", "--check", "-p", "lr=0.1")
	f(1, "cell 3 (id cell-3), output ", "--check") // 0.3 is in the environment
	f(0, "", "--check", "--tolerance", "2")
	f(2, "lr has several values", "--check", "-p", "lr=1,2")
	if now := len(listedRuns(t, store)); now != runs {
		t.Errorf("checking recorded %d runs in the user's store", now-runs)
	}
}

func TestExecMatrix(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "assay.db")
	notebook := writeNotebook(t, recording...)
	got := run(t, store, "exec", notebook, "-p", "lr=0.2,0.09", "-p", "name=[one, 'two, three']", "-o", filepath.Join(dir, "out.md"), "--jobs", "2")
	if got.code != 1 || strings.Count(got.stderr, "integer divide by zero") == 0 || !strings.Contains(got.stdout, "has 4 children") {
		t.Fatalf("exit code %d, want 1, as lr=0.09 fails, with 4 children:\n%s%s", got.code, got.stdout, got.stderr)
	}
	runs := listedRuns(t, store)
	if len(runs) != 5 {
		t.Fatalf("there are %d runs, want a parent and 4 children", len(runs))
	}
	parent := runs[0]
	if parent.Experiment != "test" || parent.Status != "failed" || parent.Params["lr"] != "0.2, 0.09" {
		t.Errorf("the parent: %+v", parent)
	}
	rates := map[string]int{}
	for _, child := range runs[1:] {
		rates[fmt.Sprint(child.Params["lr"])]++
		if child.Experiment != "exec" || child.Status != "finished" {
			t.Errorf("a child: %+v", child)
		}
	}
	if fmt.Sprint(rates) != "map[0.09:2 0.2:2]" {
		t.Errorf("children by lr: %v", rates)
	}
	if got := run(t, store, "runs", "ls", "--where", fmt.Sprintf("parent = %q", parent.ID), "--ids"); strings.Count(got.stdout, "\n") != 4 {
		t.Errorf("children of the parent: %s%s", got.stdout, got.stderr)
	}
	for _, name := range []string{"out-lr=0.2-name=one.md", "out-lr=0.2-name=two,-three.md", "out-lr=0.09-name=one.md"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// A run that used values of earlier cells has them in its program: a copy of the
// store is enough to run it again.
func TestRerunWithCarriedValues(t *testing.T) {
	store := filepath.Join(t.TempDir(), "assay.db")
	notebook := writeNotebook(t, recording[0], recording[1],
		"weights := []float64{1, math.Pi, lr}",
		`err := experiments.Track(context.Background(), "carried", func(run *experiments.Run) error {
	for i, w := range weights {
		run.Log(int64(i), "weight", w)
	}
	return nil
})
fmt.Println(err)`)
	execNotebook(t, store, notebook)
	store = moved(t, store)
	if got := run(t, store, "rerun", string(listedRuns(t, store)[0].ID)); got.code != 0 || !strings.HasPrefix(got.stdout, "identical: 1 metric with 3 points") {
		t.Errorf("assay rerun: exit code %d, %s\n%s", got.code, got.stdout, got.stderr)
	}
}

// An interrupt ends the execution that is under way, and those after it are not
// begun.
func TestExecMatrixIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(assay, "exec", writeNotebook(t, "var (\n\tn = 1\n)", "fmt.Println(\"go\", n)\ntime.Sleep(time.Hour)"), "-p", "n=1,2,3")
	cmd.Env = append(os.Environ(), "ASSAY_STORE="+filepath.Join(dir, "assay.db"))
	var stderr bytes.Buffer
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&stderr, lines.Text())
		if lines.Text() == "go 1" {
			cmd.Process.Signal(os.Interrupt)
		}
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || strings.Count(stderr.String(), "interrupt") != 1 || strings.Contains(stderr.String(), "go 2") {
		t.Errorf("exit code %d, want 1 and one sentence:\n%s", code, stderr.String())
	}
	runs := listedRuns(t, filepath.Join(dir, "assay.db"))
	if len(runs) != 1 || runs[0].Status != "interrupted" {
		t.Errorf("recorded: %+v", runs)
	}
}

func TestExecOfAnotherLanguage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "py.ipynb")
	python := `{"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"language": "python", "name": "python3"}}, "cells": []}`
	if err := os.WriteFile(file, []byte(python), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run(t, "", "exec", file); got.code != 2 || !strings.Contains(got.stderr, "is a notebook in python") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// Ten at once, on one store.
func TestExecInParallel(t *testing.T) {
	store := filepath.Join(t.TempDir(), "assay.db")
	notebook := writeNotebook(t, recording...)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			got := run(t, store, "exec", notebook, "-p", fmt.Sprintf("lr=%d.5", i+1), "--to", "3")
			if got.code != 0 {
				t.Errorf("execution %d: exit code %d:\n%s", i, got.code, got.stderr)
			}
		})
	}
	wg.Wait()
	if got := run(t, store, "exec", writeNotebook(t, "%assay runs --ids")); got.code != 0 || len(regexp.MustCompile(`(?m)^[a-z][0-9a-z]{9}$`).FindAllString(got.stderr, -1)) != 10 {
		t.Errorf("%%assay runs: exit code %d:\n%s", got.code, got.stderr)
	}
	runs := listedRuns(t, store)
	seen := map[string]bool{}
	for _, r := range runs {
		seen[fmt.Sprint(r.Params["lr"])] = r.Status == "finished"
	}
	if len(runs) != 10 || len(seen) != 10 {
		t.Errorf("ten executions recorded %d runs: %v", len(runs), seen)
	}
}

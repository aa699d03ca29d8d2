package rerun_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/rerun"
	"github.com/assay-ml/assay/store"
)

// A run that was killed in the middle of a training goes on from a checkpoint
// and ends with the points, bit for bit, of one that was never killed.
func TestResumingAKilledRun(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go") // there is nothing to install for it
	dir := t.TempDir()
	src, program := filepath.Join(dir, "src"), filepath.Join(dir, "train")
	if err := writeSource(src, filepath.Join(src, "program")); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-mod=mod", "-o", program, "./train")
	build.Dir, build.Env = filepath.Join(src, "program"), append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	s, err := store.Open(filepath.Join(dir, "assay.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	t.Setenv("ASSAY_STORE", s.Path())
	// until runs the program, and stops it when it says so, the last argument.
	until := func(signal syscall.Signal, line string) store.Run {
		t.Helper()
		cmd := exec.Command(program)
		cmd.Dir = dir
		said, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if lines.Text() == line {
				if err := cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); (err == nil) != (line == "") {
			t.Fatalf("the program ended with %v", err)
		}
		return latest(t, s, "train")
	}
	ctx := context.Background()
	whole := until(0, "")
	f := func(signal syscall.Signal, line string, status store.Status, want ...string) {
		t.Helper()
		cut := until(signal, line)
		if cut.Status != status {
			t.Fatalf("the run is %s, want %s", cut.Status, status)
		}
		result, out, err := again(t, s, cut.ID, rerun.Options{Resume: true})
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		run := result.Resumed
		for _, w := range want {
			if tag := run.Tags[experiments.ResumedTag]; !strings.Contains(tag, w) || strings.Contains(tag, "another value") {
				t.Errorf("killed at %s: it was resumed %q, want %q in it", line, tag, w)
			}
		}
		if result.Rerun != cut.ID || run.Status != store.Finished || !run.Started.Equal(cut.Started) || run.RerunOf != "" {
			t.Errorf("killed at %s: run %s is %s, started %v, a rerun of %q; want %s, finished, %v and no rerun",
				line, result.Rerun, run.Status, run.Started, run.RerunOf, cut.ID, cut.Started)
		}
		c, err := experiments.Compare(ctx, s, whole.ID, cut.ID, experiments.Tolerance{})
		if err != nil || c.Verdict != experiments.Identical || len(c.Notes) > 0 {
			t.Errorf("killed at %s: %s, notes %q, %v\n%s", line, c.Summary(), c.Notes, err, out)
		}
	}
	f(syscall.SIGKILL, "training 2 step 50", store.Killed, "after step ", "came again, the same")
	f(syscall.SIGINT, "training 1 step 41", store.Interrupted, "after step ")

	// A program that ends at once has left what it was.
	fail := exec.Command(program, "fail")
	fail.Dir = dir
	if out, err := fail.CombinedOutput(); err == nil || !strings.Contains(string(out), "there are no rows") {
		t.Fatalf("the program that fails: %v\n%s", err, out)
	}
	run := latest(t, s, "train")
	if check := verify(t, s, run.ID); run.Status != store.Killed || len(check.Missing) > 0 {
		t.Errorf("a run that failed at once is %s and lacks %q", run.Status, check.Missing)
	}
}

package experiments_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assay-ml/assay/experiments"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// inStore makes the test's runs land in a store of its own.
func inStore(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "assay.db")
	t.Setenv("ASSAY_STORE", file)
	return file
}

// only returns the one run of the store.
func only(t *testing.T, file string) (store.Run, *store.Store) {
	t.Helper()
	s, err := store.OpenReadOnly(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	page, err := s.Runs(context.Background(), store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Runs) != 1 {
		t.Fatalf("the store has %d runs, want 1", len(page.Runs))
	}
	run, err := s.Run(context.Background(), page.Runs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return run, s
}

func TestTrackRecordsARun(t *testing.T) {
	file := inStore(t)
	ctx := context.Background()
	err := experiments.Track(ctx, "sepsis", func(run *experiments.Run) error {
		run.Params(struct {
			Rate float64 `json:"rate"`
		}{0.5})
		run.Plan(3)
		for step, loss := range []float64{1, math.NaN(), math.Inf(-1)} {
			if err := run.Step(int64(step+1), []string{"loss"}, []float64{loss}); err != nil {
				return err
			}
		}
		run.Data(models.DataUse{Name: "ward", Split: "train", Rows: 7, Files: []models.File{{Path: "ward.csv", Size: 3, SHA256: strings.Repeat("ab", 32)}}})
		if err := run.Artifact("model.assay", []byte("weights")); err != nil {
			return err
		}
		report := models.Report{Name: "test", Rows: 10, Metrics: []models.Metric{{Name: "auc", Value: 0.75, Low: 0.5, High: 0.875}}}
		return run.Report(report, nil)
	}, experiments.Name("first"), experiments.Tag("site", "north"), experiments.Group("seeds"))
	if err != nil {
		t.Fatal(err)
	}

	// The one file is all there is: it can be copied as it stands.
	left, err := filepath.Glob(file + "*")
	if err != nil || len(left) != 1 {
		t.Errorf("after the run there are %v, want the store alone", left)
	}

	run, s := only(t, file)
	if run.Status != store.Finished || run.Name != "first" || run.Experiment != "sepsis" || run.Tags["site"] != "north" || run.Group != "seeds" {
		t.Errorf("run is %s %q of %q, tags %v, group %q", run.Status, run.Name, run.Experiment, run.Tags, run.Group)
	}
	if run.Params["rate"] != 0.5 || run.Done != 3 || run.Planned != 3 {
		t.Errorf("params %v, %d steps of %d; want rate 0.5, 3 of 3", run.Params, run.Done, run.Planned)
	}
	if auc := run.Metrics["test.auc"]; auc.Last != 0.75 || auc.Low != 0.5 || auc.High != 0.875 {
		t.Errorf("test.auc is %v (%v–%v), want 0.75 (0.5–0.875)", auc.Last, auc.Low, auc.High)
	}
	points, err := s.Series(ctx, run.ID, "loss")
	if err != nil || len(points) != 3 || points[0].Value != 1 || !math.IsNaN(points[1].Value) || !math.IsInf(points[2].Value, -1) {
		t.Errorf("loss is %v, %v; want 1, NaN, -Inf", points, err)
	}

	past, err := experiments.Latest(ctx, "sepsis")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := experiments.Find(ctx, string(run.ID[:9])); err != nil || found.ID != past.ID {
		t.Errorf("found %v, %v by the start of its id, want run %s", found, err, past.ID)
	}
	artifact, err := past.Open(ctx, "model.assay")
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(artifact)
	if err := errors.Join(err, artifact.Close()); err != nil || string(content) != "weights" {
		t.Errorf("model.assay holds %q, %v", content, err)
	}
	report, err := past.Report(ctx, "test")
	if err != nil || report.Rows != 10 || report.Metrics[0].Value != 0.75 {
		t.Errorf("report is %+v, %v", report, err)
	}
	if _, err := past.Report(ctx, "validation"); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), `"test"`) {
		t.Errorf("a report that is not there: %v, want an error that names those that are", err)
	}
}

// Best finds a metric of any name, and takes no run for the best that has no number.
func TestBest(t *testing.T) {
	inStore(t)
	ctx := context.Background()
	const metric = "val loss (micro)"
	record := func(experiment, name string, values ...float64) {
		t.Helper()
		err := experiments.Track(ctx, experiment, func(run *experiments.Run) error {
			for step, v := range values {
				run.Log(int64(step), metric, v)
			}
			return nil
		}, experiments.Name(name))
		if err != nil {
			t.Fatal(err)
		}
	}
	record("sepsis", "good", 0.9, 0.1)
	record("sepsis", "bad", 0.01, 0.5)
	record("sepsis", "broken", math.NaN())
	record("sepsis", "none")
	record("other", "broken", math.NaN())
	if best, err := experiments.Best(ctx, "sepsis", metric); err != nil || best.Name != "good" {
		t.Errorf("the best is %v, %v; want good", best, err)
	}
	if best, err := experiments.Best(ctx, "other", metric); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), metric) {
		t.Errorf("where all are NaN the best is %v, %v; want an error", best, err)
	}
}

func TestTrackTellsHowItEnded(t *testing.T) {
	f := func(name string, fn func(*experiments.Run) error, status store.Status, message string) {
		t.Helper()
		file := inStore(t)
		func() {
			defer func() { _ = recover() }() // of the case that panics
			_ = experiments.Track(context.Background(), "ends", fn)
		}()
		run, _ := only(t, file)
		if run.Status != status || run.Message != message {
			t.Errorf("%s: the run is %s %q, want %s %q", name, run.Status, run.Message, status, message)
		}
	}
	f("nil", func(*experiments.Run) error { return nil }, store.Finished, "")
	f("error", func(*experiments.Run) error { return errors.New("no films") }, store.Failed, "no films")
	f("panic", func(*experiments.Run) error { panic("at the disco") }, store.Failed, "panic: at the disco")
	// An error of its own while being stopped is still its own.
	f("cancelled work", func(*experiments.Run) error { return fmt.Errorf("download: %w", context.Canceled) }, store.Failed, "download: context canceled")
}

func TestTrackReturnsTheError(t *testing.T) {
	inStore(t)
	want := errors.New("no films")
	if err := experiments.Track(context.Background(), "x", func(*experiments.Run) error { return want }); !errors.Is(err, want) {
		t.Errorf("Track returned %v, want %v", err, want)
	}
	evaluation := errors.New("one class only")
	err := experiments.Track(context.Background(), "x", func(run *experiments.Run) error { return run.Report(models.Report{}, evaluation) })
	if !errors.Is(err, evaluation) {
		t.Errorf("Track returned %v, want %v", err, evaluation)
	}
	// What could not be recorded is told at the end, and stops nothing.
	err = experiments.Track(context.Background(), "x", func(run *experiments.Run) error { run.Params(7); return nil })
	if err == nil || !strings.Contains(err.Error(), "params: int is not a struct") {
		t.Errorf("Track returned %v, want the error of Params", err)
	}
}

func TestBestKnowsWhichWayIsUp(t *testing.T) {
	inStore(t)
	ctx := context.Background()
	for _, r := range []struct {
		name      string
		auc, loss float64
	}{{"a", 0.7, 0.2}, {"b", 0.9, 0.4}, {"c", 0.8, 0.3}} {
		err := experiments.Track(ctx, "x", func(run *experiments.Run) error {
			run.Log(1, "val_auc", r.auc)
			run.Log(1, "val_loss", r.loss)
			return nil
		}, experiments.Name(r.name))
		if err != nil {
			t.Fatal(err)
		}
	}
	for metric, want := range map[string]string{"val_auc": "b", "val_loss": "a"} {
		best, err := experiments.Best(ctx, "x", metric)
		if err != nil || best.Name != want {
			t.Errorf("best %s is run %v, %v; want %s", metric, best, err, want)
		}
	}
	if _, err := experiments.Latest(ctx, "y"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("latest of an experiment that is not there: %v", err)
	}
}

// TestInterrupt runs this test's program again, as one that trains until it is
// interrupted.
func TestInterrupt(t *testing.T) {
	if os.Getenv("ASSAY_TEST_TRAIN") != "" {
		err := experiments.Track(context.Background(), "long", func(run *experiments.Run) error {
			for step := int64(1); ; step++ {
				if err := run.Step(step, []string{"loss"}, []float64{1 / float64(step)}); err != nil {
					return err
				}
				if step == 10 {
					fmt.Println("training")
				}
				time.Sleep(time.Millisecond)
			}
		})
		fmt.Println(err)
		return
	}
	file := inStore(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestInterrupt$")
	cmd.Env = append(os.Environ(), "ASSAY_TEST_TRAIN=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("training"))); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the interrupted program: %v", err)
	}
	if !strings.Contains(string(rest), "interrupted") {
		t.Errorf("the program printed %q, want it to hear that it was interrupted", rest)
	}
	run, _ := only(t, file)
	if run.Status != store.Interrupted || run.LastStep < 10 {
		t.Errorf("the run is %s at step %d, want interrupted at 10 or later", run.Status, run.LastStep)
	}
}

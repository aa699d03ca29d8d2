package experiments_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/assay-ml/assay/experiments"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// A run that is resumed is the same run; what comes again is kept once.
func TestResumedRun(t *testing.T) {
	file := inStore(t)
	ctx := context.Background()
	session := func(err error, do func(run *experiments.Run)) string {
		t.Helper()
		run, startErr := experiments.Start(ctx, "sepsis", experiments.Tag("ward", "a"))
		if startErr != nil {
			t.Fatal(startErr)
		}
		do(run)
		if err := run.End(err); err != nil {
			t.Fatal(err)
		}
		return run.ID()
	}
	log := func(run *experiments.Run, from, to int64) {
		for step := from; step < to; step++ {
			run.Log(step, "loss", 1/float64(step+1))
		}
	}
	none := models.Number(math.NaN())
	report := models.Report{Name: "test", Metrics: []models.Metric{{Name: "auc", Value: 0.9, Low: none, High: none}}}
	power := errors.New("the power failed")

	id := session(power, func(run *experiments.Run) {
		run.Log(0, "rows", math.NaN())
		state, keep, err := run.Resume()
		if state != nil || err != nil {
			t.Errorf("a new run has state %q, %v; want none", state, err)
		}
		log(run, 0, 5)
		for _, state := range []string{"four", "five"} {
			if err := keep([]byte(state)); err != nil {
				t.Error(err)
			}
		}
		log(run, 5, 8)
		run.Log(0, "seconds", 3)
	})
	t.Setenv(experiments.EnvResume, id)
	session(power, func(run *experiments.Run) { // dies once more, after the last point that comes again
		run.Log(0, "rows", math.NaN())
		state, _, err := run.Resume()
		if string(state) != "five" || err != nil {
			t.Errorf("the state is %q, %v; want five", state, err)
		}
		if run, _ := only(t, file); run.Tags[experiments.ResumedTag] != "after step 4, 1 point came again, the same" {
			t.Errorf("while it runs it says %q", run.Tags[experiments.ResumedTag])
		}
		log(run, 5, 7)
		run.Log(0, "seconds", 4)
		log(run, 7, 10)
		if err := run.Report(report); err != nil {
			t.Error(err)
		}
	})
	session(nil, func(run *experiments.Run) {
		run.Log(0, "rows", math.NaN())
		if _, _, err := run.Resume(); err != nil {
			t.Error(err)
		}
		log(run, 5, 12)
		if err := run.Report(report); err != nil {
			t.Error(err)
		}
	})

	run, s := only(t, file)
	if run.ID != store.RunID(id) || run.Status != store.Finished || run.Message != "" || run.Tags["ward"] != "a" {
		t.Errorf("the run is %+v", run)
	}
	points, err := s.Series(ctx, run.ID, "loss")
	if err != nil || len(points) != 12 {
		t.Fatalf("%d points, %v; want 12", len(points), err)
	}
	for i, p := range points {
		if p.Step != int64(i) || p.Value != 1/float64(i+1) {
			t.Errorf("point %d is %v of step %d", i, p.Value, p.Step)
		}
	}
	for name, want := range map[string]float64{"rows": math.NaN(), "seconds": 3, "test.auc": 0.9} {
		if m := run.Metrics[name]; m.Count != 1 || m.Last != want && want == want {
			t.Errorf("%s has %d points, the last is %g; want one, %g", name, m.Count, m.Last, want)
		}
	}
	const again = "after step 4, 1 of 5 points that came again had another value: metric seconds at step 0 was 3, is 4; " +
		"after step 4, 7 points came again, the same, 1 point did not come again"
	if got := run.Tags[experiments.ResumedTag]; got != again {
		t.Errorf("it says %q\nwant    %q", got, again)
	}
	if artifacts, err := s.Artifacts(ctx, run.ID); err != nil || strings.Contains(fmt.Sprint(artifacts), experiments.CheckpointDir) {
		t.Errorf("the finished run has the files %v, %v; want no checkpoints", artifacts, err)
	}
}

// What cannot be resumed says why, and stays as it is.
func TestResumeRefuses(t *testing.T) {
	file := inStore(t)
	ctx := context.Background()
	run, err := experiments.Start(ctx, "sepsis")
	if err != nil {
		t.Fatal(err)
	}
	if err := run.ArtifactFrom(experiments.CheckpointDir+"1", bytes.NewReader([]byte{9, 0, 0, 0, '{'})); err != nil {
		t.Fatal(err)
	}
	if err := run.End(errors.New("cut")); err != nil {
		t.Fatal(err)
	}
	t.Setenv(experiments.EnvResume, "nobody")
	if _, err := experiments.Start(ctx, "sepsis"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a run that is not there: %v", err)
	}
	t.Setenv(experiments.EnvResume, run.ID())
	again, err := experiments.Start(ctx, "sepsis")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := experiments.Start(ctx, "sepsis"); err == nil || !strings.Contains(err.Error(), "still being written") {
		t.Errorf("a run that is running: %v", err)
	}
	if _, _, err := again.Resume(); err == nil || !strings.Contains(err.Error(), "checkpoint/1 is damaged") {
		t.Errorf("a damaged checkpoint: %v", err)
	}
	if err := again.End(errors.New("cut")); err != nil {
		t.Fatal(err)
	}
	only(t, file)
}

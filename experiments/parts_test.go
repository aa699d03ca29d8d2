package experiments

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// A run sums its parts up: by the metrics of their reports, the best in bold; what
// only describes the data is nobody's best.
func TestParts(t *testing.T) {
	t.Setenv("ASSAY_STORE", filepath.Join(t.TempDir(), "assay.db"))
	ctx := context.Background()
	var got Parts
	track := func(parent *Run, name string, auc, brier models.Number) error {
		return Track(ctx, "folds", func(run *Run) error {
			if !run.part {
				t.Errorf("%s does not know that it is a part", name)
			}
			return run.Report(models.Report{Name: "test", Metrics: []models.Metric{
				{Name: "auc", Value: auc, Low: auc - 0.1, High: auc + 0.1},
				{Name: "brier", Value: brier, Low: brier, High: brier},
				{Name: "prevalence", Value: 0.5, Low: 0.4, High: 0.6},
			}}, nil)
		}, Name(name), ChildOf(parent))
	}
	err := Track(ctx, "search", func(run *Run) error {
		if err := errors.Join(track(run, "first", 0.7, 0.2), track(run, "second", 0.8, 0.3),
			track(run, "third", models.Number(math.NaN()), 0.4), track(run, "fourth", 0.75, 0.4)); err != nil {
			return err
		}
		var err error
		got, err = PartsOf(ctx, run.store, run.writer.ID())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"test.auc", "test.brier", "test.prevalence"}; !slices.Equal(got.Metrics, want) {
		t.Errorf("metrics %q, want %q", got.Metrics, want)
	}
	want := map[string][]PartValue{
		"first":  {{0.7, true, false}, {0.2, true, true}, {0.5, true, false}},
		"second": {{0.8, true, true}, {0.3, true, false}, {0.5, true, false}},
		"third":  {{math.NaN(), true, false}, {0.4, true, false}, {0.5, true, false}},
		"fourth": {{0.75, true, false}, {0.4, true, false}, {0.5, true, false}},
	}
	same := func(a, b PartValue) bool {
		return a == b || math.IsNaN(a.Value) && math.IsNaN(b.Value) && a.Known == b.Known && a.Best == b.Best
	}
	for _, part := range got.Runs {
		if !slices.EqualFunc(part.Values, want[part.Name], same) {
			t.Errorf("%s: got %v, want %v", part.Name, part.Values, want[part.Name])
		}
	}
	if len(got.Runs) != len(want) || got.More != 0 {
		t.Errorf("got %d parts and %d more, want %d and none", len(got.Runs), got.More, len(want))
	}
}

// A run that is resumed is a part of what it was a part of in its program; not of a
// run around the whole program, as of a matrix of executions.
func TestResumedPart(t *testing.T) {
	ctx := context.Background()
	t.Setenv("ASSAY_STORE", filepath.Join(t.TempDir(), "assay.db"))
	cut := errors.New("the power failed")
	resumed := func(id string) bool {
		t.Helper()
		t.Setenv(envParent, "")
		t.Setenv(EnvResume, id)
		defer t.Setenv(EnvResume, "")
		run, err := Start(ctx, "cut off")
		if err != nil || run.ID() != id {
			t.Fatalf("resumed run %v, %v, want %s", run, err, id)
		}
		defer run.End(nil)
		return run.part
	}
	var child, whole string
	err := Track(ctx, "folds", func(parent *Run) error {
		err := Track(ctx, "fold", func(run *Run) error { child = run.ID(); return cut }, ChildOf(parent))
		matrix, startErr := parent.store.Start(ctx, store.NewRun{Experiment: "matrix"}) // as another program does
		if startErr != nil {
			return startErr
		}
		t.Setenv(envParent, string(matrix.ID()))
		return errors.Join(err, Track(ctx, "execution", func(run *Run) error { whole = run.ID(); return cut }), matrix.End(store.Failed, ""))
	})
	if !errors.Is(err, cut) {
		t.Fatal(err)
	}
	if !resumed(child) {
		t.Error("a fold is no part of its search any more")
	}
	if resumed(whole) {
		t.Error("an execution of a matrix is a part, and was none before")
	}
}

package export_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-ml/assay/experiments/export"
	"github.com/assay-ml/assay/store"
)

func ExampleWriteRuns() {
	dir, err := os.MkdirTemp("", "assay-example-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	s, err := store.Open(filepath.Join(dir, "assay.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	ctx := context.Background()
	start := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	for i, id := range []store.RunID{"arun000001", "arun000002"} {
		w, err := s.Start(ctx, store.NewRun{ID: id, Experiment: "chest", Name: fmt.Sprint("fold ", i), Started: start.Add(time.Duration(i) * time.Minute)})
		if err != nil {
			fmt.Println(err)
			return
		}
		w.Params(map[string]store.Value{"lr": 1e-3, "arm": "a, b"})
		if i == 1 {
			w.Summary("auc", 0.9, 0.85, 0.94)
			w.Step(1, []string{"loss"}, []float64{math.NaN()})
		}
		if err := w.EndAt(store.Finished, "", start.Add(time.Hour)); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := export.WriteRuns(ctx, os.Stdout, s, store.Query{Experiment: "chest"}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// id,experiment,name,status,message,started,ended,seconds,group,parent,rerun_of,note,param.arm,param.lr,metric.auc,metric.auc.high,metric.auc.low,metric.loss
	// arun000001,chest,fold 0,finished,,2026-01-31T09:00:00Z,2026-01-31T10:00:00Z,3600,,,,,"a, b",0.001,,,,
	// arun000002,chest,fold 1,finished,,2026-01-31T09:01:00Z,2026-01-31T10:00:00Z,3540,,,,,"a, b",0.001,0.9,0.94,0.85,NaN
}

func TestWriteRefuses(t *testing.T) {
	ctx := context.Background()
	s, err := store.Open(filepath.Join(t.TempDir(), "assay.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f := func(dir string, format export.Format) {
		t.Helper()
		if _, err := export.Write(ctx, s, dir, export.Options{Format: format}); err == nil {
			t.Errorf("Write to %s as %q: no error", dir, format)
		}
	}
	f(full, export.CSV)
	f(filepath.Join(t.TempDir(), "new"), "xlsx")
	if _, err := export.Open(full); err == nil {
		t.Error("Open of a folder that is no export: no error")
	}
}

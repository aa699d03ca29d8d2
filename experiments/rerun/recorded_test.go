package rerun

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/assay-ml/assay/store"
)

// In containers processes have the same pids again and again: an earlier rerun is
// not taken for the one of a program that recorded nothing.
func TestRecordedIsNew(t *testing.T) {
	ctx := context.Background()
	s, err := store.Open(filepath.Join(t.TempDir(), "assay.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	record := func(of store.RunID) store.Run {
		t.Helper()
		w, err := s.Start(ctx, store.NewRun{Experiment: "x", RerunOf: of, Origin: store.Origin{Run: 1}})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.End(store.Finished, ""); err != nil {
			t.Fatal(err)
		}
		run, err := s.Run(ctx, w.ID())
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	original := record("")
	earlier := record(original.ID)
	if original, err = s.Run(ctx, original.ID); err != nil {
		t.Fatal(err)
	}
	a := &again{s: s, run: original, known: map[store.RunID]bool{}}
	a.remember(original)
	f := func(want store.RunID) {
		t.Helper()
		if got, err := a.recorded(ctx, os.Getpid()); got != want || err != nil {
			t.Errorf("the process recorded %q, %v; want %q", got, err, want)
		}
	}
	f("")
	later := record(original.ID)
	f(later.ID)
	if earlier.PID != later.PID {
		t.Errorf("the test needs one pid, there are %d and %d", earlier.PID, later.PID)
	}
}

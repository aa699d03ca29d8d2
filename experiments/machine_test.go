package experiments_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/assay-ml/assay/experiments"
)

func TestSystemMetricsAreRecordedAndMoveNoRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell")
	}
	file := inStore(t)
	run, err := experiments.Start(context.Background(), "busy")
	if err != nil {
		t.Fatal(err)
	}
	run.Log(7, "loss", 1)
	run.SystemMetrics(20 * time.Millisecond)
	held := make([]byte, 64<<20)
	for sum, until := byte(0), time.Now().Add(150*time.Millisecond); time.Now().Before(until); {
		for i := 0; i < len(held); i += os.Getpagesize() {
			held[i]++
			sum += held[i]
		}
	}
	run.SystemMetrics(0)
	if err := run.End(nil); err != nil {
		t.Fatal(err)
	}
	got, _ := only(t, file)
	if got.LastStep != 7 {
		t.Errorf("the run is at step %d, want 7", got.LastStep)
	}
	cpu, memory := got.Metrics["system.cpu"], got.Metrics["system.memory_gib"]
	if cpu.Count < 2 || cpu.Max < 0.3 || cpu.Max > float64(runtime.NumCPU())*1.5 {
		t.Errorf("cpu %+v, want about a core of some samples", cpu)
	}
	if memory.Max < 64.0/1024 || memory.Max > 64 {
		t.Errorf("memory %v GiB, want at least the 64 MiB held", memory.Max)
	}
	runtime.KeepAlive(held)
}

func TestRunKeepsWhatWasExecutedBeforeIt(t *testing.T) {
	file := inStore(t)
	past := `{"cell":1,"id":"a","source_sha256":"00","status":"ok"}` + "\n"
	history := filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.WriteFile(history, []byte(past), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ASSAY_HISTORY", history)
	if err := experiments.Track(context.Background(), "e", func(*experiments.Run) error { return nil }); err != nil {
		t.Fatal(err)
	}
	run, s := only(t, file)
	content, _, err := s.OpenArtifact(context.Background(), run.ID, experiments.HistoryFile)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if got, err := io.ReadAll(content); err != nil || string(got) != past {
		t.Errorf("got %q, %v, want %q", got, err, past)
	}
}

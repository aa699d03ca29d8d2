package experiments_test

import (
	"context"
	"os"
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

package experiments

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// SystemPrefix starts the names of the series that say how busy the machine is
// with a run. They are no results: comparing and resuming leave them out.
//
//	system.cpu              cores that the program keeps busy
//	system.memory_gib       that it holds
//	system.gpu0             share of the time that the GPU computes
//	system.gpu0_memory_gib  in use on it, by whomever
//
// They are recorded where the system tells: Linux, and NVIDIA's driver.
const SystemPrefix = "system."

// SystemUnit returns what a series of the machine counts, "" of any other metric.
func SystemUnit(metric string) string {
	name, system := strings.CutPrefix(metric, SystemPrefix)
	switch {
	case !system:
		return ""
	case name == "cpu":
		return "cores"
	case strings.HasSuffix(name, "_gib"):
		return "GiB"
	case strings.HasPrefix(name, "gpu"):
		return "share of the time"
	}
	return ""
}

const (
	sampleFirst = 2 * time.Second // shorter runs leave no trace
	sampleEvery = 5 * time.Second
)

// watcher samples the machine for a run.
type watcher struct {
	pace       chan time.Duration
	quit, done chan struct{}
}

func newWatcher() watcher {
	return watcher{make(chan time.Duration), make(chan struct{}), make(chan struct{})}
}

// halt ends the watching.
func (w watcher) halt() {
	close(w.quit)
	<-w.done
}

// SystemMetrics sets how often the machine is looked at; 0 is never. Unless it is
// called that is every five seconds, at some ten microseconds each; with a GPU, in
// a process of its own, some ten milliseconds.
func (r *Run) SystemMetrics(every time.Duration) {
	select {
	case r.machine.pace <- every:
	case <-r.machine.done:
	}
}

// watch samples the machine until the run ends. Samples stand at the step that
// the run is at, so they move no run forward.
func (r *Run) watch() {
	defer close(r.machine.done)
	gpu := hasGPU()
	last, at := cpuSeconds(), time.Now()
	tick := time.NewTimer(sampleFirst)
	defer tick.Stop()
	every := sampleEvery
	for {
		select {
		case <-r.machine.quit:
			return
		case every = <-r.machine.pace:
			if tick.Stop(); every > 0 {
				tick.Reset(every)
			}
			continue
		case <-tick.C:
			tick.Reset(every)
		}
		var names []string
		var values []float64
		add := func(name string, value float64) {
			names, values = append(names, SystemPrefix+name), append(values, value)
		}
		// Two ticks that come late come at once: in less than the hundredth of a
		// second that the system counts in, any share would come out.
		if used, now := cpuSeconds(), time.Now(); used > 0 && now.Sub(at) >= 10*time.Millisecond {
			add("cpu", (used-last)/now.Sub(at).Seconds())
			last, at = used, now
		}
		if bytes := residentBytes(); bytes > 0 {
			add("memory_gib", bytes/(1<<30))
		}
		if gpu {
			addGPUs(context.WithoutCancel(r.ctx), add)
		}
		if names != nil {
			r.keep(r.writer.Step(r.done.Load(), names, values))
		}
	}
}

// cpuSeconds returns how long processors have worked for this process, 0 if the
// system does not tell: fields 14 and 15 of /proc/self/stat, in hundredths of a
// second on every Linux (proc(5)).
func cpuSeconds() float64 {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // after the program's name, which may have spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64) // the kernel writes numbers
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}

// residentBytes returns the memory that this process holds, 0 if the system does
// not tell: field 2 of /proc/self/statm, in pages.
func residentBytes() float64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident float64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		return 0
	}
	return resident * float64(os.Getpagesize())
}

// hasGPU reports whether there is NVIDIA's driver, and its program that tells of
// the GPUs.
func hasGPU() bool {
	if _, err := os.Stat("/proc/driver/nvidia/version"); err != nil {
		return false
	}
	_, err := exec.LookPath("nvidia-smi")
	return err == nil
}

// addGPUs adds what nvidia-smi says of each GPU, nothing if it does not.
func addGPUs(ctx context.Context, add func(name string, value float64)) {
	ctx, cancel := context.WithTimeout(ctx, sampleEvery)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=index,utilization.gpu,memory.used", "--format=csv,noheader,nounits").Output()
	if err != nil {
		return
	}
	for line := range strings.Lines(string(out)) {
		var index int
		var percent, mib float64
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "%d, %g, %g", &index, &percent, &mib); err == nil { // "[N/A]" of some cards
			add(fmt.Sprintf("gpu%d", index), percent/100)
			add(fmt.Sprintf("gpu%d_memory_gib", index), mib/1024)
		}
	}
}

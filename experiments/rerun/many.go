package rerun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/kernel"
	"github.com/assay-ml/assay/store"
)

// Outcome is a Result, or why there is none.
type Outcome struct {
	Result
	Err error
}

// Each runs runs again, so many programs at once (0 means half the processors:
// each program has several threads), and returns what came of each, in order. A
// program that recorded several of the runs runs once, unless it is varied.
func Each(ctx context.Context, s *store.Store, ids []store.RunID, o Options, jobs int) []Outcome {
	var all []job
	of := map[store.RunID]int{} // the job that a run belongs to
	for _, id := range ids {
		siblings, err := s.Siblings(ctx, id)
		if err != nil || o.IsVariation() {
			siblings = nil // running it says what is wrong
		}
		at, known := of[id]
		if !known {
			at = len(all)
			all = append(all, job{nil, o})
		}
		all[at].ids = append(all[at].ids, id)
		of[id] = at
		for _, sibling := range siblings {
			of[sibling] = at
		}
	}
	came := map[store.RunID]Outcome{}
	for _, outcome := range each(ctx, s, all, jobs) {
		came[outcome.Original] = outcome
	}
	outcomes := make([]Outcome, len(ids))
	for i, id := range ids {
		outcomes[i] = came[id]
	}
	return outcomes
}

// job is a program to run: for runs that it recorded.
type job struct {
	ids []store.RunID
	o   Options
}

// each returns what came of all jobs, one after the other.
func each(ctx context.Context, s *store.Store, all []job, atOnce int) []Outcome {
	if atOnce <= 0 {
		atOnce = max(1, runtime.NumCPU()/2)
	}
	outcomes := make([][]Outcome, len(all))
	turns := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	var out sync.Mutex
	for i, j := range all {
		turns <- struct{}{}
		running.Go(func() {
			defer func() { <-turns }()
			if j.o.Out != nil {
				lines := &lineWriter{mu: &out, w: j.o.Out, prefix: string(j.ids[0]) + ": "}
				defer lines.flush()
				j.o.Out = lines
			}
			outcomes[i] = together(ctx, s, j.ids, j.o)
		})
	}
	running.Wait()
	return slices.Concat(outcomes...)
}

// lineWriter writes whole lines, each with a prefix.
type lineWriter struct {
	mu     *sync.Mutex // of w
	w      io.Writer
	prefix string
	own    sync.Mutex
	line   []byte
}

func (l *lineWriter) Write(b []byte) (int, error) {
	l.own.Lock()
	defer l.own.Unlock()
	l.line = append(l.line, b...)
	for {
		line, rest, whole := strings.Cut(string(l.line), "\n")
		if !whole {
			return len(b), nil
		}
		l.put(line)
		l.line = []byte(rest)
	}
}

func (l *lineWriter) put(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, "%s%s\n", l.prefix, line)
}

func (l *lineWriter) flush() {
	if len(l.line) > 0 {
		l.put(string(l.line))
	}
}

// Spread is how much a metric depends on the seed.
type Spread struct {
	Metric string        `json:"metric"`
	Run    models.Number `json:"run"` // of the original
	Mean   models.Number `json:"mean"`
	SD     models.Number `json:"sd"` // of the sample
	Least  models.Number `json:"least"`
	Most   models.Number `json:"most"`
	Off    models.Number `json:"off"` // how many SD the original is from the mean
	Runs   []store.RunID `json:"runs"`
}

// Times runs a run n times with other seeds and returns the spread of its final
// metrics, those with an interval, or of all if none has one. The program must
// declare an integer parameter seed.
func Times(ctx context.Context, s *store.Store, id store.RunID, o Options, n, jobs int) ([]Spread, error) {
	p, err := Program(ctx, s, id)
	if err != nil {
		return nil, &Error{id, err}
	}
	params, err := p.Parameters()
	if err != nil {
		return nil, &Error{id, err}
	}
	seed, err := declaredSeed(params)
	if err != nil {
		return nil, &Error{id, err}
	}
	all := make([]job, n)
	for i := range all {
		all[i] = job{[]store.RunID{id}, o}
		all[i].o.Params = map[string]string{"seed": strconv.FormatInt(seed+int64(i)+1, 10)}
		maps.Copy(all[i].o.Params, o.Params)
	}
	var runs []store.Run
	for _, outcome := range each(ctx, s, all, jobs) {
		if outcome.Err != nil {
			return nil, outcome.Err
		}
		run, err := s.Run(ctx, outcome.Rerun)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	original, err := s.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	return spreads(original, runs), nil
}

// declaredSeed returns the value of the parameter seed.
func declaredSeed(params []kernel.Parameter) (int64, error) {
	for _, p := range params {
		if p.Name != "seed" {
			continue
		}
		seed, err := strconv.ParseInt(p.Default, 0, 64)
		if err != nil {
			return 0, fmt.Errorf("its parameter seed is %s: a whole number is needed to vary it", p.Default)
		}
		return seed, nil
	}
	return 0, errors.New("its program declares no parameter seed to vary")
}

func spreads(original store.Run, runs []store.Run) []Spread {
	var all []Spread
	final := false
	for _, m := range original.Metrics {
		final = final || m.Low == m.Low
	}
	for _, name := range slices.Sorted(maps.Keys(original.Metrics)) {
		m := original.Metrics[name]
		if final && m.Low != m.Low {
			continue
		}
		var values []float64
		spread := Spread{Metric: name, Run: models.Number(m.Last)}
		for _, run := range runs {
			if m, ok := run.Metrics[name]; ok {
				values = append(values, m.Last)
				spread.Runs = append(spread.Runs, run.ID)
			}
		}
		mean, sd := moments(values)
		spread.Mean, spread.SD = models.Number(mean), models.Number(sd)
		spread.Least, spread.Most = models.Number(math.NaN()), models.Number(math.NaN())
		if len(values) > 0 {
			spread.Least, spread.Most = models.Number(slices.Min(values)), models.Number(slices.Max(values))
		}
		spread.Off = models.Number(math.NaN())
		if sd > 0 {
			spread.Off = models.Number((m.Last - mean) / sd)
		}
		all = append(all, spread)
	}
	return all
}

// moments returns the mean and the standard deviation of a sample, NaN where it
// is too small for them.
func moments(values []float64) (mean, sd float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		sd += (v - mean) * (v - mean) / float64(len(values)-1)
	}
	switch len(values) {
	case 0:
		return math.NaN(), math.NaN()
	case 1:
		return mean, math.NaN()
	}
	return mean, math.Sqrt(sd)
}

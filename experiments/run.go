package experiments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"os/signal"
	"path"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/experiments/display"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// Run records one run. Its methods may be called from several goroutines.
//
// Methods without an error keep the first one that happens, and End returns it:
// a training is not to stop because its record has a fault.
type Run struct {
	writer *store.Writer
	store  *store.Store
	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   func() // gives signals back
	part   bool   // of another run of this program
	view   *view

	capturing sync.WaitGroup // of the program, in the background
	machine   watcher
	replay    *replay      // nil unless the run is resumed
	trainings atomic.Int64 // that called Resume

	done    atomic.Int64
	planned atomic.Int64

	mu    sync.Mutex
	err   error // the first
	ended bool
}

var (
	_ models.Observer = (*Run)(nil)
	_ models.Planner  = (*Run)(nil)
	_ models.Keeper   = (*Run)(nil)
)

// ErrInterrupted is the cause of a run's context when the user stopped it.
var ErrInterrupted = errors.New("interrupted")

// Track starts a run, calls fn with it and ends it: finished if fn returns nil,
// interrupted if the user or ctx stopped it, failed if fn returns an error or
// panics. It returns fn's error, or else what went wrong with the record.
func Track(ctx context.Context, experiment string, fn func(*Run) error, options ...Option) error {
	run, err := Start(ctx, experiment, options...)
	if err != nil {
		return err
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		// A panic, or runtime.Goexit: record it and let it go on, so that the
		// program dies of it as it would have.
		reason := recover()
		if reason == nil {
			run.End(errors.New("the run's goroutine ended"))
			return
		}
		run.End(fmt.Errorf("panic: %v", reason))
		panic(reason)
	}()
	err = fn(run)
	returned = true
	return errors.Join(err, run.End(err))
}

// Start starts a run that the caller ends with End. The store is the file that
// ASSAY_STORE names, or assay.db in the user's data folder. A run whose program
// ends without End is shown as killed.
//
// The run's Context is done when ctx is, or when the user interrupts the
// program (Ctrl-C, the notebook's stop button); a second interrupt ends the
// program at once.
func Start(ctx context.Context, experiment string, options ...Option) (*Run, error) {
	s, err := shared.acquire()
	if err != nil {
		return nil, err
	}
	n := int(started.Add(1))
	run, err := resume(ctx, s, resumes(n))
	if run == nil && err == nil {
		run, err = startNew(ctx, s, experiment, n, options)
	}
	if err != nil {
		return nil, errors.Join(err, shared.release())
	}
	run.ctx, run.cancel = context.WithCancelCause(ctx)
	run.stop = interrupts(run.cancel)
	if run.replay == nil { // else its program is known
		run.capture()
	}
	run.view = newView(run, s, experiment)
	run.machine = newWatcher()
	go run.watch()
	return run, nil
}

func startNew(ctx context.Context, s *store.Store, experiment string, n int, options []Option) (*Run, error) {
	start := store.NewRun{
		Experiment: experiment,
		RerunOf:    repeats(n),
		Parent:     outer(),
		Origin:     origin(n),
		Env:        environment(),
	}
	for _, option := range options {
		option(&start)
	}
	w, err := s.Start(ctx, start)
	if err != nil {
		return nil, err
	}
	return &Run{writer: w, store: s, part: start.Parent != outer()}, nil
}

// outer is the run that the whole program is a part of, "" for none.
func outer() store.RunID { return store.RunID(os.Getenv(envParent)) }

// An Option changes what a run starts with.
type Option func(*store.NewRun)

// Name names the run. Without it the store makes a readable one.
func Name(name string) Option { return func(r *store.NewRun) { r.Name = name } }

// Group puts the run among others that belong together: folds, seeds, a sweep.
func Group(name string) Option { return func(r *store.NewRun) { r.Group = name } }

// ChildOf makes the run a part of another.
func ChildOf(parent *Run) Option { return func(r *store.NewRun) { r.Parent = parent.writer.ID() } }

// Tag tags the run.
func Tag(key, value string) Option {
	return func(r *store.NewRun) {
		if r.Tags == nil {
			r.Tags = map[string]string{}
		}
		r.Tags[key] = value
	}
}

// interrupts cancels on the first interrupt, and dies of the second as a
// program without a handler would.
func interrupts(cancel context.CancelCauseFunc) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	quit := make(chan struct{})
	go func() {
		select {
		case <-signals:
			display.Ending()
			cancel(ErrInterrupted)
			signal.Stop(signals) // the second has its usual effect
		case <-quit:
		}
	}()
	return sync.OnceFunc(func() {
		signal.Stop(signals)
		close(quit)
	})
}

// ID returns the run's id.
func (r *Run) ID() string { return string(r.writer.ID()) }

// Name returns the run's name.
func (r *Run) Name() string { return r.writer.Name() }

// Context returns a context that is done when the run is to stop. Give it to Fit.
func (r *Run) Context() context.Context { return r.ctx }

// Params records params: a struct (by its JSON tags), a map, or anything else
// that JSON can hold an object of. Nested names are joined by dots. Recording a
// name again overwrites it.
func (r *Run) Params(v any) {
	params, err := flatten(v)
	if err == nil {
		err = r.writer.Params(params)
	}
	if err != nil {
		r.keep(fmt.Errorf("params: %w", err))
	}
}

// Param records one param.
func (r *Run) Param(name string, value any) { r.Params(map[string]any{name: value}) }

// Log records one value of a metric. Steps may repeat and go back; values may be
// NaN or infinite.
func (r *Run) Log(step int64, name string, value float64) {
	r.keep(r.record(step, []string{name}, []float64{value}))
}

// Step records the metrics of a training step. It implements models.Observer:
// its error is not nil only when the run is to stop.
func (r *Run) Step(step int64, names []string, values []float64) error {
	r.keep(r.record(step, names, values))
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return nil
}

func (r *Run) record(step int64, names []string, values []float64) error {
	freshNames, freshValues := names, values
	if r.replay != nil {
		var err error
		if freshNames, freshValues, err = r.replay.fresh(step, names, values); err != nil {
			return fmt.Errorf("metrics of step %d: %w", step, err)
		}
	}
	if err := r.writer.Step(step, freshNames, freshValues); err != nil {
		return fmt.Errorf("metrics of step %d: %w", step, err)
	}
	if step > r.done.Load() {
		r.done.Store(step)
	}
	r.view.step(step, names, values)
	return nil
}

// Plan says how many steps the run will take, for the progress bar. It
// implements models.Planner.
func (r *Run) Plan(steps int64) { r.planned.Store(steps) }

// Report records a report. Its metrics, with their intervals, become final
// metrics of the run under the report's name: "test.auc". Its figures need not be
// recorded: pages draw them from the report.
//
// A report that does not fit together is an error (models.Report.Check). It takes
// what an Evaluate function returns, a report and an error, and returns that error if
// there is one:
//
//	return run.Report(imaging.Evaluate(probs, data.Test))
func (r *Run) Report(report models.Report, evaluation ...error) error {
	if err := errors.Join(evaluation...); err != nil {
		return err
	}
	if err := report.Check(); err != nil {
		return fmt.Errorf("report %s: %w", report.Name, err)
	}
	b, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("report %s: %w", report.Name, err)
	}
	if err := r.writer.Report(report.Name, b); err != nil {
		return fmt.Errorf("report %s: %w", report.Name, err)
	}
	for _, m := range report.Metrics {
		name := report.Name + "." + m.Name
		if err := r.summary(name, m); err != nil {
			return fmt.Errorf("metric %s: %w", name, err)
		}
	}
	r.view.report(report)
	return nil
}

// summary records a final metric.
func (r *Run) summary(name string, m models.Metric) error {
	if r.replay != nil {
		if known, err := r.replay.knows(name, float64(m.Value)); err != nil || known {
			return err
		}
	}
	return r.writer.Summary(name, float64(m.Value), float64(m.Low), float64(m.High))
}

// Figure records a figure. A figure of the same id takes its place. One without a
// chart is an error: tables belong into a report.
func (r *Run) Figure(f charts.Figure) error {
	if f.Option == nil {
		return fmt.Errorf("figure %s has no chart: put its table into a models.Report", f.ID)
	}
	err := r.writer.Figure(store.Figure{ID: f.ID, Title: f.Title, Option: f.Option, Alt: f.Alt, Height: f.Height})
	if err != nil {
		return fmt.Errorf("figure %s: %w", f.ID, err)
	}
	return nil
}

// Artifact records a file. It implements models.Keeper.
func (r *Run) Artifact(name string, content []byte) error {
	return r.ArtifactFrom(name, bytes.NewReader(content))
}

// ArtifactFrom records a file of any size in bounded memory.
func (r *Run) ArtifactFrom(name string, content io.Reader) error {
	media := mime.TypeByExtension(path.Ext(name))
	if media == "" {
		media = "application/octet-stream"
	}
	// Not r.ctx: an interrupted run still keeps its last checkpoint.
	if _, err := r.writer.Artifact(context.WithoutCancel(r.ctx), name, media, content); err != nil {
		return fmt.Errorf("artifact %s: %w", name, err)
	}
	return nil
}

// Data records which data the run reads.
func (r *Run) Data(uses ...models.DataUse) {
	for _, use := range uses {
		record := store.DataUse{Name: use.Name, Split: use.Split, Rows: int64(use.Rows)}
		for _, f := range use.Files {
			record.Files = append(record.Files, store.DataFile{Path: f.Path, Size: f.Size, Digest: store.Digest(f.SHA256)})
		}
		if err := r.writer.Data(record); err != nil {
			r.keep(fmt.Errorf("data %s: %w", use.Name, err))
		}
	}
}

// Tag tags the run.
func (r *Run) Tag(key, value string) {
	if err := r.writer.Tag(key, value); err != nil {
		r.keep(fmt.Errorf("tag %s: %w", key, err))
	}
}

// Note writes the run's note, in Markdown.
func (r *Run) Note(text string) {
	if err := r.writer.Note(text); err != nil {
		r.keep(fmt.Errorf("note: %w", err))
	}
}

// Sync makes everything recorded so far safe against power loss.
func (r *Run) Sync() error { return r.writer.Sync() }

// End ends the run: finished if err is nil, interrupted if the run was told to
// stop and err says so, else failed with err's text. It returns the first thing
// that could not be recorded, never err. Ending again does nothing.
func (r *Run) End(err error) error {
	r.mu.Lock()
	if r.ended {
		r.mu.Unlock()
		return nil
	}
	r.ended = true
	r.mu.Unlock()

	status, message := store.Finished, ""
	switch {
	case err == nil:
	case r.ctx.Err() != nil && (errors.Is(err, context.Cause(r.ctx)) || errors.Is(err, r.ctx.Err())):
		status, message = store.Interrupted, err.Error()
	default:
		status, message = store.Failed, err.Error()
	}
	r.stop()
	r.cancel(nil)
	r.view.halt()
	r.machine.halt()
	r.capturing.Wait()
	if facts := pluginFacts(); facts != nil && r.replay == nil {
		r.keep(r.writer.Env(facts))
	}
	r.keep(r.endResumed(status == store.Finished))
	r.keep(r.writer.Progress(r.done.Load(), r.planned.Load()))
	r.keep(r.writer.End(status, message))
	fault := r.fault()
	r.view.end(status, message, fault)
	fault = errors.Join(fault, shared.release())
	if fault != nil {
		return fmt.Errorf("record of run %s: %w", r.ID(), fault)
	}
	return nil
}

// keep keeps the first error for End.
func (r *Run) keep(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

func (r *Run) fault() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

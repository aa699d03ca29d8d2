package experiments

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/experiments/display"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// refresh is how often a running run's view is drawn again.
const refresh = 500 * time.Millisecond

// view shows a run while it runs: a card in a notebook, a progress bar in a
// terminal, nothing where the output goes to a file until the run ends.
type view struct {
	run        *Run
	store      *store.Store
	experiment string
	card       *card // nil outside notebooks
	terminal   bool  // stderr is one
	started    time.Time
	quit       chan struct{}
	drawn      sync.WaitGroup

	mu      sync.Mutex
	order   []string // metrics by first appearance
	traces  map[string]*trace
	reports []models.Report
	pace    pace
	changed bool
}

// trace is a metric's curve, thinned when it grows long: the store has it whole.
type trace struct{ x, y []float64 }

const traceLimit = 4000

func (t *trace) add(step int64, value float64) {
	t.x, t.y = append(t.x, float64(step)), append(t.y, value)
	if len(t.x) > traceLimit {
		t.x, t.y = charts.Thin(t.x, t.y, traceLimit/2)
	}
}

func newView(run *Run, s *store.Store, experiment string) *view {
	v := &view{
		run: run, store: s, experiment: experiment,
		terminal: !display.InNotebook() && term.IsTerminal(int(os.Stderr.Fd())),
		started:  time.Now(),
		quit:     make(chan struct{}),
		traces:   map[string]*trace{},
	}
	switch {
	case display.InNotebook():
		v.card = newCard(run)
		v.draw()
	default:
		fmt.Fprintf(os.Stderr, "run %s (%s) of %s, in %s\n", run.Name(), run.ID(), experiment, s.Path())
	}
	if v.card != nil || v.terminal {
		v.drawn.Go(v.loop)
	}
	return v
}

func (v *view) loop() {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		select {
		case <-v.quit:
			return
		case <-ticker.C:
			v.run.keep(v.run.writer.Progress(v.run.done.Load(), v.run.planned.Load()))
			v.draw()
		}
	}
}

func (v *view) step(step int64, names []string, values []float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, name := range names {
		t := v.traces[name]
		if t == nil {
			t = &trace{}
			v.traces[strings.Clone(name)] = t
			v.order = append(v.order, name)
		}
		t.add(step, values[i])
	}
	v.pace.at(step, time.Now())
	v.changed = true
}

func (v *view) report(r models.Report) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reports = append(v.reports, r)
	v.changed = true
}

// draw draws a running run again.
func (v *view) draw() {
	v.mu.Lock()
	state := v.state(store.Running, "")
	var figures []charts.Figure
	if v.changed && v.card != nil {
		figures = v.curves()
	}
	v.changed = false
	v.mu.Unlock()
	switch {
	case v.card != nil:
		v.card.draw(state, figures)
	case v.terminal:
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s", state.bar(terminalWidth()))
	}
}

// halt ends the drawing of a running run.
func (v *view) halt() {
	close(v.quit)
	v.drawn.Wait()
}

// end draws the run for the last time, with its metrics beside the best earlier
// run's.
func (v *view) end(status store.Status, message string, fault error) {
	v.mu.Lock()
	state := v.state(status, message)
	figures := v.curves()
	v.mu.Unlock()
	if fault != nil {
		state.Fault = fault.Error()
	}
	state.Results = v.results()
	if parts, err := PartsOf(context.Background(), v.store, v.run.writer.ID()); err == nil { // else the run's page may show them
		state.Parts = parts
	}
	switch {
	case v.card != nil:
		v.card.draw(state, figures)
		display.Flush()
	default:
		if v.terminal {
			fmt.Fprint(os.Stderr, "\r\x1b[K")
		}
		fmt.Fprint(os.Stderr, state.text())
	}
}

// state is what there is to say of the run now. v.mu is held.
func (v *view) state(status store.Status, message string) state {
	s := state{
		Experiment: v.experiment, Name: v.run.Name(), ID: v.run.ID(),
		Status: status, Message: message, Part: v.run.part,
		Done: v.run.done.Load(), Planned: v.run.planned.Load(),
		Elapsed: time.Since(v.started),
	}
	s.Rate = v.pace.rate()
	if s.Rate > 0 && s.Planned > s.Done {
		s.Left = time.Duration(float64(s.Planned-s.Done) / s.Rate * float64(time.Second))
	}
	for _, name := range v.order {
		t := v.traces[name]
		s.Latest = append(s.Latest, latest{name, t.y[len(t.y)-1]})
	}
	return s
}

// curves returns one figure a quantity, with training and validation in it
// together. v.mu is held.
func (v *view) curves() []charts.Figure {
	const limit = 4 // more would push the cell's text off the screen; the run's page has them all
	var figures []charts.Figure
	seen := map[string]bool{}
	for _, name := range v.order {
		base := strings.TrimPrefix(name, "val_")
		if seen[base] || IsBookkeeping(name) || len(figures) == limit {
			continue
		}
		seen[base] = true
		title := base
		if v.traces[base] == nil {
			title = name
		}
		var lines []charts.Line
		for _, name := range []string{base, "val_" + base} {
			if t := v.traces[name]; t != nil {
				lines = append(lines, charts.Line{Name: name, X: t.x, Y: t.y, Dots: len(t.x) < 30})
			}
		}
		f := charts.Curves(v.run.ID()+"-"+base, title, lines, charts.CurveOptions{})
		f.Height = 220
		figures = append(figures, f)
	}
	return figures
}

// results are the metrics of the run's reports, or else the last values of what
// it logged, beside those of the best earlier finished run of the experiment.
func (v *view) results() []result {
	var results []result
	for _, report := range v.reports {
		for _, m := range report.Metrics {
			results = append(results, result{
				Name: report.Name + "." + m.Name, Value: float64(m.Value), Low: float64(m.Low), High: float64(m.High),
			})
		}
	}
	if len(results) == 0 {
		for _, name := range v.order {
			t := v.traces[name]
			results = append(results, result{Name: name, Value: t.y[len(t.y)-1], Low: math.NaN(), High: math.NaN()})
		}
	}
	const limit = 20
	results = results[:min(limit, len(results))]
	for i := range results {
		r := &results[i]
		if r.Best = math.NaN(); models.Unranked(r.Name) {
			continue
		}
		page, err := v.store.Runs(context.Background(), store.Query{
			Experiment: v.experiment,
			Where:      fmt.Sprintf("%s and %s and id != %q", finished, isNumber(r.Name), v.run.ID()),
			Sort:       []string{bestFirst(r.Name)},
			Limit:      1,
		})
		if err != nil || len(page.Runs) == 0 {
			continue // no run to compare with
		}
		best := page.Runs[0]
		r.Best, r.BestRun = best.Metrics[r.Name].Last, best.Name
	}
	return results
}

// bestFirst is the sort key that puts the best value of a metric first.
func bestFirst(metric string) string {
	key := store.FieldName("metric", metric)
	if models.LowerIsBetter(metric) {
		return key
	}
	return "-" + key
}

// pace estimates steps a second since the first step, which alone pays for
// compiling the graph.
type pace struct {
	firstStep, lastStep int64
	first, last         time.Time
}

func (p *pace) at(step int64, now time.Time) {
	if p.first.IsZero() {
		p.first, p.firstStep = now, step
	}
	if step >= p.lastStep {
		p.last, p.lastStep = now, step
	}
}

// rate returns steps a second, or 0 if it is not known yet.
func (p *pace) rate() float64 {
	took := p.last.Sub(p.first).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(p.lastStep-p.firstStep) / took
}

func terminalWidth() int {
	if width, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil {
		return width
	}
	return 80
}

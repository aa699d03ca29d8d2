package importers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/assay-ml/assay/experiments/export"
	"github.com/assay-ml/assay/store"
)

// Result says what an import did.
type Result struct {
	New       int   // runs that were not there
	Updated   int   // that were, and had more to bring
	Unchanged int   // that were, and had not
	Points    int64 // that went in
	Notes     []string
}

// String returns the numbers as a line.
func (r Result) String() string {
	return fmt.Sprintf("%s new, %s had more to bring, %s there already; %s points",
		count(r.New, "run is", "runs are"), humanize.Comma(int64(r.Updated)),
		count(r.Unchanged, "was", "were"), humanize.Comma(r.Points))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(int64(n)) + " " + many
}

// Progress is told how many runs of how many are done. It may be nil.
type Progress func(done, total int)

func (p Progress) tell(done, total int) {
	if p != nil {
		p(done, total)
	}
}

// Tags of runs that were imported.
const (
	tagSource  = "imported"        // "mlflow:ID": where from, and its id there
	tagPartial = "import.underway" // until the run is whole
)

// lander puts runs into a store.
type lander struct {
	s      *store.Store
	result Result
}

// faults are the errors of single runs of a source: one that cannot be brought
// must not keep the others out.
type faults struct{ errs []error }

// enough keeps an error, and says whether to stop: it will not be of one run alone.
func (f *faults) enough(ctx context.Context, err error) bool {
	const most = 10
	if err != nil {
		f.errs = append(f.errs, err)
	}
	return len(f.errs) >= most || ctx.Err() != nil
}

func (l *lander) note(format string, args ...any) {
	l.result.Notes = append(l.result.Notes, fmt.Sprintf(format, args...))
}

// land brings a run, or what is new of it. A run without an ID is known by its
// source. It returns the id that the run has here.
func (l *lander) land(ctx context.Context, source string, run export.Run) (store.RunID, error) {
	there, err := l.find(ctx, source, run.ID)
	if err != nil {
		return "", err
	}
	if there.Status == store.Running {
		l.note("run %s is being written here just now and was left alone", there.ID)
		l.result.Unchanged++
		return there.ID, nil
	}
	c := &carriage{s: l.s, run: run, there: there, source: source}
	if err := c.carry(ctx); err != nil {
		// What went in is kept; the tag says that it is not all.
		if c.w != nil {
			if endErr := c.w.End(store.Interrupted, "its import was cut short: import it again"); !errors.Is(endErr, store.ErrEnded) {
				err = errors.Join(err, endErr)
			}
		}
		return "", fmt.Errorf("run %s: %w", nameOf(run), err)
	}
	switch {
	case c.w == nil:
		l.result.Unchanged++
		return there.ID, nil
	case there.ID == "":
		l.result.New++
	default:
		l.result.Updated++
	}
	l.result.Points += c.points
	return c.w.ID(), nil
}

// nameOf returns what an error calls the run.
func nameOf(run export.Run) string {
	if run.ID != "" {
		return string(run.ID)
	}
	return run.Name
}

// find returns the run if it is there, else one without an ID.
func (l *lander) find(ctx context.Context, source string, id store.RunID) (store.Run, error) {
	if id == "" {
		ids, err := l.s.WithTag(ctx, tagSource, source)
		if err != nil || len(ids) == 0 {
			return store.Run{}, err
		}
		id = ids[0]
	}
	run, err := l.s.Run(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.Run{}, nil
	}
	return run, err
}

// carriage carries one run into a store.
type carriage struct {
	s      *store.Store
	run    export.Run
	there  store.Run     // without an ID if it is not there yet
	source string        // "" for a run that keeps its id
	w      *store.Writer // nil as long as there is nothing to write
	points int64
	last   time.Time // of the points
}

// partial says whether an earlier import of the run was cut short.
func (c *carriage) partial() bool {
	_, partial := c.there.Tags[tagPartial]
	return partial
}

func (c *carriage) carry(ctx context.Context) error {
	if c.run.Started.IsZero() {
		c.run.Started = time.Now() // a store knows no run without; the source does not say
	}
	if c.there.ID == "" || c.partial() || c.run.Ended.After(c.there.Ended) {
		if err := c.open(ctx); err != nil {
			return err
		}
	}
	if err := c.series(ctx); err != nil {
		return err
	}
	if c.w == nil {
		return nil
	}
	if err := c.outputs(ctx); err != nil {
		return err
	}
	return c.end(ctx)
}

// open starts or resumes the run, and writes all but points and output.
func (c *carriage) open(ctx context.Context) error {
	if c.w != nil {
		return nil
	}
	var err error
	run := c.run
	if c.there.ID != "" {
		c.w, err = c.s.Resume(ctx, c.there.ID)
		if err == nil {
			err = c.w.Tag(tagPartial, c.source)
		}
	} else {
		tags := maps.Clone(run.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		tags[tagPartial] = c.source
		if c.source != "" {
			tags[tagSource] = c.source
		}
		c.w, err = c.s.Start(ctx, store.NewRun{
			Experiment: run.Experiment, Name: run.Name, Parent: run.Parent, RerunOf: run.RerunOf, Group: run.Group, Tags: tags,
			Origin: run.Origin, Env: run.Env, ID: run.ID, Started: run.Started,
		})
	}
	if err != nil {
		return err
	}
	return c.describe(ctx)
}

func (c *carriage) describe(ctx context.Context) error {
	run, w := c.run, c.w
	if len(run.Params) > 0 {
		if err := w.Params(run.Params); err != nil {
			return err
		}
	}
	if c.there.ID != "" { // a new run was started with them
		for _, key := range slices.Sorted(maps.Keys(run.Tags)) {
			if old, ok := c.there.Tags[key]; ok && old == run.Tags[key] {
				continue
			}
			if err := w.Tag(key, run.Tags[key]); err != nil {
				return err
			}
		}
	}
	if run.Note != c.there.Note && run.Note != "" {
		if err := w.Note(run.Note); err != nil {
			return err
		}
	}
	for _, f := range run.Figures {
		if err := w.Figure(f); err != nil {
			return err
		}
	}
	for _, r := range run.Reports {
		if err := w.Report(r.Name, r.Data); err != nil {
			return err
		}
	}
	for _, d := range run.Data {
		if err := w.Data(d); err != nil {
			return err
		}
	}
	if run.Done != 0 || run.Planned != 0 {
		if err := w.Progress(run.Done, run.Planned); err != nil {
			return err
		}
	}
	return c.artifacts(ctx)
}

func (c *carriage) artifacts(ctx context.Context) error {
	known := map[string]store.Digest{}
	if c.there.ID != "" {
		artifacts, err := c.s.Artifacts(ctx, c.there.ID)
		if err != nil {
			return err
		}
		for _, a := range artifacts {
			known[a.Name] = a.Digest
		}
	}
	for _, a := range c.run.Artifacts {
		if digest, ok := known[a.Name]; ok && digest == a.Digest {
			continue
		}
		if err := c.artifact(ctx, a); err != nil {
			return fmt.Errorf("artifact %s: %w", a.Name, err)
		}
	}
	return nil
}

func (c *carriage) artifact(ctx context.Context, a export.Artifact) error {
	content, err := a.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	digest, err := c.w.ArtifactAt(ctx, a.Name, a.MediaType, content, a.Added)
	if err != nil {
		return err
	}
	if a.Digest != "" && digest != a.Digest {
		return fmt.Errorf("its content is damaged: it has the sha256 %s instead of %s", digest, a.Digest)
	}
	return nil
}

// series appends the points that come behind those that are there.
func (c *carriage) series(ctx context.Context) error {
	if c.run.Series == nil {
		return nil
	}
	have := map[string]int64{}
	for name, m := range c.there.Metrics {
		have[name] = m.Count
	}
	for piece, err := range c.run.Series {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if n := len(piece.Points); n > 0 && piece.Points[n-1].Time.After(c.last) {
			c.last = piece.Points[n-1].Time
		}
		old := min(have[piece.Metric], int64(len(piece.Points)))
		have[piece.Metric] -= old
		if old == int64(len(piece.Points)) {
			continue
		}
		if err := c.open(ctx); err != nil {
			return err
		}
		if err := c.w.Append(piece.Metric, piece.Points[old:]); err != nil {
			return err
		}
		c.points += int64(len(piece.Points)) - old
	}
	return nil
}

func (c *carriage) outputs(ctx context.Context) error {
	if c.run.Outputs == nil {
		return nil
	}
	old := 0
	if c.there.ID != "" {
		outputs, err := c.s.Outputs(ctx, c.there.ID, 0)
		if err != nil {
			return err
		}
		old = len(outputs)
	}
	for o, err := range c.run.Outputs {
		if err != nil {
			return err
		}
		if old--; old >= 0 {
			continue
		}
		if err := c.w.OutputAt(o.Stream, o.Text, o.Time); err != nil {
			return err
		}
	}
	return nil
}

// end ends the run as its source says, unless it went on here since.
func (c *carriage) end(ctx context.Context) error {
	run, w, id := c.run, c.w, c.w.ID()
	for _, name := range slices.Sorted(maps.Keys(run.Metrics)) {
		m, old := run.Metrics[name], c.there.Metrics[name]
		if (m.Low != m.Low && m.High != m.High) || (m.Low == old.Low && m.High == old.High && c.there.ID != "") {
			continue
		}
		if err := w.Interval(name, m.Low, m.High); err != nil {
			return err
		}
	}
	status, message, ended := run.Status, run.Message, run.Ended
	if status == store.Running {
		status = store.Killed // nothing writes it here, so it does not run here
		if message == "" {
			message = "it was still running when it was imported"
		}
	}
	if ended.IsZero() {
		ended = c.last
		if ended.Before(run.Started) {
			ended = run.Started
		}
	}
	if c.there.Ended.After(ended) && !c.partial() {
		status, message, ended = c.there.Status, c.there.Message, c.there.Ended
	}
	if err := w.EndAt(status, message, ended); err != nil {
		return err
	}
	if err := c.s.SetHost(ctx, id, run.Host, run.PID); err != nil {
		return err
	}
	if c.there.ID == "" || c.partial() {
		if err := c.settle(ctx, id); err != nil {
			return err
		}
	}
	return c.s.RemoveTag(ctx, id, tagPartial)
}

// settle does what a Writer cannot.
func (c *carriage) settle(ctx context.Context, id store.RunID) error {
	var errs []error
	if c.run.ID != "" && c.run.Name == "" { // Start gave it one
		errs = append(errs, c.s.Rename(ctx, id, ""))
	}
	if c.run.Verdict != "" {
		errs = append(errs, c.s.SetVerdict(ctx, id, c.run.Verdict))
	}
	if c.run.Archived {
		errs = append(errs, c.s.Archive(ctx, id, true))
	}
	if !c.run.Trashed.IsZero() {
		errs = append(errs, c.s.Trash(ctx, id))
	}
	return errors.Join(errs...)
}

// experimentNotes gives experiments the notes of their source, where they have none here.
func (l *lander) experimentNotes(ctx context.Context, source []store.Experiment) error {
	have := map[string]bool{}
	experiments, err := l.s.Experiments(ctx)
	if err != nil {
		return err
	}
	for _, e := range experiments {
		have[e.Name] = e.Note != ""
	}
	for _, e := range source {
		if has, there := have[e.Name]; !there || has || strings.TrimSpace(e.Note) == "" {
			continue
		}
		if err := l.s.SetExperimentNote(ctx, e.Name, e.Note); err != nil {
			return err
		}
	}
	return nil
}

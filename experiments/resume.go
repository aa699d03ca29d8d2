package experiments

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// EnvResume names the run that a program's run goes on with: "2=k3f…" for its
// second.
const EnvResume = "ASSAY_RESUME"

// CheckpointDir starts the names of the artifacts from which a run can be
// resumed, one for each training that it watches. A run that finishes removes
// them.
//
//	checkpoint: ┌────────────┬──────────────────────┬─────────────────────┐
//	            │ size of    │ points of each       │ state: see          │
//	            │ JSON, LE 4 │ series so far, JSON  │ models.Resumer      │
//	            └────────────┴──────────────────────┴─────────────────────┘
const CheckpointDir = "checkpoint/"

// ResumedTag is the tag that says how a run was resumed.
const ResumedTag = "resumed"

var _ models.Resumer = (*Run)(nil)

// Resume gives the next training of this run its last checkpoint, if the run is
// resumed and left one. Trainings of one run must come one after another.
func (r *Run) Resume() (state []byte, keep func(state []byte) error, err error) {
	name := fmt.Sprintf("%s%d", CheckpointDir, r.trainings.Add(1))
	keep = func(state []byte) error {
		r.keep(r.checkpoint(name, state)) // a training is not to stop because of it
		return nil
	}
	if r.replay == nil {
		return nil, keep, nil
	}
	content, err := r.replay.artifact(name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, keep, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var points map[string]int64
	if len(content) >= 4 {
		size := binary.LittleEndian.Uint32(content)
		content = content[4:]
		if int64(size) <= int64(len(content)) {
			err = json.Unmarshal(content[:size], &points)
			state = content[size:]
		}
	}
	if err != nil || points == nil {
		return nil, nil, fmt.Errorf("artifact %s is damaged", name)
	}
	if err := r.replay.skip(points); err != nil {
		return nil, nil, err
	}
	return state, keep, r.writer.Tag(ResumedTag, r.replay.summary(false)) // now: it may be killed again
}

func (r *Run) checkpoint(name string, state []byte) error {
	if err := r.writer.Sync(); err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.ctx)
	recorded, err := r.store.Run(ctx, r.writer.ID())
	if err != nil {
		return err
	}
	points := map[string]int64{}
	for metric, m := range recorded.Metrics {
		if !IsSystem(metric) {
			points[metric] = m.Count
		}
	}
	if r.replay != nil {
		r.replay.pending(points)
	}
	counts, err := json.Marshal(points)
	if err != nil {
		return err
	}
	head := append(binary.LittleEndian.AppendUint32(nil, uint32(len(counts))), counts...)
	return r.ArtifactFrom(name, io.MultiReader(bytes.NewReader(head), bytes.NewReader(state)))
}

// endResumed says how a run was resumed, and removes the checkpoints of one that
// is finished.
func (r *Run) endResumed(finished bool) error {
	if r.replay != nil {
		if err := r.writer.Tag(ResumedTag, r.replay.summary(finished)); err != nil {
			return err
		}
	}
	if !finished {
		return nil
	}
	for n := range r.trainings.Load() {
		if err := r.writer.RemoveArtifact(context.WithoutCancel(r.ctx), fmt.Sprintf("%s%d", CheckpointDir, n+1)); err != nil {
			return err
		}
	}
	return nil
}

// replay is what a run recorded before it was cut off. Its program, which starts
// again, comes by points that are there already: all from its last checkpoint to
// where it was cut off, and those that it logged before it trained. They are
// compared and kept once. If one is not what it was, the first is kept, and the
// run's tag says so: on a CPU our models give the same bits, but a time does not
// come twice.
type replay struct {
	s      *store.Store
	before store.Run

	mu           sync.Mutex
	left         map[string][]store.Point // that are to come again, of the series seen so far
	after        int64                    // step of the checkpoint
	again, other int                      // points that came; of which with another value
	first        *Difference
}

// resume goes on with a run that was cut off. It returns nil if id is "".
func resume(ctx context.Context, s *store.Store, id store.RunID) (*Run, error) {
	if id == "" {
		return nil, nil
	}
	// Those of the program that was cut off: what it was a part of there, it is now.
	siblings, err := s.Siblings(ctx, id)
	if err != nil {
		return nil, err
	}
	w, err := s.Resume(ctx, id)
	if err != nil {
		return nil, err
	}
	before, err := s.Run(ctx, id)
	if err != nil {
		return nil, errors.Join(err, w.End(store.Interrupted, err.Error()))
	}
	run := &Run{writer: w, store: s, part: slices.Contains(slices.Collect(maps.Values(siblings)), before.Parent), replay: &replay{s: s, before: before, left: map[string][]store.Point{}}}
	run.keep(w.Tag(ResumedTag, run.replay.summary(false)))
	return run, nil
}

func (p *replay) artifact(name string) ([]byte, error) {
	f, _, err := p.s.OpenArtifact(context.Background(), p.before.ID, name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(f)
	return content, errors.Join(err, f.Close())
}

// series returns the points of a series that are to come again.
func (p *replay) series(name string) ([]store.Point, error) {
	if left, seen := p.left[name]; seen {
		return left, nil
	}
	var left []store.Point
	if p.before.Metrics[name].Count > 0 {
		var err error
		if left, err = p.s.Series(context.Background(), p.before.ID, name); err != nil {
			return nil, err
		}
	}
	p.left[name] = left
	return left, nil
}

// skip takes so many points of each series for what is not to come again.
func (p *replay) skip(points map[string]int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, count := range points {
		if _, err := p.series(name); err != nil {
			return err
		}
		all := p.before.Metrics[name].Count
		if left := max(0, all-count); left < int64(len(p.left[name])) {
			done := p.left[name][:int64(len(p.left[name]))-left]
			p.after = max(p.after, done[len(done)-1].Step)
			p.left[name] = p.left[name][len(done):]
		}
	}
	return nil
}

// pending takes the points that are to come again off the numbers of those that
// there are.
func (p *replay) pending(points map[string]int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name := range points {
		if left, seen := p.left[name]; seen {
			points[name] -= int64(len(left))
		} else {
			points[name] -= p.before.Metrics[name].Count
		}
	}
}

// fresh returns those of a step's points that are not there yet.
func (p *replay) fresh(step int64, names []string, values []float64) (freshNames []string, freshValues []float64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, name := range names {
		was, known, err := p.next(name)
		if err != nil {
			return nil, nil, err
		}
		if !known {
			freshNames, freshValues = append(freshNames, name), append(freshValues, values[i])
			continue
		}
		p.compare(name, was, store.Point{Step: step, Value: values[i]})
	}
	return freshNames, freshValues, nil
}

// knows reports whether a final metric is there already, with this value: the
// report that it is of takes the place of the earlier one.
func (p *replay) knows(name string, value float64) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was, known, err := p.next(name)
	return known && p.compare(name, was, store.Point{Step: was.Step, Value: value}), err
}

// next returns the point of a series that is to come next, if it is there already.
func (p *replay) next(name string) (was store.Point, known bool, err error) {
	left, err := p.series(name)
	if err != nil || len(left) == 0 {
		return was, false, err
	}
	p.left[name] = left[1:]
	return left[0], true, nil
}

func (p *replay) compare(name string, was, is store.Point) (same bool) {
	p.again++
	bits, others := math.Float64bits(was.Value), math.Float64bits(is.Value)
	if was.Step == is.Step && (bits == others || was.Value != was.Value && is.Value != is.Value) {
		return true
	}
	p.other++
	if p.first == nil {
		p.first = &Difference{Where: "metric " + name, Step: &is.Step, Was: text(was.Value), Is: text(is.Value), By: models.Number(math.Abs(was.Value - is.Value))}
	}
	return false
}

// missing returns how many points should have come again, and did not.
func (p *replay) missing() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := int64(0)
	for name, m := range p.before.Metrics {
		if IsSystem(name) {
			continue
		}
		if left, seen := p.left[name]; seen {
			n += int64(len(left))
		} else {
			n += m.Count
		}
	}
	return n
}

// summary says in a sentence how the run was resumed, after those of earlier times.
func (p *replay) summary(finished bool) string {
	missing := p.missing()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := "from its start"
	if p.after > 0 {
		s = fmt.Sprintf("after step %d", p.after)
	}
	switch {
	case p.other > 0:
		s += fmt.Sprintf(", %d of %s that came again had another value: %v", p.other, count(p.again, "point"), *p.first)
	case p.again > 0:
		s += fmt.Sprintf(", %s came again, the same", count(p.again, "point"))
	}
	if finished && missing > 0 {
		s += fmt.Sprintf(", %s did not come again", count(int(missing), "point"))
	}
	now := environment()
	for _, name := range likeliest {
		if is, known := now[name]; known && is != p.before.Env[name] {
			s += fmt.Sprintf(", where %s was %s, is %s", name, orNone(p.before.Env[name]), is)
		}
	}
	if earlier := p.before.Tags[ResumedTag]; earlier != "" {
		s = earlier + "; " + s
	}
	return s
}

// numbered returns the id that a list such as "2=k3f…,3=k3g…" has for the n-th
// run of this program. A list without numbers is one id for all.
func numbered(list string, n int) store.RunID {
	if !strings.Contains(list, "=") {
		return store.RunID(list)
	}
	prefix := fmt.Sprintf("%d=", n)
	pairs := strings.Split(list, ",")
	if i := slices.IndexFunc(pairs, func(pair string) bool { return strings.HasPrefix(pair, prefix) }); i >= 0 {
		return store.RunID(strings.TrimPrefix(pairs[i], prefix))
	}
	return ""
}

func resumes(n int) store.RunID { return numbered(os.Getenv(EnvResume), n) }

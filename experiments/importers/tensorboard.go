package importers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/experiments/export"
	"github.com/assay-ml/assay/store"
)

// TensorBoard brings the runs of a log folder: each folder in and below dir that
// has event files is a run, as in TensorBoard, with all of its event files one
// after the other.
//
//	experiment  the name of dir
//	name        the run's folder in dir; a run in whose folder there are others is their parent
//	metrics     scalars, be they simple values (float32) or tensors, with step and time, in the order written
//	params      of the hparams plugin
//	status      of the hparams plugin, else finished; killed if the last record is not whole
//	start, end  of the hparams plugin, else the first and last time of an event
//
// Of a file that is damaged or cut short, what stands before that is taken, and a
// note says where it stops. Images, histograms, texts and graphs are counted and
// left out. A run is known by its folder's name and its first event file's, so
// that dir can be moved between imports.
func TensorBoard(ctx context.Context, s *store.Store, dir string, progress Progress) (Result, error) {
	l := &lander{s: s}
	if err := l.tensorBoard(ctx, dir, progress); err != nil {
		return l.result, fmt.Errorf("tensorboard %s: %w", dir, err)
	}
	return l.result, nil
}

func (l *lander) tensorBoard(ctx context.Context, dir string, progress Progress) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	logs, err := findLogs(dir)
	if err != nil {
		return err
	}
	if len(logs) == 0 {
		return errors.New("there is no event file (…tfevents…) in it or below")
	}
	ids := map[string]store.RunID{}
	others := map[string]int{}
	var bad faults
	for i, log := range logs {
		run, err := log.run(others, l.note)
		run.Experiment = filepath.Base(dir)
		run.Parent = ids[path.Dir(log.name)]
		if log.name == "." {
			run.Name = run.Experiment
		}
		if err == nil {
			ids[log.name], err = l.land(ctx, "tensorboard:"+path.Join(log.name, filepath.Base(log.files[0])), run)
		}
		if err != nil && bad.enough(ctx, err) {
			break
		}
		progress.tell(i+1, len(logs))
	}
	for _, kind := range slices.Sorted(maps.Keys(others)) {
		l.note("summaries of the kind %s have no place here: %d were left out", kind, others[kind])
	}
	return errors.Join(bad.errs...)
}

// eventLog is a folder with event files, oldest first.
type eventLog struct {
	name  string // relative, with slashes
	files []string
}

// findLogs returns the folders that have event files, parents first.
func findLogs(dir string) ([]eventLog, error) {
	byName := map[string][]string{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.Contains(d.Name(), "tfevents") {
			return err
		}
		name, err := filepath.Rel(dir, filepath.Dir(file))
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		byName[name] = append(byName[name], file) // in the order of names, which start with a time
		return nil
	})
	var logs []eventLog
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		logs = append(logs, eventLog{name, byName[name]})
	}
	return logs, err
}

// run reads all of a log but the points, which it leaves to Series.
func (log eventLog) run(others map[string]int, note func(string, ...any)) (export.Run, error) {
	run := export.Run{Run: store.Run{Name: log.name, Status: store.Finished, Params: map[string]store.Value{}}}
	run.Host, run.PID = writerOf(log.files[0])
	var whole session
	for e, err := range log.events() {
		if broken := (*brokenFile)(nil); errors.As(err, &broken) {
			note("%s: %v; the %d events before that were read", broken.file, broken.err, broken.events)
			if errors.Is(err, errCutShort) && broken.file == log.files[len(log.files)-1] {
				run.Status = store.Killed
			}
			continue
		}
		if err != nil {
			return run, err
		}
		for kind, n := range e.others {
			others[kind] += n
		}
		if !e.time.IsZero() && (run.Started.IsZero() || e.time.Before(run.Started)) {
			run.Started = e.time
		}
		if e.time.After(run.Ended) {
			run.Ended = e.time
		}
		if e.session != nil {
			maps.Copy(run.Params, e.session.params)
			whole.merge(*e.session)
		}
	}
	if whole.status != "" {
		run.Status = whole.status
	}
	if !whole.start.IsZero() {
		run.Started = whole.start
	}
	if !whole.end.IsZero() {
		run.Ended = whole.end
	}
	run.Series = gather(log.samples())
	return run, nil
}

// merge puts what another event says of the session over s.
func (s *session) merge(o session) {
	if o.status != "" {
		s.status = o.status
	}
	if !o.start.IsZero() {
		s.start = o.start
	}
	if !o.end.IsZero() {
		s.end = o.end
	}
}

// brokenFile is the error of a file of which something could be read.
type brokenFile struct {
	file   string
	events int // that were read
	err    error
}

func (b *brokenFile) Error() string { return fmt.Sprintf("%s: %v", b.file, b.err) }
func (b *brokenFile) Unwrap() error { return b.err }

// events goes through the events of a log. After a *brokenFile it goes on with
// the next file.
func (log eventLog) events() iter.Seq2[event, error] {
	return func(yield func(event, error) bool) {
		plugins := map[string]string{}
		for _, file := range log.files {
			if !eventsIn(file, plugins, yield) {
				return
			}
		}
	}
}

// eventsIn yields the events of a file, and says whether to go on.
func eventsIn(file string, plugins map[string]string, yield func(event, error) bool) bool {
	f, err := os.Open(file)
	if err != nil {
		yield(event{}, err)
		return false
	}
	defer f.Close()
	n := 0
	for record, err := range records(f) {
		var e event
		if err == nil {
			e, err = parseEvent(record, plugins)
		}
		if err != nil {
			return yield(event{}, &brokenFile{file, n, err})
		}
		if !yield(e, nil) {
			return false
		}
		n++
	}
	return true
}

func (log eventLog) samples() iter.Seq2[sample, error] {
	return func(yield func(sample, error) bool) {
		for e, err := range log.events() {
			if broken := (*brokenFile)(nil); errors.As(err, &broken) {
				continue // run has said so
			}
			if err != nil {
				yield(sample{}, err)
				return
			}
			for _, s := range e.scalars {
				if !yield(sample{s.tag, store.Point{Step: e.step, Time: e.time, Value: s.value}}, nil) {
					return
				}
			}
		}
	}
}

// eventFile is events.out.tfevents.TIME.HOST, often with .PID.NUMBER behind.
var eventFile = regexp.MustCompile(`tfevents\.\d+\.(.+?)(?:\.(\d+)\.\d+)?(?:\.v2)?$`)

// writerOf returns the host and process that the name of an event file tells.
func writerOf(file string) (host string, pid int) {
	m := eventFile.FindStringSubmatch(filepath.Base(file))
	if m == nil {
		return "unknown", 0
	}
	pid, _ = strconv.Atoi(m[2]) // 0 if there is none
	return m[1], pid
}

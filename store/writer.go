package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

// tick is how often a writer folds its journal into the store, and so how much
// later than the writer other processes see a point.
const tick = 300 * time.Millisecond

// maxName is the size of the longest name of a metric, in bytes.
const maxName = 4096

// Writer records one run. It is safe for concurrent use. Every Start and Resume
// needs one End, without which the run counts as killed when the process ends.
//
// Step, Append, Summary and Output go through the run's journal: they take
// microseconds, wait for no other process, and do not fail when the disk is full
// or the store is broken. What they were given is kept, in memory if it must be;
// the user is warned once, on stderr or by OnWarning; and End says what, if
// anything, did not reach the store. The other methods write to the store file.
type Writer struct {
	s    *Store
	id   RunID
	row  int64
	name string
	lock *os.File

	mu       sync.Mutex // guards what follows
	journal  journal
	ended    bool
	lastStep int64
	warn     func(error)
	warned   bool
	progress [2]int64 // done and planned
	told     bool     // progress is in the store

	folding sync.Mutex      // held while folding; taken before mu
	folded  int64           // segments below this one are in the store
	pending map[int64]int64 // points in the closed segments that are not in the store yet

	full chan struct{} // a segment is large enough to be folded at once
	stop chan struct{}
	idle chan struct{} // closed when the goroutine has stopped
}

// Start makes a new run and returns its Writer.
func (s *Store) Start(ctx context.Context, r NewRun) (*Writer, error) {
	if s.readOnly {
		return nil, ErrReadOnly
	}
	if r.Experiment == "" {
		return nil, errors.New("run: it needs an experiment to be part of")
	}
	if r.Started.IsZero() {
		r.Started = time.Now()
	}
	for tries := 0; ; tries++ {
		id := r.ID
		if id == "" {
			id = newID(r.Started)
		} else if !id.valid() {
			return nil, fmt.Errorf("run %q: an id is ten lower-case letters and digits and starts with a letter", id)
		}
		w, err := s.start(ctx, id, r)
		if errors.Is(err, errTaken) && r.ID == "" && tries < 100 {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", id, err)
		}
		return w, nil
	}
}

var errTaken = errors.New("there is a run of this id already")

func (s *Store) start(ctx context.Context, id RunID, r NewRun) (*Writer, error) {
	w, err := s.newWriter(id)
	if err != nil {
		return nil, err
	}
	w.name = r.Name
	if w.name == "" {
		w.name = readableName()
	}
	if err := s.transact(ctx, func(tx *sql.Tx) error { return w.insert(tx, r) }); err != nil {
		w.unlock()
		return nil, err
	}
	w.run()
	return w, nil
}

func (w *Writer) insert(tx *sql.Tx, r NewRun) error {
	var taken bool
	if err := tx.QueryRow(`select exists (select 1 from run where key = ?)`, w.id).Scan(&taken); err != nil {
		return err
	} else if taken {
		return errTaken
	}
	origin, err := json.Marshal(r.Origin)
	if err != nil {
		return err
	}
	if r.Env == nil {
		r.Env = map[string]string{}
	}
	env, err := json.Marshal(r.Env)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`insert into experiment (name, created) values (?, ?) on conflict do nothing`,
		r.Experiment, micros(r.Started)); err != nil {
		return err
	}
	p := self()
	err = tx.QueryRow(`
		insert into run (key, experiment, name, status, started, parent, rerun_of, grp, host, pid, boot, birth, origin, env)
		values (?, (select id from experiment where name = ?), ?, ?, ?, nullif(?, ''), nullif(?, ''), nullif(?, ''), ?, ?, ?, ?, ?, ?)
		returning id`,
		w.id, r.Experiment, w.name, Running, micros(r.Started), r.Parent, r.RerunOf, r.Group,
		p.host, p.pid, p.boot, p.birth, string(origin), string(env)).Scan(&w.row)
	if err != nil {
		return err
	}
	for key, value := range r.Tags {
		if err := setTag(tx, w.row, key, value); err != nil {
			return err
		}
	}
	return nil
}

// Resume returns a Writer that adds to a run that is not running.
func (s *Store) Resume(ctx context.Context, id RunID) (*Writer, error) {
	if s.readOnly {
		return nil, ErrReadOnly
	}
	if err := s.reapNow(ctx); err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	w, err := s.newWriter(id)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	err = s.transact(ctx, func(tx *sql.Tx) error {
		var status Status
		var last sql.NullInt64
		err := tx.QueryRow(`select id, name, status, segment, last_step, done, planned from run where key = ?`, id).
			Scan(&w.row, &w.name, &status, &w.journal.segment, &last, &w.progress[0], &w.progress[1])
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return err
		case status == Running:
			return errLive
		}
		w.lastStep, w.folded = last.Int64, w.journal.segment
		p := self()
		_, err = tx.Exec(`update run set status = ?, message = '', ended = null, host = ?, pid = ?, boot = ?, birth = ? where id = ?`,
			Running, p.host, p.pid, p.boot, p.birth, w.row)
		return err
	})
	if err != nil {
		w.unlock()
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	w.run()
	return w, nil
}

var errLive = errors.New("it is still being written by another process")

// newWriter returns a Writer that has the run's lock, and does not run yet.
func (s *Store) newWriter(id RunID) (*Writer, error) {
	dir := liveDir(s.path)
	w := &Writer{
		s: s, id: id,
		journal: journal{dir: dir, run: id, names: map[string]uint64{}},
		pending: map[int64]int64{},
		warn:    func(err error) { fmt.Fprintln(os.Stderr, "assay:", err) },
		full:    make(chan struct{}, 1), stop: make(chan struct{}), idle: make(chan struct{}),
		told: true,
	}
	f, err := openLock(dir, lockFile(dir, id), time.Second)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("the folder of the store cannot be written: %w", err)
	}
	if err != nil {
		return nil, err
	}
	w.lock = f
	w.beat(time.Now())
	return w, nil
}

// beat says to other machines that the run is alive. A beat that is missed only
// matters to them.
func (w *Writer) beat(now time.Time) { os.Chtimes(w.lock.Name(), time.Time{}, now) }

// openLock creates the lock file, and takes its lock: for that long it tries
// again, because readers that look whether it is held have it for a moment. It
// leaves the time of a file that is there as it is.
func openLock(dir, file string, patience time.Duration) (*os.File, error) {
	for deadline := time.Now().Add(patience); ; {
		f, err := createIn(dir, file, 0)
		if err != nil {
			return nil, err
		}
		if err = lock(f); err == nil {
			// The run before us may have removed the file that we locked.
			if mine, err := f.Stat(); err == nil {
				if there, err := os.Stat(file); err == nil && os.SameFile(mine, there) {
					return f, nil
				}
			}
		}
		f.Close()
		if time.Now().After(deadline) {
			return nil, errLive
		}
		time.Sleep(time.Millisecond)
	}
}

func (w *Writer) unlock() {
	os.Remove(w.lock.Name()) // before the lock is free, so that nobody locks a removed file for long
	w.lock.Close()
	os.Remove(w.journal.dir) // if it is empty
}

func (w *Writer) run() {
	w.s.mu.Lock()
	w.s.writers[w.id] = w
	w.s.mu.Unlock()
	go w.loop()
}

// loop folds the journal every tick, and touches the lock file as a heartbeat.
func (w *Writer) loop() {
	defer close(w.idle)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-w.stop:
			return
		case now := <-ticker.C:
			w.beat(now)
		case <-w.full:
		}
		began := time.Now()
		err := w.fold()
		// A run of very many metrics folds less often: it may take a quarter of a processor.
		ticker.Reset(max(tick, 3*time.Since(began)))
		if err != nil {
			w.warnOnce(err)
			select { // a broken store is left alone for a while
			case <-w.stop:
				return
			case <-time.After(time.Second):
			}
		}
	}
}

func (w *Writer) warnOnce(err error) {
	w.mu.Lock()
	warn, warned := w.warn, w.warned
	w.warned = true
	w.mu.Unlock()
	if !warned {
		warn(fmt.Errorf("run %s goes on, its points wait outside the store: %w", w.id, err))
	}
}

// OnWarning makes f be called, at most once, when the store cannot be written
// and points have to wait. Without it the warning goes to stderr.
func (w *Writer) OnWarning(f func(error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.warn = f
}

// ID returns the run's id.
func (w *Writer) ID() RunID { return w.id }

// Name returns the run's name.
func (w *Writer) Name() string { return w.name }

// Step logs the values of one step, now. names and values must have one length
// and are not kept. A name may come more than once, a step may come again or go
// back: everything is kept in order. When Step returns the points outlive a kill
// of the process.
func (w *Writer) Step(step int64, names []string, values []float64) error {
	if len(names) != len(values) {
		return fmt.Errorf("run %s: step %d has %d names and %d values", w.id, step, len(names), len(values))
	}
	for _, name := range names {
		if err := checkName(name); err != nil {
			return fmt.Errorf("run %s: %w", w.id, err)
		}
	}
	now := time.Now().UnixMicro()
	return w.log(func(j *journal) {
		for len(names) > 0 { // once, unless the names fill more than a record
			j.begin(recordStep)
			j.varint(step)
			j.varint(now)
			n := min(len(names), maxRecord/(maxName+16))
			j.uvarint(uint64(n))
			for i, name := range names[:n] {
				j.name(name)
				j.value(values[i])
			}
			j.commit(int64(n))
			names, values = names[n:], values[n:]
		}
		w.lastStep = max(w.lastStep, step)
	})
}

// Append logs points of one series at once. The times are the caller's.
func (w *Writer) Append(name string, points []Point) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("run %s: %w", w.id, err)
	}
	return w.log(func(j *journal) {
		const most = (maxRecord - maxName - 32) / 28 // two varints and a value a point
		for len(points) > 0 {
			n := min(len(points), most)
			j.begin(recordBulk)
			j.name(name)
			j.uvarint(uint64(n))
			var step, time int64
			for _, p := range points[:n] {
				us := p.Time.UnixMicro()
				j.varint(p.Step - step)
				j.varint(us - time)
				j.value(p.Value)
				step, time = p.Step, us
				w.lastStep = max(w.lastStep, step)
			}
			j.commit(int64(n))
			points = points[n:]
		}
	})
}

// Summary logs a final metric with its 95 % interval, at the last step so far.
// low and high are NaN if there is no interval.
func (w *Writer) Summary(name string, value, low, high float64) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("run %s: %w", w.id, err)
	}
	now := time.Now().UnixMicro()
	return w.log(func(j *journal) {
		j.begin(recordFinal)
		j.varint(w.lastStep)
		j.varint(now)
		j.name(name)
		j.value(value)
		j.value(low)
		j.value(high)
		j.commit(1)
	})
}

// Output keeps a piece of what the run printed on stream ("stdout", "stderr").
func (w *Writer) Output(stream, text string) error {
	return w.OutputAt(stream, text, time.Now())
}

// OutputAt is Output for importers: it was printed at the time.
func (w *Writer) OutputAt(stream, text string, at time.Time) error {
	return w.log(func(j *journal) {
		for len(text) > 0 {
			n := min(len(text), maxRecord/2)
			for n < len(text) && n > maxRecord/2-utf8.UTFMax && !utf8.RuneStart(text[n]) {
				n--
			}
			j.begin(recordOutput)
			j.varint(micros(at))
			j.string(stream)
			j.string(text[:n])
			j.commit(0)
			text = text[n:]
		}
	})
}

// log calls f with the journal, locked.
func (w *Writer) log(f func(*journal)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return fmt.Errorf("run %s: %w", w.id, ErrEnded)
	}
	f(&w.journal)
	if w.journal.size > segmentSize && len(w.journal.backlog) == 0 {
		w.rotate()
		select {
		case w.full <- struct{}{}:
		default: // it knows
		}
	}
	return nil
}

func (w *Writer) rotate() {
	points := w.journal.points
	w.pending[w.journal.rotate()] = points
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("a metric has no name")
	case len(name) > maxName:
		return fmt.Errorf("the name of metric %.20q… has %d bytes, the most is %d", name, len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("the name of metric %q is not UTF-8", name)
	}
	return nil
}

// fold puts what the journal holds into the store. On error it is still in the
// journal.
func (w *Writer) fold() error {
	w.folding.Lock()
	defer w.folding.Unlock()
	w.mu.Lock()
	j := &w.journal
	flushed := j.flush()
	if flushed && j.size > 0 {
		w.rotate()
	}
	first, next, err := w.folded, j.segment, j.err
	progress, told := w.progress, w.told
	w.mu.Unlock()

	for segment := first; segment < next; segment++ {
		points, err := w.s.foldSegment(w.id, segment)
		if err != nil {
			return err
		}
		w.folded = segment + 1
		w.mu.Lock()
		w.journal.lost += w.pending[segment] - points // of a journal that somebody removed
		delete(w.pending, segment)
		w.mu.Unlock()
	}
	if !told {
		_, err := w.s.write.Exec(`update run set done = ?, planned = ? where id = ?`, progress[0], progress[1], w.row)
		if err != nil {
			return hint(err)
		}
		w.mu.Lock()
		w.told = w.progress == progress
		w.mu.Unlock()
	}
	if !flushed {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Sync puts everything that was logged into the store file and waits until it
// would survive a power cut.
func (w *Writer) Sync() error {
	if err := w.fold(); err != nil {
		return fmt.Errorf("run %s: %w", w.id, err)
	}
	if err := w.s.flush(); err != nil {
		return fmt.Errorf("run %s: %w", w.id, err)
	}
	return nil
}

// patience is how long End tries to write to a store that cannot be written.
const patience = 3 * time.Second

// End ends the run. message is the error of a run that failed. Everything
// logged is then in the store file, safe from power cuts; otherwise the error
// says how many points are not, and where they are.
func (w *Writer) End(status Status, message string) error {
	return w.EndAt(status, message, time.Now())
}

// EndAt is End for importers: the run ended at the time.
func (w *Writer) EndAt(status Status, message string, at time.Time) error {
	if status == Running || !slices.Contains(statuses, string(status)) {
		return fmt.Errorf("run %s: it cannot end as %q", w.id, status)
	}
	err := w.log(func(j *journal) {
		j.begin(recordEnd)
		j.varint(micros(at))
		j.string(string(status))
		j.string(message)
		j.commit(0)
		w.ended = true
	})
	if err != nil {
		return err
	}
	return w.finish(patience, &ending{micros(at), status, message})
}

// abandon leaves the run as a process that is gone would, with its points safe.
func (w *Writer) abandon() error {
	w.mu.Lock()
	ended := w.ended
	w.ended = true
	w.mu.Unlock()
	if ended {
		return nil
	}
	return w.finish(0, nil)
}

// finish stops the folding and folds a last time. ending is nil if the run is
// abandoned.
func (w *Writer) finish(patience time.Duration, ending *ending) error {
	close(w.stop)
	<-w.idle
	w.s.mu.Lock()
	delete(w.s.writers, w.id)
	w.s.mu.Unlock()

	err := w.fold()
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); err = w.fold() {
		time.Sleep(100 * time.Millisecond)
	}
	w.mu.Lock()
	lost := w.journal.lost + w.journal.backlogPoints
	kept := w.journal.points - w.journal.backlogPoints
	for _, points := range w.pending {
		kept += points
	}
	w.mu.Unlock()
	switch {
	case err != nil:
		w.lock.Close() // the file stays with the journal; whoever opens the store next folds it
		return fmt.Errorf("run %s: %d points are not in the store (%w): %d of them are kept in %s and go in when the store is next used, %d are lost",
			w.id, kept+lost, err, kept, w.journal.dir, lost)
	case lost > 0:
		if ending != nil { // its record may be lost too
			err = w.s.update(context.Background(), w.id, `status = ?, message = ?, ended = ?`, ending.status, ending.message, ending.time)
		}
		err = errors.Join(err, fmt.Errorf("run %s: %d points were lost: the disk was full for too long, or their journal was removed", w.id, lost))
	}
	if syncErr := w.s.flush(); syncErr != nil {
		err = errors.Join(err, fmt.Errorf("run %s: %w", w.id, syncErr))
	}
	if ending == nil {
		w.lock.Close() // a file that nobody has locked is that of a run that is dead
	} else {
		w.unlock()
	}
	return err
}

// Progress says that done of planned steps are done. It is cheap: readers see
// it a tick later.
func (w *Writer) Progress(done, planned int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.progress, w.told = [2]int64{done, planned}, false
	return nil
}

// transact calls f in a write transaction, unless the run has ended.
func (w *Writer) transact(ctx context.Context, f func(tx *sql.Tx) error) error {
	w.mu.Lock()
	ended := w.ended
	w.mu.Unlock()
	err := ErrEnded
	if !ended {
		err = w.s.transact(ctx, f)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", w.id, err)
	}
	return nil
}

// Params sets params. Those of nested structs have dotted names. Setting one
// again overwrites it.
func (w *Writer) Params(params map[string]Value) error {
	return w.transact(context.Background(), func(tx *sql.Tx) error {
		for _, name := range slices.Sorted(maps.Keys(params)) {
			if err := setParam(tx, w.row, name, params[name]); err != nil {
				return fmt.Errorf("param %s: %w", name, err)
			}
		}
		return nil
	})
}

// Tag sets a tag.
func (w *Writer) Tag(key, value string) error {
	return w.transact(context.Background(), func(tx *sql.Tx) error { return setTag(tx, w.row, key, value) })
}

// Env adds to what the run ran on. A name that is there already is set again.
func (w *Writer) Env(facts map[string]string) error {
	added, err := json.Marshal(facts)
	if err != nil {
		return fmt.Errorf("run %s: %w", w.id, err)
	}
	return w.transact(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`update run set env = json_patch(env, ?) where id = ?`, string(added), w.row)
		return err
	})
}

// Note sets the run's note.
func (w *Writer) Note(text string) error {
	return w.transact(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`update run set note = ? where id = ?`, text, w.row)
		return err
	})
}

// Figure keeps a figure. One of the same ID is replaced in its place.
func (w *Writer) Figure(f Figure) error {
	if f.ID == "" {
		return fmt.Errorf("run %s: a figure has no ID", w.id)
	}
	return w.transact(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`
			insert into figure (run, id, pos, title, option, alt, height, added)
			values (?1, ?2, (select count(*) from figure where run = ?1), ?3, ?4, ?5, ?6, ?7)
			on conflict do update set title = ?3, option = ?4, alt = ?5, height = ?6, added = ?7`,
			w.row, f.ID, f.Title, string(f.Option), f.Alt, f.Height, time.Now().UnixMicro())
		return err
	})
}

// Report keeps a report as JSON. One of the same name is replaced.
func (w *Writer) Report(name string, report []byte) error {
	return w.transact(context.Background(), func(tx *sql.Tx) error { return setReport(tx, w.row, name, report) })
}

func setReport(tx *sql.Tx, run int64, name string, report []byte) error {
	if !json.Valid(report) {
		return fmt.Errorf("report %s is not JSON", name)
	}
	_, err := tx.Exec(`
		insert into report (run, name, pos, data, added)
		values (?1, ?2, (select count(*) from report where run = ?1), ?3, ?4)
		on conflict do update set data = ?3, added = ?4`,
		run, name, string(report), time.Now().UnixMicro())
	return err
}

// Data records that the run read a split of a data set. The same name and split
// again replaces it.
func (w *Writer) Data(d DataUse) error {
	return w.transact(context.Background(), func(tx *sql.Tx) error {
		if _, err := tx.Exec(`delete from data_use where run = ? and name = ? and split = ?`, w.row, d.Name, d.Split); err != nil {
			return err
		}
		var use int64
		err := tx.QueryRow(`insert into data_use (run, name, split, rows) values (?, ?, ?, ?) returning id`,
			w.row, d.Name, d.Split, d.Rows).Scan(&use)
		if err != nil {
			return err
		}
		for i, f := range d.Files {
			if _, err := tx.Exec(`insert into data_file (use, pos, path, size, digest) values (?, ?, ?, ?, ?)`,
				use, i, f.Path, f.Size, f.Digest); err != nil {
				return err
			}
		}
		return nil
	})
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// maxPieces is how many small chunks a series may have behind its last full one
// before they are joined.
const maxPieces = 32

// foldSegment puts one segment of a run's journal into the store, deletes it,
// and returns how many points it held. Doing it again does nothing.
func (s *Store) foldSegment(run RunID, segment int64) (points int64, err error) {
	file := segmentFile(liveDir(s.path), run, segment)
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("journal: %w", err)
	}
	var b batch
	b.read(data)
	err = s.transact(context.Background(), func(tx *sql.Tx) error {
		var row, next int64
		if err := tx.QueryRow(`select id, segment from run where key = ?`, run).Scan(&row, &next); err != nil {
			return err
		}
		if next > segment {
			return nil
		}
		return fold(tx, row, segment, &b)
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) { // without its row, the run was deleted for good
		return 0, err
	}
	os.Remove(file) // if it stays, its number says that it is done with
	return b.points, nil
}

// fold writes what a segment holds.
func fold(tx *sql.Tx, run, segment int64, b *batch) error {
	var k codec
	ids := make([]int64, len(b.names))
	for i, name := range b.names {
		id, err := foldSeries(tx, &k, run, name, b.series[i])
		if err != nil {
			return err
		}
		ids[i] = id
	}
	for _, f := range b.finals {
		if _, err := tx.Exec(`update series set low = ?, high = ? where id = ?`, real(f.low), real(f.high), ids[f.name]); err != nil {
			return err
		}
	}
	for _, o := range b.output {
		if _, err := tx.Exec(`
			insert into output (run, seq, time, stream, text)
			values (?1, (select coalesce(max(seq), 0) + 1 from output where run = ?1), ?2, ?3, ?4)`,
			run, micros(o.Time), o.Stream, o.Text); err != nil {
			return err
		}
	}
	if b.end != nil {
		if err := sealRun(tx, &k, run); err != nil {
			return err
		}
		if _, err := tx.Exec(`update run set status = ?, message = ?, ended = ? where id = ?`,
			b.end.status, b.end.message, b.end.time, run); err != nil {
			return err
		}
	}
	var last sql.NullInt64
	if b.points > 0 {
		last = sql.NullInt64{Int64: b.lastStep, Valid: true}
	}
	_, err := tx.Exec(`
		update run set segment = ?2, points = points + ?3, last_step = coalesce(max(last_step, ?4), last_step, ?4)
		where id = ?1`, run, segment+1, b.points, last)
	return err
}

// real is v as SQL keeps it: null for NaN.
func real(v float64) sql.NullFloat64 { return sql.NullFloat64{Float64: v, Valid: v == v} }

// foldSeries adds points to a series, and returns the id of its row.
func foldSeries(tx *sql.Tx, k *codec, run int64, name string, c columns) (int64, error) {
	id, count, pieces, a, err := openSeries(tx, run, name)
	if err != nil {
		return 0, err
	}
	full := count / chunkSize * chunkSize // where the points behind the last full chunk start
	if count-full+int64(c.len()) >= chunkSize || pieces >= maxPieces {
		all, err := takeTail(tx, k, id, full)
		if err != nil {
			return 0, err
		}
		all.steps = append(all.steps, c.steps...)
		all.times = append(all.times, c.times...)
		all.bits = append(all.bits, c.bits...)
		if pieces, err = writeChunks(tx, k, id, full, all); err != nil {
			return 0, err
		}
	} else {
		if err := insertChunk(tx, k, id, count, c); err != nil {
			return 0, err
		}
		pieces++
	}

	a.add(c)
	n := c.len() - 1
	_, err = tx.Exec(`
		update series set count = ?2, nans = ?3, pos_infs = ?4, neg_infs = ?5, last_step = ?6, last_time = ?7,
			last = ?8, last_bits = ?9, min_step = ?10, max_step = ?11, min = ?12, max = ?13, pieces = ?14
		where id = ?1`,
		id, count+int64(c.len()), a.nans, a.posInfs, a.negInfs, c.steps[n], c.times[n],
		real(math.Float64frombits(c.bits[n])), int64(c.bits[n]), a.minStep, a.maxStep, real(a.min), real(a.max), pieces)
	return id, err
}

// extremes is what a series row knows of all its points.
type extremes struct {
	nans, posInfs, negInfs int64
	min, max               float64 // NaN if no value is finite
	minStep, maxStep       int64
}

func (a *extremes) add(c columns) {
	for i, b := range c.bits {
		v := math.Float64frombits(b)
		switch {
		case v != v:
			a.nans++
			continue
		case v > math.MaxFloat64:
			a.posInfs++
			continue
		case v < -math.MaxFloat64:
			a.negInfs++
			continue
		}
		if !(v >= a.min) {
			a.min, a.minStep = v, c.steps[i]
		}
		if !(v <= a.max) {
			a.max, a.maxStep = v, c.steps[i]
		}
	}
}

// openSeries returns the row of a series, which it makes if there is none.
func openSeries(tx *sql.Tx, run int64, name string) (id, count, pieces int64, a extremes, err error) {
	var low, high sql.NullFloat64
	var lowStep, highStep sql.NullInt64
	err = tx.QueryRow(`
		select s.id, s.count, s.pieces, s.nans, s.pos_infs, s.neg_infs, s.min, s.max, s.min_step, s.max_step
		from series s join name n on n.id = s.name where n.text = ? and s.run = ?`, name, run).
		Scan(&id, &count, &pieces, &a.nans, &a.posInfs, &a.negInfs, &low, &high, &lowStep, &highStep)
	a.min, a.max = float(low), float(high)
	a.minStep, a.maxStep = lowStep.Int64, highStep.Int64
	if !errors.Is(err, sql.ErrNoRows) {
		return id, count, pieces, a, err
	}
	if _, err = tx.Exec(internName, name); err != nil {
		return
	}
	err = tx.QueryRow(`
		insert into series (id, run, name, count, nans, pos_infs, neg_infs, pieces)
		values ((select coalesce(max(id), 0) + 1 from series), ?, (select id from name where text = ?), 0, 0, 0, 0, 0)
		returning id`, run, name).Scan(&id)
	return
}

const internName = `insert into name (text) values (?) on conflict do nothing`

// float is the opposite of real.
func float(v sql.NullFloat64) float64 {
	if !v.Valid {
		return math.NaN()
	}
	return v.Float64
}

// readTail returns the points of a series from ordinal full on.
func readTail(tx *sql.Tx, k *codec, series, full int64) (tail columns, err error) {
	rows, err := tx.Query(`select data from chunk where series = ? and start >= ? order by start`, series, full)
	if err != nil {
		return tail, err
	}
	defer rows.Close()
	for rows.Next() {
		var data sql.RawBytes
		if err := rows.Scan(&data); err != nil {
			return tail, err
		}
		if err := k.readChunk(&tail, data); err != nil {
			return tail, fmt.Errorf("series %d: %w", series, err)
		}
	}
	return tail, rows.Err()
}

// takeTail is readTail, and deletes the chunks that it has read.
func takeTail(tx *sql.Tx, k *codec, series, full int64) (columns, error) {
	tail, err := readTail(tx, k, series, full)
	if err == nil {
		_, err = tx.Exec(`delete from chunk where series = ? and start >= ?`, series, full)
	}
	return tail, err
}

// writeChunks writes points, the first of which has the ordinal start, a
// multiple of chunkSize. It returns how many chunks that are not full follow
// the last full one.
func writeChunks(tx *sql.Tx, k *codec, series, start int64, c columns) (pieces int64, err error) {
	for c.len() > 0 {
		n := min(c.len(), chunkSize)
		chunk := c.slice(0, n)
		if err := insertChunk(tx, k, series, start, chunk); err != nil {
			return 0, err
		}
		if n < chunkSize {
			return 1, nil
		}
		for i := 0; i < n; i += blockSize {
			if err := addAggregate(tx, series, 0, (start+int64(i))/blockSize, aggregateOf(chunk.slice(i, i+blockSize))); err != nil {
				return 0, err
			}
		}
		start += int64(n)
		c = c.slice(n, c.len())
	}
	return 0, nil
}

func insertChunk(tx *sql.Tx, k *codec, series, start int64, c columns) error {
	low, high := c.steps[0], c.steps[0]
	for _, s := range c.steps {
		low, high = min(low, s), max(high, s)
	}
	_, err := tx.Exec(`insert into chunk (series, start, count, low, high, data) values (?, ?, ?, ?, ?, ?)`,
		series, start, c.len(), low, high, k.appendChunk(nil, c))
	return err
}

// addAggregate adds the aggregate with the ordinal n to its level, and to the
// level above if that fills a group.
func addAggregate(tx *sql.Tx, series int64, level int, n int64, a aggregate) error {
	var row []byte
	err := tx.QueryRow(`select data from pyramid where series = ? and level = ? and idx = ?`, series, level, n/fanout).Scan(&row)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	row = a.append(row)
	if _, err := tx.Exec(`insert or replace into pyramid (series, level, idx, data) values (?, ?, ?, ?)`,
		series, level, n/fanout, row); err != nil {
		return err
	}
	if len(row) < fanout*aggregateSize {
		return nil
	}
	return addAggregate(tx, series, level+1, n/fanout, groupOf(row))
}

// sealRun joins the small chunks of each series of a run.
func sealRun(tx *sql.Tx, k *codec, run int64) error {
	rows, err := tx.Query(`select id, count from series where run = ? and pieces > 1`, run)
	if err != nil {
		return err
	}
	defer rows.Close()
	type tail struct{ series, full int64 }
	var tails []tail
	for rows.Next() {
		var series, count int64
		if err := rows.Scan(&series, &count); err != nil {
			return err
		}
		tails = append(tails, tail{series, count / chunkSize * chunkSize})
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, t := range tails {
		all, err := takeTail(tx, k, t.series, t.full)
		if err != nil {
			return err
		}
		if err := insertChunk(tx, k, t.series, t.full, all); err != nil {
			return err
		}
		if _, err := tx.Exec(`update series set pieces = 1 where id = ?`, t.series); err != nil {
			return err
		}
	}
	return nil
}

// flush makes everything that is committed safe from power cuts, in the store
// file itself if no reader stands in the way, so that a copy of that file alone
// has it.
func (s *Store) flush() error {
	for deadline := time.Now().Add(200 * time.Millisecond); ; {
		var busy, log, moved int
		err := s.write.QueryRow(`pragma wal_checkpoint(passive)`).Scan(&busy, &log, &moved)
		if err != nil {
			return hint(err)
		}
		if busy == 0 && log == moved {
			return nil
		}
		if time.Now().After(deadline) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	// A reader keeps the checkpoint from its end. The log is as good once it is
	// on disk; SQLite has no locks on that file that closing it could lose.
	wal, err := os.Open(s.path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer wal.Close()
	return wal.Sync()
}

// reapEvery is how often readers look for runs whose process is gone.
const reapEvery = time.Second

// reap makes runs whose process is gone killed, with everything they logged.
// Readers call it; it does nothing if one of them just has. A store that cannot
// be written is read as it is.
func (s *Store) reap(ctx context.Context) {
	s.mu.Lock()
	due := time.Since(s.reaped) >= reapEvery
	if due {
		s.reaped = time.Now()
	}
	s.mu.Unlock()
	if due && !s.readOnly {
		s.reapNow(ctx)
	}
}

func (s *Store) reapNow(ctx context.Context) error {
	dead, err := s.dead(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range dead {
		if d.p.boot == bootID() || d.p.host == self().host {
			errs = append(errs, s.bury(ctx, d))
		}
	}
	return errors.Join(errs...)
}

type deadRun struct {
	row     int64
	id      RunID
	segment int64
	p       process
}

// dead returns the runs whose process is gone.
func (s *Store) dead(ctx context.Context) ([]deadRun, error) {
	rows, err := s.read.QueryContext(ctx, `select id, key, segment, host, pid, boot, birth from run where status = ?`, Running)
	if err != nil {
		return nil, hint(err)
	}
	defer rows.Close()
	var dead []deadRun
	for rows.Next() {
		var d deadRun
		if err := rows.Scan(&d.row, &d.id, &d.segment, &d.p.host, &d.p.pid, &d.p.boot, &d.p.birth); err != nil {
			return nil, hint(err)
		}
		if !lives(liveDir(s.path), d.id, d.p) {
			dead = append(dead, d)
		}
	}
	return dead, hint(rows.Err())
}

// bury folds what is left of a dead run's journal, and marks the run killed
// unless the journal says how it ended. It does so under the run's lock: somebody
// who resumes the run meanwhile would have his journal removed with the old one.
func (s *Store) bury(ctx context.Context, d deadRun) error {
	dir := liveDir(s.path)
	heard := sql.NullInt64{}
	if info, err := os.Stat(lockFile(dir, d.id)); err == nil {
		heard = sql.NullInt64{Int64: info.ModTime().UnixMicro(), Valid: true}
	}
	held, err := openLock(dir, lockFile(dir, d.id), 0)
	if errors.Is(err, errLive) {
		return nil // somebody else buries it, or resumes it
	}
	if err != nil {
		return err
	}
	defer held.Close()
	inStore := true // all of the journal
	err = s.transact(ctx, func(tx *sql.Tx) error {
		var p process
		var status Status
		err := tx.QueryRow(`select status, segment, host, pid, boot, birth from run where key = ?`, d.id).
			Scan(&status, &d.segment, &p.host, &p.pid, &p.boot, &p.birth)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if status != Running { // somebody else was quicker
			return nil
		}
		if p != d.p { // it was resumed since; if it is dead again, the next look finds it
			inStore = false
			return nil
		}
		for segment := d.segment; ; segment++ {
			data, err := os.ReadFile(segmentFile(dir, d.id, segment))
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil {
				return err
			}
			var b batch
			b.read(data)
			if err := fold(tx, d.row, segment, &b); err != nil {
				return err
			}
		}
		var k codec
		if err := sealRun(tx, &k, d.row); err != nil {
			return err
		}
		_, err = tx.Exec(`
			update run set status = ?2, ended = coalesce(?4, (select max(last_time) from series where run = ?1), started)
			where id = ?1 and status = ?3`, d.row, Killed, Running, heard)
		return err
	})
	if err == nil && inStore {
		removeJournal(dir, d.id)
	}
	return err
}

// removeJournal removes what is left of the journal of a run that is in the store.
func removeJournal(dir string, run RunID) {
	left, _ := os.ReadDir(dir)
	for _, file := range left {
		if strings.HasPrefix(file.Name(), string(run)+".") {
			os.Remove(filepath.Join(dir, file.Name()))
		}
	}
	os.Remove(dir) // if it is empty
}

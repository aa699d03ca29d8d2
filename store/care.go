package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Fsck looks for damage and returns what it finds, a sentence each: in the
// SQLite file, in every chunk and its place, in the pyramids, in every blob's
// digest, and in what is left beside the file. It reads everything and changes
// nothing.
func (s *Store) Fsck(ctx context.Context) ([]string, error) {
	var problems []string
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, check := range []func(context.Context, func(string, ...any)) error{
		s.checkFile, s.checkSeries, s.checkBlobs, s.checkJournals,
	} {
		if err := readable(check(ctx, report), "a part of it", report); err != nil {
			return problems, fmt.Errorf("fsck: %w", err)
		}
	}
	return problems, nil
}

// readable reports an error that comes of a damaged page, and returns any other.
func readable(err error, what string, report func(string, ...any)) error {
	if damage := (sqlite3.Error{}); errors.As(err, &damage) && damage.Code == sqlite3.ErrCorrupt {
		report("%s cannot be read: %v", what, damage)
		return nil
	}
	return err
}

func (s *Store) checkFile(ctx context.Context, report func(string, ...any)) error {
	lines, err := collect(ctx, s, func(rows *sql.Rows) (line string, err error) { return line, rows.Scan(&line) }, `pragma integrity_check`)
	for _, line := range lines {
		if line != "ok" {
			report("the SQLite file is damaged: %s", line)
		}
	}
	if err := readable(err, "the SQLite file", report); err != nil {
		return err
	}
	_, err = collect(ctx, s, func(rows *sql.Rows) (none struct{}, err error) {
		var table, parent string
		var row sql.NullInt64
		var key int
		err = rows.Scan(&table, &row, &parent, &key)
		report("row %d of %s belongs to a row of %s that is not there", row.Int64, table, parent)
		return none, err
	}, `pragma foreign_key_check`)
	return err
}

// checkSeries reads every chunk, and sums full ones up again.
func (s *Store) checkSeries(ctx context.Context, report func(string, ...any)) error {
	type row struct {
		id, count int64
		label     string
	}
	all, err := collect(ctx, s, func(rows *sql.Rows) (r row, err error) {
		var run, name string
		err = rows.Scan(&r.id, &r.count, &run, &name)
		r.label = fmt.Sprintf("run %s: metric %s", run, name)
		return r, err
	}, `select s.id, s.count, r.key, n.text from series s join run r on r.id = s.run join name n on n.id = s.name`)
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := readable(s.checkOne(ctx, r.id, r.count, r.label, report), r.label, report); err != nil {
			return fmt.Errorf("%s: %w", r.label, err)
		}
	}
	return nil
}

func (s *Store) checkOne(ctx context.Context, id, count int64, label string, report func(string, ...any)) error {
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// A run that is being written may have more by now.
	if err := tx.QueryRow(`select count from series where id = ?`, id).Scan(&count); errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	rows, err := tx.Query(`select c.start, c.count, c.data, p.data from chunk c
		left join pyramid p on p.series = c.series and p.level = 0 and p.idx = c.start / ? where c.series = ? order by c.start`,
		blockSize*fanout, id)
	if err != nil {
		return err
	}
	defer rows.Close()
	var k codec
	var c columns
	next := int64(0)
	for rows.Next() {
		var start, n int64
		var data, sums []byte
		if err := rows.Scan(&start, &n, &data, &sums); err != nil {
			return err
		}
		if start != next {
			report("%s: points %d to %d are missing", label, next, start)
		}
		next = start + n
		c.reset()
		if err := k.readChunk(&c, data); err != nil {
			report("%s: points %d to %d: %v", label, start, next, err)
			continue
		}
		if int64(c.len()) != n {
			report("%s: the chunk at point %d has %d points, it should have %d", label, start, c.len(), n)
		}
		if c.len() < chunkSize {
			continue
		}
		for i := 0; i < chunkSize; i += blockSize {
			at := int((start+int64(i))/blockSize%fanout) * aggregateSize
			a := aggregateOf(c.slice(i, i+blockSize))
			if at+aggregateSize > len(sums) || string(a.append(nil)) != string(sums[at:at+aggregateSize]) {
				report("%s: the pyramid does not fit points %d to %d", label, start+int64(i), start+int64(i)+blockSize)
			}
		}
	}
	if next != count {
		report("%s: %d points are there, it should have %d", label, next, count)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	return checkGroups(tx, id, label, report)
}

// checkGroups sums up the levels of a pyramid again, each from the one below.
func checkGroups(tx *sql.Tx, series int64, label string, report func(string, ...any)) error {
	rows, err := tx.Query(`select level, idx, data from pyramid where series = ? order by level, idx`, series)
	if err != nil {
		return err
	}
	defer rows.Close()
	var levels [][]byte
	for rows.Next() {
		var level, idx int
		var data []byte
		if err := rows.Scan(&level, &idx, &data); err != nil {
			return err
		}
		for len(levels) <= level {
			levels = append(levels, nil)
		}
		if len(levels[level]) != idx*fanout*aggregateSize {
			report("%s: level %d of the pyramid lacks a row before row %d", label, level, idx)
			return rows.Err()
		}
		levels[level] = append(levels[level], data...)
	}
	for level, data := range levels {
		var groups []byte
		for ; len(data) >= fanout*aggregateSize; data = data[fanout*aggregateSize:] {
			sum := groupOf(data[:fanout*aggregateSize])
			groups = sum.append(groups)
		}
		var above []byte
		if level+1 < len(levels) {
			above = levels[level+1]
		}
		if !bytes.Equal(groups, above) {
			report("%s: level %d of the pyramid does not fit the one below", label, level+1)
		}
	}
	return rows.Err()
}

// unfinished is after how long a blob that is not whole counts as left behind.
const unfinished = 24 * time.Hour

func (s *Store) checkBlobs(ctx context.Context, report func(string, ...any)) error {
	type blob struct {
		id, size int64
		digest   sql.NullString
		used     bool
		begun    int64
	}
	blobs, err := collect(ctx, s, func(rows *sql.Rows) (b blob, err error) {
		return b, rows.Scan(&b.id, &b.size, &b.digest, &b.begun, &b.used)
	}, `select id, size, digest, begun, exists (select 1 from artifact a where a.blob = b.id) from blob b`)
	if err != nil {
		return err
	}
	for _, b := range blobs {
		if !b.digest.Valid {
			if time.Since(fromMicros(b.begun)) > unfinished {
				report("blob %d was never finished: assay gc removes it", b.id)
			}
			continue
		}
		if !b.used {
			report("blob %s belongs to no artifact: assay gc removes it", b.digest.String)
		}
		hash := sha256.New()
		_, err := io.Copy(hash, &blobReader{ctx: ctx, s: s, blob: b.id, left: b.size})
		if errors.Is(err, errNotWhole) {
			report("blob %s is not whole", b.digest.String)
		} else if err != nil {
			if err := readable(err, "blob "+b.digest.String, report); err != nil {
				return err
			}
		} else if sum := hex.EncodeToString(hash.Sum(nil)); sum != b.digest.String {
			report("blob %s has other content, of digest %s", b.digest.String, sum)
		}
	}
	return nil
}

func (s *Store) checkJournals(ctx context.Context, report func(string, ...any)) error {
	left, err := os.ReadDir(liveDir(s.path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range left {
		key, suffix, _ := strings.Cut(entry.Name(), ".")
		segment, err := strconv.ParseInt(suffix, 10, 64)
		if err != nil {
			continue
		}
		var status Status
		var next int64
		err = s.read.QueryRowContext(ctx, `select status, segment from run where key = ?`, key).Scan(&status, &next)
		file := filepath.Join(liveDir(s.path), entry.Name())
		switch {
		case errors.Is(err, sql.ErrNoRows):
			report("%s is of a run that the store does not have", file)
		case err != nil:
			return err
		case segment >= next && status != Running:
			report("%s is not in the store", file)
		}
	}
	return nil
}

// Garbage is what GC removes.
type Garbage struct {
	Runs  []RunID // in the trash
	Blobs int     // of no artifact that stays
	Bytes int64   // in the blobs
	Freed int64   // bytes by which the file got smaller; 0 of a dry run
}

// GC deletes the runs in the trash, and the blobs that no artifact uses, for
// good, and gives the space back; and what processes that were killed while a run
// began or ended have left beside the file. A dry run only says what it would do.
func (s *Store) GC(ctx context.Context, dryRun bool) (Garbage, error) {
	g, err := s.garbage(ctx)
	if err != nil || dryRun {
		return g, err
	}
	for _, id := range g.Runs {
		// One transaction a run: others write in between.
		if err := s.Delete(ctx, id); err != nil && !errors.Is(err, ErrNotFound) { // it may have been restored
			return g, fmt.Errorf("gc: %w", err)
		}
	}
	err = s.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`delete from blob where `+unused, time.Now().Add(-unfinished).UnixMicro())
		if err == nil {
			_, err = tx.Exec(`
				delete from name where id not in (select name from series)
				and id not in (select name from param) and id not in (select name from tag)`)
		}
		return err
	})
	if err == nil {
		err = s.sweep(ctx)
	}
	if err != nil {
		return g, fmt.Errorf("gc: %w", err)
	}
	if g.Freed, err = s.shrink(ctx); err != nil {
		return g, fmt.Errorf("gc: %w", err)
	}
	return g, nil
}

// sweep removes the locks that nobody holds of runs that do not run, and what is
// left of their journals. A journal of a run that the store does not have stays:
// it may be of another copy of the file.
func (s *Store) sweep(ctx context.Context) error {
	dir := liveDir(s.path)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name, isLock := strings.CutSuffix(entry.Name(), ".lock")
		if !isLock {
			continue
		}
		run, file := RunID(name), filepath.Join(dir, entry.Name())
		held, err := openLock(dir, file, 0)
		if errors.Is(err, errLive) {
			continue
		}
		if err != nil {
			return err
		}
		var status Status
		err = s.read.QueryRowContext(ctx, `select status from run where key = ?`, run).Scan(&status)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			os.Remove(file)
		case err == nil && status != Running:
			removeJournal(dir, run)
		}
		held.Close()
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return hint(err)
		}
	}
	os.Remove(dir) // if it is empty
	return nil
}

// Delete deletes a run that is in the trash and has ended, for good; of others it
// says ErrNotFound. Blobs that no other run has are left to GC.
func (s *Store) Delete(ctx context.Context, id RunID) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		return execFound(tx, `delete from run as r where key = ? and not `+keep, id)
	})
	if err != nil {
		return fmt.Errorf("run %s in the trash: %w", id, err)
	}
	removeJournal(liveDir(s.path), id)
	return nil
}

// unused is true of a blob of no artifact. Its argument is when a blob that is
// not whole must have been begun to be still on its way.
const unused = `not exists (select 1 from artifact a join run r on r.id = a.run where a.blob = blob.id and ` + keep + `)
	and (digest is not null or begun < ?)`

// keep is true of a run that GC leaves.
const keep = `(r.trashed is null or r.status = 'running')`

func (s *Store) garbage(ctx context.Context) (g Garbage, err error) {
	s.reap(ctx)
	g.Runs, err = collect(ctx, s, func(rows *sql.Rows) (id RunID, err error) { return id, rows.Scan(&id) },
		`select key from run r where not `+keep+` order by started`)
	if err == nil {
		err = s.read.QueryRowContext(ctx, `select count(*), coalesce(sum(size), 0) from blob where `+unused,
			time.Now().Add(-unfinished).UnixMicro()).Scan(&g.Blobs, &g.Bytes)
	}
	if err != nil {
		return g, fmt.Errorf("gc: %w", hint(err))
	}
	return g, nil
}

// shrink gives free pages back to the file system, some at a time so that
// others can write in between.
func (s *Store) shrink(ctx context.Context) (freed int64, err error) {
	var before, after, size int64
	count := func(n *int64) error { return s.write.QueryRowContext(ctx, `pragma page_count`).Scan(n) }
	if err := s.write.QueryRowContext(ctx, `pragma page_size`).Scan(&size); err != nil {
		return 0, hint(err)
	}
	if err := count(&before); err != nil {
		return 0, hint(err)
	}
	for free := int64(1); free > 0; {
		// It returns a row for each page, and does its work as they are read.
		rows, err := s.write.QueryContext(ctx, `pragma incremental_vacuum(1000)`)
		if err != nil {
			return 0, hint(err)
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return 0, hint(err)
		}
		if err := s.write.QueryRowContext(ctx, `pragma freelist_count`).Scan(&free); err != nil {
			return 0, hint(err)
		}
	}
	if err := count(&after); err != nil {
		return 0, hint(err)
	}
	return (before - after) * size, s.flush()
}

// Backup writes a copy of the store to file, which must not exist yet, while
// runs go on. Everything logged by any process before the call is in it.
func (s *Store) Backup(ctx context.Context, file string) error {
	if err := s.backup(ctx, file); err != nil {
		return fmt.Errorf("backup to %s: %w", file, err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, file string) error {
	file, err := filepath.Abs(file) // SQLite takes the first folder of a relative one for a host
	if err != nil {
		return err
	}
	if _, err := os.Stat(file); err == nil {
		return errors.New("the file is there already: remove it, or name another")
	}
	// What the journals hold now and the copy does not is folded into the copy.
	journals, err := s.journals()
	if err != nil {
		return err
	}
	part := file + ".part"
	os.Remove(part)
	defer os.Remove(part)
	// A connection of its own, so that this process can write meanwhile.
	from := sql.OpenDB(s.reader())
	_, err = from.ExecContext(ctx, `vacuum into ?`, part)
	if err := errors.Join(err, from.Close()); err != nil {
		return hint(err)
	}
	to := sql.OpenDB(connector{dsn(part, "_synchronous=FULL")})
	copied := &Store{path: part, write: to}
	err = copied.transact(ctx, func(tx *sql.Tx) error {
		for run, segments := range journals {
			var row, next int64
			err := tx.QueryRow(`select id, segment from run where key = ?`, run).Scan(&row, &next)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			for ; segments[next] != nil; next++ {
				if err := fold(tx, row, next, segments[next]); err != nil {
					return fmt.Errorf("run %s: %w", run, err)
				}
			}
		}
		return nil
	})
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	return os.Rename(part, file)
}

// journals returns what the journal segments beside the store hold.
func (s *Store) journals() (map[RunID]map[int64]*batch, error) {
	dir := liveDir(s.path)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[RunID]map[int64]*batch{}
	for _, entry := range entries {
		run, suffix, _ := strings.Cut(entry.Name(), ".")
		segment, err := strconv.ParseInt(suffix, 10, 64)
		if err != nil {
			continue // a lock
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is in the store by now
		}
		if err != nil {
			return nil, err
		}
		if all[RunID(run)] == nil {
			all[RunID(run)] = map[int64]*batch{}
		}
		b := new(batch)
		b.read(data)
		all[RunID(run)][segment] = b
	}
	return all, nil
}

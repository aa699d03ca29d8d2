package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// collect scans each row that a query returns.
func collect[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, hint(err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, hint(err)
		}
		all = append(all, one)
	}
	return all, hint(rows.Err())
}

// catchUp folds what this process has logged, so that it reads what it wrote.
// An error is the writer's to tell.
func (s *Store) catchUp(id RunID) {
	s.mu.Lock()
	w := s.writers[id]
	s.mu.Unlock()
	if w != nil {
		w.fold()
	}
}

func (s *Store) catchUpAll() {
	s.mu.Lock()
	var ids []RunID
	for id := range s.writers {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	for _, id := range ids {
		s.catchUp(id)
	}
}

// row returns the row of a run.
func (s *Store) row(ctx context.Context, id RunID) (int64, error) {
	s.catchUp(id)
	var row int64
	err := s.read.QueryRowContext(ctx, `select id from run where key = ?`, id).Scan(&row)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", id, hint(err))
	}
	return row, nil
}

// Experiments returns all experiments, the one with the latest run first.
func (s *Store) Experiments(ctx context.Context) ([]Experiment, error) {
	return collect(ctx, s, func(rows *sql.Rows) (e Experiment, err error) {
		var created, last int64
		err = rows.Scan(&e.Name, &e.Note, &created, &e.Runs, &last)
		e.Created, e.LastStarted = fromMicros(created), fromMicros(last)
		return e, err
	}, `
		select e.name, e.note, e.created, count(r.id), coalesce(max(r.started), 0)
		from experiment e left join run r on r.experiment = e.id and r.trashed is null
		group by e.id order by 5 desc, e.created desc`)
}

// Resolve returns the run whose id starts with prefix. If there are several, the
// error lists them.
func (s *Store) Resolve(ctx context.Context, prefix string) (RunID, error) {
	const most = 8
	ids, err := collect(ctx, s, func(rows *sql.Rows) (id string, err error) {
		return id, rows.Scan(&id)
	}, `select key from run where key >= ?1 and key < ?1 || x'7f' order by key = ?1 desc, key limit ?2`, prefix, most+1)
	switch {
	case err != nil:
		return "", fmt.Errorf("run %q: %w", prefix, err)
	case len(ids) == 0 || prefix == "":
		return "", fmt.Errorf("run %q: %w", prefix, ErrNotFound)
	case len(ids) == 1 || ids[0] == prefix:
		return RunID(ids[0]), nil
	case len(ids) > most:
		ids[most] = "…"
	}
	return "", fmt.Errorf("run %q: %w %s", prefix, ErrAmbiguous, strings.Join(ids, ", "))
}

// Run returns a run.
func (s *Store) Run(ctx context.Context, id RunID) (Run, error) {
	s.reap(ctx)
	row, err := s.row(ctx, id)
	if err != nil {
		return Run{}, err
	}
	runs, err := s.load(ctx, []int64{row})
	if err != nil {
		return Run{}, fmt.Errorf("run %s: %w", id, err)
	}
	if len(runs) == 0 {
		return Run{}, fmt.Errorf("run %s: %w", id, ErrNotFound)
	}
	r := runs[0]
	others := func(query string) (ids []RunID) {
		if err == nil {
			ids, err = collect(ctx, s, func(rows *sql.Rows) (id RunID, err error) { return id, rows.Scan(&id) }, query, id)
		}
		return ids
	}
	r.Children = others(`select key from run where parent = ? and trashed is null order by started, key`)
	r.Reruns = others(`select key from run where rerun_of = ? and trashed is null order by started, key`)
	return r, err
}

// load returns the runs with the rows, in their order.
func (s *Store) load(ctx context.Context, ids []int64) ([]Run, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	byRow := make(map[int64]*Run, len(ids))
	runs, err := collect(ctx, s, func(rows *sql.Rows) (*Run, error) {
		row, r, err := s.scanRun(rows)
		byRow[row] = r
		return r, err
	}, `
		select r.id, r.key, e.name, r.name, r.status, r.message, r.started, r.ended,
			coalesce(r.parent, ''), coalesce(r.rerun_of, ''), coalesce(r.verdict, ''), coalesce(r.grp, ''), r.note,
			r.host, r.pid, r.boot, r.birth, coalesce(r.last_step, 0), r.points, r.done, r.planned,
			r.origin, r.env, r.archived is not null, coalesce(r.trashed, 0)
		from json_each(?) j join run r on r.id = j.value join experiment e on e.id = r.experiment
		order by j.key`, string(list))
	if err != nil {
		return nil, err
	}
	_, err = collect(ctx, s, func(rows *sql.Rows) (none struct{}, err error) {
		var row int64
		var name, kind string
		var value any
		var bits sql.NullInt64
		if err := rows.Scan(&row, &name, &kind, &value, &bits); err != nil {
			return none, err
		}
		byRow[row].Params[name], err = decodeValue(kind, value, bits)
		return none, err
	}, `select p.run, n.text, p.kind, p.value, p.bits
		from json_each(?) j join param p on p.run = j.value join name n on n.id = p.name`, string(list))
	if err != nil {
		return nil, err
	}
	_, err = collect(ctx, s, func(rows *sql.Rows) (none struct{}, err error) {
		var row int64
		var key, value string
		if err := rows.Scan(&row, &key, &value); err != nil {
			return none, err
		}
		byRow[row].Tags[key] = value
		return none, nil
	}, `select t.run, n.text, t.value
		from json_each(?) j join tag t on t.run = j.value join name n on n.id = t.name`, string(list))
	if err != nil {
		return nil, err
	}
	_, err = collect(ctx, s, func(rows *sql.Rows) (none struct{}, err error) {
		var row int64
		var name string
		m, err := scanMetric(rows, &row, &name)
		if err == nil {
			byRow[row].Metrics[name] = m
		}
		return none, err
	}, `select s.run, n.text, `+metricColumns+`
		from json_each(?) j join series s on s.run = j.value join name n on n.id = s.name`, string(list))
	if err != nil {
		return nil, err
	}
	found := make([]Run, len(runs))
	for i, r := range runs {
		found[i] = *r
	}
	return found, nil
}

func (s *Store) scanRun(rows *sql.Rows) (row int64, r *Run, err error) {
	r = &Run{Tags: map[string]string{}, Params: map[string]Value{}, Metrics: map[string]Metric{}}
	var p process
	var started, trashed int64
	var ended sql.NullInt64
	var origin, env string
	err = rows.Scan(&row, &r.ID, &r.Experiment, &r.Name, &r.Status, &r.Message, &started, &ended,
		&r.Parent, &r.RerunOf, &r.Verdict, &r.Group, &r.Note,
		&p.host, &p.pid, &p.boot, &p.birth, &r.LastStep, &r.Points, &r.Done, &r.Planned,
		&origin, &env, &r.Archived, &trashed)
	if err != nil {
		return 0, nil, err
	}
	r.Host, r.PID = p.host, p.pid
	r.Started, r.Ended, r.Trashed = fromMicros(started), fromMicros(ended.Int64), fromMicros(trashed)
	// A run that may not be buried from here, because the store is only read or
	// the run's machine is another, is still not shown as running.
	if r.Status == Running && !lives(liveDir(s.path), r.ID, p) {
		r.Status = Killed
	}
	if err := json.Unmarshal([]byte(origin), &r.Origin); err != nil {
		return 0, nil, fmt.Errorf("run %s: origin: %w", r.ID, err)
	}
	if err := json.Unmarshal([]byte(env), &r.Env); err != nil {
		return 0, nil, fmt.Errorf("run %s: environment: %w", r.ID, err)
	}
	return row, r, nil
}

const metricColumns = `s.count, s.nans, s.pos_infs, s.neg_infs, s.last_bits, s.last_step, s.last_time,
	s.min, s.max, s.min_step, s.max_step, s.low, s.high`

// scanMetric scans metricColumns, after whatever else a row starts with.
func scanMetric(rows *sql.Rows, before ...any) (m Metric, err error) {
	var bits, at int64
	var low, high, small, large sql.NullFloat64
	err = rows.Scan(append(before, &m.Count, &m.NaNs, &m.PosInfs, &m.NegInfs, &bits, &m.LastStep, &at,
		&small, &large, &m.MinStep, &m.MaxStep, &low, &high)...)
	m.Last, m.LastTime = math.Float64frombits(uint64(bits)), time.UnixMicro(at).UTC()
	m.Min, m.Max, m.Low, m.High = float(small), float(large), float(low), float(high)
	return m, err
}

// MetricNames returns the names of a run's metrics, in order of first logging.
func (s *Store) MetricNames(ctx context.Context, id RunID) ([]string, error) {
	row, err := s.row(ctx, id)
	if err != nil {
		return nil, err
	}
	return collect(ctx, s, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) },
		`select n.text from series s join name n on n.id = s.name where s.run = ? order by s.id`, row)
}

// Figures returns a run's figures, in order of first appearance.
func (s *Store) Figures(ctx context.Context, id RunID) ([]Figure, error) {
	row, err := s.row(ctx, id)
	if err != nil {
		return nil, err
	}
	return collect(ctx, s, func(rows *sql.Rows) (f Figure, err error) {
		var option string
		err = rows.Scan(&f.ID, &f.Title, &option, &f.Alt, &f.Height)
		f.Option = json.RawMessage(option)
		return f, err
	}, `select id, title, option, alt, height from figure where run = ? order by pos`, row)
}

// Reports returns a run's reports, in order of first appearance.
func (s *Store) Reports(ctx context.Context, id RunID) ([]Report, error) {
	row, err := s.row(ctx, id)
	if err != nil {
		return nil, err
	}
	return collect(ctx, s, func(rows *sql.Rows) (r Report, err error) {
		var data string
		err = rows.Scan(&r.Name, &data)
		r.Data = json.RawMessage(data)
		return r, err
	}, `select name, data from report where run = ? order by pos`, row)
}

// DataUses returns the data that a run read, in order of recording.
func (s *Store) DataUses(ctx context.Context, id RunID) ([]DataUse, error) {
	row, err := s.row(ctx, id)
	if err != nil {
		return nil, err
	}
	var uses []DataUse
	last := int64(-1)
	_, err = collect(ctx, s, func(rows *sql.Rows) (none struct{}, err error) {
		var use int64
		var d DataUse
		var path, digest sql.NullString
		var size sql.NullInt64
		if err := rows.Scan(&use, &d.Name, &d.Split, &d.Rows, &path, &size, &digest); err != nil {
			return none, err
		}
		if use != last {
			uses, last = append(uses, d), use
		}
		if path.Valid {
			d := &uses[len(uses)-1]
			d.Files = append(d.Files, DataFile{path.String, size.Int64, Digest(digest.String)})
		}
		return none, nil
	}, `select u.id, u.name, u.split, u.rows, f.path, f.size, f.digest
		from data_use u left join data_file f on f.use = u.id where u.run = ? order by u.id, f.pos`, row)
	return uses, err
}

// Outputs returns what a run printed after the first skip pieces, in order.
func (s *Store) Outputs(ctx context.Context, id RunID, skip int64) ([]Output, error) {
	row, err := s.row(ctx, id)
	if err != nil {
		return nil, err
	}
	return collect(ctx, s, func(rows *sql.Rows) (o Output, err error) {
		var time int64
		err = rows.Scan(&time, &o.Stream, &o.Text)
		o.Time = fromMicros(time)
		return o, err
	}, `select time, stream, text from output where run = ? and seq > ? order by seq`, row, skip)
}

// edit changes a run.
func (s *Store) edit(ctx context.Context, id RunID, f func(tx *sql.Tx, row int64) error) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		var row int64
		err := tx.QueryRow(`select id from run where key = ?`, id).Scan(&row)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return f(tx, row)
	})
	if err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	return nil
}

func (s *Store) update(ctx context.Context, id RunID, set string, values ...any) error {
	return s.edit(ctx, id, func(tx *sql.Tx, row int64) error {
		_, err := tx.Exec(`update run set `+set+` where id = ?`, append(values, row)...)
		return err
	})
}

// Rename gives a run another name.
func (s *Store) Rename(ctx context.Context, id RunID, name string) error {
	return s.update(ctx, id, `name = ?`, name)
}

// SetNote sets a run's note.
func (s *Store) SetNote(ctx context.Context, id RunID, note string) error {
	return s.update(ctx, id, `note = ?`, note)
}

// SetVerdict keeps what comparing a rerun with the run it repeats said.
func (s *Store) SetVerdict(ctx context.Context, id RunID, verdict string) error {
	return s.update(ctx, id, `verdict = nullif(?, '')`, verdict)
}

// SetReport keeps a report, as JSON, with a run that has ended. One of the same
// name is replaced.
func (s *Store) SetReport(ctx context.Context, id RunID, name string, report []byte) error {
	return s.edit(ctx, id, func(tx *sql.Tx, row int64) error { return setReport(tx, row, name, report) })
}

// Siblings returns the runs that the program of a run started, by their number.
func (s *Store) Siblings(ctx context.Context, id RunID) (map[int]RunID, error) {
	runs := map[int]RunID{}
	_, err := collect(ctx, s, func(rows *sql.Rows) (none struct{}, err error) {
		var n int
		var key RunID
		err = rows.Scan(&n, &key)
		runs[n] = key
		return none, err
	}, `select coalesce(o.origin ->> 'run', 1), o.key from run r join run o
			on o.host = r.host and o.pid = r.pid and o.boot = r.boot and o.birth = r.birth and o.origin ->> 'program' is r.origin ->> 'program'
		where r.key = ?`, id)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	return runs, nil
}

// SetTag sets a tag of a run.
func (s *Store) SetTag(ctx context.Context, id RunID, key, value string) error {
	return s.edit(ctx, id, func(tx *sql.Tx, row int64) error { return setTag(tx, row, key, value) })
}

// RemoveTag removes a tag of a run, if it has it.
func (s *Store) RemoveTag(ctx context.Context, id RunID, key string) error {
	return s.edit(ctx, id, func(tx *sql.Tx, row int64) error {
		_, err := tx.Exec(`delete from tag where run = ? and name = (select id from name where text = ?)`, row, key)
		return err
	})
}

// Archive sets whether a run is archived, that is, kept but out of the way.
func (s *Store) Archive(ctx context.Context, id RunID, archived bool) error {
	return s.update(ctx, id, `archived = nullif(?, false)`, archived)
}

// Trash puts a run in the trash. GC deletes it for good.
func (s *Store) Trash(ctx context.Context, id RunID) error {
	return s.update(ctx, id, `trashed = ?`, time.Now().UnixMicro())
}

// Restore takes a run out of the trash.
func (s *Store) Restore(ctx context.Context, id RunID) error {
	return s.update(ctx, id, `trashed = null`)
}

// SetExperimentNote sets an experiment's note.
func (s *Store) SetExperimentNote(ctx context.Context, name, note string) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		return execFound(tx, `update experiment set note = ? where name = ?`, note, name)
	})
	if err != nil {
		return fmt.Errorf("experiment %s: %w", name, err)
	}
	return nil
}

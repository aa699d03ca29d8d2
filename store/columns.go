package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/mattn/go-sqlite3"
)

// MetricColumn is one metric of many runs: Last[i], Min[i] and Max[i] are those
// of the i-th run, NaN where the run has none.
type MetricColumn struct {
	Name           string
	Last, Min, Max []float64
}

// MetricColumns returns metrics of runs, for tables and plots of many runs: a
// hundred times as fast as as many calls of Run. Unknown runs and metrics have
// NaN.
func (s *Store) MetricColumns(ctx context.Context, runs []RunID, names []string) ([]MetricColumn, error) {
	s.catchUpAll()
	p, err := s.places(ctx, runs)
	if err != nil {
		return nil, err
	}
	columns := make([]MetricColumn, len(names))
	err = inParallel(len(names), func(n int) error {
		series, args, err := p.series(names[n])
		if err != nil {
			return err
		}
		c := MetricColumn{names[n], nans(len(runs)), nans(len(runs)), nans(len(runs))}
		columns[n] = c
		return s.scanFast(ctx, func(v []driver.Value) error {
			for _, i := range p.at[v[0].(int64)] {
				c.Last[i] = math.Float64frombits(uint64(v[1].(int64)))
				if low, finite := v[2].(float64); finite {
					c.Min[i], c.Max[i] = low, v[3].(float64)
				}
			}
			return nil
		}, `select x.run, x.last_bits, x.min, x.max from `+series, args...)
	})
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return columns, nil
}

// ValuesAt returns, for each name, the value that each run last logged at a
// step; NaN where it logged none. What it has read from chunks it remembers: the
// next call for the same step reads only the runs that have been written since.
func (s *Store) ValuesAt(ctx context.Context, runs []RunID, names []string, step int64) ([][]float64, error) {
	s.catchUpAll()
	p, err := s.places(ctx, runs)
	if err != nil {
		return nil, err
	}
	byPlace := make([][]float64, len(names)) // as p.runs
	unknown := make([]bool, len(p.runs))
	for n, name := range names {
		byPlace[n] = s.remembered.recall(valueColumn{name, step}, p.runs, unknown)
	}
	if err := s.readValues(ctx, p.runs, unknown, names, step, byPlace); err != nil {
		return nil, fmt.Errorf("values at step %d: %w", step, err)
	}
	values := make([][]float64, len(names))
	for n, name := range names {
		s.remembered.add(valueColumn{name, step}, knownValues{p.runs, byPlace[n]})
		values[n] = nans(len(runs))
	}
	for place, r := range p.runs {
		for _, i := range p.at[r.row] {
			for n := range names {
				values[n][i] = byPlace[n][place]
			}
		}
	}
	return values, nil
}

// readValues sets the values at a step of the runs that are unknown. It reads all
// metrics of a run together, because they lie together in the file.
func (s *Store) readValues(ctx context.Context, runs []runState, unknown []bool, names []string, step int64, values [][]float64) error {
	var rows []int64
	place := map[int64]int{} // row → index in runs
	for i, r := range runs {
		if unknown[i] {
			rows = append(rows, r.row)
			place[r.row] = i
		}
	}
	if len(rows) == 0 {
		return nil
	}
	ids, at, err := s.nameIDs(ctx, names)
	if err != nil {
		return err
	}
	const some = 500 // runs a query, so that all processors have an equal part
	parts := slices.Collect(slices.Chunk(rows, some))
	return inParallel(len(parts), func(n int) error {
		part, err := json.Marshal(parts[n])
		if err != nil {
			return err
		}
		var run, name, latest int64 // latest is where the last chunk of the series starts that has the step
		var k codec
		// Left to itself, SQLite goes through the file once for each metric. The
		// index has this order; to have the chunks of a series in theirs, it would sort.
		return s.scanFast(ctx, func(v []driver.Value) error {
			value, found, err := k.valueAt(v[3].([]byte), step)
			if err != nil || !found {
				return err
			}
			start := v[2].(int64)
			if v[0] == run && v[1] == name && start < latest {
				return nil
			}
			run, name, latest = v[0].(int64), v[1].(int64), start
			for _, n := range at[name] {
				values[n][place[run]] = value
			}
			return nil
		}, `select x.run, x.name, c.start, c.data from series x indexed by series_run cross join chunk c on c.series = x.id
			where x.run in (select value from json_each(?)) and x.name in (select value from json_each(?)) and c.low <= ? and c.high >= ?
			order by x.run, x.name`, string(part), ids, step, step)
	})
}

// nameIDs returns the ids of names as a JSON list, and which of the names each
// id is of. It leaves out names that the store does not have.
func (s *Store) nameIDs(ctx context.Context, names []string) (list string, at map[int64][]int, err error) {
	at = map[int64][]int{}
	for i, name := range names {
		var id int64
		err := s.read.QueryRowContext(ctx, `select id from name where text = ?`, name).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return "", nil, hint(err)
		}
		at[id] = append(at[id], i)
	}
	ids, err := json.Marshal(slices.Collect(maps.Keys(at)))
	return string(ids), at, err
}

// places is where runs are, in the store and among those asked for.
type places struct {
	runs []runState      // by row
	at   map[int64][]int // row → indices
}

func (s *Store) places(ctx context.Context, runs []RunID) (places, error) {
	asked := make(map[RunID][]int, len(runs))
	for i, id := range runs {
		asked[id] = append(asked[id], i)
	}
	ids, err := json.Marshal(runs)
	if err != nil {
		return places{}, err
	}
	p := places{at: make(map[int64][]int, len(runs))}
	err = s.scanFast(ctx, func(v []driver.Value) error {
		r := runState{v[0].(int64), RunID(v[1].(string)), v[2].(int64)}
		p.at[r.row] = asked[r.id]
		p.runs = append(p.runs, r)
		return nil
	}, `select distinct r.id, r.key, r.segment from json_each(?) j cross join run r on r.key = j.value order by r.id`, string(ids))
	if err != nil {
		return places{}, fmt.Errorf("runs: %w", err)
	}
	return p, nil
}

// series returns the SQL of the series of the metric and the runs, and perhaps
// of others, and its arguments.
func (p places) series(name string) (sql string, args []any, err error) {
	const named = `series x where x.name = (select id from name where text = ?) and `
	// Most of the runs in a stretch are read as one; a few are looked up.
	if n := len(p.runs); n > 0 && p.runs[n-1].row-p.runs[0].row < 8*int64(n) {
		return named + `x.run between ? and ?`, []any{name, p.runs[0].row, p.runs[n-1].row}, nil
	}
	list, err := json.Marshal(slices.Collect(maps.Keys(p.at)))
	return named + `x.run in (select value from json_each(?))`, []any{name, string(list)}, err
}

func nans(n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = math.NaN()
	}
	return all
}

// inParallel calls f(0) … f(n-1), on all processors, and returns the first error.
func inParallel(n int, f func(int) error) error {
	var wait sync.WaitGroup
	errs := make([]error, n)
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		slots <- struct{}{}
		wait.Go(func() {
			errs[i] = f(i)
			<-slots
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// scanFast is collect for many rows: without database/sql's conversions, which
// take longer than SQLite does. The values are valid during the call.
func (s *Store) scanFast(ctx context.Context, row func([]driver.Value) error, query string, args ...any) error {
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return hint(err)
	}
	defer conn.Close()
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return hint(conn.Raw(func(c any) error {
		rows, err := c.(*sqlite3.SQLiteConn).QueryContext(ctx, query, named)
		if err != nil {
			return err
		}
		defer rows.Close()
		values := make([]driver.Value, len(rows.Columns()))
		for {
			if err := rows.Next(values); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if err := row(values); err != nil {
				return err
			}
		}
	}))
}

// Each goes through all runs that q describes, whatever its Limit and Offset,
// some at a time. It ends after the first error.
func (s *Store) Each(ctx context.Context, q Query) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		s.reap(ctx)
		s.catchUpAll()
		rows, err := s.find(ctx, q)
		const some = 200
		for len(rows) > 0 && err == nil {
			n := min(some, len(rows))
			var runs []Run
			runs, err = s.load(ctx, rows[:n])
			rows = rows[n:]
			for _, r := range runs {
				if !yield(r, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(Run{}, fmt.Errorf("runs: %w", err))
		}
	}
}

package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"runtime"
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
		}, `select x.run, x.last_bits, x.min, x.max from `+p.series, p.args(names[n])...)
	})
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return columns, nil
}

// ValuesAt returns, for each name, the value that each run last logged at a
// step; NaN where it logged none. What it has read from chunks it remembers: the
// next call for the same step reads only the series that have grown since.
func (s *Store) ValuesAt(ctx context.Context, runs []RunID, names []string, step int64) ([][]float64, error) {
	s.catchUpAll()
	p, err := s.places(ctx, runs)
	if err != nil {
		return nil, err
	}
	values := make([][]float64, len(names))
	err = inParallel(len(names), func(n int) error {
		values[n] = nans(len(runs))
		known := s.remembered.column(names[n], step)
		rows := map[int64]int64{} // series → run
		var unknown []int64
		fresh := map[int64]seriesValue{}
		err := s.scanFast(ctx, func(v []driver.Value) error {
			row, series := v[0].(int64), v[1].(int64)
			now := seriesValue{count: v[2].(int64), time: v[3].(int64), value: math.NaN()}
			if was, found := known[series]; found && was.count == now.count && was.time == now.time {
				now.value = was.value
			} else {
				unknown = append(unknown, series)
			}
			rows[series], fresh[series] = row, now
			return nil
		}, `select x.run, x.id, x.count, coalesce(x.last_time, 0) from `+p.series, p.args(names[n])...)
		if err != nil {
			return err
		}
		if err := s.readValues(ctx, unknown, step, fresh); err != nil {
			return err
		}
		for series, v := range fresh {
			for _, i := range p.at[rows[series]] {
				values[n][i] = v.value
			}
		}
		s.remembered.add(names[n], step, fresh)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("values at step %d: %w", step, err)
	}
	return values, nil
}

// readValues sets the values of the series at the step, where there is one.
func (s *Store) readValues(ctx context.Context, series []int64, step int64, values map[int64]seriesValue) error {
	if len(series) == 0 {
		return nil
	}
	list, err := json.Marshal(series)
	if err != nil {
		return err
	}
	var k codec
	return s.scanFast(ctx, func(v []driver.Value) error {
		value, found, err := k.valueAt(v[1].([]byte), step)
		if found {
			id := v[0].(int64)
			known := values[id]
			known.value = value // of several chunks, the last counts
			values[id] = known
		}
		return err
	}, `select j.value, c.data from json_each(?) j cross join chunk c on c.series = j.value and c.low <= ? and c.high >= ?
		order by j.key, c.start`, string(list), step, step)
}

// places is where runs are, in the store and among those asked for.
type places struct {
	at     map[int64][]int // row → indices
	series string          // the SQL of the series of these runs, and perhaps others
	first  any             // arguments of series, with the name between them
	last   []any
}

func (p places) args(name string) []any { return append([]any{name, p.first}, p.last...) }

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
	var rows []int64
	err = s.scanFast(ctx, func(v []driver.Value) error {
		row := v[0].(int64)
		p.at[row] = asked[RunID(v[1].(string))]
		rows = append(rows, row)
		return nil
	}, `select distinct r.id, r.key from json_each(?) j cross join run r on r.key = j.value order by r.id`, string(ids))
	if err != nil {
		return places{}, fmt.Errorf("runs: %w", err)
	}
	// Most of the runs in a stretch are read as one; a few are looked up.
	const name = `series x where x.name = (select id from name where text = ?) and `
	if n := len(rows); n > 0 && rows[n-1]-rows[0] < 8*int64(n) {
		p.series, p.first, p.last = name+`x.run between ? and ?`, rows[0], []any{rows[n-1]}
		return p, nil
	}
	list, err := json.Marshal(rows)
	p.series, p.first = name+`x.run in (select value from json_each(?))`, string(list)
	return p, err
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

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/mattn/go-sqlite3"
)

// SQL runs a query of a user's own and calls row for each row, first with the
// names of the columns and no values. Values are nil, int64, float64, string or
// []byte, valid during the call. Nothing can be written. Beside the tables there
// are views for people: runs, params, tags, metrics, artifacts, data, and points
// (run, name, ordinal, step, time, value; a value of NaN is null).
func (s *Store) SQL(ctx context.Context, query string, row func(columns []string, values []any) error) error {
	s.reap(ctx)
	s.catchUpAll()
	db := sql.OpenDB(s.reader())
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("sql: %w", hint(err))
	}
	defer conn.Close()
	// Not even another file, by attach or by vacuum into.
	err = conn.Raw(func(c any) error {
		c.(*sqlite3.SQLiteConn).SetLimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
		return nil
	})
	if err != nil {
		return fmt.Errorf("sql: %w", hint(err))
	}
	if _, err := conn.ExecContext(ctx, pointsView+`; pragma query_only = true`); err != nil {
		return fmt.Errorf("sql: %w", hint(err))
	}
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("sql: %w", hint(err))
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("sql: %w", hint(err))
	}
	if err := row(columns, nil); err != nil {
		return err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("sql: %w", hint(err))
		}
		for i, v := range values {
			// The driver makes times of columns that are declared so.
			if t, ok := v.(time.Time); ok {
				values[i] = t.Format(time.RFC3339Nano)
			}
		}
		if err := row(columns, values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("sql: %w", hint(err))
	}
	return nil
}

// pointsView is temporary because it needs a function of ours, which other
// programs that open the file do not have.
const pointsView = `
	create temp view points as
	select r.key as run, n.text as name, c.start + j.key as ordinal, j.value ->> 0 as step,
		strftime('%Y-%m-%dT%H:%M:%fZ', (j.value ->> 1) / 1e6, 'unixepoch') as time, j.value ->> 2 as value
	from chunk c join series s on s.id = c.series join run r on r.id = s.run join name n on n.id = s.name
		join json_each(points_json(c.data)) j
	order by c.series, c.start, j.key`

package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Query says which runs to list. The zero Query is the latest 50.
type Query struct {
	Experiment string   // "" means all
	Where      string   // in the query language; "" means all
	Sort       []string // "started", "-metric.auc" …, "-" for falling; nil means "-started"
	Limit      int      // 0 means 50, -1 all
	Offset     int
	Trash      bool // those in the trash, instead of those that are not
	Archived   bool // also those that are archived
}

// Page is a part of the runs that a Query finds.
type Page struct {
	Runs  []Run
	Total int // found in all
}

// Runs returns a page of the runs that q describes. A mistake in q is a
// *QueryError.
func (s *Store) Runs(ctx context.Context, q Query) (Page, error) {
	s.reap(ctx)
	s.catchUpAll()
	if q.Limit == 0 {
		q.Limit = 50
	}
	query, args, err := s.compile(ctx, q)
	if err != nil {
		return Page{}, err
	}
	var p Page
	ids, err := collect(ctx, s, func(rows *sql.Rows) (id int64, err error) { return id, rows.Scan(&id, &p.Total) }, query, args...)
	if err != nil {
		return Page{}, fmt.Errorf("runs: %w", err)
	}
	p.Runs, err = s.load(ctx, ids)
	return p, err
}

// compile returns the SQL that finds the rows of the runs and their number.
func (s *Store) compile(ctx context.Context, q Query) (string, []any, error) {
	where := `r.trashed is null`
	if q.Trash {
		where = `r.trashed is not null`
	}
	if !q.Archived {
		where += ` and r.archived is null`
	}
	var args []any
	if q.Experiment != "" {
		where += ` and r.experiment = (select id from experiment where name = ?)`
		args = append(args, q.Experiment)
	}
	return `select r.id, count(*) over () from run r where ` + where + ` order by r.started desc, r.key desc limit ? offset ?`,
		append(args, q.Limit, q.Offset), nil
}

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Query says which runs to list. The zero Query is the latest 50.
type Query struct {
	Experiment string   // "" means all
	Where      string   // in the query language; "" means all
	Sort       []string // fields of the query language, "-" before one for falling; nil means "-started"
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

// Runs returns a page of the runs that q describes. Runs that lack a field they
// are sorted by come last. A mistake in Where or Sort is a *QueryError.
func (s *Store) Runs(ctx context.Context, q Query) (Page, error) {
	s.reap(ctx)
	s.catchUpAll()
	rows, err := s.find(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("runs: %w", err)
	}
	total := len(rows)
	rows = rows[min(max(q.Offset, 0), total):]
	if q.Limit == 0 {
		q.Limit = 50
	}
	if q.Limit > 0 {
		rows = rows[:min(q.Limit, len(rows))]
	}
	runs, err := s.load(ctx, rows)
	if err != nil {
		return Page{}, fmt.Errorf("runs: %w", err)
	}
	return Page{runs, total}, nil
}

// find returns the rows of all runs that q describes, in its order.
func (s *Store) find(ctx context.Context, q Query) ([]int64, error) {
	now := time.Now()
	scope := `r.trashed is null`
	if q.Trash {
		scope = `r.trashed is not null`
	}
	if !q.Archived {
		scope += ` and r.archived is null`
	}
	var args []any
	if q.Experiment != "" {
		scope += ` and r.experiment = (select id from experiment where name = ?)`
		args = append(args, q.Experiment)
	}
	rows, err := s.rowList(ctx, `select r.id from run r where `+scope+` order by r.started desc, r.id desc`, args...)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(q.Where) != "" {
		found, err := s.filter(ctx, q.Where, now)
		if err != nil {
			return nil, err
		}
		rows = slices.DeleteFunc(rows, func(row int64) bool { return !found.has(row) })
	}
	if len(q.Sort) > 0 && !slices.Equal(q.Sort, []string{"-started"}) {
		return s.sort(ctx, rows, q.Sort, now)
	}
	return rows, nil
}

// sort returns the rows, which come latest first, in the order of the keys.
func (s *Store) sort(ctx context.Context, rows []int64, keys []string, now time.Time) ([]int64, error) {
	var terms []string
	var args []any
	var first operand
	for i, key := range keys {
		name, falling := strings.CutPrefix(key, "-")
		p, err := s.newParser(ctx, name, now)
		if err != nil {
			return nil, err
		}
		f, err := p.operand()
		if err != nil {
			return nil, err
		}
		if t := p.peek(); t.kind != tokenEnd {
			return nil, p.wrong(t, "expected the end of the field to sort by, found %v", t)
		}
		if i == 0 {
			first = f
		}
		term, more := f.key()
		if falling {
			term += " desc"
		}
		terms = append(terms, term+" nulls last")
		args = append(args, more...)
	}
	if len(keys) == 1 && first.indexed {
		return s.sortByIndex(ctx, rows, first, strings.HasPrefix(keys[0], "-"))
	}
	list, err := json.Marshal(rows)
	if err != nil {
		return nil, err
	}
	return s.rowList(ctx, `select r.id from json_each(?) j cross join run r on r.id = j.value order by `+strings.Join(terms, ", ")+`, j.key`,
		append([]any{string(list)}, args...)...)
}

// sortByIndex is sort for one key that an index has in order.
func (s *Store) sortByIndex(ctx context.Context, rows []int64, key operand, falling bool) ([]int64, error) {
	order := ""
	if falling {
		order = " desc"
	}
	ordered, err := s.rowList(ctx, `select x.run from `+key.from+` and `+key.column+` is not null order by `+key.column+order+`, x.run desc`, key.first...)
	if err != nil {
		return nil, err
	}
	asked := setOf(rows)
	keyed := slices.DeleteFunc(ordered, func(row int64) bool { return !asked.has(row) })
	have := setOf(keyed)
	for _, row := range rows {
		if !have.has(row) {
			keyed = append(keyed, row)
		}
	}
	return keyed, nil
}

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
	// Each of these is one scan of an index, and they do not need each other.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	inScope := concurrently(func() ([]int64, error) {
		return s.rowList(ctx, `select r.id from run r where `+scope+` order by r.started desc, r.id desc`, args...)
	})
	order, err := s.order(ctx, q.Sort, now)
	if err != nil {
		return nil, err
	}
	filter := lazySet(allRuns)
	if strings.TrimSpace(q.Where) != "" {
		if filter, err = s.filter(ctx, q.Where, now); err != nil {
			return nil, err
		}
	}
	rows, err := inScope()
	if err != nil {
		return nil, err
	}
	found, err := filter()
	if err != nil {
		return nil, err
	}
	return order(slices.DeleteFunc(rows, func(row int64) bool { return !found.has(row) }))
}

// concurrently calls f in the background, and returns a function that waits for
// its results.
func concurrently[T any](f func() (T, error)) func() (T, error) {
	var v T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		v, err = f()
	}()
	return func() (T, error) {
		<-done
		return v, err
	}
}

// order returns a function that puts rows, which come latest first, in the order
// of the keys.
func (s *Store) order(ctx context.Context, keys []string, now time.Time) (func(rows []int64) ([]int64, error), error) {
	if len(keys) == 0 || slices.Equal(keys, []string{"-started"}) {
		return func(rows []int64) ([]int64, error) { return rows, nil }, nil
	}
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
		ordered := concurrently(func() ([]int64, error) { return s.inOrder(ctx, first, strings.HasPrefix(keys[0], "-")) })
		return func(rows []int64) ([]int64, error) {
			all, err := ordered()
			return orderedAs(rows, all), err
		}, nil
	}
	return func(rows []int64) ([]int64, error) {
		list, err := json.Marshal(rows)
		if err != nil {
			return nil, err
		}
		return s.rowList(ctx, `select r.id from json_each(?) j cross join run r on r.id = j.value order by `+strings.Join(terms, ", ")+`, j.key`,
			append([]any{string(list)}, args...)...)
	}, nil
}

// inOrder returns the rows of all runs that have the key, in its order, and the
// latest first where it is the same. An index has them so, except that those of
// one value come latest last when values rise: these are turned around.
func (s *Store) inOrder(ctx context.Context, key operand, falling bool) ([]int64, error) {
	where := ` from ` + key.from + ` and ` + key.column + ` is not null`
	if falling {
		return s.rowList(ctx, `select x.run`+where+` order by `+key.column+` desc, x.run desc`, key.first...)
	}
	rows, err := s.rowList(ctx, `select group_concat(x.run, ' ') || ' 0'`+where+` group by `+key.column+` order by `+key.column, key.first...)
	ordered, begin := rows[:0], 0
	for i, row := range rows {
		if row == 0 { // no run has this row: the end of a value
			slices.Reverse(rows[begin:i])
			ordered, begin = append(ordered, rows[begin:i]...), i+1
		}
	}
	return ordered, err
}

// orderedAs returns the rows in the order that they have in all, and behind them
// those that are not in it.
func orderedAs(rows, all []int64) []int64 {
	asked := setOf(rows)
	keyed := slices.DeleteFunc(all, func(row int64) bool { return !asked.has(row) })
	have := setOf(keyed)
	for _, row := range rows {
		if !have.has(row) {
			keyed = append(keyed, row)
		}
	}
	return keyed
}

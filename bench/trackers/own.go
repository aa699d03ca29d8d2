package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/store"
)

// own is one of our two trackers, with the words of peers.py's.
type own interface {
	start(name string, params map[string]any) error
	log(step int64, names []string, values []float64) error
	bulk(name string, n int) error // a whole run with n points of loss
	end() error
	list() (int, error)
	history(name string) (int, error)
	version() string
}

// child does what peers.py does, for our own trackers.
func child(args []string) error {
	if len(args) < 3 {
		return errors.New("a child needs a tracker, a word and a folder")
	}
	t, err := openOwn(args[0], args[2])
	if err != nil {
		return err
	}
	switch args[1] {
	case "measure":
		var w work
		if err := json.Unmarshal([]byte(args[3]), &w); err != nil {
			return err
		}
		f, err := measure(t, w)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(f)
	case "log":
		n, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		if err := t.start("killed", nil); err != nil {
			return err
		}
		for i := range n {
			if err := t.log(int64(i), []string{"loss"}, []float64{value(i)}); err != nil {
				return err
			}
		}
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "count":
		n, err := t.history("killed")
		fmt.Println(n)
		return err
	}
	return fmt.Errorf("no such word: %s", args[1])
}

func openOwn(name, dir string) (own, error) {
	if name == "floor" {
		return openFloor(dir)
	}
	return openAssay(dir)
}

// errNone says that a tracker has no way to do something.
var errNone = errors.New("there is no way to do it")

// value is a loss-like curve that never repeats.
func value(i int) float64 { return math.Exp(-float64(i)/20000) + 0.01*math.Sin(float64(i)*0.37) }

var metricNames = []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"}

// figures are what is printed of it: rates in points a second, times in ms.
type figures struct {
	Version string  `json:"version"`
	Single  float64 `json:"single"` // one metric a call
	Ten     float64 `json:"ten"`
	Bulk    float64 `json:"bulk"`
	List    float64 `json:"list,omitempty"`
	History float64 `json:"history"`
}

func measure(t own, w work) (f figures, err error) {
	f.Version = t.version()
	if f.Single, err = rate(t, w.Seconds, []string{"loss"}); err != nil {
		return f, err
	}
	if f.Ten, err = rate(t, w.Seconds, metricNames); err != nil {
		return f, err
	}
	begin := time.Now()
	if err := t.bulk("history", w.History); err != nil {
		return f, err
	}
	f.Bulk = float64(w.History) / time.Since(begin).Seconds()
	values := make([]float64, len(metricNames))
	for run := range w.Runs {
		params := map[string]any{}
		for k := range 20 {
			params["p"+strconv.Itoa(k)] = run * 7919 % (k + 3)
		}
		if err := t.start("listed"+strconv.Itoa(run), params); err != nil {
			return f, err
		}
		for step := range 10 {
			for k := range values {
				values[k] = value(run + step)
			}
			if err := t.log(int64(step), metricNames, values); err != nil {
				return f, err
			}
		}
		if err := t.end(); err != nil {
			return f, err
		}
	}
	if f.List, err = medianMS(t.list, w.Runs, w.Rounds); err != nil && !errors.Is(err, errNone) {
		return f, fmt.Errorf("list: %w", err)
	}
	f.History, err = medianMS(func() (int, error) { return t.history("history") }, w.History, w.Rounds)
	return f, err
}

// rate returns points a second, from the first call until the run has ended: the
// best of three runs.
func rate(t own, seconds float64, names []string) (float64, error) {
	best := 0.0
	for n := range 3 {
		r, err := rateOnce(t, seconds/3, names, fmt.Sprintf("rate%d-%d", len(names), n))
		if err != nil {
			return 0, err
		}
		best = max(best, r)
	}
	return best, nil
}

func rateOnce(t own, seconds float64, names []string, name string) (float64, error) {
	if err := t.start(name, nil); err != nil {
		return 0, err
	}
	values := make([]float64, len(names))
	begin := time.Now()
	i := 0
	for time.Since(begin).Seconds() < seconds {
		for range 10 {
			for k := range values {
				values[k] = value(i)
			}
			if err := t.log(int64(i), names, values); err != nil {
				return 0, err
			}
			i++
		}
	}
	if err := t.end(); err != nil {
		return 0, err
	}
	return float64(i*len(names)) / time.Since(begin).Seconds(), nil
}

// medianMS returns the median of some calls after one that warms up, which must
// give want rows.
func medianMS(f func() (int, error), want, rounds int) (float64, error) {
	got, err := f()
	if err == nil && got != want {
		err = fmt.Errorf("%d rows instead of %d", got, want)
	}
	var times []float64
	for range rounds {
		if err != nil {
			return 0, err
		}
		begin := time.Now()
		_, err = f()
		times = append(times, float64(time.Since(begin).Microseconds())/1000)
	}
	slices.Sort(times)
	return times[len(times)/2], err
}

// assay is what this repository makes, as its users call it.
type assay struct {
	s   *store.Store
	run *experiments.Run
}

const storeFile = "assay.db"

func openAssay(dir string) (own, error) {
	file := filepath.Join(dir, storeFile)
	if err := os.Setenv("ASSAY_STORE", file); err != nil {
		return nil, err
	}
	s, err := store.Open(file)
	return &assay{s: s}, err
}

func (a *assay) version() string { return "" }

// start starts a run of an experiment that has its name, so that it is found again.
func (a *assay) start(name string, params map[string]any) (err error) {
	if strings.HasPrefix(name, "listed") {
		name = "listed"
	}
	if a.run, err = experiments.Start(context.Background(), name); err == nil && params != nil {
		a.run.Params(params)
	}
	return err
}

func (a *assay) log(step int64, names []string, values []float64) error {
	return a.run.Step(step, names, values)
}

func (a *assay) end() error { return a.run.End(nil) }

func (a *assay) bulk(name string, n int) error {
	w, err := a.s.Start(context.Background(), store.NewRun{Experiment: name})
	if err != nil {
		return err
	}
	points := make([]store.Point, 0, 10_000)
	begin := time.Now()
	for i := range n {
		points = append(points, store.Point{Step: int64(i), Time: begin.Add(time.Duration(i) * time.Millisecond), Value: value(i)})
		if len(points) == cap(points) || i == n-1 {
			if err := w.Append("loss", points); err != nil {
				return err
			}
			points = points[:0]
		}
	}
	return w.End(store.Finished, "")
}

func (a *assay) list() (int, error) {
	page, err := a.s.Runs(context.Background(), store.Query{Experiment: "listed", Limit: -1})
	return len(page.Runs), err
}

func (a *assay) history(name string) (int, error) {
	page, err := a.s.Runs(context.Background(), store.Query{Experiment: name, Limit: 1})
	if err != nil || len(page.Runs) == 0 {
		return 0, err
	}
	points, err := a.s.Series(context.Background(), page.Runs[0].ID, "loss")
	return len(points), err
}

// floor is no tracker: it is how fast the SQLite driver puts points into a table,
// a transaction a call, in WAL mode with synchronous NORMAL.
type floor struct {
	db     *sql.DB
	insert *sql.Stmt
	run    int64 // the one begun last
}

func openFloor(dir string) (own, error) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "floor.db")+"?_journal_mode=WAL&_synchronous=NORMAL&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`
		create table if not exists run (id integer primary key, name text unique);
		create table if not exists point (run integer, metric text, step integer, time integer, value real,
			primary key (run, metric, step)) without rowid`)
	if err != nil {
		return nil, err
	}
	insert, err := db.Prepare(`insert into point values (?, ?, ?, ?, ?)`)
	return &floor{db: db, insert: insert}, err
}

func (f *floor) version() string {
	version, _, _ := sqlite3.Version()
	return "with SQLite " + version
}

func (f *floor) start(name string, params map[string]any) error {
	return f.db.QueryRow(`insert into run (name) values (?) returning id`, name).Scan(&f.run)
}

func (f *floor) log(step int64, names []string, values []float64) error {
	now := time.Now().UnixMicro()
	if len(names) == 1 {
		_, err := f.insert.Exec(f.run, names[0], step, now, values[0])
		return err
	}
	return f.transact(func(insert *sql.Stmt) error {
		for i, name := range names {
			if _, err := insert.Exec(f.run, name, step, now, values[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *floor) transact(do func(insert *sql.Stmt) error) error {
	tx, err := f.db.Begin()
	if err != nil {
		return err
	}
	if err := do(tx.Stmt(f.insert)); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (f *floor) bulk(name string, n int) error {
	if err := f.start(name, nil); err != nil {
		return err
	}
	for first := 0; first < n; first += 1000 {
		err := f.transact(func(insert *sql.Stmt) error {
			for i := first; i < min(first+1000, n); i++ {
				if _, err := insert.Exec(f.run, "loss", i, time.Now().UnixMicro(), value(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *floor) end() error { return nil }

// list is not for the floor, which has no params.
func (f *floor) list() (int, error) { return 0, errNone }

func (f *floor) history(name string) (int, error) {
	rows, err := f.db.Query(`select p.step, p.time, p.value from point p join run r on r.id = p.run where r.name = ? and p.metric = 'loss'`, name)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var step, us int64
		var value float64
		if err := rows.Scan(&step, &us, &value); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

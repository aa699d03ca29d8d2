package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// loss is a curve that falls and swings, as a loss does, with all its digits.
func loss(i int) float64 { return math.Exp(-float64(i)/20000) + 0.01*math.Sin(float64(i)*0.37) }

// cpu returns a function that reports the processor time of an operation, which
// says more than the clock on a machine with other work to do.
func cpu(b *testing.B) func() {
	used := func() float64 {
		var r syscall.Rusage
		check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
		return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e6
	}
	before := used()
	return func() { b.ReportMetric((used()-before)/float64(b.N), "cpu-ms/op") }
}

func BenchmarkStep(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("metrics=%d", n), func(b *testing.B) {
			s := open(b)
			w := start(b, s, NewRun{})
			names, values := make([]string, n), make([]float64, n)
			for i := range names {
				names[i] = fmt.Sprintf("metric_%d", i)
			}
			b.ResetTimer()
			for i := range b.N {
				for j := range values {
					values[j] = loss(i + j)
				}
				if err := w.Step(int64(i), names, values); err != nil {
					b.Fatal(err)
				}
			}
			check(b, w.End(Finished, "")) // all in the store, and synced
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "points/s")
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	s := open(b)
	w := start(b, s, NewRun{})
	points := make([]Point, 10000)
	now := time.Now()
	b.ResetTimer()
	for i := range b.N {
		for j := range points {
			n := i*len(points) + j
			points[j] = Point{int64(n), now.Add(time.Duration(n) * 15 * time.Millisecond), loss(n)}
		}
		check(b, w.Append("loss", points))
	}
	check(b, w.End(Finished, ""))
	b.ReportMetric(float64(b.N*len(points))/b.Elapsed().Seconds(), "points/s")
}

func BenchmarkWindow(b *testing.B) {
	s := open(b)
	w := start(b, s, NewRun{})
	const n = 10_000_000
	points := make([]Point, 100_000)
	for i := 0; i < n; i += len(points) {
		for j := range points {
			points[j] = Point{int64(i + j), time.UnixMicro(int64(i+j) * 15000), loss(i + j)}
		}
		check(b, w.Append("loss", points))
	}
	check(b, w.End(Finished, ""))
	for _, window := range []struct{ from, to int64 }{
		{math.MinInt64, math.MaxInt64}, {1_234_567, 8_765_432}, {5_000_000, 5_500_000}, {7_000_001, 7_001_000},
	} {
		b.Run(fmt.Sprintf("%d..%d", window.from, window.to), func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				got, err := s.Window(context.Background(), w.ID(), "loss", window.from, window.to, 2000)
				check(b, err)
				b.ReportMetric(float64(len(got)), "buckets")
			}
		})
	}
	b.Run("Series", func(b *testing.B) {
		defer cpu(b)()
		for b.Loop() {
			_, err := s.Series(context.Background(), w.ID(), "loss")
			check(b, err)
		}
	})
}

// crowd fills a store with many runs, through SQL to be quick: 20 params, 10
// metrics of perSeries points, 2 tags each.
func crowd(tb testing.TB, s *Store, runs, perSeries int) {
	tb.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	w := start(tb, s, NewRun{})
	check(tb, w.End(Finished, ""))
	check(tb, s.transact(context.Background(), func(tx *sql.Tx) error {
		var k codec
		used := []string{"arm", "site"}
		for i := range 20 {
			used = append(used, fmt.Sprintf("param_%d", i), fmt.Sprintf("metric_%d", i))
		}
		names := map[string]int64{}
		for _, name := range used {
			var id int64
			if err := tx.QueryRow(`insert into name (text) values (?) returning id`, name).Scan(&id); err != nil {
				return err
			}
			names[name] = id
		}
		for i := range runs {
			at := time.Now().Add(-time.Duration(runs-i) * time.Minute)
			result, err := tx.Exec(`insert into run (key, experiment, name, status, started, ended, host, pid, boot, birth, last_step, points, origin, env)
				values (?, 1, ?, 'finished', ?, ?, '', 0, '', '', 99, 1000, '{}', '{}')`, newID(at), readableName(), at.UnixMicro(), at.UnixMicro()+6e7)
			if err != nil {
				return err
			}
			run, err := result.LastInsertId()
			if err != nil {
				return err
			}
			for p := range 20 {
				if _, err := tx.Exec(`insert into param (run, name, kind, value) values (?, ?, 'f', ?)`, run, names[fmt.Sprintf("param_%d", p)], rng.Float64()); err != nil {
					return err
				}
			}
			for _, tag := range []string{"arm", "site"} {
				if _, err := tx.Exec(`insert into tag (run, name, value) values (?, ?, ?)`, run, names[tag], fmt.Sprint(rng.IntN(5))); err != nil {
					return err
				}
			}
			for m := range 10 {
				var c columns
				for j := range max(perSeries, 1) {
					c.add(int64(j), at.UnixMicro()+int64(j)*15000, math.Float64bits(rng.Float64()))
				}
				if perSeries > 0 {
					if _, err := foldSeries(tx, &k, run, fmt.Sprintf("metric_%d", m), c); err != nil {
						return err
					}
				} else if _, err := tx.Exec(`insert into series (id, run, name, count, nans, pos_infs, neg_infs, last_step, last_time, last, last_bits, min_step, max_step, min, max, pieces)
					values (?, ?, ?, 1, 0, 0, 0, 0, ?, ?, ?, 0, 0, ?5, ?5, 0)`,
					run*10+int64(m), run, names[fmt.Sprintf("metric_%d", m)], at.UnixMicro(), math.Float64frombits(c.bits[0]), int64(c.bits[0])); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

func BenchmarkSearch(b *testing.B) {
	s := open(b)
	crowd(b, s, 100_000, 0)
	f := func(q Query) {
		b.Run(fmt.Sprint(q.Where, q.Sort), func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				page, err := s.Runs(context.Background(), q)
				check(b, err)
				b.ReportMetric(float64(page.Total), "found")
			}
		})
	}
	f(Query{})
	f(Query{Where: `metric.metric_3 > 0.9 and (param.param_7 < 0.2 or tag.arm = 3) and not status = failed and started > "7d ago"`})
	f(Query{Where: `metric.metric_3 > 0.9 and (param.param_7 < 0.2 or tag.arm = 3) and not status = failed`})
	f(Query{Where: `metric.metric_3 > 0.5 and param.param_7 < 0.5`})
	f(Query{Where: `metric.metric_3 > 0.999`})
	f(Query{Where: `name ~ heron`})
	f(Query{Sort: []string{"-metric.metric_5"}})
	f(Query{Where: `tag.site = 2`, Sort: []string{"-metric.metric_5"}})
	f(Query{Sort: []string{"param.param_5"}})
}

func BenchmarkMetricColumns(b *testing.B) {
	s := open(b)
	crowd(b, s, 10_000, 100)
	ctx := context.Background()
	var runs []RunID
	for r, err := range s.Each(ctx, Query{Limit: -1}) {
		check(b, err)
		runs = append(runs, r.ID)
	}
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprintf("metric_%d", i))
	}
	b.Run("last,min,max", func(b *testing.B) {
		defer cpu(b)()
		for b.Loop() {
			_, err := s.MetricColumns(ctx, runs, names)
			check(b, err)
		}
	})
	at := func(name string, step func(i int) int64) {
		b.Run(name, func(b *testing.B) {
			defer cpu(b)()
			for i := range b.N {
				_, err := s.ValuesAt(ctx, runs, names, step(i))
				check(b, err)
			}
		})
	}
	at("at", func(int) int64 { return 50 })
	at("at, for the first time", func(i int) int64 { return int64(i) % 100 })
}

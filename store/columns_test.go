package store

import (
	"context"
	"fmt"
	"math"
	"testing"
)

// Columns of many runs hold what each run's own series says, also of a run that
// goes on after it has been asked for, and NaN where there is nothing.
func TestColumns(t *testing.T) {
	s := open(t)
	ctx := context.Background()
	const runs, steps = 12, 5000 // more than a chunk
	value := func(run, step int) float64 { return math.Sin(float64(run*steps+step)) / 3 }
	var ids []RunID
	var writers []*Writer
	for run := range runs {
		w := start(t, s, NewRun{})
		for step := range steps / 2 {
			check(t, w.Step(int64(step), []string{"loss", "noise"}, []float64{value(run, step), value(step, run)}))
		}
		if run%3 == 0 { // once more at a step it has had: the last value counts
			check(t, w.Step(7, []string{"loss"}, []float64{-1}))
		}
		ids, writers = append(ids, w.ID()), append(writers, w)
	}
	ids = append(ids, "nosuchrun0", ids[0]) // unknown; asked for twice
	names := []string{"loss", "no such metric"}
	at := func(run, step, logged int) float64 {
		switch {
		case run == runs || step >= logged:
			return math.NaN()
		case step == 7 && run%3 == 0:
			return -1
		}
		return value(run, step)
	}
	look := func(logged int) {
		t.Helper()
		for _, step := range []int{0, 7, 1999, 4100, 7, 6000} {
			got, err := s.ValuesAt(ctx, ids, names, int64(step))
			check(t, err)
			for i := range ids {
				want := at(i%(runs+1), step, logged)
				if math.Float64bits(got[0][i]) != math.Float64bits(want) || !math.IsNaN(got[1][i]) {
					t.Fatalf("run %d at step %d with %d logged: %v and %v, want %v and NaN", i, step, logged, got[0][i], got[1][i], want)
				}
			}
		}
	}
	look(steps / 2)
	look(steps / 2) // from what is remembered
	some, err := s.ValuesAt(ctx, ids[3:5], names[:1], 7)
	check(t, err)
	if some[0][0] != -1 || some[0][1] != value(4, 7) {
		t.Fatalf("runs 3 and 4 at step 7: %v", some[0])
	}
	look(steps / 2) // of which some are remembered
	for run, w := range writers {
		for step := steps / 2; step < steps; step++ {
			check(t, w.Step(int64(step), []string{"loss"}, []float64{value(run, step)}))
		}
		check(t, w.End(Finished, ""))
	}
	look(steps)

	got, err := s.MetricColumns(ctx, ids, names)
	check(t, err)
	for i := range runs {
		r, err := s.Run(ctx, ids[i])
		check(t, err)
		m := r.Metrics["loss"]
		if c := got[0]; c.Last[i] != m.Last || c.Min[i] != m.Min || c.Max[i] != m.Max || !math.IsNaN(got[1].Last[i]) {
			t.Errorf("run %d: last %v, min %v, max %v; the run says %+v", i, c.Last[i], c.Min[i], c.Max[i], m)
		}
	}
	if !math.IsNaN(got[0].Last[runs]) || got[0].Last[runs+1] != got[0].Last[0] {
		t.Errorf("an unknown run has %v, the first again %v", got[0].Last[runs], got[0].Last[runs+1])
	}
}

// Where runs have the same value of a key, the latest comes first, whichever way
// they are sorted.
func TestSortTies(t *testing.T) {
	s := open(t)
	var names []string
	for i := range 30 {
		w := start(t, s, NewRun{Name: fmt.Sprint(i), Tags: map[string]string{"arm": fmt.Sprint(i % 3)}})
		check(t, w.Params(map[string]Value{"batch": i % 3}))
		check(t, w.Step(0, []string{"loss"}, []float64{float64(i % 3)}))
		check(t, w.End(Finished, ""))
		names = append(names, w.Name())
	}
	for _, key := range []string{"param.batch", "metric.loss", "tag.arm", "min(metric.loss)"} {
		for _, sign := range []string{"", "-"} {
			page, err := s.Runs(context.Background(), Query{Sort: []string{sign + key}})
			check(t, err)
			for i, r := range page.Runs {
				group := i / 10
				if sign == "-" {
					group = 2 - group
				}
				if want := names[27+group-3*(i%10)]; r.Name != want {
					t.Fatalf("sorted by %s%s, place %d has run %s, want %s", sign, key, i, r.Name, want)
				}
			}
		}
	}
}

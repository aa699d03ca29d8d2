package experiments_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/store"
)

// two are two runs to compare.
type two struct{ was, is *store.Writer }

// compare makes two runs, lets fill fill them, ends them and compares them.
func compare(t *testing.T, tolerance experiments.Tolerance, status store.Status, fill func(two) error) experiments.Comparison {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(filepath.Join(t.TempDir(), "assay.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	start := func(env string) *store.Writer {
		w, err := s.Start(ctx, store.NewRun{Experiment: "x", Env: map[string]string{"cpu": "one", "XLA_FLAGS": env}})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	r := two{start(""), start("--fast")}
	if err := fill(r); err != nil {
		t.Fatal(err)
	}
	if err := r.was.End(status, ""); err != nil {
		t.Fatal(err)
	}
	if err := r.is.End(store.Finished, ""); err != nil {
		t.Fatal(err)
	}
	c, err := experiments.Compare(ctx, s, r.was.ID(), r.is.ID(), tolerance)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func logAll(w *store.Writer, metric string, values ...float64) error {
	for step, v := range values {
		if err := w.Step(int64(step), []string{metric}, []float64{v}); err != nil {
			return err
		}
	}
	return nil
}

func TestCompareSeries(t *testing.T) {
	f := func(was, is []float64, tolerance float64, want experiments.Verdict, first string) {
		t.Helper()
		c := compare(t, experiments.Tolerance{Default: tolerance}, store.Finished, func(r two) error {
			if err := logAll(r.was, "loss", was...); err != nil {
				return err
			}
			return logAll(r.is, "loss", is...)
		})
		got := ""
		if c.First != nil {
			got = c.First.String()
		}
		if c.Verdict != want || got != first {
			t.Errorf("%v and %v within %g: %s, first %q; want %s, %q", was, is, tolerance, c.Verdict, got, want, first)
		}
	}
	nan, inf := math.NaN(), math.Inf(1)
	f([]float64{1, 2, nan, inf}, []float64{1, 2, nan, inf}, 0, experiments.Identical, "")
	f([]float64{1, 2, 3}, []float64{1, 2.5, 3.5}, 0, experiments.Differs, "metric loss at step 1 was 2, is 2.5")
	f([]float64{1, 2, 3}, []float64{1, 2.5, 3.5}, 0.5, experiments.WithinTolerance, "metric loss at step 1 was 2, is 2.5")
	f([]float64{1000}, []float64{1001}, 0.01, experiments.WithinTolerance, "metric loss at step 0 was 1000, is 1001") // relative
	f([]float64{0}, []float64{math.Copysign(0, -1)}, 0, experiments.WithinTolerance, "metric loss at step 0 was 0, is -0")
	f([]float64{1, nan}, []float64{1, 2}, 9, experiments.Differs, "metric loss at step 1 was NaN, is 2")
	f([]float64{inf}, []float64{-inf}, 9, experiments.Differs, "metric loss at step 0 was +Inf, is -Inf")
	f([]float64{1, 2}, []float64{1}, 9, experiments.Differs, "metric loss at step 1 was 2, is not there")
	f([]float64{1}, []float64{1, 2}, 9, experiments.Differs, "metric loss at step 1 was not there, is 2")
	f(nil, []float64{1}, 9, experiments.Differs, "metric loss was not there, is there")
	f(nil, nil, 0, experiments.NothingToCompare, "") // what has no numbers proves nothing
}

// The first difference is that of the earliest step, whichever metric has it.
func TestCompareFindsTheEarliest(t *testing.T) {
	c := compare(t, experiments.Tolerance{Metric: map[string]float64{"noise": 9}}, store.Finished, func(r two) error {
		for _, w := range []*store.Writer{r.was, r.is} {
			shift := 0.0
			if w == r.is {
				shift = 1
			}
			for step := range int64(3) {
				late := float64(step)
				if step == 2 {
					late += 4 * shift
				}
				if err := w.Step(step, []string{"late", "noise"}, []float64{late, float64(step) + float64(min(step, 1))*shift}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if c.Verdict != experiments.Differs || c.First.String() != "metric noise at step 1 was 1, is 2" {
		t.Errorf("verdict %s, first %v; want differs, noise at step 1", c.Verdict, c.First)
	}
	if c.Different != 3 || c.Largest.Where != "metric late" || float64(c.Largest.By) != 4 {
		t.Errorf("%d differ, the largest %v; want 3, late by 4", c.Different, c.Largest)
	}
	if len(c.Changes) != 1 || c.Changes[0].Name != "XLA_FLAGS" || !strings.Contains(c.Summary(), "because environment XLA_FLAGS was not there, is --fast") {
		t.Errorf("changes %v, summary %q; want the flag as the cause", c.Changes, c.Summary())
	}
}

// Of a run that was killed, what there is is compared.
func TestCompareWithARunThatDidNotEnd(t *testing.T) {
	fill := func(r two) error {
		if err := logAll(r.was, "loss", 1, 2); err != nil {
			return err
		}
		if err := logAll(r.is, "loss", 1, 2, 3); err != nil {
			return err
		}
		return r.is.Report("test", []byte(`{"name": "test"}`))
	}
	if c := compare(t, experiments.Tolerance{}, store.Interrupted, fill); c.Verdict != experiments.Identical || len(c.Notes) == 0 {
		t.Errorf("verdict %s, notes %q; want identical, and a note that the run did not end", c.Verdict, c.Notes)
	}
	if c := compare(t, experiments.Tolerance{}, store.Finished, fill); c.Verdict != experiments.Differs {
		t.Errorf("verdict %s; want differs: both ended", c.Verdict)
	}
}

// A run that failed should fail again, whatever it logged before; one that was
// stopped need not.
func TestCompareEnds(t *testing.T) {
	same := func(r two) error {
		return errors.Join(logAll(r.was, "loss", 1, 2), logAll(r.is, "loss", 1, 2))
	}
	c := compare(t, experiments.Tolerance{Default: 9}, store.Failed, same)
	if c.Verdict != experiments.Differs || c.First.String() != "status was failed, is finished" {
		t.Errorf("failed, then finished: %s, first %v; want differs because of the status", c.Verdict, c.First)
	}
	for _, status := range []store.Status{store.Killed, store.Interrupted} {
		if c := compare(t, experiments.Tolerance{}, status, same); c.Verdict != experiments.Identical || len(c.Notes) != 1 {
			t.Errorf("%s, then finished: %s, notes %q; want identical, with one note", status, c.Verdict, c.Notes)
		}
	}
}

// Of a run with parts the verdict is on the run alone, and says so.
func TestCompareLeavesPartsOut(t *testing.T) {
	inStore(t)
	ctx := context.Background()
	session := func() (id string) {
		t.Helper()
		err := experiments.Track(ctx, "search", func(run *experiments.Run) error {
			id = run.ID()
			return experiments.Track(ctx, "part", func(part *experiments.Run) error {
				part.Log(0, "loss", 1)
				return nil
			}, experiments.ChildOf(run))
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	was, is := store.RunID(session()), store.RunID(session())
	s, err := store.Open(os.Getenv("ASSAY_STORE"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := experiments.Compare(ctx, s, was, is, experiments.Tolerance{})
	if err != nil || c.Verdict != experiments.NothingToCompare || !strings.Contains(strings.Join(c.Notes, "\n"), "of its parts, 1 in number, nothing was compared") {
		t.Errorf("verdict %s, notes %q, %v; want nothing to compare, and what was left out", c.Verdict, c.Notes, err)
	}
}

func TestCompareReportsAndFigures(t *testing.T) {
	f := func(was, is string, tolerance float64, want experiments.Verdict, first string) {
		t.Helper()
		c := compare(t, experiments.Tolerance{Default: tolerance}, store.Finished, func(r two) error {
			if err := r.was.Report("test", []byte(was)); err != nil {
				return err
			}
			if err := r.was.Figure(store.Figure{ID: "roc", Option: []byte(was)}); err != nil {
				return err
			}
			if err := r.is.Report("test", []byte(is)); err != nil {
				return err
			}
			return r.is.Figure(store.Figure{ID: "roc", Option: []byte(is)})
		})
		got := ""
		if c.First != nil {
			got = c.First.String()
		}
		if c.Verdict != want || got != first || c.Reports != 1 || c.Figures != 1 {
			t.Errorf("%s and %s within %g: %s, first %q; want %s, %q", was, is, tolerance, c.Verdict, got, want, first)
		}
	}
	f(`{"a": [1, 2]}`, `{"a": [1, 2]}`, 0, experiments.Identical, "")
	f(`{"a": 1, "b": 2}`, `{"b": 2.0, "a": 1e0}`, 0, experiments.Identical, "") // the same numbers
	f(`{"a": [1, 2]}`, `{"a": [1, 3]}`, 0, experiments.Differs, "report test, a/1 was 2, is 3")
	f(`{"a": [1, 2]}`, `{"a": [1, 3]}`, 1, experiments.WithinTolerance, "report test, a/1 was 2, is 3")
	f(`{"a": [1, 2]}`, `{"a": [1]}`, 1, experiments.Differs, "report test, a was [1,2], is [1]")
	f(`{"a": "NaN"}`, `{"a": 1}`, 1, experiments.Differs, `report test, a was "NaN", is 1`)
	f(`{"a": null}`, `{"a": true}`, 1, experiments.Differs, "report test, a was not there, is true")
	f(`{"a": 1}`, `{"a": 1, "b": 1}`, 1, experiments.Differs, "report test, b was not there, is 1")
	f(`["0.72 (0.70 to 0.74)"]`, `["0.73 (0.70 to 0.75)"]`, 0.1, experiments.WithinTolerance, `report test, 0 was "0.72 (0.70 to 0.74)", is "0.73 (0.70 to 0.75)"`)
	f(`["0.72 (0.70 to 0.74)"]`, `["0.73 (none)"]`, 0.1, experiments.Differs, `report test, 0 was "0.72 (0.70 to 0.74)", is "0.73 (none)"`)
}

func ExampleComparison_Summary() {
	step := int64(3)
	fmt.Println(experiments.Comparison{Verdict: experiments.Identical, Series: 2, Points: 310, Reports: 1}.Summary())
	fmt.Println(experiments.Comparison{
		Verdict: experiments.Differs,
		First:   &experiments.Difference{Where: "metric loss", Step: &step, Was: "0.69", Is: "0.7"},
		Changes: []experiments.Change{{Kind: "environment", Name: "go", Was: "go1.27.3", Is: "go1.27.4"}},
	}.Summary())
	// Output:
	// identical: 2 metrics with 310 points, 1 report, bit for bit
	// differs: metric loss at step 3 was 0.69, is 0.7, because environment go was go1.27.3, is go1.27.4
}

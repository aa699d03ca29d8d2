package store

import (
	"context"
	"math"
	"path/filepath"
	"testing"
	"time"
)

func open(t testing.TB) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "assay.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func start(t testing.TB, s *Store, r NewRun) *Writer {
	t.Helper()
	if r.Experiment == "" {
		r.Experiment = "test"
	}
	w, err := s.Start(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSmoke(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	w := start(t, s, NewRun{Tags: map[string]string{"a": "b"}})
	check(t, w.Params(map[string]Value{"lr": 0.1, "n": 3, "s": "x", "b": true, "j": []int{1, 2}}))
	for i := range 20000 {
		check(t, w.Step(int64(i), []string{"loss", "acc"}, []float64{1 / float64(i+1), math.Sin(float64(i))}))
	}
	check(t, w.Figure(Figure{ID: "x", Option: []byte(`{}`)}))
	p, err := s.Series(ctx, w.ID(), "acc")
	check(t, err)
	if len(p) != 20000 || p[77].Value != math.Sin(77) {
		t.Fatal(len(p))
	}
	began := time.Now()
	check(t, w.End(Finished, ""))
	t.Log(time.Since(began))
	r, err := s.Run(ctx, w.ID())
	check(t, err)
	t.Logf("%+v", r)
	page, err := s.Runs(ctx, Query{})
	check(t, err)
	t.Logf("%+v", page.Total)
	for i := range 20000 {
		if p[i].Value != math.Sin(float64(i)) || p[i].Step != int64(i) {
			t.Fatal(i)
		}
	}
}

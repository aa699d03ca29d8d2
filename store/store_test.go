package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func open(t testing.TB) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "assay.db"))
}

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path)
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

func start(t testing.TB, s *Store, r NewRun) *Writer {
	t.Helper()
	if r.Experiment == "" {
		r.Experiment = "test"
	}
	w, err := s.Start(context.Background(), r)
	check(t, err)
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sound fails the test if fsck finds something.
func sound(t testing.TB, s *Store) {
	t.Helper()
	problems, err := s.Fsck(context.Background())
	check(t, err)
	for _, problem := range problems {
		t.Errorf("fsck: %s", problem)
	}
}

func TestRun(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	parent := start(t, s, NewRun{Name: "sweep"})
	w := start(t, s, NewRun{
		Experiment: "pneumonia", Parent: parent.ID(), RerunOf: parent.ID(), Group: "folds",
		Tags:   map[string]string{"arm": "treated", "ключ": "значение\n\x00"},
		Origin: Origin{Notebook: "a.ipynb", Cell: "c1", Order: 3, Source: "x := 1", Args: []string{"-v"}},
		Env:    map[string]string{"go": "1.27"},
	})
	params := map[string]Value{
		"lr": 1e-3, "nan": math.NaN(), "inf": math.Inf(-1), "negative zero": math.Copysign(0, -1), "whole": 3.0,
		"int": int64(math.MinInt64), "uint8": uint8(7), "huge": uint64(math.MaxUint64), "float32": float32(0.1),
		"bool": true, "off": false, "text": "1e-3", "unicode": "łódź 🫁", "list": []int{1, 2}, "nil": nil,
		"raw": json.RawMessage(`{ "a": 1 }`), "model.filters.0": 16,
	}
	check(t, w.Params(params))
	check(t, w.Params(map[string]Value{"lr": 2e-3}))
	check(t, w.Tag("extra", "1"))
	check(t, w.Note("why"))
	check(t, w.Progress(3, 10))
	check(t, w.Step(7, []string{"loss", "acc"}, []float64{0.5, math.NaN()}))
	check(t, w.Step(9, []string{"loss"}, []float64{0.25}))
	check(t, w.Summary("test.auc", 0.9, 0.8, 0.95))
	check(t, w.Figure(Figure{ID: "roc", Title: "first", Option: []byte(`{"a":1}`), Height: 300}))
	check(t, w.Figure(Figure{ID: "cm", Option: []byte(`{}`)}))
	check(t, w.Figure(Figure{ID: "roc", Title: "ROC", Option: []byte(`{"a":2}`), Alt: "a curve", Height: 400}))
	check(t, w.Report("test", []byte(`{"name":"test"}`)))
	use := DataUse{Name: "pneumoniamnist", Split: "train", Rows: 4708, Files: []DataFile{{"b.npz", 2, "22"}, {"a.npz", 1, "11"}}}
	check(t, w.Data(DataUse{Name: "pneumoniamnist", Split: "train"}))
	check(t, w.Data(use))
	check(t, w.Output("stdout", "epoch 1\n"))
	check(t, w.Output("stderr", strings.Repeat("é", 1<<20)))

	if _, err := s.Resume(ctx, w.ID()); !errors.Is(err, errLive) {
		t.Errorf("resuming a live run: got %v", err)
	}
	if v, _ := s.Version(ctx); true {
		check(t, w.Note("why indeed"))
		if after, err := s.Version(ctx); err != nil || after == v {
			t.Errorf("Version stayed %d after a commit: %v", v, err)
		}
	}
	check(t, w.End(Failed, "it broke"))
	for _, err := range []error{w.End(Finished, ""), w.Step(1, []string{"a"}, []float64{1}), w.Note("x")} {
		if !errors.Is(err, ErrEnded) {
			t.Errorf("after End: got %v, want ErrEnded", err)
		}
	}

	r, err := s.Run(ctx, w.ID())
	check(t, err)
	if r.Experiment != "pneumonia" || r.Status != Failed || r.Message != "it broke" || r.Parent != parent.ID() ||
		r.Group != "folds" || r.Note != "why indeed" || r.LastStep != 9 || r.Points != 4 || r.Done != 3 || r.Planned != 10 ||
		r.PID != os.Getpid() || r.Ended.Before(r.Started) || r.Env["go"] != "1.27" || r.Origin.Source != "x := 1" ||
		!reflect.DeepEqual(r.Tags, map[string]string{"arm": "treated", "ключ": "значение\n\x00", "extra": "1"}) {
		t.Errorf("got run %+v", r)
	}
	want := map[string]Value{
		"lr": 2e-3, "inf": math.Inf(-1), "negative zero": math.Copysign(0, -1), "whole": 3.0,
		"int": int64(math.MinInt64), "uint8": int64(7), "huge": json.RawMessage("18446744073709551615"), "float32": float64(float32(0.1)),
		"bool": true, "off": false, "text": "1e-3", "unicode": "łódź 🫁", "list": json.RawMessage("[1,2]"), "nil": json.RawMessage("null"),
		"raw": json.RawMessage(`{"a":1}`), "model.filters.0": int64(16),
	}
	if nan, ok := r.Params["nan"].(float64); !ok || nan == nan {
		t.Errorf("param nan is %v", r.Params["nan"])
	}
	if zero := r.Params["negative zero"].(float64); !math.Signbit(zero) {
		t.Error("param -0 lost its sign")
	}
	delete(r.Params, "nan")
	if !reflect.DeepEqual(r.Params, want) {
		t.Errorf("got params %#v\nwant %#v", r.Params, want)
	}
	if m := r.Metrics["acc"]; m.Count != 1 || m.NaNs != 1 || m.Last == m.Last || m.Min == m.Min {
		t.Errorf("got metric acc %+v", m)
	}
	if m := r.Metrics["loss"]; m.Last != 0.25 || m.Min != 0.25 || m.MinStep != 9 || m.Max != 0.5 || m.MaxStep != 7 || m.LastStep != 9 {
		t.Errorf("got metric loss %+v", m)
	}
	if m := r.Metrics["test.auc"]; m.Last != 0.9 || m.Low != 0.8 || m.High != 0.95 || m.LastStep != 9 {
		t.Errorf("got metric test.auc %+v", m)
	}
	if p, err := s.Run(ctx, parent.ID()); err != nil || !slices.Equal(p.Children, []RunID{w.ID()}) || !slices.Equal(p.Reruns, []RunID{w.ID()}) || p.Status != Running {
		t.Errorf("got parent %+v, %v", p, err)
	}
	names, err := s.MetricNames(ctx, w.ID())
	if check(t, err); !slices.Equal(names, []string{"loss", "acc", "test.auc"}) {
		t.Errorf("got metrics %v", names)
	}
	figures, err := s.Figures(ctx, w.ID())
	if check(t, err); len(figures) != 2 || !reflect.DeepEqual(figures[0], Figure{"roc", "ROC", json.RawMessage(`{"a":2}`), "a curve", 400}) {
		t.Errorf("got figures %+v", figures)
	}
	reports, err := s.Reports(ctx, w.ID())
	if check(t, err); len(reports) != 1 || string(reports[0].Data) != `{"name":"test"}` {
		t.Errorf("got reports %+v", reports)
	}
	uses, err := s.DataUses(ctx, w.ID())
	if check(t, err); !reflect.DeepEqual(uses, []DataUse{use}) {
		t.Errorf("got data %+v", uses)
	}
	output, err := s.Outputs(ctx, w.ID(), 0)
	check(t, err)
	text := ""
	for _, o := range output[1:] {
		text += o.Text
	}
	if output[0].Text != "epoch 1\n" || output[0].Stream != "stdout" || text != strings.Repeat("é", 1<<20) {
		t.Errorf("got %d pieces of output, %d bytes", len(output), len(text))
	}
	check(t, parent.End(Finished, ""))
	sound(t, s)
}

// hard are points that other stores lose: of a value a bit pattern each.
func hard() []Point {
	values := []float64{
		0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0x7ff8000000000123), math.Float64frombits(0xfff0000000000001),
		math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 2.2250738585072009e-308,
		math.MaxFloat64, -math.MaxFloat64, 1, -1, 0.1, math.Pi, float64(float32(0.1)), 1e308, 1e308, 1e308,
	}
	steps := []int64{0, 1, 2, 2, 2, 1, -5, math.MaxInt64, math.MinInt64, math.MaxInt64, 0, 7}
	var points []Point
	for i := range 3 * len(values) * len(steps) {
		points = append(points, Point{steps[i%len(steps)], time.UnixMicro(int64(i*i) - 5000).UTC(), values[i%len(values)]})
	}
	return points
}

func same(t testing.TB, got, want []Point) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d points, want %d", len(got), len(want))
	}
	for i, p := range want {
		if g := got[i]; g.Step != p.Step || !g.Time.Equal(p.Time) || math.Float64bits(g.Value) != math.Float64bits(p.Value) {
			t.Fatalf("point %d: got %v (%x), want %v (%x)", i, g, math.Float64bits(g.Value), p, math.Float64bits(p.Value))
		}
	}
}

func TestExact(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a b?c#d%41[x]*.db") // all of which mean something in a URL or a pattern
	s := openAt(t, path)
	w := start(t, s, NewRun{})
	points := hard()
	check(t, w.Append("bulk", points))
	check(t, w.Append("bulk", nil))
	for _, p := range points { // one at a time, and through many folds
		check(t, w.Step(p.Step, []string{"step", "step"}, []float64{p.Value, p.Value}))
		if p.Step == 7 {
			check(t, w.Sync())
		}
	}
	compare := func(s *Store) {
		t.Helper()
		got, err := s.Series(ctx, w.ID(), "bulk")
		check(t, err)
		same(t, got, points)
		got, err = s.Series(ctx, w.ID(), "step")
		check(t, err)
		if len(got) != 2*len(points) {
			t.Fatalf("got %d points, want %d", len(got), 2*len(points))
		}
		for i, g := range got {
			if p := points[i/2]; g.Step != p.Step || math.Float64bits(g.Value) != math.Float64bits(p.Value) {
				t.Fatalf("point %d: got %v, want %v", i, g, p)
			}
		}
	}
	compare(s)
	if r, err := s.Run(ctx, w.ID()); err != nil || math.Float64bits(r.Metrics["bulk"].Last) != math.Float64bits(points[len(points)-1].Value) || r.LastStep != math.MaxInt64 {
		t.Errorf("got %+v, %v", r.Metrics["bulk"], err)
	}
	check(t, w.End(Finished, ""))
	compare(s)
	other, err := OpenReadOnly(path)
	check(t, err)
	defer other.Close()
	compare(other)
	if err := other.SetNote(ctx, w.ID(), "x"); !errors.Is(err, ErrReadOnly) {
		t.Errorf("writing to a read-only store: got %v", err)
	}
	sound(t, s)
}

func TestManyMetrics(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	w := start(t, s, NewRun{})
	const n = 10_000
	names, values := make([]string, n), make([]float64, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%d", strings.Repeat("界", 340), i) // 1 KiB
	}
	for step := range int64(3) {
		for i := range values {
			values[i] = float64(step)*n + float64(i)
		}
		check(t, w.Step(step, names, values))
	}
	check(t, w.End(Finished, ""))
	r, err := s.Run(ctx, w.ID())
	if check(t, err); len(r.Metrics) != n || r.Points != 3*n {
		t.Fatalf("got %d metrics, %d points", len(r.Metrics), r.Points)
	}
	points, err := s.Series(ctx, w.ID(), names[n-1])
	if check(t, err); len(points) != 3 || points[2].Value != 3*n-1 {
		t.Errorf("got %v", points)
	}
	for _, name := range []string{"", strings.Repeat("x", maxName+1), "\xff"} {
		if err := w.Step(1, []string{name}, []float64{1}); err == nil || errors.Is(err, ErrEnded) {
			t.Errorf("a metric called %.10q: got %v", name, err)
		}
	}
	if err := w.Step(1, []string{"a"}, nil); err == nil {
		t.Error("a name without a value is no error")
	}
}

func TestResume(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	w := start(t, s, NewRun{})
	var want []Point
	log := func(w *Writer, n int) {
		var points []Point
		for range n {
			i := len(want)
			p := Point{int64(i), time.UnixMicro(int64(i) * 1000).UTC(), loss(i)}
			points, want = append(points, p), append(want, p)
		}
		check(t, w.Append("loss", points))
	}
	// Around the edges of chunks, and through many small pieces.
	for _, n := range []int{1, 4094, 1, 1, 5000, 3191, 4097} {
		log(w, n)
		check(t, w.End(Finished, ""))
		var err error
		w, err = s.Resume(ctx, w.ID())
		check(t, err)
	}
	for range 3 * maxPieces {
		log(w, 3)
		check(t, w.Sync())
	}
	got, err := s.Series(ctx, w.ID(), "loss")
	check(t, err)
	same(t, got, want)
	check(t, w.End(Finished, ""))
	got, err = s.Series(ctx, w.ID(), "loss")
	check(t, err)
	same(t, got, want)
	sound(t, s)
	if _, err := s.Resume(ctx, "nosuchrun1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestIDs(t *testing.T) {
	var last RunID
	for at := idEpoch; at.Year() < 2060; at = at.Add(1234 * time.Hour) {
		id := newID(at)
		if !id.valid() || id <= last {
			t.Fatalf("%v: %q follows %q", at, id, last)
		}
		last = id
	}
	ctx := context.Background()
	s := open(t)
	for _, id := range []RunID{"aaaaaaaaa1", "aaaaaaaaa2", "aabbbbbbbb"} {
		check(t, start(t, s, NewRun{ID: id}).End(Finished, ""))
	}
	for prefix, want := range map[string]RunID{"aab": "aabbbbbbbb", "aaaaaaaaa2": "aaaaaaaaa2"} {
		if got, err := s.Resolve(ctx, prefix); err != nil || got != want {
			t.Errorf("%s: got %s, %v", prefix, got, err)
		}
	}
	if _, err := s.Resolve(ctx, "aaa"); err == nil || !strings.Contains(err.Error(), "aaaaaaaaa1, aaaaaaaaa2") {
		t.Errorf("an ambiguous prefix: got %v", err)
	}
	for _, prefix := range []string{"", "b", "%", "aab_"} {
		if _, err := s.Resolve(ctx, prefix); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: got %v, want ErrNotFound", prefix, err)
		}
	}
	for _, id := range []RunID{"aaaaaaaaa1", "short", "1aaaaaaaaa", "aaaaaaaaa/", "AAAAAAAAAA"} {
		if _, err := s.Start(ctx, NewRun{Experiment: "x", ID: id}); err == nil {
			t.Errorf("%s could be used", id)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, []byte(content), 0o644))
		return path
	}
	fails := func(path, words string) {
		t.Helper()
		s, err := Open(path)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want a sentence with %q", path, err, words)
		}
	}
	fails(write("text", strings.Repeat("no store ", 1000)), "not an assay store")
	fails(filepath.Join(write("file", ""), "assay.db"), "folder")

	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite3", foreign)
	check(t, err)
	_, err = db.Exec(`create table mine (x)`)
	check(t, err)
	db.Close()
	before, err := os.ReadFile(foreign)
	check(t, err)
	fails(foreign, "not an assay store")
	after, err := os.ReadFile(foreign)
	if check(t, err); !bytes.Equal(before, after) {
		t.Error("a file that is no store was changed")
	}

	newer := filepath.Join(dir, "newer.db")
	s := openAt(t, newer)
	_, err = s.write.Exec(`pragma user_version = 99`)
	check(t, err)
	if _, err := Open(newer); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer file: got %v, want ErrNewer", err)
	}
	if _, err := OpenReadOnly(newer); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer file, to read: got %v, want ErrNewer", err)
	}
	if _, err := OpenReadOnly(filepath.Join(dir, "none.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v, want ErrNotExist", err)
	}
}

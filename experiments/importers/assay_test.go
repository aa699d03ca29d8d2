package importers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-ml/assay/experiments/export"
	"github.com/assay-ml/assay/store"
)

func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "assay.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// awkward are values, texts and steps that formats are known to change.
var (
	awkwardValues = []float64{
		0, math.Copysign(0, -1), 1, 0.1, 1.0 / 3, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 5e-324 * 7,
		math.Inf(1), math.Inf(-1), math.NaN(), math.Float64frombits(0x7ff8000000000000), math.Float64frombits(0xfff8000000000001),
		math.Float64frombits(0x7ff0000000000001), 1 << 53, 123456789.125, 1e21, 1e-7,
	}
	awkwardSteps = []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1}
	awkwardTexts = []string{
		"", "plain", " space around ", "comma, \"quotes\"", "line\nend", "dos\r\nend\r", "tab\tnull\x00", "Größe 尺寸 🫀", "\xff\xfe not UTF-8",
		"=1+1", "\ufeffmark", "null", "NaN", `\N`, "u\u2028v", "<b>&amp;",
	}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// fill starts runs that hold something of everything, awkward where possible.
func fill(t testing.TB, s *store.Store, seed uint64, runs int) {
	t.Helper()
	ctx := context.Background()
	r := rand.New(rand.NewPCG(seed, 1))
	when := func() time.Time { return time.UnixMicro(1.7e15 + r.Int64N(1e13)).UTC() }
	var ids []store.RunID
	for i := range runs {
		start := time.UnixMicro(1.7e15 + int64(i)*1e9 + r.Int64N(1e6)).UTC()
		n := store.NewRun{
			Experiment: pick(r, []string{"pneumonia", "retina, \"left\"", "Größe"}), Name: pick(r, awkwardTexts), Group: pick(r, awkwardTexts),
			Tags: map[string]string{}, Started: start,
			Origin: store.Origin{Notebook: "a.ipynb", Cell: "c1", Order: i, Source: "x := 1\r\n", Args: []string{"-n", "1"}},
			Env:    map[string]string{"go": "1.27", "": "empty"},
		}
		if len(ids) > 0 {
			n.Parent, n.RerunOf = pick(r, ids), pick(r, ids)
		}
		w, err := s.Start(ctx, n)
		check(t, err)
		ids = append(ids, w.ID())
		params := map[string]store.Value{}
		for j, text := range awkwardTexts {
			check(t, w.Tag(fmt.Sprint("t", j), text))
			params[fmt.Sprint("s", j)] = text
		}
		check(t, w.Tag(pick(r, awkwardTexts[1:]), "named"))
		for j, v := range awkwardValues {
			params[fmt.Sprint("f", j)] = v
		}
		for j, v := range awkwardSteps {
			params[fmt.Sprint("i", j)] = v
		}
		params["yes"], params["no"], params["list"] = true, false, json.RawMessage(`["a",1.50,{"b":null}]`)
		check(t, w.Params(params))
		check(t, w.Note(pick(r, awkwardTexts)))
		for _, metric := range []string{"loss", "val loss, \"x\"", "größe\r\n", "null"} {
			points := make([]store.Point, r.IntN(40)+1)
			for j := range points {
				points[j] = store.Point{Step: pick(r, awkwardSteps), Time: time.UnixMicro(r.Int64() - 1<<62).UTC(), Value: pick(r, awkwardValues)}
				if r.IntN(2) == 0 {
					points[j] = store.Point{Step: int64(r.Uint64()), Time: when(), Value: math.Float64frombits(r.Uint64())}
				}
			}
			check(t, w.Append(metric, points))
		}
		check(t, w.Summary("test.auc", 0.91, 0.85, math.Inf(1)))
		check(t, w.Summary("loss", math.NaN(), math.NaN(), 3))
		check(t, w.Step(7, []string{"loss", "loss"}, []float64{1, 2})) // behind the final one
		for j := range 3 {
			check(t, w.Figure(store.Figure{
				ID: fmt.Sprint("fig ", 3-j), Title: pick(r, awkwardTexts), Alt: pick(r, awkwardTexts),
				Height: j * 100, Option: json.RawMessage(`{"series": [1, 2.50, null]}`),
			}))
			check(t, w.Report(fmt.Sprint("report ", 3-j), []byte(`{"metrics" : [1e3]}`)))
			check(t, w.Data(store.DataUse{
				Name: "chest " + pick(r, awkwardTexts), Split: fmt.Sprint(j), Rows: math.MaxInt64 - int64(j),
				Files: []store.DataFile{{Path: "b", Size: 1, Digest: "d1"}, {Path: pick(r, awkwardTexts), Size: 1 << 40, Digest: "d0"}}[:j],
			}))
			_, err := w.ArtifactAt(ctx, fmt.Sprintf("code/%d %s", j, pick(r, awkwardTexts)), "text/plain; charset=utf-8",
				strings.NewReader(strings.Repeat("x", j*700_000)), when())
			check(t, err)
			check(t, w.OutputAt(pick(r, []string{"stdout", "stderr"}), pick(r, awkwardTexts[1:]), when()))
		}
		check(t, w.Progress(3, 10))
		check(t, w.EndAt(pick(r, []store.Status{store.Finished, store.Failed, store.Killed, store.Interrupted}), pick(r, awkwardTexts), start.Add(time.Hour)))
		check(t, s.SetHost(ctx, w.ID(), "far", r.IntN(1<<20)))
		if r.IntN(2) == 0 {
			check(t, s.SetVerdict(ctx, w.ID(), pick(r, awkwardTexts)))
			check(t, s.Archive(ctx, w.ID(), true))
		}
		if n.Name == "" && r.IntN(2) == 0 {
			check(t, s.Rename(ctx, w.ID(), ""))
		}
	}
	check(t, s.SetExperimentNote(ctx, pick(r, allRuns(t, s)).Experiment, "what\r\nfor"))
}

func allRuns(t testing.TB, s *store.Store) []store.Run {
	t.Helper()
	page, err := s.Runs(context.Background(), store.Query{Limit: -1, Sort: []string{"started"}, Archived: true})
	check(t, err)
	return page.Runs
}

// inventory returns everything a store holds as text in which no bit is hidden.
func inventory(t testing.TB, s *store.Store) string {
	t.Helper()
	ctx := context.Background()
	var b strings.Builder
	experiments, err := s.Experiments(ctx)
	check(t, err)
	for _, e := range experiments {
		fmt.Fprintf(&b, "experiment %q note %q runs %d\n", e.Name, e.Note, e.Runs)
	}
	for _, run := range allRuns(t, s) {
		run, err := s.Run(ctx, run.ID)
		check(t, err)
		metrics, params := run.Metrics, run.Params
		run.Metrics, run.Params = nil, nil
		fmt.Fprintf(&b, "run %#v\n", run)
		for name, value := range inOrder(params) {
			if f, ok := value.(float64); ok {
				value = math.Float64bits(f)
			}
			fmt.Fprintf(&b, "param %q %T %v\n", name, params[name], value)
		}
		names, err := s.MetricNames(ctx, run.ID)
		check(t, err)
		fmt.Fprintf(&b, "metrics in order %q\n", names)
		for name, m := range inOrder(metrics) {
			fmt.Fprintf(&b, "metric %q %d %x %d %v %v %v %d %d %v %v\n", name, m.Count, math.Float64bits(m.Last), m.LastStep,
				m.LastTime, m.Min, m.Max, m.MinStep, m.MaxStep, m.Low, m.High)
			points, err := s.Series(ctx, run.ID, name)
			check(t, err)
			for _, p := range points {
				fmt.Fprintln(&b, p.Step, p.Time.UnixMicro(), math.Float64bits(p.Value))
			}
		}
		figures, err := s.Figures(ctx, run.ID)
		check(t, err)
		reports, err := s.Reports(ctx, run.ID)
		check(t, err)
		uses, err := s.DataUses(ctx, run.ID)
		check(t, err)
		outputs, err := s.Outputs(ctx, run.ID, 0)
		check(t, err)
		fmt.Fprintf(&b, "%#v\n%#v\n%#v\n%#v\n", figures, reports, uses, outputs)
		artifacts, err := s.Artifacts(ctx, run.ID)
		check(t, err)
		for _, a := range artifacts {
			r, _, err := s.OpenArtifact(ctx, run.ID, a.Name)
			check(t, err)
			content, err := io.ReadAll(r)
			check(t, err)
			fmt.Fprintf(&b, "artifact %q %d bytes %q\n", fmt.Sprint(a), len(content), content[:min(len(content), 8)])
		}
	}
	return b.String()
}

func inOrder[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !yield(name, m[name]) {
				return
			}
		}
	}
}

// firstDifference returns the first lines in which two inventories differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %.600s\nwant %.600s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

func TestExportComesBack(t *testing.T) {
	ctx := context.Background()
	for _, format := range export.Formats {
		t.Run(string(format), func(t *testing.T) {
			from, to := newStore(t), newStore(t)
			fill(t, from, 42, 6)
			dir := filepath.Join(t.TempDir(), "out")
			options := export.Options{Format: format, Query: store.Query{Archived: true}}
			summary, err := export.Write(ctx, from, dir, options)
			check(t, err)
			result, err := Assay(ctx, to, dir, nil)
			check(t, err)
			if result.New != 6 || result.Points != summary.Points || summary.Runs != 6 {
				t.Errorf("wrote %+v and brought %v, want 6 runs", summary, result)
			}
			if got, want := inventory(t, to), inventory(t, from); got != want {
				t.Errorf("what came back differs: %s", firstDifference(got, want))
			}

			again, err := Assay(ctx, to, dir, nil)
			check(t, err)
			if again.Unchanged != 6 || again.Points != 0 {
				t.Errorf("importing again: %v, want 6 unchanged", again)
			}
			second := filepath.Join(t.TempDir(), "again")
			_, err = export.Write(ctx, to, second, options)
			check(t, err)
			sameFiles(t, second, dir)
		})
	}
}

// sameFiles fails unless the files of two folders are the same.
func sameFiles(t *testing.T, got, want string) {
	t.Helper()
	check(t, filepath.WalkDir(want, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(want, path)
		check(t, err)
		w, err := os.ReadFile(path)
		check(t, err)
		g, err := os.ReadFile(filepath.Join(got, name))
		check(t, err)
		if !bytes.Equal(g, w) {
			t.Errorf("%s differs: %s", name, firstDifference(string(g), string(w)))
		}
		return nil
	}))
}

// TestImportCutShort imports an export of which an artifact is damaged, mends it
// and imports again: the run that was cut short is made whole.
func TestImportCutShort(t *testing.T) {
	ctx := context.Background()
	from, to := newStore(t), newStore(t)
	fill(t, from, 7, 2)
	dir := filepath.Join(t.TempDir(), "out")
	_, err := export.Write(ctx, from, dir, export.Options{Format: export.CSV, Query: store.Query{Archived: true}})
	check(t, err)
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "*"))
	check(t, err)
	good, err := os.ReadFile(blobs[0])
	check(t, err)
	check(t, os.WriteFile(blobs[0], append(slices.Clone(good), 'x'), 0o644))
	_, err = Assay(ctx, to, dir, nil)
	if err == nil || !strings.Contains(err.Error(), "its content is damaged") {
		t.Fatalf("error %v, want one that says that content is damaged", err)
	}
	check(t, os.WriteFile(blobs[0], good, 0o644))
	result, err := Assay(ctx, to, dir, nil)
	check(t, err)
	if result.Updated+result.New != 2 {
		t.Errorf("%v, want 2 runs new or made whole", result)
	}
	if got, want := inventory(t, to), inventory(t, from); got != want {
		t.Errorf("what came back differs: %s", firstDifference(got, want))
	}
}

// TestExportOfLiveRun exports a run while it is written, and again when it has
// ended: the second import adds what is new.
func TestExportOfLiveRun(t *testing.T) {
	ctx := context.Background()
	from, to := newStore(t), newStore(t)
	w, err := from.Start(ctx, store.NewRun{Experiment: "e"})
	check(t, err)
	bring := func() Result {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "out")
		_, err := export.Write(ctx, from, dir, export.Options{Format: export.JSONL})
		check(t, err)
		result, err := Assay(ctx, to, dir, nil)
		check(t, err)
		return result
	}
	check(t, w.Step(1, []string{"loss"}, []float64{0.5}))
	bring()
	if run := allRuns(t, to)[0]; run.Status != store.Killed || run.Points != 1 || run.Ended.Before(run.Started) {
		t.Errorf("the live run came as %s with %d points, ended %v; want killed with 1", run.Status, run.Points, run.Ended)
	}
	check(t, w.Step(2, []string{"loss", "acc"}, []float64{0.25, 1}))
	check(t, w.Tag("late", "yes"))
	check(t, w.End(store.Finished, ""))
	if result := bring(); result.Updated != 1 || result.Points != 2 {
		t.Errorf("then: %v, want 1 run with 2 more points", result)
	}
	if got, want := inventory(t, to), inventory(t, from); got != want {
		t.Errorf("what came differs: %s", firstDifference(got, want))
	}

	// What goes on here is not undone.
	w, err = to.Resume(ctx, allRuns(t, to)[0].ID)
	check(t, err)
	check(t, w.Step(3, []string{"loss"}, []float64{0.125}))
	check(t, w.End(store.Failed, "later"))
	if result := bring(); result.Unchanged != 1 {
		t.Errorf("after it went on here: %v, want it unchanged", result)
	}
	if run := allRuns(t, to)[0]; run.Status != store.Failed || run.Points != 4 {
		t.Errorf("after it went on here it is %s with %d points, want failed with 4", run.Status, run.Points)
	}
}

package store

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestFilter(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	add := func(name string, lr Value, arm string, auc float64, status Status) {
		t.Helper()
		w := start(t, s, NewRun{Name: name, Experiment: "trial", Group: "g" + name, Tags: map[string]string{"arm": arm, "fold": name[1:]}})
		check(t, w.Params(map[string]Value{"lr": lr, "net.depth": 3, "val loss": "x"}))
		for step := range int64(200) {
			check(t, w.Step(step, []string{"auc", "loss"}, []float64{auc * float64(step) / 199, float64(200 - step)}))
		}
		check(t, w.Data(DataUse{Name: "films", Split: "train", Rows: 10, Files: []DataFile{{"a.npz", 3, Digest(strings.Repeat(name[1:], 64))}}}))
		check(t, w.End(status, ""))
	}
	add("a1", 1e-3, "treated", 0.95, Finished)
	add("a2", 1e-4, "control", 0.85, Finished)
	add("a3", "1e-3", "treated", 0.5, Failed)
	add("a4", int64(2), "O'Neil \"x\"", 0.91, Finished)

	f := func(where, want string) {
		t.Helper()
		page, err := s.Runs(ctx, Query{Where: where, Sort: []string{"name"}})
		if err != nil {
			t.Errorf("%s: %v", where, err)
			return
		}
		var got []string
		for _, r := range page.Runs {
			got = append(got, r.Name[1:])
		}
		if g := strings.Join(got, ""); g != want || page.Total != len(want) {
			t.Errorf("%s: got runs %s of %d, want %s", where, g, page.Total, want)
		}
	}
	f(``, "1234")
	f(`metric.auc > 0.9`, "14")
	f(`metric.auc > 0.9 and (param.lr in (1e-3, 1e-4) or tag.arm = "treated") and not status = failed and started > "7d ago"`, "1")
	f(`param.lr = 0.001`, "1")
	f(`param.lr = "1e-3"`, "3")
	f(`param.lr > 1`, "4") // text is not larger than numbers
	f(`param.lr < 10`, "124")
	f(`param.lr != 2`, "123")
	f(`not param.lr = 2`, "123")
	f(`param.lr not in (2, 1e-3)`, "23")
	f(`param.net.depth == 3 and param."val loss" = x`, "1234")
	f(`tag.fold >= 3`, "34")
	f(`tag.arm > 3`, "") // not numbers
	f(`tag.arm = 'O\'Neil "x"'`, "4")
	f(`tag.arm ~ NEIL`, "4")
	f(`tag.arm contains treat and name !~ 3`, "1")
	f(`min(metric.loss) = 1 and max(metric.loss) = 200 and last(metric.loss) < 2 and count(metric.loss) = 200`, "1234")
	f(`at(metric.loss, 100) = 100`, "1234")
	f(`at(metric.auc, 100) > 0.44`, "14")
	f(`at(metric.loss, 1000) > 0`, "")
	f(`not at(metric.loss, 1000) > 0`, "1234")
	f(`status in (failed, killed)`, "3")
	f(`NOT (status = finished) OR group = ga1`, "13")
	f(`experiment = trial and step = 199 and points = 400`, "1234")
	f(`duration < 10m and duration >= 0 and started >= today and started < 2199-01-01`, "1234")
	f(`data = films`, "1234")
	f(`data = `+strings.Repeat("2", 64), "2")
	f(`data != `+strings.Repeat("2", 64), "134")
	f(`metric.auc = nan`, "")
	f(`metric.auc < inf`, "1234")

	bad := func(where string, offset int, words ...string) {
		t.Helper()
		_, err := s.Runs(ctx, Query{Where: where})
		var q *QueryError
		if !errors.As(err, &q) {
			t.Errorf("%s: got error %v, want a *QueryError", where, err)
			return
		}
		if q.Offset != offset {
			t.Errorf("%s: got offset %d, want %d (%v)", where, q.Offset, offset, err)
		}
		for _, word := range words {
			if !strings.Contains(q.Error(), word) {
				t.Errorf("%s: %q is not in %q", where, word, q.Error())
			}
		}
	}
	bad(`metric.acu > 0.9`, 0, "metric called acu", "do you mean auc?")
	bad(`statsu = failed`, 0, "do you mean status?")
	bad(`a = 1`, 0, "there is no field a: fields are")
	bad(`status = failed und name = x`, 16, `expected "and", "or" or the end`, "und")
	bad(`metric.auc > `, 13, "expected a value for metric.auc", "the end")
	bad(`metric.auc > high`, 13, "number", "high")
	bad(`(metric.auc > 1`, 15, `")"`)
	bad(`metric.auc 1`, 11, `"="`)
	bad(`mean(metric.auc) > 1`, 0, "do you mean max?")
	bad(`at(metric.auc) > 1`, 13, "step")
	bad(`started > "soon"`, 10, "7d ago")
	bad(`duration > long`, 11, "90s")
	bad(`name = "x`, 7, "not closed")
	bad(`name = x & y = z`, 9, "&")
	bad(`name in (a, b`, 13, `")"`)
	bad(strings.Repeat("not ", 2000)+"name = x", 4000, "deeply")

	order := func(want string, keys ...string) {
		t.Helper()
		page, err := s.Runs(ctx, Query{Sort: keys})
		check(t, err)
		got := ""
		for _, r := range page.Runs {
			got += r.Name[1:]
		}
		if got != want {
			t.Errorf("sorted by %v: got %s, want %s", keys, got, want)
		}
	}
	order("4321")
	order("1234", "started")
	order("3241", "metric.auc")
	order("1423", "-at(metric.auc, 100)")
	order("2143", "param.lr") // numbers first
	order("3142", "status", "-metric.auc")
}

// What is NaN, no number, not ASCII, or long.
func TestFilterEdges(t *testing.T) {
	s := open(t)
	nan := math.NaN()
	add := func(name string, params map[string]Value, tag string, losses ...float64) {
		t.Helper()
		w := start(t, s, NewRun{Name: name, Tags: map[string]string{"day": tag}})
		check(t, w.Params(params))
		for _, loss := range losses {
			check(t, w.Step(1, []string{"loss"}, []float64{loss}))
			check(t, w.Sync()) // a chunk each
		}
		check(t, w.Data(DataUse{Name: "ward " + name[len(name)-1:], Files: []DataFile{{"a", 1, "aa"}, {"b", 1, "bb"}}}))
		check(t, w.End(Finished, ""))
	}
	add("Łódź 1", map[string]Value{"lr": nan}, "2026-01-31", nan)
	add("ŁÓDŹ 2", map[string]Value{"lr": 0.5}, "2026", 0.5)
	add("x 3", map[string]Value{"lr": "b"}, "1e3", 0.5, nan)
	add("x 4", nil, "0x10")

	f := func(where, want string) {
		t.Helper()
		page, err := s.Runs(context.Background(), Query{Where: where, Sort: []string{"started"}})
		check(t, err)
		got := ""
		for _, r := range page.Runs {
			got += r.Name[len(r.Name)-1:]
		}
		if got != want {
			t.Errorf("%.60s: got runs %s, want %s", where, got, want)
		}
	}
	f(`param.lr = nan`, "1")
	f(`param.lr != nan`, "23")
	f(`param.lr != 0.5`, "13")
	f(`param.lr not in (nan, 0.5)`, "3")
	f(`param.lr < "c"`, "3")
	f(`param.lr <= inf`, "2")
	f(`metric.loss = nan`, "13")
	f(`metric.loss != 0.5`, "13")
	f(`metric.loss in (nan, 0.5)`, "123")
	f(`at(metric.loss, 1) = nan`, "13")
	f(`at(metric.loss, 1) != nan`, "2")
	f(`at(metric.loss, 1) > 0`, "2")
	f(`at(metric.loss, 1) != 0.5`, "13")
	f(`not at(metric.loss, 1) = nan`, "24")
	f(`at(metric.loss, 2) = nan`, "")
	f(`tag.day = 2026`, "2")
	f(`tag.day = 2026-01-31`, "1")
	f(`tag.day > 0`, "23")
	f(`tag.day < 1001`, "3")
	f(`tag.day != 1000`, "124")
	f(`tag.day not in (1000, 2026)`, "14")
	f(`name ~ łÓd`, "12")
	f(`name !~ łÓd`, "34")
	f(`data = "ward 1"`, "1")
	f(`data != "ward 1"`, "234")
	f(`data != aa`, "")
	f(`data not in ("ward 1", "ward 2")`, "34")
	f(`data !~ WARD`, "")
	f(`data ~ 3`, "3")
	f(`group != x`, "")
	f(`not group = x`, "1234")
	many := strings.Repeat(`"y", `, 5000)
	f(`name in (`+many+`"x 3")`, "3")
	f(`name not in (`+many+`"x 3")`, "124")

	bad := func(where, want string) {
		t.Helper()
		_, err := s.Runs(context.Background(), Query{Where: where})
		var q *QueryError
		if !errors.As(err, &q) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got error %v, want a *QueryError with %q", where, err, want)
		}
	}
	bad(`status = finnished`, "do you mean finished?")
	bad(`status in (failed, done)`, "one of running, finished")
	bad(`started ~ 2026`, "started is no text")
	bad(`metric.loss contains 5`, "no text")
	bad(`metric.loss < nan`, "neither larger nor smaller")
	bad(`param.lr >= nan`, "neither larger nor smaller")
	bad(`duration > nan`, "expected a duration")
	bad(`duration > 1e300`, "expected a duration")
	bad(`started > "9e9d ago"`, "expected a time")
	bad(`name in ()`, "expected a value")
	bad(`name in (`+strings.Repeat(many, 7)+`x)`, "list is too long")
	bad(strings.Repeat(`name = x or `, 1001)+`name = x`, "more than 1000 comparisons")
}

func TestFieldName(t *testing.T) {
	s := open(t)
	w := start(t, s, NewRun{})
	names := []string{"loss", "val loss", `a "b" \ c`, "größe", "🫁", "in", "a.b/c", "x,y", "(", "-", ".", `"`, `\`, "a'b", "tab\there"}
	for _, name := range names {
		check(t, w.Step(0, []string{name}, []float64{1}))
	}
	check(t, w.End(Finished, ""))
	for _, name := range names {
		field := FieldName("metric", name)
		page, err := s.Runs(context.Background(), Query{Where: field + " = 1 and max(" + field + ") = 1", Sort: []string{"-" + field}})
		if err != nil || page.Total != 1 {
			t.Errorf("%s of %q finds %d runs, %v", field, name, page.Total, err)
		}
	}
}

func TestMoments(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	f := func(text string, want time.Time) {
		t.Helper()
		got, err := parseMoment(text, now)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	f("7d ago", now.Add(-7*24*time.Hour))
	f("1w2d ago", now.Add(-9*24*time.Hour))
	f("1d 2h ago", now.Add(-26*time.Hour))
	f("7 d ago", now.Add(-7*24*time.Hour))
	f("90 ago", now.Add(-90*time.Second))
	f("yesterday", time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC))
	f("2026-02-03", time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC))
	f("2026-02-03 04:05", time.Date(2026, 2, 3, 4, 5, 0, 0, time.UTC))
	f("2026-02-03T04:05:06+01:00", time.Date(2026, 2, 3, 3, 5, 6, 0, time.UTC))
}

func FuzzFilter(f *testing.F) {
	for _, query := range []string{
		`metric.auc > 0.9 and (param.lr in (1e-3, 1e-4) or tag.arm = "treated") and not status = failed and started > "7d ago"`,
		`at(metric.loss, 100) < nan`, `duration > 1d2h`, `data ~ x`, `((((`, `metric."a b" = 'x\'`, `a in (`,
	} {
		f.Add(query)
	}
	s := open(f)
	w := start(f, s, NewRun{Tags: map[string]string{"arm": "x"}})
	check(f, w.Params(map[string]Value{"lr": 1}))
	check(f, w.Step(0, []string{"auc", "loss", "a b"}, []float64{1, 2, 3}))
	check(f, w.End(Finished, ""))
	f.Fuzz(func(t *testing.T, query string) {
		_, err := s.Runs(context.Background(), Query{Where: query})
		var q *QueryError
		if err != nil && !errors.As(err, &q) {
			t.Errorf("%q: %v", query, err)
		}
		if err != nil && (q.Offset < 0 || q.Offset > len(query)) {
			t.Errorf("%q: offset %d", query, q.Offset)
		}
	})
}

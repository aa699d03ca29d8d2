package web

import (
	"strings"
	"testing"

	"github.com/assay-ml/assay/experiments/compare"
	"github.com/assay-ml/assay/store"
)

func TestComparisonTestsAndTellsProgramsApart(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	q := "run=" + string(ids[0]) + "&run=" + string(ids[3])
	code, body, _ := get(t, serve(t, s, Options{})+"/compare?"+q)
	if code != 200 {
		t.Fatalf("the comparison answers %d: %.300s", code, body)
	}
	for _, want := range []string{"<h2>Do they differ?</h2>", "paired bootstrap over the same 624 rows of 590 patients", "<code>main.go</code>", "train(0.01)", "train(0.001)",
		"<code>go.mod</code>", "gomlx v0.27.1", "/artifact/explain%2Ffilm-3.png"} {
		if !strings.Contains(body, want) {
			t.Errorf("the comparison lacks %q", want)
		}
	}
	run, err := s.Run(t.Context(), ids[0])
	must(t, err)
	diffs, err := compare.Programs(t.Context(), s, run, run)
	if must(t, err); len(diffs) > 0 {
		t.Errorf("a run's program differs from itself: %v", diffs)
	}
	// A run without predictions says what to do.
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "pneumonia", Name: "bare"})
	must(t, err)
	reports, err := s.Reports(t.Context(), ids[0])
	must(t, err, w.Report("test", reports[0].Data), w.End(store.Finished, ""))
	_, body, _ = get(t, serve(t, s, Options{})+"/compare?run="+string(w.ID())+"&run="+string(ids[3]))
	if !strings.Contains(body, "run.Predictions(") {
		t.Error("the comparison of a run without predictions does not say how to keep them")
	}
}

func TestComparisonIsRearranged(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	a, b, c := string(ids[0]), string(ids[1]), string(ids[2])
	home := serve(t, s, Options{})
	_, body, _ := get(t, home+"/compare?bands=1&run="+a+"&run="+b+"&run="+c)
	for _, want := range []string{
		"run=" + b + "&amp;run=" + a + "&amp;run=" + c + `">hold others against it`,
		`href="/compare?bands=1&amp;run=` + a + "&amp;run=" + c + `" aria-label="Leave `,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the comparison lacks %q", want)
		}
	}
	if n := strings.Count(body, ">hold others against it"); n != 2 {
		t.Errorf("%d runs can become the first, want the two that are not", n)
	}
	if _, body, _ := get(t, home+"/compare?run="+a); strings.Contains(body, `aria-label="Leave `) {
		t.Error("the only run can be left out")
	}
}

package compare

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/store"
)

func TestSmoothingIsDebiasedAndKeepsTheRawCurve(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	for i := range 4 {
		must(t, w.Step(int64(i), []string{"m"}, []float64{5}))
	}
	must(t, w.End(store.Finished, ""))
	run, err := s.Run(t.Context(), w.ID())
	must(t, err)
	a := Axes{}
	a.Smooth = 0.9
	cut, err := cutOf(t.Context(), s, run.ID, "m", a, 100)
	must(t, err)
	place, err := endsOf(t.Context(), s, run, a)
	must(t, err)
	lines := draw(charts.Line{Name: "m"}, cut, place, a)
	if len(lines) != 2 || !lines[0].Faint {
		t.Fatalf("lines %v, want the raw one, pale, and the smooth one", lines)
	}
	for i, y := range lines[1].Y {
		if math.Abs(y-5) > 1e-12 {
			t.Errorf("a constant of 5 is smoothed to %v at point %d", y, i)
		}
	}
}

func TestTexts(t *testing.T) {
	f := func(from, to, want string) {
		t.Helper()
		var got strings.Builder
		for _, line := range Texts(from, to) {
			fmt.Fprintf(&got, "%s%s|", line.Mark, line.Text)
		}
		if got.String() != want {
			t.Errorf("diff of %q and %q is %q, want %q", from, to, got.String(), want)
		}
	}
	f("a\nb\nc\n", "a\nB\nc\n", "a|−b|+B|c|")
	f("", "x", "+x|")
	f("x", "", "−x|")
	f("1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\n7\n", "…|3|4|5|−6|+7|")
}

func TestBandIsTheMeanWithStudentsInterval(t *testing.T) {
	got := band("g", charts.Style{Color: "#000000"}, []charts.Line{
		{X: []float64{0, 2}, Y: []float64{1, 1}},
		{X: []float64{0, 1, 2}, Y: []float64{2, 2, 2}},
		{X: []float64{0, 2}, Y: []float64{3, 3}},
	})
	// t(0.975, 2) = 4.302653, from the tables of Student's distribution; sd is 1.
	half := 4.302653 / math.Sqrt(3)
	if len(got.X) != 3 {
		t.Fatalf("%d points, want 3", len(got.X))
	}
	for i := range got.X {
		if math.Abs(got.Y[i]-2) > 1e-12 || math.Abs(got.Low[i]-(2-half)) > 1e-6 || math.Abs(got.High[i]-(2+half)) > 1e-6 {
			t.Errorf("at %v: %v [%v, %v], want 2 ± %v", got.X[i], got.Y[i], got.Low[i], got.High[i], half)
		}
	}
}

func TestSpearman(t *testing.T) {
	f := func(xs, ys []float64, want float64) {
		t.Helper()
		if got := spearman(xs, ys); math.Abs(got-want) > 1e-12 && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("spearman(%v, %v) = %v, want %v", xs, ys, got, want)
		}
	}
	f([]float64{1, 2, 3, 4, 5}, []float64{5, 6, 7, 8, 7}, 0.8207826816681233) // scipy.stats.spearmanr's documentation
	f([]float64{1, 2, 3}, []float64{10, 100, 1000}, 1)
	f([]float64{1, 2, 3}, []float64{3, 2, 1}, -1)
	f([]float64{1, 1, 1}, []float64{1, 2, 3}, math.NaN())
}

func TestCurvesOverAnotherMetricAndWithOddValues(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	for step := range 10 {
		loss := 1 / float64(step+1)
		switch step {
		case 4:
			loss = math.Inf(1)
		case 7, 8, 9:
			loss = math.NaN()
		}
		must(t, w.Step(int64(step), []string{"loss", "examples"}, []float64{loss, 32 * float64(step)}))
	}
	must(t, w.End(store.Finished, ""))
	run, err := s.Run(t.Context(), w.ID())
	must(t, err)
	place, err := endsOf(t.Context(), s, run, Axes{X: "metric.examples"})
	must(t, err)
	cut, err := cutOf(t.Context(), s, run.ID, "loss", Axes{}, 100)
	must(t, err)
	line := draw(charts.Line{Name: "loss"}, cut, place, Axes{})[0]
	if len(line.X) != 10 || line.X[3] != 96 || line.Y[3] != 0.25 {
		t.Errorf("x %v, y %v, want 0.25 at 96 examples", line.X, line.Y)
	}
	if got := fmt.Sprint(line.Odd); got != "[{224 288 NaN 3} {128 128 +Inf 1}]" {
		t.Errorf("marks %v, want three NaN in one and an infinity", got)
	}
	if _, err := endsOf(t.Context(), s, run, Axes{X: "metric.none"}); err == nil {
		t.Error("a metric that the run has not is an axis")
	}
}

func TestWindowKeepsTheRestOfTheCurve(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	points := make([]store.Point, 1000)
	for i := range points {
		points[i] = store.Point{Step: int64(i), Value: float64(i)}
	}
	must(t, w.Append("m", points), w.End(store.Finished, ""))
	for _, steps := range [][2]int64{{300, 400}, {math.MinInt64, 400}, {600, math.MaxInt64}, {math.MinInt64, math.MaxInt64}} {
		cut, err := cutOf(t.Context(), s, w.ID(), "m", Axes{Steps: &steps}, 2000)
		must(t, err)
		var count int64
		for i, b := range cut {
			count += b.Count
			if i > 0 && b.FirstStep <= cut[i-1].LastStep {
				t.Errorf("%v: buckets overlap at step %d", steps, b.FirstStep)
			}
		}
		if count != 1000 || cut[0].FirstStep != 0 || cut[len(cut)-1].LastStep != 999 {
			t.Errorf("%v: %d points from step %d to %d, want all 1000", steps, count, cut[0].FirstStep, cut[len(cut)-1].LastStep)
		}
	}
}

// A run that was resumed passes steps twice: what it said last counts, once.
func TestBandOfAResumedRun(t *testing.T) {
	resumed := rising(charts.Line{X: []float64{0, 1, 2, 3, 2, 3, 4}, Y: []float64{0, 1, 9, 9, 2, 3, 4}})
	got := band("g", charts.Style{}, []charts.Line{resumed, {X: []float64{0, 1, 2, 3, 4}, Y: []float64{0, 1, 2, 3, 4}}})
	if want := []float64{0, 1, 2, 3, 4}; !slices.Equal(got.X, want) || !slices.Equal(got.Y, want) || !slices.Equal(got.Low, want) {
		t.Errorf("at %v: %v, from %v; want %v, where both runs are", got.X, got.Y, got.Low, want)
	}
}

// Groups are told apart as runs are, also where their names have one colour.
func TestGroupsLookDifferent(t *testing.T) {
	s := openStore(t)
	var runs []store.Run
	for i := range 20 { // more than there are colours
		w, err := s.Start(t.Context(), store.NewRun{Experiment: "e", Group: fmt.Sprint("group ", i)})
		must(t, err)
		must(t, w.Step(0, []string{"m"}, []float64{0}), w.Step(1, []string{"m"}, []float64{1}), w.End(store.Finished, ""))
		run, err := s.Run(t.Context(), w.ID())
		must(t, err)
		runs = append(runs, run)
	}
	figure, err := Of(s, runs).Curves(t.Context(), Axes{Bands: true}, "m")
	must(t, err)
	var option struct {
		Series []struct {
			Name, Stack, Color string
			LineStyle          struct{ Type string }
		}
	}
	must(t, json.Unmarshal(figure.Option, &option))
	seen := map[charts.Style]string{}
	for _, line := range option.Series {
		style := charts.Style{Color: line.Color, Dash: line.LineStyle.Type}
		if line.Stack != "" {
			continue // an edge of a band
		}
		if seen[style] != "" {
			t.Errorf("%s and %s are both %v", seen[style], line.Name, style)
		}
		seen[style] = line.Name
	}
	if len(seen) != len(runs) {
		t.Errorf("%d lines, want one a group", len(seen))
	}
}

func TestLogAxisSaysWhatItCannotShow(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	must(t, w.Step(0, []string{"m", "n"}, []float64{1, 1}), w.Step(1, []string{"m", "n"}, []float64{0, 2}), w.End(store.Finished, ""))
	run, err := s.Run(t.Context(), w.ID())
	must(t, err)
	for metric, want := range map[string]bool{"m": true, "n": false} {
		figure, err := Of(s, []store.Run{run}).Curves(t.Context(), Axes{LogY: true}, metric)
		must(t, err)
		if strings.Contains(figure.Title, "no place on a log axis") != want {
			t.Errorf("%s is called %q", metric, figure.Title)
		}
	}
}

func TestTimeHasItsUnit(t *testing.T) {
	f := func(wantUnit string, longest, wantX float64) {
		t.Helper()
		line := charts.Line{X: []float64{0, longest}, Odd: []charts.Odd{{From: longest, To: longest}}}
		if unit := inTime([]charts.Line{line}); unit != wantUnit || line.X[1] != wantX || line.Odd[0].To != wantX {
			t.Errorf("%v s are %v %s, want %v %s; a mark stands at %v", longest, line.X[1], unit, wantX, wantUnit, line.Odd[0].To)
		}
	}
	f("seconds", 90, 90)
	f("minutes", 180, 3)
	f("hours", 36000, 10)
}

// The machine's curves say what they count.
func TestSystemCurvesHaveUnits(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	names := []string{"system.cpu", "system.memory_gib", "system.gpu0", "loss"}
	must(t, w.Step(0, names, []float64{1, 1, 1, 1}), w.Step(1, names, []float64{1, 1, 1, 1}), w.End(store.Finished, ""))
	run, err := s.Run(t.Context(), w.ID())
	must(t, err)
	for metric, want := range map[string]string{"system.cpu": `"name":"cores"`, "system.memory_gib": `"name":"GiB"`, "system.gpu0": `"name":"share of the time"`, "loss": `"name":"step"`} {
		figure, err := Of(s, []store.Run{run}).Curves(t.Context(), Axes{}, metric)
		must(t, err)
		if !strings.Contains(string(figure.Option), want) {
			t.Errorf("the axes of %s lack %s", metric, want)
		}
	}
}

package charts

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/assay-ml/assay/gomlx_models"
)

// followed is five patients: events at 1, 2 and 4, one censored at 3 and one at 5.
var followed = models.Curve{
	Kind: "survival", Label: "all",
	X: []models.Number{0, 1, 2, 3, 4, 5}, Y: []models.Number{1, 0.8, 0.6, 0.6, 0.3, 0.3},
	Low: []models.Number{1, 0.2, 0.13, 0.13, 0.01, 0.01}, High: []models.Number{1, 0.97, 0.88, 0.88, 0.72, 0.72},
	N: []int{5, 5, 4, 3, 2, 1},
}

func TestSurvivalCountsThoseAtRisk(t *testing.T) {
	figures := FromReport(models.Report{Name: "s", Curves: []models.Curve{followed}})
	if len(figures) != 1 {
		t.Fatalf("%d figures, want one", len(figures))
	}
	f := figures[0]
	if want := "Survival: all (5) median 4."; f.Alt != want {
		t.Errorf("alt %q, want %q", f.Alt, want)
	}
	text := f.Text()
	for _, want := range []string{"1 – not reached", "0.80 (5)", "0.60 (3)", "0.30 (1)"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
	counts := map[string]bool{}
	for _, s := range optionOf(t, f)["series"].([]any) {
		if s := s.(map[string]any); s["xAxisIndex"] == 1.0 {
			b, _ := json.Marshal(s["data"])
			counts[string(b)] = true
		}
	}
	if want := "[[0,0,5],[1,0,5],[2,0,4],[3,0,3],[4,0,2],[5,0,1]]"; !counts[want] {
		t.Errorf("numbers at risk %v, want %s", counts, want)
	}
	if svg := f.Still(); !bytes.Contains(svg, []byte("number at risk")) || !bytes.Contains(svg, []byte(`fill-opacity=".18"`)) {
		t.Error("the still picture lacks the numbers at risk or the band")
	}
}

func TestPredictedSurvivalHasNoCounts(t *testing.T) {
	predicted := Line{Name: "a patient", X: []float64{0, 1, 2}, Y: []float64{1, 0.7, 0.4}}
	counted := Line{Name: "all", X: []float64{0, 1, 2}, Y: []float64{1, 0.8, 0.5}, N: []int{9, 8, 7}}
	alone, beside := Survival("a", "A", "days", []Line{predicted}), Survival("b", "B", "days", []Line{predicted, counted})
	if n := len(optionOf(t, alone)["xAxis"].([]any)); n != 1 {
		t.Errorf("a curve without counts has %d grids, want one", n)
	}
	if names, _ := json.Marshal(optionOf(t, beside)["yAxis"].([]any)[1].(map[string]any)["data"]); strings.Contains(string(names), "a patient") {
		t.Errorf("counts of %s, want those of all only", names)
	}
	if predicted.Step {
		t.Error("the caller's line was changed")
	}
}

func TestAtRiskBetweenAndAfterTimes(t *testing.T) {
	l := Line{X: []float64{0, 2, 5}, N: []int{9, 9, 4}}
	for at, want := range map[float64]int{0: 9, 1: 9, 2: 9, 2.5: 4, 5: 4, 6: 0} {
		if got := l.atRisk(at); got != want {
			t.Errorf("at risk at %v: got %d, want %d", at, got, want)
		}
	}
}

func TestNumbersAtRiskAreExactWhateverIsDrawn(t *testing.T) {
	var l Line
	for i := range 5000 {
		l.X, l.Y, l.N = append(l.X, float64(i)), append(l.Y, 1-float64(i)/5000), append(l.N, 5000-i)
	}
	l.Name = "all"
	f := Survival("s", "S", "days", []Line{l})
	if !strings.Contains(f.Text(), "0.60 (3000)") || !strings.Contains(f.Text(), "2500") {
		t.Errorf("want 3000 at risk at 2000 and a median of 2500:\n%s", f.Text())
	}
	if n := len(optionOf(t, f)["series"].([]any)[0].(map[string]any)["data"].([]any)); n > defaultPoints {
		t.Errorf("%d points are drawn, want %d at most", n, defaultPoints)
	}
}

func TestTicksAreRound(t *testing.T) {
	f := func(end float64, n int, step float64) {
		t.Helper()
		if got := ticks(end); len(got) != n || math.Abs(got[1]-step) > 1e-9*step {
			t.Errorf("ticks(%v) = %v, want %d with step %v", end, got, n, step)
		}
	}
	f(2029, 5, 500)
	f(6, 7, 1)
	f(0.7, 4, 0.2)
	f(355, 4, 100)
	f(0, 2, 1)
}

func TestCoefficientsBecomeAForestPlot(t *testing.T) {
	f := tableFigure("c", models.Table{Kind: "coefficients", Title: "Hazard ratios",
		Columns: []string{"variable", "ratio", "low", "high", "standard error", "p"},
		Rows: [][]string{{"intercept", "9", "8", "10", "1", "0.1"}, {"age", "1.5", "1.2", "1.9", "0.1", "0.001"},
			{"sex", "1.1", "0.9", "1.3", "0.1", "0.3"}, {"a repeat", "1", "NaN", "NaN", "NaN", "NaN"}}})
	option := optionOf(t, f)
	if x := option["xAxis"].([]any)[0].(map[string]any); x["type"] != "log" {
		t.Errorf("ratios stand on a %v axis, want a log one", x["type"])
	}
	if names, _ := json.Marshal(option["yAxis"].([]any)[0].(map[string]any)["data"]); string(names) != `["age","sex"]` {
		t.Errorf("rows %s, want age and sex", names)
	}
	colors := map[any]bool{}
	for _, s := range option["series"].([]any) {
		colors[s.(map[string]any)["color"]] = true
	}
	if !colors[palette[0]] || !colors[muted] {
		t.Errorf("colours %v: an interval that spans 1 must be grey, another not", colors)
	}
	if text := f.Text(); !strings.Contains(text, "intercept") || !strings.Contains(text, "0.001") {
		t.Errorf("the numbers lack what the picture leaves out:\n%s", text)
	}
}

func TestImportanceIsSortedAndCut(t *testing.T) {
	nan := models.Number(math.NaN())
	f := Importance("i", "Importance", "loss", []models.Metric{{Name: "a", Value: 1, Low: nan, High: nan}, {Name: "b", Value: 3, Low: 2, High: 4}, {Name: "c", Value: 2, Low: -1, High: 5}}, 2)
	if want := "Importance: b 3 (2 – 4), c 2 (-1 – 5)."; f.Alt != want {
		t.Errorf("alt %q, want %q", f.Alt, want)
	}
}

func TestWaterfallEndsAtTheAnswer(t *testing.T) {
	e := models.Explanation{Answer: "risk", Names: []string{"age", "bmi", "sex", "bp"}, Values: []float64{0.5, -1, 0.25, 0.05}, Base: 2}
	f := Waterfall("w", "Why", e, []float64{61, math.NaN(), 1, 120}, 2)
	want := []string{"base  2", "bmi is missing −1 1", "age = 61 +0.5000 1.500", "2 others +0.3000 1.800", "risk  1.800"}
	for i, row := range f.table().Rows {
		if got := strings.Join(row, " "); got != want[i] {
			t.Errorf("row %d %q, want %q", i, got, want[i])
		}
	}
}

func TestBeeswarm(t *testing.T) {
	var explanations []models.Explanation
	var xs [][]float64
	for i := range 50 {
		x := float64(i)
		explanations = append(explanations, models.Explanation{Names: []string{"idle", "strong"}, Values: []float64{0, x - 25}})
		xs = append(xs, []float64{1, x})
	}
	xs[7][1] = math.NaN()
	f := Beeswarm("b", "Bees", explanations, xs, 0)
	if rows := f.table().Rows; rows[0][0] != "strong" || rows[0][2] != "−20.20" || rows[0][3] != "+19.50" {
		t.Errorf("rows %v, want strong first, low values far below and high ones far above", rows)
	}
	dots := 0
	for _, s := range optionOf(t, f)["series"].([]any) {
		s := s.(map[string]any)
		if s["type"] != "scatter" {
			continue
		}
		for _, d := range s["data"].([]any) {
			dots++
			y := d.([]any)[1].(float64)
			if _, share := math.Modf(y); share < 0.05 || share > 0.95 {
				t.Errorf("a dot at %v is not within its row", y)
			}
			if s["name"] == "missing" && d.([]any)[2] != nil {
				t.Errorf("a missing value is %v", d)
			}
		}
	}
	if dots != 100 {
		t.Errorf("%d dots, want 100", dots)
	}
}

func TestDecisionCurvesShowWhatIsWorthwhile(t *testing.T) {
	curve := func(label string, y ...models.Number) models.Curve {
		return models.Curve{Kind: "decision", Label: label, X: []models.Number{0.01, 0.5, 0.99}, Y: y}
	}
	r := models.Report{Name: "d", Curves: []models.Curve{curve("model", 0.36, 0.3, 0.2), curve("treat all", 0.36, -0.26, -61), curve("treat none", 0, 0, 0)}}
	f := Compare([]Judged{{Name: "a", Report: r}, {Name: "b", Report: r}})[0]
	var names []string
	for _, s := range optionOf(t, f)["series"].([]any) {
		names = append(names, s.(map[string]any)["name"].(string))
	}
	if got := strings.Join(names, ", "); got != "a, b, treat all, treat none" {
		t.Errorf("lines %s: what does not depend on the model is drawn once", got)
	}
	if y := optionOf(t, f)["yAxis"].([]any)[0].(map[string]any); y["min"] != -0.1 || y["max"] != 0.4 {
		t.Errorf("net benefit from %v to %v, want −0.1 to 0.4", y["min"], y["max"])
	}
}

func TestCurvesSayWhatTheyShow(t *testing.T) {
	x, n := []models.Number{0, 0.1, 1}, []int{10, 0, 30}
	figures := FromReport(models.Report{Name: "r", Curves: []models.Curve{
		{Kind: "roc", Label: "ill", X: x, Y: []models.Number{0, 0.8, 1}},
		{Kind: "pr", Label: "ill", X: x, Y: []models.Number{1, 0.9, 0.4}},
		{Kind: "calibration", Label: "ill", X: x, Y: []models.Number{0.2, models.Number(math.NaN()), 0.88}, N: n},
		{Kind: "auc_time", Label: "AUC", X: x, Y: []models.Number{0.7, 0.65, 0.9}}}})
	want := []string{"ROC: ill finds 80 % at 10 % false alarms.", "Precision and recall: ill is right in 40 % of its calls when it finds 90 %.",
		"Calibration: ill is off by 0.14 on average.", "Discrimination over time: AUC between 0.650 and 0.900."}
	for i, f := range figures {
		if f.Alt != want[i] {
			t.Errorf("alt %q, want %q", f.Alt, want[i])
		}
	}
	if text := figures[2].Text(); !strings.Contains(text, "0.8800    30") {
		t.Errorf("the table lacks the rows of a group:\n%s", text)
	}
}

func TestPicturesOfWhatIsMissing(t *testing.T) {
	nan := math.NaN()
	for _, f := range []Figure{
		Beeswarm("b", "B", []models.Explanation{{Values: []float64{1, nan}}, {Values: []float64{2}}}, [][]float64{{1}}, 0),
		Beeswarm("b", "B", nil, nil, 0),
		Force("f", "F", []models.Explanation{{Values: []float64{1, nan}, Base: 1}, {Values: []float64{2}, Base: nan}}, nil, 0),
		Force("f", "F", nil, nil, 0),
		Waterfall("w", "W", models.Explanation{Values: []float64{nan, 1}, Base: nan}, []float64{1}, 0),
		Estimates("e", "E", []Estimate{{"a", nan, nan, nan}, {"b", -1, -2, 1}}, EstimateOptions{Ratio: true}),
		Survival("s", "S", "days", []Line{{Name: "nobody"}}),
		Agreement("a", "A", nil),
		Tree("t", "T", &models.Branch{Answer: "well"}),
	} {
		if svg := f.Still(); bytes.Contains(svg, []byte("NaN")) && !bytes.Contains(svg, []byte(">NaN")) {
			t.Errorf("%s has a coordinate that is no number: %s", f.Title, svg)
		}
		if f.Alt == "" || f.table() == nil {
			t.Errorf("%s says nothing", f.Title)
		}
	}
}

func TestFifths(t *testing.T) {
	nan := math.NaN()
	f := func(values []float64, want ...int) {
		t.Helper()
		got := fifths(values)
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("fifths(%v) = %v, want %v", values, got, want)
				return
			}
		}
	}
	f([]float64{5, 1, 2, 3, 4}, 4, 0, 1, 2, 3)
	f([]float64{0, 0, 1, 1}, 1, 1, 3, 3)
	f([]float64{nan, 7}, 5, 2)
}

func TestAgreement(t *testing.T) {
	figures := FromReport(models.Report{Name: "r", Curves: []models.Curve{{Kind: "scatter", Label: "r",
		X: []models.Number{10, 20, 30, 40, 50}, Y: []models.Number{12, 22, 28, 41, models.Number(math.NaN())}}}})
	f := figures[0]
	if want := "where the lowest fifth is predicted, 12 on average, 10 was observed; where the highest, 41, it was 40."; !strings.HasSuffix(f.Alt, want) {
		t.Errorf("alt %q, want the end %q", f.Alt, want)
	}
	option := optionOf(t, f)
	x, y := option["xAxis"].([]any)[0].(map[string]any), option["yAxis"].([]any)[0].(map[string]any)
	if x["min"] != y["min"] || x["max"] != y["max"] || x["max"].(float64) < 50 {
		t.Errorf("axes %v to %v and %v to %v: they must be the same, and hold 50", x["min"], x["max"], y["min"], y["max"])
	}
}

func TestDependenceKeepsFeaturesApart(t *testing.T) {
	curve := func(kind, label string) models.Curve {
		return models.Curve{Kind: kind, Label: label, X: []models.Number{0, 1}, Y: []models.Number{1, 2}}
	}
	figures := FromReport(models.Report{Name: "d", Curves: []models.Curve{
		curve("partial dependence", "age"), curve("ice", "age, row 0"), curve("ice", "age, row 1"), curve("partial dependence", "bmi"), curve("ice", "bmi, row 0")}})
	if len(figures) != 2 {
		t.Fatalf("%d figures, want one a feature", len(figures))
	}
	for i, want := range []int{3, 2} {
		if got := len(optionOf(t, figures[i])["series"].([]any)); got != want {
			t.Errorf("%s has %d lines, want %d", figures[i].Title, got, want)
		}
	}
}

func TestTreeIsLaidOut(t *testing.T) {
	leaf := func(answer string, share float64, value ...float64) *models.Branch {
		return &models.Branch{Answer: answer, Value: value, Cover: 100 * share, Share: share}
	}
	root := &models.Branch{Ask: "age ≤ 50", Answer: "well 0.60", Value: []float64{0.6, 0.4}, Cover: 100, Share: 1, Children: []*models.Branch{
		leaf("well 0.90", 0.5, 0.9, 0.1),
		{Ask: "sex is m", Answer: "ill 0.70", Value: []float64{0.3, 0.7}, Cover: 50, Share: 0.5, Children: []*models.Branch{
			leaf("well 0.55", 0.2, 0.55, 0.45), leaf("ill 0.95", 0.3, 0.05, 0.95)}},
	}}
	f := Tree("t", "A tree", root)
	if want := "A tree: a tree of 3 leaves that first asks whether age ≤ 50."; f.Alt != want {
		t.Errorf("alt %q, want %q", f.Alt, want)
	}
	want := []string{"age ≤ 50|well 0.90|50|50 %", "not age ≤ 50 and sex is m|well 0.55|20|20 %", "not age ≤ 50 and not sex is m|ill 0.95|30|30 %"}
	for i, row := range f.table().Rows {
		if got := strings.Join(row, "|"); got != want[i] {
			t.Errorf("rule %d: %q, want %q", i, got, want[i])
		}
	}
	o, _ := parse(f.Option)
	graph := o.Series[0]
	if len(graph.Nodes) != 5 || len(graph.Links) != 4 {
		t.Fatalf("%d boxes and %d links, want 5 and 4", len(graph.Nodes), len(graph.Links))
	}
	for i, a := range graph.Nodes {
		for _, b := range graph.Nodes[i+1:] {
			if a.Value[0] == b.Value[0] && math.Abs(a.Value[1]-b.Value[1]) < 1 {
				t.Errorf("%q and %q overlap", a.Name, b.Name)
			}
		}
	}
	if !strings.Contains(string(f.Fragment()), "assay-wide") {
		t.Error("a tree shares its row with other figures")
	}
	if svg := f.Still(); bytes.Count(svg, []byte("<rect")) != 5 {
		t.Error("the still picture lacks boxes")
	}
}

func TestBoxedText(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := boxed(text); got != want {
			t.Errorf("boxed(%q) = %q, want %q", text, got, want)
		}
	}
	f("age ≤ 50", "age ≤ 50")
	f("worst concave points ≤ 0.1555 or missing", "worst concave points ≤\n0.1555 or missing")
	f("dzgroup is Cirrhosis, Coma, Colon Cancer, Lung Cancer, MOSF w/Malig", "dzgroup is Cirrhosis,\nComa, Colon Cancer, Lung …")
}

// What a run keeps of a figure is its option: the numbers must be in it.
func TestOptionCarriesItsTable(t *testing.T) {
	f := Estimates("e", "E", []Estimate{{"a", 2, 1, 3}}, EstimateOptions{})
	kept := Figure{ID: f.ID, Title: f.Title, Alt: f.Alt, Height: f.Height, Option: f.Option}
	if got, want := kept.Text(), f.Text(); got != want || !strings.Contains(got, "1 – 3") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The table beside a calibration curve has its intervals, nothing where one is unknown.
func TestCalibrationTableHasIntervals(t *testing.T) {
	nan := math.NaN()
	table := calibrationTable([]Line{{Name: "by 180", X: []float64{0.2, 0.7}, Y: []float64{0.25, 1}, N: []int{20, 9}, Low: []float64{0.1, nan}, High: []float64{0.5, nan}}})
	want := [][]string{{"by 180", "0.2000", "0.2500", "20", "0.1000 – 0.5000"}, {"by 180", "0.7000", "1", "9", ""}}
	if !reflect.DeepEqual(table.Rows, want) || len(table.Columns) != 5 {
		t.Errorf("got %q under %q, want %q", table.Rows, table.Columns, want)
	}
}

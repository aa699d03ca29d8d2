package charts

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/assay-ml/assay/gomlx_models"
)

func wave(n int) (x, y []float64) {
	for i := range n {
		x = append(x, float64(i))
		y = append(y, math.Exp(-float64(i)/300)+0.02*math.Sin(float64(i)))
	}
	return x, y
}

// optionOf decodes f's option into plain values.
func optionOf(t *testing.T, f Figure) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(f.Option, &o); err != nil {
		t.Fatalf("option of %s: %v", f.ID, err)
	}
	return o
}

func TestNonFinitePointsAreGaps(t *testing.T) {
	f := Curves("g", "Gaps", []Line{{Name: "a", X: []float64{1, 2, 3, 4}, Y: []float64{1, math.NaN(), math.Inf(1), 2}}}, CurveOptions{})
	data := optionOf(t, f)["series"].([]any)[0].(map[string]any)["data"].([]any)
	got, _ := json.Marshal(data)
	if want := `[[1,1],[2,null],[3,null],[4,2]]`; string(got) != want {
		t.Errorf("data = %s, want %s", got, want)
	}
}

func TestLogAxisHasNoRoomForZero(t *testing.T) {
	f := Curves("g", "Log", []Line{{Name: "a", X: []float64{0, 10}, Y: []float64{0.1, -1}}}, CurveOptions{LogX: true, LogY: true})
	data, _ := json.Marshal(optionOf(t, f)["series"].([]any)[0].(map[string]any)["data"])
	if want := `[[null,0.1],[10,null]]`; string(data) != want {
		t.Errorf("data = %s, want %s", data, want)
	}
	if svg := f.Still(); bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
		t.Errorf("the still picture has a coordinate that is no number: %s", svg)
	}
}

func TestThinKeepsSpikesAndEnds(t *testing.T) {
	x, y := wave(100_000)
	y[31_337], y[77_777], y[50_000] = 9, -9, math.NaN()
	tx, ty := Thin(x, y, 400)
	if len(tx) > 500 || len(tx) < 300 {
		t.Errorf("%d points, want about 400", len(tx))
	}
	has := func(at, value float64) bool {
		for i := range tx {
			if tx[i] == at && (ty[i] == value || math.IsNaN(value) && math.IsNaN(ty[i])) {
				return true
			}
		}
		return false
	}
	for _, want := range [][2]float64{{31_337, 9}, {77_777, -9}, {50_000, math.NaN()}, {0, y[0]}, {99_999, y[99_999]}} {
		if !has(want[0], want[1]) {
			t.Errorf("the point %v is lost", want)
		}
	}
	for i := 1; i < len(tx); i++ {
		if tx[i] <= tx[i-1] {
			t.Fatalf("x[%d] = %v after %v", i, tx[i], tx[i-1])
		}
	}
}

func TestFormat(t *testing.T) {
	f := func(x float64, want string) {
		t.Helper()
		if got := Format(x); got != want {
			t.Errorf("Format(%v) = %q, want %q", x, got, want)
		}
	}
	f(0, "0")
	f(0.94567, "0.9457")
	f(0.00123456, "0.001235")
	f(123.456, "123.5")
	f(-12345.6, "-12346")
	f(1e-7, "1.000e-07")
	f(3, "3")
	f(math.NaN(), "NaN")
	f(math.Inf(-1), "−Inf")
}

func TestColorsDoNotDependOnCompany(t *testing.T) {
	runs := []string{"r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12"}
	seen := map[Style]bool{}
	for i, style := range Styles(runs) {
		if style.Color != Color(runs[i]) {
			t.Errorf("run %s is %s here and %s elsewhere", runs[i], style.Color, Color(runs[i]))
		}
		if seen[style] {
			t.Errorf("two runs look alike: %v", style)
		}
		seen[style] = true
	}
}

// nasty is a name that tries to leave every context it may stand in.
const nasty = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e\u2028`${alert(1)}"

func TestNamesStayText(t *testing.T) {
	x, y := wave(10)
	figures := []Figure{
		Curves(nasty, nasty, []Line{{Name: nasty, Color: `"/><script>`, X: x, Y: y}}, CurveOptions{X: nasty, Y: nasty}),
		Bars("b"+nasty, nasty, []Bar{{Name: nasty, Value: 1}}),
		Heat("h", nasty, nasty, nasty, []string{nasty}, []string{nasty}, [][]float64{{1}}),
		Survival("s"+nasty, nasty, nasty, []Line{{Name: nasty, X: []float64{0, 1}, Y: []float64{1, 0.4}, N: []int{2, 1}}}),
		Estimates("e", nasty, []Estimate{{nasty, 2, 1, 3}}, EstimateOptions{X: nasty}),
		Waterfall("w", nasty, models.Explanation{Answer: nasty, Names: []string{nasty}, Values: []float64{1}}, nil, 0),
		Beeswarm("b", nasty, []models.Explanation{{Answer: nasty, Names: []string{nasty}, Values: []float64{1}}}, [][]float64{{1}}, 0),
		Force("fo", nasty, []models.Explanation{{Answer: nasty, Names: []string{nasty}, Values: []float64{1}}}, []string{nasty}, 0),
		Tree("r", nasty, &models.Branch{Ask: nasty, Answer: nasty, Value: []float64{1}, Children: []*models.Branch{{Answer: nasty, Value: []float64{0}}, {Answer: nasty, Value: []float64{2}}}}),
		Agreement("a", nasty, []Line{{Name: nasty, X: []float64{1}, Y: []float64{2}}}),
		{ID: "t", Title: nasty, Table: &Table{Columns: []string{nasty}, Rows: [][]string{{nasty}}}},
	}
	var page bytes.Buffer
	if err := WritePage(&page, nasty, figures...); err != nil {
		t.Fatal(err)
	}
	for name, html := range map[string]string{"page": page.String(), "cell": Cell(figures, true)} {
		for _, bad := range []string{"<script>alert", "<img src=x"} {
			if strings.Contains(html, bad) {
				i := strings.Index(html, bad)
				t.Errorf("the %s contains %q: …%s…", name, bad, html[max(0, i-80):i+40])
			}
		}
	}
	for _, f := range figures[:len(figures)-1] {
		if svg := f.Still(); svg == nil || bytes.Contains(svg, []byte("<script>")) {
			t.Errorf("the still picture of %s contains a script, or there is none", f.ID)
		}
	}
}

func TestLiveCellIsSmall(t *testing.T) {
	x, y := wave(50_000)
	f := Curves("k3-loss", "Loss", []Line{{Name: "train", X: x, Y: y}, {Name: "validation", X: x, Y: y}}, CurveOptions{Points: 200})
	live, full := f.Cell(false), f.Cell(true)
	if len(live) > 40_000 {
		t.Errorf("a live cell takes %d bytes", len(live))
	}
	t.Logf("live cell %d bytes, with the library %d", len(live), len(full))
	for _, html := range []string{live, full} {
		for _, want := range []string{"data:image/svg", "<table>", "validation", `type="application/json"`} {
			if !strings.Contains(html, want) {
				t.Errorf("a cell lacks %s", want)
			}
		}
		if strings.Contains(html, "https://") || strings.Contains(html, `src="http`) {
			t.Error("a cell refers to the network")
		}
	}
}

func report() models.Report {
	nan := models.Number(math.NaN())
	return models.Report{
		Name: "test", Rows: 624, Method: "bootstrap, 2000 resamples, seed 1",
		Metrics: []models.Metric{{Name: "auc", Value: 0.953, Low: 0.936, High: 0.968}, {Name: "loss", Value: 0.31, Low: nan, High: nan}},
		Curves: []models.Curve{
			{Kind: "roc", Label: "pneumonia", X: []models.Number{0, 0.1, 1}, Y: []models.Number{0, 0.9, 1}},
			{Kind: "calibration", Label: "pneumonia", X: []models.Number{0.1, 0.9}, Y: []models.Number{0.2, 0.8}, N: []int{10, 20}},
			{Kind: "lift", Label: "x", X: []models.Number{0, 1}, Y: []models.Number{nan, 1}},
		},
		Tables: []models.Table{
			{Kind: "confusion", Title: "Confusion", Columns: []string{"true", "normal", "pneumonia"},
				Rows: [][]string{{"normal", "200", "34"}, {"pneumonia", "12", "378"}}},
			{Kind: "subgroups", Title: "By sex", Columns: []string{"", "rows", "auc"}, Rows: [][]string{{"F", "300", "0.95"}}},
		},
	}
}

func TestFromReport(t *testing.T) {
	var got []string
	for _, f := range FromReport(report()) {
		got = append(got, f.ID)
		if f.table() == nil {
			t.Errorf("figure %s has no table", f.ID)
		}
	}
	want := "test-metrics test-roc test-calibration test-lift test-table-0 test-table-1"
	if strings.Join(got, " ") != want {
		t.Errorf("figures %v, want %s", got, want)
	}
	text := FromReport(report())[4].Text()
	for _, want := range []string{"normal as pneumonia 34", "pneumonia      12        378"} {
		if !strings.Contains(text, want) {
			t.Errorf("the confusion matrix as text lacks %q:\n%s", want, text)
		}
	}
}

func FuzzStill(f *testing.F) {
	f.Add([]byte(`{"xAxis":[{}],"yAxis":[{}],"series":[{"type":"line","data":[[1,2],null,{"value":[3]}]}]}`))
	f.Add([]byte(`{"xAxis":{"data":["a"]},"yAxis":{"data":[1,{"value":2}]},"series":{"type":"heatmap","data":[[0,0,1],["-",9,2]]}}`))
	f.Add([]byte(`{"xAxis":[{}],"yAxis":[{"data":["a"]}],"series":[{"type":"bar","data":[null]}]}`))
	f.Add([]byte(`{"xAxis":[{"max":2}],"yAxis":[{}],"series":[{"type":"graph","data":[{"id":"0","value":[1,1]}],"links":[{"source":"0","target":"9"}]}]}`))
	f.Add([]byte(`{"xAxis":[{},{}],"yAxis":[{},{"data":["a"]}],"series":[{"type":"line","stack":"band a","data":[[1,2]]},{"type":"line","stack":"band a","data":[[1,2]]},{"type":"line","data":[[1,2]]},{"type":"scatter","xAxisIndex":1,"data":[[1,0,3]]}]}`))
	f.Add([]byte(`{"xAxis":[{"type":"log"}],"yAxis":[{"type":"category","data":["a"]},{"data":["1"]}],"series":[{"type":"line","data":[[1,0],[2,0]],"markLine":{"data":[{"xAxis":0}]}},{"type":"scatter","data":[[1]]}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		figure := Figure{ID: "f", Option: raw}
		figure.Still()
		figure.table()
		_ = figure.Fragment()
	})
}

func TestSpreadHasQuartiles(t *testing.T) {
	f := Spread("s", "By dose", "dose", "auc", []Sample{
		{"low", []float64{4, 1, 3, 2, math.NaN()}},
		{"high", []float64{9}},
		{"none", nil},
	})
	// numpy.quantile([1, 2, 3, 4], [.25, .5, .75]) is 1.75, 2.5, 3.25 (numpy 2.3).
	want := [][]string{
		{"low", "4", "1", "1.750", "2.500", "3.250", "4"},
		{"high", "1", "9", "9", "9", "9", "9"},
		{"none", "0", "NaN", "NaN", "NaN", "NaN", "NaN"},
	}
	if got := f.table().Rows; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("table %v, want %v", got, want)
	}
}

func TestOddValuesAreMarkedAndNoCurve(t *testing.T) {
	f := Curves("c", "Loss", []Line{{Name: "loss", X: []float64{1, 2, 3}, Y: []float64{1, math.NaN(), 2},
		Odd: []Odd{{From: 2, To: 2, Value: math.NaN(), Count: 1}}}}, CurveOptions{})
	if !strings.Contains(string(f.Option), `"loss NaN"`) {
		t.Errorf("no mark in %s", f.Option)
	}
	if rows := f.table().Rows; len(rows) != 1 || rows[0][1] != "2" {
		t.Errorf("table %v, want the curve with its two points alone", rows)
	}
}

func TestConfusionsStandBesideEachOther(t *testing.T) {
	judged := func(name string, rows ...[]string) Judged {
		return Judged{Name: name, Report: models.Report{Name: "test", Tables: []models.Table{{Kind: "confusion", Columns: []string{"true", "well", "ill"}, Rows: rows}}}}
	}
	a := judged("a", []string{"well", "8", "2"}, []string{"ill", "1", "3"})
	b := judged("b", []string{"well", "10", "0"}, []string{"ill", "2", "2"})
	f, ok := Confusions("c", "Confusion", []Judged{a, b})
	if !ok {
		t.Fatal("two matrices make no figure")
	}
	want := [][]string{{"well · a", "0.8000", "0.2000"}, {"well · b", "1", "0"}, {"ill · a", "0.2500", "0.7500"}, {"ill · b", "0.5000", "0.5000"}}
	if got := f.table().Rows; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("rows %v, want %v", got, want)
	}
	if _, ok := Confusions("c", "Confusion", []Judged{a, judged("other", []string{"cat", "1", "0"}, []string{"dog", "0", "1"})}); ok {
		t.Error("matrices of different classes make a figure")
	}
}

// Words stand to the left, numbers to the right.
func TestTableTellsWordsFromNumbers(t *testing.T) {
	table := &Table{Columns: []string{"", "between", "found", "interval"}, Rows: [][]string{
		{"same patient", "train and test", "0", "0.1–0.2"},
		{"shortcut", "train and test", "AUC 0.9", "−0.1–0.2"},
		{"copy", "", "3", "", "more than the columns"},
	}}
	if got, want := table.Words(), []bool{true, true, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	html := string(Figure{ID: "t", Table: table}.Fragment())
	if !strings.Contains(html, `<td class="assay-text">train and test</td>`) || !strings.Contains(html, "<td>0</td>") {
		t.Errorf("got %s", html)
	}
}

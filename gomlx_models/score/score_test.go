package score

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
)

// patients makes n rows of n/3 patients whose rows resemble each other.
func patients(n int) (positive []bool, prob []float64, group []string) {
	r := rand.New(rand.NewPCG(3, 3))
	for i := range n {
		if i%3 == 0 {
			positive, prob = append(positive, r.Float64() < 0.4), append(prob, 0)
			prob[i] = 0.2 + 0.5*r.Float64()
			if positive[i] {
				prob[i] += 0.2
			}
		} else {
			positive, prob = append(positive, positive[i-1]), append(prob, prob[i-1]+0.01*r.Float64())
		}
		group = append(group, fmt.Sprint("patient ", i/3))
	}
	return positive, prob, group
}

func TestIntervalsAreTheSameWhateverTheThreads(t *testing.T) {
	positive, prob, group := patients(300)
	sex := make([]string, 300)
	for i := range sex {
		sex[i] = []string{"f", "m"}[i/3%2]
	}
	judge := func(threads int) models.Report {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		r, err := Binary(positive, prob, Options{Group: group, Resamples: 200, Seed: 5, Subgroups: []Subgroup{{"sex", sex}}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if one, four := judge(1), judge(4); !reflect.DeepEqual(one, four) {
		t.Errorf("one thread: %v\nfour: %v", one.Metrics, four.Metrics)
	}
}

func TestIntervalsResamplePatients(t *testing.T) {
	positive, prob, group := patients(600)
	width := func(o Options) float64 {
		r, err := Binary(positive, prob, o)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := r.Metric("auc")
		if !(m.Low < m.Value && m.Value < m.High) {
			t.Errorf("auc %v is not within %v to %v", m.Value, m.Low, m.High)
		}
		return float64(m.High - m.Low)
	}
	// Three copies of a patient say no more than one: √3 times wider.
	ratio := width(Options{Group: group}) / width(Options{})
	if ratio < 1.5 || ratio > 2 {
		t.Errorf("intervals by patient are %.2f times as wide as by row, want about 1.73", ratio)
	}
}

// The calibration error of resamples is higher than that of the rows, which lies
// within its interval nevertheless.
func TestIntervalOfECEHoldsItsValue(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		positive, prob := make([]bool, 300), make([]float64, 300)
		for i := range prob {
			prob[i] = r.Float64()
			positive[i] = r.Float64() < prob[i]
		}
		report, err := Binary(positive, prob, Options{Resamples: 200})
		if err != nil {
			t.Fatal(err)
		}
		if m, _ := report.Metric("ece"); !(m.Low <= m.Value && m.Value <= m.High) {
			t.Errorf("seed %d: ece %v is not within %v to %v", seed, m.Value, m.Low, m.High)
		}
	}
}

// The interval of a mean is known: the bootstrap must cover it as often as it says.
func TestIntervalsCover(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const trials = 300
	var covered int
	for trial := range trials {
		observed, predicted := make([]float64, 60), make([]float64, 60)
		for i := range observed {
			observed[i] = r.NormFloat64()
			predicted[i] = observed[i] + 0.3 + r.NormFloat64()
		}
		report, err := Regression(observed, predicted, Options{Resamples: 400, Seed: int64(trial)})
		if err != nil {
			t.Fatal(err)
		}
		if m, _ := report.Metric("bias"); m.Low <= 0.3 && 0.3 <= m.High {
			covered++
		}
	}
	if share := float64(covered) / trials; share < 0.91 || share > 0.98 {
		t.Errorf("95 %% intervals cover in %.1f %% of trials", 100*share)
	}
}

func TestDegenerateInput(t *testing.T) {
	one := []bool{true, true}
	r, err := Binary(one, []float64{0.2, 0.8}, Options{Resamples: 10})
	if err != nil {
		t.Fatal(err)
	}
	if auc, _ := r.Metric("auc"); !math.IsNaN(float64(auc.Value)) || !math.IsNaN(float64(auc.Low)) {
		t.Errorf("AUC of one class: got %v, want NaN", auc)
	}
	if !strings.Contains(strings.Join(r.Notes, " "), "Every row is positive") {
		t.Errorf("no note says that only one class is present: %q", r.Notes)
	}

	f := func(name string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, want)
		}
	}
	binary := func(y []bool, p []float64, o Options) error { _, err := Binary(y, p, o); return err }
	f("empty", binary(nil, nil, Options{}), "no rows")
	f("lengths", binary(one, []float64{1}, Options{}), "2 outcomes but 1")
	f("NaN", binary(one, []float64{0, math.NaN()}, Options{}), "row 1: the prediction is NaN")
	f("no probability", binary(one, []float64{0, 1.5}, Options{}), "row 1: the prediction is 1.5")
	f("groups", binary(one, []float64{0, 1}, Options{Group: []string{"a"}}), "2 rows but 1 patients")
	f("subgroups", binary(one, []float64{0, 1}, Options{Subgroups: []Subgroup{{"sex", nil}}}), `subgroup "sex"`)
	_, err = Multiclass([]int{3}, [][]float64{{0.5, 0.5}}, Options{})
	f("class", err, "class 3 is not one of the 2")
	_, err = Multiclass([]int{1}, [][]float64{{0.5, 0.9}}, Options{})
	f("sum", err, "sum to 1.4")
	_, err = Multilabel([][]bool{{true}}, [][]float64{{0.5, 0.9}}, Options{})
	f("labels", err, "1 labels but 2")
	_, err = Regression([]float64{1}, []float64{math.NaN()}, Options{})
	f("regression", err, "must be finite")
	_, err = ChooseThreshold(one, []float64{0.1, 0.2}, Youden)
	f("threshold", err, "both classes")
	_, err = DeLong(one, []float64{1, 2}, []float64{1, 2})
	f("DeLong", err, "two rows of each class")
	watched := Followup{[]float64{1, 2, 3}, []bool{true, false, true}}
	_, err = Survival(watched, watched, Forecast{}, Options{})
	f("no forecast", err, "neither risks nor survival")
	_, err = Survival(watched, watched, Forecast{Risk: []float64{1, 2, 3}, At: []float64{5}}, Options{})
	f("too late", err, "within the follow-up")
	_, err = Survival(watched, watched, Forecast{Risk: []float64{1, 2, 3}, At: []float64{math.NaN()}}, Options{})
	f("no time", err, "must ascend")
	_, err = Survival(watched, Followup{[]float64{-1}, []bool{true}}, Forecast{Risk: []float64{1}}, Options{})
	f("negative time", err, "not negative")
}

func TestUndefinedMeasuresAreNaN(t *testing.T) {
	f := func(name string, got float64) {
		t.Helper()
		if !math.IsNaN(got) {
			t.Errorf("%s: got %v, want NaN", name, got)
		}
	}
	f("AUC", AUC([]bool{true}, []float64{1}))
	f("AveragePrecision", AveragePrecision([]bool{false}, []float64{1}))
	f("PPV", Confusion([]bool{true}, []float64{0}, 0.5).PPV())
	f("MCC", Confusion([]bool{true}, []float64{0}, 0.5).MCC())
	f("Concordance", Concordance(Followup{[]float64{1, 1}, []bool{false, false}}, []float64{1, 2}))
	f("R2", R2([]float64{1, 1}, []float64{1, 2}))
	f("R2 of a value whose mean rounds", R2([]float64{0.1, 0.1, 0.1}, []float64{1, 2, 3}))
}

// What is NaN in a report, a note names.
func TestNotesNameWhatIsUndefined(t *testing.T) {
	f := func(positive []bool, prob []float64) {
		t.Helper()
		r, err := Binary(positive, prob, quick)
		if err != nil {
			t.Fatal(err)
		}
		notes := strings.Join(r.Notes, " ")
		for _, m := range r.Metrics {
			if named := strings.Contains(notes, " "+m.Name+" ") || strings.Contains(notes, " "+m.Name+","); named != math.IsNaN(float64(m.Value)) {
				t.Errorf("%v %v: %s is %v, and the notes are %q", positive, prob, m.Name, m.Value, r.Notes)
			}
		}
	}
	f([]bool{true, false}, []float64{0.9, 0.1})
	f([]bool{true, false}, []float64{0.2, 0.1})
	f([]bool{true, false}, []float64{0.7, 0.9})
	f([]bool{true, true}, []float64{0.2, 0.9})
	f([]bool{false, false}, []float64{0.2, 0.9})
	f([]bool{false, false}, []float64{0.2, 0.1})
	r, err := Multiclass([]int{0, 1}, [][]float64{{0.9, 0.1}, {0.8, 0.2}}, quick)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(r.Notes, " "); !strings.Contains(notes, "mcc is undefined") {
		t.Errorf("one class is called: notes %q", r.Notes)
	}
}

// A row without a patient is another patient: it does not share one with all others
// that have none.
func TestRowsWithoutPatient(t *testing.T) {
	positive, prob, _ := patients(90)
	judge := func(group []string) models.Report {
		t.Helper()
		r, err := Binary(positive, prob, Options{Group: group, Resamples: 50})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	got, want := judge(make([]string, 90)), judge(nil)
	if got.Groups != 90 || !reflect.DeepEqual(got.Metrics, want.Metrics) {
		t.Errorf("%d patients, %v, want 90 and %v", got.Groups, got.Metrics, want.Metrics)
	}
}

// A test that finds all of five patients may miss others yet: the bootstrap can't say.
func TestIntervalsOfNoWidthAreExplained(t *testing.T) {
	r, err := Binary([]bool{true, true, true, true, true, false, false, false}, []float64{0.9, 0.8, 0.7, 0.9, 0.8, 0.1, 0.6, 0.2}, Options{Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(r.Notes, " "); !strings.Contains(notes, "No resample differs in auc, average_precision, sensitivity, npv:") {
		t.Errorf("%+v: the notes are %q", r.Metrics, r.Notes)
	}
}

// Resamples of one patient are all the same: that is no interval of no width.
func TestOnePatientHasNoInterval(t *testing.T) {
	positive, prob, _ := patients(9)
	group := make([]string, 9)
	for i := range group {
		group[i] = "one"
	}
	r, err := Binary(positive, prob, Options{Group: group})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Metrics {
		if !math.IsNaN(float64(m.Low)) || !math.IsNaN(float64(m.High)) {
			t.Errorf("got %v, want no interval", m)
		}
	}
}

// concordance by its definition, pair by pair.
func TestConcordanceIsItsDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 50 {
		n := 2 + r.IntN(30)
		f, risk, w := Followup{}, make([]float64, n), make([]float64, n)
		for i := range n {
			f.Time, f.Event = append(f.Time, float64(r.IntN(8))), append(f.Event, r.IntN(2) == 0)
			risk[i], w[i] = float64(r.IntN(6)), float64(r.IntN(3))
		}
		var agree, known float64
		for i := range n {
			for j := range n {
				if f.Event[i] && (f.Time[i] < f.Time[j] || f.Time[i] == f.Time[j] && !f.Event[j]) {
					known += w[i] * w[j]
					switch {
					case risk[i] > risk[j]:
						agree += w[i] * w[j]
					case risk[i] == risk[j]:
						agree += w[i] * w[j] / 2
					}
				}
			}
		}
		got, want := newPairs(f, risk, nil).concordance(w), agree/known
		if math.Abs(got-want) > 1e-12 && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("got %v, want %v for %v %v", got, want, f, risk)
		}
	}
}

func TestChooseThreshold(t *testing.T) {
	positive := []bool{false, false, true, false, true, true}
	prob := []float64{0, 0.2, 0.3, 0.6, 0.7, 0.9}
	f := func(rule Rule, want float64) {
		t.Helper()
		got, err := ChooseThreshold(positive, prob, rule)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Threshold-want) > 1e-12 {
			t.Errorf("%s: got %v, want %v", got.Rule, got.Threshold, want)
		}
	}
	f(Youden, 0.65)
	f(BestF1, 0.25)
	f(AtSensitivity(1), 0.25)
	f(AtSpecificity(0.6), 0.25)
	f(AtSpecificity(0.9), 0.65)
	// Half-way between neighbours rounds to the lower one, which must not be called.
	low := math.Nextafter(0.3, 1)
	prob = []float64{0, 0.1, math.Nextafter(low, 1), low, 0.7, 0.9}
	f(Youden, prob[2])
	if got, err := ChooseThreshold(positive, prob, Youden); err != nil || got.Threshold <= low {
		t.Errorf("got %v, %v, want above %v", got.Threshold, err, low)
	}
	all := Operating{Threshold: 0, Rule: "everyone"}
	if got := all.threshold(); got != 0 {
		t.Errorf("a chosen threshold of 0 became %v", got)
	}
}

func TestCompareBinary(t *testing.T) {
	positive, prob, group := patients(300)
	r := rand.New(rand.NewPCG(4, 4))
	noise := make([]float64, len(prob))
	for i := range noise {
		noise[i] = r.Float64()
	}
	o := Options{Group: group, Resamples: 500, Seed: 1}
	report, err := CompareBinary(positive, noise, prob, Operating{}, Operating{}, o)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := report.Metric("auc_difference")
	if m.Low <= 0 {
		t.Errorf("a model against noise: difference %v from %v", m.Value, m.Low)
	}
	if p := report.Tables[0].Rows[0][4]; p != "0.00399" { // 2 / (500 + 1)
		t.Errorf("p = %s, want 0.00399", p)
	}
	same, err := CompareBinary(positive, prob, prob, Operating{}, Operating{}, o)
	if err != nil {
		t.Fatal(err)
	}
	if m := same.Metrics[0]; m.Value != 0 || m.Low != 0 || m.High != 0 {
		t.Errorf("a model against itself: %v", m)
	}
}

// TestCompareClasses: two classes are judged alike as classes and as labels, and
// a model against itself is no different.
func TestCompareClasses(t *testing.T) {
	positive, prob, group := patients(200)
	r := rand.New(rand.NewPCG(4, 4))
	class, label := make([]int, len(prob)), make([][]bool, len(prob))
	good, noise := make([][]float64, len(prob)), make([][]float64, len(prob))
	for i, p := range prob {
		label[i] = []bool{!positive[i], positive[i]}
		if positive[i] {
			class[i] = 1
		}
		u := r.Float64()
		good[i], noise[i] = []float64{1 - p, p}, []float64{1 - u, u}
	}
	o := Options{Group: group, Resamples: 200, Seed: 1}
	classes := func(a, b [][]float64) (models.Report, error) { return CompareMulticlass(class, a, b, o) }
	labels := func(a, b [][]float64) (models.Report, error) {
		return CompareMultilabel(label, a, b, Operating{}, Operating{}, o)
	}
	for name, compare := range map[string]func(a, b [][]float64) (models.Report, error){"classes": classes, "labels": labels} {
		better, err := compare(noise, good)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		same, err := compare(good, good)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		const metric = "auc_macro_difference"
		if m, ok := better.Metric(metric); !ok || m.Low <= 0 {
			t.Errorf("%s, a model against noise: %+v", name, m)
		}
		if m, ok := same.Metric(metric); !ok || m.Value != 0 || m.Low != 0 || m.High != 0 {
			t.Errorf("%s, a model against itself: %+v", name, m)
		}
		if _, err := compare(good, noise[1:]); err == nil || !strings.Contains(err.Error(), "second model: ") {
			t.Errorf("%s, predictions missing: error %v", name, err)
		}
	}
}

// A threshold that was chosen may be 0: it calls every label.
func TestMultilabelAtThresholdZero(t *testing.T) {
	label := [][]bool{{true, false}, {false, true}, {true, true}}
	prob := [][]float64{{0, 0.2}, {0.4, 0.3}, {0.1, 0.9}}
	r, err := Multilabel(label, prob, Options{Operating: Operating{Rule: "everyone"}, Resamples: -1})
	if err != nil {
		t.Fatal(err)
	}
	classes := r.Tables[0]
	for _, row := range classes.Rows {
		if sensitivity := row[slices.Index(classes.Columns, "sensitivity")]; sensitivity != "1.000" {
			t.Errorf("class %s: sensitivity %s at threshold 0, want 1.000", row[0], sensitivity)
		}
	}
}

func TestPermutation(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	xs, y := make([][]float64, 200), make([]float64, 200)
	for i := range xs {
		xs[i] = []float64{r.NormFloat64(), r.NormFloat64()}
		y[i] = xs[i][0]
	}
	got, err := Permutation(xs, []string{"used", "noise"}, func(xs [][]float64) (float64, error) {
		return R2(y, column(xs, 0)), nil
	}, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	// Shuffling the only feature leaves twice the variance unexplained: R² falls from 1 to about −1.
	if v := float64(got[0].Value); v < 1.7 || v > 2.3 {
		t.Errorf("importance of the feature used: got %v, want about 2", v)
	}
	if got[1].Value != 0 || got[1].High != 0 {
		t.Errorf("importance of the feature ignored: got %v, want 0", got[1])
	}
}

func TestCurvesInAReportAreThinned(t *testing.T) {
	n := 5000
	positive, prob := make([]bool, n), make([]float64, n)
	for i := range prob {
		positive[i], prob[i] = i%3 == 0, float64(i)/float64(n)
	}
	r, err := Binary(positive, prob, quick)
	if err != nil {
		t.Fatal(err)
	}
	roc := r.Curves[0]
	last := len(roc.X) - 1
	if last+1 != curvePoints || roc.X[0] != 0 || roc.X[last] != 1 || roc.Y[last] != 1 {
		t.Errorf("got %d points from %v to (%v, %v)", last+1, roc.X[0], roc.X[last], roc.Y[last])
	}
}

func ExampleBinary() {
	positive := []bool{false, false, true, true, false, true}
	prob := []float64{0.1, 0.4, 0.35, 0.8, 0.2, 0.9}
	patient := []string{"a", "a", "b", "b", "c", "d"}
	report, err := Binary(positive, prob, Options{Name: "test", Group: patient, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	auc, _ := report.Metric("auc")
	fmt.Printf("%s: AUC %.3f in %d rows of %d patients\n", report.Name, auc.Value, report.Rows, report.Groups)
	fmt.Println(report.Method)
	// Output:
	// test: AUC 0.889 in 6 rows of 4 patients
	// 95 % intervals: bootstrap by patient, 2000 resamples, seed 1
}

func ExampleSurvival() {
	train := Followup{Time: []float64{2, 4, 5, 7, 9, 12}, Event: []bool{true, false, true, true, false, false}}
	test := Followup{Time: []float64{3, 5, 6, 11}, Event: []bool{true, true, false, false}}
	report, err := Survival(train, test, Forecast{Risk: []float64{3, 1, 2, 0}}, Options{Resamples: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("concordance %.2f\n", report.Metrics[0].Value)
	// Output: concordance 0.80
}

func BenchmarkBinary(b *testing.B) {
	positive, prob, group := patients(9999)
	for b.Loop() {
		if _, err := Binary(positive, prob, Options{Group: group}); err != nil {
			b.Fatal(err)
		}
	}
}

package treatment_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment"
)

func metric(t *testing.T, r models.Report, name string) models.Metric {
	t.Helper()
	m, ok := r.Metric(name)
	if !ok {
		t.Fatalf("the report has no %s", name)
	}
	return m
}

// oracle answers with the truth.
func oracle(truth [][]float64) []treatment.Answer {
	out := make([]treatment.Answer, len(truth))
	for i, e := range truth {
		out[i] = treatment.Answer{Expected: e, Effect: []float64{0, e[1] - e[0]}, Arm: floats.MaxIdx(e)}
	}
	return out
}

// The value of a policy is found from confounded patients, its intervals cover the
// truth, and following the truth gains over any single arm.
func TestEvaluateFindsTheValue(t *testing.T) {
	d, truth := cohort(3000, 11)
	scores, err := treatment.Score(t.Context(), d, arms, treatment.Nuisance{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	o := treatment.Judging{Options: score.Options{Name: "test", Seed: 1, Resamples: 500}, Truth: truth}
	r, err := treatment.Evaluate(oracle(truth), scores, o)
	if err != nil {
		t.Fatal(err)
	}
	// The truth among those who are judged.
	var best, single, effect, n float64
	for i, e := range truth {
		if min(scores.Propensity[i][0], scores.Propensity[i][1]) >= 0.05 {
			best, single, effect, n = best+max(e[0], e[1]), single+e[1], effect+e[1]-e[0], n+1
		}
	}
	f := func(name string, want float64) {
		t.Helper()
		m := metric(t, r, name)
		t.Logf("%s %.3f (%.3f to %.3f), true %.3f", name, m.Value, m.Low, m.High, want)
		if want < float64(m.Low) || want > float64(m.High) {
			t.Errorf("%s: %.3f (%.3f to %.3f) does not cover the truth, %.3f", name, m.Value, m.Low, m.High, want)
		}
	}
	f("policy_value", best/n)
	f("value_drug", single/n)
	f("gain_over_best_single", (best-single)/n)
	f("effect", effect/n)
	f("calibration_slope", 1)
	if q := metric(t, r, "qini"); q.Low <= 0 {
		t.Errorf("qini %v (%v to %v), want above 0", q.Value, q.Low, q.High)
	}
	if got := metric(t, r, "pehe").Value; got != 0 {
		t.Errorf("pehe %v of the truth", got)
	}
	if got := metric(t, r, "right_arm").Value; got != 1 {
		t.Errorf("right_arm %v of the truth", got)
	}
	if note := r.Notes[len(r.Notes)-1]; !strings.HasPrefix(note, "The policy is worth more than giving everyone drug: ") {
		t.Errorf("note %q", note)
	}
	if !slices.ContainsFunc(r.Notes, func(note string) bool { return strings.HasPrefix(note, "The effects have no standard errors") }) {
		t.Errorf("notes %q do not say that the answers have no standard errors", r.Notes)
	}
}

// A policy that is wrong is said to lose.
func TestEvaluateSaysWhenAPolicyLoses(t *testing.T) {
	d, truth := cohort(2000, 12)
	scores, err := treatment.Score(t.Context(), d, arms, treatment.Nuisance{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	answers := oracle(truth)
	for i := range answers {
		answers[i].Arm = 1 - answers[i].Arm
		answers[i].Effect[1] *= -1
	}
	sex := make([]string, d.Len())
	for i := range sex {
		sex[i] = []string{"female", "male"}[i%2]
	}
	o := treatment.Judging{Options: score.Options{Name: "test", Seed: 1, Resamples: 300, Subgroups: []score.Subgroup{{Name: "sex", Of: sex}}}}
	r, err := treatment.Evaluate(answers, scores, o)
	if err != nil {
		t.Fatal(err)
	}
	if note := r.Notes[len(r.Notes)-1]; !strings.Contains(note, "loses to giving everyone drug") {
		t.Errorf("note %q", note)
	}
	if q := metric(t, r, "qini"); q.High >= 0 {
		t.Errorf("qini %v (to %v), want below 0", q.Value, q.High)
	}
	if got := len(r.Tables); got != 3 || r.Tables[2].Rows[0][0] != "female" {
		t.Errorf("%d tables, the last %v", got, r.Tables[got-1])
	}
	if row := r.Tables[1].Rows[1]; row[0] != "sex: male" || len(row) != 5 || row[4] != "0 %" {
		t.Errorf("recommendations to men %q", row)
	}
	if got := r.Tables[0].Rows; len(got) != 4 || got[0][0] != "recommended" || got[2][0] != "all drug" || got[2][4] != "0" || got[3][0] != "as they were treated" {
		t.Errorf("policies %q", got)
	}
}

// Harms are judged as their opposites would be.
func TestHarmsAreOppositesOfBenefits(t *testing.T) {
	d, truth := cohort(600, 13)
	answers := oracle(truth)
	harm := treatment.Dataset{X: d.X}
	harms := make([]treatment.Answer, len(answers))
	for i, y := range d.Y {
		harm.Y = append(harm.Y, treatment.Outcome{Arm: y.Arm, Value: -y.Value})
		harms[i] = treatment.Answer{Effect: []float64{0, -answers[i].Effect[1]}, Arm: answers[i].Arm}
	}
	n := treatment.Nuisance{Outcome: prognosis.Config{Method: prognosis.Linear}}
	f := func(d treatment.Dataset, answers []treatment.Answer, lower bool) models.Report {
		scores, err := treatment.Score(t.Context(), d, arms, n, 1)
		if err != nil {
			t.Fatal(err)
		}
		r, err := treatment.Evaluate(answers, scores, treatment.Judging{Options: score.Options{Resamples: 100}, LowerIsBetter: lower})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	scores, err := treatment.Score(t.Context(), harm, arms, n, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := treatment.Evaluate(harms, scores, treatment.Judging{}); err == nil || !strings.Contains(err.Error(), "Judging.LowerIsBetter is false, and the answers recommend the opposite") {
		t.Errorf("harms judged as benefits: got %v", err)
	}
	good, bad := f(d, answers, false), f(harm, harms, true)
	for _, name := range []string{"gain_over_best_single", "gain_over_usual_care", "qini", "calibration_slope", "recommended"} {
		if a, b := metric(t, good, name), metric(t, bad, name); math.Abs(float64(a.Value-b.Value)) > 1e-9 {
			t.Errorf("%s: %v of benefits, %v of harms", name, a.Value, b.Value)
		}
	}
	if a, b := metric(t, good, "policy_value"), metric(t, bad, "policy_value"); math.Abs(float64(a.Value+b.Value)) > 1e-9 {
		t.Errorf("policy_value: %v of benefits, %v of harms", a.Value, b.Value)
	}
	last := func(r models.Report) models.Curve { return r.Curves[len(r.Curves)-1] }
	if a, b := last(good), last(bad); math.Abs(float64(a.X[0]+b.X[len(b.X)-1])) > 1e-9 || b.X[0] > b.X[len(b.X)-1] {
		t.Errorf("calibration: %v and %v", a.X, b.X)
	}
}

func TestComparePolicies(t *testing.T) {
	d, truth := cohort(600, 14)
	scores, err := treatment.Score(t.Context(), d, arms, treatment.Nuisance{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := treatment.ComparePolicies(scores, []treatment.Policy{treatment.Recommended("The Truth", oracle(truth))}, treatment.Judging{Options: score.Options{Resamples: 100}})
	if err != nil {
		t.Fatal(err)
	}
	if m := metric(t, r, "gain_the_truth"); m.Low <= 0 {
		t.Errorf("gain %v (%v to %v)", m.Value, m.Low, m.High)
	}
	if m := metric(t, r, "gain_all_drug"); m.Value != 0 || m.High != 0 {
		t.Errorf("the best single arm gains %v over itself", m.Value)
	}
	bad := treatment.Policy{Name: "bad", Arm: make([]int, 599)}
	if _, err := treatment.ComparePolicies(scores, []treatment.Policy{bad}, treatment.Judging{}); err == nil || !strings.Contains(err.Error(), "599 arms for 600 rows") {
		t.Errorf("got %v", err)
	}
}

func TestOverlapAndBalance(t *testing.T) {
	d, _ := cohort(2000, 15)
	scores, err := treatment.Score(t.Context(), d, arms, treatment.Nuisance{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := treatment.Overlap(d.X, d.Y, scores.Propensity, arms, names, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	before, after := metric(t, r, "largest_difference_before").Value, metric(t, r, "largest_difference_after").Value
	t.Logf("overlap %.3f, largest difference %.3f before and %.3f after, %.0f effective patients", metric(t, r, "overlap").Value, before, after, metric(t, r, "effective_patients").Value)
	if before < 0.8 || after > 0.15 {
		t.Errorf("largest difference %v before and %v after weighting", before, after)
	}
	if got := r.Tables[0].Rows[0][0]; got != "severity" {
		t.Errorf("the first variable is %q", got)
	}
	if len(r.Curves) != 2 || r.Curves[1].Label != "got drug" || math.Abs(sum(r.Curves[1].Y)-1) > 1e-9 {
		t.Errorf("curves %v", r.Curves)
	}
}

func sum(xs []models.Number) (total float64) {
	for _, x := range xs {
		total += float64(x)
	}
	return total
}

// The example of the paper: RR 3.9 (1.8 to 8.7) has an E-value of 7.26, its
// interval one of 3.0. VanderWeele and Ding (2017), page 270.
func ExampleEValue() {
	point, interval, err := treatment.EValue(3.9, 1.8, 8.7)
	fmt.Printf("%.2f %.1f %v\n", point, interval, err)
	point, interval, _ = treatment.EValue(1/3.9, 1/8.7, 1/1.8) // protection is harm upside down
	fmt.Printf("%.2f %.1f\n", point, interval)
	point, interval, _ = treatment.EValue(1.2, 0.9, 1.6)
	fmt.Printf("%.2f %.1f\n", point, interval)
	_, _, err = treatment.EValue(-1, 0.5, 2)
	fmt.Println(err)
	// Output:
	// 7.26 3.0 <nil>
	// 7.26 3.0
	// 1.69 1.0
	// treatment: -1 (0.5 to 2) is no risk ratio with its interval: they are above 0 and in order
}

// Tuning on inner folds prefers the learner that can say what is true.
func TestTune(t *testing.T) {
	d, _ := cohort(800, 16)
	flat := treatment.Config{Method: treatment.DRLearner, Arms: arms, Seed: 1}
	flat.Effect = prognosis.Config{Method: prognosis.Linear}
	flat.Effect.Linear.Lambda = 1e6 // one effect for all
	forest := treatment.Config{Method: treatment.CausalForest, Arms: arms, Seed: 1}
	forest.Forest.Trees = 100
	best, table, err := treatment.Tune(t.Context(), d, []treatment.Candidate{{Name: "one effect", Config: flat}, {Name: "forest", Config: forest}}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if best.Name != "forest" || len(table.Rows) != 2 {
		t.Errorf("chose %q from %q", best.Name, table.Rows)
	}
	forest.Arms = append(slices.Clone(arms), "third")
	if _, _, err := treatment.Tune(t.Context(), d, []treatment.Candidate{{Name: "one effect", Config: flat}, {Name: "forest", Config: forest}}, 3); err == nil || !strings.Contains(err.Error(), "give all the same") {
		t.Errorf("of other arms: %v", err)
	}
}

// What learn sees never holds the patients that its model is asked about.
func TestCrossPredictKeepsPatientsApart(t *testing.T) {
	d, _ := cohort(200, 17)
	r := rand.New(rand.NewPCG(1, 1))
	for range d.X {
		d.Group = append(d.Group, fmt.Sprint(r.IntN(60)))
	}
	folds, err := table.KFold(d.Len(), 4, table.SplitOptions{Group: d.Group, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	fold := 0
	answers, err := treatment.CrossPredict(t.Context(), d, folds, func(_ context.Context, train treatment.Dataset) (*treatment.Model, error) {
		in := map[string]bool{}
		for _, g := range train.Group {
			in[g] = true
		}
		for _, r := range folds[fold].Test {
			if in[d.Group[r]] {
				t.Fatalf("patient %s is learnt from and judged", d.Group[r])
			}
		}
		fold++
		m := treatment.New(small(treatment.TLearner, 1))
		return m, m.Fit(t.Context(), train)
	})
	if err != nil || len(answers) != 200 || answers[7].Expected == nil {
		t.Errorf("%d answers, %v", len(answers), err)
	}
}

// Four patients, of whom the numbers can be done by hand. The uplift curve goes
// through 0, 1, 1.5, 1.5, 1: its area is 1.125, of which chance has 0.5.
func TestEvaluateByHand(t *testing.T) {
	scores := &treatment.Scores{Arms: arms}
	var answers []treatment.Answer
	for i, gain := range []float64{4, 2, 0, -2} {
		scores.Y = append(scores.Y, treatment.Outcome{Arm: i % 2, Value: 1})
		scores.Propensity = append(scores.Propensity, []float64{0.5, 0.5})
		scores.Value = append(scores.Value, []float64{1, 1 + gain})
		answers = append(answers, treatment.Answer{Effect: []float64{0, float64(3 - i)}, Arm: []int{1, 1, 0, treatment.None}[i]})
	}
	r, err := treatment.Evaluate(answers, scores, treatment.Judging{Options: score.Options{Resamples: -1}})
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, want float64) {
		t.Helper()
		if got := float64(metric(t, r, name).Value); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	f("policy_value", 2.5) // 5, 3, 1 and, of the one without a recommendation, 1
	f("value_drug", 2)
	f("value_usual_care", 1)
	f("gain_over_best_single", 0.5)
	f("gain_over_usual_care", 1.5)
	f("recommended", 0.75)
	f("effect", 1)
	f("qini", 0.625)
	f("calibration_slope", 2)
	for i := range answers { // one prediction for all: the order says nothing
		answers[i].Effect[1] = 1
	}
	if r, err = treatment.Evaluate(answers, scores, treatment.Judging{Options: score.Options{Resamples: -1}}); err != nil {
		t.Fatal(err)
	}
	f("qini", 0)
	if _, err := treatment.Evaluate(answers[:3], scores, treatment.Judging{}); err == nil || !strings.Contains(err.Error(), "3 answers and 4 rows") {
		t.Errorf("got %v", err)
	}
}

// The uplift curve bends where predictions change, also if they take few values.
func TestUpliftOfARule(t *testing.T) {
	const n = 1000
	scores := &treatment.Scores{Arms: arms}
	answers := make([]treatment.Answer, n)
	for i := range n {
		gain := 0.0
		if i < 333 {
			gain = 3
		}
		scores.Y = append(scores.Y, treatment.Outcome{Arm: i % 2})
		scores.Propensity = append(scores.Propensity, []float64{0.5, 0.5})
		scores.Value = append(scores.Value, []float64{0, gain})
		answers[i] = treatment.Answer{Effect: []float64{0, gain}, Arm: min(1, int(gain))}
	}
	r, err := treatment.Evaluate(answers, scores, treatment.Judging{Options: score.Options{Resamples: -1}})
	if err != nil {
		t.Fatal(err)
	}
	c := r.Curves[0]
	if !slices.Equal(c.X, []models.Number{0, 0.333, 1}) || math.Abs(float64(c.Y[1])-0.999) > 1e-9 || math.Abs(float64(c.Y[2])-0.999) > 1e-9 {
		t.Errorf("the curve goes through %v, %v", c.X, c.Y)
	}
}

// Rows of one patient say once what they say: twice the rows have the same bands.
func TestBandsCountPatients(t *testing.T) {
	d, truth := cohort(300, 18)
	scores, err := treatment.Score(t.Context(), d, arms, treatment.Nuisance{Outcome: prognosis.Config{Method: prognosis.Linear}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	answers := oracle(truth)
	var patient []string
	for i := range answers {
		answers[i].Effect[1] = -d.X[i][1] // no two alike, so that the same patients are in a group
		patient = append(patient, fmt.Sprint(i))
	}
	twice := &treatment.Scores{Arms: arms, Y: slices.Repeat(scores.Y, 2), Propensity: slices.Repeat(scores.Propensity, 2), Value: slices.Repeat(scores.Value, 2)}
	f := func(answers []treatment.Answer, s *treatment.Scores, patient []string) []models.Curve {
		r, err := treatment.Evaluate(answers, s, treatment.Judging{Options: score.Options{Resamples: -1, Group: patient, Bins: 2}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Curves
	}
	once, again := f(answers, scores, patient), f(slices.Repeat(answers, 2), twice, slices.Repeat(patient, 2))
	for k, kind := range map[int]string{0: "uplift", 2: "effect calibration"} {
		a, b := once[k], again[k]
		if a.Kind != kind || b.Kind != kind {
			t.Fatalf("curve %d is of %s", k, a.Kind)
		}
		last := func(c models.Curve) float64 { return float64(c.High[len(c.High)-1] - c.Low[len(c.Low)-1]) }
		if math.Abs(last(a)/last(b)-1) > 0.02 {
			t.Errorf("%s: an interval of %v, and of %v with every row twice", kind, last(a), last(b))
		}
	}
}

// Where some answers have standard errors and others none, how many intervals hold
// the truth is not said.
func TestEvaluateOfSomeStandardErrors(t *testing.T) {
	d, truth := cohort(200, 19)
	scores, err := treatment.Score(t.Context(), d, arms, treatment.Nuisance{Outcome: prognosis.Config{Method: prognosis.Linear}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	answers := oracle(truth)
	answers[0].StdErr = []float64{0, 1}
	o := treatment.Judging{Options: score.Options{Resamples: -1}, Truth: truth}
	r, err := treatment.Evaluate(answers, scores, o)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := r.Metric("interval_coverage"); ok {
		t.Errorf("coverage %v of one interval among 200 answers", m.Value)
	}
	o.Truth = slices.Clone(truth)
	o.Truth[4] = nil
	if _, err := treatment.Evaluate(answers, scores, o); err == nil || !strings.Contains(err.Error(), "row 4 has 0 known outcomes") {
		t.Errorf("got %v", err)
	}
}

// The mean effect of confounded patients is found, and the naive difference beside it
// is on the wrong side. Who could not have got both arms is left out.
func TestMeanEffects(t *testing.T) {
	d, truth := cohort(3000, 11)
	scores, err := treatment.Score(t.Context(), d, arms, treatment.Nuisance{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := treatment.MeanEffects(scores, treatment.Judging{Options: score.Options{Seed: 1, Resamples: 300}, Truth: truth})
	if err != nil {
		t.Fatal(err)
	}
	var want, n float64
	for i, e := range truth {
		if slices.Min(scores.Propensity[i]) >= 0.05 {
			want, n = want+e[1]-e[0], n+1
		}
	}
	want /= n
	effect, naive, e := metric(t, r, "effect"), metric(t, r, "naive_effect"), metric(t, r, "e_value_interval")
	t.Logf("true %.3f, doubly robust %.3f (%.3f to %.3f), naive %.3f (%.3f to %.3f), E-value of the interval %.3f", want, effect.Value, effect.Low, effect.High, naive.Value, naive.Low, naive.High, e.Value)
	if want < float64(effect.Low) || want > float64(effect.High) || naive.High > effect.Low {
		t.Errorf("doubly robust %v, naive %v, true %v", effect, naive, want)
	}
	if e.Value <= 1 {
		t.Errorf("E-value of the interval %v, want above 1", e.Value)
	}
	if row := r.Tables[0].Rows[0]; row[0] != "drug" || len(row) != len(r.Tables[0].Columns) || row[len(row)-1] != fmt.Sprintf("%.4g", want) {
		t.Errorf("row %q of %q", row, r.Tables[0].Columns)
	}
	if int(n) != r.Rows || len(r.Notes) != 1 {
		t.Errorf("%d patients judged of %v with a chance of both; notes %q", r.Rows, n, r.Notes)
	}
	// By hand: scores gain 1 on average; those who got the drug had 3, the others 1.
	by := &treatment.Scores{Arms: arms}
	for i, gain := range []float64{0, 2, 1, 1} {
		by.Y = append(by.Y, treatment.Outcome{Arm: i % 2, Value: float64(1 + i%2*2)})
		by.Propensity, by.Value = append(by.Propensity, []float64{0.5, 0.5}), append(by.Value, []float64{0, gain})
	}
	if r, err = treatment.MeanEffects(by, treatment.Judging{Options: score.Options{Resamples: -1}}); err != nil {
		t.Fatal(err)
	}
	if effect, naive := metric(t, r, "effect").Value, metric(t, r, "naive_effect").Value; effect != 1 || naive != 2 {
		t.Errorf("effect %v and naive %v, want 1 and 2", effect, naive)
	}
}

// Of events the ratio of risks is what an E-value is taken of: ½ to ¼ by hand, and
// E = 2 + √2.
func TestMeanEffectsOfEvents(t *testing.T) {
	by := &treatment.Scores{Arms: arms}
	for i, value := range [][]float64{{0, 1}, {1, 0}, {0, 1}, {0, 0}} {
		by.Y = append(by.Y, treatment.Outcome{Arm: i % 2, Value: float64(i % 2)})
		by.Propensity, by.Value = append(by.Propensity, []float64{0.5, 0.5}), append(by.Value, value)
	}
	r, err := treatment.MeanEffects(by, treatment.Judging{Options: score.Options{Resamples: -1}})
	if err != nil {
		t.Fatal(err)
	}
	if ratio, e := metric(t, r, "risk_ratio").Value, float64(metric(t, r, "e_value").Value); ratio != 2 || math.Abs(e-2-math.Sqrt2) > 1e-12 {
		t.Errorf("risk ratio %v with E-value %v, want 2 and %v", ratio, e, 2+math.Sqrt2)
	}
	for i := range by.Value { // no one has the event under the first arm
		by.Value[i][0] = 0
	}
	if r, err = treatment.MeanEffects(by, treatment.Judging{Options: score.Options{Resamples: -1}}); err != nil {
		t.Fatal(err)
	}
	if ratio, e := metric(t, r, "risk_ratio").Value, metric(t, r, "e_value").Value; !math.IsNaN(float64(ratio + e)) {
		t.Errorf("risk ratio %v with E-value %v of a risk of none", ratio, e)
	}
}

// Of arms dealt anew no effect is left; noise and fewer patients change little.
func TestRefute(t *testing.T) {
	d, truth := cohort(1000, 12)
	var want float64
	for _, e := range truth {
		want += (e[1] - e[0]) / 1000
	}
	table, err := treatment.Refute(t.Context(), d, arms, treatment.Nuisance{Outcome: prognosis.Config{Method: prognosis.Linear}}, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("true %.3f; %q", want, table.Rows)
	f := func(row int, name string, should, apart float64) {
		t.Helper()
		cells := table.Rows[row]
		if cells[0] != name || cells[1] != "drug" {
			t.Fatalf("row %q, want of %q", cells, name)
		}
		if v, err := strconv.ParseFloat(cells[3], 64); err != nil || v < 0.05 || v > 0.15 {
			t.Errorf("%q, want a standard error of about 0.1", cells)
		}
		for _, cell := range slices.Concat(cells[2:3], cells[4:]) {
			if v, err := strconv.ParseFloat(cell, 64); err != nil || math.Abs(v-should) > apart {
				t.Errorf("%q, want about %.3g", cells, should)
			}
		}
	}
	f(0, "arms dealt anew", 0, 0.35)
	f(1, "a column of noise", want, 0.3)
	f(2, "four fifths of the rows", want, 0.4)
	if _, err := treatment.Refute(t.Context(), d, arms, treatment.Nuisance{}, 0, 1); err == nil || !strings.Contains(err.Error(), "asked 0 times") {
		t.Errorf("got %v", err)
	}
}

// A forest may give a patient no chance of what he got.
func TestOverlapOfNoChance(t *testing.T) {
	three := []string{"none", "a", "b"}
	xs := []treatment.Row{{0}, {1}, {1}, {2}, {3}, {2}}
	ys := []treatment.Outcome{{Arm: 0}, {Arm: 0}, {Arm: 1}, {Arm: 1}, {Arm: 2}, {Arm: 0}}
	chance := [][]float64{{0, 0, 1}, {0.4, 0.3, 0.3}, {0.3, 0.4, 0.3}, {0.3, 0.3, 0.4}, {0.3, 0.3, 0.4}, {0.4, 0.3, 0.3}}
	r, err := treatment.Overlap(xs, ys, chance, three, nil, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	if got := metric(t, r, "overlap_a").Value; got != 0.8 {
		t.Errorf("overlap %v, want 4 of 5", got)
	}
	for _, name := range []string{"effective_patients_a", "largest_difference_after_a"} {
		if got := float64(metric(t, r, name).Value); !(got > 0 && got < 10) {
			t.Errorf("%s %v", name, got)
		}
	}
	if _, err := treatment.Overlap(xs, ys, chance, three, nil, 0); err == nil {
		t.Error("a least chance of 0: got no error")
	}
}

// Balance of four patients by hand: means 1 apart before weighting and 0.85 after,
// in deviations of √½.
func TestBalanceByHand(t *testing.T) {
	xs := []treatment.Row{{0}, {1}, {1}, {2}}
	ys := []treatment.Outcome{{Arm: 0}, {Arm: 0}, {Arm: 1}, {Arm: 1}}
	chance := [][]float64{{0.75, 0.25}, {0.25, 0.75}, {0.25, 0.75}, {0.5, 0.5}}
	table, before, after := treatment.Balance(xs, ys, chance, arms, 1, nil, 0.05)
	// Weighted means: (0·4/3 + 1·4) / (4/3 + 4) = 0.75 and (1·4/3 + 2·2) / (4/3 + 2) = 1.6.
	if math.Abs(before-math.Sqrt2) > 1e-12 || math.Abs(after-0.85*math.Sqrt2) > 1e-12 || table.Rows[0][0] != "x0" {
		t.Errorf("before %v, after %v, %q", before, after, table.Rows)
	}
	// Where an arm has one value and the other another, nobody can be compared.
	if _, before, after = treatment.Balance([]treatment.Row{{0}, {0}, {1}, {1}}, ys, chance, arms, 1, nil, 0.05); !math.IsInf(before, 1) || !math.IsInf(after, 1) {
		t.Errorf("of arms apart: before %v, after %v", before, after)
	}
	// Columns of one value differ by nothing, though their weighted means do by rounding.
	one, who := slices.Repeat([]treatment.Row{{0.1, 0.3, 0.7, 1.1, 12.7}}, 999), slices.Repeat(ys[1:], 333)
	chance = nil
	for i := range one {
		p := 0.2 + 0.6*float64(i)/999
		chance = append(chance, []float64{1 - p, p})
	}
	if _, before, after = treatment.Balance(one, who, chance, arms, 1, nil, 0.05); before != 0 || after != 0 {
		t.Errorf("of one value each: before %v, after %v", before, after)
	}
}

package treatment_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment"
	"github.com/assay-ml/assay/gomlx_models/treatment/causal"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

var (
	names = []string{"severity", "age", "noise"}
	arms  = []string{"usual care", "drug"}
)

// cohort returns patients of whom the severe got the drug more often and fared
// worse anyway. The drug's effect is 2, or −1 from an age of 1 on; truth is the
// expected outcome under each arm.
func cohort(n int, seed uint64) (d treatment.Dataset, truth [][]float64) {
	r := rand.New(rand.NewPCG(seed, 9))
	for range n {
		x := treatment.Row{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}
		effect := 2.0
		if x[1] > 0.5 {
			effect = -1
		}
		expected := []float64{10 - 2*x[0], 10 - 2*x[0] + effect}
		arm := 0
		if r.Float64() < 1/(1+math.Exp(-1.2*x[0])) {
			arm = 1
		}
		d.X, truth = append(d.X, x), append(truth, expected)
		d.Y = append(d.Y, treatment.Outcome{Arm: arm, Value: expected[arm] + r.NormFloat64()})
	}
	return d, truth
}

func needsBackend(t *testing.T) {
	t.Helper()
	if _, err := fit.Backend(); err != nil {
		t.Skipf("no GoMLX backend: %v", err)
	}
}

func fitted(t *testing.T, cfg treatment.Config, d treatment.Dataset) *treatment.Model {
	t.Helper()
	m := treatment.New(cfg)
	if err := m.Fit(t.Context(), d); err != nil {
		t.Fatalf("%s: %v", cfg.Method, err)
	}
	return m
}

func predict(t *testing.T, m *treatment.Model, xs []treatment.Row) []treatment.Answer {
	t.Helper()
	answers, err := m.Predict(t.Context(), xs)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

// methods are all of them.
var methods = []treatment.Method{
	treatment.SLearner, treatment.TLearner, treatment.XLearner, treatment.DRLearner,
	treatment.CausalForest, treatment.TARNet, treatment.PolicyTree,
}

func small(method treatment.Method, seed int64) treatment.Config {
	cfg := treatment.Config{Method: method, Arms: arms, Features: names, Seed: seed}
	cfg.Folds = 2
	cfg.Outcome = prognosis.Config{Method: prognosis.Boosting, Boost: tree.BoostConfig{Rounds: 20, MinLeaf: 5}}
	cfg.Forest = causal.Config{Trees: 12}
	cfg.Network = treatment.Network{Shared: []int{16}, Heads: []int{8}}
	cfg.Network.Options = fit.Options{Epochs: 10, Batch: 32, LearningRate: 0.01}
	return cfg
}

func TestModelsKeepTheirPromises(t *testing.T) {
	d, _ := cohort(200, 1)
	armless := treatment.Dataset{X: d.X, Y: make([]treatment.Outcome, d.Len())}
	unknown := treatment.Dataset{X: d.X, Y: append(append([]treatment.Outcome(nil), d.Y[:199]...), treatment.Outcome{Arm: 2})}
	for _, method := range methods {
		t.Run(string(method), func(t *testing.T) {
			if method == treatment.TARNet {
				needsBackend(t)
			}
			modeltest.Check(t, modeltest.Case[treatment.Row, treatment.Outcome, treatment.Answer]{
				New: func(seed int64) models.Model[treatment.Row, treatment.Outcome, treatment.Answer] {
					return treatment.New(small(method, seed))
				},
				Train: d,
				Numbers: func(a treatment.Answer) []float64 {
					return append(append([]float64{float64(a.Arm)}, a.Expected...), append(a.Effect, a.Propensity...)...)
				},
				Steps: true,
				Load: func(r io.Reader) (models.Model[treatment.Row, treatment.Outcome, treatment.Answer], error) {
					return treatment.Load(r)
				},
				BadFit:   map[string]treatment.Dataset{"all got one arm": armless, "an arm that is not named": unknown},
				BadInput: map[string]treatment.Row{"too few columns": {1}, "an infinite value": {1, math.Inf(1), 1}, "a missing value": {1, math.NaN(), 1}},
			})
		})
	}
}

// Every learner comes nearer to the effect than the difference between those who
// got the drug and those who did not, which confounding drives to the wrong side.
func TestLearnersBeatTheNaiveDifference(t *testing.T) {
	d, truth := cohort(2000, 2)
	var sum, n [2]float64
	for _, y := range d.Y {
		sum[y.Arm] += y.Value
		n[y.Arm]++
	}
	naive := sum[1]/n[1] - sum[0]/n[0]
	test, truth := cohort(500, 3)
	pehe := func(of func(i int) float64) float64 {
		var squares float64
		for i, e := range truth {
			d := of(i) - (e[1] - e[0])
			squares += d * d
		}
		return math.Sqrt(squares / float64(len(truth)))
	}
	t.Logf("naive difference %.3f, √PEHE %.3f", naive, pehe(func(int) float64 { return naive }))
	for _, method := range methods {
		t.Run(string(method), func(t *testing.T) {
			if method == treatment.TARNet {
				needsBackend(t)
			}
			cfg := treatment.Config{Method: method, Arms: arms, Features: names, Seed: 1}
			m := fitted(t, cfg, d)
			answers := predict(t, m, test.X)
			var mean, trueMean, right, recommended, covered float64
			for i, a := range answers {
				mean += a.Effect[1] / 500
				trueMean += (truth[i][1] - truth[i][0]) / 500
				if low, high, ok := a.Interval(1); ok && low <= truth[i][1]-truth[i][0] && truth[i][1]-truth[i][0] <= high {
					covered++
				}
				if a.Arm != treatment.None {
					recommended++
					if a.Arm == floats.MaxIdx(truth[i]) {
						right++
					}
				}
			}
			got := pehe(func(i int) float64 { return answers[i].Effect[1] })
			t.Logf("√PEHE %.3f, mean effect %.3f (true %.3f), right arm %.3f of %.0f, covered %.3f", got, mean, trueMean, right/recommended, recommended, covered/500)
			if got > 1 || math.Abs(mean-trueMean) > 0.2 || right/recommended < 0.9 {
				t.Errorf("√PEHE %.3f, mean effect %.3f (true %.3f), right arm for %.3f", got, mean, trueMean, right/recommended)
			}
		})
	}
}

// Explanations add up to the effect that they explain, and find what it hangs on.
func TestExplanationsAddUp(t *testing.T) {
	d, _ := cohort(400, 4)
	for _, method := range methods {
		t.Run(string(method), func(t *testing.T) {
			tolerance := 1e-6
			if method == treatment.TARNet {
				needsBackend(t)
			}
			m := fitted(t, small(method, 1), d)
			for _, x := range d.X[:5] {
				answers := predict(t, m, []treatment.Row{x})
				e, err := m.Explain(t.Context(), x)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := e.Base+floats.Sum(e.Values), answers[0].Effect[1]; math.Abs(got-want) > tolerance {
					t.Errorf("%s: adds up to %v, want %v", e.Method, got, want)
				}
				if e.Answer != "effect of drug against usual care" {
					t.Errorf("answer %q", e.Answer)
				}
			}
			if _, err := m.ExplainArm(t.Context(), d.X[0], 0); err == nil {
				t.Error("the first arm: got no error")
			}
		})
	}
}

// Where patients alike got one arm only, or there were none alike, the model says
// so and recommends nothing.
func TestAbstains(t *testing.T) {
	d, _ := cohort(800, 5)
	for i := range d.X { // the oldest never get the drug
		if d.X[i][1] > 1 {
			d.Y[i].Arm = 0
		}
	}
	cfg := small(treatment.TLearner, 1)
	cfg.Propensity = prognosis.Config{Method: prognosis.Forest, Trees: tree.Config{Trees: 50, MinLeaf: 5}}
	m := fitted(t, cfg, d)
	f := func(x treatment.Row, arm int, says string) {
		t.Helper()
		answers := predict(t, m, []treatment.Row{x})
		if a := answers[0]; a.Arm != arm || !strings.Contains(a.Reason, says) {
			t.Errorf("%v: got arm %d, %q; want %d and %q", x, a.Arm, a.Reason, arm, says)
		}
	}
	f(treatment.Row{0, -0.5, 0}, 1, "with drug")
	f(treatment.Row{0, 1.6, 0}, treatment.None, "too few got drug (0.0 %)")
	f(treatment.Row{0, 17, 0}, treatment.None, "age is 17, and was between")
	cfg.Method = treatment.DRLearner
	m = fitted(t, cfg, d)
	if trimmed, of := m.Trimmed(); of != 800 || trimmed < 50 || trimmed > 200 {
		t.Errorf("%d of %d rows are trimmed, want about the 130 who never get the drug", trimmed, of)
	}
}

// Standard errors from resamples cover the mean effect, and Sure keeps silent
// where the interval holds zero.
func TestResamples(t *testing.T) {
	d, truth := cohort(400, 6)
	cfg := small(treatment.TLearner, 1)
	cfg.Outcome = prognosis.Config{Method: prognosis.Linear}
	cfg.Resamples, cfg.Sure = 25, true
	for i := range d.Y { // one effect of 2 for all, which a linear model can say
		d.Y[i].Value += float64(d.Y[i].Arm) * (2 - (truth[i][1] - truth[i][0]))
	}
	m := fitted(t, cfg, d)
	answers := predict(t, m, d.X)
	covered := 0.0
	for _, a := range answers {
		low, high, ok := a.Interval(1)
		if !ok {
			t.Fatal("no interval")
		}
		if low <= 2 && 2 <= high {
			covered++
		}
		if a.Arm == treatment.None && low > 0 && !strings.Contains(a.Reason, "too few") {
			t.Errorf("no arm, %q, though the interval is %v to %v", a.Reason, low, high)
		}
		if low <= 0 && a.Arm != treatment.None {
			t.Errorf("arm %d, though the interval is %v to %v", a.Arm, low, high)
		}
	}
	if share := covered / 400; share < 0.8 {
		t.Errorf("%.3f of the intervals cover the effect", share)
	}
	for i := range d.Y { // no effect: what is recommended may be no better
		d.Y[i].Value -= 2 * float64(d.Y[i].Arm)
	}
	cfg.Sure = false
	for _, a := range predict(t, fitted(t, cfg, d), d.X[:50]) {
		low, high, _ := a.Interval(1)
		if none := low <= 0 && high >= 0; a.Arm != treatment.None && none != strings.HasSuffix(a.Reason, "which may be none") {
			t.Errorf("effect %.3g to %.3g: %q", low, high, a.Reason)
		}
	}
	for method, says := range map[treatment.Method]string{treatment.TARNet: "needs standard errors", treatment.PolicyTree: "has no standard errors"} {
		cfg = small(method, 1)
		cfg.Sure = true
		if err := treatment.New(cfg).Fit(t.Context(), d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want an error that says %q", method, err, says)
		}
	}
}

// TARNet's resamples are networks beside its own, and saved with it. Observers hear
// of each, and can stop at one.
func TestNetworkResamples(t *testing.T) {
	needsBackend(t)
	d, _ := cohort(200, 6)
	cfg := small(treatment.TARNet, 1)
	cfg.Network.Epochs, cfg.Resamples = 2, 2
	m := treatment.New(cfg)
	var all heard
	if err := m.Fit(t.Context(), d, &all); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all.resamples, []float64{1, 2}) || all.last != all.planned {
		t.Errorf("the observer heard of resamples %v and step %d of %d, want 1, 2 and the last", all.resamples, all.last, all.planned)
	}
	some := heard{failAt: 1}
	if err := treatment.New(cfg).Fit(t.Context(), d, &some); !errors.Is(err, errHeard) || len(some.resamples) != 1 {
		t.Errorf("got %v after resamples %v, want %v after the first", err, some.resamples, errHeard)
	}
	answers := predict(t, m, d.X)
	for i, a := range answers {
		if !(a.StdErr[1] > 0) || a.StdErr[0] != 0 {
			t.Fatalf("row %d: effect %v ± %v", i, a.Effect, a.StdErr)
		}
	}
	var file bytes.Buffer
	if err := m.Save(&file); err != nil {
		t.Fatal(err)
	}
	loaded, err := treatment.Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := loaded.Predict(t.Context(), d.X); err != nil || !reflect.DeepEqual(got, answers) {
		t.Errorf("a saved network with resamples answers otherwise once it is loaded (%v)", err)
	}
	e, err := m.Explain(t.Context(), d.X[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Base + floats.Sum(e.Values); math.Abs(got-answers[0].Effect[1]) > 1e-6 {
		t.Errorf("the explanation adds up to %v, want %v", got, answers[0].Effect[1])
	}
}

// Observers hear of as many models as are planned, resamples included.
func TestPlan(t *testing.T) {
	d, _ := cohort(100, 6)
	for _, method := range []treatment.Method{treatment.SLearner, treatment.TLearner, treatment.XLearner, treatment.DRLearner, treatment.PolicyTree} {
		for _, resamples := range []int{0, 2} {
			cfg := small(method, 1)
			cfg.Outcome = prognosis.Config{Method: prognosis.Linear}
			if cfg.Resamples = resamples; method == treatment.PolicyTree {
				cfg.Resamples = 0
			}
			var all heard
			if err := treatment.New(cfg).Fit(t.Context(), d, &all); err != nil {
				t.Fatal(err)
			}
			if all.last != all.planned || all.last == 0 {
				t.Errorf("%s, %d resamples: heard of %d models of %d", method, resamples, all.last, all.planned)
			}
		}
	}
}

// What the caller does to an answer, it does to that answer only.
func TestAnswersAreTheCallers(t *testing.T) {
	d, _ := cohort(100, 6)
	cfg := small(treatment.TLearner, 1)
	cfg.Known = []float64{0.5, 0.5}
	cfg.Outcome = prognosis.Config{Method: prognosis.Linear}
	m := fitted(t, cfg, d)
	answers := predict(t, m, d.X)
	answers[0].Propensity[1] = 0
	if got := predict(t, m, d.X)[0].Propensity[1]; answers[1].Propensity[1] != 0.5 || got != 0.5 || cfg.Known[1] != 0.5 {
		t.Errorf("a written answer changed another (%v), the next (%v) or Config.Known (%v)", answers[1].Propensity, got, cfg.Known)
	}
}

// A heard observer writes down what it is told, and fails at a resample.
type heard struct {
	planned, last int64
	resamples     []float64
	failAt        float64
}

var errHeard = errors.New("enough")

func (h *heard) Plan(steps int64) { h.planned = steps }

func (h *heard) Step(step int64, names []string, values []float64) error {
	h.last = step
	if names[0] != "resamples" {
		return nil
	}
	h.resamples = append(h.resamples, values[0])
	if values[0] == h.failAt {
		return errHeard
	}
	return nil
}

// Networks start from other weights in each resample: they differ where next to
// nothing is learnt.
func TestNetworkResamplesStartAnew(t *testing.T) {
	needsBackend(t)
	d, _ := cohort(40, 6)
	cfg := small(treatment.TARNet, 1)
	cfg.Network.Epochs, cfg.Network.LearningRate, cfg.Resamples = 1, 1e-9, 2
	for i, a := range predict(t, fitted(t, cfg, d), d.X[:2]) {
		if !(a.StdErr[1] > 1e-3) {
			t.Errorf("row %d: standard error %v, want that of networks that start apart", i, a.StdErr[1])
		}
	}
}

// An arm that just enough patients got has fewer in about half of the resamples.
func TestResamplesOfARareArm(t *testing.T) {
	d, _ := cohort(100, 6)
	for i := range d.Y {
		d.Y[i].Arm = 0
		if i < 10 {
			d.Y[i].Arm = 1
		}
	}
	for _, method := range []treatment.Method{treatment.TLearner, treatment.DRLearner, treatment.TARNet} {
		if method == treatment.TARNet {
			if _, err := fit.Backend(); err != nil {
				continue
			}
		}
		cfg := small(method, 1)
		cfg.Folds, cfg.Resamples, cfg.Network.Epochs = 5, 2, 1
		cfg.Outcome = prognosis.Config{Method: prognosis.Linear}
		fitted(t, cfg, d)
	}
	for i := range d.Y { // all of them one patient, whom a third of the resamples leave out
		d.Group = append(d.Group, fmt.Sprint(max(i, 9)))
	}
	cfg := small(treatment.TLearner, 1)
	cfg.Outcome, cfg.Resamples = prognosis.Config{Method: prognosis.Linear}, 20
	fitted(t, cfg, d)

	// No draw has enough of each of so many.
	d.Group = nil
	cfg = small(treatment.DRLearner, 1)
	cfg.Arms, cfg.Resamples = nil, 2
	cfg.Outcome = prognosis.Config{Method: prognosis.Linear}
	for k := range 25 { // of four patients each
		cfg.Arms = append(cfg.Arms, fmt.Sprint("arm ", k))
		cfg.Known = append(cfg.Known, 1./25)
	}
	cfg.Overlap = 0.01
	for i := range d.Y {
		d.Y[i].Arm = i % 25
	}
	if err := treatment.New(cfg).Fit(t.Context(), d); err == nil || !strings.Contains(err.Error(), "in none of 100 draws did 4 rows get arm ") {
		t.Errorf("got %v, want that no draw has enough rows", err)
	}
}

// Three arms, and outcomes that are harms.
func TestArms(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var d treatment.Dataset
	for i := range 900 {
		x := treatment.Row{r.NormFloat64(), r.NormFloat64()}
		harm := []float64{5, 4, 3}
		if x[0] > 0 {
			harm = []float64{5, 2, 6}
		}
		d.X, d.Y = append(d.X, x), append(d.Y, treatment.Outcome{Arm: i % 3, Value: harm[i%3] + 0.5*r.NormFloat64()})
	}
	for _, method := range []treatment.Method{treatment.SLearner, treatment.TLearner, treatment.XLearner, treatment.DRLearner, treatment.CausalForest, treatment.PolicyTree} {
		cfg := small(method, 1)
		cfg.Arms, cfg.Features, cfg.LowerIsBetter = []string{"none", "a", "b"}, []string{"x", "y"}, true
		cfg.Known = []float64{1. / 3, 1. / 3, 1. / 3}
		m := fitted(t, cfg, d)
		answers := predict(t, m, []treatment.Row{{1, 0}, {-1, 0}})
		if answers[0].Arm != 1 || answers[1].Arm != 2 {
			t.Errorf("%s: got arms %d and %d, want 1 and 2: %q", method, answers[0].Arm, answers[1].Arm, answers[0].Reason)
		}
		if got := answers[1].Expected; math.Abs(got[2]-3) > 1 {
			t.Errorf("%s: expected %v, want about 5, 4, 3", method, got)
		}
		if method == treatment.PolicyTree {
			if rules := m.Rules(); !strings.Contains(rules, "if x ≤") || !strings.Contains(rules, "b -") {
				t.Errorf("rules:\n%s", rules)
			}
		}
	}
}

// Features that are not those of the pipeline are said to be so.
func TestFeaturesOfAnotherPipeline(t *testing.T) {
	frame := &table.Frame{}
	for _, name := range []string{"a", "b", "c", "d"} {
		frame.Columns = append(frame.Columns, table.CategoryColumn(name, []string{"x", "y", "z", "x"}))
	}
	pipeline, _, err := table.Fit(table.Plan{}, frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := cohort(60, 1)
	cfg := small(treatment.TLearner, 1)
	cfg.Pipeline = pipeline
	if err := treatment.New(cfg).Fit(t.Context(), d); err == nil || !strings.Contains(err.Error(), "Config.Pipeline makes 12 columns, and 3 are named in Features") {
		t.Errorf("got %v", err)
	}
}

// The names of metrics are made of the names of arms, which so must differ in more
// than signs.
func TestBadArms(t *testing.T) {
	d, _ := cohort(40, 1)
	f := func(says string, arms ...string) {
		t.Helper()
		cfg := small(treatment.TLearner, 1)
		cfg.Arms = arms
		if err := treatment.New(cfg).Fit(t.Context(), d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("arms %q: got %v, want an error that says %q", arms, err, says)
		}
	}
	f(`the arms "A+" and "A-" would both be "a" in names of metrics`, "A+", "A-")
	f(`called "±", without a letter or digit`, "drug", "±")
	f("names 1 arms", "drug")
}

// Missing values may stay wherever every part of a model takes them, a mean of
// trees included.
func TestMissingValues(t *testing.T) {
	d, _ := cohort(200, 1)
	d.X[3][1] = math.NaN()
	trees, line := prognosis.Config{Method: prognosis.Tree}, prognosis.Config{Method: prognosis.Linear}
	f := func(says string, members ...prognosis.Config) {
		t.Helper()
		cfg := small(treatment.TLearner, 1)
		cfg.Known = []float64{0.5, 0.5}
		cfg.Outcome = prognosis.Config{Method: prognosis.Mean, Members: members}
		err := treatment.New(cfg).Fit(t.Context(), d)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("got %v, want an error that says %q", err, says)
		}
	}
	f("", trees, trees)
	f("row 3: age is missing, which the outcome's mean model does not take", trees, line)
}

// A model without a pipeline says that Predict takes rows.
func TestPredictFrameWithoutPipeline(t *testing.T) {
	d, _ := cohort(60, 1)
	cfg := small(treatment.TLearner, 1)
	cfg.Outcome = prognosis.Config{Method: prognosis.Linear}
	doser := treatment.NewDoser(treatment.DoseConfig{Model: cfg.Outcome})
	doses := make([]float64, d.Len())
	for i, x := range d.X {
		doses[i] = math.Exp(x[0])
	}
	if err := doser.Fit(t.Context(), models.Dataset[treatment.Row, float64]{X: d.X, Y: doses}); err != nil {
		t.Fatal(err)
	}
	_, err := fitted(t, cfg, d).PredictFrame(t.Context(), &table.Frame{})
	_, doseErr := doser.PredictFrame(t.Context(), &table.Frame{})
	for _, err := range []error{err, doseErr} {
		if err == nil || !strings.Contains(err.Error(), "call Predict with rows") {
			t.Errorf("got %v, want a word on Predict", err)
		}
	}
}

// The picture of a rule says of each node which arm is best there.
func TestDraw(t *testing.T) {
	d, _ := cohort(600, 22)
	m := treatment.New(treatment.Config{Method: treatment.PolicyTree, Arms: arms, Features: names, Policy: causal.PolicyConfig{Depth: 1}})
	if m.Draw() != nil || m.Rules() != "" {
		t.Error("a rule that is not fitted has a picture or words")
	}
	if err := m.Fit(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	root := m.Draw()
	if len(root.Children) != 2 || root.Children[0].Value[1] != 1 || root.Children[1].Value[0] != 1 || !strings.HasPrefix(root.Children[0].Answer, "drug ") {
		t.Errorf("got %+v with children %+v", root, root.Children)
	}
}

func ExampleModel_Rules() {
	d, _ := cohort(1000, 8)
	m := treatment.New(treatment.Config{Method: treatment.PolicyTree, Arms: arms, Features: names, Policy: causal.PolicyConfig{Depth: 1, Candidates: 10}})
	if err := m.Fit(context.Background(), d); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(m.Rules())
	// Output:
	// if age ≤ 0.5888:
	//     drug 12.07 (722 rows)
	// else:
	//     usual care 9.89 (270 rows)
}

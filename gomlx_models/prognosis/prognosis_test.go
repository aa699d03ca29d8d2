package prognosis_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// patients returns rows of three columns, of which the first two matter, and
// their outcomes: a number, a class, and a time.
func patients(n int) (xs []prognosis.Row, values []float64, classes []int, outcomes []prognosis.Outcome) {
	r := rand.New(rand.NewPCG(3, 4))
	for range n {
		x := prognosis.Row{r.NormFloat64(), 5 + 2*r.NormFloat64(), r.NormFloat64()}
		risk := x[0] - 0.5*(x[1]-5)
		xs, values = append(xs, x), append(values, 10+3*risk+0.5*r.NormFloat64())
		class := 0
		if risk+0.5*r.NormFloat64() > 0 {
			class = 1
		}
		classes = append(classes, class)
		time, end := 100*r.ExpFloat64()*math.Exp(-risk), 150*r.Float64()
		outcomes = append(outcomes, prognosis.Outcome{Time: min(time, end), Event: time <= end})
	}
	return xs, values, classes, outcomes
}

var names = []string{"age", "pressure", "noise"}

func needsBackend(t *testing.T) {
	t.Helper()
	if _, err := fit.Backend(); err != nil {
		t.Skipf("no GoMLX backend: %v", err)
	}
}

func small(method prognosis.Method, seed int64) prognosis.Config {
	cfg := prognosis.Config{Method: method, Features: names, Classes: []string{"well", "ill"}, Seed: seed}
	cfg.Trees = tree.Config{Trees: 10, MinLeaf: 5}
	cfg.Members = []prognosis.Config{{Method: prognosis.Linear}, {Method: prognosis.Forest, Trees: cfg.Trees}}
	cfg.Boost = tree.BoostConfig{Rounds: 10}
	cfg.Fourier.Count = 40
	cfg.Network = prognosis.Network{Hidden: []int{8}, Intervals: 6}
	cfg.Network.Options = fit.Options{Epochs: 12, Batch: 32, LearningRate: 0.01}
	return cfg
}

// steps says which methods report steps.
var steps = map[prognosis.Method]bool{prognosis.Forest: true, prognosis.Extra: true, prognosis.Boosting: true, prognosis.DeepSurv: true, prognosis.Hazard: true}

var bad = map[string]prognosis.Row{"too few columns": {1}, "an infinite value": {1, math.Inf(1), 1}}

func TestRegressorsKeepTheirPromises(t *testing.T) {
	xs, values, _, _ := patients(120)
	for _, method := range []prognosis.Method{prognosis.Linear, prognosis.SVM, prognosis.RandomFourier, prognosis.Nystrom, prognosis.Tree, prognosis.Forest, prognosis.Extra, prognosis.Boosting, prognosis.Mean} {
		t.Run(string(method), func(t *testing.T) {
			if method == prognosis.RandomFourier || method == prognosis.Nystrom {
				needsBackend(t)
			}
			modeltest.Check(t, modeltest.Case[prognosis.Row, float64, float64]{
				New: func(seed int64) models.Model[prognosis.Row, float64, float64] {
					return prognosis.NewRegressor(small(method, seed))
				},
				Train:   prognosis.Dataset[float64]{X: xs, Y: values},
				Numbers: func(a float64) []float64 { return []float64{a} },
				Steps:   steps[method],
				Load: func(r io.Reader) (models.Model[prognosis.Row, float64, float64], error) {
					return prognosis.LoadRegressor(r)
				},
				BadFit:   map[string]prognosis.Dataset[float64]{"an outcome is missing": {X: xs[:2], Y: []float64{1, math.NaN()}}},
				BadInput: bad,
			})
		})
	}
}

func TestClassifiersKeepTheirPromises(t *testing.T) {
	xs, _, classes, _ := patients(120)
	for _, method := range []prognosis.Method{prognosis.Linear, prognosis.SVM, prognosis.RandomFourier, prognosis.Nystrom, prognosis.Tree, prognosis.Forest, prognosis.Extra, prognosis.Boosting, prognosis.Mean} {
		t.Run(string(method), func(t *testing.T) {
			if method == prognosis.RandomFourier || method == prognosis.Nystrom {
				needsBackend(t)
			}
			modeltest.Check(t, modeltest.Case[prognosis.Row, int, []float64]{
				New: func(seed int64) models.Model[prognosis.Row, int, []float64] {
					return prognosis.NewClassifier(small(method, seed))
				},
				Train:   prognosis.Dataset[int]{X: xs, Y: classes},
				Numbers: func(p []float64) []float64 { return p },
				Steps:   steps[method],
				Load: func(r io.Reader) (models.Model[prognosis.Row, int, []float64], error) {
					return prognosis.LoadClassifier(r)
				},
				BadFit:   map[string]prognosis.Dataset[int]{"a class out of range": {X: xs[:2], Y: []int{0, 2}}},
				BadInput: bad,
			})
		})
	}
}

func TestSurvivorsKeepTheirPromises(t *testing.T) {
	xs, _, _, outcomes := patients(120)
	for _, method := range []prognosis.Method{prognosis.Cox, prognosis.Forest, prognosis.Extra, prognosis.DeepSurv, prognosis.Hazard, prognosis.Mean} {
		t.Run(string(method), func(t *testing.T) {
			if method == prognosis.DeepSurv || method == prognosis.Hazard {
				needsBackend(t)
			}
			modeltest.Check(t, modeltest.Case[prognosis.Row, prognosis.Outcome, prognosis.Curve]{
				New: func(seed int64) models.Model[prognosis.Row, prognosis.Outcome, prognosis.Curve] {
					cfg := small(method, seed)
					cfg.Members[0].Method = prognosis.Cox
					return prognosis.NewSurvivor(cfg)
				},
				Train:   prognosis.Dataset[prognosis.Outcome]{X: xs, Y: outcomes},
				Numbers: func(c prognosis.Curve) []float64 { return append([]float64{c.Risk}, c.Survival...) },
				Steps:   steps[method],
				Load: func(r io.Reader) (models.Model[prognosis.Row, prognosis.Outcome, prognosis.Curve], error) {
					return prognosis.LoadSurvivor(r)
				},
				BadFit:   map[string]prognosis.Dataset[prognosis.Outcome]{"nobody has the event": {X: xs[:2], Y: []prognosis.Outcome{{Time: 1}, {Time: 2}}}},
				BadInput: bad,
			})
		})
	}
}

func TestMissingValues(t *testing.T) {
	xs, values, _, _ := patients(60)
	xs[7][1] = math.NaN()
	err := prognosis.NewRegressor(small(prognosis.Linear, 1)).Fit(t.Context(), prognosis.Dataset[float64]{X: xs, Y: values})
	if err == nil || !strings.Contains(err.Error(), "row 7: pressure is missing") {
		t.Errorf("linear: got %v, want an error that names the row and the column", err)
	}
	if err := prognosis.NewRegressor(small(prognosis.Forest, 1)).Fit(t.Context(), prognosis.Dataset[float64]{X: xs, Y: values}); err != nil {
		t.Errorf("forest: %v", err)
	}
}

// Explanations add up to what the model says, whatever the method.
func TestExplanationsAddUp(t *testing.T) {
	xs, values, _, outcomes := patients(150)
	check := func(t *testing.T, e models.Explanation, want float64) {
		t.Helper()
		sum := e.Base
		for _, v := range e.Values {
			sum += v
		}
		if math.Abs(sum-want) > 1e-6*max(1, math.Abs(want)) {
			t.Errorf("%s: %v adds up, want %v", e.Method, sum, want)
		}
		if math.Abs(e.Values[2]) > math.Abs(e.Values[0]) {
			t.Errorf("%s: the column of noise counts %v, and the first %v", e.Method, e.Values[2], e.Values[0])
		}
	}
	x := prognosis.Row{2, 5.5, 0.3}
	for _, method := range []prognosis.Method{prognosis.Linear, prognosis.SVM, prognosis.Forest, prognosis.Boosting} {
		m := prognosis.NewRegressor(small(method, 1))
		if err := m.Fit(t.Context(), prognosis.Dataset[float64]{X: xs, Y: values}); err != nil {
			t.Fatal(err)
		}
		e, err := m.Explain(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		answers, err := m.Predict(t.Context(), []prognosis.Row{x})
		if err != nil {
			t.Fatal(err)
		}
		check(t, e, answers[0])
	}
	for _, method := range []prognosis.Method{prognosis.Cox, prognosis.Forest} {
		m := prognosis.NewSurvivor(small(method, 1))
		if err := m.Fit(t.Context(), prognosis.Dataset[prognosis.Outcome]{X: xs, Y: outcomes}); err != nil {
			t.Fatal(err)
		}
		e, err := m.Explain(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		answers, err := m.Predict(t.Context(), []prognosis.Row{x})
		if err != nil {
			t.Fatal(err)
		}
		check(t, e, answers[0].Risk)
	}
}

func TestDependenceOfALine(t *testing.T) {
	xs, values, _, _ := patients(100)
	m := prognosis.NewRegressor(small(prognosis.Linear, 1))
	if err := m.Fit(t.Context(), prognosis.Dataset[float64]{X: xs, Y: values}); err != nil {
		t.Fatal(err)
	}
	curves, err := m.Dependence(t.Context(), xs, 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(curves) != 4 {
		t.Fatalf("%d curves, want the mean and 3 rows", len(curves))
	}
	estimates, err := m.Estimates()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range curves {
		last := len(c.X) - 1
		slope := float64(c.Y[last]-c.Y[0]) / float64(c.X[last]-c.X[0])
		if math.Abs(slope-estimates[1].Value) > 1e-9 {
			t.Errorf("%s of %s rises by %v, want the coefficient %v", c.Kind, c.Label, slope, estimates[1].Value)
		}
	}
}

// A feature that one row in fifty has is asked about with and without.
func TestDependenceOfARareFeature(t *testing.T) {
	xs, values, _, _ := patients(100)
	for i := range xs {
		xs[i][2] = 0
		if i%50 == 7 {
			xs[i][2] = 1
		}
	}
	m := prognosis.NewRegressor(small(prognosis.Linear, 1))
	if err := m.Fit(t.Context(), prognosis.Dataset[float64]{X: xs, Y: values}); err != nil {
		t.Fatal(err)
	}
	curves, err := m.Dependence(t.Context(), xs, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := curves[0].X; len(got) != 2 || got[0] != 0 || got[1] != 1 {
		t.Errorf("got values %v, want 0 and 1", got)
	}
}

func TestImportanceFindsWhatMatters(t *testing.T) {
	xs, values, _, _ := patients(150)
	m := prognosis.NewRegressor(small(prognosis.Forest, 1))
	if err := m.Fit(t.Context(), prognosis.Dataset[float64]{X: xs, Y: values}); err != nil {
		t.Fatal(err)
	}
	importance, err := m.Importance(t.Context(), xs, func(answers []float64) float64 {
		sum := 0.0
		for i, a := range answers {
			sum -= (a - values[i]) * (a - values[i])
		}
		return sum / float64(len(answers))
	}, 5)
	if err != nil {
		t.Fatal(err)
	}
	if importance[0].Name != "age" || importance[0].Value < 5*importance[2].Value || importance[0].Low > importance[0].Value {
		t.Errorf("importance %v: want age first by far, and intervals around the values", importance)
	}
}

func TestNearest(t *testing.T) {
	xs, values, _, _ := patients(50)
	m := prognosis.NewRegressor(small(prognosis.Linear, 1))
	if err := m.Fit(t.Context(), prognosis.Dataset[float64]{X: xs, Y: values}); err != nil {
		t.Fatal(err)
	}
	near, err := m.Nearest(xs, xs[9], 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(near) != 3 || near[0].Row != 9 || near[0].Distance != 0 || near[1].Distance > near[2].Distance {
		t.Errorf("nearest to row 9: got %v, want row 9 itself first", near)
	}
}

func TestRiskGroupsPartWays(t *testing.T) {
	xs, _, _, outcomes := patients(300)
	m := prognosis.NewSurvivor(small(prognosis.Cox, 1))
	if err := m.Fit(t.Context(), prognosis.Dataset[prognosis.Outcome]{X: xs[:200], Y: outcomes[:200]}); err != nil {
		t.Fatal(err)
	}
	train, err := m.Predict(t.Context(), xs[:200])
	if err != nil {
		t.Fatal(err)
	}
	test, err := m.Predict(t.Context(), xs[200:])
	if err != nil {
		t.Fatal(err)
	}
	report, err := prognosis.RiskGroups(m.Scale(train), m.Scale(test), outcomes[200:], []string{"low", "middle", "high"})
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := report.Metric("logrank_p"); p.Value > 1e-4 {
		t.Errorf("log-rank p of the groups: got %v, want below 1e-4", p.Value)
	}
	if len(report.Curves) != 3 || report.Curves[0].N[0] == 0 || len(report.Curves[0].N) != len(report.Curves[0].X) {
		t.Errorf("got %d curves, want 3 with numbers at risk", len(report.Curves))
	}
	if _, err := prognosis.RiskGroups(m.Scale(train), make([]float64, 100), outcomes[200:], []string{"low", "middle", "high"}); err == nil || !strings.Contains(err.Error(), `group "`) {
		t.Errorf("all patients of one risk: got %v, want an error that names an empty group", err)
	}
}

func TestLoadRefusesAnotherKind(t *testing.T) {
	xs, values, _, _ := patients(50)
	m := prognosis.NewRegressor(small(prognosis.Linear, 1))
	if err := m.Fit(t.Context(), prognosis.Dataset[float64]{X: xs, Y: values}); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := m.Save(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := prognosis.LoadSurvivor(strings.NewReader(b.String())); err == nil || !strings.Contains(err.Error(), "prognosis of a value") {
		t.Errorf("got %v, want an error that says what it is", err)
	}
}

// A network without its weights is no model.
func TestLoadWantsTheWeights(t *testing.T) {
	for _, method := range []prognosis.Method{prognosis.DeepSurv, prognosis.Hazard} {
		file := fmt.Sprintf(`{"kind": "prognosis of survival", "config": {"method": %q}, "state": {"width": 1}}`, method)
		if _, err := prognosis.LoadSurvivor(strings.NewReader(file)); !errors.Is(err, fit.ErrCorrupt) {
			t.Errorf("%s: got %v, want %v", method, err, fit.ErrCorrupt)
		}
	}
}

// A forest learns from rows with missing values, and is saved and read like others.
func TestSaveAfterMissingValues(t *testing.T) {
	xs, _, classes, _ := patients(60)
	xs[3] = []float64{math.NaN(), xs[3][1], xs[3][2]}
	m := prognosis.NewClassifier(small(prognosis.Forest, 1))
	if err := m.Fit(t.Context(), prognosis.Dataset[int]{X: xs, Y: classes}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.Save(&b); err != nil {
		t.Fatal(err)
	}
	again, err := prognosis.LoadClassifier(&b)
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.Predict(t.Context(), xs[:5])
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Predict(t.Context(), xs[:5])
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestProportionalHazards(t *testing.T) {
	xs, _, _, outcomes := patients(200)
	train := prognosis.Dataset[prognosis.Outcome]{X: xs, Y: outcomes}
	m := prognosis.NewSurvivor(small(prognosis.Cox, 1))
	if err := m.Fit(t.Context(), train); err != nil {
		t.Fatal(err)
	}
	tests, err := prognosis.ProportionalHazards(m, train)
	if err != nil {
		t.Fatal(err)
	}
	if last := tests[len(tests)-1]; len(tests) != 4 || last.Name != "all" || last.P < 0.001 {
		t.Errorf("got %v, want three columns and all, none of which breaks the assumption", tests)
	}
	estimates, err := m.Estimates()
	if err != nil {
		t.Fatal(err)
	}
	if c := prognosis.Coefficients("Cox", estimates, true); len(c.Rows) != 3 || c.Rows[0][0] != "age" || c.Rows[0][5] != "< 0.001" {
		t.Errorf("got %v, want age first with p < 0.001", c.Rows)
	}
}

// Two hospitals, one with twice the hazard of the other: strata find the slope
// that both share, and give each its baseline.
func TestStrataHaveBaselinesOfTheirOwn(t *testing.T) {
	xs, _, _, outcomes := patients(600)
	for i := range xs {
		hospital := float64(1 + i%2)
		outcomes[i].Time /= hospital
		xs[i] = append(xs[i], hospital)
	}
	cfg := prognosis.Config{Method: prognosis.Cox, Features: append(names[:3:3], "hospital"), Strata: "hospital"}
	train := prognosis.Dataset[prognosis.Outcome]{X: xs, Y: outcomes}
	m := prognosis.NewSurvivor(cfg)
	if err := m.Fit(t.Context(), train); err != nil {
		t.Fatal(err)
	}
	estimates, err := m.Estimates()
	if err != nil {
		t.Fatal(err)
	}
	if len(estimates) != 3 || math.Abs(estimates[0].Value-1) > 0.2 || estimates[2].Name != "noise" {
		t.Errorf("got estimates %+v, want those of three features, the first about 1", estimates)
	}
	x := prognosis.Row{0, 5, 0, 1}
	y := prognosis.Row{0, 5, 0, 2}
	curves, err := m.Predict(t.Context(), []prognosis.Row{x, y})
	if err != nil {
		t.Fatal(err)
	}
	at := func(c prognosis.Curve) float64 { return -math.Log(c.At(30)) }
	if ratio := at(curves[1]) / at(curves[0]); ratio < 1.5 || ratio > 2.7 || curves[0].Risk != curves[1].Risk {
		t.Errorf("the hazard in hospital 2 is %.2f times that in 1, want about 2, at one risk", ratio)
	}
	e, err := m.Explain(t.Context(), y)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Values) != 4 || e.Values[3] != 0 {
		t.Errorf("got %v, want 0 of the hospital", e.Values)
	}
	if tests, err := prognosis.ProportionalHazards(m, train); err != nil || len(tests) != 4 {
		t.Errorf("got %d tests and %v, want three features and all", len(tests), err)
	}
	if _, err := m.Predict(t.Context(), []prognosis.Row{{0, 5, 0, 3}}); err == nil {
		t.Error("an unknown hospital: no error")
	}
	cfg.Strata = "ward"
	if err := prognosis.NewSurvivor(cfg).Fit(t.Context(), train); err == nil {
		t.Error("strata of no feature: no error")
	}
}

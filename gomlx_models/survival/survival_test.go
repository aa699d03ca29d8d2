package survival_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
	"github.com/assay-ml/assay/gomlx_models/survival"
	"github.com/assay-ml/assay/gomlx_models/table/tabletest"
)

// reference is testdata/reference.json, made by testdata/reference.py with the
// versions it names.
type reference struct {
	Times          []float64
	KM             []float64
	Low            []float64 `json:"km_low"`
	High           []float64 `json:"km_high"`
	Median         float64   `json:"km_median"`
	Interval       []float64 `json:"km_median_interval"`
	NA             []float64
	LogRank        struct{ Statistic, P float64 }
	LogRankSksurv  float64 `json:"logrank_sksurv"`
	Efron          cox
	Breslow        []float64
	EfronSksurv    []float64   `json:"efron_sksurv"`
	Ridge          []float64   `json:"ridge_alpha50"`
	SurvivalSksurv [][]float64 `json:"survival_sksurv"`
	Net            []float64
	Strata         cox
}

type cox struct {
	Column                      string
	Value, StdErr, Statistic, P []float64
	Interval                    [][2]float64
	LogLikelihood               float64 `json:"log_likelihood"`
	LR                          float64
	Identity                    []float64 `json:"ph_identity"`
	Log                         []float64 `json:"ph_log"`
	KM                          []float64 `json:"ph_km"`
	Survival                    [][]float64
}

// cohort is a data set of predict/ as numbers; categories are their place among
// the sorted levels.
type cohort struct {
	time  []float64
	event []bool
	x     *mat.Dense
	names []string
}

func (c cohort) column(name string) []int {
	for j, n := range c.names {
		if n == name {
			out := make([]int, len(c.time))
			for i := range out {
				out[i] = int(c.x.At(i, j))
			}
			return out
		}
	}
	return nil
}

func load(t *testing.T, name string) (reference, cohort) {
	t.Helper()
	refs := modeltest.Reference[map[string]json.RawMessage](t)
	var ref reference
	if err := json.Unmarshal(refs[name], &ref); err != nil {
		t.Fatal(err)
	}
	frame := tabletest.Open(t, "predict/surv_"+name+"/"+name+".csv")
	c := cohort{time: tabletest.Numbers(t, frame, "time")}
	for _, e := range tabletest.Numbers(t, frame, "event") {
		c.event = append(c.event, e == 1)
	}
	for _, column := range frame.Names() {
		if column != "time" && column != "event" && column != "split" {
			c.names = append(c.names, column)
		}
	}
	c.x = tabletest.Matrix(t, frame, c.names)
	return ref, c
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*math.Max(math.Abs(want), 1e-300)) {
		t.Errorf("%s: got %.12g, want %.12g", what, got, want)
	}
}

func nearAll(t *testing.T, what string, got, want []float64, relative float64) {
	t.Helper()
	if len(got) < len(want) || len(want) == 0 {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		near(t, fmt.Sprintf("%s %d", what, i), got[i], want[i], relative)
	}
}

func statistics(tests []survival.Test) (out []float64) {
	for _, test := range tests {
		out = append(out, test.Statistic)
	}
	return out
}

func TestAgreesWithLifelinesAndScikitSurvival(t *testing.T) {
	for _, name := range []string{"gbsg2", "metabric"} {
		t.Run(name, func(t *testing.T) {
			ref, c := load(t, name)
			km, err := survival.KaplanMeier(c.time, c.event)
			if err != nil {
				t.Fatal(err)
			}
			na, err := survival.NelsonAalen(c.time, c.event)
			if err != nil {
				t.Fatal(err)
			}
			low, high := survival.Curve{Time: km.Time, Value: km.Low}, survival.Curve{Time: km.Time, Value: km.High}
			for i, at := range ref.Times {
				near(t, "Kaplan–Meier", km.At(at), ref.KM[i], 1e-9)
				near(t, "low", low.At(at), ref.Low[i], 1e-6)
				near(t, "high", high.At(at), ref.High[i], 1e-6)
				near(t, "Nelson–Aalen", na.At(at), ref.NA[i], 1e-9)
			}
			near(t, "median", km.Median(), ref.Median, 1e-9)
			least, most := km.QuantileInterval(0.5)
			nearAll(t, "interval of the median", []float64{least, most}, ref.Interval, 1e-9)

			group := c.column("tgrade")
			if group == nil {
				chemo := c.column("chemo")
				group = c.column("hormone")
				for i := range group {
					group[i] = 2*group[i] + chemo[i]
				}
			}
			test, observed, expected, err := survival.LogRank(c.time, c.event, group)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "log-rank", test.Statistic, ref.LogRank.Statistic, 1e-6)
			near(t, "log-rank p", test.P, ref.LogRank.P, 1e-6)
			near(t, "log-rank of scikit-survival", test.Statistic, ref.LogRankSksurv, 1e-6)
			sum := 0.0
			for g := range observed {
				sum += observed[g] - expected[g]
			}
			if math.Abs(sum) > 1e-8 {
				t.Errorf("observed less expected events sum to %v, want 0", sum)
			}
		})
	}
}

func TestCoxAgreesWithLifelinesAndScikitSurvival(t *testing.T) {
	for _, name := range []string{"gbsg2", "metabric"} {
		t.Run(name, func(t *testing.T) {
			ref, c := load(t, name)
			fit := func(x *mat.Dense, strata []int, cfg survival.CoxConfig) *survival.Cox {
				t.Helper()
				m, err := survival.FitCox(x, c.time, c.event, strata, cfg)
				if err != nil {
					t.Fatal(err)
				}
				return m
			}
			m := fit(c.x, nil, survival.CoxConfig{})
			for j, e := range m.Estimates(c.names) {
				near(t, e.Name, e.Value, ref.Efron.Value[j], 1e-6)
				near(t, e.Name+" standard error", e.StdErr, ref.Efron.StdErr[j], 1e-6)
				near(t, e.Name+" z", e.Statistic, ref.Efron.Statistic[j], 1e-6)
				near(t, e.Name+" p", e.P, ref.Efron.P[j], 1e-5) // z to 1e-6 is p to z² 1e-6
				near(t, e.Name+" low", e.Low, ref.Efron.Interval[j][0], 1e-6)
				near(t, e.Name+" high", e.High, ref.Efron.Interval[j][1], 1e-6)
			}
			near(t, "log-likelihood", m.LogLikelihood, ref.Efron.LogLikelihood, 1e-9)
			near(t, "likelihood ratio", m.LikelihoodRatio().Statistic, ref.Efron.LR, 1e-6)
			nearAll(t, "Efron", m.Coef, ref.EfronSksurv, 1e-6)
			for clock, want := range map[survival.Clock][]float64{survival.ByTime: ref.Efron.Identity, survival.ByLogTime: ref.Efron.Log, survival.ByEvents: ref.Efron.KM} {
				tests, err := m.Proportional(c.x, c.time, c.event, nil, c.names, clock)
				if err != nil {
					t.Fatal(err)
				}
				nearAll(t, "proportional by "+string(clock), statistics(tests), want, 1e-5)
			}
			risk := m.Risk(c.x)
			for i, want := range ref.Efron.Survival {
				for k, at := range ref.Times {
					near(t, "survival", m.Survival(risk[i], 0, at), want[k], 1e-6)
				}
			}

			breslow := fit(c.x, nil, survival.CoxConfig{Ties: survival.Breslow})
			nearAll(t, "Breslow", breslow.Coef, ref.Breslow, 1e-6)
			risk = breslow.Risk(c.x)
			for i, want := range ref.SurvivalSksurv {
				for k, at := range ref.Times {
					near(t, "survival of scikit-survival", breslow.Survival(risk[i], 0, at), want[k], 1e-6)
				}
			}
			nearAll(t, "ridge", fit(c.x, nil, survival.CoxConfig{Lambda: 50 / float64(len(c.time))}).Coef, ref.Ridge, 1e-6)
			net := fit(tabletest.Standardise(c.x), nil, survival.CoxConfig{Ties: survival.Breslow, Lambda: 0.03, L1: 0.5})
			for j, want := range ref.Net {
				if math.Abs(net.Coef[j]-want) > 1e-6*math.Max(1e-2, math.Abs(want)) {
					t.Errorf("elastic net %s: got %.10g, want %.10g", c.names[j], net.Coef[j], want)
				}
			}

			strata := c.column(ref.Strata.Column)
			x, k := mat.NewDense(len(c.time), len(c.names)-1, nil), 0
			for j, name := range c.names {
				if name != ref.Strata.Column {
					x.SetCol(k, mat.Col(nil, j, c.x))
					k++
				}
			}
			m = fit(x, strata, survival.CoxConfig{})
			for j, e := range m.Estimates(nil) {
				near(t, "stratified", e.Value, ref.Strata.Value[j], 1e-6)
				near(t, "stratified standard error", e.StdErr, ref.Strata.StdErr[j], 1e-6)
			}
			tests, err := m.Proportional(x, c.time, c.event, strata, nil, survival.ByTime)
			if err != nil {
				t.Fatal(err)
			}
			nearAll(t, "stratified proportional", statistics(tests), ref.Strata.Identity, 1e-5)
		})
	}
}

func TestCurveByHand(t *testing.T) {
	time, event := []float64{3, 1, 2, 2, 4}, []bool{true, true, true, false, false}
	km, err := survival.KaplanMeier(time, event)
	if err != nil {
		t.Fatal(err)
	}
	f := func(at, want float64, risk int) {
		t.Helper()
		if got := km.At(at); math.Abs(got-want) > 1e-12 {
			t.Errorf("S(%v): got %v, want %v", at, got, want)
		}
		if got := km.AtRiskAt(at); got != risk {
			t.Errorf("at risk at %v: got %d, want %d", at, got, risk)
		}
	}
	f(0, 1, 5)
	f(1, 0.8, 5)
	f(1.5, 0.8, 4)
	f(2, 0.6, 4) // the row censored at 2 is at risk at 2
	f(3, 0.3, 2)
	f(9, 0.3, 0)
	if !math.IsNaN(km.At(-1)) {
		t.Errorf("S(-1): got %v, want NaN", km.At(-1))
	}
	if got := km.Quantile(0.9); !math.IsInf(got, 1) {
		t.Errorf("a quantile that is not reached: got %v, want +Inf", got)
	}
	na, err := survival.NelsonAalen(time, event)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "Nelson–Aalen", na.At(3), 1.0/5+1.0/4+1.0/2, 1e-12)
	last := len(na.Time) - 1
	width := 1.959963984540054 * math.Sqrt(1.0/25+1.0/16+1.0/4) / na.Value[last]
	near(t, "high of Nelson–Aalen", na.High[last], na.Value[last]*math.Exp(width), 1e-12)
}

func TestEverybodyDies(t *testing.T) {
	km, err := survival.KaplanMeier([]float64{1, 2}, []bool{true, true})
	if err != nil {
		t.Fatal(err)
	}
	if km.At(2) != 0 || !math.IsNaN(km.Low[2]) {
		t.Errorf("S(2) is %v with low %v: got, want 0 and NaN", km.At(2), km.Low[2])
	}
}

// A column that repeats others takes its own standard error away, and nothing
// else's.
func TestCoxWithRepeatedColumns(t *testing.T) {
	_, c := load(t, "gbsg2")
	n, p := c.x.Dims()
	x := mat.NewDense(n, p+2, nil)
	for i := range n {
		x.SetRow(i, append(append([]float64(nil), c.x.RawRowView(i)...), 1-c.x.At(i, 2), 7)) // no horTh, a constant
	}
	once, err := survival.FitCox(c.x, c.time, c.event, nil, survival.CoxConfig{})
	if err != nil {
		t.Fatal(err)
	}
	twice, err := survival.FitCox(x, c.time, c.event, nil, survival.CoxConfig{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "log-likelihood", twice.LogLikelihood, once.LogLikelihood, 1e-12)
	near(t, "likelihood ratio p", twice.LikelihoodRatio().P, once.LikelihoodRatio().P, 1e-9)
	want := once.Estimates(c.names)
	for j, e := range twice.Estimates(c.names) {
		if j == 2 || j >= p {
			if !math.IsNaN(e.StdErr) {
				t.Errorf("column %d repeats another, and has the standard error %v", j, e.StdErr)
			}
			continue
		}
		near(t, e.Name, e.Value, want[j].Value, 1e-8)
		near(t, e.Name+" standard error", e.StdErr, want[j].StdErr, 1e-8)
	}
	tests, err := twice.Proportional(x, c.time, c.event, nil, nil, survival.ByTime)
	if err != nil {
		t.Fatal(err)
	}
	wants, err := once.Proportional(c.x, c.time, c.event, nil, nil, survival.ByTime)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "all", tests[p+2].Statistic, wants[p].Statistic, 1e-8)
}

func TestRising(t *testing.T) {
	h, err := survival.Baseline([]float64{0, 0, 0, 0}, []float64{1, 2, 3, 4}, []bool{false, true, false, true})
	if err != nil {
		t.Fatal(err)
	}
	r := h.Rising()
	nearAll(t, "times", r.Time, []float64{2, 4}, 0)
	nearAll(t, "hazards", r.Value, []float64{1.0 / 3, 1.0/3 + 1}, 1e-15)
	for _, at := range []float64{0.5, 1, 2, 3.5, 9} {
		if got, want := r.At(at), h.At(at); got != want {
			t.Errorf("hazard at %v: got %v, want %v", at, got, want)
		}
	}
}

func TestBadInput(t *testing.T) {
	f := func(what, want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error about %q", what, err, want)
		}
	}
	_, err := survival.KaplanMeier(nil, nil)
	f("no rows", "no rows", err)
	_, err = survival.KaplanMeier([]float64{1, math.NaN()}, []bool{true, true})
	f("a time is missing", "row 1", err)
	_, _, _, err = survival.LogRank([]float64{1, 2}, []bool{true, true}, []int{0, 0})
	f("one group", "one group", err)
	x := mat.NewDense(2, 1, []float64{1, 2})
	_, err = survival.FitCox(x, []float64{1, 2}, []bool{false, false}, nil, survival.CoxConfig{})
	f("no events", "no row has an event", err)
	_, err = survival.FitCox(x, []float64{1, 2}, []bool{true, false}, nil, survival.CoxConfig{Ties: "exact"})
	f("ties unknown", "ties", err)
	_, err = survival.FitCox(x, []float64{2, 1}, []bool{true, true}, nil, survival.CoxConfig{})
	if !errors.Is(err, linear.ErrNotConverged) {
		t.Errorf("a column that orders all events: got %v, want ErrNotConverged", err)
	}
}

func ExampleKaplanMeier() {
	curve, err := survival.KaplanMeier([]float64{5, 8, 12, 12, 20}, []bool{true, false, true, true, false})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f alive after 10 months, median %v\n", curve.At(10), curve.Median())
	// Output: 0.80 alive after 10 months, median 12
}

// With 2 to 60 patients who all die, half of them have when half the times have
// passed: a product of shares must not round past it.
func TestMedianOfEvenNumbers(t *testing.T) {
	for n := 2; n <= 60; n += 2 {
		time, event := make([]float64, n), make([]bool, n)
		for i := range time {
			time[i], event[i] = float64(i+1), true
		}
		km, err := survival.KaplanMeier(time, event)
		if err != nil {
			t.Fatal(err)
		}
		if got := km.Median(); got != float64(n/2) {
			t.Errorf("%d patients: median %v, want %v", n, got, n/2)
		}
	}
}

// Nothing to test is an error or no p, not a panic.
func TestNothingToTest(t *testing.T) {
	x := mat.NewDense(4, 1, []float64{1, 2, 0, 3})
	time, event := []float64{2, 1, 3, 4}, []bool{true, false, false, false}
	if _, _, _, err := survival.LogRank(time, make([]bool, 4), []int{0, 1, 0, 1}); err == nil || !strings.Contains(err.Error(), "no row has an event") {
		t.Errorf("log-rank without events: got %v", err)
	}
	m, err := survival.FitCox(x, time, event, nil, survival.CoxConfig{Lambda: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Proportional(x, time, event, nil, nil, survival.ByEvents); err == nil || !strings.Contains(err.Error(), "at one time") {
		t.Errorf("a trend of one event: got %v", err)
	}
	m, err = survival.FitCox(mat.NewDense(4, 1, []float64{7, 7, 7, 7}), time, event, nil, survival.CoxConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if test := m.LikelihoodRatio(); test.Freedom != 0 || !math.IsNaN(test.P) {
		t.Errorf("a constant column: got %+v, want no freedom and no p", test)
	}
}

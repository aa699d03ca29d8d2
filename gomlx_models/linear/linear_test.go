package linear_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
	"github.com/assay-ml/assay/gomlx_models/table/tabletest"
)

// reference is testdata/reference.json, made by testdata/reference.py with the
// versions it names.
type reference struct {
	OLS, WLS, Origin, Logit table
	Ridge, Lasso            struct {
		Intercept float64
		Coef      []float64
	}
	ElasticNet struct {
		Intercept float64
		Coef      []float64
	} `json:"elastic_net"`
	LogitL2       logits `json:"logit_l2"`
	LogitL1       logits `json:"logit_l1"`
	MultinomialL2 logits `json:"multinomial_l2"`
	Multinomial   struct{ Value, StdErr [][]float64 }
}

type table struct {
	Value, StdErr, Statistic, P []float64
	Interval                    [][2]float64
	R2, Sigma                   float64
	MeanSE                      []float64 `json:"mean_se"`
	ObsSE                       []float64 `json:"obs_se"`
}

type logits struct {
	Intercept []float64
	Coef      [][]float64
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*math.Max(math.Abs(want), 1e-300)) {
		t.Errorf("%s: got %.12g, want %.12g", what, got, want)
	}
}

func agree(t *testing.T, what string, got []linear.Estimate, want table) {
	t.Helper()
	if len(got) != len(want.Value) {
		t.Fatalf("%s: %d estimates, want %d", what, len(got), len(want.Value))
	}
	for j, e := range got {
		name := what + " " + e.Name
		near(t, name+" value", e.Value, want.Value[j], 1e-6)
		near(t, name+" standard error", e.StdErr, want.StdErr[j], 1e-6)
		near(t, name+" statistic", e.Statistic, want.Statistic[j], 1e-6)
		near(t, name+" p", e.P, want.P[j], 1e-6)
		near(t, name+" low", e.Low, want.Interval[j][0], 1e-6)
		near(t, name+" high", e.High, want.Interval[j][1], 1e-6)
	}
}

func TestLeastSquaresAgreesWithStatsmodels(t *testing.T) {
	ref := modeltest.Reference[reference](t)
	x, y, names := tabletest.XY(t, "predict/diabetes_lars/diabetes.csv", "target")
	m, err := linear.Fit(x, y, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	agree(t, "least squares", m.Estimates(names), ref.OLS)
	near(t, "R²", m.R2, ref.OLS.R2, 1e-9)
	near(t, "sigma", m.Sigma, ref.OLS.Sigma, 1e-9)
	for i := range 3 {
		mean, single := m.Interval(x.RawRowView(i))
		near(t, "standard error of the mean", mean, ref.OLS.MeanSE[i], 1e-6)
		near(t, "standard error of one observation", single, ref.OLS.ObsSE[i], 1e-6)
	}

	weights := make([]float64, len(y))
	for i := range weights {
		weights[i] = float64(1 + i%3)
	}
	if m, err = linear.Fit(x, y, weights, linear.Config{}); err != nil {
		t.Fatal(err)
	}
	agree(t, "weighted", m.Estimates(names), ref.WLS)
	if m, err = linear.Fit(x, y, nil, linear.Config{NoIntercept: true}); err != nil {
		t.Fatal(err)
	}
	agree(t, "through the origin", m.Estimates(names), ref.Origin)
}

func TestPenalisedAgreesWithScikitLearn(t *testing.T) {
	ref := modeltest.Reference[reference](t)
	x, y, names := tabletest.XY(t, "predict/diabetes_lars/diabetes.csv", "target")
	x = tabletest.Standardise(x)
	f := func(what string, cfg linear.Config, intercept float64, coef []float64) {
		t.Helper()
		m, err := linear.Fit(x, y, nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		near(t, what+" intercept", m.Intercept, intercept, 1e-9)
		for j := range coef {
			near(t, what+" "+names[j], m.Coef[j], coef[j], 1e-6)
		}
	}
	f("ridge", linear.Config{Lambda: 50 / float64(len(y))}, ref.Ridge.Intercept, ref.Ridge.Coef)
	f("lasso", linear.Config{Lambda: 2, L1: 1}, ref.Lasso.Intercept, ref.Lasso.Coef)
	f("elastic net", linear.Config{Lambda: 1, L1: 0.5}, ref.ElasticNet.Intercept, ref.ElasticNet.Coef)
}

func TestLogisticAgreesWithStatsmodelsAndScikitLearn(t *testing.T) {
	ref := modeltest.Reference[reference](t)
	x, outcome, names := tabletest.XY(t, "predict/pima_diabetes/pima_diabetes.csv", "Outcome")
	y := tabletest.Classes(outcome)
	m, err := linear.FitLogistic(x, y, 2, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	agree(t, "logistic", m.Estimates(1, names), ref.Logit)

	n := float64(len(y))
	f := func(what string, x *mat.Dense, y []int, k int, cfg linear.Config, want logits, relative float64) {
		t.Helper()
		m, err := linear.FitLogistic(x, y, k, nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		for k := range want.Coef {
			near(t, what+" intercept", m.Intercept[k], want.Intercept[k], relative)
			for j := range want.Coef[k] {
				near(t, fmt.Sprint(what, " class ", k, " column ", j), m.Coef[k][j], want.Coef[k][j], relative)
			}
		}
	}
	f("L2", tabletest.Standardise(x), y, 2, linear.Config{Lambda: 1 / (0.1 * n)}, ref.LogitL2, 1e-6)
	f("L1", tabletest.Standardise(x), y, 2, linear.Config{Lambda: 1 / (0.02 * n), L1: 1}, ref.LogitL1, 1e-6)

	x, outcome, _ = tabletest.XY(t, "predict/surv_gbsg2/gbsg2.csv", "tgrade", "age", "pnodes", "progrec", "estrec", "tsize")
	y = tabletest.Classes(outcome)
	if m, err = linear.FitLogistic(x, y, 3, nil, linear.Config{}); err != nil {
		t.Fatal(err)
	}
	for k := range 2 {
		for j, e := range m.Estimates(k+1, nil) {
			near(t, "multinomial "+e.Name, e.Value, ref.Multinomial.Value[k][j], 1e-6)
			near(t, "multinomial standard error of "+e.Name, e.StdErr, ref.Multinomial.StdErr[k][j], 1e-6)
		}
	}
	f("multinomial L2", tabletest.Standardise(x), y, 3, linear.Config{Lambda: 1 / (0.05 * float64(len(y)))}, ref.MultinomialL2, 1e-6)
}

// The optimum with an absolute penalty is known by its conditions: the slope is
// −λ sign β where β is not zero, and at most λ in size where it is.
func TestMultinomialLassoIsOptimal(t *testing.T) {
	const lambda = 0.02
	x, outcome, _ := tabletest.XY(t, "predict/surv_gbsg2/gbsg2.csv", "tgrade", "age", "pnodes", "progrec", "estrec", "tsize")
	x = tabletest.Standardise(x)
	y := tabletest.Classes(outcome)
	m, err := linear.FitLogistic(x, y, 3, nil, linear.Config{Lambda: lambda, L1: 1})
	if err != nil {
		t.Fatal(err)
	}
	zero := 0
	n, p := x.Dims()
	prob := m.Predict(x)
	for k := range 3 {
		for j := range p {
			slope := 0.0
			for i := range n {
				r := prob[i][k]
				if y[i] == k {
					r--
				}
				slope += r * x.At(i, j) / float64(n)
			}
			if b := m.Coef[k][j]; b == 0 {
				zero++
				if math.Abs(slope) > lambda*(1+1e-9) {
					t.Errorf("class %d column %d is zero, and its slope %v exceeds λ", k, j, slope)
				}
			} else {
				near(t, "slope", slope, -math.Copysign(lambda, b), 1e-8)
			}
		}
	}
	if zero == 0 || zero == 3*p {
		t.Errorf("%d of %d coefficients are zero: the test wants some of each", zero, 3*p)
	}
}

func TestRepeatedColumns(t *testing.T) {
	x := mat.NewDense(4, 2, []float64{1, 1, 2, 2, 3, 3, 4, 4})
	m, err := linear.Fit(x, []float64{2, 4, 6, 8}, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "first of two equal columns", m.Coef[0], 1, 1e-9)
	near(t, "second of two equal columns", m.Coef[1], 1, 1e-9)
	if m.Rank != 1 || !math.IsNaN(m.Estimates(nil)[1].StdErr) {
		t.Errorf("rank %d and standard error %v: got, want 1 and NaN", m.Rank, m.Estimates(nil)[1].StdErr)
	}
}

func TestLogisticWithRepeatedColumns(t *testing.T) {
	x := mat.NewDense(6, 3, []float64{1, 1, 0, 2, 2, 0, 3, 3, 0, 4, 4, 0, 5, 5, 0, 6, 6, 0})
	y := []int{0, 1, 0, 1, 0, 1}
	twice, err := linear.FitLogistic(x, y, 2, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	once, err := linear.FitLogistic(mat.DenseCopyOf(x.Slice(0, 6, 0, 1)), y, 2, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "half of the coefficient", 2*twice.Coef[0][0], once.Coef[0][0], 1e-9)
	if twice.Coef[0][2] != 0 || !math.IsNaN(twice.Estimates(1, nil)[1].StdErr) {
		t.Errorf("column of zeros %v, standard error %v: got, want 0 and NaN", twice.Coef[0][2], twice.Estimates(1, nil)[1].StdErr)
	}
}

func TestSeparatedClassesHaveNoFit(t *testing.T) {
	x := mat.NewDense(4, 1, []float64{1, 2, 3, 4})
	_, err := linear.FitLogistic(x, []int{0, 0, 1, 1}, 2, nil, linear.Config{})
	if !errors.Is(err, linear.ErrNotConverged) {
		t.Errorf("got %v, want ErrNotConverged", err)
	}
	if _, err = linear.FitLogistic(x, []int{0, 0, 1, 1}, 2, nil, linear.Config{Lambda: 0.1}); err != nil {
		t.Errorf("with a penalty: %v", err)
	}
}

// Where the outcome is certain in the reference category, no single column runs
// off: all other categories do together.
func TestSeparatedReferenceCategoryHasNoFit(t *testing.T) {
	f := func(classes int, class func(category, k int) int) {
		t.Helper()
		var y []int
		var x, all linear.Table
		for k := range 30 {
			for category := range 3 {
				row := make([]float64, 3)
				row[category] = 1
				all, x = append(all, row), append(x, row[1:])
				y = append(y, class(category, k))
			}
		}
		for _, x := range []linear.Table{x, all} {
			if m, err := linear.FitLogistic(x, y, classes, nil, linear.Config{}); !errors.Is(err, linear.ErrNotConverged) {
				t.Errorf("%d classes, %d columns: got %+v, %v, want ErrNotConverged", classes, len(x[0]), m, err)
			}
			if _, err := linear.FitLogistic(x, y, classes, nil, linear.Config{Lambda: 0.01}); err != nil {
				t.Errorf("%d classes, %d columns, with a penalty: %v", classes, len(x[0]), err)
			}
		}
	}
	f(2, func(category, k int) int {
		if category == 0 {
			return 1
		}
		return k % 2
	})
	f(3, func(category, k int) int {
		if category == 0 {
			return 1
		}
		return k % 3
	})
}

// A penalty next to nothing, on a column of large numbers, leaves next to the fit
// without a penalty.
func TestSmallPenalties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var x linear.Table
	var y []int
	for range 100 {
		x, y = append(x, []float64{math.Exp(3 * r.NormFloat64()), r.NormFloat64()}), append(y, r.IntN(3))
	}
	want, err := linear.FitLogistic(x, y, 3, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, lambda := range []float64{1e-5, 1e-7, 1e-9} {
		got, err := linear.FitLogistic(x, y, 3, nil, linear.Config{Lambda: lambda})
		if err != nil {
			t.Errorf("lambda %v: %v", lambda, err)
			continue
		}
		for k, e := range got.Estimates(2, nil) {
			w := want.Estimates(2, nil)[k]
			if math.Abs(e.Value-w.Value) > 1e-3*w.StdErr || math.Abs(e.StdErr-w.StdErr) > 1e-3*w.StdErr {
				t.Errorf("lambda %v: got %+v, want %+v", lambda, e, w)
			}
		}
	}
}

// Rows of weight 0 count as nothing in the degrees of freedom, as in R's lm.
func TestRowsOfNoWeightAreLeftOut(t *testing.T) {
	x, y := linear.Table{{1}, {2}, {3}, {4}, {5}, {9}, {11}}, []float64{1, 3, 2, 5, 4, 100, 7}
	weighted, err := linear.Fit(x, y, []float64{2, 2, 2, 2, 2, 0, 0}, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	without, err := linear.Fit(x[:5], y[:5], nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for j, want := range without.Estimates(nil) {
		got := weighted.Estimates(nil)[j]
		near(t, "value", got.Value, want.Value, 1e-12)
		near(t, "standard error", got.StdErr, want.StdErr, 1e-12)
		near(t, "p", got.P, want.P, 1e-12)
	}
}

func TestInterceptAlone(t *testing.T) {
	m, err := linear.Fit(linear.Table{{}, {}, {}, {}}, []float64{1, 2, 3, 6}, nil, linear.Config{})
	if err != nil {
		t.Fatal(err)
	}
	e := m.Estimates(nil)[0]
	near(t, "mean", e.Value, 3, 1e-12)
	near(t, "its standard error", e.StdErr, math.Sqrt(14./3/4), 1e-12) // deviation/√n
}

func TestBadInput(t *testing.T) {
	x := mat.NewDense(2, 1, []float64{1, 2})
	f := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	_, err := linear.Fit(x, []float64{1}, nil, linear.Config{})
	f("an outcome is missing", err)
	_, err = linear.Fit(mat.NewDense(2, 1, []float64{1, math.NaN()}), []float64{1, 2}, nil, linear.Config{})
	f("a value is missing", err)
	_, err = linear.Fit(mat.NewDense(2, 1, []float64{1, math.MaxFloat64}), []float64{1, 2}, nil, linear.Config{})
	f("a value has no square", err)
	_, err = linear.Fit(x, []float64{1, 2}, []float64{1, -1}, linear.Config{})
	f("a weight is negative", err)
	_, err = linear.Fit(x, []float64{1, 2}, nil, linear.Config{Lambda: -1})
	f("lambda is negative", err)
	_, err = linear.FitLogistic(x, []int{0, 0}, 2, nil, linear.Config{})
	f("a class never occurs", err)
	_, err = linear.FitLogistic(x, []int{0, 2}, 2, nil, linear.Config{})
	f("a class out of range", err)
}

// A panic of a goroutine could not be recovered from, and a row that is short would
// keep the values of the row before.
func TestLogisticPanicsWhereItIsCalled(t *testing.T) {
	x := linear.Table{{0, 1}, {1, 0}, {2, 1}, {1, 1}}
	m, err := linear.FitLogistic(x, []int{0, 1, 0, 1}, 2, nil, linear.Config{Lambda: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []linear.Table{{{0, 1}, {1}}, {{0, 1}, {1, 2, 3}}, {{0}}} {
		func() {
			defer func() {
				if reason := recover(); reason == nil || !strings.Contains(fmt.Sprint(reason), "the model was fitted on 2") {
					t.Errorf("%v: recovered %v", x, reason)
				}
			}()
			m.Predict(x)
		}()
	}
}

func ExampleFit() {
	x := mat.NewDense(5, 1, []float64{1, 2, 3, 4, 5})
	model, err := linear.Fit(x, []float64{2.1, 3.9, 6.2, 7.8, 10.1}, nil, linear.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := model.Estimates([]string{"dose"})[1]
	fmt.Printf("%s %.2f (%.2f to %.2f)\n", e.Name, e.Value, e.Low, e.High)
	// Output: dose 1.99 (1.80 to 2.18)
}

// big is the table of the peers' benchmark: 80,000 × 50, 20 columns informative.
func big() (*mat.Dense, []float64, []int) {
	r := rand.New(rand.NewPCG(1, 2))
	x, y, class := mat.NewDense(80000, 50, nil), make([]float64, 80000), make([]int, 80000)
	for i := range y {
		row := x.RawRowView(i)
		for j := range row {
			row[j] = r.NormFloat64()
		}
		for j := range 20 {
			y[i] += float64(j) * row[j]
		}
		y[i] += 10 * r.NormFloat64()
		if y[i] > 0 {
			class[i] = 1
		}
	}
	return x, y, class
}

func BenchmarkFit(b *testing.B) {
	x, y, _ := big()
	for b.Loop() {
		if _, err := linear.Fit(x, y, nil, linear.Config{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFitLogistic(b *testing.B) {
	x, _, class := big()
	for b.Loop() {
		if _, err := linear.FitLogistic(x, class, 2, nil, linear.Config{}); err != nil {
			b.Fatal(err)
		}
	}
}

package svm_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/modeltest"
	"github.com/assay-ml/assay/gomlx_models/svm"
	"github.com/assay-ml/assay/gomlx_models/table/tabletest"
)

// reference is testdata/reference.json, made by testdata/reference.py with the
// versions it names.
type reference struct {
	WDBC, Diabetes map[string][]float64
	Grades         [][]float64
}

func first(x *mat.Dense, n int) *mat.Dense {
	_, p := x.Dims()
	return mat.DenseCopyOf(x.Slice(0, n, 0, p))
}

func TestClassifierAgreesWithLibsvm(t *testing.T) {
	ref := modeltest.Reference[reference](t)
	x, y, _ := tabletest.XY(t, "predict/breast_cancer_wdbc/breast_cancer.csv", "target")
	x = tabletest.Standardise(x)
	f := func(name string, cfg svm.Config) {
		t.Helper()
		cfg.Tolerance = 1e-8
		c, err := svm.FitClassifier(context.Background(), x, tabletest.Classes(y), 2, cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range c.Decide(first(x, 10)) {
			if want := ref.WDBC[name][i]; math.Abs(got[0]-want) > 1e-5*math.Max(1, math.Abs(want)) {
				t.Errorf("%s row %d: got %v, want %v", name, i, got[0], want)
			}
		}
	}
	f("radial", svm.Config{})
	f("linear", svm.Config{Kernel: svm.Kernel{Kind: "linear"}, C: 0.1})
	f("polynomial", svm.Config{Kernel: svm.Kernel{Kind: "polynomial", Coef0: 1}, C: 0.5})
	f("weighted", svm.Config{ClassWeight: []float64{5, 0.5}})
}

func TestRegressorAgreesWithLibsvm(t *testing.T) {
	ref := modeltest.Reference[reference](t)
	x, y, _ := tabletest.XY(t, "predict/diabetes_lars/diabetes.csv", "target")
	x = tabletest.Standardise(x)
	f := func(name string, cfg svm.Config) {
		t.Helper()
		cfg.Tolerance = 1e-8
		m, err := svm.FitRegressor(context.Background(), x, y, cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range m.Decide(first(x, 10)) {
			if want := ref.Diabetes[name][i]; math.Abs(got-want) > 1e-5*math.Max(1, math.Abs(want)) {
				t.Errorf("%s row %d: got %v, want %v", name, i, got, want)
			}
		}
	}
	f("radial", svm.Config{C: 100, Epsilon: 5})
	f("linear", svm.Config{Kernel: svm.Kernel{Kind: "linear"}, C: 10})
}

func TestThreeClassesAgreeWithLibsvm(t *testing.T) {
	ref := modeltest.Reference[reference](t)
	x, y, _ := tabletest.XY(t, "predict/surv_gbsg2/gbsg2.csv", "tgrade", "age", "pnodes", "progrec", "estrec", "tsize")
	x = tabletest.Standardise(x)
	c, err := svm.FitClassifier(context.Background(), x, tabletest.Classes(y), 3, svm.Config{Tolerance: 1e-8}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range c.Decide(first(x, 10)) {
		for m, want := range ref.Grades[i] { // libsvm's values of a pair are positive for its first class
			if math.Abs(-got[m]-want) > 1e-5*math.Max(1, math.Abs(want)) {
				t.Errorf("row %d machine %d: got %v, want %v", i, m, -got[m], want)
			}
		}
	}
	for i, prob := range c.Predict(first(x, 10)) {
		sum := 0.0
		for _, p := range prob {
			sum += p
		}
		if len(prob) != 3 || math.Abs(sum-1) > 1e-9 {
			t.Errorf("row %d: probabilities %v, want three that sum to 1", i, prob)
		}
	}
}

// A cache that holds two rows, shrinking and restoring must all end at the same
// optimum as a cache that holds everything.
func TestSmallCacheSameAnswer(t *testing.T) {
	x, class := rings(1500)
	fit := func(mib int) [][]float64 {
		c, err := svm.FitClassifier(context.Background(), x, class, 2, svm.Config{CacheMiB: mib, Tolerance: 1e-6}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Decide(first(x, 50))
	}
	small, large := fit(1), fit(100)
	for i := range small {
		if math.Abs(small[i][0]-large[i][0]) > 1e-4 {
			t.Errorf("row %d: %v with a small cache, %v with a large one", i, small[i][0], large[i][0])
		}
	}
}

// rings is a disc of one class inside a ring of another, with some overlap.
func rings(n int) (*mat.Dense, []int) {
	r := rand.New(rand.NewPCG(1, 2))
	x, class := mat.NewDense(n, 2, nil), make([]int, n)
	for i := range class {
		class[i] = i % 2
		radius, angle := float64(1+class[i])+0.4*r.NormFloat64(), 2*math.Pi*r.Float64()
		x.SetRow(i, []float64{radius * math.Cos(angle), radius * math.Sin(angle)})
	}
	return x, class
}

func TestProbabilitiesAreCalibrated(t *testing.T) {
	x, class := rings(2000)
	c, err := svm.FitClassifier(context.Background(), first(x, 1000), class[:1000], 2, svm.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	prob := c.Predict(x)[1000:]
	sum, count := 0.0, 0.0
	for i, p := range prob {
		sum += p[1]
		count += float64(class[1000+i])
	}
	if math.Abs(sum-count) > 50 {
		t.Errorf("probabilities of 1000 new rows sum to %.0f, and %v have the class", sum, count)
	}
}

// scikit-learn 1.9.1's sklearn.calibration._sigmoid_calibration, whose a and b are
// the slope and the offset with the other sign.
func TestSigmoidAgreesWithScikitLearn(t *testing.T) {
	f := func(values []float64, positive []bool, slope, offset float64) {
		t.Helper()
		if s := svm.FitSigmoid(values, positive); math.Abs(s.Slope-slope) > 1e-4 || math.Abs(s.Offset-offset) > 1e-4 {
			t.Errorf("got %+v, want slope %v and offset %v", s, slope, offset)
		}
	}
	f([]float64{-2.1, -1.4, -0.3, 0.2, 0.4, 0.9, 1.3, 2.6}, []bool{false, false, true, false, true, false, true, true}, 0.62147747, -0.12730838)
	f([]float64{-2, -1, 1, 2, 3}, []bool{false, false, true, true, true}, 0.63418762, 0.03287016) // separated
}

// Rows of one patient tell of each other: a machine that has seen some of them is
// too sure of the rest. With folds of patients, classes that chance deals to
// patients get probabilities near a half.
func TestFoldsKeepPatientsTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const patients, each = 60, 5
	x, class, group := mat.NewDense(patients*each, 4, nil), make([]int, patients*each), make([]string, patients*each)
	for i := range class {
		class[i], group[i] = i/each%2, fmt.Sprint("patient ", i/each)
		row := x.RawRowView(i)
		if copy(row, x.RawRowView(i/each*each)); i%each == 0 {
			for j := range row {
				row[j] = r.NormFloat64()
			}
			continue
		}
		for j := range row {
			row[j] += 0.01 * r.NormFloat64()
		}
	}
	sure := func(group []string) float64 {
		t.Helper()
		c, err := svm.FitClassifier(context.Background(), x, class, 2, svm.Config{C: 100, Group: group}, nil)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, p := range c.Predict(x) {
			sum += math.Abs(p[1]-0.5) / float64(len(class))
		}
		return sum
	}
	if rows, kept := sure(nil), sure(group); rows < 0.3 || kept > 0.2 {
		t.Errorf("probabilities are %.3f from a half on average with folds of rows, %.3f with folds of patients: want above 0.3 and below 0.2", rows, kept)
	}
	for i := range group {
		group[i] = fmt.Sprint("class ", class[i])
	}
	if _, err := svm.FitClassifier(context.Background(), x, class, 2, svm.Config{Group: group}, nil); err == nil || !strings.Contains(err.Error(), "one patient") {
		t.Errorf("a class of one patient: got %v", err)
	}
	// Two patients of either class, three of whom are in both.
	class, group = []int{0, 1, 0, 1, 0, 1, 1, 0}, []string{"a", "a", "b", "b", "c", "c", "d", "a"}
	if _, err := svm.FitClassifier(context.Background(), first(x, 8), class, 2, svm.Config{Group: group}, nil); err != nil {
		t.Error(err)
	}
}

// Columns of a wider matrix are a machine's as if they were a matrix of their own.
func TestPartOfAMatrix(t *testing.T) {
	rows, class := rings(100)
	wide := mat.NewDense(100, 3, nil)
	for i := range class {
		wide.SetRow(i, append(rows.RawRowView(i), 1000*float64(i%7)))
	}
	want, err := svm.FitClassifier(context.Background(), rows, class, 2, svm.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := svm.FitClassifier(context.Background(), wide.Slice(0, 100, 0, 2).(*mat.Dense), class, 2, svm.Config{}, nil)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("gamma of two columns of three is %v, want %v (%v)", got.Config.Kernel.Gamma, want.Config.Kernel.Gamma, err)
	}
}

// Without folds the machine is the same, and its probabilities are further apart.
func TestWithoutFolds(t *testing.T) {
	x, class := rings(400)
	spread := func(folds int) (sum float64) {
		c, err := svm.FitClassifier(context.Background(), x, class, 2, svm.Config{C: 100, Kernel: svm.Kernel{Gamma: 20}, Folds: folds}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range c.Predict(x) {
			sum += math.Abs(p[1] - 0.5)
		}
		return sum
	}
	if with, without := spread(5), spread(-1); without <= with {
		t.Errorf("probabilities are %v from a half without folds and %v with: want further without", without, with)
	}
}

func TestStops(t *testing.T) {
	x, class := rings(400)
	stop := errors.New("enough")
	if _, err := svm.FitClassifier(context.Background(), x, class, 2, svm.Config{C: 1e4, Tolerance: 1e-9}, func(int, float64) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("watch says stop: got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := svm.FitClassifier(ctx, x, class, 2, svm.Config{C: 1e4, Tolerance: 1e-9}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("context is done: got %v", err)
	}
}

func TestBadInput(t *testing.T) {
	x := mat.NewDense(2, 1, []float64{1, 2})
	f := func(what string, class []int, cfg svm.Config) {
		t.Helper()
		if _, err := svm.FitClassifier(context.Background(), x, class, 2, cfg, nil); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	f("one row a class", []int{0, 1}, svm.Config{})
	f("an outcome is missing", []int{0}, svm.Config{})
	f("no such kernel", []int{0, 1}, svm.Config{Kernel: svm.Kernel{Kind: "sigmoid"}})
	f("C is negative", []int{0, 1}, svm.Config{C: -1})
	x = mat.NewDense(4, 1, []float64{1, 2, 3, 4})
	two := []int{0, 1, 0, 1}
	f("a class weight is negative", two, svm.Config{ClassWeight: []float64{-1, 1}})
	f("a class weighs nothing", two, svm.Config{ClassWeight: []float64{0, 1}})
	f("a patient is missing", two, svm.Config{Group: []string{"a", "b", "c"}})
	x.Set(0, 0, math.Inf(1))
	f("a value is infinite", two, svm.Config{})
}

// In whatever goroutine it is found, a mistake must be one that a caller can recover
// from.
func TestDecidePanicsWhereItIsCalled(t *testing.T) {
	x, class := rings(100)
	c, err := svm.FitClassifier(context.Background(), x, class, 2, svm.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if reason := recover(); reason == nil || !strings.Contains(fmt.Sprint(reason), "fitted on 2") {
			t.Errorf("recovered %v", reason)
		}
	}()
	c.Predict(mat.NewDense(100, 3, nil))
}

func ExampleFitRegressor() {
	x := mat.NewDense(5, 1, []float64{1, 2, 3, 4, 5})
	cfg := svm.Config{Kernel: svm.Kernel{Kind: "linear"}, C: 10, Epsilon: 0.01}
	m, err := svm.FitRegressor(context.Background(), x, []float64{2, 4, 6, 8, 10}, cfg, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f\n", m.Decide(mat.NewDense(1, 1, []float64{7}))[0])
	// Output: 14.0
}

func BenchmarkRadial(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	x, class := mat.NewDense(4000, 50, nil), make([]int, 4000)
	for i := range class {
		sum := 0.0
		for j := range 50 {
			v := r.NormFloat64()
			x.Set(i, j, v)
			sum += v * v * float64(j%5-2)
		}
		if sum > 0 {
			class[i] = 1
		}
	}
	for b.Loop() {
		if _, err := svm.FitClassifier(context.Background(), x, class, 2, svm.Config{Folds: -1}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

package tree

import (
	"context"
	"math"
	"path"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/assay-ml/assay/gomlx_models/modeltest"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/table/tabletest"
)

// reference is testdata/reference.json, made by reference.py beside it.
type reference struct {
	Regression, Gini, Entropy, Incomplete struct {
		Columns     []string
		Leaves      int
		Predictions []float64
	}
	Pruning struct {
		Alphas []float64
		Leaves []int
	}
	Scores map[string]float64
}

// readSet returns a data set's columns but for the outcome, and the outcome.
// columns nil means all.
func readSet(t *testing.T, name, file, outcome string, columns []string) (x [][]float64, y []float64) {
	t.Helper()
	m, y, _ := tabletest.XY(t, path.Join("predict", name, file), outcome, columns...)
	return rowsOf(m), y
}

func rowsOf(m *mat.Dense) [][]float64 {
	n, _ := m.Dims()
	x := make([][]float64, n)
	for i := range x {
		x[i] = m.RawRowView(i)
	}
	return x
}

func predict(t *testing.T, e *Ensemble, x [][]float64, output int) []float64 {
	t.Helper()
	answers, err := e.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]float64, len(answers))
	for i, a := range answers {
		p[i] = a[output]
	}
	return p
}

// With at most 255 distinct values a feature, bins lose nothing: the trees are
// scikit-learn's.
func TestShallowTreesAreScikitLearns(t *testing.T) {
	ref := modeltest.Reference[reference](t)
	f := func(e *Ensemble, err error, x [][]float64, output, leaves int, want []float64) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Trees[0].Leaves(); got != leaves {
			t.Errorf("got %d leaves, want %d", got, leaves)
		}
		for i, p := range predict(t, e, x, output) {
			if math.Abs(p-want[i]) > 1e-9 {
				t.Fatalf("row %d: got %v, want %v", i, p, want[i])
			}
		}
	}
	ctx := context.Background()
	x, y := readSet(t, "diabetes_lars", "diabetes.csv", "target", ref.Regression.Columns)
	e, err := Regress(ctx, x, y, Config{Method: Single, MaxDepth: 3, MinLeaf: 5})
	f(e, err, x, 0, ref.Regression.Leaves, ref.Regression.Predictions)
	x, y = readSet(t, "pima_diabetes", "pima_diabetes.csv", "Outcome", ref.Gini.Columns)
	e, err = Classify(ctx, x, tabletest.Classes(y), 2, Config{Method: Single, MaxDepth: 4, MinLeaf: 10})
	f(e, err, x, 1, ref.Gini.Leaves, ref.Gini.Predictions)
	e, err = Classify(ctx, x, tabletest.Classes(y), 2, Config{Method: Single, MaxDepth: 4, MinLeaf: 10, Entropy: true})
	f(e, err, x, 1, ref.Entropy.Leaves, ref.Entropy.Predictions)

	// Zeros that mean missing, and rows of different weight.
	x, y = readSet(t, "pima_diabetes", "pima_diabetes.csv", "Outcome", ref.Incomplete.Columns)
	measured := []string{"Glucose", "BloodPressure", "SkinThickness", "Insulin", "BMI"}
	weight := make([]float64, len(x))
	for i, row := range x {
		weight[i] = float64(1 + i%3)
		for j, name := range ref.Incomplete.Columns {
			if row[j] == 0 && slices.Contains(measured, name) {
				row[j] = math.NaN()
			}
		}
	}
	e, err = Classify(ctx, x, tabletest.Classes(y), 2, Config{Method: Single, MaxDepth: 4, MinLeaf: 10, Weight: weight})
	f(e, err, x, 1, ref.Incomplete.Leaves, ref.Incomplete.Predictions)
}

func TestPruningIsScikitLearns(t *testing.T) {
	ref := modeltest.Reference[reference](t)
	x, y := readSet(t, "pima_diabetes", "pima_diabetes.csv", "Outcome", ref.Gini.Columns)
	e, err := Classify(context.Background(), x, tabletest.Classes(y), 2, Config{Method: Single, MaxDepth: 5, MinLeaf: 10})
	if err != nil {
		t.Fatal(err)
	}
	alpha, leaves := e.Trees[0].PruningPath()
	if len(alpha) != len(ref.Pruning.Alphas) {
		t.Fatalf("got %d steps, want %d: %v", len(alpha), len(ref.Pruning.Alphas), alpha)
	}
	for k, want := range ref.Pruning.Alphas {
		if math.Abs(alpha[k]-want) > 1e-12 || leaves[k] != ref.Pruning.Leaves[k] {
			t.Errorf("step %d: got α %v with %d leaves, want %v with %d", k, alpha[k], leaves[k], want, ref.Pruning.Leaves[k])
		}
		pruned, err := Classify(context.Background(), x, tabletest.Classes(y), 2, Config{Method: Single, MaxDepth: 5, MinLeaf: 10, Prune: want + 1e-12})
		if err != nil {
			t.Fatal(err)
		}
		if got := pruned.Trees[0].Leaves(); got != ref.Pruning.Leaves[k] {
			t.Errorf("pruned by α %v: got %d leaves, want %d", want, got, ref.Pruning.Leaves[k])
		}
	}
}

// Forests differ by their random numbers: the mean over folds must be no worse
// than scikit-learn's by more than such means scatter.
func TestForestsScoreAsScikitLearns(t *testing.T) {
	ref := modeltest.Reference[reference](t)
	ctx := context.Background()
	folds := func(x [][]float64, y []float64, fit func(x [][]float64, y []float64) (*Ensemble, error), judge func(y, p []float64) float64) (mean float64) {
		for k := range 5 {
			var trainX, testX [][]float64
			var trainY, testY []float64
			for i := range x {
				if i%5 == k {
					testX, testY = append(testX, x[i]), append(testY, y[i])
				} else {
					trainX, trainY = append(trainX, x[i]), append(trainY, y[i])
				}
			}
			e, err := fit(trainX, trainY)
			if err != nil {
				t.Fatal(err)
			}
			answers, err := e.Predict(testX)
			if err != nil {
				t.Fatal(err)
			}
			p := make([]float64, len(answers))
			for i, a := range answers {
				p[i] = a[len(a)-1]
			}
			mean += judge(testY, p) / 5
		}
		return mean
	}
	auc := func(y, p []float64) float64 {
		positive := make([]bool, len(y))
		for i, v := range y {
			positive[i] = v == 1
		}
		return score.AUC(positive, p)
	}
	classify := func(c Config) func(x [][]float64, y []float64) (*Ensemble, error) {
		return func(x [][]float64, y []float64) (*Ensemble, error) {
			return Classify(ctx, x, tabletest.Classes(y), 2, c)
		}
	}
	f := func(name string, got, tolerance float64) {
		t.Helper()
		t.Logf("%s: %.4f, scikit-learn's %.4f", name, got, ref.Scores[name])
		if got < ref.Scores[name]-tolerance {
			t.Errorf("%s: got %.4f, want at least %.4f − %v", name, got, ref.Scores[name], tolerance)
		}
	}
	x, y := readSet(t, "breast_cancer_wdbc", "breast_cancer.csv", "target", nil)
	f("wdbc_forest_auc", folds(x, y, classify(Config{}), auc), 0.004)
	f("wdbc_extra_auc", folds(x, y, classify(Config{Method: Extra}), auc), 0.004)
	f("wdbc_boost_auc", folds(x, y, func(x [][]float64, y []float64) (*Ensemble, error) {
		return BoostClasses(ctx, x, tabletest.Classes(y), 2, BoostConfig{})
	}, auc), 0.004)
	x, y = readSet(t, "pima_diabetes", "pima_diabetes.csv", "Outcome", nil)
	f("pima_forest_auc", folds(x, y, classify(Config{MinLeaf: 5}), auc), 0.008)
	x, y = readSet(t, "diabetes_lars", "diabetes.csv", "target", nil)
	f("diabetes_forest_r2", folds(x, y, func(x [][]float64, y []float64) (*Ensemble, error) {
		return Regress(ctx, x, y, Config{MinLeaf: 5})
	}, score.R2), 0.015)
	f("diabetes_boost_r2", folds(x, y, func(x [][]float64, y []float64) (*Ensemble, error) {
		return BoostNumbers(ctx, x, y, BoostConfig{})
	}, score.R2), 0.03)
}

// On the split of the DeepSurv paper, scikit-survival 0.28.0's forest of 100 trees
// with 15 rows a leaf has a concordance of 0.640 to 0.642 (seeds 0 to 2).
func TestSurvivalForestOnMETABRIC(t *testing.T) {
	frame := tabletest.Open(t, "predict/surv_metabric/metabric.csv")
	split, err := frame.Texts("split")
	if err != nil {
		t.Fatal(err)
	}
	time, event := tabletest.Numbers(t, frame, "time"), tabletest.Numbers(t, frame, "event")
	var names []string
	for _, name := range frame.Names() {
		if name != "split" && name != "time" && name != "event" {
			names = append(names, name)
		}
	}
	var x [2][][]float64
	var y [2]score.Followup
	for i, row := range rowsOf(tabletest.Matrix(t, frame, names)) {
		side := 0
		if split[i] == "test" {
			side = 1
		}
		x[side] = append(x[side], row)
		y[side].Time, y[side].Event = append(y[side].Time, time[i]), append(y[side].Event, event[i] == 1)
	}
	forest, err := Survive(context.Background(), x[0], y[0], Config{OOB: true})
	if err != nil {
		t.Fatal(err)
	}
	c := score.Concordance(y[1], predict(t, &forest.Ensemble, x[1], 0))
	t.Logf("concordance %.4f, out of bag %.4f", c, forest.OOB.Score)
	if c < 0.635 || math.Abs(forest.OOB.Score-c) > 0.03 {
		t.Errorf("concordance %.4f, out of bag %.4f", c, forest.OOB.Score)
	}
}

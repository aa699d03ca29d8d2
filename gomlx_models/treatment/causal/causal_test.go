package causal_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/assay-ml/assay/gomlx_models/treatment/causal"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// trial returns patients of a randomised trial whose effect is known: 1 + x₀ for
// x₀ > 0, else 1. The outcome also depends on x₁.
func trial(n, columns int, seed uint64) (x [][]float64, w, y, effect []float64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		row := make([]float64, columns)
		for j := range row {
			row[j] = r.NormFloat64()
		}
		t := float64(r.IntN(2))
		e := 1 + max(row[0], 0)
		x, w, effect = append(x, row), append(w, t), append(effect, e)
		y = append(y, row[1]+t*e+r.NormFloat64())
	}
	return x, w, y, effect
}

// residuals takes off w and y what x says of them, which is known of the trial.
func residuals(x [][]float64, w, y, effect []float64) (wr, yr []float64) {
	for i := range x {
		wr, yr = append(wr, w[i]-0.5), append(yr, y[i]-x[i][1]-0.5*effect[i])
	}
	return wr, yr
}

func values(effects []causal.Effect) (value, stdErr []float64) {
	for _, e := range effects {
		value, stdErr = append(value, e.Value), append(stdErr, e.StdErr)
	}
	return value, stdErr
}

// The forest finds how the effect changes, and its intervals cover the truth about
// as often as they say.
func TestForestFindsEffects(t *testing.T) {
	x, w, y, effect := trial(2000, 5, 1)
	w, y = residuals(x, w, y, effect)
	forest, err := causal.Grow(t.Context(), x, w, y, causal.Config{Trees: 1000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	test, _, _, truth := trial(500, 5, 2)
	effects, err := forest.Effects(test)
	if err != nil {
		t.Fatal(err)
	}
	covered, squares := 0.0, 0.0
	for i, e := range effects {
		squares += (e.Value - truth[i]) * (e.Value - truth[i])
		if math.Abs(e.Value-truth[i]) <= 1.96*e.StdErr {
			covered++
		}
	}
	value, stdErr := values(effects)
	rmse, coverage, slope := math.Sqrt(squares/500), covered/500, stat.Correlation(value, truth, nil)
	t.Logf("RMSE %.3f (the effect's deviation is %.3f), coverage %.3f, correlation %.3f, mean standard error %.3f", rmse, stat.StdDev(truth, nil), coverage, slope, stat.Mean(stdErr, nil))
	if rmse > 0.3 || coverage < 0.9 || slope < 0.9 {
		t.Errorf("RMSE %.3f, coverage %.3f, correlation %.3f", rmse, coverage, slope)
	}
	if imp := forest.Importance(); floats.MaxIdx(imp) != 0 || math.Abs(floats.Sum(imp)-1) > 1e-9 {
		t.Errorf("importance %v, want most for the first column", imp)
	}
}

func TestExplanationsAddUp(t *testing.T) {
	x, w, y, _ := trial(600, 4, 3)
	for _, correct := range []bool{false, true} {
		forest, err := causal.Grow(t.Context(), x, w, y, causal.Config{Trees: 60, Seed: 1, Correct: correct})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range x[:20] {
			effects, err := forest.Effects([][]float64{row})
			if err != nil {
				t.Fatal(err)
			}
			phi, base, err := forest.SHAP(row)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := base+floats.Sum(phi), effects[0].Value; math.Abs(got-want) > 1e-9 {
				t.Errorf("base and values add up to %v, want the effect %v", got, want)
			}
		}
	}
}

// Where the effect is steep, a forest blurs it and is sure of what it blurred. A
// second forest on what the first has left over makes up for most of that.
func TestCorrection(t *testing.T) {
	var x [][]float64
	var w, y, truth []float64
	r := rand.New(rand.NewPCG(8, 8))
	for range 1500 {
		row := make([]float64, 6)
		for j := range row {
			row[j] = r.NormFloat64()
		}
		arm, effect := float64(r.IntN(2))-0.5, row[0]+row[1]-row[2]
		x, w, y, truth = append(x, row), append(w, arm), append(y, arm*effect+r.NormFloat64()), append(truth, effect)
	}
	const learnt = 1000
	judge := func(correct bool) (rmse, coverage float64) {
		forest, err := causal.Grow(t.Context(), x[:learnt], w[:learnt], y[:learnt], causal.Config{Seed: 1, Trees: 200, Correct: correct})
		if err != nil {
			t.Fatal(err)
		}
		effects, err := forest.Effects(x[learnt:])
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range effects {
			d := e.Value - truth[learnt+i]
			rmse += d * d / 500
			if math.Abs(d) <= 1.96*e.StdErr {
				coverage += 1. / 500
			}
		}
		return math.Sqrt(rmse), coverage
	}
	plainError, plainCoverage := judge(false)
	rmse, coverage := judge(true)
	t.Logf("RMSE %.3f, coverage %.3f; corrected %.3f, %.3f", plainError, plainCoverage, rmse, coverage)
	if rmse > 0.85*plainError || coverage < plainCoverage+0.1 {
		t.Errorf("corrected: RMSE %.3f after %.3f, coverage %.3f after %.3f", rmse, plainError, coverage, plainCoverage)
	}
}

// The level of the outcome is no effect, also where so few trees are grown that some
// rows are in all of them, or in all but such as cannot answer.
func TestLevelDoesNotMatter(t *testing.T) {
	x, w, y, _ := trial(300, 3, 4)
	high := slices.Clone(y)
	floats.AddConst(1000, high)
	grown := func(y []float64, trees, bag int) []float64 {
		forest, err := causal.Grow(t.Context(), x, w, y, causal.Config{Trees: trees, Bag: bag, Correct: true, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		effects, err := forest.Effects(x)
		if err != nil {
			t.Fatal(err)
		}
		value, _ := values(effects)
		return value
	}
	for _, trees := range []int{8, 40} {
		want, got := grown(y, trees, 4), grown(high, trees, 4)
		if d := floats.Distance(want, got, math.Inf(1)); !(d < 0.01) {
			t.Errorf("%d trees: an effect moved by %v with the level of the outcome", trees, d)
		}
	}
}

// A dose has an effect a unit, and rows of one patient stay together.
func TestDose(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var x [][]float64
	var dose, y []float64
	var patient []string
	for i := range 1500 {
		row := []float64{r.NormFloat64(), r.NormFloat64()}
		d := 5 * r.Float64()
		slope := 2.0
		if row[0] > 0 {
			slope = -1
		}
		x, dose, y = append(x, row), append(dose, d), append(y, slope*d+r.NormFloat64())
		patient = append(patient, fmt.Sprint(i/2))
	}
	forest, err := causal.Grow(t.Context(), x, dose, y, causal.Config{Trees: 200, Seed: 1, Group: patient})
	if err != nil {
		t.Fatal(err)
	}
	effects, err := forest.Effects([][]float64{{-1, 0}, {1, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := effects[0].Value, effects[1].Value; math.Abs(a-2) > 0.2 || math.Abs(b+1) > 0.2 {
		t.Errorf("got %.3f and %.3f a unit, want 2 and −1", a, b)
	}
}

func TestThreadsDoNotMatter(t *testing.T) {
	x, w, y, _ := trial(400, 3, 7)
	var first []causal.Effect
	for _, threads := range []int{1, 3, -1} {
		forest, err := causal.Grow(t.Context(), x, w, y, causal.Config{Trees: 21, Seed: 4, Threads: threads, Correct: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(forest.Ensemble.Trees) != 24 {
			t.Fatalf("%d trees, want 24: six whole bags", len(forest.Ensemble.Trees))
		}
		effects, err := forest.Effects(x)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = effects
		} else if !slices.Equal(effects, first) {
			t.Error("the effects depend on the number of threads")
		}
	}
}

func TestBadForests(t *testing.T) {
	x, w, y, _ := trial(40, 2, 1)
	f := func(says string, x [][]float64, w, y []float64, cfg causal.Config) {
		t.Helper()
		if _, err := causal.Grow(t.Context(), x, w, y, cfg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want an error that says %q", err, says)
		}
	}
	f("no rows", nil, nil, nil, causal.Config{})
	f("39 treatments", x, w[1:], y, causal.Config{})
	f("too few", x[:4], w[:4], y[:4], causal.Config{})
	f("row 3", x, w, append(append(slices.Clone(y[:3]), math.NaN()), y[4:]...), causal.Config{})
	f("half of the rows", x, w, y, causal.Config{Share: 0.8})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := causal.Grow(ctx, x, w, y, causal.Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	forest, err := causal.Grow(t.Context(), x, w, y, causal.Config{Trees: 4})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := forest.Effects([][]float64{{1}}); err == nil {
		t.Error("a row of another width: got no error")
	}
}

func TestBadPolicies(t *testing.T) {
	x := [][]float64{{1}, {2}}
	f := func(says string, scores ...[]float64) {
		t.Helper()
		if _, err := causal.Policy(x, scores, causal.PolicyConfig{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want an error that says %q", scores, err, says)
		}
	}
	f("2 rows and 1 scores", []float64{0, 1})
	f("every row needs one an arm", nil, nil)
	f("row 1 has the scores [0 NaN]", []float64{0, 1}, []float64{0, math.NaN()})
	f("row 0 has the scores [+Inf 0]", []float64{math.Inf(1), 0}, []float64{0, 1})
}

// best returns the score of the best tree of a depth by trying them all.
func best(x, scores [][]float64, rows []int, depth, least int) float64 {
	arms := len(scores[0])
	most := math.Inf(-1)
	for k := range arms {
		var sum float64
		for _, i := range rows {
			sum += scores[i][k]
		}
		most = max(most, sum)
	}
	if depth == 0 {
		return most
	}
	for j := range x[0] {
		for _, at := range rows {
			var left, right []int
			for _, i := range rows {
				if x[i][j] <= x[at][j] {
					left = append(left, i)
				} else {
					right = append(right, i)
				}
			}
			if len(left) >= least && len(right) >= least {
				most = max(most, best(x, scores, left, depth-1, least)+best(x, scores, right, depth-1, least))
			}
		}
	}
	return most
}

// No tree of two levels does better than the one that is found.
func TestPolicyIsBest(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 2))
		var x, scores [][]float64
		var rows []int
		for i := range 40 {
			x = append(x, []float64{float64(r.IntN(6)), r.NormFloat64(), float64(r.IntN(2))})
			scores = append(scores, []float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()})
			rows = append(rows, i)
		}
		for depth := 1; depth <= 2; depth++ {
			policy, err := causal.Policy(x, scores, causal.PolicyConfig{Depth: depth, MinLeaf: 3, Candidates: 255})
			if err != nil {
				t.Fatal(err)
			}
			var got float64
			for i := range x {
				got += scores[i][floats.MaxIdx(policy.Value(policy.Leaf(x[i])))]
			}
			if want := best(x, scores, rows, depth, 3); math.Abs(got-want) > 1e-9 {
				t.Errorf("seed %d, depth %d: score %v, the best is %v", seed, depth, got, want)
			}
			if policy.Depth() > depth {
				t.Errorf("depth %d, want at most %d", policy.Depth(), depth)
			}
		}
	}
}

func ExamplePolicy() {
	var x, scores [][]float64
	for i := range 200 {
		age := float64(20 + i%60)
		x = append(x, []float64{age})
		scores = append(scores, []float64{0, 50 - age}) // the drug does good below 50, harm above
	}
	rule, err := causal.Policy(x, scores, causal.PolicyConfig{Depth: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(rule.Rules(tree.Labels{Features: []string{"age"}, Outputs: []string{"no drug", "drug"}}))
	// Output:
	// if age ≤ 49.5 or missing:
	//     drug 16.41 (110 rows)
	// else:
	//     no drug 0.00 (90 rows)
}

func BenchmarkGrow(b *testing.B) {
	x, w, y, _ := trial(10_000, 25, 1)
	for b.Loop() {
		if _, err := causal.Grow(b.Context(), x, w, y, causal.Config{Trees: 100, Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEffects(b *testing.B) {
	x, w, y, _ := trial(10_000, 25, 1)
	forest, err := causal.Grow(b.Context(), x, w, y, causal.Config{Trees: 100, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := forest.Effects(x); err != nil {
			b.Fatal(err)
		}
	}
}

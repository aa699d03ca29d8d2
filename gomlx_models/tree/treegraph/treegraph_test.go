package treegraph

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// rows have two numbers and a category, with values missing from all three.
func rows(n int, seed uint64) (x [][]float64, number []float64, class []int, y score.Followup) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		row := []float64{r.NormFloat64(), r.NormFloat64(), float64(r.IntN(6))}
		v := row[0] + row[1]*row[1] + math.Mod(row[2]*5, 3)
		for j := range row {
			if r.IntN(10) == 0 {
				row[j] = math.NaN()
			}
		}
		x, number, class = append(x, row), append(number, v), append(class, min(max(int(v), 0), 2))
		y.Time, y.Event = append(y.Time, r.ExpFloat64()*math.Exp(-v/2)), append(y.Event, r.IntN(3) > 0)
	}
	return x, number, class, y
}

// backends are all that this machine has, by name.
func backends(t *testing.T) map[string]compute.Backend {
	t.Helper()
	plain, err := gobackend.New("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plain.Finalize)
	all := map[string]compute.Backend{"go": plain}
	if b, err := fit.Backend(); err == nil {
		all[b.Name()] = b
	}
	return all
}

func TestAnswersAreThoseOfTheTrees(t *testing.T) {
	ctx := context.Background()
	x, number, class, y := rows(300, 1)
	test, _, _, _ := rows(100, 2)
	test = append(test, []float64{0, 0, 77}, []float64{0, 0, 1.5}, []float64{0, 0, -1}, []float64{math.MaxFloat64, -math.MaxFloat64, math.NaN()})
	sick := make([]int, len(class))
	for i, c := range class {
		sick[i] = min(c, 1)
	}
	categorical := []bool{false, false, true}
	cfg := tree.Config{Trees: 7, Seed: 1, Categorical: categorical}
	boost := tree.BoostConfig{Rounds: 9, Seed: 1, Categorical: categorical}
	single, pruned := cfg, cfg
	single.Method, pruned.Method, pruned.Prune = tree.Single, tree.Single, 0.01
	forest, err := tree.Survive(ctx, x, y, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ensembles := map[string]func() (*tree.Ensemble, error){
		"tree":            func() (*tree.Ensemble, error) { return tree.Regress(ctx, x, number, single) },
		"pruned tree":     func() (*tree.Ensemble, error) { return tree.Classify(ctx, x, class, 3, pruned) },
		"forest":          func() (*tree.Ensemble, error) { return tree.Classify(ctx, x, class, 3, cfg) },
		"boosted numbers": func() (*tree.Ensemble, error) { return tree.BoostNumbers(ctx, x, number, boost) },
		"boosted chance":  func() (*tree.Ensemble, error) { return tree.BoostClasses(ctx, x, sick, 2, boost) },
		"boosted classes": func() (*tree.Ensemble, error) { return tree.BoostClasses(ctx, x, class, 3, boost) },
		"risk":            func() (*tree.Ensemble, error) { return &forest.Ensemble, nil },
		"without a category": func() (*tree.Ensemble, error) {
			plain := cfg
			plain.Categorical = nil
			return tree.Regress(ctx, x, number, plain)
		},
	}
	for name, backend := range backends(t) {
		same := func(what string, p *Program, want [][]float64) {
			t.Helper()
			defer p.Close()
			got, err := p.Predict(ctx, test)
			if err != nil {
				t.Fatalf("%s on %s: %v", what, name, err)
			}
			for i := range want {
				for k := range want[i] {
					if d := math.Abs(got[i][k] - want[i][k]); !(d <= 1e-12*max(1, math.Abs(want[i][k]))) {
						t.Fatalf("%s on %s, row %d %v: got %v, want %v", what, name, i, test[i], got[i], want[i])
					}
				}
			}
		}
		for what, grow := range ensembles {
			e, err := grow()
			if err != nil {
				t.Fatal(err)
			}
			want, err := e.Predict(test)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Compile(backend, e)
			if err != nil {
				t.Fatal(err)
			}
			same(what, p, want)
		}
		curves, err := forest.Survival(test)
		if err != nil {
			t.Fatal(err)
		}
		p, err := CompileSurvival(backend, forest, nil)
		if err != nil {
			t.Fatal(err)
		}
		same("survival", p, curves)
		times := []float64{0, 0.1, 1, 100}
		for i := range curves {
			curves[i] = forest.At(curves[i], times, 1)
		}
		if p, err = CompileSurvival(backend, forest, times); err != nil {
			t.Fatal(err)
		}
		same("survival at times", p, curves)
	}
}

func TestMistakesAreErrors(t *testing.T) {
	backend := backends(t)["go"]
	if _, err := Compile(backend, &tree.Ensemble{}); err == nil {
		t.Error("no trees: no error")
	}
	x, number, _, _ := rows(50, 1)
	e, err := tree.Regress(context.Background(), x, number, tree.Config{Method: tree.Single})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(backend, e)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Predict(context.Background(), [][]float64{{1}}); err == nil {
		t.Error("a row of one feature: no error")
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Predict(done, x); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v, want %v", err, context.Canceled)
	}
}

func ExampleCompile() {
	x := [][]float64{{25, 0}, {31, 1}, {48, 0}, {52, 1}, {61, 1}, {70, 1}, {66, 0}, {38, 1}}
	e, err := tree.Classify(context.Background(), x, []int{0, 0, 0, 1, 1, 1, 0, 0}, 2, tree.Config{Method: tree.Single})
	if err != nil {
		fmt.Println(err)
		return
	}
	backend, err := gobackend.New("")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Finalize()
	program, err := Compile(backend, e)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer program.Close()
	fmt.Println(program.Predict(context.Background(), [][]float64{{40, 1}, {65, 1}}))
	// Output: [[1 0] [0 1]] <nil>
}

// BenchmarkPredict compares the program with the trees themselves.
func BenchmarkPredict(b *testing.B) {
	x, _, class, _ := rows(20_000, 1)
	e, err := tree.Classify(context.Background(), x, class, 3, tree.Config{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("trees", func(b *testing.B) {
		for b.Loop() {
			if _, err := e.Predict(x); err != nil {
				b.Fatal(err)
			}
		}
	})
	backend, err := fit.Backend()
	if err != nil {
		b.Skipf("no GoMLX backend: %v", err)
	}
	p, err := Compile(backend, e)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	b.Run(backend.Name(), func(b *testing.B) {
		for b.Loop() {
			if _, err := p.Predict(context.Background(), x); err != nil {
				b.Fatal(err)
			}
		}
	})
}

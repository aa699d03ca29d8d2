package tree

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"

	"github.com/assay-ml/assay/gomlx_models/score"
)

// moons makes rows of which the first two features tell the class, the third is
// a category that shifts it, and the fourth is noise. A tenth of values is missing.
func moons(n int, seed uint64) (x [][]float64, class []int, number []float64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		row := []float64{r.NormFloat64(), r.NormFloat64(), float64(r.IntN(6)), r.NormFloat64()}
		v := row[0]*row[0] + row[1]
		if row[2] == 1 || row[2] == 4 {
			v += 2
		}
		k := 0
		if v > 1.2 {
			k = 1
		}
		for j := range row {
			if r.IntN(10) == 0 {
				row[j] = math.NaN()
			}
		}
		x, class, number = append(x, row), append(class, k), append(number, v+0.1*r.NormFloat64())
	}
	return x, class, number
}

var moonKinds = []bool{false, false, true, false}

func followup(number []float64) (f score.Followup) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, v := range number {
		t, c := r.ExpFloat64()*math.Exp(-v), r.ExpFloat64()
		f.Time, f.Event = append(f.Time, math.Ceil(min(t, c)*20)), append(f.Event, t <= c)
	}
	return f
}

func TestSameBitsWhateverTheThreads(t *testing.T) {
	x, class, number := moons(3000, 1)
	y := followup(number)
	ctx := context.Background()
	f := func(name string, fit func(threads int) (any, error)) {
		t.Helper()
		one, err := fit(1)
		if err != nil {
			t.Fatal(err)
		}
		many, err := fit(5)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(one, many) {
			t.Errorf("%s: one and five threads grew different trees", name)
		}
	}
	for _, m := range []Method{Forest, Extra, Single} {
		f("classes "+string(m), func(threads int) (any, error) {
			e, err := Classify(ctx, x, class, 2, Config{Method: m, Trees: 8, Threads: threads, Seed: 3, Categorical: moonKinds})
			return e, err
		})
	}
	// Enough rows for both sides of a node to grow at once.
	largeX, _, largeNumber := moons(12_000, 2)
	f("numbers", func(threads int) (any, error) {
		e, err := Regress(ctx, largeX, largeNumber, Config{Method: Single, Threads: threads, Categorical: moonKinds})
		return e, err
	})
	f("survival", func(threads int) (any, error) {
		return Survive(ctx, x, y, Config{Trees: 8, Threads: threads, Seed: 3, Categorical: moonKinds})
	})
	f("boosting", func(threads int) (any, error) {
		return BoostNumbers(ctx, x, number, BoostConfig{Rounds: 8, Threads: threads, Subsample: 0.5, MaxFeatures: 2, Categorical: moonKinds})
	})
	a, _ := Classify(ctx, x, class, 2, Config{Trees: 3, Seed: 1})
	b, _ := Classify(ctx, x, class, 2, Config{Trees: 3, Seed: 2})
	if reflect.DeepEqual(a.Trees, b.Trees) {
		t.Error("two seeds grew the same trees")
	}
}

// Sums of whole numbers are exact, in whatever order they are taken: the tree must
// be the same whether a child's are differences or not.
func TestKeptSumsAreThoseOfTheRows(t *testing.T) {
	x, class, number := moons(12_000, 4)
	d, err := NewData(x, moonKinds, 1)
	if err != nil {
		t.Fatal(err)
	}
	rows, classes := make([]int32, len(x)), make([]int32, len(x))
	y, weight := make([]float64, len(x)), make([]float64, len(x))
	for i := range x {
		rows[i], classes[i], y[i], weight[i] = int32(i), int32(class[i]), math.Round(8*number[i]), float64(1+i%3)
	}
	for name, c := range map[string]Criterion{
		"numbers":          &Response{Y: y},
		"weighted numbers": &Response{Y: y, Weight: weight},
		"classes":          &Classes{Class: classes, Count: 2},
		"weighted classes": &Classes{Class: classes, Count: 2, Weight: weight},
	} {
		g := newGrowth(d, c, Limits{MaxDepth: 8})
		kept := g.grow(slices.Clone(rows), nil)
		if len(g.crew.spare) == 0 {
			t.Errorf("%s: no sums were kept", name)
		}
		g.tallier = nil
		want := g.grow(slices.Clone(rows), nil)
		if !reflect.DeepEqual(kept, want) {
			t.Errorf("%s: with sums kept the tree has %d nodes, else %d, or they differ", name, len(kept.Nodes), len(want.Nodes))
		}
	}
}

// Of few rows, Response.most must be the gain of the best way to part them.
func TestMostIsTheBestWayToPartRows(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for n := 2; n <= listed; n++ {
		c := &Response{}
		rows := make([]int32, n)
		for i := range rows {
			rows[i] = int32(i)
			c.Y, c.Weight = append(c.Y, math.Round(4*r.NormFloat64())), append(c.Weight, float64(1+r.IntN(3)))
		}
		c.enter(rows, true)
		want := 0.0
		for ways := 1; ways < 1<<n-1; ways++ {
			var left cell
			for i := range rows {
				if ways>>i&1 == 1 {
					left.y, left.w = left.y+c.y[i], left.w+c.weight[i]
				}
			}
			want = max(want, c.gain(left)-c.sumY*c.sumY/c.sumW)
		}
		if got := c.most(); math.Abs(got-want) > 1e-12*want {
			t.Errorf("%d rows: got %v, want %v", n, got, want)
		}
	}
}

// A row may weigh so little that the others weigh as much as all do. What it would
// leave of a side is 0/0, which is no gain.
func TestRowsThatWeighNextToNothing(t *testing.T) {
	c := &Response{Y: []float64{1, 2, 3}, Weight: []float64{1, 1, 1e-17}}
	c.enter([]int32{0, 1, 2}, true)
	if got := c.most(); got != 0.5 {
		t.Errorf("most is %v, want 0.5", got)
	}
	// The first feature parts 1 from the others, the second cannot.
	x := [][]float64{{0, 0}, {1, 1}, {2, 0}}
	for _, kinds := range [][]bool{nil, {true, true}} {
		d, err := NewData(x, kinds, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, leaves := Grow(d, []int32{0, 1, 2}, c, Limits{MaxDepth: 1}, nil)
		want := []Leaf{{Node: 1, Rows: []int32{0}}, {Node: 2, Rows: []int32{1, 2}}}
		if !reflect.DeepEqual(leaves, want) {
			t.Errorf("categorical %v: leaves %v, want %v", kinds, leaves, want)
		}
	}
	// Nor is it a gain without end where rounding leaves some of its response.
	c = &Response{Y: []float64{1, 2, 30}, Weight: c.Weight}
	d, err := NewData([][]float64{{0}, {0}, {1}}, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, random := range []bool{false, true} {
		tree, _ := Grow(d, []int32{0, 1, 2}, c, Limits{Random: random}, rand.New(rand.NewPCG(1, 1)))
		if len(tree.Nodes) != 1 {
			t.Errorf("random %v: a split without a gain: %v", random, tree.Nodes)
		}
	}
}

func TestAnyNumberOfThreadsNamesTheFirstBadCell(t *testing.T) {
	x := make([][]float64, 100)
	for i := range x {
		x[i] = []float64{float64(i), float64(i % 3), 1}
	}
	x[70][0] = math.Inf(1)
	x[30][1] = 0.5 // a category, in one block of rows with the next
	x[20][2], x[20][1] = math.Inf(-1), -1
	for _, threads := range []int{-1, 0, 1, 2, 7} {
		_, err := NewData(x, []bool{false, true, false}, threads)
		if err == nil || !strings.Contains(err.Error(), "row 20, feature 1: -1 is not a category") {
			t.Errorf("%d threads: got %v", threads, err)
		}
	}
	x[20][1], x[20][2], x[30][1], x[70][0] = 0, 1, 0, 0
	want, err := NewData(x, []bool{false, true, false}, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{-1, 0} {
		if got, err := NewData(x, []bool{false, true, false}, threads); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d threads: other bins than those of two, or %v", threads, err)
		}
	}
}

func TestLearnsFromMissingValuesAndCategories(t *testing.T) {
	x, class, number := moons(4000, 1)
	testX, testClass, testNumber := moons(2000, 2)
	e, err := Classify(context.Background(), x, class, 2, Config{Categorical: moonKinds, OOB: true, MinLeaf: 5})
	if err != nil {
		t.Fatal(err)
	}
	right := 0.0
	for i, p := range predict(t, e, testX, 1) {
		if (p > 0.5) == (testClass[i] == 1) {
			right++
		}
	}
	// With a tenth of each value missing, about an eighth of the rows cannot be told.
	accuracy := right / float64(len(testX))
	if accuracy < 0.86 || math.Abs(accuracy-e.OOB.Score) > 0.02 {
		t.Errorf("accuracy %.3f, out of bag %.3f", accuracy, e.OOB.Score)
	}
	boosted, err := BoostNumbers(context.Background(), x, number, BoostConfig{Categorical: moonKinds, MaxDepth: 5})
	if err != nil {
		t.Fatal(err)
	}
	if r2 := score.R2(testNumber, predict(t, boosted, testX, 0)); r2 < 0.75 {
		t.Errorf("R² %.3f", r2)
	}
}

// Where an outcome lies is no matter for how it is split.
func TestOutcomesFarFromZero(t *testing.T) {
	x, _, number := moons(800, 1)
	for i, v := range number {
		number[i] = math.Round(256*v) / 256 // exact where 1e10 is added
	}
	for _, c := range []Config{{Method: Single, MinLeaf: 5, Categorical: moonKinds}, {Method: Extra, Trees: 3, Categorical: moonKinds}} {
		near, err := Regress(context.Background(), x, number, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range []float64{1e6, -1e10} {
			far := slices.Clone(number)
			floats.AddConst(by, far)
			e, err := Regress(context.Background(), x, far, c)
			if err != nil {
				t.Fatal(err)
			}
			want := predict(t, near, x, 0)
			floats.AddConst(by, want)
			if got := predict(t, e, x, 0); !floats.EqualApprox(got, want, 1e-5) {
				t.Errorf("%s, outcomes moved by %v: %d leaves, want %d, or answers differ", c.Method, by, e.Trees[0].Leaves(), near.Trees[0].Leaves())
			}
		}
	}
}

// Six patients of many have a disease, and it is all that matters.
func TestRareValuesHaveBins(t *testing.T) {
	const n = 3 * sampled
	r := rand.New(rand.NewPCG(1, 1))
	x, y := make([][]float64, n), make([]float64, n)
	for i := range x {
		x[i] = []float64{0, r.Float64()}
	}
	for k := range 6 {
		i := 1 + k*9_999 // none of them among every third row
		x[i][0], y[i] = 1, 10
	}
	e, err := Regress(context.Background(), x, y, Config{Method: Single})
	if err != nil {
		t.Fatal(err)
	}
	if root := e.Trees[0].Nodes[0]; root.Feature != 0 || root.Threshold != 0.5 || e.Trees[0].Leaves() != 2 {
		t.Errorf("the root is %+v of %d leaves, want the disease and 2", root, e.Trees[0].Leaves())
	}
}

func TestAMissingValueMayBeTheOutcome(t *testing.T) {
	var x [][]float64
	var y []int
	for i := range 40 {
		v := float64(i % 7)
		if i%2 == 0 {
			v = math.NaN()
		}
		x, y = append(x, []float64{v}), append(y, i%2)
	}
	e, err := Classify(context.Background(), x, y, 2, Config{Method: Single})
	if err != nil {
		t.Fatal(err)
	}
	if e.Trees[0].Leaves() != 2 {
		t.Fatalf("got %d leaves, want 2", e.Trees[0].Leaves())
	}
	if p := predict(t, e, [][]float64{{math.NaN()}, {3}, {100}}, 1); !slices.Equal(p, []float64{0, 1, 1}) {
		t.Errorf("got %v, want [0 1 1]", p)
	}
	if _, err := json.Marshal(e); err != nil {
		t.Errorf("the tree cannot be saved: %v", err)
	}
	if rules := e.Trees[0].Rules(Labels{Features: []string{"lactate"}}); !strings.Contains(rules, "if lactate is known") {
		t.Errorf("rules do not say that being measured is what counts:\n%s", rules)
	}
}

// With missing values, a threshold that is drawn is still the one that is judged.
func TestDrawnSplitsKeepTheSizeOfLeaves(t *testing.T) {
	const least = 40
	x, class, number := moons(600, 1)
	y := followup(number)
	f := func(name string, fit func(c Config) (*Ensemble, error)) {
		t.Helper()
		e, err := fit(Config{Method: Extra, Trees: 30, MinLeaf: least, Categorical: moonKinds})
		if err != nil {
			t.Fatal(err)
		}
		for k, tr := range e.Trees {
			held := map[int]int{}
			for _, row := range x {
				held[tr.Leaf(row)]++
			}
			for leaf, n := range held {
				if n < least {
					t.Errorf("%s: tree %d has a leaf %d of %d rows", name, k, leaf, n)
				}
			}
		}
	}
	f("classes", func(c Config) (*Ensemble, error) { return Classify(context.Background(), x, class, 2, c) })
	f("numbers", func(c Config) (*Ensemble, error) { return Regress(context.Background(), x, number, c) })
	f("survival", func(c Config) (*Ensemble, error) {
		s, err := Survive(context.Background(), x, y, c)
		return &s.Ensemble, err
	})
}

func TestUnseenCategoriesGoWithTheMissing(t *testing.T) {
	x, class, _ := moons(500, 1)
	e, err := Classify(context.Background(), x, class, 2, Config{Trees: 20, Categorical: moonKinds})
	if err != nil {
		t.Fatal(err)
	}
	f := func(code float64) []float64 {
		return predict(t, e, [][]float64{{0.3, 0.2, code, 0}, {-1, 1, code, 1}}, 1)
	}
	want := f(math.NaN())
	for _, code := range []float64{77, 254, 255, -1, 2.5, 1e9} {
		if got := f(code); !slices.Equal(got, want) {
			t.Errorf("category %v: got %v, missing %v", code, got, want)
		}
	}
}

// The log-rank statistic by its definition, for every split of a feature.
func TestHazardScanIsTheLogRankTest(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for trial := range 30 {
		n := 5 + r.IntN(40)
		h := &Hazard{Times: []float64{0}}
		bin, rows := make([]uint8, n), make([]int32, n)
		for i := range n {
			h.Time, h.Event = append(h.Time, float64(r.IntN(10))), append(h.Event, r.IntN(3) > 0)
			h.Weight = append(h.Weight, float64(1+r.IntN(3)))
			bin[i], rows[i] = uint8(r.IntN(5)), int32(i)
		}
		h.Order(rows)
		h.enter(rows, true)
		s := h.scanner()
		codes := make([]uint8, n)
		for k, row := range rows {
			codes[k] = bin[row]
		}
		s.load(codes)
		for k := 1; k < 5; k++ {
			var observed, expected, variance float64
			for _, at := range slices.Compact(sortedCopy(h.Time)) {
				var d, y, dLeft, yLeft float64
				for i := range n {
					if h.Time[i] < at {
						continue
					}
					died := h.Time[i] == at && h.Event[i]
					y += h.Weight[i]
					if died {
						d += h.Weight[i]
					}
					if int(bin[i]) < k {
						yLeft += h.Weight[i]
						if died {
							dLeft += h.Weight[i]
						}
					}
				}
				observed += dLeft
				expected += yLeft * d / y
				if y > 1 {
					variance += d * (y - d) * yLeft * (y - yLeft) / (y * y * (y - 1))
				}
			}
			want := (observed - expected) * (observed - expected) / variance
			at, got := s.scan([]uint8{0, 1, 2, 3, 4}, false, k, k+1, 0)
			if at != k && want > 1e-6 && variance > 1e-6 {
				t.Fatalf("trial %d: no split at %d though the statistic is %v", trial, k, want)
			}
			if at == k && math.Abs(got-want) > 1e-8*max(1, want) {
				t.Fatalf("trial %d, split %d: got %v, want %v", trial, k, got, want)
			}
		}
	}
}

func sortedCopy(x []float64) []float64 {
	x = slices.Clone(x)
	slices.Sort(x)
	return x
}

func TestSurvivalCurves(t *testing.T) {
	x, _, number := moons(600, 1)
	y := followup(number)
	f, err := Survive(context.Background(), x, y, Config{Trees: 30, OOB: true})
	if err != nil {
		t.Fatal(err)
	}
	if f.OOB.Score < 0.65 {
		t.Errorf("out-of-bag concordance %.3f", f.OOB.Score)
	}
	survival, err := f.Survival(x[:20])
	if err != nil {
		t.Fatal(err)
	}
	hazard, err := f.Hazard(x[:20])
	if err != nil {
		t.Fatal(err)
	}
	risk := predict(t, &f.Ensemble, x[:20], 0)
	for i := range survival {
		var sum float64
		for k := range f.Times {
			sum += hazard[i][k]
			if k > 0 && (survival[i][k] > survival[i][k-1] || hazard[i][k] < hazard[i][k-1]) {
				t.Fatalf("row %d: curves turn back at time %v", i, f.Times[k])
			}
		}
		if math.Abs(sum-risk[i]) > 1e-9*sum {
			t.Errorf("row %d: the risk is %v, the hazards sum to %v", i, risk[i], sum)
		}
		if s := survival[i][len(f.Times)-1]; s < 0 || survival[i][0] > 1 {
			t.Errorf("row %d: survival from %v to %v", i, survival[i][0], s)
		}
	}
	// A tree that never splits is the Nelson-Aalen estimate of all rows.
	stump, err := Survive(context.Background(), x, y, Config{Method: Single, MinLeaf: 600})
	if err != nil {
		t.Fatal(err)
	}
	all, err := stump.Hazard(x[:1])
	if err != nil {
		t.Fatal(err)
	}
	var want float64
	for k, at := range stump.Times {
		var died, atRisk float64
		for i, t := range y.Time {
			if t >= at {
				atRisk++
			}
			if t == at && y.Event[i] {
				died++
			}
		}
		want += died / atRisk
		if math.Abs(all[0][k]-want) > 1e-12 {
			t.Fatalf("at %v: got %v, want %v", at, all[0][k], want)
		}
	}
	if got := stump.At(all[0], []float64{-1, stump.Times[1], stump.Times[1] + 0.5}, 0); got[0] != 0 || got[1] != all[0][1] || got[2] != all[0][1] {
		t.Errorf("At: got %v", got)
	}
}

// Whatever rows weigh, hazards are finite and a forest can be saved.
func TestHazardsOfUnevenWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x, _, number := moons(300, 1)
	y, weight := followup(number), make([]float64, len(x))
	for i := range weight {
		weight[i] = math.Exp(10 * r.NormFloat64())
	}
	for _, m := range []Method{Forest, Extra, Single} {
		f, err := Survive(context.Background(), x, y, Config{Method: m, Trees: 10, Weight: weight, MinLeaf: 3})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(f); err != nil {
			t.Errorf("%s: %v", m, err)
		}
		hazard, err := f.Hazard(x)
		if err != nil {
			t.Fatal(err)
		}
		for i, risk := range predict(t, &f.Ensemble, x, 0) {
			if sum := floats.Sum(hazard[i]); math.Abs(sum-risk) > 1e-9*risk {
				t.Fatalf("%s, row %d: the risk is %v, the hazards sum to %v", m, i, risk, sum)
			}
		}
	}
}

// treatment is a causal tree's use of the hooks: pseudo-outcomes of each node, both
// arms on both sides.
func TestHooksFindWhereTheEffectChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	n := 2000
	x, y, treated := make([][]float64, n), make([]float64, n), make([]float64, n)
	rows := make([]int32, n)
	for i := range n {
		x[i] = []float64{r.Float64(), r.Float64()}
		treated[i] = float64(r.IntN(2))
		y[i] = 5 * x[i][1] // prognostic, and no reason to split
		if x[i][0] > 0.6 {
			y[i] += 3 * treated[i]
		}
		rows[i] = int32(i)
	}
	d, err := NewData(x, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := &Response{Y: y, Mass: treated, MinMass: 50, Relabel: func(rows []int32, out []float64) {
		var w, m float64
		for _, i := range rows {
			w += treated[i] / float64(len(rows))
			m += y[i] / float64(len(rows))
		}
		var cov, spread float64
		for _, i := range rows {
			cov += (treated[i] - w) * (y[i] - m)
			spread += (treated[i] - w) * (treated[i] - w)
		}
		for k, i := range rows {
			out[k] = (treated[i] - w) * (y[i] - m - cov/spread*(treated[i]-w))
		}
	}}
	tree, leaves := Grow(d, rows, c, Limits{MaxDepth: 1}, nil)
	root := tree.Nodes[0]
	if root.Feature != 0 || math.Abs(root.Threshold-0.6) > 0.02 {
		t.Fatalf("split on feature %d at %v, want feature 0 at 0.6", root.Feature, root.Threshold)
	}
	for _, leaf := range leaves {
		var arms [2]int
		for _, i := range leaf.Rows {
			arms[int(treated[i])]++
			if tree.Leaf(x[i]) != leaf.Node {
				t.Fatalf("row %d fell into leaf %d, and answers from %d", i, leaf.Node, tree.Leaf(x[i]))
			}
		}
		if min(arms[0], arms[1]) < 50 {
			t.Errorf("a leaf has arms of %v", arms)
		}
	}
}

// brute returns Shapley values of a game over features by their definition.
func brute(features int, game func(known []bool) float64) []float64 {
	phi := make([]float64, features)
	factorial := func(n int) float64 { return math.Gamma(float64(n) + 1) }
	for set := range 1 << features {
		known := make([]bool, features)
		size := 0
		for j := range known {
			if known[j] = set>>j&1 == 1; known[j] {
				size++
			}
		}
		for j := range known {
			if known[j] {
				continue
			}
			without := game(known)
			known[j] = true
			phi[j] += factorial(size) * factorial(features-size-1) / factorial(features) * (game(known) - without)
			known[j] = false
		}
	}
	return phi
}

func TestSHAPIsShapley(t *testing.T) {
	x, class, number := moons(300, 1)
	forest, err := Classify(context.Background(), x, class, 2, Config{Trees: 5, Categorical: moonKinds})
	if err != nil {
		t.Fatal(err)
	}
	boosted, err := BoostNumbers(context.Background(), x, number, BoostConfig{Rounds: 5, MaxDepth: 4, Categorical: moonKinds})
	if err != nil {
		t.Fatal(err)
	}
	background := x[100:110]
	for name, e := range map[string]*Ensemble{"forest": forest, "boosted": boosted} {
		// conditional is a tree's value when only some features of the row are known.
		var conditional func(tr *Tree, i int32, row []float64, known []bool, k int) float64
		conditional = func(tr *Tree, i int32, row []float64, known []bool, k int) float64 {
			n := &tr.Nodes[i]
			if n.Leaf() {
				return tr.Value(int(i))[k]
			}
			if known[n.Feature] {
				if tr.goesLeft(n, row[n.Feature]) {
					return conditional(tr, i+1, row, known, k)
				}
				return conditional(tr, n.Right, row, known, k)
			}
			l, r := tr.Nodes[i+1].Cover, tr.Nodes[n.Right].Cover
			return (l*conditional(tr, i+1, row, known, k) + r*conditional(tr, n.Right, row, known, k)) / (l + r)
		}
		scale := 1.0
		if e.Mean {
			scale = 1 / float64(len(e.Trees))
		}
		for _, row := range x[:5] {
			phi, base, err := e.SHAP(row)
			if err != nil {
				t.Fatal(err)
			}
			against, mean, err := e.SHAPAgainst(row, background)
			if err != nil {
				t.Fatal(err)
			}
			raw := e.Raw(row)
			for k := range e.Outputs {
				for _, way := range []struct {
					phi  []float64
					base float64
					want []float64
				}{
					{phi[k], base[k], brute(4, func(known []bool) (v float64) {
						for _, tr := range e.Trees {
							v += scale * conditional(tr, 0, row, known, k)
						}
						return v
					})},
					{against[k], mean[k], brute(4, func(known []bool) (v float64) {
						for _, z := range background {
							mixed := slices.Clone(z)
							for j := range known {
								if known[j] {
									mixed[j] = row[j]
								}
							}
							v += e.Raw(mixed)[k] / float64(len(background))
						}
						return v
					})},
				} {
					sum := way.base
					for j, v := range way.phi {
						sum += v
						if math.Abs(v-way.want[j]) > 1e-10 {
							t.Fatalf("%s, feature %d: got %v, want %v", name, j, v, way.want[j])
						}
					}
					if math.Abs(sum-raw[k]) > 1e-10 {
						t.Fatalf("%s: base and values add up to %v, the answer is %v", name, sum, raw[k])
					}
				}
			}
		}
	}
}

func TestBoostingStopsWhereValidationIsBest(t *testing.T) {
	x, class, _ := moons(800, 1)
	validX, validClass, _ := moons(400, 2)
	positive := make([]bool, len(validClass))
	for i, k := range validClass {
		positive[i] = k == 1
	}
	var losses []float64
	e, err := BoostClasses(context.Background(), x, class, 2, BoostConfig{
		Rounds: 300, MaxDepth: 6, Rate: 0.3, Patience: 5, ValidX: validX,
		Valid: func(answer [][]float64) float64 {
			p := make([]float64, len(answer))
			for i, a := range answer {
				p[i] = a[1]
			}
			losses = append(losses, score.LogLoss(positive, p))
			return losses[len(losses)-1]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	best := slices.Index(losses, slices.Min(losses)) + 1
	if len(e.Trees) != best || len(losses) != best+5 {
		t.Errorf("kept %d rounds of %d, the best was %d", len(e.Trees), len(losses), best)
	}
	if got := score.LogLoss(positive, predict(t, e, validX, 1)); math.Abs(got-slices.Min(losses)) > 1e-12 {
		t.Errorf("the ensemble kept has a loss of %v, the best was %v", got, slices.Min(losses))
	}
}

func TestManyClasses(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var x [][]float64
	var y []int
	for range 900 {
		k := r.IntN(3)
		x = append(x, []float64{float64(k) + 0.3*r.NormFloat64(), float64(k*k%3) + 0.3*r.NormFloat64()})
		y = append(y, k)
	}
	forest, err := Classify(context.Background(), x[:600], y[:600], 3, Config{Trees: 20})
	if err != nil {
		t.Fatal(err)
	}
	boosted, err := BoostClasses(context.Background(), x[:600], y[:600], 3, BoostConfig{Rounds: 30})
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]*Ensemble{"forest": forest, "boosted": boosted} {
		answers, err := e.Predict(x[600:])
		if err != nil {
			t.Fatal(err)
		}
		right := 0
		for i, p := range answers {
			if math.Abs(p[0]+p[1]+p[2]-1) > 1e-9 {
				t.Fatalf("%s: probabilities %v", name, p)
			}
			if floats.MaxIdx(p) == y[600+i] {
				right++
			}
		}
		if right < 280 {
			t.Errorf("%s: %d of 300 right", name, right)
		}
	}
}

// Trees were once saved with the left child and the gain of every split.
func TestTreesWithMoreFieldsAreRead(t *testing.T) {
	var tr Tree
	err := json.Unmarshal([]byte(`{"nodes": [
		{"feature": 0, "left": 1, "right": 2, "threshold": 1.5, "cover": 4, "impurity": 0.5, "gain": 2},
		{"feature": -1, "cover": 2, "impurity": 0}, {"feature": -1, "cover": 2, "impurity": 0}
	], "width": 1, "values": [0.5, 0, 1], "output": 0}`), &tr)
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[float64]float64{1: 0, 2: 1} {
		if got := tr.Value(tr.Leaf([]float64{x})); got[0] != want {
			t.Errorf("row %v: got %v, want %v", x, got[0], want)
		}
	}
}

func TestRowsFallTogetherAsAlone(t *testing.T) {
	x, class, _ := moons(500, 1)
	e, err := Classify(context.Background(), x, class, 2, Config{Trees: 5, Categorical: moonKinds})
	if err != nil {
		t.Fatal(err)
	}
	test, _, _ := moons(203, 2) // not a multiple of the rows that fall together
	leaves := make([]int32, len(test))
	for k, tr := range e.Trees {
		tr.fall(test, leaves)
		for i, leaf := range leaves {
			if want := tr.Leaf(test[i]); int(leaf) != want {
				t.Fatalf("tree %d, row %d: fell into leaf %d, want %d", k, i, leaf, want)
			}
		}
	}
}

func TestSavedEnsemblesAnswerAlike(t *testing.T) {
	x, _, number := moons(300, 1)
	f, err := Survive(context.Background(), x, followup(number), Config{Trees: 5, Categorical: moonKinds})
	if err != nil {
		t.Fatal(err)
	}
	var viaGob, viaJSON SurvivalForest
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(f); err != nil {
		t.Fatal(err)
	}
	if err := gob.NewDecoder(&b).Decode(&viaGob); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &viaJSON); err != nil {
		t.Fatal(err)
	}
	want, _ := f.Survival(x)
	for name, g := range map[string]*SurvivalForest{"gob": &viaGob, "JSON": &viaJSON} {
		if got, err := g.Survival(x); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: curves differ (%v)", name, err)
		}
		if !slices.Equal(predict(t, &g.Ensemble, x, 0), predict(t, &f.Ensemble, x, 0)) {
			t.Errorf("%s: risks differ", name)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	ctx := context.Background()
	one := [][]float64{{1}, {2}}
	f := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	classify := func(x [][]float64, y []int, c Config) error { _, err := Classify(ctx, x, y, 2, c); return err }
	f(classify(nil, nil, Config{}), "no rows")
	f(classify(one, []int{0}, Config{}), "2 rows but 1 outcomes")
	f(classify(one, []int{0, 0}, Config{}), "one class")
	f(classify(one, []int{0, 2}, Config{}), "class 2 is not one of 0 to 1")
	f(classify([][]float64{{1}, {2, 3}}, []int{0, 1}, Config{}), "row 1 has 2 features")
	f(classify([][]float64{{1}, {math.Inf(1)}}, []int{0, 1}, Config{}), "row 1, feature 0: +Inf")
	f(classify([][]float64{{1}, {1.5}}, []int{0, 1}, Config{Categorical: []bool{true}}), "1.5 is not a category code")
	f(classify(one, []int{0, 1}, Config{Categorical: []bool{}}), "0 are said to be categorical")
	f(classify(one, []int{0, 1}, Config{Method: "boosted"}), `no method "boosted"`)
	f(classify(one, []int{0, 1}, Config{Method: Extra, OOB: true}), "out-of-bag")
	f(classify(one, []int{0, 1}, Config{Weight: []float64{1, 0}}), "weight 0 must be positive")
	_, err := Regress(ctx, one, []float64{1, math.NaN()}, Config{})
	f(err, "outcome NaN is not finite")
	_, err = Survive(ctx, one, score.Followup{Time: []float64{1, 2}, Event: []bool{false, false}}, Config{})
	f(err, "no row has the event")
	_, err = Regress(ctx, one, []float64{1, 1e200}, Config{})
	f(err, "1e+200 is too large")
	_, err = BoostNumbers(ctx, one, []float64{1, 2}, BoostConfig{Subsample: 2})
	f(err, "between 0 and 1")
	_, err = BoostNumbers(ctx, one, []float64{1, 2}, BoostConfig{Rate: math.NaN()})
	f(err, "must not be negative")
	_, err = BoostNumbers(ctx, one, []float64{1, 2}, BoostConfig{ValidX: one, Valid: func([][]float64) float64 { return math.NaN() }})
	f(err, "NaN after round 1")
	e, err := Classify(ctx, one, []int{0, 1}, 2, Config{Trees: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Predict([][]float64{{1, 2}})
	f(err, "row 0 has 2 features where the trees were grown on 1")
	_, _, err = e.SHAPAgainst([]float64{1}, nil)
	f(err, "no background")
}

func TestGrowingStops(t *testing.T) {
	x, class, _ := moons(500, 1)
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	_, err := Classify(ctx, x, class, 2, Config{Trees: 1000, Threads: 2, Progress: func(done, planned int) error {
		seen = done
		if done == 3 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || seen > 5 {
		t.Errorf("after cancel: error %v, %d trees", err, seen)
	}
	full := errors.New("the disk is full")
	_, err = BoostClasses(context.Background(), x, class, 2, BoostConfig{Progress: func(done, planned int) error { return full }})
	if !errors.Is(err, full) {
		t.Errorf("a failing observer: error %v", err)
	}
}

func TestBinsKeepOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	f := func(draw func() float64) {
		t.Helper()
		x := make([][]float64, 3000)
		for i := range x {
			x[i] = []float64{draw()}
		}
		d, err := NewData(x, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		c := d.features[0]
		if !slices.IsSorted(c.edge) || len(c.edge) >= maxBins {
			t.Fatalf("%d edges, sorted %v", len(c.edge), slices.IsSorted(c.edge))
		}
		for i, row := range x {
			if want := binOf(c.edge, row[0]); c.bin[i] != want {
				t.Fatalf("%v is in bin %d, want %d", row[0], c.bin[i], want)
			}
		}
	}
	f(r.NormFloat64)
	f(func() float64 { return math.Exp(20 * r.NormFloat64()) })
	f(func() float64 { return float64(r.IntN(3)) })
	f(func() float64 { return 7 })
	f(func() float64 { return math.MaxFloat64 * (2*r.Float64() - 1) })
	f(func() float64 { return math.SmallestNonzeroFloat64 * float64(r.IntN(900)) })
	f(func() float64 { // most rows share a value
		if r.IntN(10) > 0 {
			return 0
		}
		return r.NormFloat64()
	})
}

func TestRulesKeepTheDigitsOfLargeNumbers(t *testing.T) {
	x := [][]float64{{1986, 90_000}, {1987, 120_000}, {1988, 150_001}, {1989, 180_000}}
	f := func(feature int, want string) {
		t.Helper()
		var column [][]float64
		for _, row := range x {
			column = append(column, row[feature:feature+1])
		}
		e, err := Regress(context.Background(), column, []float64{20_000, 20_000, 12_345.5, 12_345.5}, Config{Method: Single, Weight: []float64{1e4, 2345, 1, 1}})
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Trees[0].Rules(Labels{Features: []string{"value"}, Complete: true}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(0, "if value ≤ 1987.5:\n    20000 (12345 rows)\nelse:\n    12345.5 (2 rows)\n")
	f(1, "if value ≤ 135000.5:\n    20000 (12345 rows)\nelse:\n    12345.5 (2 rows)\n")
}

func ExampleClassify() {
	x := [][]float64{{25, 0}, {31, 1}, {48, 0}, {52, 1}, {61, 1}, {70, 1}, {66, 0}, {38, 1}}
	y := []int{0, 0, 0, 1, 1, 1, 0, 0}
	e, err := Classify(context.Background(), x, y, 2, Config{Method: Single, MaxDepth: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(e.Trees[0].Rules(Labels{Features: []string{"age", "smoker"}, Outputs: []string{"well", "ill"}}))
	// Output:
	// if age ≤ 50 or missing:
	//     well 1.00 (4 rows)
	// else:
	//     if smoker ≤ 0.5:
	//         well 1.00 (1 rows)
	//     else:
	//         ill 1.00 (3 rows)
}

func benchmarkRows(n int) (x [][]float64, class []int, number []float64) {
	r := rand.New(rand.NewPCG(1, 1))
	for range n {
		row := make([]float64, 50)
		var v float64
		for j := range row {
			row[j] = r.NormFloat64()
			if j < 20 {
				v += row[j] * row[(j+1)%20]
			}
		}
		k := 0
		if v+r.NormFloat64() > 0 {
			k = 1
		}
		x, class, number = append(x, row), append(class, k), append(number, v)
	}
	return x, class, number
}

func BenchmarkData(b *testing.B) {
	x, _, _ := benchmarkRows(80_000)
	for b.Loop() {
		if _, err := NewData(x, nil, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPredict(b *testing.B) {
	x, class, _ := benchmarkRows(20_000)
	e, err := Classify(context.Background(), x, class, 2, Config{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := e.Predict(x); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFit(b *testing.B) {
	x, class, number := benchmarkRows(80_000)
	ctx := context.Background()
	f := func(name string, fit func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := fit(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f("tree", func() error { _, err := Classify(ctx, x, class, 2, Config{Method: Single}); return err })
	f("tree numbers", func() error { _, err := Regress(ctx, x, number, Config{Method: Single}); return err })
	f("forest100", func() error { _, err := Classify(ctx, x, class, 2, Config{}); return err })
	f("extra100", func() error { _, err := Classify(ctx, x, class, 2, Config{Method: Extra}); return err })
	f("regression20", func() error { _, err := Regress(ctx, x, number, Config{Trees: 20}); return err })
	f("boost100", func() error { _, err := BoostClasses(ctx, x, class, 2, BoostConfig{}); return err })
}

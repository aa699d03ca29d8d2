package tune_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/prognosis/sample"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/tree"
	"github.com/assay-ml/assay/gomlx_models/tune"
)

type config = prognosis.Config

// lambdas is an axis of penalties.
func lambdas(values ...float64) (axis []tune.Choice[config]) {
	for _, v := range values {
		axis = append(axis, tune.Choice[config]{Name: fmt.Sprint("lambda ", v), Set: func(c *config) { c.Linear.Lambda = v }})
	}
	return axis
}

// diabetes is a search on the rows of a table, by R².
func diabetes(t *testing.T) (tune.Search[int, float64, float64, config], models.Dataset[int, float64]) {
	t.Helper()
	frame, err := sample.Diabetes()
	if err != nil {
		t.Fatal(err)
	}
	y, err := frame.Numbers("target")
	if err != nil {
		t.Fatal(err)
	}
	plan := table.ForLinear()
	plan.Drop = []string{"target"}
	d := models.Dataset[int, float64]{Name: "diabetes", Y: y}
	for i := range y {
		d.X = append(d.X, i)
	}
	return tune.Search[int, float64, float64, config]{
		Candidates: tune.Grid(config{Method: prognosis.Linear}, lambdas(0, 0.1, 100), []tune.Choice[config]{
			{Name: "ridge", Set: func(c *config) { c.Linear.L1 = 0 }},
			{Name: "lasso", Set: func(c *config) { c.Linear.L1 = 1 }},
		}),
		New: func(c config) models.Model[int, float64, float64] {
			return prognosis.OnFrame(frame, plan, c, prognosis.NewRegressor)
		},
		Score:  func(answers, observed []float64) (float64, error) { return score.R2(observed, answers), nil },
		Metric: "r2", Seed: 1,
	}, d
}

func TestGridAndRandom(t *testing.T) {
	s, _ := diabetes(t)
	var names []string
	for _, c := range s.Candidates {
		names = append(names, c.Name)
	}
	want := []string{"lambda 0, ridge", "lambda 0, lasso", "lambda 0.1, ridge", "lambda 0.1, lasso", "lambda 100, ridge", "lambda 100, lasso"}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if c := s.Candidates[3].Config.Linear; c != (linear.Config{Lambda: 0.1, L1: 1}) {
		t.Errorf("%s: %+v", names[3], c)
	}
	draw := func(random *rand.Rand) []tune.Choice[config] { return lambdas(random.Float64()) }
	a, b := tune.Random(config{}, 3, 1, draw), tune.Random(config{}, 3, 1, draw)
	if !reflect.DeepEqual(a, b) || a[0].Name == a[1].Name {
		t.Errorf("two draws of seed 1: %v and %v", a, b)
	}
}

func TestBest(t *testing.T) {
	s, d := diabetes(t)
	var mu sync.Mutex
	told := map[string]int{}
	var begun []string
	s.Record = func(ctx context.Context, c tune.Candidate[config], try func(context.Context, ...models.Observer) (models.Report, error)) error {
		mu.Lock()
		begun = append(begun, c.Name)
		mu.Unlock()
		steps := 0
		report, err := try(ctx, observer(func(names []string) error {
			steps++
			if names[0] != "fold_r2" {
				t.Errorf("told of %q", names)
			}
			return nil
		}))
		if m, ok := report.Metric("r2"); err == nil && (!ok || !(m.Low < m.Value && m.Value < m.High)) {
			t.Errorf("%s: report %+v", c.Name, report)
		}
		mu.Lock()
		told[c.Name] = steps
		mu.Unlock()
		return err
	}
	best, results, err := s.Best(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	// At a penalty of 100 the lasso is the mean, and ridge nearly.
	if strings.HasPrefix(best.Name, "lambda 100") || results[0].Mean < 0.45 || results[5].Mean > 0.05 {
		t.Errorf("best is %s of %+v", best.Name, results)
	}
	for i, r := range results {
		if begun[i] != r.Name {
			t.Errorf("run %d is of %s, candidate %d is %s", i, begun[i], i, r.Name)
		}
		if told[r.Name] != 5 || len(r.Scores) != 5 {
			t.Errorf("%s: %d folds told, scores %v", r.Name, told[r.Name], r.Scores)
		}
	}
	s.Threads, s.Record = 1, nil
	_, again, err := s.Best(t.Context(), d)
	if err != nil || !reflect.DeepEqual(results, again) {
		t.Errorf("one thread: %v, %v; many: %v", again, err, results)
	}
	if got := s.Table(results).Rows[0][0]; got != best.Name {
		t.Errorf("the table starts with %s, the best is %s", got, best.Name)
	}
}

func TestCandidatesThatFail(t *testing.T) {
	s, d := diabetes(t)
	s.Candidates = tune.Grid(config{Method: prognosis.Linear}, lambdas(-1, 0))
	best, results, err := s.Best(t.Context(), d)
	if err != nil || best.Name != "lambda 0" || results[0].Err == nil {
		t.Errorf("best %q, %+v, %v", best.Name, results, err)
	}
	if rows := s.Table(results).Rows; rows[1][0] != "lambda -1" || !strings.Contains(rows[1][2], "lambda is -1") {
		t.Errorf("table %q", rows)
	}
	f := func(want string, change func(*tune.Search[int, float64, float64, config])) {
		t.Helper()
		s, d := diabetes(t)
		change(&s)
		if _, _, err := s.Best(t.Context(), d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %q", err, want)
		}
	}
	f("no candidate can be used", func(s *tune.Search[int, float64, float64, config]) {
		s.Candidates = tune.Grid(config{}, lambdas(1))
	})
	f("there are no candidates", func(s *tune.Search[int, float64, float64, config]) { s.Candidates = nil })
	f("did not call try", func(s *tune.Search[int, float64, float64, config]) {
		s.Record = func(context.Context, tune.Candidate[config], func(context.Context, ...models.Observer) (models.Report, error)) error {
			return nil
		}
	})
	f("disk full", func(s *tune.Search[int, float64, float64, config]) {
		s.Record = func(ctx context.Context, _ tune.Candidate[config], try func(context.Context, ...models.Observer) (models.Report, error)) error {
			_, err := try(ctx)
			return errors.Join(err, errors.New("disk full"))
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Best(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// What a run of a candidate meets with ends the search, though the other candidate
// is fine; that the candidate cannot be fitted does not.
func TestRecordsThatFail(t *testing.T) {
	type tried = func(context.Context, ...models.Observer) (models.Report, error)
	full := errors.New("disk full")
	f := func(name string, want error, record func(ctx context.Context, try tried) error) []tune.Result[config] {
		t.Helper()
		s, d := diabetes(t)
		s.Candidates, s.Threads = tune.Grid(config{Method: prognosis.Linear}, lambdas(-1, 0)), -1
		s.Record = func(ctx context.Context, c tune.Candidate[config], try tried) error {
			if c.Name == name {
				return record(ctx, try)
			}
			_, err := try(ctx)
			return err
		}
		_, results, err := s.Best(t.Context(), d)
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
		s.Table(results)
		return results
	}
	const bad, good = "lambda -1", "lambda 0"
	f(bad, nil, func(ctx context.Context, try tried) error {
		_, err := try(ctx)
		return fmt.Errorf("run: %w", errors.Join(err, nil))
	})
	results := f(bad, full, func(ctx context.Context, try tried) error {
		_, err := try(ctx)
		return fmt.Errorf("run: %w", errors.Join(err, full))
	})
	if err := results[0].Err; err == nil || errors.Is(err, full) || results[1].Err != nil {
		t.Errorf("results %+v", results)
	}
	results = f(good, full, func(ctx context.Context, try tried) error {
		_, err := try(ctx, observer(func([]string) error { return full }))
		return err
	})
	if r := results[1]; !errors.Is(r.Err, full) || !math.IsNaN(r.Mean) {
		t.Errorf("after an observer's error: %+v", r)
	}
	// An observer's error is not lost if Record keeps it to itself.
	f(good, full, func(ctx context.Context, try tried) error {
		_, _ = try(ctx, observer(func([]string) error { return full }))
		return nil
	})
	results = f(good, full, func(context.Context, tried) error { return full })
	if r := results[1]; !errors.Is(r.Err, full) || !math.IsNaN(r.Mean) {
		t.Errorf("after a run that did not begin: %+v", r)
	}
	results = f(good, full, func(ctx context.Context, try tried) error {
		_, err := try(ctx)
		return errors.Join(err, full)
	})
	if r := results[1]; r.Err != nil || len(r.Scores) != 5 {
		t.Errorf("after a run that did not end: %+v", r)
	}
}

// A fold that cannot be judged has no score; a mean with it would be none either.
func TestScoresAreNumbers(t *testing.T) {
	s, d := diabetes(t)
	s.Candidates = s.Candidates[:2]
	calls := 0
	s.Threads, s.Folds = 1, 2
	s.Score = func([]float64, []float64) (float64, error) {
		if calls++; calls > 4 { // after two candidates on two folds: the outer fold
			return math.NaN(), nil
		}
		return 1, nil
	}
	if outer, err := s.Nested(t.Context(), d, 2); err == nil || !strings.Contains(err.Error(), "outer fold 1: lambda 0, ridge: the score is not a number") {
		t.Errorf("nested: got %+v, %v", outer, err)
	}
	if _, _, err := s.Best(t.Context(), d); err == nil || !strings.Contains(err.Error(), "fold 1: the score is not a number") {
		t.Errorf("best: got %v", err)
	}
}

func TestIntervalNeedsTwoScores(t *testing.T) {
	for _, scores := range [][]float64{nil, {1}} {
		if low, high := (tune.Result[config]{Scores: scores, Mean: 1}).Interval(); !math.IsNaN(low) || !math.IsNaN(high) {
			t.Errorf("interval of %v: %v to %v", scores, low, high)
		}
	}
	// Of 1 and 3 it is 2 ± t₁(0.975) √2/√2, t₁(0.975) = tan(0.475 π).
	low, high := (tune.Result[config]{Scores: []float64{1, 3}, Mean: 2}).Interval()
	if want := math.Tan(0.475 * math.Pi); math.Abs(2-low-want) > 1e-6 || math.Abs(high-2-want) > 1e-6 {
		t.Errorf("interval of 1 and 3: %v to %v, want 2 ± %v", low, high, want)
	}
}

// Of forests that learn from noise, the best of many looks good on the folds that
// chose it. Nested folds say that it is not.
func TestNestedIsHonest(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var d models.Dataset[prognosis.Row, int]
	for i := range 80 {
		d.X = append(d.X, prognosis.Row{random.NormFloat64(), random.NormFloat64(), random.NormFloat64()})
		d.Y = append(d.Y, i%2)
		d.Group = append(d.Group, fmt.Sprint("patient ", i/2))
	}
	var seeds []tune.Choice[config]
	for seed := range int64(30) {
		seeds = append(seeds, tune.Choice[config]{Name: fmt.Sprint("seed ", seed), Set: func(c *config) { c.Seed = seed }})
	}
	s := tune.Search[prognosis.Row, int, []float64, config]{
		Candidates: tune.Grid(config{Method: prognosis.Extra, Classes: []string{"no", "yes"}, Trees: tree.Config{Trees: 1, MaxDepth: 2}}, seeds),
		New: func(c config) models.Model[prognosis.Row, int, []float64] {
			return prognosis.NewClassifier(c)
		},
		Score: func(answers [][]float64, observed []int) (float64, error) {
			positive, prob := make([]bool, len(observed)), make([]float64, len(observed))
			for i, y := range observed {
				positive[i], prob[i] = y == 1, answers[i][1]
			}
			return score.AUC(positive, prob), nil
		},
		Stratify: func(y int) string { return fmt.Sprint(y) },
		Folds:    4, Seed: 1, Metric: "auc",
	}
	outer, err := s.Nested(t.Context(), d, 5)
	if err != nil {
		t.Fatal(err)
	}
	var inner, honest float64
	of := map[string]int{}
	rows := 0
	for i, o := range outer {
		inner, honest = inner+o.Inner/5, honest+o.Score/5
		if rows += len(o.Rows); len(o.Answers) != len(o.Rows) {
			t.Errorf("fold %d: %d answers to %d rows", i, len(o.Answers), len(o.Rows))
		}
		for _, r := range o.Rows {
			if f, seen := of[d.Group[r]]; seen && f != i {
				t.Errorf("%s is in folds %d and %d", d.Group[r], f, i)
			}
			of[d.Group[r]] = i
		}
	}
	t.Logf("AUC on noise: %.3f where it was chosen, %.3f nested", inner, honest)
	if rows != d.Len() || inner < 0.55 || honest > 0.55 {
		t.Errorf("%d rows; AUC on noise %.3f where it was chosen and %.3f nested: want above and below 0.55", rows, inner, honest)
	}
}

// observer is a models.Observer of names alone.
type observer func(names []string) error

func (o observer) Step(_ int64, names []string, _ []float64) error { return o(names) }

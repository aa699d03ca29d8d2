// Package tune chooses among configurations of a model by cross-validation, and
// says honestly how good the choice is.
//
//	candidates := tune.Grid(prognosis.Config{Method: prognosis.SVM, Classes: classes}, []tune.Choice[prognosis.Config]{
//		{Name: "C = 1", Set: func(c *prognosis.Config) { c.SVM.C = 1 }},
//		{Name: "C = 10", Set: func(c *prognosis.Config) { c.SVM.C = 10 }},
//	})
//	search := tune.Search[prognosis.Row, int, []float64, prognosis.Config]{
//		Candidates: candidates,
//		New:        func(c prognosis.Config) models.Model[prognosis.Row, int, []float64] { return prognosis.NewClassifier(c) },
//		Metric:     "auc",
//		Score:      auc,
//	}
//	best, results, err := search.Best(ctx, train)
//
// The score of the best of many candidates flatters it: chance had a say in which
// one is the best. Nested repeats the whole search on parts of the rows, and
// judges each choice on rows that it has not seen.
//
// Models know nothing of runs: a Search tells of its candidates by Record, which
// a cell makes a run of each with.
package tune

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// Search is what to choose from and by what. X, Y and A are the inputs, outcomes
// and answers of the models; C is their configuration. Candidates, New and Score
// are required.
type Search[X, Y, A, C any] struct {
	Candidates []Candidate[C]
	New        func(C) models.Model[X, Y, A] // a model not yet fitted

	// Score judges the answers to rows held out. The highest is the best: negate a
	// loss. It is called from several goroutines.
	Score  func(answers []A, observed []Y) (float64, error)
	Metric string // what Score is, as metrics are named: "auc"; "" means "score"

	Folds    int            // 0 means 5; rows of one patient (Dataset.Group) are in one fold
	Stratify func(Y) string // of which each fold gets its share, such as the class; nil means nothing
	Seed     int64          // of the folds, which all candidates share
	Threads  int            // candidates tried at once; 0 means as many as there are cores

	// Record, if not nil, is called for each candidate, in their order but several
	// at once, and calls try for its validation: a cell makes a run of it. Observers
	// are told the score of each fold. A candidate that cannot be fitted or judged is not
	// the end of the search, though try returns why and Record may return it too, joined
	// with others or not. An observer's error is, and so is any other of Record's.
	Record func(ctx context.Context, candidate Candidate[C], try func(context.Context, ...models.Observer) (models.Report, error)) error
}

// Result is what the folds say of a candidate.
type Result[C any] struct {
	Candidate[C]
	Scores []float64 // of each fold
	Mean   float64   // NaN if there are no scores
	Err    error     // why there are none: mostly that the candidate cannot be fitted or judged
}

// Interval returns a 95 % interval of the mean by the spread over folds (Student's
// t). Folds share training rows, so that it is rather too narrow. It is NaN of
// fewer than two scores.
func (r Result[C]) Interval() (low, high float64) {
	k := float64(len(r.Scores))
	if k < 2 {
		return math.NaN(), math.NaN()
	}
	half := distuv.StudentsT{Sigma: 1, Nu: k - 1}.Quantile(0.975) * stat.StdDev(r.Scores, nil) / math.Sqrt(k)
	return r.Mean - half, r.Mean + half
}

// Best returns the candidate with the highest mean score over folds of the rows,
// the first of equals, and what was found of all. A candidate that fails is in the
// results with its error; it is an error if all do.
func (s Search[X, Y, A, C]) Best(ctx context.Context, train models.Dataset[X, Y]) (Candidate[C], []Result[C], error) {
	best, results, err := s.best(ctx, train, s.Record)
	if err != nil {
		return best, results, fmt.Errorf("tune: %w", err)
	}
	return best, results, nil
}

// recorder is the type of Search.Record.
type recorder[C any] = func(ctx context.Context, candidate Candidate[C], try func(context.Context, ...models.Observer) (models.Report, error)) error

func (s Search[X, Y, A, C]) best(ctx context.Context, train models.Dataset[X, Y], record recorder[C]) (best Candidate[C], results []Result[C], err error) {
	if len(s.Candidates) == 0 {
		return best, nil, errors.New("there are no candidates")
	}
	folds, err := s.deal(train, s.folds())
	if err != nil {
		return best, nil, err
	}
	threads := s.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	results = make([]Result[C], len(s.Candidates))
	recorded := make([]error, len(s.Candidates))
	busy := make(chan struct{}, threads)
	var all sync.WaitGroup
	for i := range results {
		r := &results[i]
		r.Candidate = s.Candidates[i]
		tried := make(chan struct{})
		begin := sync.OnceFunc(func() { close(tried) })
		try := func(ctx context.Context, watching ...models.Observer) (models.Report, error) {
			begin()
			r.Scores, r.Err = s.validate(ctx, r.Config, train, folds, watching)
			return s.report(r, train)
		}
		busy <- struct{}{}
		all.Go(func() {
			defer func() { begin(); <-busy }()
			if record == nil {
				_, _ = try(ctx) // the result holds its error
				return
			}
			err := record(ctx, r.Candidate, try)
			if err == nil && r.Scores == nil && r.Err == nil {
				err = errors.New("Record did not call try")
			}
			err = besides(err, r.Err)
			if _, ok := errors.AsType[observerError](r.Err); ok {
				err = errors.Join(r.Err, err)
			}
			if err == nil {
				return
			}
			if r.Scores == nil && r.Err == nil {
				r.Mean, r.Err = math.NaN(), err
			}
			recorded[i] = fmt.Errorf("%s: %w", r.Name, err)
		})
		// The next begins when this one has, so that runs begin in the order of the
		// candidates: a rerun knows them by it.
		<-tried
	}
	all.Wait()
	if err := errors.Join(append(recorded, ctx.Err())...); err != nil {
		return best, results, err
	}
	chosen := -1
	for i, r := range results {
		if r.Err == nil && (chosen < 0 || r.Mean > results[chosen].Mean) {
			chosen = i
		}
	}
	if chosen < 0 {
		return best, results, fmt.Errorf("no candidate can be used: %s: %w", results[0].Name, results[0].Err)
	}
	return results[chosen].Candidate, results, nil
}

// observerError is the error of an observer, which is not the candidate's fault.
type observerError struct{ error }

func (e observerError) Unwrap() error { return e.error }

// besides returns what err says besides known: the errors joined with it. It is
// nil if that is nothing.
func besides(err, known error) error {
	if !errors.Is(err, known) {
		return err
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		var rest []error
		for _, part := range e.Unwrap() {
			rest = append(rest, besides(part, known))
		}
		return errors.Join(rest...)
	case interface{ Unwrap() error }:
		if err == known {
			return nil
		}
		return besides(e.Unwrap(), known)
	}
	return nil
}

func (s Search[X, Y, A, C]) folds() int {
	if s.Folds == 0 {
		return 5
	}
	return s.Folds
}

// deal returns k folds of the rows.
func (s Search[X, Y, A, C]) deal(d models.Dataset[X, Y], k int) ([]table.Split, error) {
	o := table.SplitOptions{Group: d.Group, Seed: s.Seed}
	if s.Stratify != nil {
		for _, y := range d.Y {
			o.Stratify = append(o.Stratify, s.Stratify(y))
		}
	}
	return table.KFold(d.Len(), k, o)
}

// validate returns the score of a configuration on each fold.
func (s Search[X, Y, A, C]) validate(ctx context.Context, config C, d models.Dataset[X, Y], folds []table.Split, watching []models.Observer) ([]float64, error) {
	for _, w := range watching {
		if p, ok := w.(models.Planner); ok {
			p.Plan(int64(len(folds)))
		}
	}
	var scores []float64
	for i, fold := range folds {
		_, value, err := s.judge(ctx, config, d.Take(fold.Train), d.Take(fold.Test))
		if err != nil {
			return nil, fmt.Errorf("fold %d: %w", i+1, err)
		}
		scores = append(scores, value)
		for _, w := range watching {
			if err := w.Step(int64(i+1), []string{"fold_" + s.metric()}, []float64{value}); err != nil {
				return nil, observerError{fmt.Errorf("observer of fold %d: %w", i+1, err)}
			}
		}
	}
	return scores, nil
}

// judge fits a configuration and returns its answers to other rows, and their score.
func (s Search[X, Y, A, C]) judge(ctx context.Context, config C, train, test models.Dataset[X, Y]) ([]A, float64, error) {
	m := s.New(config)
	if err := m.Fit(ctx, train); err != nil {
		return nil, 0, err
	}
	answers, err := m.Predict(ctx, test.X)
	if err != nil {
		return nil, 0, err
	}
	value, err := s.Score(answers, test.Y)
	if err == nil && math.IsNaN(value) {
		err = errors.New("the score is not a number: are there too few rows, or none of a class?")
	}
	return answers, value, err
}

// report sums a validation up, and fills in the mean.
func (s Search[X, Y, A, C]) report(r *Result[C], d models.Dataset[X, Y]) (models.Report, error) {
	if r.Err != nil {
		r.Mean = math.NaN()
		return models.Report{}, r.Err
	}
	r.Mean = stat.Mean(r.Scores, nil)
	low, high := r.Interval()
	return models.Report{
		Name: "validation", Rows: d.Len(), Method: fmt.Sprintf("mean of %d folds, interval by their spread", len(r.Scores)),
		Metrics: []models.Metric{{Name: s.metric(), Value: models.Number(r.Mean), Low: models.Number(low), High: models.Number(high)}},
	}, nil
}

func (s Search[X, Y, A, C]) metric() string {
	if s.Metric == "" {
		return "score"
	}
	return s.Metric
}

// Table shows the results of Best, the best first.
func (s Search[X, Y, A, C]) Table(results []Result[C]) models.Table {
	t := models.Table{Kind: "tuning", Title: "Candidates on folds", Columns: []string{"candidate", s.metric(), "95 % interval"}}
	for _, r := range ranked(results) {
		if r.Err != nil {
			t.Rows = append(t.Rows, []string{r.Name, "", r.Err.Error()})
			continue
		}
		low, high := r.Interval()
		t.Rows = append(t.Rows, []string{r.Name, fmt.Sprintf("%.4g", r.Mean), fmt.Sprintf("%.4g – %.4g", low, high)})
	}
	return t
}

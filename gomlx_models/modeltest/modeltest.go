// Package modeltest holds every model to the promises that package models
// makes: Check is called by the test of each.
//
//	modeltest.Check(t, modeltest.Case[imaging.Film, int, []float64]{
//		New:     func(seed int64) models.Model[…] { return imaging.New(imaging.Config{Seed: seed, …}) },
//		Train:   films,
//		Numbers: func(p []float64) []float64 { return p },
//	})
package modeltest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Case is a model to check, on data so small that fitting takes a second or so.
type Case[X, Y, A any] struct {
	New     func(seed int64) models.Model[X, Y, A] // unfitted, and the same but for the seed
	Train   models.Dataset[X, Y]
	Numbers func(A) []float64 // what an answer consists of

	// Steps says that Fit takes steps, of which observers are told and between
	// which it can be stopped. A model without steps need only not start.
	Steps bool
	// Load reads what the model saved, nil if it does not save.
	Load func(io.Reader) (models.Model[X, Y, A], error)
	// BadFit are data sets that Fit must refuse, and BadInput inputs that
	// Predict must refuse, by what is wrong with them.
	BadFit   map[string]models.Dataset[X, Y]
	BadInput map[string]X
	// Tolerance is how far a row alone may be from the row in a batch, for
	// models whose arithmetic is in another order; 0 means bit for bit.
	Tolerance float64
	// NoExplain says that Explain is an error for every input.
	NoExplain bool
}

// Check tests that
//
//   - Predict, Explain and saving before Fit are models.ErrNotFitted;
//   - the same seed gives the same answers, bit for bit, and fitting again
//     forgets the first fit;
//   - a row alone gets the answer that it gets in a batch, no rows no answers;
//   - observers see steps from 1 that never go back, and the plan, keepers the
//     saved model;
//   - a cancelled Fit stops within a step with the context's error, an
//     observer's error stops it and comes back, and neither leaves it fitted;
//   - what was saved predicts the same after loading, and damaged is an error;
//   - bad data and bad inputs are errors of one line each.
func Check[X, Y, A any](t *testing.T, c Case[X, Y, A]) {
	ctx := context.Background()
	fit := func(t *testing.T, seed int64, watching ...models.Observer) models.Model[X, Y, A] {
		t.Helper()
		m := c.New(seed)
		if err := m.Fit(ctx, c.Train, watching...); err != nil {
			t.Fatalf("Fit: %v", err)
		}
		return m
	}
	answers := func(t *testing.T, m models.Model[X, Y, A], xs []X) [][]float64 {
		t.Helper()
		as, err := m.Predict(ctx, xs)
		if err != nil {
			t.Fatalf("Predict: %v", err)
		}
		if len(as) != len(xs) {
			t.Fatalf("Predict gave %d answers for %d inputs", len(as), len(xs))
		}
		rows := make([][]float64, len(as))
		for i, a := range as {
			rows[i] = c.Numbers(a)
			for _, v := range rows[i] {
				if math.IsNaN(v) {
					t.Fatalf("the answer for row %d has NaN: %v", i, rows[i])
				}
			}
		}
		return rows
	}
	same := func(t *testing.T, what string, got, want [][]float64, tolerance float64) {
		t.Helper()
		for i := range want {
			for j := range want[i] {
				if len(got[i]) != len(want[i]) || got[i][j] != want[i][j] && !(math.Abs(got[i][j]-want[i][j]) <= tolerance) {
					t.Fatalf("%s: row %d: got %v, want %v", what, i, got[i], want[i])
				}
			}
		}
	}

	var watched watcher
	fitted := fit(t, 1, &watched)
	want := answers(t, fitted, c.Train.X)

	t.Run("unfitted", func(t *testing.T) {
		m := c.New(1)
		if _, err := m.Predict(ctx, c.Train.X); !errors.Is(err, models.ErrNotFitted) {
			t.Errorf("Predict: got error %v", err)
		}
		if _, err := m.Explain(ctx, c.Train.X[0]); !errors.Is(err, models.ErrNotFitted) {
			t.Errorf("Explain: got error %v", err)
		}
		if s, ok := m.(saver); ok {
			if err := s.Save(io.Discard); !errors.Is(err, models.ErrNotFitted) {
				t.Errorf("Save: got error %v", err)
			}
		}
	})

	t.Run("same seed", func(t *testing.T) {
		again := fit(t, 1)
		same(t, "the same seed", answers(t, again, c.Train.X), want, 0)
		if err := again.Fit(ctx, c.Train); err != nil {
			t.Fatal(err)
		}
		same(t, "fitted twice", answers(t, again, c.Train.X), want, 0)
	})

	t.Run("a batch equals its rows", func(t *testing.T) {
		for i := range min(5, c.Train.Len()) {
			same(t, "alone", answers(t, fitted, c.Train.X[i:i+1]), want[i:i+1], c.Tolerance)
		}
		if got := answers(t, fitted, nil); len(got) != 0 {
			t.Errorf("no inputs: got %d answers", len(got))
		}
	})

	t.Run("explain", func(t *testing.T) {
		explanation, err := fitted.Explain(ctx, c.Train.X[0])
		if c.NoExplain {
			sentence(t, "Explain", err)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		size := 1
		for _, n := range explanation.Shape {
			size *= n
		}
		for i, v := range explanation.Values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("value %d of the explanation is %v", i, v)
			}
		}
		if explanation.Method == "" || len(explanation.Values) != size || explanation.Names != nil && len(explanation.Names) != size {
			t.Errorf("method %q, %d values of shape %d, %d names", explanation.Method, len(explanation.Values), explanation.Shape, len(explanation.Names))
		}
	})

	t.Run("observers", func(t *testing.T) {
		if !c.Steps {
			t.Skip("this model takes no steps")
		}
		if watched.planned < watched.last || watched.last == 0 {
			t.Errorf("planned %d steps, took %d", watched.planned, watched.last)
		}
		if watched.backward {
			t.Errorf("steps went backward, or did not start at 1")
		}
		w := watcher{failAt: 2}
		m := c.New(1)
		if err := m.Fit(ctx, c.Train, &w); !errors.Is(err, errWatcher) {
			t.Errorf("observer failed: got error %v", err)
		}
		if w.last > 2 {
			t.Errorf("observer failed at step 2, saw step %d", w.last)
		}
		if _, err := m.Predict(ctx, c.Train.X); !errors.Is(err, models.ErrNotFitted) {
			t.Errorf("Predict after an observer failed: got error %v", err)
		}
	})

	t.Run("cancel", func(t *testing.T) {
		stopped, cancel := context.WithCancel(ctx)
		w := watcher{cancel: cancel, cancelAt: 2}
		if !c.Steps {
			cancel()
		}
		m := c.New(1)
		if err := m.Fit(stopped, c.Train, &w); !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v", err)
		}
		if w.last > 3 {
			t.Errorf("cancelled at step 2, went on to step %d", w.last)
		}
		if _, err := m.Predict(ctx, c.Train.X); !errors.Is(err, models.ErrNotFitted) {
			t.Errorf("Predict after a cancelled Fit: got error %v", err)
		}
		cancel()
		if _, err := fitted.Predict(stopped, c.Train.X); !errors.Is(err, context.Canceled) {
			t.Errorf("Predict: got error %v", err)
		}
	})

	t.Run("save and load", func(t *testing.T) {
		if c.Load == nil {
			t.Skip("this model does not save")
		}
		var saved bytes.Buffer
		if err := fitted.(saver).Save(&saved); err != nil {
			t.Fatal(err)
		}
		m, err := c.Load(bytes.NewReader(saved.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "loaded", answers(t, m, c.Train.X), want, 0)
		if watched.kept == nil {
			t.Error("Fit gave its observer no artifact")
		} else if m, err := c.Load(bytes.NewReader(watched.kept)); err != nil {
			t.Errorf("the artifact does not load: %v", err)
		} else {
			same(t, "loaded from the artifact", answers(t, m, c.Train.X), want, 0)
		}
		half := saved.Bytes()[:saved.Len()/2]
		_, err = c.Load(bytes.NewReader(half))
		sentence(t, "half a file", err)
		_, err = c.Load(strings.NewReader("what is this"))
		sentence(t, "another file", err)
	})

	t.Run("errors", func(t *testing.T) {
		sentence(t, "no rows", c.New(1).Fit(ctx, models.Dataset[X, Y]{}))
		short := c.Train
		short.Y = short.Y[:len(short.Y)-1]
		sentence(t, "a missing outcome", c.New(1).Fit(ctx, short))
		for what, set := range c.BadFit {
			sentence(t, what, c.New(1).Fit(ctx, set))
		}
		for what, x := range c.BadInput {
			_, err := fitted.Predict(ctx, []X{x})
			sentence(t, what, err)
		}
	})
}

type saver interface{ Save(io.Writer) error }

// sentence checks that err is something to read, not a stack.
func sentence(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	if text := err.Error(); strings.ContainsAny(text, "\n\t") || len(text) > 400 || strings.Contains(text, "runtime error") || strings.Contains(text, ".go:") {
		t.Errorf("%s: the error is not a sentence: %s", what, text)
	}
}

// watcher observes as a run does.
type watcher struct {
	planned, last    int64
	backward         bool
	kept             []byte
	cancel           context.CancelFunc
	cancelAt, failAt int64
}

var errWatcher = errors.New("the watcher's disk is full")

func (w *watcher) Plan(steps int64) { w.planned = steps }

func (w *watcher) Step(step int64, names []string, values []float64) error {
	if step < w.last || w.last == 0 && step != 1 || len(names) != len(values) {
		w.backward = true
	}
	w.last = step
	if w.cancel != nil && step == w.cancelAt {
		w.cancel()
	}
	if step == w.failAt {
		return errWatcher
	}
	return nil
}

func (w *watcher) Artifact(_ string, content []byte) error {
	w.kept = content
	return nil
}

// Package models is the vocabulary that the four medical tasks share: what a
// model does, what watches it train, and what judging it says.
//
// It imports neither GoMLX nor the tracker, so that a cell, a chart or a page
// can speak of models without linking XLA. The models themselves are in the
// packages below it: imaging, text, prognosis, treatment.
//
//	model := imaging.New(imaging.Config{Classes: []string{"normal", "pneumonia"}})
//	err := model.Fit(ctx, data.Train, run)            // run is an Observer
//	probs, err := model.Predict(ctx, data.Test.X)
//	report, err := imaging.Evaluate(probs, data.Test) // a Report, whatever made probs
package models

import (
	"context"
	"errors"

	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

// ErrNotFitted is returned by Predict, Explain and Save of a model that has
// seen no data yet.
var ErrNotFitted = errors.New("the model is not fitted: call Fit or Load first")

// Observer is told of each training step. names and values have one length,
// and are valid during the call only. An error stops the training.
type Observer interface {
	Step(step int64, names []string, values []float64) error
}

// Planner is an Observer that also wants to know how long training will be,
// for a progress bar. Fit calls Plan before the first step and again when the
// plan changes (early stopping does not change it).
type Planner interface {
	Plan(steps int64)
}

// Keeper is an Observer that also keeps files, such as the checkpoint that Fit
// leaves when it ends.
type Keeper interface {
	Artifact(name string, content []byte) error
}

// Resumer is an Observer that also keeps the state of a training, so that one
// that was cut off can go on in another process.
type Resumer interface {
	// Resume is called once by each training, before its first step. state is
	// what the same training kept last in the process that was cut off, nil if it
	// is to start afresh. keep keeps its state from now on, in place of the last; nil
	// keeps nothing.
	Resume() (state []byte, keep func(state []byte) error, err error)
}

// Dataset is rows with their observed outcomes, and whose rows they are.
type Dataset[X, Y any] struct {
	Name  string   // "train", "validation", "test"
	X     []X      // inputs
	Y     []Y      // observed outcomes, one an input
	Group []string // patient of each row; nil means that every row is another patient
}

// Len returns the number of rows.
func (d Dataset[X, Y]) Len() int { return len(d.X) }

// Take returns the set of some of the rows, in their order.
func (d Dataset[X, Y]) Take(rows []int) Dataset[X, Y] {
	return Dataset[X, Y]{Name: d.Name, X: pick.Rows(d.X, rows), Y: pick.Rows(d.Y, rows), Group: pick.Rows(d.Group, rows)}
}

// File is a file that data was read from.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // of the content, lower-case hex
}

// DataUse says which data a program read: one split of a data set. It is what
// a run records, so that a rerun can check that it reads the same.
type DataUse struct {
	Name  string `json:"name"`
	Split string `json:"split"` // "train", "validation", "test"; "" if there is none
	Rows  int    `json:"rows"`
	Files []File `json:"files"` // nil for data that was generated
}

// Model is what the four tasks have in common. X is an input (an image, a
// text, a row), Y an observed outcome, A an answer (class probabilities, a
// survival curve, the outcome under each arm).
//
// Constructors take hyper-parameters and do no work. Fit forgets earlier fits,
// stops within a step when ctx is done, and tells the watching observers of
// every step. Predict gives the same answer for a row alone and in a batch.
type Model[X, Y, A any] interface {
	Fit(ctx context.Context, train Dataset[X, Y], watching ...Observer) error
	Predict(ctx context.Context, xs []X) ([]A, error)
	Explain(ctx context.Context, x X) (Explanation, error)
}

// Explanation says which parts of one input an answer rests on.
type Explanation struct {
	Method string    `json:"method"`           // "grad-cam", "integrated gradients", "tree shap"
	Answer string    `json:"answer,omitempty"` // the class or quantity explained
	Names  []string  `json:"names,omitempty"`  // of features or tokens; nil for pixels
	Values []float64 `json:"values"`           // one weight a feature, token or pixel, row by row
	Shape  []int     `json:"shape"`            // of Values: [features], [tokens] or [height, width]
	Base   float64   `json:"base"`             // the answer at the baseline, for methods that add up to the answer
	Total  float64   `json:"total,omitempty"`  // the answer itself, for methods that add up to it but for an error
}

// Gap returns by how much Base and Values miss Total: the numerical error of a
// method that should add up to the answer.
func (e Explanation) Gap() float64 {
	sum := e.Base
	for _, v := range e.Values {
		sum += v
	}
	return sum - e.Total
}

// Branch is a decision tree as a picture: a node with what it asks, what it
// answers and how many rows it holds. It nests, as tree charts want it.
type Branch struct {
	Ask      string    `json:"ask,omitempty"` // "age ≤ 50"; empty in a leaf
	Answer   string    `json:"answer"`        // "malignant 0.93", "12.4"
	Value    []float64 `json:"value"`
	Cover    float64   `json:"cover"`              // weight of the training rows
	Share    float64   `json:"share"`              // of the training rows
	Children []*Branch `json:"children,omitempty"` // yes, no
}

// Package svm holds support vector machines: classification and regression with
// linear, polynomial and radial kernels, class weights and probabilities.
//
// The dual is solved by sequential minimal optimisation with a second-order
// choice of pairs, shrinking and a cache of kernel rows, to the same optimum as
// libsvm's. It is plain Go, and knows nothing of tables. Scale columns first: a
// kernel takes them as they come.
//
//	machine, err := svm.FitClassifier(ctx, x, class, 2, svm.Config{C: 1}, nil)
//	prob := machine.Predict(x)
package svm

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/assay-ml/assay/gomlx_models/linear"
)

// Config describes a machine. The zero value is scikit-learn's default: a radial
// kernel whose gamma suits the spread of the data, and C = 1.
type Config struct {
	Kernel      Kernel    `json:"kernel"`
	C           float64   `json:"c,omitempty"`            // price of an error; 0 means 1
	Epsilon     float64   `json:"epsilon,omitempty"`      // regression: errors up to this are free; 0 means 0.1
	ClassWeight []float64 `json:"class_weight,omitempty"` // classification: multiplies C for each class; nil means 1
	Tolerance   float64   `json:"tolerance,omitempty"`    // of the optimality conditions; 0 means 1e-3
	CacheMiB    int       `json:"cache_mib,omitempty"`    // memory for kernel rows; 0 means 100
	Folds       int       `json:"folds,omitempty"`        // classification: folds that the probabilities are fitted across; 0 means 5, -1 none: quick, and too sure of itself
	Seed        int64     `json:"seed,omitempty"`         // of the folds

	// Group says whose row each is: rows of one patient are in one fold, so that no
	// machine has seen the patients whose decision values it gives. nil means that
	// every row is of another patient.
	Group []string `json:"-"`
}

// Watch is told, now and then, how many steps the solver has made and how far
// from optimal it is. An error stops it. A nil Watch hears nothing.
type Watch func(step int, gap float64) error

func (c Config) withDefaults() Config {
	for value, standard := range map[*float64]float64{&c.C: 1, &c.Epsilon: 0.1, &c.Tolerance: 1e-3} {
		if *value == 0 {
			*value = standard
		}
	}
	if c.CacheMiB == 0 {
		c.CacheMiB = 100
	}
	if c.Folds == 0 {
		c.Folds = 5
	}
	return c
}

// check refuses what cannot be fitted, and settles the kernel for x.
func (c Config) check(x *mat.Dense, outcomes int) (Config, error) {
	c = c.withDefaults()
	n, _ := x.Dims()
	if n != outcomes {
		return c, fmt.Errorf("%d rows and %d outcomes: every row needs one", n, outcomes)
	}
	for what, v := range map[string]float64{"c": c.C, "tolerance": c.Tolerance, "epsilon": c.Epsilon} {
		if !(v > 0) || math.IsInf(v, 0) {
			return c, fmt.Errorf("%s is %v: it must be a positive number", what, v)
		}
	}
	for k, w := range c.ClassWeight {
		if !(w > 0) || math.IsInf(w, 0) {
			return c, fmt.Errorf("the weight of class %d is %v: it must be a positive number", k, w)
		}
	}
	if c.Group != nil && len(c.Group) != n {
		return c, fmt.Errorf("%d rows and %d patients: every row needs one, or none has", n, len(c.Group))
	}
	if c.Folds < 2 && c.Folds != -1 || c.CacheMiB < 1 {
		return c, fmt.Errorf("%d folds and a cache of %d MiB: there must be at least 2 folds (or -1) and 1 MiB", c.Folds, c.CacheMiB)
	}
	if err := linear.CheckRows(x); err != nil {
		return c, err
	}
	var err error
	c.Kernel, err = c.Kernel.settle(x)
	return c, err
}

// Kernel says how alike two rows are.
//
//	linear      x·z
//	polynomial  (Gamma x·z + Coef0)^Degree
//	radial      exp(−Gamma |x − z|²)
type Kernel struct {
	Kind   string  `json:"kind,omitempty"`   // "radial", "linear" or "polynomial"; "" means radial
	Gamma  float64 `json:"gamma,omitempty"`  // 0 means 1/(columns × variance of all values)
	Degree int     `json:"degree,omitempty"` // 0 means 3
	Coef0  float64 `json:"coef0,omitempty"`
}

func (k Kernel) settle(x *mat.Dense) (Kernel, error) {
	if k.Kind == "" {
		k.Kind = "radial"
	}
	if k.Kind != "radial" && k.Kind != "linear" && k.Kind != "polynomial" {
		return k, fmt.Errorf("the kernel is %q: choose radial, linear or polynomial", k.Kind)
	}
	if k.Gamma < 0 || k.Degree < 0 || math.IsNaN(k.Gamma) {
		return k, fmt.Errorf("the kernel has gamma %v and degree %d: neither may be negative", k.Gamma, k.Degree)
	}
	if k.Degree == 0 {
		k.Degree = 3
	}
	if k.Gamma == 0 {
		k.Gamma = 1
		raw := x.RawMatrix()
		if raw.Stride > raw.Cols { // a part of a matrix, whose other columns lie between
			raw = mat.DenseCopyOf(x).RawMatrix()
		}
		if v := stat.PopVariance(raw.Data, nil); v > 0 {
			k.Gamma = 1 / (float64(raw.Cols) * v)
		}
	}
	return k, nil
}

// against fills dst with the kernel of x and each of the rows, given their
// squared lengths.
func (k Kernel) against(dst, x []float64, xx float64, rows blas64.General, square []float64) {
	if rows.Rows == 0 {
		return
	}
	blas64.Gemv(blas.NoTrans, 1, rows, blas64.Vector{N: len(x), Inc: 1, Data: x}, 0, blas64.Vector{N: len(dst), Inc: 1, Data: dst})
	switch k.Kind {
	case "polynomial":
		for j, dot := range dst {
			v := k.Gamma*dot + k.Coef0
			dst[j] = 1
			for range k.Degree {
				dst[j] *= v
			}
		}
	case "radial":
		for j, dot := range dst {
			dst[j] = expMinus(k.Gamma * max(0, xx+square[j]-2*dot))
		}
	}
}

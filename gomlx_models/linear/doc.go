// Package linear holds the linear models of statistics: least squares, ridge,
// lasso and elastic net, and logistic regression for two or more classes, with
// the standard errors, tests and intervals that a paper reports.
//
// It is plain Go on gonum's matrices, knows nothing of tables or networks, and
// is what prognosis, survival and treatment build on. Sums of products over the
// rows are made in blocks on all cores, and what is left, as small as the columns
// are many, is solved by gonum's Cholesky. BenchmarkWays compares that with
// gonum's LAPACK (QR of the rows) and with sums made by GoMLX on XLA, which keep
// neither standard errors nor centred columns. Milliseconds on two cores:
//
//	                 least squares           logistic
//	rows × columns   here  LAPACK  GoMLX     here  GoMLX
//	 1,000 × 10       0.1     0.1    0.5        3      1
//	10,000 × 50         7      13     16       56     88
//	80,000 × 50        83     677    113      634    755
//	20,000 × 200      208     756    142     1506   1097
//	10,000 × 500      717    1820    396     2157   4153
//
// XLA's product of matrices is up to 1.8 times as quick from 200 columns on. That
// is not worth a plugin and a second copy of the rows, so that there is one way.
//
//	model, err := linear.Fit(x, y, nil, linear.Config{})
//	for _, e := range model.Estimates([]string{"age", "bmi"}) {
//		fmt.Printf("%s %.2f (%.2f to %.2f), p %.3f\n", e.Name, e.Value, e.Low, e.High, e.P)
//	}
package linear

import (
	"fmt"
	"math"
)

// Config says how a linear model is fitted. The zero value is the unpenalised
// fit with an intercept.
//
// Every model of this package minimises
//
//	(1/Σwᵢ) Σᵢ wᵢ lossᵢ + Lambda Σⱼ (L1 |βⱼ| + ½ (1 − L1) βⱼ²)
//
// with loss ½(y − η)² for least squares and −log p(y) for logistic regression.
// The intercept is never penalised, and columns are taken as they come: scale
// them first if the penalty should treat them alike. This is glmnet's scale; in
// scikit-learn's terms, Lambda is alpha for Lasso and ElasticNet, alpha/n for
// Ridge and 1/(C n) for LogisticRegression.
type Config struct {
	Lambda      float64 `json:"lambda,omitempty"`       // strength of the penalty; 0 means none
	L1          float64 `json:"l1,omitempty"`           // share of the absolute penalty: 0 ridge, 1 lasso, between elastic net
	NoIntercept bool    `json:"no_intercept,omitempty"` // the fit goes through the origin
}

func (c Config) check() error {
	if c.Lambda < 0 || math.IsNaN(c.Lambda) || math.IsInf(c.Lambda, 0) {
		return fmt.Errorf("lambda is %v: it must be 0 or a positive number", c.Lambda)
	}
	if !(c.L1 >= 0 && c.L1 <= 1) {
		return fmt.Errorf("l1 is %v: the share of the absolute penalty lies between 0 and 1", c.L1)
	}
	return nil
}

func (c Config) penalty() Penalty {
	return Penalty{L1: c.Lambda * c.L1, L2: c.Lambda * (1 - c.L1)}
}

// checkDesign refuses what no linear model can be fitted to.
func checkDesign(x Rows, outcomes int, weights []float64) error {
	n, _ := x.Dims()
	if n != outcomes {
		return fmt.Errorf("%d rows and %d outcomes: every row needs one", n, outcomes)
	}
	if weights != nil && len(weights) != n {
		return fmt.Errorf("%d rows and %d weights: every row needs one, or none has", n, len(weights))
	}
	total := 0.0
	for i, w := range weights {
		if !(w >= 0) || math.IsInf(w, 0) {
			return fmt.Errorf("the weight of row %d is %v: weights are finite and not negative", i, w)
		}
		total += w
	}
	if weights != nil && total == 0 {
		return fmt.Errorf("all weights are zero")
	}
	return CheckRows(x)
}

// CheckRows finds rows of another width than the first, and values that are
// missing, infinite, or so large that their squares are.
func CheckRows(x Rows) error {
	n, p := x.Dims()
	for i := range n {
		row := x.RawRowView(i)
		if len(row) != p {
			return fmt.Errorf("row %d has %d columns, and row 0 has %d", i, len(row), p)
		}
		for j, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("row %d, column %d of %d is %v: impute missing values first", i, j, p, v)
			}
			if math.Abs(v) > 1e150 {
				return fmt.Errorf("row %d, column %d of %d is %v, too large to be squared: does it mark a missing value?", i, j, p, v)
			}
		}
	}
	return nil
}

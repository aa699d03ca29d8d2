package score

import "math"

// Counts is a two by two confusion matrix. The fields are float64 because a
// bootstrap weighs rows; without weights they are whole numbers.
type Counts struct {
	TP, FP, TN, FN float64
}

// Confusion counts rows called positive, prob ≥ threshold, against the truth.
func Confusion(positive []bool, prob []float64, threshold float64) Counts {
	mustMatch(len(positive), len(prob))
	var c Counts
	for i, p := range prob {
		c.add(positive[i], p >= threshold, 1)
	}
	return c
}

func (c *Counts) add(positive, called bool, w float64) {
	switch {
	case positive && called:
		c.TP += w
	case positive:
		c.FN += w
	case called:
		c.FP += w
	default:
		c.TN += w
	}
}

// Accuracy returns (TP + TN) / n.
func (c Counts) Accuracy() float64 { return (c.TP + c.TN) / (c.TP + c.TN + c.FP + c.FN) }

// Sensitivity returns TP / (TP + FN), also called recall.
func (c Counts) Sensitivity() float64 { return c.TP / (c.TP + c.FN) }

// Specificity returns TN / (TN + FP).
func (c Counts) Specificity() float64 { return c.TN / (c.TN + c.FP) }

// BalancedAccuracy returns the mean of sensitivity and specificity.
func (c Counts) BalancedAccuracy() float64 { return (c.Sensitivity() + c.Specificity()) / 2 }

// PPV returns TP / (TP + FP), the positive predictive value or precision.
func (c Counts) PPV() float64 { return c.TP / (c.TP + c.FP) }

// NPV returns TN / (TN + FN), the negative predictive value.
func (c Counts) NPV() float64 { return c.TN / (c.TN + c.FN) }

// F1 returns the harmonic mean of PPV and sensitivity, 2 TP / (2 TP + FP + FN).
func (c Counts) F1() float64 { return 2 * c.TP / (2*c.TP + c.FP + c.FN) }

// MCC returns Matthews' correlation coefficient,
//
//	(TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN))
//
// It is NaN where a margin is empty (scikit-learn says 0).
func (c Counts) MCC() float64 {
	return (c.TP*c.TN - c.FP*c.FN) / math.Sqrt((c.TP+c.FP)*(c.TP+c.FN)*(c.TN+c.FP)*(c.TN+c.FN))
}

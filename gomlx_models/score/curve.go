package score

import (
	"math"
	"sort"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

// curvePoints is the most points a report keeps of one ROC or PR curve: more
// than a screen has pixels across would only weigh on the store.
const curvePoints = 1000

// ROC returns the false and true positive rates of every distinct threshold,
// from (0, 0) to (1, 1), and the thresholds, from +Inf down. Rates are NaN if a
// class is missing.
func ROC(positive []bool, score []float64) (fpr, tpr, threshold []float64) {
	r := rank(positive, score)
	fpr, tpr, threshold = []float64{0}, []float64{0}, []float64{math.Inf(1)}
	r.each(func(k int, tp, fp float64) {
		fpr, tpr = append(fpr, fp), append(tpr, tp)
		threshold = append(threshold, score[r.order[k]])
	})
	positives, negatives := tpr[len(tpr)-1], fpr[len(fpr)-1]
	for k := range fpr {
		fpr[k] /= negatives
		tpr[k] /= positives
	}
	return fpr, tpr, threshold
}

// PR returns recall and precision at every distinct threshold, from the highest
// down, starting from recall 0 at precision 1.
func PR(positive []bool, score []float64) (recall, precision, threshold []float64) {
	r := rank(positive, score)
	recall, precision, threshold = []float64{0}, []float64{1}, []float64{math.Inf(1)}
	r.each(func(k int, tp, fp float64) {
		recall, precision = append(recall, tp), append(precision, tp/(tp+fp))
		threshold = append(threshold, score[r.order[k]])
	})
	positives := recall[len(recall)-1]
	for k := range recall {
		recall[k] /= positives
	}
	return recall, precision, threshold
}

// each calls f at the last rank of every distinct score, with the positives and
// negatives down to it.
func (r ranked) each(f func(rank int, tp, fp float64)) {
	var tp, fp float64
	for k, positive := range r.positive {
		if positive {
			tp++
		} else {
			fp++
		}
		if r.last[k] {
			f(k, tp, fp)
		}
	}
}

// calibration groups rows by predicted probability into bins (0, 1/n], (1/n,
// 2/n] …; 0 itself is in the first.
type calibration struct {
	bin      []int
	positive []bool
	prob     []float64
	bins     int
}

func newCalibration(positive []bool, prob []float64, bins int) calibration {
	c := calibration{bin: make([]int, len(prob)), positive: positive, prob: prob, bins: bins}
	width := 1 / float64(bins)
	for i, p := range prob {
		c.bin[i] = sort.Search(bins-1, func(b int) bool { return p <= float64(b+1)*width })
	}
	return c
}

// sums returns, for each bin, the weight, the predicted and the observed sum.
func (c calibration) sums(w []float64) (n, predicted, observed []float64) {
	n, predicted, observed = make([]float64, c.bins), make([]float64, c.bins), make([]float64, c.bins)
	for i, b := range c.bin {
		n[b] += w[i]
		predicted[b] += w[i] * c.prob[i]
		if c.positive[i] {
			observed[b] += w[i]
		}
	}
	return n, predicted, observed
}

func (c calibration) error(w []float64) float64 {
	n, predicted, observed := c.sums(w)
	var off, total float64
	for b := range n {
		off += math.Abs(observed[b] - predicted[b])
		total += n[b]
	}
	return off / total
}

// Calibration returns the mean prediction, the observed share and the number of
// rows in each of the bins of equal width that holds any.
func Calibration(positive []bool, prob []float64, bins int) (predicted, observed []float64, n []int) {
	mustMatch(len(positive), len(prob))
	count, p, y := newCalibration(positive, prob, bins).sums(ones(len(prob)))
	for b, c := range count {
		if c > 0 {
			predicted, observed, n = append(predicted, p[b]/c), append(observed, y[b]/c), append(n, int(c))
		}
	}
	return predicted, observed, n
}

// NetBenefit returns the net benefit of treating those with prob ≥ threshold,
//
//	TP/n − FP/n · t/(1−t)
//
// Vickers and Elkin, Medical Decision Making 26 (2006), 565.
func NetBenefit(positive []bool, prob []float64, threshold float64) float64 {
	c := Confusion(positive, prob, threshold)
	return (c.TP - c.FP*threshold/(1-threshold)) / float64(len(prob))
}

func binaryCurves(label string, positive []bool, prob []float64, bins int) []models.Curve {
	curves := append(rankCurves(label, positive, prob), calibrationCurve(label, positive, prob, bins))
	return append(curves, decisionCurves(positive, prob)...)
}

func rankCurves(label string, positive []bool, prob []float64) []models.Curve {
	fpr, tpr, _ := ROC(positive, prob)
	recall, precision, _ := PR(positive, prob)
	return []models.Curve{thin("roc", label, fpr, tpr), thin("pr", label, recall, precision)}
}

// thin keeps both ends and evenly spaced points between them.
func thin(kind, label string, x, y []float64) models.Curve {
	if n := len(x); n > curvePoints {
		keep := make([]int, curvePoints)
		for k := range keep {
			keep[k] = k * (n - 1) / (curvePoints - 1)
		}
		x, y = pick.Rows(x, keep), pick.Rows(y, keep)
	}
	return models.Curve{Kind: kind, Label: label, X: numbers(x), Y: numbers(y)}
}

func calibrationCurve(label string, positive []bool, prob []float64, bins int) models.Curve {
	predicted, observed, n := Calibration(positive, prob, bins)
	return models.Curve{Kind: "calibration", Label: label, X: numbers(predicted), Y: numbers(observed), N: n}
}

// decisionCurves compares the model with treating everyone and treating no one
// at thresholds of 1 to 99 %.
func decisionCurves(positive []bool, prob []float64) []models.Curve {
	const points = 99
	threshold, model := make([]float64, points), make([]float64, points)
	everyone, none := make([]float64, points), make([]float64, points)
	for k := range threshold {
		t := float64(k+1) / (points + 1)
		threshold[k] = t
		model[k] = NetBenefit(positive, prob, t)
		everyone[k] = NetBenefit(positive, ones(len(prob)), t)
	}
	curve := func(label string, y []float64) models.Curve {
		return models.Curve{Kind: "decision", Label: label, X: numbers(threshold), Y: numbers(y)}
	}
	return []models.Curve{curve("model", model), curve("treat all", everyone), curve("treat none", none)}
}

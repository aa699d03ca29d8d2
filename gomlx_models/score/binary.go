package score

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

// Binary judges probabilities of the positive class.
//
// The report holds auc, average_precision, accuracy, balanced_accuracy,
// sensitivity, specificity, ppv, npv, f1, mcc, brier, log_loss, ece and
// prevalence; the curves "roc", "pr", "calibration" and "decision"; the confusion
// matrix at o.Operating; and a table for each subgroup. What divides by zero, if only
// one class is present or called, is NaN and a note says so. The interval of ece is
// without the bias of its resamples, and yet high for a model that is calibrated.
func Binary(positive []bool, prob []float64, o Options) (models.Report, error) {
	if err := sameLength(len(positive), len(prob), "outcomes", "probabilities"); err != nil {
		return models.Report{}, err
	}
	if err := o.check(len(prob)); err != nil {
		return models.Report{}, err
	}
	if err := probabilities("the prediction", prob); err != nil {
		return models.Report{}, err
	}
	at := o.Operating.threshold()
	m := binaryMeasure(positive, prob, at, o.bins())
	r := o.report(len(prob), m)
	r.Curves = binaryCurves(o.class(1), positive, prob, o.bins())
	c := Confusion(positive, prob, at)
	r.Tables = append(r.Tables, confusionTable(
		fmt.Sprintf("Confusion matrix at threshold %.4g", at),
		[]string{o.class(0), o.class(1)}, []float64{c.TN, c.FP, c.FN, c.TP}))
	r.Tables = append(r.Tables, o.subgroups(m,
		[]string{"prevalence", "auc", "sensitivity", "specificity", "ppv", "brier"})...)
	r.Notes = append(r.Notes, o.Operating.note())
	for _, lack := range []struct {
		rows float64
		note string
	}{
		{c.TP + c.FN, "No row is positive: auc, average_precision, balanced_accuracy, sensitivity and mcc are undefined."},
		{c.TN + c.FP, "Every row is positive: auc, balanced_accuracy, specificity and mcc are undefined."},
		{c.TP + c.FP, "No row is called positive: ppv and mcc are undefined."},
		{c.TP + c.FN + c.FP, "No row is positive, or called so: f1 is undefined."},
		{c.TN + c.FN, "Every row is called positive: npv and mcc are undefined."},
	} {
		if lack.rows == 0 {
			r.Notes = append(r.Notes, lack.note)
		}
	}
	return r, nil
}

// AUC returns the area under the ROC curve: the chance that a positive row has
// a higher score than a negative one, ties counting one half. Scores may be any
// numbers but NaN. It is NaN if only one class is present.
func AUC(positive []bool, score []float64) float64 {
	auc, _ := rank(positive, score).areas(ones(len(score)))
	return auc
}

// AveragePrecision returns Σ (Rₙ − Rₙ₋₁) Pₙ over the distinct scores in
// descending order, R being recall and P precision. It is NaN without positives.
func AveragePrecision(positive []bool, score []float64) float64 {
	_, ap := rank(positive, score).areas(ones(len(score)))
	return ap
}

// Brier returns the mean of (p − y)².
func Brier(positive []bool, prob []float64) float64 { return meanLoss(positive, prob, squaredLoss) }

// LogLoss returns the mean of −log of the probability given to what happened;
// probabilities are kept 2.2e-16 away from 0 and 1, as scikit-learn does.
func LogLoss(positive []bool, prob []float64) float64 { return meanLoss(positive, prob, logLoss) }

// ECE returns the expected calibration error of bins of equal width:
//
//	Σ_b n_b/n |mean of y in b − mean of p in b|
//
// Guo et al., ICML 2017.
func ECE(positive []bool, prob []float64, bins int) float64 {
	mustMatch(len(positive), len(prob))
	return newCalibration(positive, prob, bins).error(ones(len(prob)))
}

func meanLoss(positive []bool, prob []float64, loss func(bool, float64) float64) float64 {
	mustMatch(len(positive), len(prob))
	var sum float64
	for i, p := range prob {
		sum += loss(positive[i], p)
	}
	return sum / float64(len(prob))
}

func squaredLoss(positive bool, p float64) float64 {
	if positive {
		p--
	}
	return p * p
}

// ε of float64, which scikit-learn clips probabilities to.
const tiny = 0x1p-52

func logLoss(positive bool, p float64) float64 {
	p = min(max(p, tiny), 1-tiny)
	if positive {
		return -math.Log(p)
	}
	return -math.Log1p(-p)
}

// ranked holds rows in descending order of score.
type ranked struct {
	order    []int  // row at each rank
	last     []bool // whether the rank is the last with its score
	positive []bool // of each rank
}

func rank(positive []bool, score []float64) ranked {
	mustMatch(len(positive), len(score))
	r := ranked{order: pick.All(len(score)), last: make([]bool, len(score)), positive: make([]bool, len(score))}
	slices.SortStableFunc(r.order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	for k, i := range r.order {
		r.positive[k] = positive[i]
		r.last[k] = k+1 == len(score) || score[i] != score[r.order[k+1]]
	}
	return r
}

// areas returns the areas under the ROC and the precision-recall curve of rows
// counting w times.
func (r ranked) areas(w []float64) (auc, ap float64) {
	var tp, fp, tpHere, fpHere float64 // above this score, and at it
	var pairs, precisions float64
	for k, i := range r.order {
		if r.positive[k] {
			tpHere += w[i]
		} else {
			fpHere += w[i]
		}
		if !r.last[k] {
			continue
		}
		pairs += fpHere * (tp + tpHere/2)
		tp, fp = tp+tpHere, fp+fpHere
		if tpHere > 0 {
			precisions += tpHere * tp / (tp + fp)
		}
		tpHere, fpHere = 0, 0
	}
	return pairs / (tp * fp), precisions / tp
}

func binaryMeasure(positive []bool, prob []float64, threshold float64, bins int) measure {
	on := func(rows []int) statistic {
		positive, prob := pick.Rows(positive, rows), pick.Rows(prob, rows)
		order, bin := rank(positive, prob), newCalibration(positive, prob, bins)
		squared, log := make([]float64, len(rows)), make([]float64, len(rows))
		for i, p := range prob {
			squared[i], log[i] = squaredLoss(positive[i], p), logLoss(positive[i], p)
		}
		return func(w, dst []float64) {
			var c Counts
			var brier, loss, total float64
			for i, p := range prob {
				c.add(positive[i], p >= threshold, w[i])
				brier += w[i] * squared[i]
				loss += w[i] * log[i]
				total += w[i]
			}
			auc, ap := order.areas(w)
			copy(dst, []float64{
				auc, ap, c.Accuracy(), c.BalancedAccuracy(), c.Sensitivity(), c.Specificity(), c.PPV(), c.NPV(),
				c.F1(), c.MCC(), brier / total, loss / total, bin.error(w), (c.TP + c.FN) / total,
			})
		}
	}
	return measure{
		names: []string{
			"auc", "average_precision", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "ppv", "npv",
			"f1", "mcc", "brier", "log_loss", "ece", "prevalence",
		},
		on: on,
	}
}

// confusionTable lays out counts row by row: truth down, prediction across.
func confusionTable(title string, classes []string, counts []float64) models.Table {
	t := models.Table{Kind: "confusion", Title: title, Columns: []string{"observed"}}
	for _, c := range classes {
		t.Columns = append(t.Columns, "predicted "+c)
	}
	for i, c := range classes {
		row := []string{c}
		for j := range classes {
			row = append(row, fmt.Sprint(int(counts[i*len(classes)+j])))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

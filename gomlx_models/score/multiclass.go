package score

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

// Multiclass judges probabilities of classes of which exactly one is true:
// class[i] indexes prob[i].
//
// The report holds auc_macro and auc_micro (one class against the rest),
// average_precision_macro, accuracy, balanced_accuracy, f1_macro, mcc, log_loss,
// brier (summed over classes) and ece (of the most probable class); the "roc" and
// "pr" curve of every class, the "calibration" of the most probable; the
// confusion matrix; a table of every class against the rest; and the subgroups.
// The most probable class is called, the first of equal ones. A macro average
// leaves out classes that are not present, and a note names them.
func Multiclass(class []int, prob [][]float64, o Options) (models.Report, error) {
	m, truth, err := o.classMeasure(class, prob)
	if err != nil {
		return models.Report{}, err
	}
	k := len(prob[0])
	r := o.report(len(class), m)
	counts, right, confidence := make([]float64, k*k), make([]bool, len(class)), make([]float64, len(class))
	for i, c := range class {
		called := floats.MaxIdx(prob[i])
		counts[c*k+called]++
		right[i], confidence[i] = called == c, prob[i][called]
	}
	o.perClass(&r, truth, prob, math.NaN())
	r.Curves = append(r.Curves, calibrationCurve("most probable class", right, confidence, o.bins()))
	names := make([]string, k)
	for c := range names {
		names[c] = o.class(c)
	}
	r.Tables = append(r.Tables, confusionTable("Confusion matrix", names, counts))
	r.Tables = append(r.Tables, o.subgroups(m, []string{"auc_macro", "accuracy", "balanced_accuracy", "brier"})...)
	if mcc, _ := r.Metric("mcc"); math.IsNaN(float64(mcc.Value)) {
		r.Notes = append(r.Notes, "All rows are of one class, or called so: mcc is undefined.")
	}
	return r, nil
}

// classMeasure checks what Multiclass judges, and returns its scores and, for
// each row and class, whether the row is of it.
func (o Options) classMeasure(class []int, prob [][]float64) (m measure, truth [][]bool, err error) {
	if err := sameLength(len(class), len(prob), "outcomes", "predictions"); err != nil {
		return measure{}, nil, err
	}
	k, err := o.width(prob)
	if err != nil {
		return measure{}, nil, err
	}
	truth = make([][]bool, len(class))
	for i, c := range class {
		if c < 0 || c >= k {
			return measure{}, nil, fmt.Errorf("row %d: class %d is not one of the %d predicted", i, c, k)
		}
		var sum float64
		for _, p := range prob[i] {
			sum += p
		}
		if math.Abs(sum-1) > 1e-3 {
			return measure{}, nil, fmt.Errorf("row %d: the probabilities sum to %.4g, not to 1 (Multilabel judges labels that do not exclude each other)", i, sum)
		}
		truth[i] = make([]bool, k)
		truth[i][c] = true
	}
	return measure{
		names: []string{
			"auc_macro", "auc_micro", "average_precision_macro", "accuracy", "balanced_accuracy", "f1_macro", "mcc",
			"log_loss", "brier", "ece",
		},
		on: func(rows []int) statistic {
			return classStatistic(pick.Rows(class, rows), pick.Rows(truth, rows), pick.Rows(prob, rows), o.bins())
		},
	}, truth, nil
}

// Multilabel judges probabilities of labels that do not exclude each other, such
// as the findings on one film: label[i][c] says whether label c applies to row i.
//
// The report holds macro and micro averages of auc, average_precision and f1 (at
// o.Operating), exact (the share of rows with every label right), hamming_loss,
// and brier, log_loss and ece averaged over labels; curves and a table of every
// label; and the subgroups. A macro average leaves out labels that are always or
// never true, and a note names them.
func Multilabel(label [][]bool, prob [][]float64, o Options) (models.Report, error) {
	at := o.Operating.threshold()
	m, err := o.labelMeasure(label, prob, at)
	if err != nil {
		return models.Report{}, err
	}
	r := o.report(len(label), m)
	o.perClass(&r, label, prob, at)
	for c := range prob[0] {
		positive, p := column(label, c), column(prob, c)
		r.Curves = append(r.Curves, calibrationCurve(o.class(c), positive, p, o.bins()))
	}
	r.Tables = append(r.Tables, o.subgroups(m, []string{"auc_macro", "average_precision_macro", "f1_macro"})...)
	r.Notes = append(r.Notes, o.Operating.note())
	return r, nil
}

// labelMeasure checks what Multilabel judges, and returns its scores.
func (o Options) labelMeasure(label [][]bool, prob [][]float64, at float64) (measure, error) {
	if err := sameLength(len(label), len(prob), "outcomes", "predictions"); err != nil {
		return measure{}, err
	}
	k, err := o.width(prob)
	if err != nil {
		return measure{}, err
	}
	for i := range label {
		if len(label[i]) != k {
			return measure{}, fmt.Errorf("row %d: %d labels but %d predictions", i, len(label[i]), k)
		}
	}
	return measure{
		names: []string{
			"auc_macro", "auc_micro", "average_precision_macro", "average_precision_micro", "f1_macro", "f1_micro",
			"exact", "hamming_loss", "brier", "log_loss", "ece",
		},
		on: func(rows []int) statistic {
			return labelStatistic(pick.Rows(label, rows), pick.Rows(prob, rows), at, o.bins())
		},
	}, nil
}

// width checks predictions of several outputs and returns how many there are.
func (o Options) width(prob [][]float64) (int, error) {
	if err := o.check(len(prob)); err != nil {
		return 0, err
	}
	k := len(prob[0])
	if k == 0 || o.Classes != nil && len(o.Classes) != k {
		return 0, fmt.Errorf("there are %d predictions a row but %d classes", k, len(o.Classes))
	}
	for i, p := range prob {
		if len(p) != k {
			return 0, fmt.Errorf("row %d: %d predictions where the first row has %d", i, len(p), k)
		}
		if slices.ContainsFunc(p, noProbability) {
			return 0, fmt.Errorf("row %d: a prediction is not a probability: %v", i, p)
		}
	}
	return k, nil
}

// perClass adds the curves and the table of every output against the rest. NaN as
// the threshold calls the most probable output.
func (o Options) perClass(r *models.Report, truth [][]bool, prob [][]float64, threshold float64) {
	show := []string{"auc", "average_precision", "sensitivity", "specificity", "ppv", "f1", "brier"}
	t := models.Table{Kind: "classes", Title: "Every class against the rest", Columns: append([]string{"class", "rows"}, show...)}
	rows := pick.All(len(prob))
	for c := range prob[0] {
		positive, p := column(truth, c), column(prob, c)
		judged := models.Report{Metrics: binaryMeasure(positive, p, threshold, o.bins()).take(rows, o)}
		if math.IsNaN(threshold) {
			// Ranks come from the probability, calls from its being the highest.
			called := make([]float64, len(p))
			for i := range prob {
				if floats.MaxIdx(prob[i]) == c {
					called[i] = 1
				}
			}
			calls := models.Report{Metrics: binaryMeasure(positive, called, 1, o.bins()).take(rows, o)}
			for k, m := range judged.Metrics {
				if slices.Contains([]string{"sensitivity", "specificity", "ppv", "f1"}, m.Name) {
					judged.Metrics[k] = calls.Metrics[k]
				}
			}
		}
		var n int
		for _, y := range positive {
			if y {
				n++
			}
		}
		cells := []string{o.class(c), fmt.Sprint(n)}
		for _, name := range show {
			m, _ := judged.Metric(name)
			cells = append(cells, cell(m))
		}
		t.Rows = append(t.Rows, cells)
		r.Curves = append(r.Curves, rankCurves(o.class(c), positive, p)...)
		if n == 0 || n == len(p) {
			r.Notes = append(r.Notes, fmt.Sprintf("Class %q has %d of %d rows: it has no AUC and is left out of macro averages that need both.", o.class(c), n, len(p)))
		}
	}
	r.Tables = append(r.Tables, t)
}

func classStatistic(class []int, truth [][]bool, prob [][]float64, bins int) statistic {
	k := len(prob[0])
	one, micro := ranks(truth, prob)
	called, right, confidence := make([]int, len(class)), make([]bool, len(class)), make([]float64, len(class))
	log, brier := make([]float64, len(class)), make([]float64, len(class))
	for i, c := range class {
		called[i] = floats.MaxIdx(prob[i])
		right[i], confidence[i] = called[i] == c, prob[i][called[i]]
		var sum float64
		for j, p := range prob[i] {
			brier[i] += squaredLoss(j == c, p)
			sum += p
		}
		log[i] = logLoss(true, prob[i][c]/sum)
	}
	bin := newCalibration(right, confidence, bins)
	return func(w, dst []float64) {
		var total, hits, loss, squares float64
		observed, predicted, agreed := make([]float64, k), make([]float64, k), make([]float64, k)
		for i, c := range class {
			total += w[i]
			observed[c] += w[i]
			predicted[called[i]] += w[i]
			if right[i] {
				agreed[c] += w[i]
				hits += w[i]
			}
			loss += w[i] * log[i]
			squares += w[i] * brier[i]
		}
		var recall, f1 average
		var op, oo, pp float64
		for c := range k {
			recall.add(agreed[c] / observed[c])
			f1.add(2 * agreed[c] / (observed[c] + predicted[c]))
			op += observed[c] * predicted[c]
			oo += observed[c] * observed[c]
			pp += predicted[c] * predicted[c]
		}
		auc, ap := macroAreas(one, w)
		aucMicro, _ := micro(w)
		// Gorodkin's correlation of K categories.
		mcc := (hits*total - op) / math.Sqrt(total*total-oo) / math.Sqrt(total*total-pp)
		copy(dst, []float64{
			auc, aucMicro, ap, hits / total, recall.value(), f1.value(), mcc, loss / total, squares / total, bin.error(w),
		})
	}
}

func labelStatistic(label [][]bool, prob [][]float64, threshold float64, bins int) statistic {
	k := len(prob[0])
	one, micro := ranks(label, prob)
	bin := make([]calibration, k)
	for c := range bin {
		bin[c] = newCalibration(column(label, c), column(prob, c), bins)
	}
	squared, log := make([]float64, len(prob)), make([]float64, len(prob))
	for i, row := range prob {
		for c, p := range row {
			squared[i] += squaredLoss(label[i][c], p)
			log[i] += logLoss(label[i][c], p)
		}
	}
	return func(w, dst []float64) {
		var total, exact, brier, loss float64
		each := make([]Counts, k)
		for i := range label {
			right := true
			for c, p := range prob[i] {
				each[c].add(label[i][c], p >= threshold, w[i])
				right = right && label[i][c] == (p >= threshold)
			}
			brier += w[i] * squared[i]
			loss += w[i] * log[i]
			total += w[i]
			if right {
				exact += w[i]
			}
		}
		var f1 average
		var pooled Counts
		var ece float64
		for c, n := range each {
			f1.add(n.F1())
			pooled = Counts{TP: pooled.TP + n.TP, FP: pooled.FP + n.FP, TN: pooled.TN + n.TN, FN: pooled.FN + n.FN}
			ece += bin[c].error(w)
		}
		auc, ap := macroAreas(one, w)
		aucMicro, apMicro := micro(w)
		cells := total * float64(k)
		copy(dst, []float64{
			auc, aucMicro, ap, apMicro, f1.value(), pooled.F1(), exact / total, (pooled.FP + pooled.FN) / cells,
			brier / cells, loss / cells, ece / float64(k),
		})
	}
}

// ranks sorts every output by itself, and all of them as if they were one.
func ranks(truth [][]bool, prob [][]float64) (one []ranked, micro func(w []float64) (auc, ap float64)) {
	k := len(prob[0])
	for c := range k {
		one = append(one, rank(column(truth, c), column(prob, c)))
	}
	pooled := rank(slices.Concat(truth...), slices.Concat(prob...))
	return one, func(w []float64) (auc, ap float64) {
		each := make([]float64, 0, k*len(w))
		for _, v := range w {
			for range k {
				each = append(each, v)
			}
		}
		return pooled.areas(each)
	}
}

func macroAreas(one []ranked, w []float64) (auc, ap float64) {
	var aucs, aps average
	for _, r := range one {
		a, p := r.areas(w)
		aucs.add(a)
		aps.add(p)
	}
	return aucs.value(), aps.value()
}

// average is a mean of the values that are defined.
type average struct{ sum, n float64 }

func (a *average) add(v float64) {
	if !math.IsNaN(v) {
		a.sum, a.n = a.sum+v, a.n+1
	}
}

func (a average) value() float64 { return a.sum / a.n }

func column[T any](rows [][]T, c int) []T {
	col := make([]T, len(rows))
	for i, r := range rows {
		col[i] = r[c]
	}
	return col
}

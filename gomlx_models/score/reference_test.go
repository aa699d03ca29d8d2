package score

import (
	"encoding/json"
	"math"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
)

// reference is testdata/reference.json, which names the versions that made it.
type reference struct {
	Binary []struct {
		Y                    []int
		P                    []float64
		Threshold            float64
		Metrics              map[string]float64
		FPR, TPR             []float64
		Precision, Recall    []float64
		CalibrationObserved  []float64 `json:"calibration_observed"`
		CalibrationPredicted []float64 `json:"calibration_predicted"`
	}
	DeLong []struct {
		A, B              []float64
		Difference, SE, P float64
	}
	Multiclass struct {
		Y         []int
		P         [][]float64
		Metrics   map[string]float64
		Confusion [][]int
	}
	Multilabel struct {
		Y         [][]int
		P         [][]float64
		Threshold float64
		Metrics   map[string]float64
	}
	Regression struct {
		Y, P    []float64
		Metrics map[string]float64
	}
	Survival []struct {
		TrainTime    []float64 `json:"train_time"`
		TrainEvent   []bool    `json:"train_event"`
		Time         []float64
		Event        []bool
		Risk, At     []float64
		Survival     [][]float64
		Harrell, Uno float64
		AUC          []float64
		Mean         float64 `json:"auc_mean"`
		Brier        []float64
		IBS          float64
	}
}

func bools(y []int) []bool {
	b := make([]bool, len(y))
	for i, v := range y {
		b[i] = v == 1
	}
	return b
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want))) {
		t.Errorf("%s: got %.17g, want %.17g", what, got, want)
	}
}

func nearAll(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		near(t, what, got[i], want[i], tolerance)
	}
}

func nearMetrics(t *testing.T, r models.Report, want map[string]float64) {
	t.Helper()
	if len(r.Metrics) != len(want) {
		t.Errorf("got %d metrics, want %d", len(r.Metrics), len(want))
	}
	for _, m := range r.Metrics {
		near(t, m.Name, float64(m.Value), want[m.Name], 1e-12)
	}
}

var quick = Options{Resamples: -1}

func TestBinaryAgreesWithScikitLearn(t *testing.T) {
	for _, ref := range modeltest.Reference[reference](t).Binary {
		y := bools(ref.Y)
		o := quick
		o.Operating.Threshold = ref.Threshold
		r, err := Binary(y, ref.P, o)
		if err != nil {
			t.Fatal(err)
		}
		nearMetrics(t, r, ref.Metrics)
		fpr, tpr, _ := ROC(y, ref.P)
		nearAll(t, "fpr", fpr, ref.FPR, 1e-12)
		nearAll(t, "tpr", tpr, ref.TPR, 1e-12)
		recall, precision, _ := PR(y, ref.P)
		nearAll(t, "recall", recall, ref.Recall, 1e-12)
		nearAll(t, "precision", precision, ref.Precision, 1e-12)
		predicted, observed, _ := Calibration(y, ref.P, 10)
		nearAll(t, "predicted", predicted, ref.CalibrationPredicted, 1e-12)
		nearAll(t, "observed", observed, ref.CalibrationObserved, 1e-12)

		near(t, "AUC", AUC(y, ref.P), ref.Metrics["auc"], 1e-12)
		near(t, "AveragePrecision", AveragePrecision(y, ref.P), ref.Metrics["average_precision"], 1e-12)
		near(t, "Brier", Brier(y, ref.P), ref.Metrics["brier"], 1e-12)
		near(t, "LogLoss", LogLoss(y, ref.P), ref.Metrics["log_loss"], 1e-12)
		near(t, "ECE", ECE(y, ref.P, 10), ref.Metrics["ece"], 1e-12)
	}
}

func TestDeLongAgreesWithItsDefinition(t *testing.T) {
	refs := modeltest.Reference[reference](t)
	y := bools(refs.Binary[0].Y)
	for _, ref := range refs.DeLong {
		c, err := DeLong(y, ref.A, ref.B)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "difference", c.Difference, ref.Difference, 1e-12)
		near(t, "half-width", (c.High-c.Low)/2/z975, ref.SE, 1e-12)
		near(t, "p", c.P, ref.P, 1e-12)
	}
}

func TestMulticlassAgreesWithScikitLearn(t *testing.T) {
	ref := modeltest.Reference[reference](t).Multiclass
	r, err := Multiclass(ref.Y, ref.P, quick)
	if err != nil {
		t.Fatal(err)
	}
	nearMetrics(t, r, ref.Metrics)
	for _, table := range r.Tables {
		if table.Kind != "confusion" {
			continue
		}
		for i, row := range ref.Confusion {
			for j, n := range row {
				if got, _ := json.Marshal(n); string(got) != table.Rows[i][j+1] {
					t.Errorf("confusion[%d][%d]: got %s, want %d", i, j, table.Rows[i][j+1], n)
				}
			}
		}
	}
}

func TestMultilabelAgreesWithScikitLearn(t *testing.T) {
	ref := modeltest.Reference[reference](t).Multilabel
	var y [][]bool
	for _, row := range ref.Y {
		y = append(y, bools(row))
	}
	o := quick
	o.Operating.Threshold = ref.Threshold
	r, err := Multilabel(y, ref.P, o)
	if err != nil {
		t.Fatal(err)
	}
	nearMetrics(t, r, ref.Metrics)
}

func TestRegressionAgreesWithScikitLearn(t *testing.T) {
	ref := modeltest.Reference[reference](t).Regression
	r, err := Regression(ref.Y, ref.P, quick)
	if err != nil {
		t.Fatal(err)
	}
	nearMetrics(t, r, ref.Metrics)
	near(t, "R2", R2(ref.Y, ref.P), ref.Metrics["r2"], 1e-12)
	near(t, "MAE", MAE(ref.Y, ref.P), ref.Metrics["mae"], 1e-12)
	near(t, "RMSE", RMSE(ref.Y, ref.P), ref.Metrics["rmse"], 1e-12)
}

func TestSurvivalAgreesWithScikitSurvival(t *testing.T) {
	for _, ref := range modeltest.Reference[reference](t).Survival {
		train, test := Followup{ref.TrainTime, ref.TrainEvent}, Followup{ref.Time, ref.Event}
		near(t, "Concordance", Concordance(test, ref.Risk), ref.Harrell, 1e-12)
		uno, err := UnoC(train, test, ref.Risk, ref.At[len(ref.At)-1])
		if err != nil {
			t.Fatal(err)
		}
		near(t, "UnoC", uno, ref.Uno, 1e-10)
		auc, mean, err := CumulativeAUC(train, test, ref.Risk, ref.At)
		if err != nil {
			t.Fatal(err)
		}
		nearAll(t, "CumulativeAUC", auc, ref.AUC, 1e-10)
		near(t, "mean of CumulativeAUC", mean, ref.Mean, 1e-10)
		brier, err := BrierAt(train, test, ref.Survival, ref.At)
		if err != nil {
			t.Fatal(err)
		}
		nearAll(t, "BrierAt", brier, ref.Brier, 1e-10)
		ibs, err := IntegratedBrier(train, test, ref.Survival, ref.At)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "IntegratedBrier", ibs, ref.IBS, 1e-10)
		r, err := Survival(train, test, Forecast{Risk: ref.Risk, At: ref.At, Survival: ref.Survival}, quick)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]float64{
			"concordance": ref.Harrell, "uno_c": ref.Uno, "auc_mean": ref.Mean, "brier_integrated": ref.IBS,
		} {
			m, _ := r.Metric(name)
			near(t, name, float64(m.Value), want, 1e-10)
		}
	}
}

// The scores over time have intervals from the resamples that the means of them have.
func TestSurvivalOverTimeHasIntervals(t *testing.T) {
	ref := modeltest.Reference[reference](t).Survival[0]
	train, test := Followup{ref.TrainTime, ref.TrainEvent}, Followup{ref.Time, ref.Event}
	r, err := Survival(train, test, Forecast{Risk: ref.Risk, At: ref.At, Survival: ref.Survival}, Options{Resamples: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Metrics) != 4 || len(r.Curves) != 3 {
		t.Fatalf("got %d scores and %d curves, want 4 and 3", len(r.Metrics), len(r.Curves))
	}
	for _, c := range r.Curves {
		if len(c.Low) != len(c.X) || len(c.High) != len(c.X) {
			t.Fatalf("%s: %d points, intervals of %d", c.Kind, len(c.X), len(c.Low))
		}
		for k := range c.X {
			if !(c.Low[k] < c.Y[k] && c.Y[k] < c.High[k]) {
				t.Errorf("%s at %v: %v is not within %v to %v", c.Kind, c.X[k], c.Y[k], c.Low[k], c.High[k])
			}
		}
	}
	for k, want := range ref.AUC {
		near(t, "auc_time", float64(r.Curves[0].Y[k]), want, 1e-10)
	}
	for k, want := range ref.Brier {
		near(t, "brier_time", float64(r.Curves[1].Y[k]), want, 1e-10)
	}
}

// Half of the patients, of low risk, are lost before the horizon: what became of
// them is not known.
func TestCalibrationAtOfTheLost(t *testing.T) {
	f := Followup{Time: []float64{1, 2, 3, 2, 5, 9}, Event: []bool{true, false, false, true, true, false}}
	c, err := CalibrationAt(f, []float64{0.9, 0.9, 0.9, 0.2, 0.2, 0.2}, 6, 2)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "predicted", float64(c.X[0]), 0.1, 1e-12)
	if !math.IsNaN(float64(c.Y[0])) || !math.IsNaN(float64(c.Low[0])) {
		t.Errorf("nobody of the first group was watched to the horizon: got %v from %v", c.Y[0], c.Low[0])
	}
	near(t, "observed", float64(c.Y[1]), 2.0/3, 1e-12)
	// Greenwood's variance of log S is 1/(3·2) + 1/(2·1), and S is a third.
	width := z975 * math.Sqrt(2.0/3) / math.Log(3)
	near(t, "low", float64(c.Low[1]), 1-math.Pow(1.0/3, math.Exp(-width)), 1e-12)
	near(t, "high", float64(c.High[1]), 1-math.Pow(1.0/3, math.Exp(width)), 1e-12)
	if _, err := CalibrationAt(f, []float64{1}, 6, 2); err == nil {
		t.Error("six rows and one prediction: no error")
	}
}

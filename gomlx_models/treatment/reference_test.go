package treatment_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment"
	"github.com/assay-ml/assay/gomlx_models/treatment/causal"
)

// What EconML 0.17.0 and statsmodels 0.15.0 say of 800 patients: testdata/peers.py
// made the file.
func peers(t *testing.T) (d treatment.Dataset, w, y []float64, column func(name string) []float64) {
	t.Helper()
	frame, err := table.Open("testdata/peers.csv", table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	column = func(name string) []float64 {
		values, err := frame.Numbers(name)
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	w, y = column("w"), column("y")
	for i := range w {
		d.X = append(d.X, treatment.Row{column("x0")[i], column("x1")[i], column("x2")[i], column("x3")[i]})
		d.Y = append(d.Y, treatment.Outcome{Arm: int(w[i]), Value: y[i]})
	}
	return d, w, y, column
}

// The forests draw other trees, so they agree as two forests of one program do: in
// effects much nearer than what these vary by, and in standard errors on average.
func TestCausalForestAgreesWithEconML(t *testing.T) {
	d, w, y, column := peers(t)
	forest, err := causal.Grow(t.Context(), d.X, w, y, causal.Config{Trees: 2000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	effects, err := forest.Effects(d.X)
	if err != nil {
		t.Fatal(err)
	}
	var ours, errors []float64
	var squares float64
	for i, e := range effects {
		ours, errors = append(ours, e.Value), append(errors, e.StdErr)
		squares += (e.Value - column("forest")[i]) * (e.Value - column("forest")[i])
	}
	apart, spread := math.Sqrt(squares/800), stat.StdDev(column("forest"), nil)
	correlation, ratio := stat.Correlation(ours, column("forest"), nil), stat.Mean(errors, nil)/stat.Mean(column("forest_stderr"), nil)
	t.Logf("apart %.3f of a deviation of %.3f, correlation %.4f, standard errors in ratio %.3f", apart, spread, correlation, ratio)
	if apart > 0.1*spread || correlation < 0.998 || ratio < 0.9 || ratio > 1.1 {
		t.Errorf("apart %.3f of a deviation of %.3f, correlation %.4f, standard errors in ratio %.3f", apart, spread, correlation, ratio)
	}
}

// Other folds, the same estimator: the effects of the dr-learner agree with
// EconML's, and the mean effect with its standard error with statsmodels', within a
// part of that.
func TestDoublyRobustAgreesWithPeers(t *testing.T) {
	d, _, _, column := peers(t)
	cfg := treatment.Config{Method: treatment.DRLearner, Arms: arms, Seed: 1, Overlap: 1e-6}
	cfg.Outcome = prognosis.Config{Method: prognosis.Linear}
	cfg.Propensity = prognosis.Config{Method: prognosis.Linear, Linear: linear.Config{Lambda: 1e-6}}
	m := fitted(t, cfg, d)
	answers := predict(t, m, d.X)
	var ours, theirs []float64
	var squares float64
	for i, a := range answers {
		ours, theirs = append(ours, a.Effect[1]), append(theirs, column("dr")[i])
		squares += (ours[i] - theirs[i]) * (ours[i] - theirs[i])
	}
	if apart, correlation := math.Sqrt(squares/800), stat.Correlation(ours, theirs, nil); apart > 0.1 || correlation < 0.998 {
		t.Errorf("EconML: apart %.4f, correlation %.5f", apart, correlation)
	}
	scores, err := treatment.Score(t.Context(), d, arms, cfg.Nuisance, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := treatment.MeanEffects(scores, treatment.Judging{Overlap: 1e-6, Options: score.Options{Seed: 1, Resamples: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	// statsmodels: 1.2074, standard error 0.0909; it does not cross-fit.
	effect := metric(t, r, "effect")
	stdErr := float64(effect.High-effect.Low) / (2 * 1.96)
	t.Logf("mean effect %.4f, standard error %.4f", effect.Value, stdErr)
	if math.Abs(float64(effect.Value)-1.2074) > 0.03 || math.Abs(stdErr-0.0909) > 0.006 {
		t.Errorf("mean effect %.4f with a standard error of %.4f, statsmodels says 1.2074 and 0.0909", effect.Value, stdErr)
	}
}

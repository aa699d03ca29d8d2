package treatment_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"

	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/treatment"
)

// testdata/uncompressed.json is a causal forest of 8 trees on 300 patients, as it was
// saved before models were compressed, when those that are part of another were JSON
// among its own.
func TestLoadsUncompressedModels(t *testing.T) {
	file, err := os.Open("testdata/uncompressed.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	m, err := treatment.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := m.Predict(t.Context(), []treatment.Row{{-5, -10}, {5, 10}})
	if err != nil {
		t.Fatal(err)
	}
	// What the model answered before it was saved.
	f := func(a treatment.Answer, expected, stdErr, propensity []float64) {
		t.Helper()
		const most = 1e-9
		if !floats.EqualApprox(a.Expected, expected, most) || !floats.EqualApprox(a.StdErr, stdErr, most) || !floats.EqualApprox(a.Propensity, propensity, most) {
			t.Errorf("got %v ± %v with chances %v, want %v ± %v with %v", a.Expected, a.StdErr, a.Propensity, expected, stdErr, propensity)
		}
	}
	f(answers[0], []float64{-6.019607843137255, -14.313239448562557}, []float64{0, 0.706187178267237}, []float64{0.48191163572155804, 0.518088364278442})
	f(answers[1], []float64{3.375, 12.44882287513027}, []float64{0, 0.9731847145691854}, []float64{0.4600144937935893, 0.5399855062064107})
}

// A network without its weights is no model.
func TestLoadWantsTheWeights(t *testing.T) {
	_, err := treatment.Load(strings.NewReader(`{"kind": "treatment", "config": {"method": "tarnet", "arms": ["a", "b"]}, "state": {"columns": 1, "chooser": {}}}`))
	if !errors.Is(err, fit.ErrCorrupt) {
		t.Errorf("got %v, want %v", err, fit.ErrCorrupt)
	}
}

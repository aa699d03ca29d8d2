package text_test

import (
	"context"
	"testing"
	"time"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/text"
)

// needsXLA skips tests that train networks where nothing runs them fast.
func needsXLA(t testing.TB) {
	t.Helper()
	if _, err := fit.Backend(); err != nil {
		t.Skip("no XLA: ", err)
	}
}

// TestSyntheticNotes: a bag of words is no better than chance, an LSTM solves
// them.
func TestSyntheticNotes(t *testing.T) {
	needsXLA(t)
	data := text.Synthetic(text.SyntheticConfig{})
	auc := func(m models.Model[string, []int, []float64]) float64 {
		t.Helper()
		start := time.Now()
		if err := m.Fit(context.Background(), data.Train); err != nil {
			t.Fatal(err)
		}
		probs, err := m.Predict(context.Background(), data.Test.X)
		if err != nil {
			t.Fatal(err)
		}
		positive, p := positives(data.Test, probs)
		t.Logf("%T: AUC %.4f in %v", m, score.AUC(positive, p), time.Since(start).Round(time.Millisecond))
		return score.AUC(positive, p)
	}
	if got := auc(text.NewBaseline(text.BaselineConfig{Classes: data.Classes})); got > 0.6 {
		t.Errorf("the baseline has AUC %.3f, want chance", got)
	}
	lstm := text.New(text.Config{Classes: data.Classes, Embedding: 32, Units: 32,
		Options: fit.Options{Epochs: 12, LearningRate: 0.005, Seed: 1, Patience: 3}}).ValidateOn(data.Validation)
	if got := auc(lstm); got < 0.95 {
		t.Errorf("the LSTM has AUC %.3f, want at least 0.95", got)
	}
}

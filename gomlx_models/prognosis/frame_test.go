package prognosis_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// A model on a frame is the model of a pipeline that saw its training rows alone.
func TestOnFrame(t *testing.T) {
	frame, y, plan := diabetes(t)
	parts, err := table.Divide(frame.Rows(), []float64{0.5, 0.5}, table.SplitOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	train, test := parts[0], parts[1]
	cfg := prognosis.Config{Method: prognosis.Linear}
	m := prognosis.OnFrame(frame, plan, cfg, prognosis.NewRegressor)
	if _, err := m.Predict(t.Context(), test); !errors.Is(err, models.ErrNotFitted) {
		t.Errorf("before Fit: got %v", err)
	}
	if err := m.Fit(t.Context(), models.Dataset[int, float64]{X: train, Y: take(y, train)}); err != nil {
		t.Fatal(err)
	}
	got, err := m.Predict(t.Context(), test)
	if err != nil {
		t.Fatal(err)
	}
	fold := table.Split{Train: train, Test: test}
	if want := take(values(t, cfg, plan, frame, y, []table.Split{fold}), test); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got[:3], want[:3])
	}
	e, err := m.Explain(t.Context(), test[0])
	if err != nil || e.Names[0] != "age" {
		t.Errorf("explained as %+v, %v", e, err)
	}
	if _, err := m.Predict(t.Context(), []int{442}); err == nil {
		t.Error("row 442 of 442 was predicted")
	}
}

// A model of rows says what to do about a table, in the terms of this package.
func TestPredictFrameWithoutPipeline(t *testing.T) {
	m := prognosis.NewRegressor(prognosis.Config{Method: prognosis.Linear})
	if err := m.Fit(t.Context(), models.Dataset[prognosis.Row, float64]{X: []prognosis.Row{{0}, {1}, {2}}, Y: []float64{0, 1, 3}}); err != nil {
		t.Fatal(err)
	}
	_, err := m.PredictFrame(t.Context(), &table.Frame{})
	if err == nil || !strings.Contains(err.Error(), "set it in Config, or call Predict with rows") || strings.Contains(err.Error(), "Fit one") {
		t.Errorf("got %v", err)
	}
}

package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
	"github.com/assay-ml/assay/store"
)

// openStore returns a new, empty store.
func openStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "assay.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

const cellSource = `//go:build assay

%%
// Train the network and judge it on the test films.
cfg := imaging.Config{Classes: classes, Epochs: %d, LearningRate: %g}
model := imaging.New(cfg)
if err := model.Fit(ctx, data.Train, run); err != nil {
	return err // the run ends as failed
}
return run.Report(imaging.Evaluate(probs, data.Test))
`

// trial is what differs between the runs that fill makes.
type trial struct {
	lr      float64
	dropout float64
	seed    int64
	status  store.Status
}

// fill records runs that look like those of somebody who tunes a classifier,
// and returns their ids in the order of starting. The numbers are made up by a
// seeded generator.
func fill(t testing.TB, s *store.Store) []store.RunID {
	t.Helper()
	trials := []trial{
		{1e-2, 0, 1, store.Finished}, {1e-3, 0, 1, store.Finished}, {1e-3, 0.25, 1, store.Finished},
		{1e-3, 0.5, 1, store.Finished}, {3e-4, 0.25, 1, store.Finished}, {3e-4, 0.25, 2, store.Finished},
		{3e-4, 0.25, 3, store.Finished}, {3e-1, 0.25, 1, store.Failed},
	}
	var ids []store.RunID
	for i, trial := range trials {
		ids = append(ids, record(t, s, i, trial))
	}
	return ids
}

func record(t testing.TB, s *store.Store, i int, tr trial) store.RunID {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(i), 7))
	start := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC).Add(time.Duration(i) * 3 * time.Hour)
	epochs := 3 + i%3
	w, err := s.Start(t.Context(), store.NewRun{
		Experiment: "pneumonia", Started: start, Group: fmt.Sprintf("lr %g", tr.lr),
		Tags:   map[string]string{"site": []string{"north", "south"}[i%2]},
		Origin: store.Origin{Notebook: "notebooks/imaging.ipynb", Cell: "c7f3", Order: 5 + i, Source: fmt.Sprintf(cellSource, epochs, tr.lr)},
		Env:    map[string]string{"go": "go1.27.4", "os": "linux/amd64", "backend": "xla:cpu"},
	})
	must(t, err)
	must(t, w.Params(map[string]store.Value{
		"learning_rate": tr.lr, "dropout": tr.dropout, "seed": tr.seed, "epochs": int64(epochs),
		"optimizer": "adam", "batch": int64(32), "filters": json.RawMessage(`[32,64,128]`),
	}))
	must(t, w.Data(store.DataUse{Name: "pneumoniamnist", Split: "train", Rows: 4708, Files: []store.DataFile{
		{Path: "pneumoniamnist.npz", Size: 4_170_669, Digest: "28209eda62fecd6e6a2d98b1501bb15f6f7ed4a3ffbe33f0d7d8c9d5ae4e3d9c"}}}))
	const n = 900
	series := map[string][]store.Point{}
	at := func(name string, step int, value float64) {
		series[name] = append(series[name], store.Point{Step: int64(step), Time: start.Add(time.Duration(step) * 120 * time.Millisecond), Value: value})
	}
	speed := 6 * math.Sqrt(tr.lr/1e-3)
	for step := range n {
		x := float64(step) / n
		loss := 0.08 + 0.62*math.Exp(-speed*x) + 0.05*rng.NormFloat64()*math.Exp(-x)
		if tr.status == store.Failed && step > 300 {
			loss = math.NaN()
		}
		at("loss", step, math.Abs(loss))
		at("accuracy", step, min(1, 0.97-0.45*math.Exp(-speed*x)+0.02*rng.NormFloat64()))
		if step%60 == 59 {
			at("val_loss", step, 0.12+0.5*math.Exp(-speed*x)+0.1*x*(1-2*tr.dropout)+0.01*rng.NormFloat64())
			at("val_accuracy", step, 0.94-0.4*math.Exp(-speed*x)+0.008*rng.NormFloat64())
		}
		if tr.status == store.Failed && step == 400 {
			break
		}
	}
	for name, points := range series {
		must(t, w.Append(name, points))
	}
	must(t, w.Progress(n, n))
	message := ""
	if tr.status == store.Failed {
		message = "training: the loss is NaN since step 301: lower LearningRate (0.3)"
	} else {
		auc := 0.955 - 0.03*math.Abs(math.Log10(tr.lr/1e-3)) + 0.01*tr.dropout + 0.003*rng.NormFloat64()
		r := testReport(auc)
		b, err := json.Marshal(r)
		must(t, err)
		must(t, w.Report("test", b))
		for _, m := range r.Metrics {
			must(t, w.Summary("test."+m.Name, float64(m.Value), float64(m.Low), float64(m.High)))
		}
		_, err = w.Artifact(t.Context(), "checkpoint.bin", "application/octet-stream", bytes.NewReader(make([]byte, 300_000)))
		must(t, err)
		answers, err := modeltest.Predictions(auc, uint64(i)).CSV()
		must(t, err)
		for name, text := range map[string]string{
			"predictions/test.csv": string(answers),
			"code/main.go":         fmt.Sprintf("package main\n\nfunc main() {\n\ttrain(%g)\n}\n", tr.lr),
			"code/go.mod":          fmt.Sprintf("module cell\n\ngo 1.27\n\nrequire github.com/gomlx/gomlx v0.27.%d\n", i%2),
		} {
			_, err = w.Artifact(t.Context(), name, "text/plain; charset=utf-8", strings.NewReader(text))
			must(t, err)
		}
		_, err = w.Artifact(t.Context(), "explain/film-3.png", "image/png", bytes.NewReader(film(t)))
		must(t, err)
	}
	must(t, w.Output("stdout", "epoch 1/3 loss 0.31 val_loss 0.28\nepoch 2/3 loss 0.17 val_loss 0.21\n"))
	if i == 2 {
		must(t, w.Note("**Best so far.** Dropout helps on the *south* films; see [the paper](https://example.org).\n\n- triage only, not diagnosis\n- children's films are missing"))
	}
	must(t, w.EndAt(tr.status, message, start.Add(108*time.Second)))
	return w.ID()
}

// testReport is a report with the curves of a classifier whose scores are
// normal with equal spread in both classes (the binormal ROC of this AUC).
func testReport(auc float64) models.Report {
	d := math.Sqrt2 * math.Erfinv(2*auc-1) * math.Sqrt2
	tail := func(x float64) models.Number { return models.Number(0.5 * math.Erfc(x/math.Sqrt2)) }
	roc := models.Curve{Kind: "roc", Label: "pneumonia"}
	for x := 4.0 + d; x >= -4; x -= 0.1 {
		roc.X, roc.Y = append(roc.X, tail(x)), append(roc.Y, tail(x-d))
	}
	calibration := models.Curve{Kind: "calibration", Label: "pneumonia"}
	for i := range 10 {
		p := (float64(i) + 0.5) / 10
		calibration.X = append(calibration.X, models.Number(p))
		calibration.Y = append(calibration.Y, models.Number(p*p*(3-2*p)))
		calibration.N = append(calibration.N, 62)
	}
	return models.Report{
		Name: "test", Rows: 624, Groups: 590, Method: "bootstrap by patient, 2000 resamples, seed 1",
		Metrics: []models.Metric{
			{Name: "auc", Value: models.Number(auc), Low: models.Number(auc - 0.017), High: models.Number(auc + 0.014)},
			{Name: "brier", Value: models.Number(0.3 - 0.2*auc), Low: models.Number(0.29 - 0.2*auc), High: models.Number(0.32 - 0.2*auc)},
		},
		Curves: []models.Curve{roc, calibration},
		Tables: []models.Table{
			{Kind: "confusion", Title: "Confusion at 0.5", Columns: []string{"true", "normal", "pneumonia"},
				Rows: [][]string{{"normal", "201", "33"}, {"pneumonia", "14", "376"}}},
			{Kind: "subgroups", Title: "By site", Columns: []string{"", "rows", "auc", "95 % interval"},
				Rows: [][]string{{"north", "310", "0.951", "0.93 – 0.97"}, {"south", "314", "0.947", "0.92 – 0.97"}}},
		},
	}
}

func film(t testing.TB) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 96, 96))
	for y := range 96 {
		for x := range 96 {
			dx, dy := float64(x-48)/40, float64(y-48)/46
			m.SetGray(x, y, color.Gray{uint8(230 * math.Exp(-2*(dx*dx+dy*dy)) * (0.8 + 0.2*math.Cos(float64(y)/3)))})
		}
	}
	var b bytes.Buffer
	must(t, png.Encode(&b, m))
	return b.Bytes()
}

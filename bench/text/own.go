package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-ml/assay/bench/peer"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/text"
)

// own does what peers.py does, with ours.
func own(ctx context.Context, args []string) error {
	var figures map[string]float64
	var err error
	switch args[0] {
	case "step":
		figures, err = step(ctx, args[1], args[2])
	case "epochs":
		figures, err = epochs(ctx, args[1], args[2])
	case "linear":
		figures, err = onCorpus(ctx, args[1], text.NewBaseline(text.BaselineConfig{
			Classes: classes, ClassWeights: "balanced", Terms: text.TFIDF{Analysis: text.Analysis{Tokens: "words"}},
		}))
	case "lstm":
		var seed int64
		if seed, err = strconv.ParseInt(args[2], 10, 64); err != nil {
			return err
		}
		config := tutorial
		config.Seed = seed
		figures, err = onCorpus(ctx, args[1], text.New(config))
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(figures)
}

var classes = []string{"no", "yes"}

// tutorial is the introductory LSTM, trained as in gomlx_models/text's own tests:
// at a rate that falls to zero.
var tutorial = text.Config{
	Classes: classes, Analysis: text.Analysis{Tokens: "words"}, MinCount: 1, MaxTokens: 64,
	Options: fit.Options{Epochs: 2, LearningRate: 0.002, Schedule: "cosine", Patience: 1, Monitor: "val_auc"},
}

// step times steps on noise.
func step(ctx context.Context, length, steps string) (map[string]float64, error) {
	words, err := strconv.Atoi(length)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(steps)
	if err != nil {
		return nil, err
	}
	const texts, batch = 640, 32
	rng := rand.New(rand.NewPCG(1, 1))
	noise := text.Dataset{Name: "noise"}
	for i := range texts {
		note := make([]string, words)
		for j := range note {
			note[j] = fmt.Sprintf("w%d", rng.IntN(10_000))
		}
		noise.X, noise.Y = append(noise.X, strings.Join(note, " ")), append(noise.Y, []int{i % 2})
	}
	config := tutorial
	config.MaxTokens, config.HoldOut, config.Epochs = words, -1, 1+(n+peer.WarmUp)*batch/texts
	watch := peer.StartStopwatch(n)
	if err := text.New(config).Fit(ctx, noise, watch); err != nil && !errors.Is(err, peer.ErrTimed) {
		return nil, err
	}
	return watch.Figures(), nil
}

// epochs times the epochs of a fit to the corpus in a file.
func epochs(ctx context.Context, path, n string) (map[string]float64, error) {
	set, err := read(path)
	if err != nil {
		return nil, err
	}
	config := tutorial
	config.Patience = -1
	if config.Epochs, err = strconv.Atoi(n); err != nil {
		return nil, err
	}
	var watch pace
	if err := text.New(config).ValidateOn(set("validation")).Fit(ctx, set("train"), &watch); err != nil {
		return nil, err
	}
	return map[string]float64{"rate": watch.rate()}, nil
}

// pace observes where the epochs of a training end.
type pace struct {
	steps []int64
	times []time.Time
}

// Step implements models.Observer.
func (p *pace) Step(step int64, names []string, _ []float64) error {
	if slices.Contains(names, "epoch") {
		p.steps, p.times = append(p.steps, step), append(p.times, time.Now())
	}
	return nil
}

// rate returns the steps a second from the end of the first epoch on.
func (p *pace) rate() float64 {
	last := len(p.steps) - 1
	return float64(p.steps[last]-p.steps[0]) / p.times[last].Sub(p.times[0]).Seconds()
}

// read returns a function for the parts of the corpus in a file.
func read(path string) (set func(name string) text.Dataset, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var parts map[string]part
	if err := json.Unmarshal(content, &parts); err != nil {
		return nil, err
	}
	return func(name string) text.Dataset {
		d := text.Dataset{Name: name, X: parts[name].X}
		for _, y := range parts[name].Y {
			d.Y = append(d.Y, []int{y})
		}
		return d
	}, nil
}

// onCorpus fits a model to the corpus in a file and judges it.
func onCorpus(ctx context.Context, path string, m models.Model[string, []int, []float64]) (map[string]float64, error) {
	set, err := read(path)
	if err != nil {
		return nil, err
	}
	if network, ok := m.(*text.Network); ok {
		network.ValidateOn(set("validation"))
	}
	test := set("test")
	var probs [][]float64
	figures, err := peer.Time(
		func() error { return m.Fit(ctx, set("train")) },
		func() (err error) {
			probs, err = m.Predict(ctx, test.X)
			return err
		})
	if err != nil {
		return nil, err
	}
	positive, p := make([]bool, test.Len()), make([]float64, test.Len())
	for i := range probs {
		positive[i], p[i] = test.Y[i][0] == 1, probs[i][1]
	}
	figures["auc"], figures["f1"] = score.AUC(positive, p), score.Confusion(positive, p, 0.5).F1()
	return figures, nil
}

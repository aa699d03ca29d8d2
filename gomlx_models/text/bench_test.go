package text_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/text"
)

// stopwatch times the steps of a training after the first few.
type stopwatch struct {
	b     *testing.B
	start time.Time
	first time.Duration // from the start to the end of the first step: mostly compiling
}

const warmUp = 5

var errTimed = errors.New("timed")

func (w *stopwatch) Step(step int64, _ []string, _ []float64) error {
	switch step {
	case 1:
		w.first = time.Since(w.start)
	case warmUp:
		w.b.ResetTimer()
	case warmUp + int64(w.b.N):
		w.b.StopTimer()
		return errTimed
	}
	return nil
}

// BenchmarkTrainingStep measures a step at batch 32 with a vocabulary of 10000
// and an embedding of 128; "lstm/64" is the network of Keras' tutorials with both
// dropouts. Run it with -benchtime 200x.
func BenchmarkTrainingStep(b *testing.B) {
	needsXLA(b)
	for _, c := range []struct {
		network string
		length  int
	}{{"lstm", 64}, {"gru", 64}, {"transformer", 64}, {"lstm", 512}, {"transformer", 512}} {
		b.Run(fmt.Sprintf("%s/%d", c.network, c.length), func(b *testing.B) {
			set := noiseTexts(640, c.length)
			w := &stopwatch{b: b, start: time.Now()}
			err := text.New(text.Config{
				Classes: []string{"a", "b"}, Network: c.network, MaxTokens: c.length, MinCount: 1, HoldOut: -1,
				Options: fit.Options{Epochs: 1 << 20, Seed: 1},
			}).Fit(context.Background(), set, w)
			if !errors.Is(err, errTimed) {
				b.Fatal(err)
			}
			b.ReportMetric(w.first.Seconds(), "s-to-first-step")
		})
	}
}

// BenchmarkBaseline fits TF-IDF with logistic regression to the ADE corpus.
func BenchmarkBaseline(b *testing.B) {
	data := open(b, "ade")
	for b.Loop() {
		if err := text.NewBaseline(linear).Fit(context.Background(), data.Train); err != nil {
			b.Fatal(err)
		}
	}
}

// linear is the baseline that scikit-learn's figures are compared with.
var linear = text.BaselineConfig{
	Classes: []string{"no", "yes"}, ClassWeights: "balanced", Terms: text.TFIDF{Analysis: text.Analysis{Tokens: "words"}},
}

// BenchmarkTokenize cuts a hundred abstracts into clinical tokens.
func BenchmarkTokenize(b *testing.B) {
	texts := open(b, "medical-abstracts").Train.X[:100]
	bytes := 0
	for _, s := range texts {
		bytes += len(s)
	}
	b.SetBytes(int64(bytes))
	for b.Loop() {
		for _, s := range texts {
			text.Tokenize(s)
		}
	}
}

// noiseTexts are texts of so many words out of 10000, in two classes.
func noiseTexts(texts, length int) text.Dataset {
	r := rand.New(rand.NewPCG(1, 1))
	set := text.Dataset{}
	for i := range texts {
		words := make([]string, length)
		for j := range words {
			words[j] = fmt.Sprintf("w%d", r.IntN(10000))
		}
		set.X, set.Y = append(set.X, strings.Join(words, " ")), append(set.Y, []int{i % 2})
	}
	return set
}

// BenchmarkFirstStep measures what compiling takes: a whole training of one step
// at batch 32 and length 512, with one of pretraining if there is any. Run it with
// -benchtime 1x.
func BenchmarkFirstStep(b *testing.B) {
	needsXLA(b)
	set := noiseTexts(32, 512)
	for _, c := range []struct {
		network, direction string
		pretrain           bool
	}{
		{"lstm", "forward", false}, {"lstm", "both", false}, {"gru", "forward", false}, {"gru", "both", false},
		{"lstm", "both", true}, {"transformer", "", false}, {"transformer", "", true},
	} {
		name := strings.TrimSpace(c.network + " " + c.direction)
		if c.pretrain {
			name += " pretrained"
		}
		b.Run(name, func(b *testing.B) {
			options := fit.Options{Epochs: 1, Seed: 1}
			for b.Loop() {
				m := text.New(text.Config{
					Classes: []string{"a", "b"}, Network: c.network, Direction: c.direction, MaxTokens: 512, MinCount: 1, HoldOut: -1, Options: options,
				})
				if c.pretrain {
					m.PretrainOn(set.X, options)
				}
				if err := m.Fit(context.Background(), set); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// adeNetworks are what was tried on the ADE corpus. "tutorial" is the network of
// Keras' tutorials as it is there, trained at a rate that falls to zero: on the
// validation part that is 0.912 (seeds 1 to 3), the constant 0.001 of Keras 0.907
// at its best quarter of an epoch (seeds 1 and 2). Nothing else that was tried there
// has more than chance may: averaged weights 0.912, a rate of 0.003 with them 0.913,
// hidden words 0.911, embeddings that begin five times as small 0.911, four times as
// large 0.909, weight decay of 0.5 0.903, pretraining on the same texts 0.900. "refitted" is the same, trained
// once more for the two epochs that validation chose on validation's rows too.
// "affixes" has that LSTM read the beginnings and ends of words too, hides some
// words from it and averages its weights. "bidirectional" is the best network that
// we found, "with baseline" that network answering together with the baseline. Test AUC with
// seeds 1 to 5 or 3, on two cores of an AMD EPYC, 2026-11-24, in at most two epochs:
//
//	tutorial       0.890  0.892  0.892  0.883  0.889  (mean 0.889; Keras 3.15 with seed 0: 0.8905)
//	refitted       0.899  0.892  0.894  0.897  0.897  (mean 0.896)
//	affixes        0.891  0.891  0.894
//	bidirectional  0.901  0.904  0.903
//	with baseline  0.912  0.913  0.911
//	TF-IDF with logistic regression 0.903
var adeNetworks = map[string]text.Config{
	"tutorial": tutorial,
	"refitted": func() text.Config {
		c := tutorial
		c.HoldOut = -1
		return c
	}(),
	"affixes": {
		Analysis: text.Analysis{Tokens: "words", Numbers: true}, MinCount: 1, MaxTokens: 64, Affixes: 20000, WordDropout: 0.1,
		Options: fit.Options{Epochs: 10, Patience: 1, Average: 0.98, Monitor: "val_auc"},
	},
	"bidirectional": bidirectional,
	"with baseline": func() text.Config {
		c := bidirectional
		c.WithBaseline, c.ClassWeights, c.Average = true, "balanced", 0.98
		return c
	}(),
}

var tutorial = text.Config{
	Analysis: text.Analysis{Tokens: "words"}, MinCount: 1, MaxTokens: 64,
	Options: fit.Options{Epochs: 2, LearningRate: 0.002, Schedule: "cosine", Patience: 1, Monitor: "val_auc"},
}

var bidirectional = text.Config{
	Analysis: text.Analysis{Signs: true}, MaxTokens: 64, Affixes: 20000,
	Direction: "both", Units: 64, Pool: "max", Dropout: 0.4, RecurrentDropout: -1, WordDropout: 0.1,
	Options: fit.Options{Epochs: 10, Patience: 1, Average: 0.99},
}

// onADE fits a network to the corpus and judges it beside the baseline. With
// HoldOut -1 both are trained on the rows of validation too.
func onADE(t testing.TB, data text.Data, config text.Config) models.Report {
	t.Helper()
	ctx := context.Background()
	baseline := text.NewBaseline(linear)
	config.Classes = data.Classes
	model, train := text.New(config), data.Train
	if config.HoldOut == -1 {
		train = text.Dataset{Name: "train", X: slices.Concat(train.X, data.Validation.X), Y: slices.Concat(train.Y, data.Validation.Y)}
	} else {
		model.ValidateOn(data.Validation)
	}
	var answers [2][][]float64
	for i, m := range []models.Model[string, []int, []float64]{baseline, model} {
		if err := m.Fit(ctx, train); err != nil {
			t.Fatal(err)
		}
		var err error
		if answers[i], err = m.Predict(ctx, data.Test.X); err != nil {
			t.Fatal(err)
		}
	}
	report, err := text.Evaluate(answers[1], data.Test, text.Judging{
		Classes: data.Classes, Baseline: text.Answers{Probabilities: answers[0]}, Resamples: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// BenchmarkADE trains the networks on the ADE corpus until validation no longer
// gets better, with three seeds each, and reports the AUC and F1 of the test part
// and how they differ from the baseline's. Run it with -benchtime 1x.
func BenchmarkADE(b *testing.B) {
	needsXLA(b)
	data := open(b, "ade")
	for name, config := range adeNetworks {
		for config.Seed = 1; config.Seed <= 3; config.Seed++ {
			b.Run(fmt.Sprintf("%s/%d", name, config.Seed), func(b *testing.B) {
				for b.Loop() {
					report := onADE(b, data, config)
					for _, name := range []string{"auc", "f1"} {
						m, _ := report.Metric(name)
						b.ReportMetric(float64(m.Value), name)
					}
					b.Logf("%v", report.Tables[1].Rows)
				}
			})
		}
	}
}

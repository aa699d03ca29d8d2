package text_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

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
			r := rand.New(rand.NewPCG(1, 1))
			set := text.Dataset{}
			for i := range 640 {
				words := make([]string, c.length)
				for j := range words {
					words[j] = fmt.Sprintf("w%d", r.IntN(10000))
				}
				set.X, set.Y = append(set.X, strings.Join(words, " ")), append(set.Y, []int{i % 2})
			}
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

// BenchmarkADE trains the tutorial's LSTM and the best network we found on the
// ADE corpus and reports, of the test part, their AUC and F1 and how far their AUC
// is from the baseline's. Run it with -benchtime 1x.
func BenchmarkADE(b *testing.B) {
	needsXLA(b)
	ctx := context.Background()
	data := ade(b)
	baseline := text.NewBaseline(text.BaselineConfig{Classes: data.Classes, ClassWeights: "balanced", Terms: text.TFIDF{Analysis: text.Analysis{Tokens: "words"}}})
	if err := baseline.Fit(ctx, data.Train); err != nil {
		b.Fatal(err)
	}
	base, err := baseline.Predict(ctx, data.Test.X)
	if err != nil {
		b.Fatal(err)
	}
	signs := text.Analysis{Signs: true}
	for name, config := range map[string]text.Config{
		"tutorial": {Analysis: signs, MinCount: 1, MaxTokens: 64, Options: fit.Options{Epochs: 10, Patience: 1, Seed: 1}},
		"bidirectional": {
			Analysis: signs, MinCount: 1, MaxTokens: 64, Direction: "both", Units: 64, Pool: "max",
			Dropout: 0.4, RecurrentDropout: -1, WordDropout: 0.15,
			Options: fit.Options{Epochs: 10, Patience: 1, Average: 0.99, Seed: 1},
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				config.Classes = data.Classes
				model := text.New(config).ValidateOn(data.Validation)
				if err := model.Fit(ctx, data.Train); err != nil {
					b.Fatal(err)
				}
				probs, err := model.Predict(ctx, data.Test.X)
				if err != nil {
					b.Fatal(err)
				}
				report, err := text.Evaluate(probs, data.Test, text.Judging{Classes: data.Classes, Baseline: text.Answers{Probabilities: base}})
				if err != nil {
					b.Fatal(err)
				}
				for _, name := range []string{"auc", "f1"} {
					m, _ := report.Metric(name)
					b.ReportMetric(float64(m.Value), name)
				}
				b.Logf("%v", report.Tables[1].Rows[0])
			}
		})
	}
}

// abstracts reads the medical abstracts: which of five kinds of condition is
// each about?
func abstracts(b *testing.B) text.Dataset {
	b.Helper()
	file, err := os.Open(dataFile(b, "medical_abstracts", "medical_tc_test.csv"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	rows, err := text.ReadCSV(file, text.Columns{Text: "medical_abstract", Labels: "condition_label"})
	if err != nil {
		b.Fatal(err)
	}
	set, err := rows.Dataset("medical abstracts", rows.Classes())
	if err != nil {
		b.Fatal(err)
	}
	return set
}

// BenchmarkMedicalAbstracts reports the accuracy of baselines in five-fold
// cross-validation: with scikit-learn's words, and with clinical tokens, stop
// words out, stemmed, under a stronger penalty. Run it with -benchtime 1x.
func BenchmarkMedicalAbstracts(b *testing.B) {
	ctx := context.Background()
	set := abstracts(b)
	folds, err := text.Folds(set, 5, 0)
	if err != nil {
		b.Fatal(err)
	}
	for name, config := range map[string]text.BaselineConfig{
		"words":   {Terms: text.TFIDF{Analysis: text.Analysis{Tokens: "words"}}},
		"stemmed": {C: 1, Terms: text.TFIDF{Analysis: text.Analysis{StopWords: true, Signs: true, Stem: true}}},
	} {
		b.Run(name, func(b *testing.B) {
			config.Classes, config.ClassWeights = []string{"1", "2", "3", "4", "5"}, "balanced"
			for b.Loop() {
				right := 0
				for k, test := range folds {
					train := slices.Concat(slices.Concat(folds[:k]...), slices.Concat(folds[k+1:]...))
					model := text.NewBaseline(config)
					if err := model.Fit(ctx, text.Pick(set, "train", train)); err != nil {
						b.Fatal(err)
					}
					judged := text.Pick(set, "test", test)
					probs, err := model.Predict(ctx, judged.X)
					if err != nil {
						b.Fatal(err)
					}
					for i, p := range probs {
						if p[judged.Y[i][0]] == slices.Max(p) {
							right++
						}
					}
				}
				b.ReportMetric(float64(right)/float64(set.Len()), "accuracy")
			}
		})
	}
}

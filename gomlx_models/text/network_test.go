package text_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
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
// them, and the explanation of its answer is complete.
func TestSyntheticNotes(t *testing.T) {
	needsXLA(t)
	ctx := context.Background()
	data := text.Synthetic(text.SyntheticConfig{})
	answers := func(m models.Model[string, []int, []float64]) (probs [][]float64, auc float64) {
		t.Helper()
		start := time.Now()
		if err := m.Fit(ctx, data.Train); err != nil {
			t.Fatal(err)
		}
		probs, err := m.Predict(ctx, data.Test.X)
		if err != nil {
			t.Fatal(err)
		}
		positive, p := positives(data.Test, probs)
		auc = score.AUC(positive, p)
		t.Logf("%T: AUC %.4f in %v", m, auc, time.Since(start).Round(time.Millisecond))
		return probs, auc
	}
	base, auc := answers(text.NewBaseline(text.BaselineConfig{Classes: data.Classes}))
	if auc > 0.6 {
		t.Errorf("the baseline has AUC %.3f, want chance", auc)
	}
	lstm := text.New(text.Config{Classes: data.Classes, Embedding: 32, Units: 32,
		Options: fit.Options{Epochs: 5, LearningRate: 0.005, Seed: 1}}).ValidateOn(data.Validation)
	probs, auc := answers(lstm)
	if auc < 0.99 {
		t.Errorf("the LSTM has AUC %.3f, want at least 0.99", auc)
	}

	report, err := text.Evaluate(probs, data.Test, text.Judging{Classes: data.Classes, Baseline: text.Answers{Probabilities: base}, Notes: data.Notes, Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, table := range report.Tables {
		kinds = append(kinds, table.Kind)
	}
	if want := []string{"baseline", "comparison"}; !slices.Equal(kinds[:2], want) {
		t.Errorf("tables %q", kinds)
	}
	if !strings.Contains(report.Notes[0], "Synthetic") {
		t.Errorf("notes %q", report.Notes)
	}

	note := "Patient denies fever, dyspnea or rash. Patient reports cough, nausea or headache."
	explanation, err := lstm.IntegratedGradients(ctx, note, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := lstm.Predict(ctx, []string{note})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := lstm.IntegratedGradients(ctx, note, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The logits add up; their difference is the log odds.
	sum := func(e models.Explanation) float64 {
		s := e.Base
		for _, v := range e.Values {
			s += v
		}
		return s
	}
	if got, want := sum(explanation)-sum(empty), math.Log(p[0][1]/p[0][0]); math.Abs(got-want) > 0.05*math.Abs(want) {
		t.Errorf("integrated gradients add up to log odds of %.3f, want %.3f", got, want)
	}
	occlusion, err := lstm.Occlusion(ctx, note, 0)
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for i, v := range occlusion.Values {
		if v > occlusion.Values[most] {
			most = i
		}
	}
	if name := occlusion.Names[most]; name != "denies" && name != "dyspnea" {
		t.Errorf("%q matters most for %q, want the verb or the finding", name, occlusion.Answer)
	}
}

// notes are few synthetic notes with short training, for what does not depend
// on how well a model does.
func notes(multilabel bool) text.Dataset {
	set := text.Synthetic(text.SyntheticConfig{Notes: 128}).Train
	set.Group = nil
	if multilabel {
		for i, note := range set.X {
			set.Y[i] = nil
			for class, word := range []string{"denies", "aspirin", "cough"} {
				if strings.Contains(note, word) {
					set.Y[i] = append(set.Y[i], class)
				}
			}
		}
	}
	return set
}

func TestBaselineKeepsItsPromises(t *testing.T) {
	modeltest.Check(t, modeltest.Case[string, []int, []float64]{
		New: func(int64) models.Model[string, []int, []float64] {
			return text.NewBaseline(text.BaselineConfig{Classes: []string{"a", "b"}})
		},
		Train: notes(false), Numbers: numbers, Steps: true, BadFit: badLabels(2),
		Load: func(r io.Reader) (models.Model[string, []int, []float64], error) { return text.LoadBaseline(r) },
	})
}

// TestBaselineOfThreeClasses: the probabilities are those of scikit-learn 1.9,
// TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True) and
// LogisticRegression(C=10, class_weight="balanced", tol=1e-10).
func TestBaselineOfThreeClasses(t *testing.T) {
	ctx := context.Background()
	set := text.Dataset{
		X: []string{"fever and cough", "cough without fever", "chest pain and dyspnea", "severe chest pain", "rash after penicillin", "itchy rash and fever", "pain in chest", "dry cough"},
		Y: [][]int{{0}, {0}, {1}, {1}, {2}, {2}, {1}, {0}},
	}
	m := text.NewBaseline(text.BaselineConfig{Classes: []string{"a", "b", "c"}, ClassWeights: "balanced", Terms: text.TFIDF{MinCount: 1, Analysis: text.Analysis{Tokens: "words"}}})
	if err := m.Fit(ctx, set); err != nil {
		t.Fatal(err)
	}
	got, err := m.Predict(ctx, []string{"fever and rash", "cough", "pain"})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]float64{{0.446783, 0.127613, 0.425604}, {0.839972, 0.086236, 0.073792}, {0.136110, 0.746909, 0.116981}}
	for i := range want {
		for class := range want[i] {
			if math.Abs(got[i][class]-want[i][class]) > 1e-5 {
				t.Errorf("text %d: got %.6f, want %.6f", i, got[i], want[i])
				break
			}
		}
	}
}

func numbers(p []float64) []float64 { return p }

// badLabels are notes of which one has the labels y.
func badLabels(y ...int) map[string]text.Dataset {
	set := notes(false)
	set.Y[3] = y
	return map[string]text.Dataset{fmt.Sprintf("labels %d", y): set}
}

// TestNetworksKeepTheirPromises runs in a process of its own on GoMLX's Go
// backend, which needs no plugin and compiles nothing: XLA would take minutes for
// graphs that small.
func TestNetworksKeepTheirPromises(t *testing.T) {
	if os.Getenv("GOMLX_BACKEND") != "go" {
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		child.Env = append(os.Environ(), "GOMLX_BACKEND=go")
		if out, err := child.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	for name, config := range map[string]text.Config{
		"lstm":          {Direction: "both", WordDropout: 0.1, ClassWeights: "balanced"},
		"gru":           {Network: "gru", Layers: 2, Pool: "mean"},
		"transformer":   {Network: "transformer", Layers: 1, Pool: "max"},
		"with baseline": {Affixes: 100, WithBaseline: true},
		"multilabel":    {Network: "gru", Affixes: 100, WithBaseline: true, Classes: []string{"denies", "aspirin", "cough"}, Multilabel: true},
	} {
		t.Run(name, func(t *testing.T) {
			config.Embedding, config.Units = 8, 8
			config.Options = fit.Options{Epochs: 2, Batch: 16, Seed: 1}
			if config.Classes == nil {
				config.Classes = []string{"a", "b"}
			}
			modeltest.Check(t, modeltest.Case[string, []int, []float64]{
				New: func(seed int64) models.Model[string, []int, []float64] {
					c := config
					c.Seed = seed
					return text.New(c)
				},
				Train: notes(config.Multilabel), Numbers: numbers, Steps: true, Tolerance: 1e-5, BadFit: badLabels(0, 0, 7),
				Load: func(r io.Reader) (models.Model[string, []int, []float64], error) { return text.Load(r) },
			})
			if !config.Multilabel {
				gradientsAddUp(t, config)
			}
		})
	}
}

// gradientsAddUp checks that the integrated gradients of two classes differ by
// the log odds, but for what 64 midpoints leave: layer norms bend the path near zero.
func gradientsAddUp(t *testing.T, config text.Config) {
	t.Helper()
	ctx := context.Background()
	set := notes(false)
	config.LearningRate = 0.01
	m := text.New(config)
	if err := m.Fit(ctx, set); err != nil {
		t.Fatal(err)
	}
	p, err := m.Predict(ctx, set.X[:1])
	if err != nil {
		t.Fatal(err)
	}
	odds := 0.0
	for class, sign := range []float64{-1, 1} {
		e, err := m.IntegratedGradients(ctx, set.X[0], class)
		if err != nil {
			t.Fatal(err)
		}
		if gap := e.Gap(); math.Abs(gap) > 0.02*max(1, math.Abs(e.Total)) {
			t.Errorf("integrated gradients miss the logit %g by %g", e.Total, gap)
		}
		odds += sign * e.Base
		for _, v := range e.Values {
			odds += sign * v
		}
	}
	if want := math.Log(p[0][1] / p[0][0]); math.Abs(odds-want) > 0.02*max(1, math.Abs(want)) {
		t.Errorf("integrated gradients add up to log odds of %.4f, want %.4f", odds, want)
	}
}

func TestConfigMistakes(t *testing.T) {
	set := notes(false)
	f := func(want string, c text.Config) {
		t.Helper()
		if c.Classes == nil {
			c.Classes = []string{"a", "b"}
		}
		if err := text.New(c).Fit(context.Background(), set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", c, err, want)
		}
	}
	f("two or more", text.Config{Classes: []string{"a"}})
	f(`network is "cnn"`, text.Config{Network: "cnn"})
	f(`pool is "last"`, text.Config{Network: "transformer", Pool: "last"})
	f("multiple of the 4 heads", text.Config{Network: "transformer", Embedding: 30})
	f("dropout is 2", text.Config{Dropout: 2})
	f(`direction is "up"`, text.Config{Direction: "up"})
	f(`tokens is "x"`, text.Config{Analysis: text.Analysis{Tokens: "x"}})
	f(`class "c" has no text`, text.Config{Classes: []string{"a", "b", "c"}})
	f("no word occurs 9999 times", text.Config{MinCount: 9999})
	set = text.Pick(set, "few", []int{0, 8})
	f("2 texts are too few to hold out 0.1", text.Config{MinCount: 1})
}

// TestStarts: vectors and pretraining give training its start.
func TestStarts(t *testing.T) {
	needsXLA(t)
	ctx := context.Background()
	set := notes(false)
	config := text.Config{Classes: []string{"a", "b"}, Network: "transformer", Layers: 1, Embedding: 8, Heads: 2, Affixes: 50,
		Options: fit.Options{Epochs: 1, LearningRate: 1e-9, Seed: 1}}
	predict := func(m *text.Network) []float64 {
		t.Helper()
		if err := m.Fit(ctx, set); err != nil {
			t.Fatal(err)
		}
		p, err := m.Predict(ctx, set.X[:1])
		if err != nil {
			t.Fatal(err)
		}
		layers, err := m.Attention(ctx, set.X[0])
		if err != nil {
			t.Fatal(err)
		}
		n := layers[0].Shape[0]
		for row := range n {
			total := 0.0
			for _, v := range layers[0].Values[row*n : (row+1)*n] {
				total += v
			}
			if math.Abs(total-1) > 1e-5 {
				t.Fatalf("attention of word %d adds up to %g", row, total)
			}
		}
		return p[0]
	}
	plain := predict(text.New(config))
	vectors := &text.Vectors{Width: 8, Of: map[string][]float32{"dyspnea": {9, 0, 9, 0, 9, 0, 9, 0}}}
	if p := predict(text.New(config).StartFrom(vectors)); p[0] == plain[0] {
		t.Error("the vectors change nothing")
	}
	if p := predict(text.New(config).PretrainOn(set.X, fit.Options{Epochs: 2, Seed: 1})); p[0] == plain[0] {
		t.Error("pretraining changes nothing")
	}
	wrong := &text.Vectors{Width: 5, Of: map[string][]float32{}}
	if err := text.New(config).StartFrom(wrong).Fit(ctx, set); err == nil || !strings.Contains(err.Error(), "width 5") {
		t.Errorf("vectors of another width: error %v", err)
	}
}

func ExampleTable() {
	t := text.Table("Why pain", models.Explanation{Method: "occlusion", Names: []string{"no", "pain"}, Values: []float64{-0.1, 0.25}})
	fmt.Println(t.Kind, t.Columns, t.Rows)
	// Output: tokens [word occlusion] [[no -0.1] [pain 0.25]]
}

// TestBaselineExplanationAddsUp: the parts of the words and the constant are
// the log odds.
func TestBaselineExplanationAddsUp(t *testing.T) {
	ctx := context.Background()
	set := notes(false)
	m := text.NewBaseline(text.BaselineConfig{Classes: []string{"a", "b"}, Terms: text.TFIDF{CharNGrams: [2]int{3, 4}}})
	if err := m.Fit(ctx, set); err != nil {
		t.Fatal(err)
	}
	p, err := m.Predict(ctx, set.X[:1])
	if err != nil {
		t.Fatal(err)
	}
	e, err := m.Explain(ctx, set.X[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := e.Base
	for _, v := range e.Values {
		sum += v
	}
	odds := math.Log(p[0][1] / p[0][0])
	if e.Answer == "a" {
		odds = -odds
	}
	if math.Abs(sum-odds) > 1e-9 {
		t.Errorf("the parts add up to %g, want %g", sum, odds)
	}
	if math.Abs(e.Gap()) > 1e-9 {
		t.Errorf("the parts miss the total by %g", e.Gap())
	}
	if none, err := m.Weights(1, -1); err != nil || len(none) != 0 {
		t.Errorf("-1 weights: %v, %v", none, err)
	}
	top, err := m.Weights(1, 5)
	if err != nil || len(top) != 5 || top[0].Weight < top[4].Weight {
		t.Errorf("weights %+v, %v", top, err)
	}
}

// TestDamagedBaseline: a file in which something is missing is corrupt.
func TestDamagedBaseline(t *testing.T) {
	m := text.NewBaseline(text.BaselineConfig{Classes: []string{"a", "b"}})
	if err := m.Fit(context.Background(), notes(false)); err != nil {
		t.Fatal(err)
	}
	var saved bytes.Buffer
	if err := m.Save(&saved); err != nil {
		t.Fatal(err)
	}
	for _, path := range [][2]string{{"vectorizer", "idf"}, {"vectorizer", "terms"}, {"model", "weights"}, {"model", "constants"}} {
		zip, err := gzip.NewReader(bytes.NewReader(saved.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		var content map[string]any
		if err := json.NewDecoder(zip).Decode(&content); err != nil {
			t.Fatal(err)
		}
		part := content[path[0]].(map[string]any)
		part[path[1]] = part[path[1]].([]any)[1:]
		damaged, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := text.LoadBaseline(bytes.NewReader(damaged)); !errors.Is(err, fit.ErrCorrupt) {
			t.Errorf("without the first of %s: error %v", path, err)
		}
	}
}

// TestEvaluate judges each kind of labels.
func TestEvaluate(t *testing.T) {
	three := text.Dataset{Name: "test", X: []string{"x", "y", "z", "w"}, Y: [][]int{{0}, {1}, {2}, {0}}}
	probs := [][]float64{{.8, .1, .1}, {.1, .8, .1}, {.2, .7, .1}, {.6, .2, .2}}
	report, err := text.Evaluate(probs, three, text.Judging{Classes: []string{"a", "b", "c"}, Resamples: -1})
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := report.Metric("accuracy"); !ok || m.Value != 0.75 {
		t.Errorf("accuracy %v", m)
	}
	mistakes := report.Tables[len(report.Tables)-1]
	if want := []string{"2", "c", "b", "0.700", "z"}; len(mistakes.Rows) != 1 || !slices.Equal(mistakes.Rows[0], want) {
		t.Errorf("mistakes %q, want %q", mistakes.Rows, want)
	}
	if !strings.Contains(report.Notes[0], "No baseline") {
		t.Errorf("notes %q", report.Notes)
	}
	report, err = text.Evaluate(probs[:2], text.Pick(three, "test", []int{0, 1}), text.Judging{Classes: []string{"a", "b", "c"}, Resamples: -1})
	if err != nil {
		t.Fatal(err)
	}
	if last := report.Notes[len(report.Notes)-1]; last != "No call is a mistake." || report.Tables[len(report.Tables)-1].Kind == "mistakes" {
		t.Errorf("without mistakes: note %q, tables %+v", last, report.Tables)
	}
	several := text.Dataset{X: []string{"x", "y"}, Y: [][]int{{0, 1}, nil}}
	report, err = text.Evaluate([][]float64{{.9, .2}, {.1, .1}}, several, text.Judging{Classes: []string{"a", "b"}, Multilabel: true, Resamples: -1})
	if err != nil {
		t.Fatal(err)
	}
	mistakes = report.Tables[len(report.Tables)-1]
	if want := []string{"0", "b", "not b", "0.800", "x"}; len(mistakes.Rows) != 1 || !slices.Equal(mistakes.Rows[0], want) {
		t.Errorf("mistakes %q, want %q", mistakes.Rows, want)
	}
	if _, err := text.Evaluate(probs[:1], three, text.Judging{Classes: []string{"a", "b", "c"}}); err == nil {
		t.Error("too few answers are no error")
	}
	unlabelled := text.Dataset{X: three.X}
	if _, err := text.Evaluate(probs, unlabelled, text.Judging{Classes: []string{"a", "b", "c"}}); err == nil || !strings.Contains(err.Error(), "labels for 0") {
		t.Errorf("texts without labels: error %v", err)
	}
	if _, err := text.Operating([][]float64{{.9, .2}, {.1, .1}}, several, score.Youden); err == nil || !strings.Contains(err.Error(), "row 0 has 2 labels") {
		t.Errorf("a threshold of texts with several labels: error %v", err)
	}
}

// TestMistakesAreCalledAtTheThreshold: what the frozen threshold calls rightly is
// no mistake, and its wards are told apart.
func TestMistakesAreCalledAtTheThreshold(t *testing.T) {
	set := text.Dataset{Name: "test", X: []string{"x", "y", "z"}, Y: [][]int{{1}, {0}, {0}}}
	report, err := text.Evaluate([][]float64{{.7, .3}, {.6, .4}, {.9, .1}}, set, text.Judging{
		Classes: []string{"a", "b"}, Operating: score.Operating{Threshold: 0.2, Rule: "given"}, Resamples: -1,
		Subgroups: []score.Subgroup{{Name: "ward", Of: []string{"1", "1", "2"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	mistakes := report.Tables[len(report.Tables)-1]
	if want := []string{"1", "a", "b", "0.400", "y"}; len(mistakes.Rows) != 1 || !slices.Equal(mistakes.Rows[0], want) {
		t.Errorf("mistakes %q, want %q", mistakes.Rows, want)
	}
	if !slices.ContainsFunc(report.Tables, func(t models.Table) bool { return t.Kind == "subgroups" && len(t.Rows) == 2 }) {
		t.Errorf("no table of wards in %+v", report.Tables)
	}
}

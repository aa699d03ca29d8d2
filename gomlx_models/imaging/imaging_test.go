package imaging_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/imaging"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
)

func needBackend(t *testing.T) {
	t.Helper()
	if _, err := fit.Backend(); err != nil {
		t.Skip(err)
	}
}

// stripes are small films: class 1 has a bright bar, on the right if there is one.
func stripes(n int) imaging.Dataset {
	set := imaging.Dataset{Name: "stripes"}
	for i := range n {
		p := imaging.NewPixels(10, 12, 1)
		for j := range p.Values {
			p.Values[j] = uint8(40 + (7*i+13*j)%50)
			if i%2 == 1 && j%12 >= 8 {
				p.Values[j] += 120
			}
		}
		set.X = append(set.X, imaging.Of(fmt.Sprintf("film %d", i), p))
		set.Y = append(set.Y, i%2)
	}
	return set
}

func small(seed int64) imaging.Config {
	return imaging.Config{
		Classes: []string{"plain", "bar"}, Filters: []int{4, 8}, Dense: 16, BatchNorm: true, Dropout: 0.2,
		Augment: imaging.Augment{Rotate: 5, Shift: 0.05, Noise: 0.02, Contrast: 0.1},
		Epochs:  6, Batch: 8, LearningRate: 0.01, Seed: seed,
	}
}

func TestCNNKeepsThePromises(t *testing.T) {
	needBackend(t)
	one := stripes(20)
	one.Y = make([]int, 20)
	wrong := imaging.Of("wide", imaging.NewPixels(10, 40, 1))
	mixed := stripes(20)
	mixed.X[7] = wrong
	label := stripes(20)
	label.Y[3] = 2
	modeltest.Check(t, modeltest.Case[imaging.Film, int, []float64]{
		New:     func(seed int64) models.Model[imaging.Film, int, []float64] { return imaging.New(small(seed)) },
		Train:   stripes(40),
		Numbers: func(p []float64) []float64 { return p },
		Steps:   true,
		Load: func(r io.Reader) (models.Model[imaging.Film, int, []float64], error) {
			m, err := imaging.Load(r)
			return m, err
		},
		BadFit: map[string]models.Dataset[imaging.Film, int]{
			"one class only": one, "films of two sizes": mixed, "a label of no class": label,
		},
		BadInput: map[string]imaging.Film{
			"a film of another size": wrong,
			"a film with no picture": {Name: "empty"},
			"a picture too short":    imaging.Of("short", imaging.Pixels{Height: 10, Width: 12, Channels: 1, Values: make([]uint8, 5)}),
			"a file that is missing": imaging.File(os.DirFS(t.TempDir()), "nowhere.png"),
		},
	})
}

// bars are small films with a bright bar on the left, on the right, on both
// sides, or none.
func bars(n int) imaging.Findings {
	set := imaging.Findings{Name: "bars"}
	for i := range n {
		y := []bool{i%2 == 1, i/2%2 == 1}
		p := imaging.NewPixels(8, 12, 1)
		for j := range p.Values {
			p.Values[j] = uint8(40 + (7*i+13*j)%50)
			if y[0] && j%12 < 3 || y[1] && j%12 >= 9 {
				p.Values[j] += 120
			}
		}
		set.X = append(set.X, imaging.Of(fmt.Sprintf("film %d", i), p))
		set.Y = append(set.Y, y)
	}
	return set
}

func TestMultiLabelEnsembleKeepsThePromises(t *testing.T) {
	needBackend(t)
	always := bars(20)
	for _, y := range always.Y {
		y[1] = true
	}
	narrow := bars(20)
	narrow.Y[3] = []bool{true}
	cfg := func(seed int64) imaging.Config {
		return imaging.Config{
			Classes: []string{"left", "right"}, Filters: []int{4}, Dense: 8, ClassWeights: "balanced", Focal: 1, Ensemble: 2,
			Options: fit.Options{Epochs: 12, Batch: 8, LearningRate: 0.02, Seed: seed},
		}
	}
	modeltest.Check(t, modeltest.Case[imaging.Film, []bool, []float64]{
		New: func(seed int64) models.Model[imaging.Film, []bool, []float64] {
			return imaging.NewMultiLabel(cfg(seed))
		},
		Train:   bars(32),
		Numbers: func(p []float64) []float64 { return p },
		Steps:   true,
		Load: func(r io.Reader) (models.Model[imaging.Film, []bool, []float64], error) {
			m, err := imaging.LoadMultiLabel(r)
			return m, err
		},
		BadFit: map[string]models.Dataset[imaging.Film, []bool]{
			"a label that all films have": always, "a row with one label": narrow,
		},
	})

	ctx := context.Background()
	m := imaging.NewMultiLabel(cfg(1))
	if err := m.Fit(ctx, bars(64)); err != nil {
		t.Fatal(err)
	}
	test := bars(30)
	probs, err := m.Predict(ctx, test.X)
	if err != nil {
		t.Fatal(err)
	}
	report, err := imaging.Evaluate(probs, test, imaging.Judging{Classes: []string{"left", "right"}, Resamples: -1})
	if err != nil {
		t.Fatal(err)
	}
	if auc, _ := report.Metric("auc_macro"); !(auc.Value > 0.99) {
		t.Errorf("the mean AUC of two labels is %g", auc.Value)
	}
	if !slices.ContainsFunc(report.Notes, func(note string) bool { return strings.HasPrefix(note, "No audit") }) {
		t.Errorf("the report does not say that there was no audit: %q", report.Notes)
	}
	// Of a film with both bars, each label's gradients are in its own half.
	both := test.X[3]
	for label, name := range []string{"left", "right"} {
		e, err := m.IntegratedGradients(ctx, both, label)
		if err != nil {
			t.Fatal(err)
		}
		halves := [2]float64{}
		for i, v := range e.Values {
			halves[i%12/6] += v
		}
		if !(halves[label] > halves[1-label]) {
			t.Errorf("%s: the halves add %.3f", name, halves)
		}
		if gap := e.Gap(); math.Abs(gap) > 0.01*math.Abs(e.Total-e.Base) {
			t.Errorf("%s: the gradients miss %.4f − %.4f by %.4f", name, e.Total, e.Base, gap)
		}
	}
	if _, err := imaging.Load(strings.NewReader("")); err == nil {
		t.Error("nothing was loaded without an error")
	}
}

func TestAnEnsembleIsTheMeanOfItsMembers(t *testing.T) {
	needBackend(t)
	ctx := context.Background()
	cfg := small(5)
	cfg.Epochs, cfg.BatchNorm, cfg.Filters, cfg.Crop, cfg.Normalize = 2, false, []int{4}, 8, "window"
	train, validation, test := stripes(32), stripes(16), stripes(6)
	predict := func(cfg imaging.Config) [][]float64 {
		m := imaging.New(cfg).ValidateOn(validation)
		if err := m.Fit(ctx, train); err != nil {
			t.Fatal(err)
		}
		probs, err := m.Predict(ctx, test.X)
		if err != nil {
			t.Fatal(err)
		}
		return probs
	}
	first := predict(cfg)
	cfg.Seed = 6
	second := predict(cfg)
	cfg.Seed, cfg.Ensemble = 5, 2
	for i, p := range predict(cfg) {
		if want := (first[i][1] + second[i][1]) / 2; math.Abs(p[1]-want) > 1e-6 {
			t.Errorf("film %d: %g, want the mean %g of %g and %g", i, p[1], want, first[i][1], second[i][1])
		}
	}
}

func TestPatientsOnTwoSidesAreAnError(t *testing.T) {
	train, validation := stripes(16), stripes(4)
	for i := range train.Len() {
		train.Group = append(train.Group, fmt.Sprint("p", i))
	}
	validation.Group = []string{"q0", "p3", "q2", "p3"}
	err := imaging.New(small(1)).ValidateOn(validation).Fit(context.Background(), train)
	if !errors.Is(err, imaging.ErrLeak) || !strings.Contains(err.Error(), "p3") || strings.Contains(err.Error(), "q0") {
		t.Errorf("got error %v", err)
	}
}

func TestEveryNetworkLearnsStripes(t *testing.T) {
	needBackend(t)
	f := func(name string, change func(*imaging.Config)) *imaging.CNN {
		t.Helper()
		cfg := small(1)
		cfg.Epochs, cfg.BatchNorm, cfg.Dropout, cfg.Augment = 12, false, 0, imaging.Augment{}
		change(&cfg)
		m := imaging.New(cfg)
		if err := m.Fit(context.Background(), stripes(64)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		test := stripes(30)
		probs, err := m.Predict(context.Background(), test.X)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		report, err := imaging.Evaluate(probs, test, imaging.Judging{Classes: cfg.Classes, Resamples: -1})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if auc, _ := report.Metric("auc"); !(auc.Value > 0.95) {
			t.Errorf("%s: AUC %.3f", name, float64(auc.Value))
		}
		return m
	}
	f("cnn", func(*imaging.Config) {})
	f("balanced focal loss, normalised by film", func(c *imaging.Config) {
		c.ClassWeights, c.Focal, c.Normalize = "balanced", 2, "film"
	})
	f("schedule, average, in colour, resized", func(c *imaging.Config) {
		c.Normalize, c.Schedule, c.Warmup, c.Average, c.Channels, c.Size = "data", "cosine", 5, 0.9, 3, 14
	})
	residual := f("resnet18", func(c *imaging.Config) { c.Network, c.Filters = "resnet18", []int{4, 8} })
	pointsAtTheBar(t, residual.GradCAM)
}

func TestIntegratedGradientsAreComplete(t *testing.T) {
	needBackend(t)
	for _, normalize := range []string{"data", "film"} {
		t.Run(normalize, func(t *testing.T) { completeGradients(t, normalize) })
	}
}

func completeGradients(t *testing.T, normalize string) {
	cfg := small(1)
	cfg.Normalize = normalize
	m := imaging.New(cfg)
	if err := m.Fit(context.Background(), stripes(64)); err != nil {
		t.Fatal(err)
	}
	film := stripes(2).X[1]
	probs, err := m.Predict(context.Background(), []imaging.Film{film})
	if err != nil {
		t.Fatal(err)
	}
	// Logits are known up to a shift that is the same for both classes: the
	// difference of two explanations must be the difference of log-odds.
	var logit [2]float64
	for class := range logit {
		e, err := m.IntegratedGradients(context.Background(), film, class)
		if err != nil {
			t.Fatal(err)
		}
		logit[class] = e.Base
		for _, v := range e.Values {
			logit[class] += v
		}
	}
	got, want := logit[1]-logit[0], math.Log(probs[0][1]/probs[0][0])
	if math.Abs(got-want) > 0.01*math.Abs(want) {
		t.Errorf("the values add up to log-odds of %.4f, the model says %.4f", got, want)
	}
}

// pointsAtTheBar explains the class of a film with a bar.
func pointsAtTheBar(t *testing.T, method func(context.Context, imaging.Film, int) (models.Explanation, error)) {
	t.Helper()
	e, err := method(context.Background(), stripes(2).X[1], 1)
	if err != nil {
		t.Fatal(err)
	}
	var bar, rest float64
	for i, v := range e.Values {
		if i%12 >= 8 {
			bar += v / 40
		} else {
			rest += v / 80
		}
	}
	if bar <= rest {
		t.Errorf("%s: %.4f a pixel in the bar, %.4f elsewhere", e.Method, bar, rest)
	}
}

func TestExplanationsPointAtTheBar(t *testing.T) {
	needBackend(t)
	cfg := small(1)
	cfg.Augment = imaging.Augment{}
	cfg.Epochs = 12
	m := imaging.New(cfg)
	if err := m.Fit(context.Background(), stripes(64)); err != nil {
		t.Fatal(err)
	}
	film := stripes(2).X[1]
	for _, method := range []func(context.Context, imaging.Film, int) (models.Explanation, error){
		m.IntegratedGradients, m.Occlusion,
	} {
		pointsAtTheBar(t, method)
	}
	if _, err := m.GradCAM(context.Background(), film, 2); err == nil || !strings.Contains(err.Error(), "class 2") {
		t.Errorf("class 2 of 2: got error %v", err)
	}
}

func TestConfigErrorsAreSentences(t *testing.T) {
	f := func(change func(*imaging.Config), want string) {
		t.Helper()
		cfg := small(1)
		change(&cfg)
		if err := imaging.New(cfg).Fit(context.Background(), stripes(20)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
	f(func(c *imaging.Config) { c.Classes = []string{"one"} }, "two or more")
	f(func(c *imaging.Config) { c.Channels = 2 }, "channels is 2")
	f(func(c *imaging.Config) { c.Network = "vgg" }, `network is "vgg"`)
	f(func(c *imaging.Config) { c.Filters = []int{4, 4, 4, 4} }, "too small")
	f(func(c *imaging.Config) { c.Network, c.Filters = "resnet18", []int{} }, "at least one block")
	f(func(c *imaging.Config) { c.Dropout = 1 }, "dropout is 1")
	f(func(c *imaging.Config) { c.Augment.Shift = math.NaN() }, "shift is NaN")
	f(func(c *imaging.Config) { c.Normalize = "batch" }, `normalize is "batch"`)
	f(func(c *imaging.Config) { c.ClassWeights = "3" }, `class weights is "3"`)
	f(func(c *imaging.Config) { c.HoldOut = 1 }, "hold-out is 1")
}

package fit_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
)

func TestMain(m *testing.M) {
	if _, err := fit.Backend(); err != nil {
		println("tests of fit are skipped:", err.Error())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// line is rows of x and y = 2x₀ - x₁ + 1.
type line struct{ x [][2]float32 }

func (l line) Len() int { return len(l.x) }

func (l line) Batch(_ int, rows []int) (inputs, labels []*tensors.Tensor, err error) {
	var xs, ys []float32
	for _, row := range rows {
		x := l.x[row]
		xs, ys = append(xs, x[0], x[1]), append(ys, 2*x[0]-x[1]+1)
	}
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(xs, len(rows), 2)},
		[]*tensors.Tensor{tensors.FromFlatDataAndDimensions(ys, len(rows), 1)}, nil
}

func points(n int) line {
	var l line
	for i := range n {
		l.x = append(l.x, [2]float32{float32(math.Sin(float64(i))), float32(math.Cos(float64(3 * i)))})
	}
	return l
}

func dense(scope *model.Scope, inputs []*Node) *Node {
	return layers.DenseWithBias(scope.In("dense"), inputs[0], 1)
}

func squared(labels, outputs []*Node) *Node { return Square(Sub(labels[0], outputs[0])) }

// watcher keeps what it was told, as a run would.
type watcher struct {
	planned int64
	steps   []int64
	seen    map[string][]float64
	failAt  int64
	stop    context.CancelFunc
	stopAt  int64
}

func (w *watcher) Plan(steps int64) { w.planned = steps }

func (w *watcher) Step(step int64, names []string, values []float64) error {
	if w.seen == nil {
		w.seen = map[string][]float64{}
	}
	w.steps = append(w.steps, step)
	for i, name := range names {
		w.seen[name] = append(w.seen[name], values[i])
	}
	if step == w.stopAt {
		w.stop()
	}
	if step == w.failAt {
		return errDisk
	}
	return nil
}

var errDisk = errors.New("disk full")

func lineJob() fit.Job {
	return fit.Job{
		Graph: dense, Loss: squared, Train: points(100), Validation: points(37),
		Options: fit.Options{Epochs: 60, Batch: 10, LearningRate: 0.05, Seed: 1},
	}
}

func TestTrainLearnsALine(t *testing.T) {
	var w watcher
	network, err := fit.Train(context.Background(), lineJob(), &w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := network.Predict(context.Background(), points(5))
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range points(5).x {
		want := 2*x[0] - x[1] + 1
		if math.Abs(float64(got[i]-want)) > 1e-2 {
			t.Errorf("row %d: got %g, want %g", i, got[i], want)
		}
	}
	if w.planned != 600 {
		t.Errorf("planned %d steps, want 600", w.planned)
	}
	if w.steps[0] != 1 {
		t.Errorf("the first step is %d, want 1", w.steps[0])
	}
	if got, want := len(w.seen["val_loss"]), len(w.seen["epoch"]); got != want || got == 0 {
		t.Errorf("%d validations in %d epochs", got, want)
	}
	if got := network.Parameters(); got != 3 {
		t.Errorf("%d parameters, want 3", got)
	}
}

func TestTrainGivesTheSameBitsTwice(t *testing.T) {
	job := lineJob()
	job.Epochs, job.Average, job.Schedule, job.Warmup = 5, 0.9, "cosine", 7
	job.Graph = func(scope *model.Scope, inputs []*Node) *Node {
		x := layers.DenseWithBias(scope.In("hidden"), inputs[0], 8)
		x = layers.DropoutStatic(scope.In("dropout"), norm.BatchNorm(scope.In("norm"), x, -1).Done(), 0.2)
		return layers.DenseWithBias(scope.In("dense"), x, 1)
	}
	var first []float32
	for range 2 {
		network, err := fit.Train(context.Background(), job)
		if err != nil {
			t.Fatal(err)
		}
		outputs, err := network.Predict(context.Background(), points(33))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = outputs
		}
		for i := range outputs {
			if math.Float32bits(outputs[i]) != math.Float32bits(first[i]) {
				t.Fatalf("row %d: %g and %g", i, first[i], outputs[i])
			}
		}
	}
}

func TestTrainKeepsTheBestEpoch(t *testing.T) {
	job := lineJob()
	job.Epochs, job.Patience, job.Monitor = 10, 3, "val_score"
	epochs := 0
	job.Judge = func(outputs []float32) ([]string, []float64) {
		if len(outputs) != 37 {
			t.Errorf("judged on %d rows, want 37", len(outputs))
		}
		epochs++
		return []string{"val_score"}, []float64{map[int]float64{1: 0.5, 2: 0.9}[epochs]} // best in the second epoch
	}
	var w watcher
	stopped, err := fit.Train(context.Background(), job, &w)
	if err != nil {
		t.Fatal(err)
	}
	if epochs != 5 {
		t.Errorf("stopped after %d epochs, want 2 and 3 in vain", epochs)
	}
	job.Epochs, job.Judge, job.Validation = 2, nil, nil
	two, err := fit.Train(context.Background(), job)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := stopped.Predict(context.Background(), points(9))
	want, _ := two.Predict(context.Background(), points(9))
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("row %d: got %g, want what two epochs gave, %g", i, got[i], want[i])
		}
	}
}

func TestTrainStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	w := watcher{stop: cancel, stopAt: 7}
	if _, err := fit.Train(ctx, lineJob(), &w); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got error %v", err)
	}
	if last := w.steps[len(w.steps)-1]; last != 7 {
		t.Errorf("cancelled at step 7, the last step was %d", last)
	}
	w = watcher{failAt: 3}
	if _, err := fit.Train(context.Background(), lineJob(), &w); !errors.Is(err, errDisk) {
		t.Errorf("observer failed: got error %v", err)
	}
	if len(w.steps) != 3 {
		t.Errorf("observer failed at step 3, saw %d steps", len(w.steps))
	}
}

func TestTrainErrorsAreSentences(t *testing.T) {
	f := func(change func(*fit.Job), want string) {
		t.Helper()
		job := lineJob()
		change(&job)
		if _, err := fit.Train(context.Background(), job); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
	f(func(j *fit.Job) { j.Train = points(0) }, "no rows")
	f(func(j *fit.Job) { j.Epochs = -1 }, "epochs is -1")
	f(func(j *fit.Job) { j.LearningRate = math.NaN() }, "learning rate is NaN")
	f(func(j *fit.Job) { j.LearningRate = 1e30 }, "the loss is")
	f(func(j *fit.Job) { j.Schedule = "steps" }, `schedule is "steps"`)
	f(func(j *fit.Job) { j.Monitor = "val_auc" }, `monitor is "val_auc"`)
	f(func(j *fit.Job) {
		j.Graph = func(scope *model.Scope, inputs []*Node) *Node { return Reshape(inputs[0], 7) }
	}, "requested size 7")
}

func TestSaveAndLoad(t *testing.T) {
	network, err := fit.Train(context.Background(), lineJob())
	if err != nil {
		t.Fatal(err)
	}
	var saved bytes.Buffer
	if err := network.Save(&saved, "fit.line", fit.Options{Seed: 4}); err != nil {
		t.Fatal(err)
	}
	var config fit.Options
	weights, err := fit.Load(bytes.NewReader(saved.Bytes()), "fit.line", &config)
	if err != nil {
		t.Fatal(err)
	}
	if config.Seed != 4 {
		t.Errorf("configuration came back as %+v", config)
	}
	loaded, err := fit.Restore(dense, weights, 10)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := network.Predict(context.Background(), points(21))
	got, err := loaded.Predict(context.Background(), points(21))
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("row %d: got %g, want %g", i, got[i], want[i])
		}
	}
	if _, err := fit.Load(bytes.NewReader(saved.Bytes()), "text.LSTM", &config); err == nil || !strings.Contains(err.Error(), "fit.line") {
		t.Errorf("another kind: got error %v", err)
	}
	for _, damage := range []func([]byte) []byte{
		func(b []byte) []byte { return b[:len(b)-1] },
		func(b []byte) []byte { return b[:20] },
		func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		func([]byte) []byte { return nil },
	} {
		if _, err := fit.Load(bytes.NewReader(damage(bytes.Clone(saved.Bytes()))), "fit.line", &config); !errors.Is(err, fit.ErrCorrupt) {
			t.Errorf("damaged: got error %v", err)
		}
	}
}

var _ models.Planner = (*watcher)(nil)

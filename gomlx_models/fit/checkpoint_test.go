package fit_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
)

// keeper is a watcher that keeps states, as a run does.
type keeper struct {
	watcher
	last []byte   // of the process that was cut off
	kept [][]byte // in this one
	log  []string // what was seen, bit for bit
}

func (k *keeper) Resume() ([]byte, func([]byte) error, error) {
	return k.last, func(state []byte) error {
		k.kept = append(k.kept, bytes.Clone(state))
		return nil
	}, nil
}

func (k *keeper) Step(step int64, names []string, values []float64) error {
	for i, name := range names {
		k.log = append(k.log, fmt.Sprintf("%d %s %x", step, name, math.Float64bits(values[i])))
	}
	return k.watcher.Step(step, names, values)
}

var _ models.Resumer = (*keeper)(nil)

// randomJob has everything whose state a checkpoint has to hold.
func randomJob() fit.Job {
	job := lineJob()
	job.Epochs, job.Average, job.Schedule, job.Warmup = 6, 0.9, "cosine", 7
	job.Graph = func(scope *model.Scope, inputs []*Node) *Node {
		x := layers.DenseWithBias(scope.In("hidden"), inputs[0], 8)
		x = layers.DropoutStatic(scope.In("dropout"), norm.BatchNorm(scope.In("norm"), x, -1).Done(), 0.2)
		return layers.DenseWithBias(scope.In("dense"), x, 1)
	}
	return job
}

func outputs(t *testing.T, network *fit.Network) []float32 {
	t.Helper()
	got, err := network.Predict(context.Background(), points(33))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// A training that goes on from a checkpoint gives the same points and weights,
// bit for bit, as one that was never stopped.
func TestATrainingGoesOnFromItsCheckpoint(t *testing.T) {
	f := func(name string, job fit.Job, stops ...int64) {
		t.Helper()
		var whole keeper
		network, err := fit.Train(context.Background(), job, &whole)
		if err != nil {
			t.Fatal(err)
		}
		want := outputs(t, network)
		for _, stopAt := range stops {
			ctx, cancel := context.WithCancel(context.Background())
			stopped := keeper{watcher: watcher{stop: cancel, stopAt: stopAt}}
			if _, err := fit.Train(ctx, job, &stopped); err == nil || len(stopped.kept) != 1 {
				t.Fatalf("%s: stopped at step %d: error %v and %d states kept, want an error and one state", name, stopAt, err, len(stopped.kept))
			}
			resumed := keeper{last: stopped.kept[0]}
			network, err := fit.Train(context.Background(), job, &resumed)
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Concat(stopped.log, resumed.log); !slices.Equal(got, whole.log) {
				t.Errorf("%s: stopped at step %d: the two processes saw\n%q\nwant\n%q", name, stopAt, got, whole.log)
			}
			if got := outputs(t, network); !slices.Equal(got, want) {
				t.Errorf("%s: stopped at step %d: the network gives %v, want %v", name, stopAt, got[:5], want[:5])
			}
		}
	}
	f("everything random", randomJob(), 23, 40) // in an epoch, at the end of one
	all := lineJob()
	all.Batch, all.Epochs = -1, 6
	f("all rows in a batch", all, 3, 6)
	early := lineJob()
	early.Patience, early.LearningRate = 1, 0.3
	f("stopping early", early, 25)
	blind := lineJob()
	blind.Validation, blind.Epochs = nil, 6
	f("without validation", blind, 31)
}

// A process that is killed leaves what it kept while it trained.
func TestCheckpointsWhileTraining(t *testing.T) {
	job := lineJob()
	job.Epochs, job.CheckpointEpochs = 6, 2
	var whole keeper
	network, err := fit.Train(context.Background(), job, &whole)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole.kept) != 4 {
		t.Fatalf("%d states were kept of six epochs, want three and the result", len(whole.kept))
	}
	for i, state := range whole.kept {
		resumed := keeper{last: state}
		again, err := fit.Train(context.Background(), job, &resumed)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(outputs(t, again), outputs(t, network)) {
			t.Errorf("from state %d on the network is another one", i)
		}
		if n := len(resumed.log); n > len(whole.log) || !slices.Equal(resumed.log, whole.log[len(whole.log)-n:]) || i == 3 && n > 0 {
			t.Errorf("from state %d on the points are %q", i, resumed.log)
		}
	}

	job.CheckpointEpochs, job.CheckpointSeconds = 0, 1e-6
	var often keeper
	if _, err := fit.Train(context.Background(), job, &often); err != nil || len(often.kept) < 3 {
		t.Errorf("%d states were kept, %v; want many", len(often.kept), err)
	}
	if !slices.Equal(often.log, whole.log) {
		t.Error("keeping states changes the points")
	}
	job.CheckpointEpochs, job.CheckpointSeconds = 1, -1
	var never keeper
	if _, err := fit.Train(context.Background(), job, &never); err != nil || never.kept != nil {
		t.Errorf("%d states were kept, %v; want none", len(never.kept), err)
	}
}

func TestCheckpointOfAnotherTraining(t *testing.T) {
	job := lineJob()
	job.Epochs, job.CheckpointEpochs = 2, 1
	var k keeper
	if _, err := fit.Train(context.Background(), job, &k); err != nil {
		t.Fatal(err)
	}
	f := func(change func(*fit.Job, *keeper), want string) {
		t.Helper()
		job, k := job, keeper{last: k.kept[0]}
		change(&job, &k)
		if _, err := fit.Train(context.Background(), job, &k); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
	f(func(j *fit.Job, _ *keeper) { j.LearningRate = 0.01 }, "of another training")
	f(func(j *fit.Job, _ *keeper) { j.Train = points(90) }, "of another training: of 100 rows")
	f(func(j *fit.Job, _ *keeper) { j.Train = line{points(110).x[10:]} }, "on other rows")
	f(func(_ *fit.Job, k *keeper) { k.last = k.last[:40] }, "checkpoint: ")
}

package imaging_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/imaging"
)

// keeper keeps the states of trainings, as a run does.
type keeper struct {
	last      map[int][]byte // by training, of the process that was cut off
	kept      map[int][]byte
	trainings int
	log       []string
	stopAt    int64
	stop      context.CancelFunc
}

func (k *keeper) Resume() ([]byte, func([]byte) error, error) {
	k.trainings++
	n := k.trainings
	return k.last[n], func(state []byte) error { k.kept[n] = bytes.Clone(state); return nil }, nil
}

func (k *keeper) Step(step int64, names []string, values []float64) error {
	k.log = append(k.log, fmt.Sprintln(step, names, values))
	if step == k.stopAt {
		k.stop()
	}
	return nil
}

// An ensemble goes on in the member in which it was stopped.
func TestAnEnsembleGoesOn(t *testing.T) {
	needBackend(t)
	const perMember = 3 * 4 // epochs of as many batches
	cfg := imaging.Config{
		Classes: []string{"plain", "striped"}, Filters: []int{4}, Dense: 8, Ensemble: 2,
		Options: fit.Options{Epochs: 3, Batch: 8, Seed: 1, CheckpointEpochs: 1},
	}
	train := func(ctx context.Context, k *keeper) (*imaging.CNN, error) {
		k.kept = map[int][]byte{}
		m := imaging.New(cfg)
		return m, m.Fit(ctx, stripes(32), k)
	}
	var whole keeper
	want, err := train(context.Background(), &whole)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := keeper{stopAt: perMember + 6, stop: cancel}
	if _, err := train(ctx, &stopped); err == nil || len(stopped.kept) != 2 {
		t.Fatalf("stopped in the second member: error %v, states of %d trainings; want an error and two", err, len(stopped.kept))
	}
	resumed := keeper{last: stopped.kept}
	got, err := train(context.Background(), &resumed)
	if err != nil {
		t.Fatal(err)
	}
	if seen := slices.Concat(stopped.log, resumed.log); !slices.Equal(seen, whole.log) {
		t.Errorf("the two processes saw\n%q\nwant\n%q", seen, whole.log)
	}
	films := stripes(6).X
	a, errA := got.Predict(context.Background(), films)
	b, errB := want.Predict(context.Background(), films)
	if errA != nil || errB != nil || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("the resumed ensemble says %v, %v; want %v, %v", a, errA, b, errB)
	}
}

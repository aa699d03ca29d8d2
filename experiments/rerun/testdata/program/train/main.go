// Command train is what the tests kill and resume: a run that watches two
// trainings, whose steps take a while.
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"time"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/assay-ml/assay/experiments"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
)

// slow says how far it is.
type slow struct{ training int }

func (s slow) Step(step int64, _ []string, _ []float64) error {
	fmt.Fprintf(os.Stderr, "training %d step %d\n", s.training, step)
	time.Sleep(3 * time.Millisecond)
	return nil
}

// wave is rows of x and y = sin x.
type wave int

func (w wave) Len() int { return int(w) }

func (w wave) Batch(_ int, rows []int) (inputs, labels []*tensors.Tensor, err error) {
	var xs, ys []float32
	for _, row := range rows {
		x := 6 * float64(row) / float64(w)
		xs, ys = append(xs, float32(x)), append(ys, float32(math.Sin(x)))
	}
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(xs, len(rows), 1)},
		[]*tensors.Tensor{tensors.FromFlatDataAndDimensions(ys, len(rows), 1)}, nil
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "fail" {
		if _, err := experiments.Start(context.Background(), "train"); err != nil {
			log.Fatal(err)
		}
		log.Fatal("there are no rows")
	}
	err := experiments.Track(context.Background(), "train", func(run *experiments.Run) error {
		run.Log(0, "rows", 64)
		for training := 1; training <= 2; training++ {
			network, err := fit.Train(context.Background(), fit.Job{
				Graph: func(scope *model.Scope, inputs []*Node) *Node {
					x := layers.DropoutStatic(scope.In("dropout"), Tanh(layers.DenseWithBias(scope.In("hidden"), inputs[0], 4)), 0.1)
					return layers.DenseWithBias(scope.In("out"), x, 1)
				},
				Loss:  func(labels, outputs []*Node) *Node { return Square(Sub(labels[0], outputs[0])) },
				Train: wave(64), Validation: wave(20),
				Options: fit.Options{Epochs: 20, Batch: 16, Patience: -1, Seed: int64(training), CheckpointSeconds: 0.02},
			}, run, slow{training})
			if err != nil {
				return err
			}
			outputs, err := network.Predict(context.Background(), wave(10))
			if err != nil {
				return err
			}
			run.Log(int64(training), "first", float64(outputs[0]))
		}
		none := models.Number(math.NaN())
		return run.Report(models.Report{Name: "test", Metrics: []models.Metric{{Name: "beds", Value: 3, Low: none, High: none}}})
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

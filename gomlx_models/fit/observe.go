package fit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Observe attaches observer to any GoMLX training loop:
//
//	loop := train.NewLoop(trainer)
//	fit.Observe(ctx, loop, run)
//	_, err := loop.RunSteps(dataset, 1000)
//
// After each step the observer gets the loop's scalar metrics under their
// GoMLX names in lower case with underscores: "loss" is the batch's,
// "moving_average_loss" what it says, then the trainer's own. step counts from
// one: it is the number of steps done. A models.Planner is told how many there
// will be, when the loop knows.
//
// The loop ends with an error that wraps ctx's cause, within a step of ctx
// being done, or that wraps the observer's error. Observe adds no wait for the
// device: GoMLX has already copied each step's metrics to the host.
func Observe(ctx context.Context, loop *train.Loop, observer models.Observer) {
	var names []string
	for _, metric := range loop.Trainer.TrainMetrics() {
		names = append(names, strings.ReplaceAll(strings.ToLower(metric.Name()), " ", "_"))
	}
	planner, plans := observer.(models.Planner)
	planned := -1
	plan := func() {
		if plans && loop.EndStep > 0 && loop.EndStep != planned {
			planned = loop.EndStep
			planner.Plan(int64(planned))
		}
	}
	loop.OnStart("observe", observePriority, func(loop *train.Loop, _ train.Dataset) error {
		plan()
		return stopped(ctx, loop.LoopStep)
	})
	scalars := make([]string, 0, len(names))
	values := make([]float64, 0, len(names))
	loop.OnStep("observe", observePriority, func(loop *train.Loop, metrics []*tensors.Tensor) error {
		plan() // RunEpochs learns its last step at the end of an epoch
		scalars, values = scalars[:0], values[:0]
		for i, metric := range metrics {
			if value, ok := scalar(metric); ok {
				scalars, values = append(scalars, names[i]), append(values, value)
			}
		}
		done := loop.LoopStep + 1
		if err := observer.Step(int64(done), scalars, values); err != nil {
			return fmt.Errorf("observer of step %d: %w", done, err)
		}
		return stopped(ctx, done)
	})
}

// observePriority puts observers before hooks that may end the loop, such as
// early stopping, so that they see every step.
const observePriority train.Priority = 0

// stopped is the error of a training whose context is done.
func stopped(ctx context.Context, step int) error {
	if ctx.Err() == nil {
		return nil
	}
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("training stopped after step %d: %w: %w", step, ctx.Err(), cause)
	}
	return fmt.Errorf("training stopped after step %d: %w", step, ctx.Err())
}

// scalar returns the value of a metric of one number.
func scalar(t *tensors.Tensor) (value float64, ok bool) {
	if t == nil || t.Size() != 1 {
		return math.NaN(), false
	}
	switch t.DType() {
	case dtypes.Float32:
		err := tensors.ConstFlatData(t, func(flat []float32) { value = float64(flat[0]) })
		return value, err == nil
	case dtypes.Float64:
		err := tensors.ConstFlatData(t, func(flat []float64) { value = flat[0] })
		return value, err == nil
	case dtypes.Int64:
		err := tensors.ConstFlatData(t, func(flat []int64) { value = float64(flat[0]) })
		return value, err == nil
	}
	return math.NaN(), false
}

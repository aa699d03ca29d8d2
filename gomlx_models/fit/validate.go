package fit

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/ml/model"
)

// best keeps the weights of the epoch that validated best.
type best struct {
	job     Job
	live    *Network // on the weights as they train
	weights Weights  // nil before the first validation
	epoch   int      // of weights
	score   float64  // of weights
	judged  int      // the last epoch that was
}

// validate judges the live weights after epoch and keeps them if they are the
// best so far. Without a validation set there is nothing to judge.
func (b *best) validate(ctx context.Context, epoch int) (names []string, values []float64, err error) {
	if b.job.Validation == nil {
		b.judged = epoch
		return nil, nil, nil
	}
	if b.live.backend.Capabilities().PreferConstantsForVariables {
		b.live.forward = map[bool]*model.Exec{} // GoMLX has built the weights of the last epoch into it
	}
	outputs, losses, err := b.live.run(ctx, b.job.Validation, true)
	if err != nil {
		return nil, nil, fmt.Errorf("validation after epoch %d: %w", epoch, err)
	}
	total := 0.0
	for _, loss := range losses {
		total += float64(loss)
	}
	names, values = []string{"val_loss"}, []float64{total / float64(len(losses))}
	if b.job.Judge != nil {
		more, scores := b.job.Judge(outputs)
		names, values = append(names, more...), append(values, scores...)
	}
	i := slices.Index(names, b.job.Monitor)
	if i < 0 {
		return nil, nil, fmt.Errorf("monitor is %q: this model validates %q", b.job.Monitor, names)
	}
	score := values[i]
	if b.job.Monitor == "val_loss" {
		score = -score
	}
	if b.weights == nil || score > b.score || math.IsNaN(b.score) {
		if b.weights, err = b.live.weights(); err != nil {
			return nil, nil, err
		}
		b.epoch, b.score = epoch, score
	}
	b.judged = epoch
	return names, values, nil
}

// early returns errEarly if the last epochs were no better than one before them.
func (b *best) early() error {
	if b.weights != nil && b.job.Patience > 0 && b.judged-b.epoch >= b.job.Patience {
		return errEarly
	}
	return nil
}

// network returns a network of the best weights; of the last without a
// validation set.
func (b *best) network() (*Network, error) {
	if b.weights == nil {
		var err error
		if b.weights, err = b.live.weights(); err != nil {
			return nil, err
		}
		b.epoch = b.job.Epochs
	}
	return Restore(b.job.Graph, b.weights, b.job.Batch)
}

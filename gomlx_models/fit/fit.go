package fit

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Options says how long and how fast to train. The zero value is the defaults.
// Model configurations embed it.
type Options struct {
	Epochs       int     `json:"epochs"`        // at most; 0 means 30
	Batch        int     `json:"batch"`         // rows a step; 0 means 32, -1 all of them
	LearningRate float64 `json:"learning_rate"` // of Adam, at its highest; 0 means 0.001
	Schedule     string  `json:"schedule"`      // "" or "constant"; "cosine" falls to zero over all epochs
	Warmup       int     `json:"warmup"`        // steps in which the rate climbs to its highest; 0 means none
	WeightDecay  float64 `json:"weight_decay"`  // of AdamW, a step and unit of rate; 0 means none
	Average      float64 `json:"average"`       // decay of the moving average of weights that is validated and kept, 0.99 say; 0 means the weights themselves
	Patience     int     `json:"patience"`      // epochs without a better validation before stopping; 0 means 5, -1 never stops early
	Monitor      string  `json:"monitor"`       // what makes a validation better; "" means a lower "val_loss", another metric must be higher
	Seed         int64   `json:"seed"`          // of everything random

	// An observer that is a models.Resumer keeps checkpoints, which change no
	// number and take at most a twentieth of the time.
	CheckpointSeconds float64 `json:"checkpoint_seconds,omitempty"` // from one to the next; 0 means 60, -1 keeps none
	CheckpointEpochs  int     `json:"checkpoint_epochs,omitempty"`  // after so many epochs there is one too; 0 means by time alone
}

// WithDefaults returns o with its zero values replaced by what they mean.
func (o Options) WithDefaults() Options {
	if o.Epochs == 0 {
		o.Epochs = 30
	}
	if o.Batch == 0 {
		o.Batch = 32
	}
	if o.LearningRate == 0 {
		o.LearningRate = 0.001
	}
	if o.Patience == 0 {
		o.Patience = 5
	}
	if o.Monitor == "" {
		o.Monitor = "val_loss"
	}
	return o
}

func (o Options) check() error {
	switch {
	case o.Epochs < 1:
		return fmt.Errorf("epochs is %d: it must be at least 1", o.Epochs)
	case o.Batch < 1:
		return fmt.Errorf("batch is %d: it must be at least 1, or -1 for all rows", o.Batch)
	case !(o.LearningRate > 0) || math.IsInf(o.LearningRate, 0):
		return fmt.Errorf("learning rate is %g: it must be a positive number", o.LearningRate)
	case o.Schedule != "" && o.Schedule != "constant" && o.Schedule != "cosine":
		return fmt.Errorf(`schedule is %q: it must be "constant" or "cosine"`, o.Schedule)
	case o.Warmup < 0:
		return fmt.Errorf("warmup is %d: it must not be negative", o.Warmup)
	case !(o.WeightDecay >= 0):
		return fmt.Errorf("weight decay is %g: it must not be negative", o.WeightDecay)
	case !(o.Average >= 0 && o.Average < 1):
		return fmt.Errorf("average is %g: it must be at least 0 and below 1", o.Average)
	case !(o.CheckpointSeconds >= 0) && o.CheckpointSeconds != -1:
		return fmt.Errorf("checkpoint seconds is %g: it must be positive, or -1 for none", o.CheckpointSeconds)
	case o.CheckpointEpochs < 0:
		return fmt.Errorf("checkpoint epochs is %d: it must not be negative", o.CheckpointEpochs)
	}
	return nil
}

// GraphFn builds a network: it maps one batch of inputs to its outputs, whose
// axis 0 is the rows. It runs with scope.IsTraining(g) true and false, and
// makes all its variables in scope.
type GraphFn func(scope *model.Scope, inputs []*Node) *Node

// Job is what a network learns, and from what.
type Job struct {
	Graph GraphFn
	// Loss compares outputs (one node, what Graph returned) with labels (what
	// Source made) and returns one loss a row, [batch]. A loss that couples
	// rows, such as a partial likelihood, returns a scalar; give it Batch: -1.
	Loss func(labels, outputs []*Node) *Node

	Train      Source
	Validation Source // nil: every epoch is trained and the last weights are kept
	// Judge, if not nil, adds metrics to val_loss after each epoch. outputs are
	// those of all validation rows, row after row.
	Judge func(outputs []float32) (names []string, values []float64)

	Options
}

// errEarly ends the loop when validation no longer gets better.
var errEarly = errors.New("validation no longer gets better")

// errLoss is a loss after which the weights are worth nothing.
type errLoss struct {
	loss float64
	step int
}

func (e errLoss) Error() string {
	return fmt.Sprintf("the loss is %g at step %d: lower the learning rate, or look for extreme values in the data", e.loss, e.step)
}

// Train fits a network to job from scratch. It stops within a step of ctx
// being done, with an error that wraps ctx's, and so when an observer returns
// an error.
//
// Observers get each step's "loss"; the step that ends an epoch also has
// "epoch", "learning_rate" and, with a validation set, "val_loss" and what
// Judge adds.
func Train(ctx context.Context, job Job, watching ...models.Observer) (*Network, error) {
	if job.Train == nil || job.Train.Len() == 0 {
		return nil, errors.New("there are no rows to train on")
	}
	job = job.withDefaults()
	if err := job.check(); err != nil {
		return nil, err
	}
	if err := stopped(ctx, 0); err != nil {
		return nil, err
	}
	backend, err := Backend()
	if err != nil {
		return nil, err
	}
	var network *Network
	inOrder := watchers(watching).resumerFirst()
	err = catch(func() error {
		network, err = trainOn(ctx, backend, job, inOrder)
		return err
	})
	if err != nil {
		return nil, err
	}
	return network, nil
}

// withDefaults fills in what job leaves out. A batch has no more rows than there are.
func (job Job) withDefaults() Job {
	job.Options = job.Options.WithDefaults()
	if job.Batch > job.Train.Len() || job.Batch == -1 {
		job.Batch = job.Train.Len()
	}
	return job
}

// Steps returns how many steps Train plans with the rows of job.Train, of which
// there are some.
func (job Job) Steps() int {
	job = job.withDefaults()
	return job.Epochs * shuffled{source: job.Train, size: job.Batch}.steps()
}

func trainOn(ctx context.Context, backend compute.Backend, job Job, watching watchers) (*Network, error) {
	batches := shuffled{source: job.Train, size: job.Batch, epochs: job.Epochs, seed: job.Seed}
	steps := job.Steps()

	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(job.Seed); err != nil {
		return nil, err
	}
	graph := func(scope *model.Scope, _ any, inputs []*Node) []*Node {
		return []*Node{job.Graph(scope.Store().Scope(networkScope), inputs)}
	}
	adam := optimizer.Adam().LearningRate(job.LearningRate).WeightDecay(job.WeightDecay).Done()
	trainer := train.NewTrainer(backend, store, graph, job.Loss, scheduled{adam, job.Options, steps}, nil, nil)

	shown := networkScope // the weights that are validated and kept
	if job.Average > 0 {
		shown = averageScope + networkScope
	}
	best := &best{job: job, live: newNetwork(backend, store, shown, job)}
	checkpoints := &checkpoints{job: job, trainer: trainer, best: best}
	if ended, err := checkpoints.resume(watching); err != nil || ended != nil {
		return ended, err
	}
	loop := train.NewLoop(trainer)
	batches.from = loop.LoopStep
	Observe(ctx, loop, watching)

	endEpoch := func(epoch int) error {
		names, values, err := best.validate(ctx, epoch)
		if err != nil {
			return err
		}
		done := epoch * batches.steps()
		names = append(names, "epoch", "learning_rate")
		values = append(values, float64(epoch), job.rate(done-1, steps))
		if err := watching.Step(int64(done), names, values); err != nil {
			return fmt.Errorf("observer of step %d: %w", done, err)
		}
		return best.early()
	}
	loop.OnStep("validate", observePriority+1, func(loop *train.Loop, metrics []*tensors.Tensor) error {
		done := loop.LoopStep + 1
		if loss, _ := scalar(metrics[0]); math.IsNaN(loss) || math.IsInf(loss, 0) {
			return errLoss{loss, done}
		}
		if done%batches.steps() == 0 {
			if err := endEpoch(done / batches.steps()); err != nil {
				return err
			}
		}
		return checkpoints.step(done, batches.steps())
	})
	err := best.early()
	if epoch := batches.from / batches.steps(); err == nil && epoch > best.judged { // it was stopped before that
		err = endEpoch(epoch)
	}
	if err == nil {
		_, err = loop.RunSteps(batches, steps-batches.from)
	}
	if err = innermost(err); err != nil && !errors.Is(err, errEarly) {
		if !errors.As(err, new(errLoss)) {
			// What is lost if this fails is some steps; why training stopped says more.
			_ = checkpoints.save(false)
		}
		return nil, err
	}
	network, err := best.network()
	return network, errors.Join(err, checkpoints.save(true))
}

// rate is the learning rate of step, from 0, of a training of so many steps.
func (o Options) rate(step, steps int) float64 {
	rate := o.LearningRate
	if o.Warmup > 0 {
		rate *= min(1, float64(step+1)/float64(o.Warmup))
	}
	if o.Schedule == "cosine" && step >= o.Warmup {
		rate *= 0.5 * (1 + math.Cos(math.Pi*float64(step-o.Warmup)/float64(max(1, steps-o.Warmup))))
	}
	return rate
}

// scheduled is an optimizer whose learning rate follows Options.rate, and that
// keeps the moving average of weights that Options.Average asks for.
type scheduled struct {
	optimizer.Interface
	Options
	steps int
}

// UpdateGraph implements optimizer.Interface.
func (s scheduled) UpdateGraph(scope *model.Scope, g *Graph, loss *Node) {
	s.update(scope, g, loss)
	inPlace(scope.Store(), g)
}

func (s scheduled) update(scope *model.Scope, g *Graph, loss *Node) {
	step := ConvertDType(optimizer.GetGlobalStepVar(scope).NodeValue(g), loss.DType()) // done before this one
	rate := Scalar(g, loss.DType(), s.LearningRate)
	if s.Warmup > 0 {
		rate = Mul(rate, MinScalar(DivScalar(AddScalar(step, 1), float64(s.Warmup)), 1))
	}
	if s.Schedule == "cosine" {
		past := MaxScalar(AddScalar(step, -float64(s.Warmup)), 0)
		angle := MulScalar(past, math.Pi/float64(max(1, s.steps-s.Warmup)))
		rate = Mul(rate, MulScalar(OnePlus(Cos(angle)), 0.5))
	}
	optimizer.LearningRateVar(scope, loss.DType(), s.LearningRate).SetNodeValue(rate)
	s.Interface.UpdateGraph(scope, g, loss)

	if s.Average == 0 {
		return
	}
	// The first steps decay faster, from 0, so that the average forgets the
	// random start.
	decay := MinScalar(Div(step, AddScalar(step, 9)), s.Average)
	for v := range scope.Store().Scope(networkScope).IterVariables() {
		if !v.InUseByGraph(g) || !v.DType().IsFloat() {
			continue
		}
		average := averageOf(scope.Store(), v)
		decay := ConvertDType(decay, v.DType())
		average.SetNodeValue(Add(Mul(decay, average.NodeValue(g)), Mul(OneMinus(decay), v.NodeValue(g))))
	}
}

// networkScope holds the network's own variables, apart from the optimizer's;
// averageScope their moving averages.
const (
	networkScope = "/network"
	averageScope = "/average"
)

// averageOf returns the variable that holds v's moving average.
func averageOf(store *model.Store, v *model.Variable) *model.Variable {
	return store.VariableWithShape(averageScope+v.Path(), v.Shape(), Zeros).SetTrainable(false)
}

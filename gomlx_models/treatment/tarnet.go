package treatment

import (
	"context"
	"errors"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/stat"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// Network describes TARNet: layers that all arms share, then layers of each arm's
// own.
type Network struct {
	Shared      []int   `json:"shared,omitempty"`     // widths; nil means 64, 64
	Heads       []int   `json:"heads,omitempty"`      // widths; nil means 32
	Dropout     float64 `json:"dropout,omitempty"`    // share of shared units left out in training
	Validation  float64 `json:"validation,omitempty"` // share of patients held out to choose the epoch; 0 means 0.2
	fit.Options         // zero values: 100 epochs of batches of 128 at rate 0.003, patience 15
}

func (n Network) withDefaults() Network {
	if n.Shared == nil {
		n.Shared = []int{64, 64}
	}
	if n.Heads == nil {
		n.Heads = []int{32}
	}
	if n.Validation == 0 {
		n.Validation = 0.2
	}
	if n.Options.LearningRate == 0 {
		n.Options.LearningRate = 0.003
	}
	n.Options = n.Options.WithRowDefaults()
	return n
}

// graph is the network.
//
//	x       [batch, columns], standardised
//	returns [batch, arms]: outcome under each, standardised
func (n Network) graph(arms int) fit.GraphFn {
	return func(scope *model.Scope, inputs []*Node) *Node {
		dense := func(scope *model.Scope, h *Node, widths []int) *Node {
			for i, width := range widths {
				h = activation.Relu(layers.Dense(scope.In("hidden%d", i), h, true, width)) // [batch, width]
			}
			return h
		}
		shared := dense(scope.In("shared"), inputs[0], n.Shared)
		if n.Dropout > 0 {
			shared = layers.DropoutStatic(scope.In("shared"), shared, n.Dropout)
		}
		out := make([]*Node, arms)
		for k := range out {
			head := scope.In("arm%d", k)
			out[k] = layers.Dense(head.In("out"), dense(head, shared, n.Heads), true, 1) // [batch, 1]
		}
		return Concatenate(out, -1)
	}
}

// graph is the network, or where there are resamples it and theirs side by side.
//
//	x       [batch, columns], standardised
//	returns [batch, (1+resamples) * arms]: the network's own outputs first
func (c Config) graph() fit.GraphFn {
	one := c.Network.graph(len(c.Arms))
	if c.Resamples == 0 {
		return one
	}
	return func(scope *model.Scope, inputs []*Node) *Node {
		out := make([]*Node, 1+c.Resamples)
		for i := range out {
			out[i] = one(scope.In(fit.Member, i), inputs) // [batch, arms]
		}
		return Concatenate(out, -1)
	}
}

// factualLoss is the squared error at the arm that each patient got.
//
//	labels  [batch, 1+arms]: outcome, then 1 at the arm
//	outputs [batch, arms]
//	returns [batch]
func factualLoss(labels, outputs []*Node) *Node {
	outcome := Slice(labels[0], AxisRange(), AxisRange(0, 1)) // [batch, 1]
	got := Slice(labels[0], AxisRange(), AxisRange(1))        // [batch, arms]
	return ReduceSum(Mul(got, Square(Sub(outputs[0], outcome))), -1)
}

// rows32 returns standardised rows.
func (s *state) rows32(xs []Row) [][]float32 {
	out := make([][]float32, len(xs))
	for i, x := range standardised(xs, s.Mean, s.Spread) {
		for _, v := range x {
			out[i] = append(out[i], float32(v))
		}
	}
	return out
}

// network fits TARNet, and again to the resamples, which it standardises likewise.
// Observers hear of each step of the first, and of the end of each of the others,
// which takes as many as the first had planned.
func (f *fitting) network(s *state) error {
	err := fit.CheckShares(f.cfg.Network.Dropout, f.cfg.Network.Validation)
	if err != nil {
		return err
	}
	job, err := f.job(s, f.cfg.Seed)
	if err != nil {
		return err
	}
	if s.network, err = fit.Train(f.ctx, job, f.watching...); err != nil || f.cfg.Resamples == 0 {
		return err
	}
	networks, steps := []*fit.Network{s.network}, job.Steps()
	for _, w := range f.watching {
		if p, ok := w.(models.Planner); ok {
			p.Plan(int64(steps * (1 + f.cfg.Resamples)))
		}
	}
	err = f.resample(func(b int) error {
		job, err := f.job(s, f.cfg.Seed+1+int64(b)) // where a network starts is part of its chance
		if err != nil {
			return err
		}
		network, err := fit.Train(f.ctx, job)
		if err != nil {
			return err
		}
		networks = append(networks, network)
		done := steps * (2 + b)
		for _, w := range f.watching {
			if err := w.Step(int64(done), []string{"resamples"}, []float64{float64(b + 1)}); err != nil {
				return fmt.Errorf("observer of step %d: %w", done, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.network, err = fit.Join(f.cfg.graph(), networks...)
	return err
}

// job is the training of one network on the rows of f.d.
func (f *fitting) job(s *state, seed int64) (fit.Job, error) {
	n := f.cfg.Network
	parts, err := table.Divide(f.d.Len(), []float64{1 - n.Validation, n.Validation}, table.SplitOptions{Group: f.d.Group, Seed: seed})
	if err != nil {
		return fit.Job{}, err
	}
	labelled := func(rows []int) fit.Rows {
		out := fit.Rows{X: s.rows32(pick.Rows(f.d.X, rows))}
		for _, r := range rows {
			y := f.d.Y[r]
			label := make([]float32, 1+len(f.cfg.Arms))
			label[0], label[1+y.Arm] = float32((y.Value-s.Level)/s.Scale), 1
			out.Labels = append(out.Labels, label)
		}
		return out
	}
	job := fit.Job{Graph: n.graph(len(f.cfg.Arms)), Loss: factualLoss, Train: labelled(parts[0]), Validation: labelled(parts[1]), Options: n.Options}
	job.Seed = seed
	return job, nil
}

// heads fills in what the network says, and the spread of what those of the
// resamples say as the standard error.
func (s *state) heads(ctx context.Context, c Config, xs []Row, answers []Answer) error {
	outputs, err := s.network.Predict(ctx, fit.Rows{X: s.rows32(xs)})
	if err != nil {
		return err
	}
	arms, networks := len(c.Arms), 1+c.Resamples
	for i := range answers {
		of := func(network, arm int) float64 {
			return s.Level + s.Scale*float64(outputs[(i*networks+network)*arms+arm])
		}
		a := &answers[i]
		for k := range c.Arms {
			a.Expected[k] = of(0, k)
			a.Effect[k] = a.Expected[k] - a.Expected[0]
		}
		if c.Resamples == 0 {
			continue
		}
		a.StdErr = make([]float64, arms)
		for k := 1; k < arms; k++ {
			effects := make([]float64, c.Resamples)
			for b := range effects {
				effects[b] = of(1+b, k) - of(1+b, 0)
			}
			a.StdErr[k] = stat.StdDev(effects, nil)
		}
	}
	return nil
}

// slopes returns the graph of the effect's mean slope in each column over some
// rows, which is compiled once for each arm.
//
//	x       [rows, columns], standardised
//	returns [columns]
func (s *state) slopes(c Config, arm int) graphFn {
	if known, ok := s.compiled.Load(arm); ok {
		return known.(graphFn)
	}
	graph := c.graph()
	compiled, _ := s.compiled.LoadOrStore(arm, graphFn(s.network.Compile(func(scope *model.Scope, inputs []*Node) []*Node {
		out := graph(scope, inputs)
		of := func(k int) *Node { return ReduceAllSum(Slice(out, AxisRange(), AxisElem(k))) }
		return []*Node{ReduceMean(Gradient(Sub(of(arm), of(0)), inputs[0])[0], 0)}
	})))
	return compiled.(graphFn)
}

type graphFn func(inputs ...*tensors.Tensor) ([]*tensors.Tensor, error)

// integrated returns the integrated gradients of the effect of an arm from the
// mean patient to x: Σ values is the effect at x less that at the mean, up to the
// error of the sum over steps. Sundararajan et al., ICML 2017.
func (s *state) integrated(c Config, x Row, arm int) ([]float64, error) {
	const steps = 64
	z := s.rows32([]Row{x})[0]
	flat := make([]float32, 0, steps*len(z))
	for k := range steps {
		for _, v := range z { // the mean is 0
			flat = append(flat, v*(float32(k)+0.5)/steps)
		}
	}
	path := tensors.FromFlatDataAndDimensions(flat, steps, len(z))
	results, err := s.slopes(c, arm)(path)
	if err != nil {
		return nil, err
	}
	slopes, err := tensors.CopyFlatData[float32](results[0])
	if err := errors.Join(err, results[0].FinalizeAll(), path.FinalizeAll()); err != nil {
		return nil, err
	}
	out := make([]float64, len(z))
	for j, v := range z {
		out[j] = s.Scale * float64(v) * float64(slopes[j])
	}
	return out, nil
}

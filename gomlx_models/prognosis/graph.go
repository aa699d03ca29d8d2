package prognosis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/survival"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// graph is the network of both survival models. base, if not nil, is what it
// answers before it has learnt: weights then need not hold what is true of all
// patients, and can decay.
//
//	x       [batch, columns], standardised
//	base    [outputs]
//	returns [batch, outputs]
func (n Network) graph(outputs int, base []float64) fit.GraphFn {
	return func(scope *model.Scope, inputs []*Node) *Node {
		h := inputs[0]
		for i, width := range n.Hidden {
			layer := scope.In("hidden%d", i)
			h = activation.Relu(layers.Dense(layer, h, true, width)) // [batch, width]
			if n.Dropout > 0 {
				h = layers.DropoutStatic(layer, h, n.Dropout)
			}
		}
		h = layers.Dense(scope.In("out"), h, true, outputs) // [batch, outputs]
		if base == nil {
			return h
		}
		return Add(h, ConvertDType(Const(h.Graph(), [][]float64{base}), h.DType()))
	}
}

// partialLoss is the negative log partial likelihood with the batch as the risk
// set, one term a row. Rows without an event have none of their own: they count
// in the sums of earlier events. Katzman et al., BMC Medical Research
// Methodology 18 (2018), 24.
//
//	labels  [batch, 2]: time, event
//	outputs [batch, 1]: log hazard η
//	returns [batch]: event (log Σ [tⱼ ≥ tᵢ] exp ηⱼ − ηᵢ)
func partialLoss(labels, outputs []*Node) *Node {
	n := outputs[0].Shape().Dimensions[0]
	column := func(k int) *Node { return Reshape(Slice(labels[0], AxisRange(), AxisElem(k)), n) }
	time, event := column(0), column(1)
	eta := Reshape(outputs[0], n)
	atRisk := ConvertDType(GreaterOrEqual(ExpandAxes(time, 0), ExpandAxes(time, 1)), eta.DType()) // [i, j]: is j at risk at i's time
	top := StopGradient(ReduceAllMax(eta))
	sum := ReduceSum(Mul(atRisk, ExpandAxes(Exp(Sub(eta, top)), 0)), -1) // [batch], at least i's own term
	return Mul(event, Sub(Add(Log(MaxScalar(sum, 1e-30)), top), eta))
}

// hazardLoss is the negative log-likelihood of the interval in which each row
// was last seen. Gensheimer and Narasimhan, PeerJ 7 (2019), e6257.
//
//	labels  [batch, 2, intervals]: was at risk, had the event
//	outputs [batch, intervals]: logit of the hazard
//	returns [batch]
func hazardLoss(labels, outputs []*Node) *Node {
	n, k := outputs[0].Shape().Dimensions[0], outputs[0].Shape().Dimensions[1]
	part := func(j int) *Node {
		return Reshape(Slice(labels[0], AxisRange(), AxisElem(j), AxisRange()), n, k)
	}
	risk, event := part(0), part(1)
	softplus := Add(MaxScalar(outputs[0], 0), Log1P(Exp(Neg(Abs(outputs[0]))))) // −log(1 − hazard)
	return ReduceSum(Sub(Mul(risk, softplus), Mul(event, outputs[0])), -1)
}

// source returns standardised rows; labels, if not nil, are of each row.
func (s *state) source(xs []Row, labels [][]float32, shape ...int) fit.Rows {
	out := fit.Rows{X: make([][]float32, len(xs)), Labels: labels, Shape: shape}
	for i, x := range xs {
		out.X[i] = make([]float32, len(x))
		for j, v := range x {
			out.X[i][j] = float32((v - s.Mean[j]) / s.Deviation[j])
		}
	}
	return out
}

// trainNetwork holds patients out, with their share of events, and trains on the
// rest. judge may be nil.
func trainNetwork(ctx context.Context, cfg Config, s *state, d models.Dataset[Row, Outcome], label func(Outcome) []float32, shape []int,
	loss func(labels, outputs []*Node) *Node, judge func(held []Outcome, outputs []float32) ([]string, []float64), watching []models.Observer) error {
	n := cfg.Network.withDefaults()
	if err := n.check(); err != nil {
		return err
	}
	events := make([]string, d.Len())
	for i, y := range d.Y {
		events[i] = strconv.FormatBool(y.Event)
	}
	parts, err := table.Divide(d.Len(), []float64{1 - n.Validation, n.Validation}, table.SplitOptions{Group: d.Group, Stratify: events, Seed: cfg.Seed})
	if err != nil {
		return fmt.Errorf("rows held out to choose the epoch: %w", err)
	}
	labelled := func(d models.Dataset[Row, Outcome]) fit.Rows {
		var labels [][]float32
		for _, y := range d.Y {
			labels = append(labels, label(y))
		}
		return s.source(d.X, labels, shape...)
	}
	held := d.Take(parts[1])
	job := fit.Job{Graph: n.graph(s.Width, s.Base), Loss: loss, Train: labelled(d.Take(parts[0])), Validation: labelled(held), Options: n.Options}
	job.Seed = cfg.Seed
	if judge != nil {
		job.Judge = func(outputs []float32) ([]string, []float64) { return judge(held.Y, outputs) }
	}
	s.network, err = fit.Train(ctx, job, watching...)
	return err
}

func fitDeepSurv(ctx context.Context, cfg Config, s *state, d models.Dataset[Row, Outcome], watching []models.Observer) error {
	s.Width = 1
	judge := func(held []Outcome, outputs []float32) ([]string, []float64) {
		c := score.Concordance(Followup(held), widened(outputs))
		if math.IsNaN(c) {
			c = 0.5 // no pair to compare
		}
		return []string{"val_concordance"}, []float64{c}
	}
	label := func(y Outcome) []float32 { return []float32{float32(y.Time), number(y.Event)} }
	if err := trainNetwork(ctx, cfg, s, d, label, []int{2}, partialLoss, judge, watching); err != nil {
		return err
	}
	risk, err := s.logHazards(ctx, d.X)
	if err != nil {
		return err
	}
	y := Followup(d.Y)
	baseline, err := survival.Baseline(risk, y.Time, y.Event)
	baseline = baseline.Rising()
	s.Baseline = &baseline
	return err
}

// logHazards returns what DeepSurv's network says of each row.
func (s *state) logHazards(ctx context.Context, xs []Row) ([]float64, error) {
	outputs, err := s.network.Predict(ctx, s.source(xs, nil))
	return widened(outputs), err
}

func widened(values []float32) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

func number(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

func fitHazard(ctx context.Context, cfg Config, s *state, d models.Dataset[Row, Outcome], watching []models.Observer) error {
	// Intervals hold about as many events each, and end at times of events.
	var times []float64
	for _, y := range d.Y {
		if y.Event {
			times = append(times, y.Time)
		}
	}
	slices.Sort(times)
	intervals := cfg.Network.withDefaults().Intervals
	for k := 1; k <= intervals; k++ {
		end := times[max(0, k*len(times)/intervals-1)]
		if len(s.Times) == 0 || end > s.Times[len(s.Times)-1] {
			s.Times = append(s.Times, end)
		}
	}
	s.Width = len(s.Times)
	label := func(y Outcome) []float32 {
		out := make([]float32, 2*s.Width) // at risk, then event
		for k, end := range s.Times {
			if k > 0 && y.Time <= s.Times[k-1] {
				break
			}
			if y.Time <= end && y.Event {
				out[k], out[s.Width+k] = 1, 1
				break
			}
			if y.Time < end {
				break // censored in the interval: it tells of those before
			}
			out[k] = 1
		}
		return out
	}
	events, atRisk := make([]float64, s.Width), make([]float64, s.Width)
	for _, y := range d.Y {
		for k, v := range label(y) {
			if k < s.Width {
				atRisk[k] += float64(v)
			} else {
				events[k-s.Width] += float64(v)
			}
		}
	}
	for k, e := range events { // half a patient more of each kind keeps it finite
		s.Base = append(s.Base, math.Log((e+0.5)/(atRisk[k]-e+0.5)))
	}
	return trainNetwork(ctx, cfg, s, d, label, []int{2, s.Width}, hazardLoss, nil, watching)
}

// predictHazard returns curves with a step at the end of each interval. Risk is
// the expected number of intervals not survived.
func predictHazard(ctx context.Context, s *state, xs []Row) ([]Curve, error) {
	outputs, err := s.network.Predict(ctx, s.source(xs, nil))
	if err != nil {
		return nil, err
	}
	out := make([]Curve, len(xs))
	for i := range out {
		c := Curve{Time: s.Times, Survival: make([]float64, s.Width)}
		free := 1.0
		for k, v := range outputs[i*s.Width : (i+1)*s.Width] {
			free /= 1 + math.Exp(float64(v)) // 1 − hazard
			c.Survival[k] = free
			c.Risk += 1 - free
		}
		out[i] = c
	}
	return out, nil
}

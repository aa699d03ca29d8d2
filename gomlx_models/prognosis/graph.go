package prognosis

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/survival"
)

// graph is the network of both survival models.
//
//	x       [batch, columns], standardised
//	returns [batch, outputs]
func (n Network) graph(outputs int) fit.GraphFn {
	return func(scope *model.Scope, inputs []*Node) *Node {
		h := inputs[0]
		for i, width := range n.Hidden {
			layer := scope.In("hidden%d", i)
			h = activation.Relu(layers.Dense(layer, h, true, width)) // [batch, width]
			if n.Dropout > 0 {
				h = layers.DropoutStatic(layer, h, n.Dropout)
			}
		}
		return layers.Dense(scope.In("out"), h, true, outputs)
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

// trainNetwork holds patients out and trains on the rest. judge may be nil.
func trainNetwork(ctx context.Context, cfg Config, s *state, d models.Dataset[Row, Outcome], label func(Outcome) []float32, shape []int,
	loss func(labels, outputs []*Node) *Node, judge func(held []Outcome, outputs []float32) ([]string, []float64), monitor string, watching []models.Observer) error {
	n := cfg.Network.withDefaults()
	if err := n.check(); err != nil {
		return err
	}
	train, held := holdOut(d, n.Validation, cfg.Seed)
	if train.Len() == 0 || held.Len() == 0 {
		return fmt.Errorf("%d rows are too few to hold some out", d.Len())
	}
	labelled := func(d models.Dataset[Row, Outcome]) fit.Rows {
		var labels [][]float32
		for _, y := range d.Y {
			labels = append(labels, label(y))
		}
		return s.source(d.X, labels, shape...)
	}
	job := fit.Job{Graph: n.graph(s.Width), Loss: loss, Train: labelled(train), Validation: labelled(held), Options: n.Options}
	job.Seed = cfg.Seed
	if job.Monitor == "" {
		job.Monitor = monitor
	}
	if judge != nil {
		job.Judge = func(outputs []float32) ([]string, []float64) { return judge(held.Y, outputs) }
	}
	var err error
	s.network, err = fit.Train(ctx, job, watching...)
	return err
}

// holdOut divides rows, keeping patients together.
func holdOut(d models.Dataset[Row, Outcome], share float64, seed int64) (train, held models.Dataset[Row, Outcome]) {
	group := func(i int) string {
		if d.Group == nil {
			return fmt.Sprint(i)
		}
		return d.Group[i]
	}
	var patients []string
	seen := map[string]bool{}
	for i := range d.X {
		if g := group(i); !seen[g] {
			seen[g] = true
			patients = append(patients, g)
		}
	}
	random := rand.New(rand.NewPCG(uint64(seed), 0x686f6c64))
	random.Shuffle(len(patients), func(i, j int) { patients[i], patients[j] = patients[j], patients[i] })
	out := map[string]bool{}
	for _, p := range patients[:int(math.Round(share*float64(len(patients))))] {
		out[p] = true
	}
	for i := range d.X {
		to := &train
		if out[group(i)] {
			to = &held
		}
		to.X, to.Y = append(to.X, d.X[i]), append(to.Y, d.Y[i])
	}
	return train, held
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
	if err := trainNetwork(ctx, cfg, s, d, label, []int{2}, partialLoss, judge, "val_concordance", watching); err != nil {
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
	var events []float64
	for _, y := range d.Y {
		if y.Event {
			events = append(events, y.Time)
		}
	}
	slices.Sort(events)
	intervals := cfg.Network.withDefaults().Intervals
	for k := 1; k <= intervals; k++ {
		end := events[max(0, k*len(events)/intervals-1)]
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
	return trainNetwork(ctx, cfg, s, d, label, []int{2, s.Width}, hazardLoss, nil, "val_loss", watching)
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

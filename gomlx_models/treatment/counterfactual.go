package treatment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// Action is a column that the patient can change.
type Action struct {
	Column    int
	Low, High float64 // how far; both 0 means as far as in training
}

// Change is a column that would have to be another, and by how much.
type Change struct {
	Column   int
	Feature  string
	From, To float64
}

// ErrNoChange is returned where no change of one or two columns changes what is
// recommended.
var ErrNoChange = errors.New("no change of one or two of these columns changes the recommendation")

// Counterfactual returns the smallest change of one or two columns that would
// change what is recommended to x, and the answer then. The size of a change is
// the sum over columns in training standard deviations; 33 values of each column
// are tried. A change that only makes the model abstain does not count.
//
// It says how the model works. That a patient who stops smoking gains what the
// model says of non-smokers is a claim about causes of its own.
func (m *Model) Counterfactual(ctx context.Context, x Row, actions []Action) ([]Change, Answer, error) {
	answers, err := m.Predict(ctx, []Row{x})
	if err != nil {
		return nil, Answer{}, err
	}
	s, now := m.state, answers[0].Arm
	type move struct {
		column int
		to     float64
		size   float64
	}
	const steps = 32
	moves := make([][]move, len(actions))
	for a, action := range actions {
		if action.Column < 0 || action.Column >= len(x) {
			return nil, Answer{}, fmt.Errorf("treatment: column %d cannot change: there are %d", action.Column, len(x))
		}
		low, high := max(action.Low, s.Lowest[action.Column]), min(action.High, s.Highest[action.Column])
		if action.Low == 0 && action.High == 0 {
			low, high = s.Lowest[action.Column], s.Highest[action.Column]
		}
		if low > high { // of patients with what it may become nothing was learnt
			continue
		}
		for k := range steps + 1 {
			to := low + (high-low)*float64(k)/steps
			if size := math.Abs(to-x[action.Column]) / s.Spread[action.Column]; size > 0 && !math.IsNaN(size) {
				moves[a] = append(moves[a], move{action.Column, to, size})
			}
		}
	}
	// try returns the smallest of some sets of moves that changes the recommendation.
	var changes []Change
	var then Answer
	try := func(sets [][]move) error {
		size := func(set []move) (sum float64) {
			for _, m := range set {
				sum += m.size
			}
			return sum
		}
		slices.SortStableFunc(sets, func(a, b []move) int { return cmp.Compare(size(a), size(b)) })
		const batch = 256
		for from := 0; from < len(sets); from += batch {
			some := sets[from:min(len(sets), from+batch)]
			xs := make([]Row, len(some))
			for i, set := range some {
				xs[i] = slices.Clone(x)
				for _, m := range set {
					xs[i][m.column] = m.to
				}
			}
			answers, err := m.Predict(ctx, xs)
			if err != nil {
				return err
			}
			for i, a := range answers {
				if a.Arm != now && a.Arm != None {
					then = a
					for _, m := range some[i] {
						changes = append(changes, Change{m.column, "", x[m.column], m.to})
					}
					return nil
				}
			}
		}
		return nil
	}
	var one, two [][]move
	for a, first := range moves {
		for _, m := range first {
			one = append(one, []move{m})
			for _, second := range moves[a+1:] {
				for _, o := range second {
					if o.column != m.column {
						two = append(two, []move{m, o})
					}
				}
			}
		}
	}
	err = try(one)
	if err == nil && changes == nil {
		err = try(two)
	}
	if err != nil {
		return nil, Answer{}, err
	}
	if changes == nil {
		return nil, answers[0], fmt.Errorf("treatment: %w", ErrNoChange)
	}
	for i := range changes {
		changes[i].Feature = m.config.Features.Name(changes[i].Column)
	}
	return changes, then, nil
}

// Patient is a training patient like another.
type Patient struct {
	Row      int     // in the training set
	Distance float64 // mean over columns of the difference in standard deviations
	Outcome  Outcome
}

// Comparable returns, for each arm, the k training patients who got it and are
// nearest to x, the nearest first: what happened to people like this one. Columns
// count alike, each in its standard deviations; weight, if not nil, says how much
// each counts instead. What decided who got which arm should count, or the outcomes
// of the arms are of different people: Model.Importance leaves it out. A missing
// value is one standard deviation from any other.
func Comparable(train Dataset, x Row, arms, k int, weight []float64) ([][]Patient, error) {
	if train.Len() == 0 || len(train.Y) != train.Len() || arms < 1 || k < 1 {
		return nil, fmt.Errorf("treatment: %d rows with %d outcomes cannot name %d patients of each of %d arms", train.Len(), len(train.Y), k, arms)
	}
	if err := table.Features(nil).Check(train.X, len(x), ""); err != nil {
		return nil, fmt.Errorf("treatment: %w", err)
	}
	if weight != nil && len(weight) != len(x) {
		return nil, fmt.Errorf("treatment: %d weights for %d columns", len(weight), len(x))
	}
	if weight == nil {
		weight = slices.Repeat([]float64{1}, len(x))
	}
	_, spread := table.Moments(train.X)
	out := make([][]Patient, arms)
	for i, row := range train.X {
		p := Patient{Row: i, Outcome: train.Y[i]}
		var total float64
		for j, v := range row {
			apart := math.Abs(v-x[j]) / spread[j]
			if math.IsNaN(apart) {
				apart = 1
				if math.IsNaN(v) && math.IsNaN(x[j]) {
					apart = 0
				}
			}
			p.Distance += weight[j] * apart
			total += weight[j]
		}
		p.Distance /= total
		if a := p.Outcome.Arm; a >= 0 && a < arms {
			out[a] = append(out[a], p)
		}
	}
	for a := range out {
		slices.SortStableFunc(out[a], func(p, q Patient) int { return cmp.Compare(p.Distance, q.Distance) })
		out[a] = out[a][:min(k, len(out[a]))]
	}
	return out, nil
}

// ComparableTable shows the patients of Comparable.
func ComparableTable(of [][]Patient, arms []string) models.Table {
	t := models.Table{Kind: "comparable", Title: "The most comparable patients", Columns: []string{"arm", "outcomes of the nearest", "their mean", "mean distance"}}
	for a, patients := range of {
		var said string
		var mean, distance float64
		for i, p := range patients {
			if i > 0 {
				said += ", "
			}
			said += fmt.Sprintf("%.4g", p.Outcome.Value)
			mean += p.Outcome.Value / float64(len(patients))
			distance += p.Distance / float64(len(patients))
		}
		t.Rows = append(t.Rows, []string{arms[a], said, fmt.Sprintf("%.4g", mean), fmt.Sprintf("%.3g", distance)})
	}
	return t
}

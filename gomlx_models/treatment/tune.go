package treatment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/tune"
)

// Candidate is a configuration with a name to tell it by. tune.Grid and
// tune.Random make many.
type Candidate = tune.Candidate[Config]

// tuning returns the table of what was found of candidates, yet without rows.
func tuning(by string, columns ...string) models.Table {
	return models.Table{Kind: "tuning", Title: "Candidates by the error of " + by + " on inner folds", Columns: append([]string{"candidate"}, columns...)}
}

// Tune fits every candidate on inner folds of the training rows, and returns the
// one whose effects have the least error against doubly robust scores of the rows
// held out, with a table of all. Among models, that error orders them as the error
// against the truth does, plus a constant. Judge the one chosen on other rows.
func Tune(ctx context.Context, train Dataset, candidates []Candidate, folds int) (Candidate, models.Table, error) {
	t := tuning("effects", "error of effects", "value of its policy")
	if len(candidates) == 0 {
		return Candidate{}, t, errors.New("treatment: tune: there are no candidates")
	}
	first := candidates[0].Config.withDefaults()
	for _, c := range candidates {
		if !slices.Equal(c.Config.Arms, first.Arms) {
			return Candidate{}, t, fmt.Errorf("treatment: tune: %s has arms %q, %s has %q: give all the same", c.Name, c.Config.Arms, candidates[0].Name, first.Arms)
		}
	}
	scores, err := Score(ctx, train, first.Arms, first.Nuisance, first.Seed)
	if err != nil {
		return Candidate{}, t, err
	}
	inner, err := table.KFold(train.Len(), folds, table.SplitOptions{Group: train.Group, Stratify: armNames(train.Y), Seed: first.Seed})
	if err != nil {
		return Candidate{}, t, fmt.Errorf("treatment: tune: %w", err)
	}
	kept := comparable(scores.Propensity, first.Overlap)
	if len(kept) == 0 {
		return Candidate{}, t, fmt.Errorf("treatment: tune: no row had a chance of at least %v of every arm: there is nothing to choose by", first.Overlap)
	}
	best, least := 0, 0.0
	for c, candidate := range candidates {
		answers, err := CrossPredict(ctx, train, inner, func(ctx context.Context, part Dataset) (*Model, error) {
			m := New(candidate.Config)
			return m, m.Fit(ctx, part)
		})
		if err != nil {
			return Candidate{}, t, fmt.Errorf("treatment: tune: %s: %w", candidate.Name, err)
		}
		var squares, value float64
		for _, r := range kept {
			for k := 1; k < len(first.Arms); k++ {
				d := answers[r].Effect[k] - (scores.Value[r][k] - scores.Value[r][0])
				squares += d * d
			}
			value += scores.Value[r][max(answers[r].Arm, 0)]
		}
		n := float64(len(kept))
		squares /= n * float64(len(first.Arms)-1)
		t.Rows = append(t.Rows, []string{candidate.Name, significant(squares, 5), significant(value/n, 4)})
		if c == 0 || squares < least {
			best, least = c, squares
		}
	}
	return candidates[best], t, nil
}

// CrossPredict returns for each row the answer of a model that was learnt without
// it or its patient: learn is called with the training rows of each fold. Whatever
// learn tunes, it tunes on those rows, and so not on what it is judged by.
func CrossPredict(ctx context.Context, d Dataset, folds []table.Split, learn func(ctx context.Context, train Dataset) (*Model, error)) ([]Answer, error) {
	out := make([]Answer, d.Len())
	for i, fold := range folds {
		m, err := learn(ctx, d.Take(fold.Train))
		if err != nil {
			return nil, fmt.Errorf("fold %d: %w", i+1, err)
		}
		answers, err := m.Predict(ctx, pick.Rows(d.X, fold.Test))
		if err != nil {
			return nil, fmt.Errorf("fold %d: %w", i+1, err)
		}
		for k, r := range fold.Test {
			out[r] = answers[k]
		}
	}
	return out, nil
}

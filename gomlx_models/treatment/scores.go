package treatment

import (
	"context"
	"fmt"
)

// Scores are what each arm would have brought each patient of a set that is to be
// judged. Learn them from that set alone: what tuned a policy must not judge it.
type Scores struct {
	Arms       []string
	Y          []Outcome
	Propensity [][]float64 // [rows][arms] chance of each arm, learnt on other rows of the set, or known
	Expected   [][]float64 // [rows][arms] outcome under each arm, likewise learnt
	Value      [][]float64 // [rows][arms] doubly robust: of one patient mostly noise, of many the truth
}

// Score returns the scores of a set, of which the nuisances are learnt by
// cross-fitting: each row's on the other folds of the same set.
//
//	Value[i][k] = Expected[i][k] + [arm of i = k] (y_i − Expected[i][k]) / Propensity[i][k]
//
// Every arm must have been given to some of the patients.
func Score(ctx context.Context, d Dataset, arms []string, n Nuisance, seed int64) (*Scores, error) {
	// The method is any: only what it is judged by is fitted.
	cfg := Config{Method: PolicyTree, Arms: arms, Seed: seed, Nuisance: n}.withDefaults()
	m := Model{config: cfg}
	if err := m.checkData(d); err != nil {
		return nil, fmt.Errorf("treatment: score: %w", err)
	}
	f := &fitting{ctx: ctx, cfg: cfg, d: d}
	propensity, expected, err := f.crossfit()
	if err != nil {
		return nil, fmt.Errorf("treatment: score: %w", err)
	}
	return &Scores{Arms: arms, Y: d.Y, Propensity: propensity, Expected: expected, Value: doublyRobust(d.Y, propensity, expected)}, nil
}

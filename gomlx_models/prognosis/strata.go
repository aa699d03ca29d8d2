package prognosis

import (
	"context"
	"fmt"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/survival"
)

// stratum returns the column that divides rows into strata, -1 if none does.
func (c Config) stratum(columns int) (int, error) {
	if c.Strata == "" {
		return -1, nil
	}
	if j := slices.Index(c.Features.Names(columns), c.Strata); j >= 0 {
		return j, nil
	}
	return -1, fmt.Errorf("Config.Strata is %q, which is none of the features %q", c.Strata, c.Features.Names(columns))
}

// divide returns the rows that Cox reads, and the stratum of each: nil if there
// are none. Rows lose the column that divides them.
func (s *state) divide(cfg Config, xs []Row) (rest []Row, strata []int, err error) {
	at, err := cfg.stratum(s.Columns)
	if err != nil || at < 0 {
		return xs, nil, err
	}
	for i, x := range xs {
		k, known := slices.BinarySearch(s.Strata, x[at])
		if !known {
			return nil, nil, fmt.Errorf("row %d: no training row has %s = %v, so that there is no baseline for it", i, cfg.Strata, x[at])
		}
		rest, strata = append(rest, without(x, at)), append(strata, k)
	}
	return rest, strata, nil
}

// read names the columns that Cox reads.
func (s *state) read(cfg Config) []string {
	names := cfg.Features.Names(s.Columns)
	if at, err := cfg.stratum(s.Columns); err == nil && at >= 0 {
		return without(names, at)
	}
	return names
}

func without[T any](values []T, at int) []T {
	return slices.Delete(slices.Clone(values), at, at+1)
}

func fitCox(cfg Config, s *state, d models.Dataset[Row, Outcome]) error {
	at, err := cfg.stratum(s.Columns)
	if err != nil {
		return err
	}
	if at >= 0 {
		for _, x := range d.X {
			s.Strata = append(s.Strata, x[at])
		}
		slices.Sort(s.Strata)
		s.Strata = slices.Compact(s.Strata)
	}
	xs, strata, err := s.divide(cfg, d.X)
	if err != nil {
		return err
	}
	if len(xs[0]) == 0 {
		return fmt.Errorf("%s is the only feature: nothing is left to have a hazard ratio", cfg.Strata)
	}
	y := Followup(d.Y)
	if s.Cox, err = survival.FitCox(linear.Table(xs), y.Time, y.Event, strata, cfg.Cox); err != nil {
		return err
	}
	for _, b := range s.Cox.Baseline {
		s.Times = append(s.Times, b.Rising().Time...)
	}
	slices.Sort(s.Times)
	s.Times = slices.Compact(s.Times)
	return nil
}

// predictCox returns the curve of each row from the baseline of its stratum.
func predictCox(_ context.Context, cfg Config, s *state, xs []Row) ([]Curve, error) {
	xs, strata, err := s.divide(cfg, xs)
	if err != nil {
		return nil, err
	}
	hazards := make([][]float64, len(s.Cox.Baseline)) // of each stratum, at each of the times
	for k, b := range s.Cox.Baseline {
		for _, t := range s.Times {
			hazards[k] = append(hazards[k], b.At(t))
		}
	}
	return proportional(s.Cox.Risk(linear.Table(xs)), s.Times, func(row int) []float64 {
		if strata == nil {
			return hazards[0]
		}
		return hazards[strata[row]]
	}), nil
}

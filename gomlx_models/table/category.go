package table

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

const (
	otherLevel   = "other"
	missingLevel = "missing"
	// maxCodes is how many codes of a category a tree can hold.
	maxCodes = 255
)

// categoryStep is what was learnt of a column of categories.
type categoryStep struct {
	Name   string       `json:"name"`
	Plan   CategoryPlan `json:"plan"`
	Levels []string     `json:"levels"`         // in the order of their codes
	Other  int          `json:"other"`          // the level of rare and unseen ones; -1 if there is none
	Absent int          `json:"absent"`         // the level of missing values; -1 if there is none
	Mean   []float64    `json:"mean,omitempty"` // Target: of each level
	Prior  float64      `json:"prior"`          // Target: of all rows
}

func learnCategory(c *Column, plan CategoryPlan, target []float64) (categoryStep, error) {
	s := categoryStep{Name: c.Name, Plan: plan, Other: -1, Absent: -1}
	if err := plan.check(c.Name); err != nil {
		return s, err
	}
	counts := c.counts()
	missing := c.Len()
	keep := plan.MinRows
	for _, n := range counts {
		missing -= n
	}
	if plan.Encode == Codes {
		keep = max(keep, rarest(counts, maxCodes-2))
	}
	rare, mostRows := false, 0
	mode := ""
	for k, n := range counts {
		switch {
		case n == 0: // a level of rows that are not for training
		case n >= keep:
			s.Levels = append(s.Levels, c.Levels[k])
		default:
			rare = true
		}
		if n > mostRows {
			mostRows, mode = n, c.Levels[k]
		}
	}
	if plan.Encode == Ordinal && plan.Order != nil {
		for _, level := range s.Levels {
			if !slices.Contains(plan.Order, level) {
				return s, fmt.Errorf("column %q: the order %q leaves out the level %q", c.Name, plan.Order, level)
			}
		}
		s.Levels = slices.Clone(plan.Order)
	} else {
		level := plan.Impute == Levels && missing > 0
		if rare || level && missing < plan.MinRows {
			s.Other = s.add(otherLevel)
		}
		switch {
		case level && missing < plan.MinRows:
			s.Absent = s.Other
		case level:
			s.Absent = s.add(missingLevel)
		}
	}
	if plan.Impute == Mode {
		if mostRows == 0 {
			return s, fmt.Errorf("column %q has no values in the training rows to impute from: drop it", c.Name)
		}
		s.Absent = s.code(mode)
	}
	if plan.Encode == Target {
		if target == nil {
			return s, fmt.Errorf("column %q is to be encoded by the outcome, which is not given", c.Name)
		}
		s.learnMeans(c, target)
	}
	return s, nil
}

// add returns the code of a level, which is new unless the data have one so
// called.
func (s *categoryStep) add(level string) int {
	if k := slices.Index(s.Levels, level); k >= 0 {
		return k
	}
	s.Levels = append(s.Levels, level)
	return len(s.Levels) - 1
}

// rarest returns the fewest rows that a level may have for at most so many to
// stay.
func rarest(counts []int, levels int) int {
	if len(counts) <= levels {
		return 0
	}
	sorted := slices.Clone(counts)
	slices.SortFunc(sorted, func(a, b int) int { return cmp.Compare(b, a) })
	return sorted[levels] + 1
}

// code returns the code of a level, that of other ones if it is not known.
func (s *categoryStep) code(level string) int {
	if k := slices.Index(s.Levels, level); k >= 0 {
		return k
	}
	return s.Other
}

// label returns a column of numbers as categories: a number that a level writes in
// another way, "1.0" or "01", is that level.
func (s *categoryStep) label(c *Column) Column {
	known := make(map[float64]string, len(s.Levels))
	for _, level := range s.Levels {
		if v, err := strconv.ParseFloat(level, 64); err == nil {
			known[v] = level
		}
	}
	texts := make([]string, c.Len())
	for i, v := range c.Numbers {
		texts[i] = c.Text(i)
		if level, ok := known[v]; ok && s.code(texts[i]) == s.Other {
			texts[i] = level
		}
	}
	return CategoryColumn(c.Name, texts)
}

// level returns the code of row i, -1 if it has none.
func (s *categoryStep) level(c *Column, i int) int {
	if c.Missing(i) {
		return s.Absent
	}
	return s.code(c.Levels[c.Codes[i]])
}

// shown returns the levels that have a feature of their own one-hot.
func (s *categoryStep) shown() []string {
	if s.Plan.DropFirst && len(s.Levels) > 0 {
		return s.Levels[1:]
	}
	return s.Levels
}

// encode appends the features of a level.
func (s *categoryStep) encode(x []float64, level int) []float64 {
	switch s.Plan.Encode {
	case OneHot:
		skipped := len(s.Levels) - len(s.shown())
		for k := range s.shown() {
			x = append(x, indicator(k+skipped == level))
		}
		return x
	case Target:
		return append(x, s.mean(level))
	}
	if level < 0 {
		return append(x, math.NaN())
	}
	return append(x, float64(level))
}

func (s *categoryStep) mean(level int) float64 {
	if level < 0 {
		return s.Prior
	}
	return s.Mean[level]
}

// learnMeans sets the mean outcome of every level, shrunk towards the overall:
//
//	(Σ y + m ȳ) / (n + m)
//
// Micci-Barreca, SIGKDD Explorations 3 (2001), 27.
func (s *categoryStep) learnMeans(c *Column, target []float64) {
	sum, n := make([]float64, len(s.Levels)), make([]float64, len(s.Levels))
	s.Prior = 0
	for i, y := range target {
		s.Prior += y / float64(len(target))
		if k := s.level(c, i); k >= 0 {
			sum[k] += y
			n[k]++
		}
	}
	s.Mean = make([]float64, len(s.Levels))
	for k := range s.Mean {
		s.Mean[k] = (sum[k] + s.Plan.Smooth*s.Prior) / (n[k] + s.Plan.Smooth)
	}
}

// crossFit replaces the target encoding of training rows by what the other folds
// say of their levels.
func (p *Pipeline) crossFit(x [][]float64, train *Frame, target []float64, group []string) error {
	at := make(map[string]int) // the feature of every target-encoded column
	k := 0
	p.features(func(name string, _ *categoryStep) {
		if p.numberStep(name) == nil && slices.ContainsFunc(p.Categories, func(s categoryStep) bool {
			return s.Name == name && s.Plan.Encode == Target
		}) {
			at[name] = k
		}
		k++
	})
	if len(at) == 0 {
		return nil
	}
	folds := p.Plan.Folds
	if folds == 0 {
		folds = 5
	}
	splits, err := KFold(len(x), folds, SplitOptions{Group: group, Seed: p.Plan.Seed})
	if err != nil {
		return fmt.Errorf("cross-fitting: %w", err)
	}
	for name, feature := range at {
		c, err := train.Column(name)
		if err != nil {
			return err
		}
		for _, split := range splits {
			s := *p.categoryStep(name)
			others := c.take(split.Train)
			s.learnMeans(&others, pick.Rows(target, split.Train))
			for _, i := range split.Test {
				x[i][feature] = s.mean(s.level(c, i))
			}
		}
	}
	return nil
}

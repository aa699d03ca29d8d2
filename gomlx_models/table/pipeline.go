package table

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/assay-ml/assay/gomlx_models/internal/quantile"
)

// Pipeline turns frames into features as it learnt from training rows. All of it
// survives JSON. A nil one, of a model whose rows come from elsewhere, has no
// features to name and transforms nothing.
type Pipeline struct {
	Plan       Plan           `json:"plan"`
	Numbers    []numberStep   `json:"numbers"`
	Categories []categoryStep `json:"categories"`
	Order      []string       `json:"order"` // of the columns
	Neighbours *neighbours    `json:"neighbours,omitempty"`
}

// Fit learns a pipeline from training rows and returns it with their features.
// target, the outcome of each row, is needed by Target encoding only, and may
// otherwise be nil.
//
// The features returned are those to train on. They are Transform(train) but for
// target-encoded columns, where each row's value is learnt from the rows of other
// folds: its own outcome must not be among its features.
func Fit(plan Plan, train *Frame, target []float64) (*Pipeline, [][]float64, error) {
	return FitGroups(plan, train, target, nil)
}

// FitGroups is Fit for several rows a patient: the folds that target encoding is
// cross-fitted on keep patients whole.
func FitGroups(plan Plan, train *Frame, target []float64, group []string) (*Pipeline, [][]float64, error) {
	p, err := learn(plan, train, target)
	if err != nil {
		return nil, nil, err
	}
	x, err := p.Transform(train)
	if err != nil {
		return nil, nil, err
	}
	return p, x, p.crossFit(x, train, target, group)
}

func learn(plan Plan, train *Frame, target []float64) (*Pipeline, error) {
	if train.Rows() == 0 {
		return nil, errors.New("there are no rows to learn from")
	}
	if err := train.even(); err != nil {
		return nil, err
	}
	if target != nil && len(target) != train.Rows() {
		return nil, fmt.Errorf("there are %d rows but %d outcomes", train.Rows(), len(target))
	}
	for i, y := range target {
		if math.IsNaN(y) || math.IsInf(y, 0) {
			return nil, fmt.Errorf("row %d: outcome %v is not finite", i, y)
		}
	}
	if err := plan.check(train); err != nil {
		return nil, err
	}
	used := train
	var err error
	if plan.Columns != nil {
		if used, err = train.Select(plan.Columns...); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
	}
	if used, err = used.Drop(plan.Drop...); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if len(used.Columns) == 0 {
		return nil, errors.New("the plan leaves no columns to make features of")
	}
	p := &Pipeline{Plan: plan, Order: used.Names()}
	for i := range used.Columns {
		c := &used.Columns[i]
		if c.Kind == Category {
			step, err := learnCategory(c, plan.category(c.Name), target)
			if err != nil {
				return nil, err
			}
			p.Categories = append(p.Categories, step)
			continue
		}
		step, err := learnNumber(c, plan.number(c.Name))
		if err != nil {
			return nil, err
		}
		p.Numbers = append(p.Numbers, step)
		if step.Plan.Impute == Neighbour && p.Neighbours == nil {
			p.Neighbours = learnNeighbours(used)
		}
	}
	// Scales are of the values that a model will see, imputed ones among them.
	for k := range p.Numbers {
		step := &p.Numbers[k]
		c, _ := used.Column(step.Name)
		step.learnScale(step.fill(c, p.donors(step, used)))
	}
	return p, nil
}

// donors returns what Neighbour imputes a column's missing values by.
func (p *Pipeline) donors(step *numberStep, f *Frame) func(row int) float64 {
	if step.Plan.Impute != Neighbour {
		return nil
	}
	return p.Neighbours.imputer(f, step.Name, step.Plan.Neighbours, step.Fill)
}

// Transform returns the features of every row, in the order of Names. The frame
// must have the columns learnt from, of the same kinds; others are ignored.
// Categories not seen in training are "other" if there is such a level, else no
// level at all: zeros one-hot, NaN as codes or ordinal, the overall mean as target.
func (p *Pipeline) Transform(f *Frame) ([][]float64, error) {
	if p == nil {
		return nil, errors.New("there is no Pipeline to read a table with: Fit one to the training rows")
	}
	if err := f.even(); err != nil {
		return nil, err
	}
	x := make([][]float64, f.Rows())
	width := len(p.Names())
	cells := make([]float64, len(x)*width)
	for i := range x {
		x[i] = cells[i*width : i*width : (i+1)*width]
	}
	for _, name := range p.Order {
		c, err := f.Column(name)
		if err != nil {
			return nil, err
		}
		if step := p.numberStep(name); step != nil {
			if c.Kind != Number {
				return nil, fmt.Errorf("column %q holds categories such as %q where training had numbers", name, first(c.Levels))
			}
			filled := step.fill(c, p.donors(step, f))
			for i, v := range filled {
				x[i] = append(x[i], (v-step.Centre)/step.Spread)
				if step.Plan.Indicator {
					x[i] = append(x[i], indicator(c.Missing(i)))
				}
			}
			continue
		}
		step := p.categoryStep(name)
		if c.Kind == Number {
			// Codes such as 1, 2, 3 of a file that was not told they are categories.
			labelled := step.label(c)
			c = &labelled
		}
		for i := range x {
			x[i] = step.encode(x[i], step.level(c, i))
		}
	}
	return x, nil
}

// Names returns the names of the features: "age", "age is missing", "sex = m".
func (p *Pipeline) Names() (names []string) {
	p.features(func(name string, _ *categoryStep) { names = append(names, name) })
	return names
}

// Categorical says which features are codes of categories, for trees.
func (p *Pipeline) Categorical() (categorical []bool) {
	p.features(func(_ string, codes *categoryStep) { categorical = append(categorical, codes != nil) })
	return categorical
}

// CodeNames returns the names of the codes of every categorical feature.
func (p *Pipeline) CodeNames() map[int][]string {
	names := make(map[int][]string)
	k := 0
	p.features(func(_ string, codes *categoryStep) {
		if codes != nil {
			names[k] = codes.Levels
		}
		k++
	})
	return names
}

// features tells of every feature in order; codes is the step of a feature that
// is codes of a category, else nil.
func (p *Pipeline) features(tell func(name string, codes *categoryStep)) {
	if p == nil {
		return
	}
	for _, name := range p.Order {
		if step := p.numberStep(name); step != nil {
			tell(name, nil)
			if step.Plan.Indicator {
				tell(name+" is missing", nil)
			}
			continue
		}
		step := p.categoryStep(name)
		switch step.Plan.Encode {
		case OneHot:
			for _, level := range step.shown() {
				tell(name+" = "+level, nil)
			}
		case Codes:
			tell(name, step)
		default:
			tell(name, nil)
		}
	}
}

func (p *Pipeline) numberStep(name string) *numberStep {
	if k := slices.IndexFunc(p.Numbers, func(s numberStep) bool { return s.Name == name }); k >= 0 {
		return &p.Numbers[k]
	}
	return nil
}

func (p *Pipeline) categoryStep(name string) *categoryStep {
	return &p.Categories[slices.IndexFunc(p.Categories, func(s categoryStep) bool { return s.Name == name })]
}

// numberStep is what was learnt of a column of numbers.
type numberStep struct {
	Name   string     `json:"name"`
	Plan   NumberPlan `json:"plan"`
	Fill   float64    `json:"fill"` // of missing values
	Centre float64    `json:"centre"`
	Spread float64    `json:"spread"`
}

func learnNumber(c *Column, plan NumberPlan) (numberStep, error) {
	if err := plan.check(c.Name); err != nil {
		return numberStep{}, err
	}
	s := numberStep{Name: c.Name, Plan: plan, Fill: plan.Constant, Spread: 1}
	known := sortedKnown(c.Numbers)
	s.Plan.Indicator = plan.Indicator && len(c.Numbers)-len(known) >= max(1, plan.MinRows)
	if len(known) == 0 && plan.Impute != Constant && plan.Impute != Leave {
		return s, fmt.Errorf("column %q has no values in the training rows to impute from: drop it, or impute a constant", c.Name)
	}
	switch plan.Impute {
	case Median:
		s.Fill = quantile.Of(known, 0.5)
	case Neighbour: // of a row that shares no value with any other
		s.Fill, _ = moments(known)
	case Mode:
		s.Fill = mode(known)
	}
	return s, nil
}

// mode returns the most frequent of sorted values, the lowest of equal ones.
func mode(sorted []float64) float64 {
	best, most, run := sorted[0], 0, 0
	for i, v := range sorted {
		if i > 0 && v != sorted[i-1] {
			run = 0
		}
		if run++; run > most {
			best, most = v, run
		}
	}
	return best
}

func (s *numberStep) learnScale(values []float64) {
	known := sortedKnown(values)
	if len(known) == 0 {
		return
	}
	if known[0] == known[len(known)-1] { // a constant column becomes zeros, though its mean may round
		if s.Plan.Scale != Unscaled {
			s.Centre = known[0]
		}
		return
	}
	switch s.Plan.Scale {
	case Standard:
		mean, variance := moments(known)
		// scikit-learn and most papers divide by n here.
		s.Centre, s.Spread = mean, math.Sqrt(variance*float64(len(known)-1)/float64(len(known)))
	case Robust:
		s.Centre, s.Spread = quantile.Of(known, 0.5), quantile.Of(known, 0.75)-quantile.Of(known, 0.25)
	case MinMax:
		s.Centre, s.Spread = known[0], known[len(known)-1]-known[0]
	}
	if s.Spread == 0 { // the middle half is one value
		s.Spread = 1
	}
}

// fill returns the column without its missing values. donor, if not nil, imputes
// those of a row.
func (s *numberStep) fill(c *Column, donor func(row int) float64) []float64 {
	values := slices.Clone(c.Numbers)
	if s.Plan.Impute == Leave {
		return values
	}
	for i, v := range values {
		switch {
		case !math.IsNaN(v):
		case donor != nil:
			values[i] = donor(i)
		default:
			values[i] = s.Fill
		}
	}
	return values
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

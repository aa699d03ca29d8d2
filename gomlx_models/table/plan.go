package table

import (
	"fmt"
	"slices"
)

// Impute is what takes the place of a missing value.
type Impute string

// The ways to impute. Levels are for categories, the others for numbers; Mode and
// Leave are for both.
const (
	Median    Impute = "median"   // default of numbers
	Mode      Impute = "mode"     // the most frequent value, the lowest of equal ones
	Constant  Impute = "constant" // NumberPlan.Constant
	Neighbour Impute = "knn"      // the mean of the NumberPlan.Neighbours nearest training rows that have a value; the pipeline keeps those rows
	Leave     Impute = "leave"    // NaN, for models that take it
	Levels    Impute = "level"    // default of categories: missing is a level of its own
)

// Scale is what numbers are divided by.
type Scale string

// The scales.
const (
	Unscaled Scale = ""         // as they are
	Standard Scale = "standard" // (x − mean) / standard deviation
	Robust   Scale = "robust"   // (x − median) / interquartile range
	MinMax   Scale = "minmax"   // (x − min) / (max − min)
)

// Encode is how a category becomes numbers.
type Encode string

// The encodings.
const (
	OneHot  Encode = ""        // a feature a level, 1 where the row has it
	Ordinal Encode = "ordinal" // the place of the level in CategoryPlan.Order
	Codes   Encode = "codes"   // the number of the level, which trees take as a category
	Target  Encode = "target"  // the mean outcome of the level, for training rows learnt on other folds
)

// NumberPlan says how a column of numbers becomes features.
type NumberPlan struct {
	Impute     Impute  `json:"impute"`     // "" means Median
	Constant   float64 `json:"constant"`   // for Constant
	Neighbours int     `json:"neighbours"` // for Neighbour; 0 means 5
	Indicator  bool    `json:"indicator"`  // a feature more, where training rows lack values: 1 where the value is missing
	MinRows    int     `json:"min_rows"`   // of Indicator: where fewer training rows lack values there is none; 0 means 1
	Scale      Scale   `json:"scale"`
}

// CategoryPlan says how a column of categories becomes features.
type CategoryPlan struct {
	Impute    Impute   `json:"impute"` // "" means Levels
	Encode    Encode   `json:"encode"`
	Order     []string `json:"order"`      // for Ordinal; nil means alphabetical
	MinRows   int      `json:"min_rows"`   // levels that fewer training rows have, that of missing values too, become one, "other"
	DropFirst bool     `json:"drop_first"` // OneHot without its first level, for models without a penalty
	Smooth    float64  `json:"smooth"`     // Target: rows' worth of the overall mean added to every level; 0 means 10
}

// Plan says how the columns of a frame become features. The zero value imputes
// medians, leaves numbers unscaled and codes categories one-hot, with a level for
// missing ones.
type Plan struct {
	Columns    []string                `json:"columns"` // that are used; nil means all
	Drop       []string                `json:"drop"`    // that are not
	Number     NumberPlan              `json:"number"`
	Category   CategoryPlan            `json:"category"`
	Numbers    map[string]NumberPlan   `json:"numbers"`    // of columns that go their own way
	Categories map[string]CategoryPlan `json:"categories"` // likewise
	Folds      int                     `json:"folds"`      // of cross-fitting; 0 means 5
	Seed       int64                   `json:"seed"`       // likewise
}

// ForTrees leaves missing values and categories to the tree.
func ForTrees() Plan {
	return Plan{Number: NumberPlan{Impute: Leave}, Category: CategoryPlan{Encode: Codes, Impute: Leave}}
}

// ForLinear standardises, imputes medians with indicators, and codes one-hot. Neither
// indicators nor levels are of fewer than 10 training rows, who might all have the
// outcome or all not: no finite coefficient would be the best.
func ForLinear() Plan {
	return Plan{Number: NumberPlan{Indicator: true, MinRows: 10, Scale: Standard}, Category: CategoryPlan{MinRows: 10}}
}

func (p Plan) number(column string) NumberPlan {
	n, own := p.Numbers[column]
	if !own {
		n = p.Number
	}
	if n.Impute == "" {
		n.Impute = Median
	}
	if n.Neighbours == 0 {
		n.Neighbours = 5
	}
	return n
}

func (p Plan) category(column string) CategoryPlan {
	c, own := p.Categories[column]
	if !own {
		c = p.Category
	}
	if c.Impute == "" {
		c.Impute = Levels
	}
	if c.Smooth == 0 {
		c.Smooth = 10
	}
	return c
}

// check finds settings that mean nothing.
func (p Plan) check(f *Frame) error {
	for name := range p.Numbers {
		if c, err := f.Column(name); err != nil {
			return fmt.Errorf("plan: %w", err)
		} else if c.Kind != Number {
			return fmt.Errorf("plan: column %q holds categories, not numbers", name)
		}
	}
	for name := range p.Categories {
		if c, err := f.Column(name); err != nil {
			return fmt.Errorf("plan: %w", err)
		} else if c.Kind != Category {
			return fmt.Errorf("plan: column %q holds numbers, not categories", name)
		}
	}
	return nil
}

func (n NumberPlan) check(column string) error {
	if !slices.Contains([]Impute{Median, Mode, Constant, Neighbour, Leave}, n.Impute) {
		return fmt.Errorf("column %q: numbers cannot be imputed by %q", column, n.Impute)
	}
	if !slices.Contains([]Scale{Unscaled, Standard, Robust, MinMax}, n.Scale) {
		return fmt.Errorf("column %q: there is no scale %q", column, n.Scale)
	}
	if n.Neighbours < 0 {
		return fmt.Errorf("column %q: %d neighbours", column, n.Neighbours)
	}
	return nil
}

func (c CategoryPlan) check(column string) error {
	if !slices.Contains([]Impute{Mode, Leave, Levels}, c.Impute) {
		return fmt.Errorf("column %q: categories cannot be imputed by %q", column, c.Impute)
	}
	if !slices.Contains([]Encode{OneHot, Ordinal, Codes, Target}, c.Encode) {
		return fmt.Errorf("column %q: there is no encoding %q", column, c.Encode)
	}
	if c.Smooth < 0 {
		return fmt.Errorf("column %q: smoothing by %v rows", column, c.Smooth)
	}
	return nil
}

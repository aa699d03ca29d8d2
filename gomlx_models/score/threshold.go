package score

import (
	"errors"
	"fmt"
	"math"
)

// Operating is the threshold that turns probabilities into calls, and how it was
// found. Choose it on validation data and keep it for the test: a threshold
// chosen on the data it is judged on flatters the model.
type Operating struct {
	Threshold float64 `json:"threshold"` // zero without a Rule means 0.5
	Rule      string  `json:"rule"`      // "" means that it was fixed in advance
}

func (o Operating) threshold() float64 {
	if o == (Operating{}) {
		return 0.5
	}
	return o.Threshold
}

func (o Operating) note() string {
	if o.Rule == "" {
		return fmt.Sprintf("Operating threshold %.4g, fixed in advance.", o.threshold())
	}
	return fmt.Sprintf("Operating threshold %.4g, chosen beforehand on other rows: %s.", o.threshold(), o.Rule)
}

// A Rule is a reason for preferring one operating threshold to another.
type Rule struct {
	name string
	// worth is what the rule maximises.
	worth func(Counts) float64
}

// Youden maximises sensitivity + specificity − 1.
var Youden = Rule{"Youden's J", func(c Counts) float64 { return c.Sensitivity() + c.Specificity() }}

// BestF1 maximises F1.
var BestF1 = Rule{"best F1", Counts.F1}

// AtSensitivity maximises specificity where sensitivity is at least s.
func AtSensitivity(s float64) Rule {
	return Rule{fmt.Sprintf("sensitivity at least %g", s), func(c Counts) float64 {
		return wherever(c.Sensitivity() >= s, c.Specificity())
	}}
}

// AtSpecificity maximises sensitivity where specificity is at least s.
func AtSpecificity(s float64) Rule {
	return Rule{fmt.Sprintf("specificity at least %g", s), func(c Counts) float64 {
		return wherever(c.Specificity() >= s, c.Sensitivity())
	}}
}

func wherever(allowed bool, worth float64) float64 {
	if allowed {
		return worth
	}
	return math.Inf(-1)
}

// ChooseThreshold returns the operating threshold that the rule prefers on these
// rows, which must hold both classes. The threshold is half-way between the two
// predictions that it divides, so that a new row on either side is called as
// they are; of equal ones the highest is taken.
func ChooseThreshold(positive []bool, prob []float64, rule Rule) (Operating, error) {
	if err := sameLength(len(positive), len(prob), "outcomes", "probabilities"); err != nil {
		return Operating{}, err
	}
	if err := probabilities("the prediction", prob); err != nil {
		return Operating{}, err
	}
	r := rank(positive, prob)
	var positives, negatives float64
	r.each(func(_ int, tp, fp float64) { positives, negatives = tp, fp })
	if positives == 0 || negatives == 0 {
		return Operating{}, errors.New("an operating threshold needs rows of both classes to be chosen on")
	}
	best, at := math.Inf(-1), math.NaN()
	r.each(func(k int, tp, fp float64) {
		c := Counts{TP: tp, FP: fp, FN: positives - tp, TN: negatives - fp}
		if w := rule.worth(c); w > best {
			best, at = w, prob[r.order[k]]
			if k+1 < len(prob) {
				// Between neighbouring numbers the half-way rounds to one of them.
				if half := (at + prob[r.order[k+1]]) / 2; half > prob[r.order[k+1]] {
					at = half
				}
			}
		}
	})
	if math.IsNaN(at) {
		return Operating{}, fmt.Errorf("no threshold has %s", rule.name)
	}
	return Operating{Threshold: at, Rule: rule.name}, nil
}

// Package treatment says which of several options is best for a patient: the
// outcome to expect under each, how sure that is, and which to choose, where the
// data support a choice.
//
//	model := treatment.New(treatment.Config{Method: treatment.CausalForest, Arms: []string{"usual care", "drug"}})
//	err := model.Fit(ctx, train, run)
//	answers, err := model.Predict(ctx, test.X)         // outcome under each arm, effect, recommendation
//	scores, err := treatment.Score(ctx, test, arms, treatment.Nuisance{}, 1)  // from the test rows alone
//	report, err := treatment.Evaluate(answers, scores, treatment.Judging{})
//
// An effect is not something that one sees: a patient gets one arm, and what the
// other would have brought is not known. What this package says holds if nothing
// but the columns given decided both who got what and how it went. In a trial that
// is so by design; elsewhere it is a claim about the world, which no model checks
// (Refute asks what can be asked, and EValue says how wrong it would have to be).
//
// Doses are another question with a model of its own: NewDoser learns the dose at
// which patients were well. Genotypes as text are read by package genome, forests
// and policy trees without networks are in package causal.
package treatment

import (
	"fmt"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment/causal"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// Row is the features of one patient.
type Row = []float64

// Outcome is which arm a patient got, an index into Config.Arms, and what came of
// it. An event is 1 or 0.
type Outcome struct {
	Arm   int     `json:"arm"`
	Value float64 `json:"value"`
}

// Dataset is patients with their arms and outcomes.
type Dataset = models.Dataset[Row, Outcome]

// None is the Answer.Arm of a patient for whom the data support no choice.
const None = -1

// Answer is what to expect of a patient under each arm.
type Answer struct {
	Expected   []float64 `json:"expected"`          // outcome under each arm
	Effect     []float64 `json:"effect"`            // of each arm against the first, which has 0
	StdErr     []float64 `json:"std_err,omitempty"` // of Effect; nil if the method has none, or Config.Resamples asks for none
	Propensity []float64 `json:"propensity"`        // chance that such a patient got each arm
	Arm        int       `json:"arm"`               // recommended, or None
	Reason     string    `json:"reason"`            // why that arm, or why none
}

// Interval returns the 95 % interval of the effect of an arm, and whether the
// method has one.
func (a Answer) Interval(arm int) (low, high float64, ok bool) {
	if a.StdErr == nil {
		return 0, 0, false
	}
	return a.Effect[arm] - 1.96*a.StdErr[arm], a.Effect[arm] + 1.96*a.StdErr[arm], true
}

// Method is how a model learns effects.
type Method string

// The methods. Künzel et al., PNAS 116 (2019), 4156, name the first three.
const (
	SLearner     Method = "s-learner"     // one model of the outcome, the arm among its columns
	TLearner     Method = "t-learner"     // a model of the outcome for each arm
	XLearner     Method = "x-learner"     // models of what each patient would have gained, by the other arm's model
	DRLearner    Method = "dr-learner"    // a model of doubly robust scores (Kennedy, Electronic Journal of Statistics 17 (2023), 3008)
	CausalForest Method = "causal forest" // with standard errors; see package causal
	TARNet       Method = "tarnet"        // a network with a head for each arm, on GoMLX (Shalit et al., ICML 2017)
	PolicyTree   Method = "policy tree"   // one rule for all, whose expected outcomes flatter it: see Model.Rules and package causal
)

// Config describes a model. Method and Arms are required; of the parts below,
// only the method's own counts.
type Config struct {
	Method        Method         `json:"method"`
	Arms          []string       `json:"arms"`                      // names; the first is what others are compared with
	Features      table.Features `json:"features,omitempty"`        // names of the columns, in order; nil means those of Pipeline
	LowerIsBetter bool           `json:"lower_is_better,omitempty"` // outcomes are harms
	Seed          int64          `json:"seed"`

	// Pipeline made the rows out of a table, and is saved with the model.
	Pipeline *table.Pipeline `json:"pipeline,omitempty"`

	// Overlap is the least chance of getting an arm at which it is recommended,
	// or spoken against, and below which a patient teaches nothing; 0 means 0.05.
	Overlap float64 `json:"overlap,omitempty"`
	// Sure recommends only where the 95 % interval of the difference between the
	// best arm and the first leaves out zero. A policy tree, which has no intervals,
	// cannot be.
	Sure bool `json:"sure,omitempty"`
	// Resamples of the patients that the s-, t-, x- and dr-learner and TARNet are
	// fitted to again, for standard errors; 0 means none. They know of chance, for
	// TARNet also of where its weights start and which patients validate it, not of
	// what a model smooths over: where the effect jumps, intervals hold it less often
	// than they say. In simulations of 600 to 800 rows, 89 to 93 % of the learners' of
	// 20 resamples held an effect of none, and of TARNet's of 15 94 % a straight one and
	// 82 % one that jumps. A resample without two rows of each arm (of the dr-learner, two
	// for each fold) is drawn again, so that the standard errors of an arm that next to
	// no one got are a little small. Of TARNet's, observers hear of the end of each.
	Resamples int `json:"resamples,omitempty"`

	Nuisance
	Effect  prognosis.Config    `json:"effect"` // x-learner, dr-learner: regresses the effect; no Method means Outcome
	Forest  causal.Config       `json:"forest"` // Seed of its own is ignored
	Policy  causal.PolicyConfig `json:"policy"`
	Network Network             `json:"network"`
}

// Nuisance says how that is learnt which is not of interest itself: who gets
// which arm, and what becomes of patients whatever they get. Where a threshold in
// some column shuts patients out of an arm, a linear propensity does not see it, and
// nothing is trimmed that should be: Boosting sees it.
type Nuisance struct {
	Outcome    prognosis.Config `json:"outcome"`         // a regressor; no Method means Boosting
	Propensity prognosis.Config `json:"propensity"`      // a classifier; no Method means Linear, slightly penalised, on standardised columns
	Known      []float64        `json:"known,omitempty"` // of a trial: the chance of each arm, which then is not learnt
	Folds      int              `json:"folds,omitempty"` // of cross-fitting: a row's are learnt on other folds; 0 means 5
}

func (n Nuisance) withDefaults() Nuisance {
	if n.Outcome.Method == "" {
		n.Outcome.Method = prognosis.Boosting
		n.Outcome.Boost = tree.BoostConfig{MinLeaf: 10}
	}
	if n.Propensity.Method == "" {
		n.Propensity.Method = prognosis.Linear
		n.Propensity.Linear = linear.Config{Lambda: 1e-3}
	}
	if n.Folds == 0 {
		n.Folds = 5
	}
	return n
}

func (n Nuisance) check(arms int) error {
	if n.Known == nil {
		return nil
	}
	var sum float64
	for k, p := range n.Known {
		if !(p > 0) {
			return fmt.Errorf("the known chance of arm %d is %v: it must be above 0", k, p)
		}
		sum += p
	}
	if len(n.Known) != arms || sum < 0.999 || sum > 1.001 {
		return fmt.Errorf("the known chances %v are not those of %d arms, which sum to 1", n.Known, arms)
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.Nuisance = c.Nuisance.withDefaults()
	if c.Effect.Method == "" {
		c.Effect = c.Outcome
	}
	if c.Overlap == 0 {
		c.Overlap = 0.05
	}
	if c.Features == nil {
		c.Features = c.Pipeline.Names()
	}
	c.Network = c.Network.withDefaults()
	return c
}

func (c Config) check() error {
	switch {
	case !slices.Contains([]Method{SLearner, TLearner, XLearner, DRLearner, CausalForest, TARNet, PolicyTree}, c.Method):
		return fmt.Errorf("the method is %q: choose one of %q", c.Method, []Method{SLearner, TLearner, XLearner, DRLearner, CausalForest, TARNet, PolicyTree})
	case len(c.Arms) < 2:
		return fmt.Errorf("Config.Arms names %d arms: name two or more", len(c.Arms))
	case !(c.Overlap > 0 && c.Overlap*float64(len(c.Arms)) < 1):
		return fmt.Errorf("overlap is %v: it is a chance above 0 that all %d arms can have together", c.Overlap, len(c.Arms))
	case c.Pipeline != nil && len(c.Pipeline.Names()) != len(c.Features):
		return fmt.Errorf("Config.Pipeline makes %d columns, and %d are named in Features: leave Features out", len(c.Pipeline.Names()), len(c.Features))
	case c.Method == PolicyTree && (c.Sure || c.Resamples > 0):
		return fmt.Errorf("the %s has no standard errors, because the patients in its leaves chose them: judge the rule on others, or use the causal forest", c.Method)
	case c.Resamples > 0 && c.Method == CausalForest:
		return fmt.Errorf("the %s has standard errors of its own: set Resamples to 0", c.Method)
	case c.Sure && c.Method != CausalForest && c.Resamples == 0:
		return fmt.Errorf("to recommend only what is sure, the %s needs standard errors: set Resamples, or use the causal forest", c.Method)
	case c.Resamples < 0 || c.Resamples == 1:
		return fmt.Errorf("%d resamples have no spread: draw none, or two or more", c.Resamples)
	}
	if err := distinct("arms", c.Arms); err != nil {
		return err
	}
	return c.Nuisance.check(len(c.Arms))
}

package treatment_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/svm"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment"
	"github.com/assay-ml/assay/gomlx_models/treatment/causal"
	"github.com/assay-ml/assay/gomlx_models/treatment/sample"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// study returns a simulated cohort as rows to learn from and rows to judge on.
func study(t *testing.T, c sample.Simulation) (s sample.Study, p *table.Pipeline, train, test treatment.Dataset, held []int) {
	t.Helper()
	s = sample.Simulate(c)
	if err := s.Schema.Check(s.Frame); err != nil {
		t.Fatal(err)
	}
	rows, held := halves(s.Rows())
	p, train, test, err := s.Features(table.Plan{}, rows, held)
	if err != nil {
		t.Fatal(err)
	}
	return s, p, train, test, held
}

// In a simulated trial and in a simulated cohort of everyday care, the causal forest
// finds what the effect depends on, and its policy gains over any single arm. The
// effect has corners in four columns of thirteen, which a forest of 2000 patients
// shows only blurred: its intervals then hold 84 % in the trial and 78 % in the
// cohort, those of a corrected forest what they say, or nearly.
func TestSimulatedTruth(t *testing.T) {
	for _, trial := range []bool{true, false} {
		s, p, train, test, held := study(t, sample.Simulation{Rows: 4000, Trial: trial, Seed: 2})
		// A linear model of the choice cannot say that nobody below 40 got the drug.
		nuisance := treatment.Nuisance{Known: s.Known, Propensity: prognosis.Config{Method: prognosis.Boosting, Boost: tree.BoostConfig{MinLeaf: 20}}}
		m := fitted(t, treatment.Config{Method: treatment.CausalForest, Arms: s.Arms, Pipeline: p, Seed: 1, Nuisance: nuisance, Forest: causal.Config{Share: 0.5, MinLeaf: 2, Correct: true}}, train)
		answers := predict(t, m, test.X)
		scores, err := treatment.Score(t.Context(), test, s.Arms, nuisance, 1)
		if err != nil {
			t.Fatal(err)
		}
		r, err := treatment.Evaluate(answers, scores, treatment.Judging{Options: score.Options{Name: "test", Seed: 1, Resamples: 500}, Truth: s.Truth(held)})
		if err != nil {
			t.Fatal(err)
		}
		value := func(name string) float64 { return float64(metric(t, r, name).Value) }
		t.Logf("trial %v: √PEHE %.3f, coverage %.3f, right arm %.3f, gain %.3f, slope %.3f; %s", trial, value("pehe"), value("interval_coverage"), value("right_arm"), value("gain_over_best_single"), value("calibration_slope"), r.Notes[len(r.Notes)-1])
		if value("pehe") > 2.2 || value("interval_coverage") < 0.9 || value("right_arm") < 0.87 || metric(t, r, "gain_over_best_single").Low <= 0 {
			t.Errorf("√PEHE %.3f, coverage %.3f, right arm %.3f", value("pehe"), value("interval_coverage"), value("right_arm"))
		}
		importance := m.Importance(1)
		best := p.Names()[floats.MaxIdx(importance)]
		if !strings.HasPrefix(best, "ADRB1") {
			t.Errorf("the effect depends most on %s, want on ADRB1", best)
		}
		if trial {
			continue
		}
		// Nobody with failing kidneys got the drug: nothing is recommended to them.
		at := slices.Index(p.Names(), "eGFR")
		failing, silent := 0, 0
		for i, x := range test.X {
			if x[at] < 38 {
				failing++
				if answers[i].Arm == treatment.None {
					silent++
				}
			}
		}
		if trimmed, _ := m.Trimmed(); failing < 30 || silent < failing*9/10 || trimmed < 30 {
			t.Errorf("of %d patients with failing kidneys %d get no recommendation, and %d were trimmed in training", failing, silent, trimmed)
		}
	}
}

// ACTG 175, learnt on four fifths at a time, tuned on folds of those, judged on the
// fifth held out. zidovudine + didanosine is best for nearly all, and a policy
// must be said to lose when it does.
func TestACTG175(t *testing.T) {
	s, err := sample.ACTG175()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Schema.Check(s.Frame); err != nil {
		t.Fatal(err)
	}
	_, d, _, err := s.Features(table.Plan{}, pick.All(s.Rows()), nil)
	if err != nil {
		t.Fatal(err)
	}
	arm := make([]string, d.Len())
	for i, y := range d.Y {
		arm[i] = s.Arms[y.Arm]
	}
	folds, err := table.KFold(d.Len(), 5, table.SplitOptions{Stratify: arm, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	nuisance := treatment.Nuisance{Known: s.Known, Outcome: prognosis.Config{Method: prognosis.Linear, Linear: linear.Config{Lambda: 1}}}
	candidate := func(method treatment.Method, outcome prognosis.Config) treatment.Candidate {
		cfg := treatment.Config{Method: method, Arms: s.Arms, Seed: 1, Nuisance: nuisance, Forest: causal.Config{Trees: 100, MinLeaf: 20}}
		if outcome.Method != "" {
			cfg.Outcome = outcome
		}
		return treatment.Candidate{Name: fmt.Sprintf("%s, %s", method, cfg.Outcome.Method), Config: cfg}
	}
	candidates := []treatment.Candidate{
		candidate(treatment.TLearner, prognosis.Config{Method: prognosis.Tree, Trees: tree.Config{MaxDepth: 4, MinLeaf: 30}}),
		candidate(treatment.TLearner, prognosis.Config{Method: prognosis.Forest, Trees: tree.Config{Trees: 50, MinLeaf: 10, MaxFeatures: 5}}),
		candidate(treatment.TLearner, prognosis.Config{Method: prognosis.SVM, SVM: svm.Config{C: 50, Epsilon: 20, Kernel: svm.Kernel{Gamma: 0.01}}}),
		candidate(treatment.CausalForest, prognosis.Config{}),
	}
	answers, err := treatment.CrossPredict(t.Context(), d, folds, func(ctx context.Context, train treatment.Dataset) (*treatment.Model, error) {
		best, tuning, err := treatment.Tune(ctx, train, candidates, 3)
		if err != nil {
			return nil, err
		}
		t.Logf("chose %s from %v", best.Name, tuning.Rows)
		m := treatment.New(best.Config)
		return m, m.Fit(ctx, train)
	})
	if err != nil {
		t.Fatal(err)
	}
	scores, err := treatment.Score(t.Context(), d, s.Arms, nuisance, 2)
	if err != nil {
		t.Fatal(err)
	}
	r, err := treatment.Evaluate(answers, scores, treatment.Judging{Options: score.Options{Name: "held out", Seed: 1, Resamples: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Tables[0].Rows {
		t.Logf("%q", row)
	}
	t.Log(r.Notes)
	best := metric(t, r, "value_zidovudine_didanosine")
	if best.Value < 50 || best.Value > 59 {
		t.Errorf("zidovudine + didanosine is worth %v, want about 54.7", best.Value)
	}
	gain, verdict := metric(t, r, "gain_over_best_single"), r.Notes[len(r.Notes)-1]
	if gain.Value < 0 && !strings.Contains(verdict, "loses") && !strings.Contains(verdict, "looks worse") {
		t.Errorf("the policy gains %v, and the report says %q", gain.Value, verdict)
	}
}

// The smallest change that changes the recommendation is found, over columns that
// can change, and is none where none does.
func TestCounterfactual(t *testing.T) {
	d, _ := cohort(1000, 21)
	m := fitted(t, treatment.Config{Method: treatment.PolicyTree, Arms: arms, Features: names, Policy: causal.PolicyConfig{Depth: 1}}, d)
	changes, then, err := m.Counterfactual(t.Context(), treatment.Row{0, 0, 0}, []treatment.Action{{Column: 2}, {Column: 1, Low: -2, High: 2}})
	if err != nil {
		t.Fatal(err)
	}
	// The rule parts at about 0.5, and 33 values of age are tried from −2 to 2.
	if len(changes) != 1 || changes[0].Feature != "age" || changes[0].To < 0.5 || changes[0].To > 0.8 || then.Arm != 0 {
		t.Errorf("got %+v, then arm %d", changes, then.Arm)
	}
	if _, _, err := m.Counterfactual(t.Context(), treatment.Row{0, 0, 0}, []treatment.Action{{Column: 2}}); !errors.Is(err, treatment.ErrNoChange) {
		t.Errorf("noise alone: got %v", err)
	}
	// Nobody learnt from was as old as this patient may become.
	if changes, _, err := m.Counterfactual(t.Context(), treatment.Row{0, 0, 0}, []treatment.Action{{Column: 1, Low: 10, High: 20}}); !errors.Is(err, treatment.ErrNoChange) {
		t.Errorf("ages of 10 to 20: got %+v, %v", changes, err)
	}
}

func TestComparable(t *testing.T) {
	d := treatment.Dataset{
		X: []treatment.Row{{0, 0}, {1, 0}, {5, 1}, {1.1, math.NaN()}},
		Y: []treatment.Outcome{{Arm: 0, Value: 1}, {Arm: 1, Value: 2}, {Arm: 0, Value: 3}, {Arm: 1, Value: 4}},
	}
	of, err := treatment.Comparable(d, treatment.Row{1, 0}, 2, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(of[0]) != 1 || of[0][0].Row != 0 || of[1][0].Row != 1 || of[1][0].Distance != 0 {
		t.Errorf("got %+v", of)
	}
	if of, _ = treatment.Comparable(d, treatment.Row{1.1, 1}, 2, 2, []float64{1, 0}); of[1][0].Row != 3 {
		t.Errorf("with the second column left out: got %+v", of[1])
	}
	wrong := func(d treatment.Dataset, x treatment.Row, arms, k int, weight []float64, says string) {
		t.Helper()
		if _, err := treatment.Comparable(d, x, arms, k, weight); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want an error that says %q", err, says)
		}
	}
	wrong(d, treatment.Row{1}, 2, 1, nil, "row 0 has 2 columns")
	wrong(d, treatment.Row{1, 0}, 2, 1, []float64{1}, "1 weights for 2 columns")
	wrong(d, treatment.Row{1, 0}, 2, -1, nil, "-1 patients")
	wrong(treatment.Dataset{X: [][]float64{{1, 0}, {1}}, Y: d.Y[:2]}, treatment.Row{1, 0}, 2, 1, nil, "row 1 has 1 columns")
	wrong(treatment.Dataset{X: d.X}, treatment.Row{1, 0}, 2, 1, nil, "4 rows with 0 outcomes")
}

func TestSchema(t *testing.T) {
	s := treatment.Schema{
		{Name: "height", Domain: treatment.Clinical, Unit: "cm", Low: 100, High: 220},
		{Name: "smoking", Domain: treatment.Lifestyle, Unit: "cigarettes/day", Changes: true},
		{Name: "CYP2D6", Domain: treatment.Genome},
	}
	frame := &table.Frame{Columns: []table.Column{
		table.NumberColumn("height", []float64{170, 68}), table.NumberColumn("smoking", []float64{0, 5}), table.CategoryColumn("CYP2D6", []string{"*1/*1", "*1/*4"}),
	}}
	if err := s.Check(frame); err == nil || !strings.Contains(err.Error(), "row 1: height is 68 cm, and plausible are 100 to 220") {
		t.Errorf("inches: got %v", err)
	}
	s[2].Unit = "points"
	if err := s[1:].Check(frame); err == nil || !strings.Contains(err.Error(), "CYP2D6 is in points, and the column holds text") {
		t.Errorf("text in a unit: got %v", err)
	}
	e := s.ByDomain(models.Explanation{Names: []string{"height", "smoking", "smoking is missing", "CYP2D6 activity"}, Values: []float64{1, 2, 3, 4}})
	if want := []float64{4, 5, 0, 1}; !slices.Equal(e.Values, want) {
		t.Errorf("by domain %v, want %v", e.Values, want)
	}
	s[2].Domain = ""
	e = s.ByDomain(models.Explanation{Names: []string{"height", "CYP2D6 activity", "not in the schema"}, Values: []float64{1, 2, 4}})
	if want := []float64{0, 0, 0, 1, 6}; !slices.Equal(e.Values, want) || e.Names[4] != "other" || e.Shape[0] != 5 {
		t.Errorf("of no domain: %+v, want %v", e, want)
	}
	empty := &table.Frame{Columns: []table.Column{table.CategoryColumn("height", []string{"", ""})}}
	if err := s[:1].Check(empty); err == nil || !strings.Contains(err.Error(), "height is in cm, and the column holds no value at all") {
		t.Errorf("a column without values: got %v", err)
	}
	if got := s.Actions([]string{"CYP2D6 activity", "smoking"}); len(got) != 1 || got[0].Column != 1 {
		t.Errorf("actions %+v", got)
	}
}

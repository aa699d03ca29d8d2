package compare

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/assay-ml/assay/experiments"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/store"
)

// Test is what testing two runs against each other on the same rows says.
type Test struct {
	Set      string        // the data set
	Sentence string        // what came of it
	Scores   *models.Table // score, first, second, difference, p; nil if there are none
}

const (
	pairedMost    = 4         // runs that are tested against the first
	pairedDraws   = 4_000_000 // rows drawn by a bootstrap, in all: a page is not to wait
	pairedFewest  = 200       // resamples, however many rows there are
	pairedUsually = 2000      // resamples
)

// pairedKept remembers tests by what they were made of, so that a page that
// follows a run does not make them again.
var pairedKept struct {
	sync.Mutex
	tests map[string]Test
}

// Tests tests each later run against the first, on every data set that both have
// kept predictions of (experiments.Run.Predictions).
func (set *Set) Tests(ctx context.Context) ([]Test, error) {
	s, runs := set.store, set.Runs
	kept := make([]map[string]store.Artifact, len(runs))
	for i, run := range runs[:min(len(runs), pairedMost+1)] {
		artifacts, err := s.Artifacts(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		kept[i] = map[string]store.Artifact{}
		for _, a := range artifacts {
			if strings.HasPrefix(a.Name, experiments.PredictionsDir) {
				kept[i][a.Name] = a
			}
		}
	}
	var tests []Test
	for i := range kept {
		if i == 0 {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(kept[0])) {
			a := kept[0][name]
			b, ok := kept[i][name]
			if !ok {
				continue
			}
			test, err := testOf(ctx, s, runs[0], runs[i], a, b)
			if err != nil {
				return nil, err
			}
			tests = append(tests, test)
		}
	}
	return tests, nil
}

func testOf(ctx context.Context, s *store.Store, first, second store.Run, a, b store.Artifact) (Test, error) {
	set := strings.TrimSuffix(path.Base(a.Name), ".csv")
	key := strings.Join([]string{set, string(a.Digest), string(b.Digest), first.Name, second.Name}, "\n")
	pairedKept.Lock()
	test, ok := pairedKept.tests[key]
	pairedKept.Unlock()
	if ok {
		return test, nil
	}
	read := func(run store.Run) (models.Predictions, error) {
		content, _, err := s.OpenArtifact(ctx, run.ID, a.Name)
		if err != nil {
			return models.Predictions{}, err
		}
		defer content.Close()
		return models.ReadPredictions(set, content)
	}
	test.Set = set
	p, err := read(first)
	q, errQ := read(second)
	switch {
	case err != nil:
		test.Sentence = fmt.Sprintf("Run %s: %v.", first.Name, err)
	case errQ != nil:
		test.Sentence = fmt.Sprintf("Run %s: %v.", second.Name, errQ)
	default:
		test.compare(first.Name, second.Name, p, q)
	}
	if ctx.Err() != nil {
		return test, ctx.Err()
	}
	pairedKept.Lock()
	defer pairedKept.Unlock()
	const most = 64
	if pairedKept.tests == nil || len(pairedKept.tests) >= most {
		pairedKept.tests = map[string]Test{}
	}
	pairedKept.tests[key] = test
	return test, nil
}

// sameRows reports whether two runs were judged on the same patients with the
// same outcomes, in the same order.
func sameRows(p, q models.Predictions) bool {
	return slices.Equal(p.Group, q.Group) && slices.Equal(p.Classes, q.Classes) && slices.Equal(p.Class, q.Class) &&
		slices.Equal(p.Observed, q.Observed) && slices.Equal(p.Time, q.Time) && slices.Equal(p.Event, q.Event)
}

// compare tests the second against the first.
func (t *Test) compare(first, second string, p, q models.Predictions) {
	if !sameRows(p, q) {
		t.Sentence = fmt.Sprintf("%s and %s were judged on different rows of %s (%d and %d), so they cannot be tested against each other.",
			first, second, t.Set, p.Len(), q.Len())
		return
	}
	o := score.Options{Name: t.Set, Group: p.Group, Seed: 1, Resamples: max(min(pairedUsually, pairedDraws/p.Len()), pairedFewest)}
	report, headline, err := judge(p, q, o)
	if err != nil {
		t.Sentence = fmt.Sprintf("%s and %s cannot be tested against each other on %s: %v.", first, second, t.Set, err)
		return
	}
	if len(report.Tables) > 0 {
		t.Scores = &report.Tables[0]
	}
	m, _ := report.Metric(headline + differenceSuffix)
	t.Sentence = verdictOf(first, second, headline, t.Set, m, pOf(t.Scores, headline), report)
}

const differenceSuffix = "_difference" // of the metrics of score's comparisons

// judge compares predictions of any kind on the same rows: a report whose metrics
// are differences, and the score that a reader looks at first. Scores of calls
// are left out, because runs do not keep the threshold with their predictions.
func judge(p, q models.Predictions, o score.Options) (report models.Report, headline string, err error) {
	switch {
	case len(p.Classes) == 2:
		report, err = compareClass(p, q, 1, o)
		return only(report, "auc", "average_precision", "brier", "log_loss", "ece"), "auc", err
	case p.Class != nil:
		return compareClasses(p, q, o)
	case p.Observed != nil:
		report, err = score.CompareRegression(p.Observed, p.Predicted, q.Predicted, o)
		return report, "mae", err
	}
	followup := score.Followup{Time: p.Time, Event: p.Event}
	difference := score.Measure{Names: []string{"concordance" + differenceSuffix}, On: func(rows []int) func(weight, dst []float64) {
		return func(weight, dst []float64) {
			var f score.Followup
			var a, b []float64
			for k, i := range rows {
				for range int(weight[k]) {
					f.Time, f.Event = append(f.Time, followup.Time[i]), append(f.Event, followup.Event[i])
					a, b = append(a, p.Risk[i]), append(b, q.Risk[i])
				}
			}
			dst[0] = score.Concordance(f, b) - score.Concordance(f, a)
		}
	}}
	o.Resamples = min(o.Resamples, 500) // each sorts anew
	report, err = score.Custom(p.Len(), difference, o)
	return report, "concordance", err
}

// compareClass compares the probabilities of one class against the rest.
func compareClass(p, q models.Predictions, class int, o score.Options) (models.Report, error) {
	positive := make([]bool, p.Len())
	a, b := make([]float64, p.Len()), make([]float64, p.Len())
	for i := range positive {
		positive[i] = p.Class[i] == class
		a[i], b[i] = p.Prob[i][class], q.Prob[i][class]
	}
	return score.CompareBinary(positive, a, b, score.Operating{}, score.Operating{}, o)
}

// compareClasses compares probabilities of several classes by the AUC of each
// against the rest, and by whether the most probable class is right.
func compareClasses(p, q models.Predictions, o score.Options) (models.Report, string, error) {
	const headline = "accuracy"
	right := func(p models.Predictions) []float64 {
		hits := make([]float64, p.Len())
		for i, probs := range p.Prob {
			best := 0
			for class, prob := range probs {
				if prob > probs[best] {
					best = class
				}
			}
			if best == p.Class[i] {
				hits[i] = 1
			}
		}
		return hits
	}
	a, b := right(p), right(q)
	report, err := score.Custom(p.Len(), score.Measure{Names: []string{headline + differenceSuffix}, On: func(rows []int) func(weight, dst []float64) {
		return func(weight, dst []float64) {
			var sum, all float64
			for k, i := range rows {
				sum += weight[k] * (b[i] - a[i])
				all += weight[k]
			}
			dst[0] = sum / all
		}
	}}, o)
	if err != nil {
		return report, headline, err
	}
	const mostClasses = 12
	all := models.Table{Kind: "comparison", Title: "Each class against the rest"}
	o.Resamples = pairedFewest
	for class, name := range p.Classes[:min(len(p.Classes), mostClasses)] {
		r, err := compareClass(p, q, class, o)
		if err != nil {
			return report, headline, err
		}
		t := only(r, "auc").Tables[0]
		all.Columns = t.Columns
		for _, row := range t.Rows {
			all.Rows = append(all.Rows, append([]string{"auc of " + name}, row[1:]...))
		}
	}
	report.Tables = []models.Table{all}
	return report, headline, nil
}

// only leaves some scores in the table of a comparison.
func only(r models.Report, names ...string) models.Report {
	for i, t := range r.Tables {
		t.Rows = slices.DeleteFunc(slices.Clone(t.Rows), func(row []string) bool { return !slices.Contains(names, row[0]) })
		r.Tables[i] = t
	}
	return r
}

// pOf returns p of a score, as the table of a comparison has it.
func pOf(t *models.Table, name string) string {
	if t == nil {
		return ""
	}
	for _, row := range t.Rows {
		if row[0] == name {
			return row[len(row)-1]
		}
	}
	return ""
}

// verdictOf says what a difference is and whether it may be chance.
func verdictOf(first, second, headline, set string, m models.Metric, p string, r models.Report) string {
	value, low, high := float64(m.Value), float64(m.Low), float64(m.High)
	direction := "higher"
	if value < 0 {
		direction, value, low, high = "lower", -value, -high, -low
	}
	unit := "rows"
	if r.Groups > 0 && r.Groups < r.Rows {
		unit = fmt.Sprintf("rows of %d patients", r.Groups)
	}
	chance := "The interval excludes 0: these patients tell the two apart."
	if !(low > 0 || high < 0) {
		chance = "The interval contains 0: these patients do not tell the two apart."
	}
	if p != "" {
		p = ", p = " + p
	}
	return fmt.Sprintf("On %s, the %s of %s is %.3g %s than that of %s (95 %% interval %.3g to %.3g%s; paired bootstrap over the same %d %s). %s",
		set, strings.ReplaceAll(headline, "_", " "), second, value, direction, first, low, high, p, r.Rows, unit, chance)
}

package treatment

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// Judging says how answers are judged. The zero value gives patients without a
// recommendation the first arm.
type Judging struct {
	score.Options
	LowerIsBetter bool
	Fallback      int     // arm of patients for whom none is recommended
	Overlap       float64 // patients with a lesser chance of some arm are left out; 0 means 0.05
	// Truth is the expected outcome of each row under each arm, of simulated
	// patients; nil if, as always else, it is not known.
	Truth [][]float64
}

// Policy is who gets which arm.
type Policy struct {
	Name string
	Arm  []int // of each row; None gets Judging.Fallback
}

// Recommended returns the policy that follows a model's recommendations.
func Recommended(name string, answers []Answer) Policy {
	p := Policy{Name: name, Arm: make([]int, len(answers))}
	for i, a := range answers {
		p.Arm[i] = a.Arm
	}
	return p
}

// judged is a set with what is left out of it, and outcomes turned so that more is
// better.
type judged struct {
	*Scores
	o     Judging
	rows  []int   // of the set, that are judged
	sign  float64 // −1 if outcomes are harms
	notes []string
	best  int // the best single arm
}

func (s *Scores) judge(o Judging) (*judged, error) {
	if s == nil || len(s.Y) == 0 {
		return nil, score.ErrNoRows
	}
	n := len(s.Y)
	if o.Group != nil && len(o.Group) != n {
		return nil, fmt.Errorf("there are %d rows but %d patients in Options.Group", n, len(o.Group))
	}
	if o.Fallback < 0 || o.Fallback >= len(s.Arms) {
		return nil, fmt.Errorf("the fallback is arm %d of %d", o.Fallback, len(s.Arms))
	}
	if o.Truth != nil && len(o.Truth) != n {
		return nil, fmt.Errorf("there are %d rows but %d known outcomes", n, len(o.Truth))
	}
	for i, truth := range o.Truth {
		if len(truth) != len(s.Arms) {
			return nil, fmt.Errorf("row %d has %d known outcomes, and there are %d arms", i, len(truth), len(s.Arms))
		}
	}
	j := &judged{Scores: s, o: o, sign: 1, rows: comparable(s.Propensity, cmp.Or(o.Overlap, 0.05))}
	if o.LowerIsBetter {
		j.sign = -1
	}
	if len(j.rows) == 0 {
		return nil, errors.New("no patient had a chance of every arm: there is nothing to judge a policy by")
	}
	if left := n - len(j.rows); left > 0 {
		j.notes = append(j.notes, fmt.Sprintf("%d of %d patients are left out: they had a chance of some arm below %v, and nobody comparable got it.", left, n, cmp.Or(o.Overlap, 0.05)))
	}
	if o.Group != nil {
		j.o.Group = pick.Rows(o.Group, j.rows)
	}
	j.o.Subgroups = nil
	for _, g := range o.Subgroups {
		if len(g.Of) != n {
			return nil, fmt.Errorf("there are %d rows but %d labels in subgroup %q", n, len(g.Of), g.Name)
		}
		j.o.Subgroups = append(j.o.Subgroups, score.Subgroup{Name: g.Name, Of: pick.Rows(g.Of, j.rows)})
	}
	mean := make([]float64, len(s.Arms))
	for _, r := range j.rows {
		for k, v := range s.Value[r] {
			mean[k] += j.sign * v
		}
	}
	for k := range mean {
		if mean[k] > mean[j.best] {
			j.best = k
		}
	}
	return j, nil
}

// single returns the policy that gives an arm to all.
func (j *judged) single(k int) Policy {
	name := "all " + j.Arms[k]
	p := Policy{Name: name, Arm: make([]int, len(j.Y))}
	for i := range p.Arm {
		p.Arm[i] = k
	}
	return p
}

// gives returns the arm that the policy gives a row.
func (j *judged) gives(p Policy, row int) int {
	if p.Arm[row] == None {
		return j.o.Fallback
	}
	return p.Arm[row]
}

func (j *judged) check(p Policy) error {
	if len(p.Arm) != len(j.Y) {
		return fmt.Errorf("policy %q: %d arms for %d rows", p.Name, len(p.Arm), len(j.Y))
	}
	for i, k := range p.Arm {
		if k != None && (k < 0 || k >= len(j.Arms)) {
			return fmt.Errorf("policy %q: row %d gets arm %d of %d", p.Name, i, k, len(j.Arms))
		}
	}
	return nil
}

// A number is a column of a measure: a value a row, of which the mean is taken.
type number struct {
	name string
	of   func(row int) float64
}

// means returns the measure of weighted means.
func (j *judged) means(numbers []number, show ...string) score.Measure {
	m := score.Measure{Show: show}
	for _, n := range numbers {
		m.Names = append(m.Names, n.name)
	}
	m.On = func(at []int) func(weight, dst []float64) {
		values := make([][]float64, len(numbers))
		for k, n := range numbers {
			values[k] = make([]float64, len(at))
			for i, a := range at {
				values[k][i] = n.of(j.rows[a])
			}
		}
		return func(weight, dst []float64) {
			var total float64
			clear(dst)
			for _, w := range weight {
				total += w
			}
			for k := range values {
				for i, w := range weight {
					dst[k] += w * values[k][i]
				}
				dst[k] /= total
			}
		}
	}
	return m
}

// ComparePolicies judges policies on one set, each against the arm that does best
// when all get it. That arm is chosen on the judged patients themselves, which
// favours it: a policy that gains has gained.
//
// The metrics are "value_NAME" and "gain_NAME" of each policy, spaces and capitals
// apart; the table is of kind "policies".
func ComparePolicies(s *Scores, policies []Policy, o Judging) (models.Report, error) {
	j, err := s.judge(o)
	if err != nil {
		return models.Report{}, fmt.Errorf("treatment: %w", err)
	}
	r, err := j.policies(policies)
	if err != nil {
		return models.Report{}, fmt.Errorf("treatment: %w", err)
	}
	return r, nil
}

func (j *judged) policies(policies []Policy) (models.Report, error) {
	for k := range j.Arms {
		policies = append(policies[:len(policies):len(policies)], j.single(k))
	}
	observed := Policy{Name: "as they were treated"}
	for _, y := range j.Y {
		observed.Arm = append(observed.Arm, y.Arm)
	}
	policies = append(policies, observed)
	called := make([]string, len(policies))
	for i, p := range policies {
		called[i] = p.Name
	}
	if err := distinct("policies", called); err != nil {
		return models.Report{}, err
	}
	var numbers []number
	for i, p := range policies {
		if err := j.check(p); err != nil {
			return models.Report{}, err
		}
		value := func(r int) float64 { return j.Value[r][j.gives(p, r)] }
		if i == len(policies)-1 { // whose outcomes were seen
			value = func(r int) float64 { return j.Y[r].Value }
		}
		numbers = append(numbers, number{"value_" + slug(p.Name), value},
			number{"gain_" + slug(p.Name), func(r int) float64 { return j.sign * (value(r) - j.Value[r][j.best]) }})
	}
	o := j.o.Options
	o.Subgroups = nil
	r, err := score.Custom(len(j.rows), j.means(numbers), o)
	if err != nil {
		return models.Report{}, err
	}
	t := models.Table{Kind: "policies", Title: "What policies are worth", Columns: []string{"policy", "value", "low", "high", "gain over all " + j.Arms[j.best], "gain low", "gain high", "who gets what"}}
	for i, p := range policies {
		value, gain := r.Metrics[2*i], r.Metrics[2*i+1]
		t.Rows = append(t.Rows, []string{p.Name, number4(value.Value), number4(value.Low), number4(value.High), number4(gain.Value), number4(gain.Low), number4(gain.High), j.shares(p)})
	}
	r.Tables, r.Notes = []models.Table{t}, j.notes
	return r, nil
}

// shares says which share of the judged patients gets each arm.
func (j *judged) shares(p Policy) string {
	count := make([]int, len(j.Arms))
	for _, r := range j.rows {
		count[j.gives(p, r)]++
	}
	var said []string
	for k, n := range count {
		if n > 0 {
			said = append(said, fmt.Sprintf("%s %.0f %%", j.Arms[k], 100*float64(n)/float64(len(j.rows))))
		}
	}
	return strings.Join(said, ", ")
}

func number4(v models.Number) string { return significant(float64(v), 4) }

// slug makes a metric's name of an arm's or a policy's.
func slug(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !(unicode.IsLetter(r) || unicode.IsDigit(r))
	}), "_")
}

// distinct finds names that make no metric's name, or the same as another.
func distinct(what string, names []string) error {
	of := map[string]string{}
	for _, name := range names {
		short := slug(name)
		other, taken := of[short]
		switch {
		case short == "":
			return fmt.Errorf("one of the %s is called %q, without a letter or digit to name its metrics by: call it something else", what, name)
		case taken:
			return fmt.Errorf("the %s %q and %q would both be %q in names of metrics: let their letters or digits differ", what, other, name, short)
		}
		of[short] = name
	}
	return nil
}

// Evaluate judges a model's answers for a set by scores learnt from that set.
//
// The report holds policy_value, what patients gain over the best single arm and
// over the first (gain_over_best_single, gain_over_NAME), the value of every arm
// given to all, the share of patients who get a recommendation, and for every arm
// but the first its mean effect, the area between its uplift curve and that of
// treating at random (qini), and the slope of true on predicted effects
// (calibration_slope: 1 is right, 0 says that they tell nobody apart). Where Truth
// is known, also pehe, the root of the mean squared error of the effect (√PEHE),
// right_arm, and interval_coverage if effects have standard errors; a note says so
// if they have none. With several arms the names of the last ones
// end in the arm's.
//
// Curves are "uplift" (what treating the share who are predicted to gain most
// gains, per patient of all) and "effect calibration"; tables "policies", "who gets
// what" by subgroup, and for each subgroup the policy's value there.
func Evaluate(answers []Answer, s *Scores, o Judging) (models.Report, error) {
	r, err := evaluate(answers, s, o)
	if err != nil {
		return models.Report{}, fmt.Errorf("treatment: %w", err)
	}
	return r, nil
}

func evaluate(answers []Answer, s *Scores, o Judging) (models.Report, error) {
	j, err := s.judge(o)
	if err != nil {
		return models.Report{}, err
	}
	if len(answers) != len(s.Y) {
		return models.Report{}, fmt.Errorf("%d answers and %d rows to judge them by", len(answers), len(s.Y))
	}
	unsure := false // of the effects of some
	for i, a := range answers {
		if len(a.Effect) != len(s.Arms) {
			return models.Report{}, fmt.Errorf("answer %d is of %d arms, and the scores of %d", i, len(a.Effect), len(s.Arms))
		}
		unsure = unsure || a.StdErr == nil
	}
	policy := Recommended("recommended", answers)
	if err := j.check(policy); err != nil {
		return models.Report{}, err
	}
	if j.contradicted(answers) {
		return models.Report{}, fmt.Errorf("Judging.LowerIsBetter is %v, and the answers recommend the opposite to all: the model's Config says what is better", o.LowerIsBetter)
	}
	value := func(r int) float64 { return j.Value[r][j.gives(policy, r)] }
	numbers := []number{
		{"policy_value", value},
		{"gain_over_best_single", func(r int) float64 { return j.sign * (value(r) - j.Value[r][j.best]) }},
		{"gain_over_" + slug(s.Arms[0]), func(r int) float64 { return j.sign * (value(r) - j.Value[r][0]) }},
	}
	for k, arm := range s.Arms {
		numbers = append(numbers, number{"value_" + slug(arm), func(r int) float64 { return j.Value[r][k] }})
	}
	is := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	numbers = append(numbers, number{"recommended", func(r int) float64 { return is(policy.Arm[r] != None) }})
	if o.Truth != nil {
		numbers = append(numbers, number{"right_arm", func(r int) float64 {
			truth := o.Truth[r]
			best := slices.Max(truth)
			if o.LowerIsBetter {
				best = slices.Min(truth)
			}
			return is(truth[j.gives(policy, r)] == best)
		}})
	}
	for k := 1; k < len(s.Arms); k++ {
		numbers = append(numbers, j.effect(k))
		if o.Truth != nil && !unsure {
			numbers = append(numbers, number{"interval_coverage" + j.suffix(k), func(r int) float64 {
				low, high, _ := answers[r].Interval(k)
				effect := o.Truth[r][k] - o.Truth[r][0]
				return is(low <= effect && effect <= high)
			}})
		}
	}
	measure := j.means(numbers, "policy_value", "gain_over_best_single", "recommended")
	for k := 1; k < len(s.Arms); k++ {
		measure = with(measure, j.ranked(answers, k))
	}
	r, err := score.Custom(len(j.rows), measure, j.o.Options)
	if err != nil {
		return models.Report{}, err
	}
	for k := 1; k < len(s.Arms); k++ {
		r.Curves = append(r.Curves, j.uplift(answers, k)...)
		r.Curves = append(r.Curves, j.calibration(answers, k))
	}
	policies, err := j.policies([]Policy{policy})
	if err != nil {
		return models.Report{}, err
	}
	if len(j.o.Subgroups) > 0 {
		policies.Tables = append(policies.Tables, j.recommendations(policy))
	}
	r.Tables = append(policies.Tables, r.Tables...)
	r.Notes = j.notes
	if unsure {
		r.Notes = append(r.Notes, "The effects have no standard errors, or some have none: how sure that of a single patient is, is not said. Config.Resamples says, or a causal forest.")
	}
	r.Notes = append(r.Notes, j.verdict(r))
	return r, nil
}

// contradicted reports whether some answers recommend a later arm, and each of these
// although its effect is a harm: then Judging and the model mean opposite things by
// better, and the best policy would be said to lose.
func (j *judged) contradicted(answers []Answer) bool {
	harms := 0
	for _, r := range j.rows {
		a := answers[r]
		if a.Arm <= 0 || a.Propensity != nil && a.Propensity[0] < cmp.Or(j.o.Overlap, 0.05) {
			continue // or the first arm, though better, was not to be had
		}
		if j.sign*a.Effect[a.Arm] >= 0 {
			return false
		}
		harms++
	}
	return harms > 0
}

// recommendations shows what is recommended to whom.
func (j *judged) recommendations(p Policy) models.Table {
	t := models.Table{Kind: "recommendations", Title: "Who gets what", Columns: append([]string{"patients", "number"}, j.Arms...)}
	t.Columns = append(t.Columns, "no recommendation")
	for _, g := range j.o.Subgroups {
		count := map[string][]int{}
		for i, label := range g.Of {
			if count[label] == nil {
				count[label] = make([]int, len(j.Arms)+1)
			}
			arm := p.Arm[j.rows[i]]
			if arm == None {
				arm = len(j.Arms)
			}
			count[label][arm]++
		}
		for _, label := range slices.Sorted(maps.Keys(count)) {
			total := 0
			for _, n := range count[label] {
				total += n
			}
			row := []string{g.Name + ": " + cmp.Or(label, "unknown"), fmt.Sprint(total)}
			for _, n := range count[label] {
				row = append(row, fmt.Sprintf("%.0f %%", 100*float64(n)/float64(total)))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// suffix tells the metrics of several arms apart.
func (j *judged) suffix(k int) string {
	if len(j.Arms) == 2 {
		return ""
	}
	return "_" + slug(j.Arms[k])
}

// verdict says in a sentence whether the policy is worth having.
func (j *judged) verdict(r models.Report) string {
	value, _ := r.Metric("policy_value")
	gain, _ := r.Metric("gain_over_best_single")
	best, _ := r.Metric("value_" + slug(j.Arms[j.best]))
	number3 := func(v models.Number) string { return significant(float64(v), 3) }
	between := fmt.Sprintf("%s against %s (gain %s, 95 %% interval %s to %s)", number4(value.Value), number4(best.Value), number3(gain.Value), number3(gain.Low), number3(gain.High))
	one := "giving everyone " + j.Arms[j.best]
	switch {
	case gain.Low > 0:
		return "The policy is worth more than " + one + ": " + between + "."
	case gain.High < 0:
		return "The policy loses to " + one + ": " + between + ". Do not use it."
	case gain.Value < 0:
		return "The policy does no better than " + one + ", and looks worse: " + between + "."
	}
	return "The policy is not shown to be worth more than " + one + ": " + between + "."
}

// with joins two measures.
func with(a, b score.Measure) score.Measure {
	split := len(a.Names)
	return score.Measure{
		Names: append(slices.Clone(a.Names), b.Names...), Show: a.Show,
		On: func(rows []int) func(weight, dst []float64) {
			first, second := a.On(rows), b.On(rows)
			return func(weight, dst []float64) {
				first(weight, dst[:split])
				second(weight, dst[split:])
			}
		},
	}
}

// gainer is a row with what it is predicted to gain from an arm, and its score of that.
type gainer struct {
	at              int // among the rows judged
	predicted, gain float64
}

// order returns the rows by what they are predicted to gain from arm k, most first.
func (j *judged) order(answers []Answer, k int, at []int) []gainer {
	out := make([]gainer, len(at))
	for i, a := range at {
		r := j.rows[a]
		out[i] = gainer{i, j.sign * answers[r].Effect[k], j.sign * (j.Value[r][k] - j.Value[r][0])}
	}
	slices.SortStableFunc(out, func(a, b gainer) int { return cmp.Compare(b.predicted, a.predicted) })
	return out
}

// ranked returns the measure of how well predicted gains order patients.
func (j *judged) ranked(answers []Answer, k int) score.Measure {
	m := score.Measure{Names: []string{"qini" + j.suffix(k), "calibration_slope" + j.suffix(k)}}
	if j.o.Truth != nil {
		m.Names = append(m.Names, "pehe"+j.suffix(k))
	}
	m.On = func(at []int) func(weight, dst []float64) {
		order := j.order(answers, k, at)
		return func(weight, dst []float64) {
			dst[0] = qini(order, weight)
			dst[1] = slope(order, weight)
			if j.o.Truth == nil {
				return
			}
			var squares, total float64
			for i, a := range at {
				r := j.rows[a]
				d := answers[r].Effect[k] - (j.o.Truth[r][k] - j.o.Truth[r][0])
				squares, total = squares+weight[i]*d*d, total+weight[i]
			}
			dst[2] = math.Sqrt(squares / total)
		}
	}
	return m
}

// qini returns the area between what treating the best share q gains, and q times
// what treating all does, over q from 0 to 1. Patients with the same prediction are
// taken in no order.
func qini(order []gainer, weight []float64) float64 {
	var all, total float64
	for _, g := range order {
		all, total = all+weight[g.at]*g.gain, total+weight[g.at]
	}
	var area, got, share float64
	for i := 0; i < len(order); {
		var more, wide float64
		end := i
		for ; end < len(order) && order[end].predicted == order[i].predicted; end++ {
			w := weight[order[end].at]
			more, wide = more+w*order[end].gain/total, wide+w/total
		}
		area += wide * (got + more/2 - (share+wide/2)*all/total)
		got, share, i = got+more, share+wide, end
	}
	return area
}

// slope returns the least-squares slope of scores on predicted gains.
func slope(order []gainer, weight []float64) float64 {
	var n, x, y, xx, xy float64
	for _, g := range order {
		w := weight[g.at]
		n, x, y = n+w, x+w*g.predicted, y+w*g.gain
	}
	for _, g := range order {
		w, d := weight[g.at], g.predicted-x/n
		xx, xy = xx+w*d*d, xy+w*d*(g.gain-y/n)
	}
	return xy / xx
}

// uplift returns the uplift curve of an arm with a band, and that of chance.
func (j *judged) uplift(answers []Answer, k int) []models.Curve {
	order := j.order(answers, k, pick.All(len(j.rows)))
	model := models.Curve{Kind: "uplift", Label: j.Arms[k] + " to those who gain most"}
	add := func(share float64, gain mean) {
		low, high := gain.interval()
		model.X, model.Y = append(model.X, models.Number(share)), append(model.Y, models.Number(gain.value))
		model.Low, model.High = append(model.Low, models.Number(low)), append(model.High, models.Number(high))
	}
	add(0, mean{patients: len(order)})
	gained := make([]float64, len(order)) // by the rows judged, if those so far are treated
	shown := 0                            // hundredths of the patients
	for i, g := range order {
		gained[g.at] = g.gain
		last := i+1 == len(order)
		if at := (i + 1) * 100 / len(order); last || at > shown && order[i+1].predicted != g.predicted {
			add(float64(i+1)/float64(len(order)), meanOf(gained, j.o.Group))
			shown = at
		}
	}
	random := models.Curve{Kind: "uplift", Label: j.Arms[k] + " to a share at random", X: []models.Number{0, 1}, Y: []models.Number{0, model.Y[len(model.Y)-1]}}
	return []models.Curve{model, random}
}

// calibration compares predicted and estimated effects in groups of equal size by
// prediction.
func (j *judged) calibration(answers []Answer, k int) models.Curve {
	order := j.order(answers, k, pick.All(len(j.rows)))
	slices.Reverse(order)
	groups := cmp.Or(j.o.Bins, 10)
	c := models.Curve{Kind: "effect calibration", Label: j.Arms[k] + " against " + j.Arms[0]}
	for b := range groups {
		in := order[b*len(order)/groups : (b+1)*len(order)/groups]
		rows, gains, predicted := make([]int, len(in)), make([]float64, len(in)), 0.0
		for i, g := range in {
			rows[i], gains[i] = g.at, j.sign*g.gain
			predicted += j.sign * g.predicted / float64(len(in))
		}
		gain := meanOf(gains, pick.Rows(j.o.Group, rows))
		if gain.patients < 2 {
			continue
		}
		low, high := gain.interval()
		c.X, c.Y, c.N = append(c.X, models.Number(predicted)), append(c.Y, models.Number(gain.value)), append(c.N, len(in))
		c.Low, c.High = append(c.Low, models.Number(low)), append(c.High, models.Number(high))
	}
	if j.o.LowerIsBetter {
		for _, column := range [][]models.Number{c.X, c.Y, c.Low, c.High} {
			slices.Reverse(column)
		}
		slices.Reverse(c.N)
	}
	return c
}

package score

import (
	"math"
	"slices"
	"sort"
)

// Concordance returns Harrell's C: of the pairs whose order in time is known,
// the share whose order in risk agrees. Ties in risk count one half.
//
//	C = Σ [i before j] ([rᵢ > rⱼ] + ½[rᵢ = rⱼ]) / Σ [i before j]
//
// i is before j if i has the event and tᵢ < tⱼ, or tᵢ = tⱼ and j is censored. It
// is NaN if no pair is comparable. Harrell et al., JAMA 247 (1982), 2543.
func Concordance(f Followup, risk []float64) float64 {
	mustMatch(len(f.Time), len(risk))
	mustMatch(len(f.Time), len(f.Event))
	return newPairs(f, risk, nil).concordance(ones(len(risk)))
}

// UnoC returns Uno's C: Harrell's C with every pair weighted by 1/G(tᵢ)², the
// inverse chance of having been watched so long, which makes it independent of
// how the test rows were censored. G is learnt from train. Only events before tau
// count; +Inf means all.
//
// It is NaN if no pair is comparable, and an error if an event falls where train
// says nothing about censoring. Uno et al., Statistics in Medicine 30 (2011), 1105.
func UnoC(train, test Followup, risk []float64, tau float64) (float64, error) {
	if err := train.check("training rows"); err != nil {
		return 0, err
	}
	if err := test.check("test rows"); err != nil {
		return 0, err
	}
	if err := sameLength(test.Len(), len(risk), "rows", "risks"); err != nil {
		return 0, err
	}
	weight, err := unoWeights(newCensoring(train), test, tau)
	if err != nil {
		return 0, err
	}
	return newPairs(test, risk, weight).concordance(ones(len(risk))), nil
}

func unoWeights(g censoring, test Followup, tau float64) ([]float64, error) {
	weight := make([]float64, test.Len())
	for i, t := range test.Time {
		if !test.Event[i] || t >= tau {
			continue
		}
		w, err := g.weight(t)
		if err != nil {
			return nil, err
		}
		weight[i] = w * w
	}
	return weight, nil
}

// pairs counts concordant pairs in O(n log n), however often each row counts.
type pairs struct {
	f      Followup
	order  []int     // by time
	level  []int     // rank of the risk among distinct risks
	levels int       // distinct risks
	weight []float64 // of the pairs whose first row this is; nil means 1
}

func newPairs(f Followup, risk, weight []float64) pairs {
	distinct := slices.Compact(sorted(risk))
	level := make([]int, len(risk))
	for i, r := range risk {
		level[i] = sort.SearchFloat64s(distinct, r)
	}
	return pairs{f: f, order: f.byTime(), level: level, levels: len(distinct), weight: weight}
}

func (p pairs) concordance(w []float64) float64 {
	later := make(tally, p.levels+1)
	var total, concordant, comparable float64
	add := func(i int) {
		later.add(p.level[i], w[i])
		total += w[i]
	}
	for end := len(p.order); end > 0; {
		start := end
		for start > 0 && p.f.Time[p.order[start-1]] == p.f.Time[p.order[end-1]] {
			start--
		}
		now := p.order[start:end]
		for _, i := range now {
			if !p.f.Event[i] {
				add(i)
			}
		}
		for _, i := range now {
			if !p.f.Event[i] || w[i] == 0 {
				continue
			}
			v := w[i]
			if p.weight != nil {
				v *= p.weight[i]
			}
			lower := later.below(p.level[i])
			same := later.below(p.level[i]+1) - lower
			concordant += v * (lower + same/2)
			comparable += v * total
		}
		for _, i := range now {
			if p.f.Event[i] {
				add(i)
			}
		}
		end = start
	}
	if comparable == 0 {
		return math.NaN()
	}
	return concordant / comparable
}

// tally is a Fenwick tree: sums over levels below a given one in O(log n).
type tally []float64

func (t tally) add(level int, v float64) {
	for k := level + 1; k < len(t); k += k & -k {
		t[k] += v
	}
}

func (t tally) below(level int) float64 {
	var sum float64
	for k := level; k > 0; k -= k & -k {
		sum += t[k]
	}
	return sum
}

package score

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/assay-ml/assay/gomlx_models/internal/pick"
)

// Followup is what was observed of each patient: how long they were watched, and
// whether the event ended it. A row without an event is censored at its time.
type Followup struct {
	Time  []float64
	Event []bool
}

// Len returns the number of rows.
func (f Followup) Len() int { return len(f.Time) }

func (f Followup) check(name string) error {
	if err := sameLength(len(f.Time), len(f.Event), "times", "event marks"); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(f.Time) == 0 {
		return fmt.Errorf("%s: %w", name, ErrNoRows)
	}
	for i, t := range f.Time {
		if math.IsNaN(t) || math.IsInf(t, 0) || t < 0 {
			return fmt.Errorf("%s: row %d: time %v must be finite and not negative", name, i, t)
		}
	}
	return nil
}

func (f Followup) rows(rows []int) Followup {
	return Followup{Time: pick.Rows(f.Time, rows), Event: pick.Rows(f.Event, rows)}
}

// byTime returns the rows in order of time.
func (f Followup) byTime() []int {
	order := pick.All(len(f.Time))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(f.Time[a], f.Time[b]) })
	return order
}

// staircase is a product-limit estimate: value[k] holds from time[k] on, and 1
// before the first time.
type staircase struct{ time, value []float64 }

// productLimit returns the Kaplan-Meier estimate of staying free of events of
// rows counting w times, or of censoring. An event comes before a censoring at
// the same time, so who has the event is no longer at risk of being censored.
func (f Followup) productLimit(order []int, w []float64, ofCensoring bool) staircase {
	var s staircase
	var atRisk float64
	for _, v := range w {
		atRisk += v
	}
	product := 1.0
	for k := 0; k < len(order); {
		t := f.Time[order[k]]
		var events, censored float64
		for ; k < len(order) && f.Time[order[k]] == t; k++ {
			if i := order[k]; f.Event[i] {
				events += w[i]
			} else {
				censored += w[i]
			}
		}
		switch {
		case ofCensoring && censored > 0:
			product *= 1 - censored/(atRisk-events)
		case !ofCensoring && events > 0:
			product *= 1 - events/atRisk
		}
		atRisk -= events + censored
		s.time, s.value = append(s.time, t), append(s.value, product)
	}
	return s
}

func (s staircase) at(t float64) float64 {
	k := sort.Search(len(s.time), func(i int) bool { return s.time[i] > t })
	if k == 0 {
		return 1
	}
	return s.value[k-1]
}

// censoring is the chance of not being censored, learnt from training rows, by
// which rows that are seen to the end stand in for those that are not.
type censoring struct {
	free staircase
	last float64 // no row was watched longer
}

func newCensoring(train Followup) censoring {
	free := train.productLimit(train.byTime(), ones(train.Len()), true)
	return censoring{free: free, last: free.time[len(free.time)-1]}
}

// weight returns 1 / G(t).
func (c censoring) weight(t float64) (float64, error) {
	g := c.free.at(t)
	if t > c.last && g > 0 || g == 0 {
		return 0, fmt.Errorf("at time %g the training rows say nothing about censoring (they are followed to %g): judge at earlier times", t, c.last)
	}
	return 1 / g, nil
}

package treatment

import (
	"fmt"
	"strings"
)

// recommend chooses the arm with the best expected outcome among those that
// patients like x had a chance of, or none, and says why.
func (m *Model) recommend(x Row, a *Answer) {
	a.Arm = None
	c, s := m.config, m.state
	if a.Reason = unlike(x, s.Lowest, s.Highest, c.Features); a.Reason != "" {
		return
	}
	var rare []string
	best, second := None, None
	for k, p := range a.Propensity {
		switch {
		case p < c.Overlap:
			rare = append(rare, fmt.Sprintf("%s (%.1f %%)", c.Arms[k], 100*p))
		case best == None || c.better(a.Expected[k], a.Expected[best]):
			best, second = k, best
		case second == None || c.better(a.Expected[k], a.Expected[second]):
			second = k
		}
	}
	const but = "of patients like this one too few got "
	if second == None {
		a.Reason = but + strings.Join(rare, ", ") + ": there is no one to compare with"
		return
	}
	against := 0 // what the interval is of the difference from
	if best == 0 {
		against = second
	}
	if a.Propensity[0] < c.Overlap {
		against = None
	}
	reason := fmt.Sprintf("expected %s with %s, %s with %s", significant(a.Expected[best], 4), c.Arms[best], significant(a.Expected[second], 4), c.Arms[second])
	if a.StdErr != nil && against != None {
		k := max(best, against)
		low, high, _ := a.Interval(k)
		if best == 0 {
			low, high = -high, -low
		}
		reason += fmt.Sprintf("; difference from %s %s (95 %% interval %s to %s)", c.Arms[against], significant((low+high)/2, 3), significant(low, 3), significant(high, 3))
		if low <= 0 && high >= 0 {
			reason += ", which may be none"
			if c.Sure {
				a.Reason = reason
				return
			}
		}
	}
	if c.Sure && against == None {
		a.Reason = reason + "; too few like this one got " + c.Arms[0] + " to be sure"
		return
	}
	if rare != nil {
		reason += "; " + but + strings.Join(rare, ", ") + " to say"
	}
	a.Arm, a.Reason = best, reason
}

// better reports whether outcome a is better than b.
func (c Config) better(a, b float64) bool {
	if c.LowerIsBetter {
		return a < b
	}
	return a > b
}

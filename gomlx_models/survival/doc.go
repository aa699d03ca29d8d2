// Package survival holds the statistics of times to an event, of which some are
// only known to be longer than observed (censored): Kaplan–Meier and
// Nelson–Aalen curves, the log-rank test, and Cox regression with its check of
// proportional hazards.
//
// It is plain Go. A time with event true is when the event happened; with event
// false, when the patient was last seen without it. A patient censored at the
// time of an event was still at risk of it.
//
//	curve, err := survival.KaplanMeier(time, event)
//	fmt.Println(curve.At(365), curve.Median())
package survival

import (
	"fmt"
	"math"
	"sort"
)

// check refuses what has no order in time.
func check(time []float64, event []bool) error {
	if len(time) != len(event) {
		return fmt.Errorf("%d times and %d events: every row needs both", len(time), len(event))
	}
	if len(time) == 0 {
		return fmt.Errorf("no rows: a survival curve needs at least one")
	}
	for i, t := range time {
		if !(t >= 0) || math.IsInf(t, 0) {
			return fmt.Errorf("the time of row %d is %v: times are finite and not negative", i, t)
		}
	}
	return nil
}

// moment is what happens at one distinct time.
type moment struct {
	time                     float64
	risk, events, censorings int
	rows                     []int // of those who leave
}

// moments returns the distinct times of the given rows in rising order.
func moments(time []float64, event []bool, rows []int) []moment {
	order := append([]int(nil), rows...)
	sort.SliceStable(order, func(a, b int) bool { return time[order[a]] < time[order[b]] })
	var out []moment
	for from := 0; from < len(order); {
		m := moment{time: time[order[from]], risk: len(order) - from}
		to := from
		for ; to < len(order) && time[order[to]] == m.time; to++ {
			if event[order[to]] {
				m.events++
			} else {
				m.censorings++
			}
		}
		m.rows = order[from:to]
		out = append(out, m)
		from = to
	}
	return out
}

package experiments

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/assay-ml/assay/store"
)

// IsFinal reports whether a metric is one number with an interval.
func IsFinal(m store.Metric) bool { return !math.IsNaN(m.Low) && !math.IsNaN(m.High) }

// IsSystem reports whether a metric is one of the machine's.
func IsSystem(metric string) bool { return strings.HasPrefix(metric, SystemPrefix) }

// IsBookkeeping reports whether a metric is what training notes beside what it
// learns: it is known without a curve.
func IsBookkeeping(metric string) bool {
	return metric == "epoch" || metric == "learning_rate" || metric == "moving_average_loss"
}

// Headline returns the metrics that the reports of a run name, as the store has
// them and in the reports' order, which puts the headline first: of the first of
// runs that has any. It asks a few of them only, and passes over a report that is
// not one of ours: what it gives is an order, not numbers.
func Headline(ctx context.Context, s *store.Store, runs []store.Run) ([]string, error) {
	const most = 20
	asked := 0
	for _, run := range runs {
		if !judged(run) {
			continue
		}
		if asked++; asked > most {
			break
		}
		names, err := headline(ctx, s, run.ID)
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", run.ID, err)
		}
		if len(names) > 0 {
			return names, nil
		}
	}
	return nil, nil
}

// judged reports whether the run has a metric as reports give them.
func judged(run store.Run) bool {
	for _, m := range run.Metrics {
		if IsFinal(m) {
			return true
		}
	}
	return false
}

func headline(ctx context.Context, s *store.Store, id store.RunID) (names []string, err error) {
	reports, err := s.Reports(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, report := range reports {
		var r struct {
			Metrics []struct {
				Name string `json:"name"`
			} `json:"metrics"`
		}
		if json.Unmarshal(report.Data, &r) != nil {
			continue
		}
		for _, m := range r.Metrics {
			names = append(names, report.Name+"."+m.Name)
		}
	}
	return names, nil
}

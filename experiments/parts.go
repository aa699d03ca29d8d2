package experiments

import (
	"context"
	"fmt"
	"math"

	"github.com/assay-ml/assay/experiments/charts"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// Parts sums up the runs that a run is the parent of: the folds of a validation,
// the trainings of a search.
type Parts struct {
	Metrics []string // the columns: those that the reports of the runs name first
	Runs    []Part   // in order of their start
	More    int      // runs that are not listed
}

// Part is a run and the metrics of Parts that it has.
type Part struct {
	store.Run
	Values []PartValue
}

// PartValue is one metric of a part.
type PartValue struct {
	Value float64
	Known bool // whether the run has it
	Best  bool // of all parts
}

// Text returns the value as text, "" if the run has none.
func (v PartValue) Text() string {
	if !v.Known {
		return ""
	}
	return charts.Format(v.Value)
}

// PartsOf returns the parts of a run, the first fifty of them.
func PartsOf(ctx context.Context, s *store.Store, id store.RunID) (Parts, error) {
	const mostRuns, mostMetrics = 50, 4
	page, err := s.Runs(ctx, store.Query{Where: fmt.Sprintf("parent = %q", id), Sort: []string{"started"}, Limit: mostRuns, Archived: true})
	if err != nil {
		return Parts{}, fmt.Errorf("parts of run %s: %w", id, err)
	}
	p := Parts{More: page.Total - len(page.Runs)}
	names, err := Headline(ctx, s, page.Runs)
	if err != nil {
		return Parts{}, fmt.Errorf("parts of run %s: %w", id, err)
	}
	p.Metrics = names[:min(mostMetrics, len(names))]
	for _, run := range page.Runs {
		part := Part{Run: run}
		for _, name := range p.Metrics {
			m, known := run.Metrics[name]
			part.Values = append(part.Values, PartValue{Value: m.Last, Known: known})
		}
		p.Runs = append(p.Runs, part)
	}
	for i, name := range p.Metrics {
		if models.Unranked(name) {
			continue
		}
		best := math.NaN()
		for _, part := range p.Runs {
			if v := part.Values[i]; v.Known {
				best = models.Better(name, best, v.Value)
			}
		}
		for _, part := range p.Runs {
			v := &part.Values[i]
			v.Best = v.Known && v.Value == best
		}
	}
	return p, nil
}

package experiments

import (
	"context"
	"fmt"

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
	page, err := s.Runs(ctx, store.Query{Where: fmt.Sprintf("parent = %q", id), Sort: []string{"started"}, Limit: mostRuns})
	if err != nil {
		return Parts{}, fmt.Errorf("parts of run %s: %w", id, err)
	}
	p := Parts{More: page.Total - len(page.Runs)}
	names, err := Headline(ctx, s, page.Runs)
	if err != nil {
		return Parts{}, fmt.Errorf("parts of run %s: %w", id, err)
	}
	p.Metrics = names[:min(mostMetrics, len(names))]
	best := map[string]float64{}
	for _, run := range page.Runs {
		for _, name := range p.Metrics {
			m, ok := run.Metrics[name]
			if b, known := best[name]; ok && !models.DescribesData(name) &&
				(!known || m.Last != b && m.Last < b == models.LowerIsBetter(name)) {
				best[name] = m.Last
			}
		}
	}
	for _, run := range page.Runs {
		part := Part{Run: run}
		for _, name := range p.Metrics {
			m, ok := run.Metrics[name]
			b, known := best[name]
			part.Values = append(part.Values, PartValue{m.Last, ok, ok && known && m.Last == b})
		}
		p.Runs = append(p.Runs, part)
	}
	return p, nil
}

// Package compare puts recorded runs beside each other: their curves and what
// judging them found in one chart, what a metric depends on, whether two of them
// differ on the same patients, how their programs differ. Pages and notebooks make
// the same figures by it.
//
//	set, err := compare.Where(ctx, "chest films", "status = finished")
//	defer set.Close()
//	loss, err := set.Curves(ctx, compare.Axes{Bands: true}, "loss")
//	display.Figure(loss)
//
// It is apart from package experiments, which every cell that records a run links.
package compare

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/assay-ml/assay/experiments/charts"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/home"
	"github.com/assay-ml/assay/store"
)

// Set is runs to compare, the first being what the others are held against.
type Set struct {
	Runs []store.Run

	store *store.Store
	own   bool // the store is the set's to close
}

// Of returns the set of runs of a store that stays the caller's.
func Of(s *store.Store, runs []store.Run) *Set { return &Set{Runs: runs, store: s} }

// Where returns the runs of an experiment of which a condition holds, in order
// of starting, from the store that this program records to. "" as the experiment
// or as the condition means all. The caller closes the set.
func Where(ctx context.Context, experiment, condition string) (*Set, error) {
	file, err := home.Store()
	if err != nil {
		return nil, err
	}
	s, err := store.OpenToRead(file)
	if err != nil {
		return nil, err
	}
	found, err := s.Runs(ctx, store.Query{Experiment: experiment, Where: condition, Sort: []string{"started"}, Limit: -1})
	if err == nil && len(found.Runs) == 0 {
		err = fmt.Errorf("experiment %q has no such run in %s: %w", experiment, s.Path(), store.ErrNotFound)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return &Set{Runs: found.Runs, store: s, own: true}, nil
}

// Close closes the store, if Where opened it.
func (set *Set) Close() error {
	if !set.own {
		return nil
	}
	return set.store.Close()
}

// Styles returns how each run is drawn: see charts.Styles.
func (set *Set) Styles() []charts.Style {
	ids := make([]string, len(set.Runs))
	for i, run := range set.Runs {
		ids[i] = string(run.ID)
	}
	return charts.Styles(ids)
}

// Reports returns the reports that a run recorded. One that cannot be read is an
// error: half a report would mislead.
func Reports(ctx context.Context, s *store.Store, id store.RunID) ([]models.Report, error) {
	kept, err := s.Reports(ctx, id)
	if err != nil {
		return nil, err
	}
	reports := make([]models.Report, len(kept))
	for i, k := range kept {
		if reports[i], err = ReadReport(k); err != nil {
			return nil, fmt.Errorf("run %s: %w", id, err)
		}
	}
	return reports, nil
}

// ReadReport reads a report as a run recorded it.
func ReadReport(kept store.Report) (r models.Report, err error) {
	if err := json.Unmarshal(kept.Data, &r); err != nil {
		return r, fmt.Errorf("report %s: %w", kept.Name, err)
	}
	if err := r.Check(); err != nil {
		return r, fmt.Errorf("report %s: %w", kept.Name, err)
	}
	return r, nil
}

// Judged returns what judging the runs found, those judged on the same data set
// in one chart for each kind of curve: ROC, calibration, survival …, and their
// confusion matrices beside each other.
func (set *Set) Judged(ctx context.Context) ([]charts.Figure, error) {
	var names []string
	judged := map[string][]charts.Judged{}
	for i, style := range set.Styles() {
		run := set.Runs[i]
		reports, err := Reports(ctx, set.store, run.ID)
		if err != nil {
			return nil, err
		}
		for _, r := range reports {
			if judged[r.Name] == nil {
				names = append(names, r.Name)
			}
			judged[r.Name] = append(judged[r.Name], charts.Judged{Name: run.Name, Style: style, Report: r})
		}
	}
	var figures []charts.Figure
	for _, name := range names {
		for _, f := range charts.Compare(judged[name]) {
			f.Title += ", " + name
			figures = append(figures, f)
		}
	}
	return figures, nil
}

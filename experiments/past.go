package experiments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// Past is a run that was recorded before: how a cell gets at what an earlier
// cell left.
//
//	past, err := experiments.Latest(ctx, "pneumonia")
//	file, err := past.Open(ctx, "model.assay")
//	model, err := imaging.Load(file)
type Past struct{ store.Run }

// Find returns the run with this id, or with an id that only it starts with.
func Find(ctx context.Context, id string) (*Past, error) {
	return recall(func(s *store.Store) (store.Run, error) {
		full, err := s.Resolve(ctx, id)
		if err != nil {
			return store.Run{}, err
		}
		return s.Run(ctx, full)
	})
}

// Latest returns the finished run of the experiment that started last.
func Latest(ctx context.Context, experiment string) (*Past, error) {
	return first(ctx, experiment, "finished run", finished, "-started")
}

// Best returns the finished run of the experiment with the best last value of
// the metric: the largest, or the smallest of an error or a loss (see
// models.LowerIsBetter). Runs without the metric, or where it is NaN, do not count.
func Best(ctx context.Context, experiment, metric string) (*Past, error) {
	what := fmt.Sprintf("finished run with a number for the metric %q", metric)
	return first(ctx, experiment, what, finished+" and "+isNumber(metric), bestFirst(metric))
}

const finished = "status = finished"

// isNumber is the condition that the last value of a metric is one.
func isNumber(metric string) string { return store.FieldName("metric", metric) + " >= -inf" }

func first(ctx context.Context, experiment, what, where, sort string) (*Past, error) {
	return recall(func(s *store.Store) (store.Run, error) {
		if before := os.Getenv(EnvAsOf); before != "" {
			where += fmt.Sprintf(" and started < %q", before)
		}
		page, err := s.Runs(ctx, store.Query{Experiment: experiment, Where: where, Sort: []string{sort}, Limit: 1})
		if err != nil {
			return store.Run{}, err
		}
		if len(page.Runs) == 0 {
			return store.Run{}, fmt.Errorf("experiment %q has no %s in %s: %w", experiment, what, s.Path(), store.ErrNotFound)
		}
		return page.Runs[0], nil
	})
}

func recall(find func(*store.Store) (store.Run, error)) (*Past, error) {
	s, err := shared.acquire()
	if err != nil {
		return nil, err
	}
	run, err := find(s)
	if err := errors.Join(err, shared.release()); err != nil {
		return nil, err
	}
	return &Past{run}, nil
}

// Open opens a file that the run left, such as "model.assay". The caller closes it.
func (p *Past) Open(ctx context.Context, artifact string) (io.ReadCloser, error) {
	s, err := shared.acquire()
	if err != nil {
		return nil, err
	}
	file, _, err := s.OpenArtifact(ctx, p.ID, artifact)
	if err != nil {
		return nil, errors.Join(err, shared.release())
	}
	return releasing{file}, nil
}

// Report returns the report that the run recorded under this name, such as "test".
func (p *Past) Report(ctx context.Context, name string) (models.Report, error) {
	var report models.Report
	s, err := shared.acquire()
	if err != nil {
		return report, err
	}
	reports, err := s.Reports(ctx, p.ID)
	if err := errors.Join(err, shared.release()); err != nil {
		return report, err
	}
	var names []string
	for _, r := range reports {
		if r.Name == name {
			return report, json.Unmarshal(r.Data, &report)
		}
		names = append(names, r.Name)
	}
	return report, fmt.Errorf("run %s has no report %q, only %q: %w", p.ID, name, names, store.ErrNotFound)
}

// releasing is a file of the shared store, which it keeps open.
type releasing struct{ io.ReadCloser }

func (r releasing) Close() error { return errors.Join(r.ReadCloser.Close(), shared.release()) }

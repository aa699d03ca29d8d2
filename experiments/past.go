package experiments

import (
	"context"
	"fmt"
	"io"

	"github.com/assay-ml/assay/store"
)

// Past is a run that was recorded before: how a cell gets at what an earlier
// cell left.
//
//	past, err := experiments.Latest(ctx, "pneumonia")
//	file, err := past.Open(ctx, "model.assay")
//	model, err := imaging.Load(file)
type Past struct {
	store.Run
	store *store.Store
}

// Find returns the run with this id, or with an id that only it starts with.
func Find(ctx context.Context, id string) (*Past, error) {
	s, err := opened()
	if err != nil {
		return nil, err
	}
	full, err := s.Resolve(ctx, id)
	if err != nil {
		return nil, err
	}
	run, err := s.Run(ctx, full)
	if err != nil {
		return nil, err
	}
	return &Past{run, s}, nil
}

// Latest returns the finished run of the experiment that started last.
func Latest(ctx context.Context, experiment string) (*Past, error) {
	return first(ctx, experiment, "-started")
}

// Best returns the finished run of the experiment with the best last value of
// the metric: the largest, or the smallest of an error or a loss (see
// models.LowerIsBetter).
func Best(ctx context.Context, experiment, metric string) (*Past, error) {
	return first(ctx, experiment, bestFirst(metric))
}

func first(ctx context.Context, experiment, sort string) (*Past, error) {
	s, err := opened()
	if err != nil {
		return nil, err
	}
	page, err := s.Runs(ctx, store.Query{Experiment: experiment, Where: "status = finished", Sort: []string{sort}, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Runs) == 0 {
		return nil, fmt.Errorf("experiment %q has no finished run in %s: %w", experiment, s.Path(), store.ErrNotFound)
	}
	return &Past{page.Runs[0], s}, nil
}

// Open opens a file that the run left, such as "model.assay". The caller closes it.
func (p *Past) Open(ctx context.Context, artifact string) (io.ReadCloser, error) {
	file, _, err := p.store.OpenArtifact(ctx, p.ID, artifact)
	return file, err
}

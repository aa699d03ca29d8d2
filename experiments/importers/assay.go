package importers

import (
	"context"
	"fmt"

	"github.com/assay-ml/assay/experiments/export"
	"github.com/assay-ml/assay/store"
)

// Assay brings the runs of an export (see the package export) into a store,
// with the ids they have.
func Assay(ctx context.Context, s *store.Store, dir string, progress Progress) (Result, error) {
	folder, err := export.Open(dir)
	if err != nil {
		return Result{}, err
	}
	defer folder.Close()
	l := &lander{s: s}
	done := 0
	for run, err := range folder.Runs() {
		if err != nil {
			return l.result, err
		}
		if _, err := l.land(ctx, "", run); err != nil {
			return l.result, fmt.Errorf("export %s: %w", dir, err)
		}
		done++
		progress.tell(done, folder.Summary().Runs)
	}
	return l.result, l.experimentNotes(ctx, folder.Experiments())
}

package store

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"time"
)

// Interval gives a metric its interval, for importers: Summary does so with a
// point of its own. The metric must have points.
func (w *Writer) Interval(metric string, low, high float64) error {
	if err := w.fold(); err != nil {
		return fmt.Errorf("run %s: %w", w.id, err)
	}
	return w.transact(context.Background(), func(tx *sql.Tx) error {
		result, err := tx.Exec(`
			update series set low = ?, high = ?
			where run = ? and name = (select id from name where text = ?)`, real(low), real(high), w.row, metric)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return fmt.Errorf("metric %s: %w", metric, ErrNotFound)
	})
}

// ArtifactAt is Artifact for importers: the file was added at the time.
func (w *Writer) ArtifactAt(ctx context.Context, name, mediaType string, r io.Reader, at time.Time) (Digest, error) {
	digest, err := w.Artifact(ctx, name, mediaType, r)
	if err != nil {
		return "", err
	}
	return digest, w.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`update artifact set added = ? where run = ? and name = ?`, micros(at), w.row, name)
		return err
	})
}

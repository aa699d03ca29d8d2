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
		err := execFound(tx, `
			update series set low = ?, high = ?
			where run = ? and name = (select id from name where text = ?)`, real(low), real(high), w.row, metric)
		if err != nil {
			return fmt.Errorf("metric %s: %w", metric, err)
		}
		return nil
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

// SetHost says where a run ran, and as which process, for importers. The run
// must have ended, for a run that runs is watched there.
func (s *Store) SetHost(ctx context.Context, id RunID, host string, pid int) error {
	return s.edit(ctx, id, func(tx *sql.Tx, row int64) error {
		_, err := tx.Exec(`update run set host = ?, pid = ? where id = ? and status != ?`, host, pid, row, Running)
		return err
	})
}

// WithTag returns the runs that have the tag, also those that are archived or in
// the trash: how an importer knows what it has brought before.
func (s *Store) WithTag(ctx context.Context, key, value string) ([]RunID, error) {
	return collect(ctx, s, func(rows *sql.Rows) (id RunID, err error) { return id, rows.Scan(&id) }, `
		select r.key from tag t join run r on r.id = t.run
		where t.name = (select id from name where text = ?) and t.value = ?
		order by r.started, r.key`, key, value)
}

package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/assay-ml/assay/store"
)

// Run is a run with everything it holds, outside of a store.
type Run struct {
	store.Run // of Metrics, only the intervals count
	Figures   []store.Figure
	Reports   []store.Report
	Artifacts []Artifact
	Data      []store.DataUse
	Outputs   iter.Seq2[store.Output, error]
	Series    iter.Seq2[Points, error] // nil means none
}

// Artifact is an artifact and the way to its content.
type Artifact struct {
	store.Artifact // Size and Digest are not known of every source
	Open           func() (io.ReadCloser, error)
}

// Points are some points of one series. A series may come in several pieces, in
// order of logging; pieces of different series may come in any order.
type Points struct {
	Metric string
	Points []store.Point // valid until the next piece
}

// Options say what Write writes.
type Options struct {
	Format      Format
	Query       store.Query // all that it finds, whatever its Limit; archived runs and the trash only if it says so
	NoArtifacts bool        // leave the content of artifacts, and so their mention, out
}

// Summary says what was written, or what a folder holds.
type Summary struct {
	Format  Format `json:"format"`
	Version int    `json:"version"`
	Runs    int    `json:"runs"`
	Points  int64  `json:"points"`
	Bytes   int64  `json:"bytes"` // of artifacts
}

const (
	version     = 1
	summaryFile = "export.json" // written last: a folder without it is not whole
	blobFolder  = "blobs"
)

// Write writes the runs that o.Query finds, and their experiments, to the folder
// dir, which it makes. A folder that is there and not empty is an error.
func Write(ctx context.Context, s *store.Store, dir string, o Options) (Summary, error) {
	if err := o.Format.check(); err != nil {
		return Summary{}, err
	}
	there, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Summary{}, fmt.Errorf("export: %w", err)
	}
	if len(there) > 0 {
		return Summary{}, fmt.Errorf("export %s: the folder is not empty, name a new one", dir)
	}
	if err := os.MkdirAll(filepath.Join(dir, blobFolder), 0o755); err != nil {
		return Summary{}, fmt.Errorf("export: %w", err)
	}
	w := &writer{s: s, dir: dir, options: o, summary: Summary{Format: o.Format, Version: version}}
	err = w.open()
	if err == nil {
		err = w.write(ctx)
	}
	if err := errors.Join(err, w.close()); err != nil {
		return Summary{}, fmt.Errorf("export %s: %w", dir, err)
	}
	text, err := json.MarshalIndent(w.summary, "", "  ")
	if err != nil {
		return Summary{}, fmt.Errorf("export %s: %w", dir, err)
	}
	if err := os.WriteFile(filepath.Join(dir, summaryFile), append(text, '\n'), 0o644); err != nil {
		return Summary{}, fmt.Errorf("export: %w", err)
	}
	return w.summary, nil
}

// writer writes an export.
type writer struct {
	s       *store.Store
	dir     string
	options Options
	summary Summary
	closers []func() error

	experiments *tableFile[experimentRow]
	runs        *tableFile[runRow]
	params      *tableFile[paramRow]
	tags        *tableFile[tagRow]
	metrics     *tableFile[metricRow]
	points      *tableFile[pointRow]
	figures     *tableFile[figureRow]
	reports     *tableFile[reportRow]
	artifacts   *tableFile[artifactRow]
	data        *tableFile[dataRow]
	dataFiles   *tableFile[dataFileRow]
	output      *tableFile[outputRow]
}

func (w *writer) open() error {
	return errors.Join(
		create(w, &w.experiments, "experiments"),
		create(w, &w.runs, "runs"),
		create(w, &w.params, "params"),
		create(w, &w.tags, "tags"),
		create(w, &w.metrics, "metrics"),
		create(w, &w.points, "points"),
		create(w, &w.figures, "figures"),
		create(w, &w.reports, "reports"),
		create(w, &w.artifacts, "artifacts"),
		create(w, &w.data, "data"),
		create(w, &w.dataFiles, "data_files"),
		create(w, &w.output, "output"),
	)
}

func create[T any](w *writer, table **tableFile[T], name string) (err error) {
	if *table, err = createTable[T](w.dir, name, w.options.Format); err == nil {
		w.closers = append(w.closers, (*table).close)
	}
	return err
}

func (w *writer) close() error {
	var errs []error
	for _, c := range w.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

func (w *writer) write(ctx context.Context) error {
	experiments := map[string]bool{}
	for run, err := range w.s.Each(ctx, oldestFirst(w.options.Query)) {
		if err == nil {
			err = w.run(ctx, run)
		}
		if err != nil {
			return err
		}
		experiments[run.Experiment] = true
		w.summary.Runs++
	}
	all, err := w.s.Experiments(ctx)
	if err != nil {
		return err
	}
	for _, e := range all {
		if experiments[e.Name] {
			if err := w.experiments.write(experimentRow{text(e.Name), text(e.Note), micros(e.Created)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// oldestFirst gives a query an order if it has none.
func oldestFirst(q store.Query) store.Query {
	if q.Sort == nil {
		q.Sort = []string{"started"}
	}
	return q
}

// micros returns t as the tables have it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/assay-ml/assay/store"
)

// Folder is an export, open for reading.
type Folder struct {
	dir     string
	summary Summary
	closers []func() error

	experiments []store.Experiment
	runs        *cursor[runRow]
	params      *cursor[paramRow]
	tags        *cursor[tagRow]
	metrics     *cursor[metricRow]
	points      *cursor[pointRow]
	figures     *cursor[figureRow]
	reports     *cursor[reportRow]
	artifacts   *cursor[artifactRow]
	data        *cursor[dataRow]
	dataFiles   *cursor[dataFileRow]
	output      *cursor[outputRow]
}

// Open opens the export in the folder dir.
func Open(dir string) (*Folder, error) {
	f := &Folder{dir: dir}
	if err := f.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("export %s: %w", dir, err), f.Close())
	}
	return f, nil
}

func (f *Folder) open() error {
	b, err := os.ReadFile(filepath.Join(f.dir, summaryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it has no %s: it is no export, or one that was cut short", summaryFile)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &f.summary); err != nil {
		return fmt.Errorf("%s: %w", summaryFile, err)
	}
	if f.summary.Version > version {
		return fmt.Errorf("a newer assay wrote it (version %d of the format): update assay", f.summary.Version)
	}
	if err := f.summary.Format.check(); err != nil {
		return fmt.Errorf("%s: %w", summaryFile, err)
	}
	err = errors.Join(
		open(f, &f.runs, "runs", func(r runRow) string { return r.ID }),
		open(f, &f.params, "params", func(r paramRow) string { return r.Run }),
		open(f, &f.tags, "tags", func(r tagRow) string { return r.Run }),
		open(f, &f.metrics, "metrics", func(r metricRow) string { return r.Run }),
		open(f, &f.points, "points", func(r pointRow) string { return r.Run }),
		open(f, &f.figures, "figures", func(r figureRow) string { return r.Run }),
		open(f, &f.reports, "reports", func(r reportRow) string { return r.Run }),
		open(f, &f.artifacts, "artifacts", func(r artifactRow) string { return r.Run }),
		open(f, &f.data, "data", func(r dataRow) string { return r.Run }),
		open(f, &f.dataFiles, "data_files", func(r dataFileRow) string { return r.Run }),
		open(f, &f.output, "output", func(r outputRow) string { return r.Run }),
	)
	if err != nil {
		return err
	}
	var experiments *cursor[experimentRow]
	if err := open(f, &experiments, "experiments", func(experimentRow) string { return "" }); err != nil {
		return err
	}
	return experiments.each("", func(row experimentRow) error {
		f.experiments = append(f.experiments, store.Experiment{Name: string(row.Name), Note: string(row.Note), Created: fromMicros(row.Created)})
		return nil
	})
}

func open[T any](f *Folder, c **cursor[T], name string, of func(T) string) (err error) {
	if *c, err = openCursor(f.dir, name, f.summary.Format, of); err == nil {
		f.closers = append(f.closers, (*c).close)
	}
	return err
}

// Close closes the folder's files.
func (f *Folder) Close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// Summary says what the folder holds.
func (f *Folder) Summary() Summary { return f.summary }

// Experiments returns the experiments of the runs, with their notes.
func (f *Folder) Experiments() []store.Experiment { return f.experiments }

// Runs goes through the runs, once. What is left of a run's Outputs and Series
// is passed over when the next run comes. It ends after the first error.
func (f *Folder) Runs() iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		for {
			rows, err := f.runs.peek()
			if err == nil && len(rows) == 0 {
				err = f.finish()
				if err == nil {
					return
				}
			}
			var run Run
			if err == nil {
				f.runs.rows = rows[1:]
				run, err = f.run(rows[0])
			}
			if err != nil {
				yield(Run{}, fmt.Errorf("export %s: %w", f.dir, err))
				return
			}
			if !yield(run, nil) {
				return
			}
			for _, err := range run.Outputs {
				if err != nil {
					yield(Run{}, err)
					return
				}
			}
			for _, err := range run.Series {
				if err != nil {
					yield(Run{}, err)
					return
				}
			}
		}
	}
}

// finish checks that every row has been read.
func (f *Folder) finish() error {
	return errors.Join(
		f.params.finish(), f.tags.finish(), f.metrics.finish(), f.points.finish(), f.figures.finish(), f.reports.finish(),
		f.artifacts.finish(), f.data.finish(), f.dataFiles.finish(), f.output.finish(),
	)
}

// run reads the rows of a run from all tables but points and output.
func (f *Folder) run(row runRow) (Run, error) {
	run := Run{Run: store.Run{
		ID: store.RunID(row.ID), Experiment: string(row.Experiment), Name: string(row.Name),
		Status: store.Status(row.Status), Message: string(row.Message),
		Started: fromMicros(row.Started), Ended: fromMicros(row.Ended),
		Parent: store.RunID(row.Parent), RerunOf: store.RunID(row.RerunOf), Verdict: string(row.Verdict),
		Group: string(row.Group), Note: string(row.Note), Host: string(row.Host), PID: int(row.PID),
		LastStep: row.LastStep, Points: row.Points, Done: row.Done, Planned: row.Planned,
		Archived: row.Archived, Trashed: fromMicros(row.Trashed),
		Params: map[string]store.Value{}, Tags: map[string]string{}, Metrics: map[string]store.Metric{},
	}}
	if err := unmarshal(row.Origin, &run.Origin); err != nil {
		return Run{}, fmt.Errorf("%s: run %s: origin: %w", f.runs.name, row.ID, err)
	}
	if err := unmarshal(row.Env, &run.Env); err != nil {
		return Run{}, fmt.Errorf("%s: run %s: env: %w", f.runs.name, row.ID, err)
	}
	err := errors.Join(
		f.params.each(row.ID, func(p paramRow) error {
			value, err := parseParam(p.Kind, p.Value)
			if err != nil {
				return fmt.Errorf("param %s: %w", p.Name, err)
			}
			run.Params[string(p.Name)] = value
			return nil
		}),
		f.tags.each(row.ID, func(t tagRow) error {
			run.Tags[string(t.Name)] = string(t.Value)
			return nil
		}),
		f.metrics.each(row.ID, func(m metricRow) error {
			run.Metrics[string(m.Name)] = store.Metric{
				Count: m.Points, Last: float64(m.Last), LastStep: m.LastStep,
				Min: float64(m.Min), MinStep: m.MinStep, Max: float64(m.Max), MaxStep: m.MaxStep,
				Low: float64(m.Low), High: float64(m.High),
			}
			return nil
		}),
		f.figures.each(row.ID, func(fig figureRow) error {
			if !json.Valid([]byte(fig.Option)) {
				return fmt.Errorf("the option of figure %s is not JSON", fig.ID)
			}
			run.Figures = append(run.Figures, store.Figure{
				ID: string(fig.ID), Title: string(fig.Title), Option: json.RawMessage(fig.Option), Alt: string(fig.Alt), Height: int(fig.Height),
			})
			return nil
		}),
		f.reports.each(row.ID, func(r reportRow) error {
			run.Reports = append(run.Reports, store.Report{Name: string(r.Name), Data: json.RawMessage(r.Data)})
			return nil
		}),
		f.artifacts.each(row.ID, func(a artifactRow) error {
			artifact, err := f.artifact(a)
			run.Artifacts = append(run.Artifacts, artifact)
			return err
		}),
		f.uses(row.ID, &run),
	)
	run.Outputs, run.Series = f.outputsOf(row.ID), f.seriesOf(row.ID)
	return run, err
}

func unmarshal(s text, v any) error {
	if s == "" {
		return nil
	}
	return json.Unmarshal([]byte(s), v)
}

func (f *Folder) artifact(a artifactRow) (Artifact, error) {
	// The digest names a file, so it must not lead out of the folder.
	if len(a.Digest) != 64 || strings.Trim(a.Digest, "0123456789abcdef") != "" {
		return Artifact{}, fmt.Errorf("the digest of artifact %s is %q, not a sha256 in hex", a.Name, a.Digest)
	}
	file := filepath.Join(f.dir, blobFolder, a.Digest)
	return Artifact{
		store.Artifact{
			Name: string(a.Name), MediaType: string(a.MediaType), Size: a.Size,
			Digest: store.Digest(a.Digest), Added: fromMicros(a.Added),
		},
		func() (io.ReadCloser, error) { return os.Open(file) },
	}, nil
}

// uses reads the data sets of a run and their files, which follow in the same order.
func (f *Folder) uses(id string, run *Run) error {
	err := f.data.each(id, func(d dataRow) error {
		run.Data = append(run.Data, store.DataUse{Name: string(d.Name), Split: string(d.Split), Rows: d.Rows})
		return nil
	})
	if err != nil {
		return err
	}
	return f.dataFiles.each(id, func(file dataFileRow) error {
		for i := range run.Data {
			if d := &run.Data[i]; d.Name == string(file.Name) && d.Split == string(file.Split) {
				d.Files = append(d.Files, store.DataFile{Path: string(file.Path), Size: file.Size, Digest: store.Digest(file.Digest)})
				return nil
			}
		}
		return fmt.Errorf("file %s is of a data set that the run did not read", file.Path)
	})
}

func (f *Folder) outputsOf(id string) iter.Seq2[store.Output, error] {
	return func(yield func(store.Output, error) bool) {
		for {
			rows, err := f.output.take(id)
			if err != nil {
				yield(store.Output{}, fmt.Errorf("export %s: %w", f.dir, err))
				return
			}
			if len(rows) == 0 {
				return
			}
			for _, row := range rows {
				if !yield(store.Output{Time: fromMicros(row.Time), Stream: string(row.Stream), Text: string(row.Text)}, nil) {
					return
				}
			}
		}
	}
}

func (f *Folder) seriesOf(id string) iter.Seq2[Points, error] {
	return func(yield func(Points, error) bool) {
		var points []store.Point
		for {
			rows, err := f.points.take(id)
			if err != nil {
				yield(Points{}, fmt.Errorf("export %s: %w", f.dir, err))
				return
			}
			if len(rows) == 0 {
				return
			}
			for len(rows) > 0 {
				metric := rows[0].Metric
				points = points[:0]
				for len(rows) > 0 && rows[0].Metric == metric {
					p, err := rows[0].point()
					if err != nil {
						yield(Points{}, fmt.Errorf("export %s: %s: run %s: metric %s: %w", f.dir, f.points.name, id, metric, err))
						return
					}
					points = append(points, p)
					rows = rows[1:]
				}
				if !yield(Points{string(metric), points}, nil) {
					return
				}
			}
		}
	}
}

func (p pointRow) point() (store.Point, error) {
	value := float64(p.Value)
	if p.Bits != "" {
		var err error
		if value, err = parseBits(p.Bits); err != nil {
			return store.Point{}, err
		}
	}
	return store.Point{Step: p.Step, Time: time.UnixMicro(p.Time).UTC(), Value: value}, nil
}

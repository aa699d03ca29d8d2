package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/assay-ml/assay/store"
)

// run writes one run to all tables.
func (w *writer) run(ctx context.Context, run store.Run) error {
	err := errors.Join(
		w.describe(run),
		w.series(ctx, run),
		w.extras(ctx, run.ID),
		w.files(ctx, run.ID),
	)
	if err != nil {
		return fmt.Errorf("run %s: %w", run.ID, err)
	}
	return nil
}

// describe writes what the run itself says.
func (w *writer) describe(run store.Run) error {
	origin, err := json.Marshal(run.Origin)
	if err != nil {
		return err
	}
	env, err := json.Marshal(run.Env)
	if err != nil {
		return err
	}
	err = w.runs.write(runRow{
		ID: string(run.ID), Experiment: text(run.Experiment), Name: text(run.Name), Status: string(run.Status), Message: text(run.Message),
		Started: micros(run.Started), Ended: micros(run.Ended), Parent: string(run.Parent), RerunOf: string(run.RerunOf),
		Verdict: text(run.Verdict), Group: text(run.Group), Note: text(run.Note), Host: text(run.Host), PID: int64(run.PID),
		LastStep: run.LastStep, Points: run.Points, Done: run.Done, Planned: run.Planned,
		Archived: run.Archived, Trashed: micros(run.Trashed), Origin: text(origin), Env: text(env),
	})
	if err != nil {
		return err
	}
	id := string(run.ID)
	for _, name := range slices.Sorted(maps.Keys(run.Params)) {
		kind, value, err := formatParam(run.Params[name])
		if err != nil {
			return fmt.Errorf("param %s: %w", name, err)
		}
		if err := w.params.write(paramRow{id, text(name), kind, value}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(run.Tags)) {
		if err := w.tags.write(tagRow{id, text(name), text(run.Tags[name])}); err != nil {
			return err
		}
	}
	return nil
}

// series writes a run's metrics and their points.
func (w *writer) series(ctx context.Context, run store.Run) error {
	rows := make([]pointRow, 0, batchSize)
	names, err := w.s.MetricNames(ctx, run.ID)
	if err != nil {
		return err
	}
	for _, name := range names {
		m, listed := run.Metrics[name]
		if !listed {
			continue // it was logged after the run was read
		}
		err := w.metrics.write(metricRow{
			string(run.ID), text(name), m.Count, number(m.Last), m.LastStep,
			number(m.Min), m.MinStep, number(m.Max), m.MaxStep, number(m.Low), number(m.High),
		})
		if err != nil {
			return err
		}
		for p, err := range w.s.Points(ctx, run.ID, name) {
			if err != nil {
				return err
			}
			rows = append(rows, pointRow{string(run.ID), text(name), p.Step, p.Time.UnixMicro(), number(p.Value), nanBits(p.Value)})
			if len(rows) == cap(rows) {
				if err := w.flush(&rows); err != nil {
					return err
				}
			}
		}
	}
	return w.flush(&rows)
}

func (w *writer) flush(rows *[]pointRow) error {
	w.summary.Points += int64(len(*rows))
	err := w.points.write(*rows...)
	*rows = (*rows)[:0]
	return err
}

// extras writes what a run recorded beside its metrics.
func (w *writer) extras(ctx context.Context, id store.RunID) error {
	figures, err := w.s.Figures(ctx, id)
	if err != nil {
		return err
	}
	for _, f := range figures {
		if err := w.figures.write(figureRow{string(id), text(f.ID), text(f.Title), text(f.Alt), int64(f.Height), text(f.Option)}); err != nil {
			return err
		}
	}
	reports, err := w.s.Reports(ctx, id)
	if err != nil {
		return err
	}
	for _, r := range reports {
		if err := w.reports.write(reportRow{string(id), text(r.Name), text(r.Data)}); err != nil {
			return err
		}
	}
	uses, err := w.s.DataUses(ctx, id)
	if err != nil {
		return err
	}
	for _, u := range uses {
		if err := w.data.write(dataRow{string(id), text(u.Name), text(u.Split), u.Rows}); err != nil {
			return err
		}
		for _, f := range u.Files {
			err := w.dataFiles.write(dataFileRow{string(id), text(u.Name), text(u.Split), text(f.Path), f.Size, string(f.Digest)})
			if err != nil {
				return err
			}
		}
	}
	outputs, err := w.s.Outputs(ctx, id, 0)
	if err != nil {
		return err
	}
	for _, o := range outputs {
		if err := w.output.write(outputRow{string(id), micros(o.Time), text(o.Stream), text(o.Text)}); err != nil {
			return err
		}
	}
	return nil
}

// files writes a run's artifacts, and their content where it is not there yet.
func (w *writer) files(ctx context.Context, id store.RunID) error {
	if w.options.NoArtifacts {
		return nil
	}
	artifacts, err := w.s.Artifacts(ctx, id)
	if err != nil {
		return err
	}
	for _, a := range artifacts {
		err := w.artifacts.write(artifactRow{string(id), text(a.Name), text(a.MediaType), a.Size, string(a.Digest), micros(a.Added)})
		if err != nil {
			return err
		}
		if err := w.blob(ctx, id, a); err != nil {
			return fmt.Errorf("artifact %s: %w", a.Name, err)
		}
	}
	return nil
}

func (w *writer) blob(ctx context.Context, id store.RunID, a store.Artifact) error {
	file, err := os.OpenFile(filepath.Join(w.dir, blobFolder, string(a.Digest)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil // another artifact has the same content
	}
	if err != nil {
		return err
	}
	content, _, err := w.s.OpenArtifact(ctx, id, a.Name)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	n, err := io.Copy(file, content)
	w.summary.Bytes += n
	return errors.Join(err, content.Close(), file.Close())
}

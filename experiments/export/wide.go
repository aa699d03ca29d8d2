package export

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assay-ml/assay/store"
)

// WriteRuns writes the runs that q finds as one CSV table for a spreadsheet or a
// data frame, a row a run. Its columns are what every run has, then param.NAME,
// tag.NAME and metric.NAME (the last value; of metrics with an interval also
// metric.NAME.low and .high), as the query language has them. A cell is empty
// where a run has no such thing. All runs that q finds are written, whatever its
// Limit. The table cannot be imported: see Write.
func WriteRuns(ctx context.Context, w io.Writer, s *store.Store, q store.Query) error {
	q = oldestFirst(q)
	// The first pass is for the names of columns, the second for the rows.
	seen := map[string]bool{}
	for run, err := range s.Each(ctx, q) {
		if err != nil {
			return err
		}
		cells, err := wideCells(run)
		if err != nil {
			return err
		}
		for name := range cells {
			seen[name] = true
		}
	}
	columns := slices.Clone(fixedColumns)
	for _, prefix := range []string{"param.", "tag.", "metric."} {
		for _, name := range slices.Sorted(maps.Keys(seen)) {
			if strings.HasPrefix(name, prefix) {
				columns = append(columns, name)
			}
		}
	}
	table := csv.NewWriter(w)
	if err := table.Write(columns); err != nil {
		return err
	}
	line := make([]string, len(columns))
	for run, err := range s.Each(ctx, q) {
		if err != nil {
			return err
		}
		cells, err := wideCells(run)
		if err != nil {
			return err
		}
		for i, name := range columns {
			line[i] = cells[name]
		}
		if err := table.Write(line); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}

var fixedColumns = []string{"id", "experiment", "name", "status", "message", "started", "ended", "seconds", "group", "parent", "rerun_of", "note"}

// wideCells returns the cells of a run's row by the names of their columns.
func wideCells(run store.Run) (map[string]string, error) {
	cells := map[string]string{
		"id": string(run.ID), "experiment": run.Experiment, "name": run.Name, "status": string(run.Status), "message": run.Message,
		"started": run.Started.UTC().Format(time.RFC3339Nano), "group": run.Group, "parent": string(run.Parent),
		"rerun_of": string(run.RerunOf), "note": run.Note,
	}
	if !run.Ended.IsZero() {
		cells["ended"] = run.Ended.UTC().Format(time.RFC3339Nano)
		cells["seconds"] = string(number(run.Ended.Sub(run.Started).Seconds()).append(nil))
	}
	for name, value := range run.Params {
		_, s, err := formatParam(value)
		if err != nil {
			return nil, fmt.Errorf("run %s: param %s: %w", run.ID, name, err)
		}
		cells["param."+name] = string(s)
	}
	for name, value := range run.Tags {
		cells["tag."+name] = value
	}
	for name, m := range run.Metrics {
		cells["metric."+name] = string(number(m.Last).append(nil))
		if m.Low == m.Low || m.High == m.High {
			cells["metric."+name+".low"] = string(number(m.Low).append(nil))
			cells["metric."+name+".high"] = string(number(m.High).append(nil))
		}
	}
	return cells, nil
}

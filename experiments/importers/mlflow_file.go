package importers

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"net/url"
	"path/filepath"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver that reads MLflow's file

	"github.com/assay-ml/assay/store"
)

// mlflowFile is MLflow's SQLite store.
type mlflowFile struct {
	path   string
	db     *sql.DB
	tables map[string]bool
}

func openMLflowFile(ctx context.Context, path string) (mlflowSource, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "mode=ro&_query_only=true&_busy_timeout=30000"}
	db, err := sql.Open("sqlite3", dsn.String())
	if err != nil {
		return nil, err
	}
	f := &mlflowFile{path, db, map[string]bool{}}
	err = f.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		f.tables[name] = true
		return err
	}, `select name from sqlite_master where type = 'table'`)
	for _, table := range []string{"experiments", "runs", "metrics", "params", "tags"} {
		if err == nil && !f.tables[table] {
			err = fmt.Errorf("it has no table %s, so it is not MLflow's", table)
		}
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return f, nil
}

// each calls scan for each row of a query.
func (f *mlflowFile) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := f.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// pairs returns a table of keys and values.
func (f *mlflowFile) pairs(ctx context.Context, query string, args ...any) (map[string]string, error) {
	all := map[string]string{}
	err := f.each(ctx, func(rows *sql.Rows) error {
		var key string
		var value sql.NullString
		err := rows.Scan(&key, &value)
		all[key] = value.String
		return err
	}, query, args...)
	return all, err
}

func (f *mlflowFile) root() string { return filepath.Dir(f.path) }

func (f *mlflowFile) Close() error { return f.db.Close() }

func (f *mlflowFile) experiments(ctx context.Context) (map[string]store.Experiment, error) {
	names, err := f.pairs(ctx, `select experiment_id, name from experiments`)
	if err != nil {
		return nil, err
	}
	notes := map[string]string{}
	if f.tables["experiment_tags"] { // since MLflow 1.3
		if notes, err = f.pairs(ctx, `select experiment_id, value from experiment_tags where key = ?`, mlflowNote); err != nil {
			return nil, err
		}
	}
	experiments := map[string]store.Experiment{}
	for id, name := range names {
		experiments[id] = store.Experiment{Name: name, Note: notes[id]}
	}
	return experiments, nil
}

func (f *mlflowFile) runs(ctx context.Context) ([]mlflowRun, error) {
	var runs []mlflowRun
	err := f.each(ctx, func(rows *sql.Rows) error {
		var m mlflowRun
		err := rows.Scan(&m.id, &m.experiment, &m.name, &m.status, &m.user, &m.source, &m.start, &m.end, &m.deleted, &m.artifacts, &m.parent)
		runs = append(runs, m)
		return err
	}, `
		select r.run_uuid, r.experiment_id, coalesce(r.name, ''), coalesce(r.status, ''), coalesce(r.user_id, ''),
			coalesce(r.source_name, ''), coalesce(r.start_time, 0), coalesce(r.end_time, 0),
			coalesce(r.lifecycle_stage = 'deleted', false), coalesce(r.artifact_uri, ''), coalesce(p.value, '')
		from runs r left join tags p on p.run_uuid = r.run_uuid and p.key = ?
		order by r.start_time, r.rowid`, mlflowParent)
	return runs, err
}

func (f *mlflowFile) describe(ctx context.Context, m *mlflowRun) (err error) {
	if m.params, err = f.pairs(ctx, `select key, value from params where run_uuid = ?`, m.id); err != nil {
		return err
	}
	if m.tags, err = f.pairs(ctx, `select key, value from tags where run_uuid = ?`, m.id); err != nil {
		return err
	}
	if f.tables["inputs"] { // since MLflow 2.4
		err := f.each(ctx, func(rows *sql.Rows) error {
			var d mlflowData
			err := rows.Scan(&d.name, &d.digest, &d.source, &d.profile, &d.context)
			m.data = append(m.data, d)
			return err
		}, `
			select d.name, d.digest, d.dataset_source, coalesce(d.dataset_profile, ''), coalesce(t.value, '')
			from inputs i join datasets d on d.dataset_uuid = i.source_id
			left join input_tags t on t.input_uuid = i.input_uuid and t.name = ?
			where i.destination_type = 'RUN' and i.destination_id = ? and i.source_type = 'DATASET'
			order by i.rowid`, mlflowSplit, m.id)
		if err != nil {
			return err
		}
	}
	if !f.tables["logged_models"] { // since MLflow 3
		return nil
	}
	return f.each(ctx, func(rows *sql.Rows) error {
		var model mlflowModel
		err := rows.Scan(&model.id, &model.name, &model.location)
		m.models = append(m.models, model)
		return err
	}, `
		select model_id, name, artifact_location from logged_models
		where source_run_id = ? and coalesce(lifecycle_stage, 'active') = 'active' order by rowid`, m.id)
}

func (f *mlflowFile) points(ctx context.Context, m mlflowRun) iter.Seq2[sample, error] {
	return func(yield func(sample, error) bool) {
		// Rows have no number of their own, but SQLite numbers them as they come in.
		rows, err := f.db.QueryContext(ctx, `select key, value, timestamp, step, is_nan from metrics where run_uuid = ? order by rowid`, m.id)
		if err != nil {
			yield(sample{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var s sample
			var ms int64
			var isNaN bool
			if err := rows.Scan(&s.metric, &s.Value, &ms, &s.Step, &isNaN); err != nil {
				yield(sample{}, err)
				return
			}
			s.Time, s.Value = time.UnixMilli(ms).UTC(), unclip(s.Value)
			if isNaN {
				s.Value = math.NaN()
			}
			if !yield(s, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(sample{}, err)
		}
	}
}

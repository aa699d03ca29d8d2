package importers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/assay-ml/assay/store"
)

// mlflowFolder is an mlruns folder:
//
//	EXPERIMENT/meta.yaml  tags/KEY  datasets/ID/meta.yaml  models/ID/meta.yaml
//	EXPERIMENT/RUN/meta.yaml  params/NAME  tags/KEY  metrics/NAME  artifacts/…  inputs/ID/meta.yaml
//	.trash/EXPERIMENT/…
//
// A param's or tag's file holds its value; a metric's a line a point: time in
// milliseconds, value, step. Slashes in a name are folders.
type mlflowFolder struct {
	dir    string
	dirs   map[string]string        // of experiments, by id
	models map[string][]mlflowModel // by run
}

func openMLflowFolder(ctx context.Context, dir string) (mlflowSource, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	f := &mlflowFolder{dir, map[string]string{}, map[string][]mlflowModel{}}
	for _, pattern := range []string{"*", ".trash/*"} {
		metas, err := filepath.Glob(filepath.Join(globQuote(dir), pattern, metaFile))
		if err != nil {
			return nil, err
		}
		for _, meta := range metas {
			f.dirs[filepath.Base(filepath.Dir(meta))] = filepath.Dir(meta)
		}
	}
	if len(f.dirs) == 0 {
		return nil, errors.New("no folder in it has a meta.yaml: name the mlruns folder, or the SQLite file")
	}
	return f, nil
}

const metaFile = "meta.yaml"

// globQuote returns a pattern that matches just path.
func globQuote(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(path)
}

func (f *mlflowFolder) root() string { return f.dir }

func (f *mlflowFolder) Close() error { return nil }

func readMeta(dir string, v any) error {
	b, err := os.ReadFile(filepath.Join(dir, metaFile))
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, metaFile), err)
	}
	return nil
}

// subfolders returns the folders in dir that have a meta.yaml.
func subfolders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		sub := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(sub, metaFile)); err == nil {
			dirs = append(dirs, sub)
		}
	}
	return dirs, nil
}

func (f *mlflowFolder) experiments(ctx context.Context) (map[string]store.Experiment, error) {
	experiments := map[string]store.Experiment{}
	var errs []error
	for id, dir := range f.dirs {
		var meta struct {
			Name string `yaml:"name"`
		}
		errs = append(errs, readMeta(dir, &meta))
		note, err := os.ReadFile(filepath.Join(dir, "tags", mlflowNote))
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		experiments[id] = store.Experiment{Name: meta.Name, Note: string(note)}
	}
	return experiments, errors.Join(errs...)
}

func (f *mlflowFolder) runs(ctx context.Context) ([]mlflowRun, error) {
	var runs []mlflowRun
	var errs []error
	for id, dir := range f.dirs {
		dirs, err := subfolders(dir)
		errs = append(errs, err)
		for _, dir := range dirs {
			m, err := folderRun(dir)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			m.experiment = id
			runs = append(runs, m)
		}
		errs = append(errs, f.readModels(dir))
	}
	return runs, errors.Join(errs...)
}

// folderStatuses are MLflow's numbers. Its protobuf RunStatus.
var folderStatuses = map[int]string{1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}

func folderRun(dir string) (mlflowRun, error) {
	var meta struct {
		ID        string `yaml:"run_id"`
		Name      string `yaml:"run_name"`
		Status    int    `yaml:"status"`
		Start     int64  `yaml:"start_time"`
		End       int64  `yaml:"end_time"`
		Stage     string `yaml:"lifecycle_stage"`
		Artifacts string `yaml:"artifact_uri"`
		User      string `yaml:"user_id"`
		Source    string `yaml:"source_name"`
	}
	if err := readMeta(dir, &meta); err != nil {
		return mlflowRun{}, err
	}
	parent, err := os.ReadFile(filepath.Join(dir, "tags", mlflowParent))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return mlflowRun{}, err
	}
	m := mlflowRun{
		id: filepath.Base(dir), name: meta.Name, status: folderStatuses[meta.Status], user: meta.User, source: meta.Source,
		parent: strings.TrimSpace(string(parent)), start: meta.Start, end: meta.End, deleted: meta.Stage == "deleted", artifacts: meta.Artifacts,
	}
	if own := filepath.Join(dir, "artifacts"); isFolder(own) {
		m.artifacts = own // wherever the folder has been moved to
	}
	return m, nil
}

// readModels reads the models that runs of an experiment have logged.
func (f *mlflowFolder) readModels(experiment string) error {
	dirs, err := subfolders(filepath.Join(experiment, "models"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		var meta struct {
			Name string `yaml:"name"`
			Run  string `yaml:"source_run_id"`
		}
		if err := readMeta(dir, &meta); err != nil {
			return err
		}
		model := mlflowModel{filepath.Base(dir), meta.Name, filepath.Join(dir, "artifacts")}
		f.models[meta.Run] = append(f.models[meta.Run], model)
	}
	return nil
}

func (f *mlflowFolder) runDir(m mlflowRun) string { return filepath.Join(f.dirs[m.experiment], m.id) }

func (f *mlflowFolder) describe(ctx context.Context, m *mlflowRun) (err error) {
	dir := f.runDir(*m)
	if m.params, err = values(filepath.Join(dir, "params")); err != nil {
		return err
	}
	if m.tags, err = values(filepath.Join(dir, "tags")); err != nil {
		return err
	}
	m.models = f.models[m.id]
	inputs, err := subfolders(filepath.Join(dir, "inputs"))
	if err != nil {
		return err
	}
	for _, input := range inputs {
		var use struct {
			Source string            `yaml:"source_id"`
			Type   string            `yaml:"source_type"`
			Tags   map[string]string `yaml:"tags"`
		}
		if err := readMeta(input, &use); err != nil {
			return err
		}
		if use.Type != "DATASET" {
			continue
		}
		var data struct {
			Name    string `yaml:"name"`
			Digest  string `yaml:"digest"`
			Source  string `yaml:"source"`
			Profile string `yaml:"profile"`
		}
		if err := readMeta(filepath.Join(f.dirs[m.experiment], "datasets", filepath.Base(use.Source)), &data); err != nil {
			return err
		}
		m.data = append(m.data, mlflowData{data.Name, data.Digest, use.Tags[mlflowSplit], data.Source, data.Profile})
	}
	return nil
}

// named calls f with each file in and below dir, and its name there. A folder
// that is not there is empty.
func named(dir string, f func(name, path string) error) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return f(filepath.ToSlash(name), path)
	})
	if errors.Is(err, fs.ErrNotExist) && !isFolder(dir) {
		return nil
	}
	return err
}

// values returns what the files in and below dir hold.
func values(dir string) (map[string]string, error) {
	all := map[string]string{}
	err := named(dir, func(name, path string) error {
		b, err := os.ReadFile(path)
		all[name] = string(b)
		return err
	})
	return all, err
}

func (f *mlflowFolder) points(ctx context.Context, m mlflowRun) iter.Seq2[sample, error] {
	return func(yield func(sample, error) bool) {
		err := named(filepath.Join(f.runDir(m), "metrics"), func(name, path string) error {
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			lines := bufio.NewReader(file)
			for n := 1; ; n++ {
				line, err := lines.ReadString('\n')
				if err == io.EOF {
					return nil // a line without an end is just being written
				}
				if err != nil {
					return err
				}
				p, err := folderPoint(line)
				if err != nil {
					return fmt.Errorf("%s: line %d: %w", path, n, err)
				}
				if !yield(sample{name, p}, nil) {
					return fs.SkipAll
				}
			}
		})
		if err != nil {
			yield(sample{}, err)
		}
	}
}

// folderPoint reads a line of a metric's file. Early versions wrote no step.
func folderPoint(line string) (p store.Point, err error) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return p, fmt.Errorf("%q is not a time, a value and a step", line)
	}
	ms, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return p, fmt.Errorf("%q is not a time in milliseconds", fields[0])
	}
	p.Time = time.UnixMilli(ms).UTC()
	if p.Value, err = strconv.ParseFloat(fields[1], 64); err != nil {
		return p, fmt.Errorf("%q is not a number", fields[1])
	}
	if len(fields) > 2 {
		if p.Step, err = strconv.ParseInt(fields[2], 10, 64); err != nil {
			return p, fmt.Errorf("%q is not a step", fields[2])
		}
	}
	return p, nil
}

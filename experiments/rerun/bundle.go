package rerun

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/export"
	"github.com/assay-ml/assay/experiments/importers"
	"github.com/assay-ml/assay/store"
)

// BundleOptions say what goes into a bundle beside the run.
type BundleOptions struct {
	MaxData int64 // size of the largest data file that goes in; -1 means any
	Modules bool  // the modules that go.sum pins, for a machine without a network
}

// Bundle writes a new store that holds one run alone, with everything that it
// takes to run it again: what the run recorded, its data files, and if asked for
// the modules that its program is built from. It returns a sentence for each data
// file that is left out. Data that changed is an error.
func Bundle(ctx context.Context, s *store.Store, id store.RunID, file string, o BundleOptions) (leftOut []string, err error) {
	if _, err := os.Lstat(file); err == nil {
		return nil, fmt.Errorf("%s is there already: name a new file", file)
	}
	run, err := s.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	if run.Status == store.Running {
		return nil, fmt.Errorf("run %s is still running", id)
	}
	dir, err := os.MkdirTemp("", "assay-bundle-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	sets, err := findData(ctx, s, run, filepath.Join(dir, "found"), digests{})
	if err != nil {
		return nil, err
	}
	if _, changed := sets.problems(); changed != nil {
		return nil, fmt.Errorf("run %s: %s", id, changed[0])
	}
	tables := filepath.Join(dir, "tables")
	query := store.Query{Where: fmt.Sprintf("id = %q", id), Archived: true, Trash: !run.Trashed.IsZero()}
	if _, err := export.Write(ctx, s, tables, export.Options{Format: export.Parquet, Query: query}); err != nil {
		return nil, err
	}
	bundle, err := store.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err = errors.Join(err, bundle.Close()); err != nil {
			os.Remove(file)
		}
	}()
	if _, err := importers.Assay(ctx, bundle, tables, nil); err != nil {
		return nil, err
	}
	w, err := bundle.Resume(ctx, id)
	if err != nil {
		return nil, err
	}
	leftOut, err = addData(ctx, w, sets, o.MaxData)
	if err == nil && o.Modules {
		err = addModules(ctx, s, id, w, dir)
	}
	err = errors.Join(err, w.EndAt(run.Status, run.Message, run.Ended))
	return leftOut, errors.Join(err, bundle.SetHost(ctx, id, run.Host, run.PID))
}

func addData(ctx context.Context, w *store.Writer, sets dataSets, most int64) (leftOut []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		for _, f := range sets[name] {
			switch {
			case f.here == "":
				leftOut = append(leftOut, fmt.Sprintf("data %s: %s is not on this machine", name, f.Path))
				continue
			case most >= 0 && f.Size > most:
				leftOut = append(leftOut, fmt.Sprintf("data %s: %s has %d bytes", name, f.Path, f.Size))
				continue
			}
			content, err := os.Open(f.here)
			if err != nil {
				return nil, err
			}
			_, err = w.Artifact(ctx, experiments.DataDir+name+"/"+filepath.ToSlash(f.inUse), "application/octet-stream", content)
			if err := errors.Join(err, content.Close()); err != nil {
				return nil, err
			}
		}
	}
	return leftOut, nil
}

// addModules adds the modules that the program needs, as a module proxy would
// serve them: the go command is made to fetch them anew, from its own cache.
func addModules(ctx context.Context, s *store.Store, id store.RunID, w *store.Writer, dir string) error {
	p, err := Program(ctx, s, id)
	if err != nil {
		return err
	}
	modules, err := modulesDir()
	if err != nil {
		return err
	}
	proxy, err := p.Fetch(ctx, filepath.Join(dir, "program"), modules)
	if err != nil {
		return err
	}
	archive, err := os.Create(filepath.Join(dir, "modules.zip"))
	if err != nil {
		return err
	}
	defer archive.Close()
	if err := packFolder(archive, proxy); err != nil {
		return err
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = w.Artifact(ctx, experiments.ProxyFile, "application/zip", archive)
	return err
}

// packFolder writes a zip archive of a folder. Nothing is compressed: modules are
// archives already.
func packFolder(w io.Writer, dir string) error {
	z := zip.NewWriter(w)
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		to, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return err
		}
		from, err := root.Open(name)
		if err != nil {
			return err
		}
		_, err = io.Copy(to, from)
		return errors.Join(err, from.Close())
	})
	return errors.Join(err, z.Close())
}

// useProxy lays out the modules that came with a run in dir, if any did, and
// returns the folder for Program.Proxy.
func useProxy(ctx context.Context, s *store.Store, id store.RunID, dir string) (string, error) {
	archive := filepath.Join(dir, "proxy.zip")
	err := copyOut(ctx, s, id, experiments.ProxyFile, archive)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	z, err := zip.OpenReader(archive)
	if err != nil {
		return "", fmt.Errorf("artifact %s: %w", experiments.ProxyFile, err)
	}
	defer z.Close()
	proxy := filepath.Join(dir, "proxy")
	return proxy, os.CopyFS(proxy, z)
}

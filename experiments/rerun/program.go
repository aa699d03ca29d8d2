package rerun

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/kernel"
	"github.com/assay-ml/assay/store"
)

// Program returns the program of a run as it was recorded.
func Program(ctx context.Context, s *store.Store, id store.RunID) (*kernel.Program, error) {
	p, _, err := program(ctx, s, id)
	return p, err
}

func program(ctx context.Context, s *store.Store, id store.RunID) (*kernel.Program, experiments.Snapshot, error) {
	snapshot, err := experiments.ReadSnapshot(ctx, s, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, snapshot, errors.New("it did not record its program: it was imported, is a test, ended at once, or is of an earlier assay")
	case err != nil:
		return nil, snapshot, err
	case snapshot.Format > experiments.SnapshotFormat:
		return nil, snapshot, errors.New("a newer assay recorded its program: update assay")
	case snapshot.Missing != "":
		return nil, snapshot, fmt.Errorf("its program was not recorded: %s", snapshot.Missing)
	}
	artifacts, err := s.Artifacts(ctx, id)
	if err != nil {
		return nil, snapshot, err
	}
	p := &kernel.Program{
		Package: snapshot.Package, Go: snapshot.Go, Settings: snapshot.Settings,
		Files: map[string][]byte{}, Modules: map[string]map[string][]byte{},
	}
	for _, a := range artifacts {
		name, isCode := strings.CutPrefix(a.Name, experiments.CodeDir)
		if !isCode || strings.HasPrefix(a.Name, experiments.ModulesDir) ||
			slices.Contains([]string{experiments.SnapshotFile, experiments.DiffFile, experiments.ProxyFile}, a.Name) {
			continue
		}
		if p.Files[name], err = content(ctx, s, id, a.Name); err != nil {
			return nil, snapshot, err
		}
	}
	for _, module := range snapshot.Local {
		archive, err := content(ctx, s, id, experiments.ModulesDir+module+".zip")
		if err != nil {
			return nil, snapshot, err
		}
		files, err := unpack(archive)
		if err != nil {
			return nil, snapshot, fmt.Errorf("the archive of module %s: %w", module, err)
		}
		if module == snapshot.Module {
			maps.Copy(p.Files, files)
		} else {
			p.Modules[module] = files
		}
	}
	if len(p.Files["go.mod"]) == 0 {
		return nil, snapshot, errors.New("its record of the program has no go.mod")
	}
	return p, snapshot, nil
}

// newer is a note on a program that may not be the one that ran, "" if it is.
func newer(snapshot experiments.Snapshot) string {
	if snapshot.Newer == "" {
		return ""
	}
	return fmt.Sprintf("%s changed after the program was built: what was recorded may not be what ran", snapshot.Newer)
}

// content reads an artifact whole, and checks it against its digest.
func content(ctx context.Context, s *store.Store, id store.RunID, name string) ([]byte, error) {
	f, a, err := s.OpenArtifact(ctx, id, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	if err := copyChecked(&b, f, a); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func unpack(archive []byte) (map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, entry := range z.File {
		f, err := entry.Open()
		if err != nil {
			return nil, err
		}
		files[entry.Name], err = io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// modulesDir is where the modules that were folders are laid out: outside of a
// rerun's own folder, so that the next one need not compile them again.
func modulesDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w", err)
	}
	return filepath.Join(cache, "assay", "modules"), nil
}

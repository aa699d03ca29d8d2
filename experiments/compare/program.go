package compare

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/store"
)

// programMost is the longest part of a program that is read to be compared.
const programMost = 8 << 20

// unread are parts of a snapshot that are not for people, or say again what others
// say.
var unread = []string{experiments.SnapshotFile, experiments.ProxyFile, experiments.DiffFile, experiments.CodeDir + "go.sum", experiments.CodeDir + "go.work.sum"}

// Programs compares the programs of two runs file by file: the main package,
// go.mod, and the packages of modules that were folders. What is the same is left
// out, and read only if it is packed.
func Programs(ctx context.Context, s *store.Store, first, second store.Run) ([]Diff, error) {
	was, err := programOf(ctx, s, first.ID)
	if err != nil {
		return nil, err
	}
	is, err := programOf(ctx, s, second.ID)
	if err != nil {
		return nil, err
	}
	if len(was) == 0 || len(is) == 0 {
		return nil, nil // a program that was not kept did not lose its files
	}
	names := maps.Clone(was)
	maps.Copy(names, is)
	var diffs []Diff
	add := func(name, from, to string) {
		if from != to {
			diffs = append(diffs, Diff{first.Name, second.Name, name, Texts(from, to)})
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(names), mainFirst) {
		if was[name] == is[name] {
			continue
		}
		from, err := contentOf(ctx, s, first.ID, name, was[name])
		if err != nil {
			return nil, err
		}
		to, err := contentOf(ctx, s, second.ID, name, is[name])
		if err != nil {
			return nil, err
		}
		if path.Ext(name) != ".zip" {
			add(strings.TrimPrefix(name, experiments.CodeDir), string(from), string(to))
			continue
		}
		module := strings.TrimSuffix(strings.TrimPrefix(name, experiments.ModulesDir), ".zip")
		before, err := unpack(from)
		if err != nil {
			return nil, fmt.Errorf("run %s: %s: %w", first.ID, name, err)
		}
		after, err := unpack(to)
		if err != nil {
			return nil, fmt.Errorf("run %s: %s: %w", second.ID, name, err)
		}
		files := maps.Clone(before)
		maps.Copy(files, after)
		for _, file := range slices.Sorted(maps.Keys(files)) {
			add(module+"/"+file, before[file], after[file])
		}
	}
	return diffs, nil
}

// mainFirst orders the files of a program as one reads them: the main package,
// go.mod, then the rest.
func mainFirst(a, b string) int {
	rank := func(name string) int {
		switch {
		case path.Ext(name) == ".go":
			return 0
		case path.Ext(name) == ".mod":
			return 1
		}
		return 2
	}
	if rank(a) != rank(b) {
		return rank(a) - rank(b)
	}
	return strings.Compare(a, b)
}

// programOf returns the digests of a run's program by the names of its artifacts.
func programOf(ctx context.Context, s *store.Store, id store.RunID) (map[string]store.Digest, error) {
	artifacts, err := s.Artifacts(ctx, id)
	if err != nil {
		return nil, err
	}
	files := map[string]store.Digest{}
	for _, a := range artifacts {
		if strings.HasPrefix(a.Name, experiments.CodeDir) && !slices.Contains(unread, a.Name) && a.Size <= programMost {
			files[a.Name] = a.Digest
		}
	}
	return files, nil
}

// contentOf reads an artifact, or nothing if the run has none: if digest is "".
func contentOf(ctx context.Context, s *store.Store, id store.RunID, name string, digest store.Digest) ([]byte, error) {
	if digest == "" {
		return nil, nil
	}
	content, _, err := s.OpenArtifact(ctx, id, name)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(content)
}

// unpack returns the text files of a zip archive.
func unpack(archive []byte) (map[string]string, error) {
	files := map[string]string{}
	if archive == nil {
		return files, nil
	}
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, err
	}
	for _, f := range z.File {
		if ext := path.Ext(f.Name); ext != ".go" && ext != ".mod" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(io.LimitReader(r, programMost))
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		files[f.Name] = string(content)
	}
	return files, nil
}

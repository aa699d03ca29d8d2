package rerun

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/home"
	"github.com/assay-ml/assay/store"
)

// dataFile is a file that a run read, and where this machine has it.
type dataFile struct {
	store.DataFile
	run   store.RunID // that read it
	use   string      // name of the data set
	inUse string      // its path from the folder that all files of the set share
	here  string      // where it is; "" if it is missing
	isNow string      // digest of what is there, if it changed
}

// digests remembers the sha256 of files that are looked at several times.
type digests map[string]string

func (d digests) of(file string) (string, error) {
	if sum, known := d[file]; known {
		return sum, nil
	}
	sum, err := experiments.FileDigest(file)
	if err == nil {
		d[file] = sum
	}
	return sum, err
}

// dataSets are the files of each data set that a run read, by name.
type dataSets map[string][]dataFile

// findData looks for the files that a run read, and those that its program had
// read before for other runs: where they were, or where they were for the runs
// that these repeat, then by content in the data folders and among the runs' own
// artifacts, from which they are copied into dir. A file that is nowhere, but of
// whose name there is one with other content, has changed.
func findData(ctx context.Context, s *store.Store, run store.Run, dir string, sums digests) (dataSets, error) {
	siblings, err := s.Siblings(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	siblings[max(1, run.Origin.Run)] = run.ID
	sets, places := dataSets{}, map[store.Digest][]string{}
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(siblings))) {
		if n > max(1, run.Origin.Run) {
			continue
		}
		sibling, err := s.Run(ctx, siblings[n])
		if err != nil {
			return nil, err
		}
		if err := sets.add(ctx, s, sibling); err != nil {
			return nil, err
		}
		if err := recordedPlaces(ctx, s, sibling, places); err != nil {
			return nil, err
		}
	}
	if err := sets.place(); err != nil {
		return nil, err
	}
	var missing []*dataFile
	for _, files := range sets {
		for i := range files {
			f := &files[i]
			for _, at := range places[f.Digest] {
				now, err := sums.of(at)
				if err == nil && now == string(f.Digest) {
					f.here, f.isNow = at, ""
					break
				}
				if err == nil && f.here == "" {
					f.here, f.isNow = at, now
				}
			}
			if f.here != "" && f.isNow == "" {
				continue
			}
			missing = append(missing, f)
		}
	}
	if len(missing) == 0 {
		return sets, nil
	}
	if err := searchFolders(missing, sums); err != nil {
		return nil, err
	}
	for _, f := range missing {
		if f.here == "" || f.isNow != "" {
			if err := fromArtifacts(ctx, s, f, dir); err != nil {
				return nil, err
			}
		}
	}
	return sets, nil
}

// add adds what a run read. Splits of a data set may be in the same files.
func (sets dataSets) add(ctx context.Context, s *store.Store, run store.Run) error {
	uses, err := s.DataUses(ctx, run.ID)
	if err != nil {
		return err
	}
	for _, use := range uses {
		for _, f := range use.Files {
			known := slices.ContainsFunc(sets[use.Name], func(other dataFile) bool { return other.Path == f.Path })
			if !known {
				sets[use.Name] = append(sets[use.Name], dataFile{DataFile: f, run: run.ID, use: use.Name})
			}
		}
	}
	return nil
}

// place says where in its data set each file is.
func (sets dataSets) place() error {
	for name, files := range sets {
		var all store.DataUse
		for _, f := range files {
			all.Files = append(all.Files, f.DataFile)
		}
		root := all.Folder()
		for i := range files {
			var err error
			if files[i].inUse, err = filepath.Rel(root, files[i].Path); err != nil {
				return fmt.Errorf("data %s: %w", name, err)
			}
		}
	}
	return nil
}

// recordedPlaces adds where a run, and those that it repeats, found what they
// read: a rerun reads links in a folder of its own, which is gone.
func recordedPlaces(ctx context.Context, s *store.Store, run store.Run, places map[store.Digest][]string) error {
	for {
		uses, err := s.DataUses(ctx, run.ID)
		if err != nil {
			return err
		}
		for _, use := range uses {
			for _, f := range use.Files {
				at := f.Path
				if !filepath.IsAbs(at) {
					at = filepath.Join(run.Origin.Dir, at)
				}
				if !slices.Contains(places[f.Digest], at) {
					places[f.Digest] = append(places[f.Digest], at)
				}
			}
		}
		before := cmp.Or(run.RerunOf, run.Parent)
		if before == "" || before >= run.ID { // a later one is a mistake, and may be a circle
			return nil
		}
		if run, err = s.Run(ctx, before); errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// searchFolders looks for files by content in the data folders.
func searchFolders(missing []*dataFile, sums digests) error {
	dirs, err := home.DataDirs()
	if err != nil {
		return err
	}
	sizes := map[int64]bool{}
	for _, f := range missing {
		sizes[f.Size] = true
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(at string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return nil // what cannot be read has not got it
			}
			info, err := entry.Info()
			if err != nil {
				return nil
			}
			namesake := slices.ContainsFunc(missing, func(f *dataFile) bool {
				return f.here == "" && filepath.Base(f.Path) == entry.Name()
			})
			if !namesake && !sizes[info.Size()] {
				return nil
			}
			now, err := sums.of(at)
			if err != nil {
				return nil
			}
			for _, f := range missing {
				switch {
				case now == string(f.Digest):
					f.here, f.isNow = at, ""
				case f.here == "" && filepath.Base(f.Path) == entry.Name():
					f.here, f.isNow = at, now
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("data folder %s: %w", dir, err)
		}
	}
	return nil
}

// fromArtifacts copies a file out of the store, if the run has it as an artifact:
// a bundle has.
func fromArtifacts(ctx context.Context, s *store.Store, f *dataFile, dir string) error {
	artifacts, err := s.Artifacts(ctx, f.run)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(artifacts, func(a store.Artifact) bool { return a.Digest == f.Digest })
	if i < 0 {
		return nil
	}
	if !filepath.IsLocal(string(f.Digest)) {
		return fmt.Errorf("data %s: %q is no sha256", f.use, f.Digest) // of a bundle that is up to no good
	}
	at := filepath.Join(dir, string(f.Digest))
	if err := copyOut(ctx, s, f.run, artifacts[i].Name, at); err != nil {
		return err
	}
	f.here, f.isNow = at, ""
	return nil
}

func copyOut(ctx context.Context, s *store.Store, id store.RunID, name, file string) error {
	r, a, err := s.OpenArtifact(ctx, id, name)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	w, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(copyChecked(w, r, a), w.Close())
}

// copyChecked copies an artifact and checks it against its digest.
func copyChecked(w io.Writer, r io.Reader, a store.Artifact) error {
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, sum), r); err != nil {
		return fmt.Errorf("artifact %s: %w", a.Name, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != string(a.Digest) {
		return fmt.Errorf("artifact %s: its content is damaged: run assay fsck", a.Name)
	}
	return nil
}

// replace makes the program read other files in the place of a data set: the
// file at, or those in the folder at that have the set's names.
func (sets dataSets) replace(name, at string) error {
	files, ok := sets[name]
	if !ok {
		return fmt.Errorf("the run read no data called %q, only %q", name, slices.Sorted(maps.Keys(sets)))
	}
	at, err := filepath.Abs(at)
	if err != nil {
		return err
	}
	info, err := os.Stat(at)
	if err != nil {
		return fmt.Errorf("data %s: %w", name, err)
	}
	if !info.IsDir() && len(files) != 1 {
		return fmt.Errorf("data %s has %d files: name a folder that holds them", name, len(files))
	}
	for i := range files {
		f := &files[i]
		f.here, f.isNow = at, ""
		if info.IsDir() {
			f.here = filepath.Join(at, f.inUse)
		}
		now, err := experiments.FileDigest(f.here)
		if err != nil {
			return fmt.Errorf("data %s: %w", name, err)
		}
		if now != string(f.Digest) {
			f.isNow = now
		}
	}
	return nil
}

// problems says which files are missing and which have changed, a sentence each.
func (sets dataSets) problems() (missing, changed []string) {
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		for _, f := range sets[name] {
			switch {
			case f.here == "":
				missing = append(missing, fmt.Sprintf("data %s: %s (sha256 %.16s) is not there and no file of that content is in the folders of ASSAY_DATA", name, f.Path, f.Digest))
			case f.isNow != "":
				changed = append(changed, fmt.Sprintf("data %s: %s has changed: its sha256 was %.16s, is %.16s", name, f.here, f.Digest, f.isNow))
			}
		}
	}
	return missing, changed
}

// link lays the files out below dir as links, and below work those that the
// program knows by a relative path. It returns the names by which the program
// may know what is elsewhere now, with the new ones.
func (sets dataSets) link(dir, work string) (moved map[string]string, err error) {
	moved = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		folder := filepath.Join(dir, strings.Map(func(r rune) rune {
			if strings.ContainsRune(`/\:`, r) {
				return '_'
			}
			return r
		}, name))
		for _, f := range sets[name] {
			at := filepath.Join(folder, f.inUse)
			if err := linkTo(f.here, at); err != nil {
				return nil, fmt.Errorf("data %s: %w", name, err)
			}
			if filepath.IsLocal(f.Path) {
				if err := linkTo(f.here, filepath.Join(work, f.Path)); err != nil {
					return nil, fmt.Errorf("data %s: %w", name, err)
				}
			} else if f.here != f.Path {
				moved[f.Path] = at
				for d, n := filepath.Dir(f.Path), filepath.Dir(f.inUse); ; d, n = filepath.Dir(d), path.Dir(n) {
					moved[d] = filepath.Join(folder, n)
					if n == "." {
						break
					}
				}
			}
		}
	}
	return moved, nil
}

func linkTo(file, at string) error {
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	return os.Symlink(file, at)
}

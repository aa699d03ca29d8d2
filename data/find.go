package data

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/assay-ml/assay/home"
)

// searchDepth is how many folders deep below a data folder files are looked for.
const searchDepth = 4

// Find returns the files of the set called name, from the first data folder
// that has them all, or else its Table: those of $ASSAY_DATA, then assay's own. Files are known
// by their names; what is in them is for the reader to check and, through
// their SHA256, for the run to record.
func Find(name string) ([]File, error) {
	set, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	dirs, err := home.DataDirs()
	if err != nil {
		return nil, err
	}
	names := [][]string{nil, {set.Table}}
	for _, file := range set.Files {
		names[0] = append(names[0], file.Name)
	}
	for _, dir := range dirs {
		for _, names := range names {
			paths, err := findIn(dir, names)
			if err != nil {
				return nil, err
			}
			if paths != nil {
				return Stat(paths...)
			}
		}
	}
	return nil, fmt.Errorf("data set %s is %w (looked in %s): run `assay data get %s`",
		name, ErrNotFound, strings.Join(dirs, ", "), name)
}

// findIn returns where dir has the files called names, nil if it lacks one.
func findIn(dir string, names []string) ([]string, error) {
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry.IsDir() {
			below, err := filepath.Rel(dir, path)
			if err == nil && strings.Count(below, string(filepath.Separator)) >= searchDepth {
				return fs.SkipDir
			}
			return nil
		}
		if found[entry.Name()] == "" {
			found[entry.Name()] = path
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	var paths []string
	for _, name := range names {
		if found[name] == "" {
			return nil, nil
		}
		paths = append(paths, found[name])
	}
	return paths, nil
}

// Stat returns the size and digest of files, for a run to record.
func Stat(paths ...string) ([]File, error) {
	files := make([]File, len(paths))
	for i, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		size, err := io.Copy(sum, f)
		f.Close()
		if err != nil {
			return nil, err
		}
		files[i] = File{Path: path, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}
	}
	return files, nil
}

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

// Find returns the files of the set called name, or else its Table, from the first
// data folder that has them: those of $ASSAY_DATA, then assay's own. Files are known
// by their names; what is in them is for the reader to check and, through their
// SHA256, for the run to record.
func Find(name string) ([]File, error) {
	set, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	dirs, err := home.DataDirs()
	if err != nil {
		return nil, err
	}
	choices := [][]string{nil}
	for _, file := range set.Files {
		choices[0] = append(choices[0], file.Name)
	}
	if set.Table != "" {
		choices = append(choices, []string{set.Table})
	}
	for _, dir := range dirs {
		there, err := filesBelow(dir)
		if err != nil {
			return nil, err
		}
		for _, names := range choices {
			if paths := pathsOf(there, names); paths != nil {
				return Stat(paths...)
			}
		}
	}
	return nil, fmt.Errorf("data set %s is %w (looked in %s): run `assay data get %s`",
		name, ErrNotFound, strings.Join(dirs, ", "), name)
}

// filesBelow returns where dir has files, by their names: the first of each. A
// folder that is not there has none.
func filesBelow(dir string) (map[string]string, error) {
	there := map[string]string{}
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
		if there[entry.Name()] == "" {
			there[entry.Name()] = path
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	return there, nil
}

// pathsOf returns where the files called names are, nil if one is not there.
func pathsOf(there map[string]string, names []string) []string {
	var paths []string
	for _, name := range names {
		if there[name] == "" {
			return nil
		}
		paths = append(paths, there[name])
	}
	return paths
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

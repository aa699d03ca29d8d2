// Package home knows where assay keeps things on this machine, and nothing
// else. One place reads the environment for it.
//
//	$ASSAY_HOME, or $XDG_DATA_HOME/assay, or ~/.local/share/assay (on macOS
//	~/Library/Application Support/assay)
//	├── assay.db      the tracker           $ASSAY_STORE names another
//	├── assets/       echarts for programs that were built without it
//	├── cache/        what package cache keeps
//	├── data/         downloaded data sets  $ASSAY_DATA lists folders searched first
//	└── plugins/      XLA plugins           $PJRT_PLUGIN_LIBRARY_PATH wins
package home

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Dir returns assay's data folder. It does not make it.
func Dir() (string, error) {
	if dir := os.Getenv("ASSAY_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "assay"), nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home folder (%w): set ASSAY_HOME to a folder for assay's data", err)
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(user, "Library", "Application Support", "assay"), nil
	case "windows":
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "assay"), nil
		}
	}
	return filepath.Join(user, ".local", "share", "assay"), nil
}

// Sub returns the folder or file called elem in assay's data folder.
func Sub(elem ...string) (string, error) {
	dir, err := Dir()
	if err != nil {
		return "", err
	}
	return filepath.Join(append([]string{dir}, elem...)...), nil
}

// Store returns the tracker's file: $ASSAY_STORE, or assay.db in the data folder.
func Store() (string, error) {
	if file := os.Getenv("ASSAY_STORE"); file != "" {
		return filepath.Abs(file)
	}
	return Sub("assay.db")
}

// DataDirs returns the folders in which data sets are looked for, in order:
// those of $ASSAY_DATA, then data in the data folder, where downloads go.
func DataDirs() ([]string, error) {
	own, err := Sub("data")
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, dir := range filepath.SplitList(os.Getenv("ASSAY_DATA")) {
		if dir == "" {
			continue
		}
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, fmt.Errorf("ASSAY_DATA: %w", err)
		}
		dirs = append(dirs, dir)
	}
	return append(dirs, own), nil
}

// DataFile returns where the first data folder that has one of paths keeps it, a
// file or folder, and of several in one folder the first of paths; "" if none has.
// Paths are below a data folder, with slashes.
func DataFile(paths ...string) (string, error) {
	dirs, err := DataDirs()
	if err != nil {
		return "", err
	}
	for _, dir := range dirs {
		for _, path := range paths {
			at := filepath.Join(dir, filepath.FromSlash(path))
			if _, err := os.Stat(at); err == nil {
				return at, nil
			}
		}
	}
	return "", nil
}

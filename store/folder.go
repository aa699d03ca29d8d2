package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writable makes the folder of a store, and says why it is no place for one.
func writable(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("its folder cannot be made, name another file with ASSAY_STORE: %w", err)
	}
	if name := networkFileSystem(dir); name != "" {
		return fmt.Errorf("its folder is on a network file system (%s), where SQLite's locks cannot be trusted: "+
			"keep the store on a local disk, name it with ASSAY_STORE", name)
	}
	for _, place := range []string{dir, path, liveDir(path)} {
		if err := mayWrite(place); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s cannot be written (%w): change its rights, or name another file with ASSAY_STORE", place, err)
		}
	}
	return nil
}

package store

import (
	"fmt"
	"os"
	"path/filepath"
)

// writable makes the folder of a store, and says why it is no place for one.
func writable(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("its folder: %w", err)
	}
	return nil
}

//go:build !unix

package store

import (
	"errors"
	"os"
)

// lock does nothing where files have no locks of this kind: there a run's
// process is looked up by its pid.
func lock(*os.File) error { return nil }

func isLocked(string) (bool, error) { return false, errors.ErrUnsupported }

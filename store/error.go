package store

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

var (
	// ErrNotFound is returned for a run, series or artifact that is not there.
	ErrNotFound = errors.New("not found")
	// ErrAmbiguous is returned for the beginning of several runs' ids.
	ErrAmbiguous = errors.New("it could be")
	// ErrEnded is returned by the methods of a Writer after End.
	ErrEnded = errors.New("the run has ended: use Resume to add to it")
	// ErrNewer is returned by Open for a file that a later assay wrote.
	ErrNewer = errors.New("the store was written by a newer assay: update assay, or name another file with ASSAY_STORE")
	// ErrReadOnly is returned by the methods that write, on a store from OpenReadOnly.
	ErrReadOnly = errors.New("the store is open for reading only")
)

// hint puts what a person can do after an error that has a known way out.
func hint(err error) error {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.SystemErrno == syscall.ENOSPC {
		e.Code = sqlite3.ErrFull // SQLite has another name for it when it maps a file
	}
	switch e.Code {
	case sqlite3.ErrFull:
		return fmt.Errorf("the disk is full, free some space: %w", err)
	case sqlite3.ErrNotADB:
		return fmt.Errorf("the file is not an assay store, name another with ASSAY_STORE: %w", err)
	case sqlite3.ErrCorrupt:
		return fmt.Errorf("the store is damaged, see assay fsck, or take a copy of assay backup: %w", err)
	case sqlite3.ErrReadonly:
		return fmt.Errorf("the store cannot be written, check the rights of its folder: %w", err)
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fmt.Errorf("another program has kept the store locked for long, look for one that hangs: %w", err)
	}
	return err
}

package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Migrations are applied in order of their number. One that has been released
// is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a SQLite file as ours ("ASAY"), for file(1) and for Open.
const applicationID = 0x41534159

// newest returns the version of the files that this package writes.
func newest() int {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	return len(names)
}

// migrate brings the file to the newest version. Processes that open a new file
// at the same time wait for each other.
func (s *Store) migrate() error {
	version, err := s.prepare()
	// Changing a file to WAL takes a lock that SQLite does not wait for.
	for deadline := time.Now().Add(30 * time.Second); isBusy(err) && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
		version, err = s.prepare()
	}
	if err != nil || version == newest() {
		return err
	}
	if version > 0 {
		if err := s.keepVersion(version); err != nil {
			return fmt.Errorf("backup before upgrading: %w", err)
		}
	}
	return s.transact(context.Background(), func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRow("pragma user_version").Scan(&version); err != nil {
			return err
		}
		for version < newest() {
			version++
			stmts, err := migrations.ReadFile(fmt.Sprintf("migrations/%04d.sql", version))
			if err != nil {
				return err
			}
			if _, err := tx.Exec(string(stmts)); err != nil {
				return fmt.Errorf("migration %d: %w", version, err)
			}
		}
		_, err := tx.Exec(fmt.Sprintf("pragma user_version = %d; pragma application_id = %d", version, applicationID))
		return err
	})
}

// prepare returns the version of the file, and puts it into the mode in which
// readers and a writer do not wait for each other. A file that is not ours stays
// as it is.
func (s *Store) prepare() (version int, err error) {
	if version, err = s.fileVersion(s.write); err == nil {
		_, err = s.write.Exec(`pragma auto_vacuum = incremental; pragma journal_mode = wal`)
	}
	return version, err
}

// keepVersion puts a copy of a file that is to be upgraded beside it.
func (s *Store) keepVersion(version int) error {
	part := fmt.Sprintf("%s.v%d.%d.part", s.path, version, os.Getpid())
	os.Remove(part)
	defer os.Remove(part)
	if _, err := s.write.Exec("vacuum into ?", part); err != nil {
		return err
	}
	now, err := s.fileVersion(s.write)
	if err != nil || now != version {
		return err // another process has upgraded the file, and kept it
	}
	return os.Rename(part, fmt.Sprintf("%s.v%d.backup", s.path, version))
}

// fileVersion returns the version of the file, 0 for one that is new.
func (s *Store) fileVersion(db *sql.DB) (int, error) {
	var version, id, tables int
	err := db.QueryRow(`select user_version, application_id, (select count(*) from sqlite_schema)
		from pragma_user_version, pragma_application_id`).Scan(&version, &id, &tables)
	switch {
	case err != nil:
		return 0, err
	case tables > 0 && id != applicationID:
		return 0, errors.New("this SQLite file is not an assay store, name another with ASSAY_STORE")
	case version > newest():
		return 0, ErrNewer
	}
	return version, nil
}

// checkVersion says whether a file that may not be written can be read.
func (s *Store) checkVersion() error {
	version, err := s.fileVersion(s.read)
	if err == nil && version < newest() {
		err = errors.New("an earlier assay wrote this store: open it once for writing to bring it up to date")
	}
	return err
}

func isBusy(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked)
}

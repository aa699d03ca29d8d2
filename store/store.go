package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Store is one store file, open. It is safe for concurrent use, and any number
// of processes can have the same file open.
type Store struct {
	path     string
	readOnly bool
	asIs     bool          // the file does not change
	write    *sql.DB       // one connection; its transactions begin immediate
	read     *sql.DB       // a pool
	scans    chan struct{} // of rowList, running

	remembered valueCache

	version struct {
		sync.Mutex
		conn  *sql.Conn // of its own: data_version is told for each connection
		seen  int64
		count int64
	}

	mu      sync.Mutex
	writers map[RunID]*Writer // of this process
	reaped  time.Time         // when reap last ran
}

// Open opens the store at path. It makes the file and its folder if they are
// not there, and brings a file of an earlier assay up to date, after a copy of
// it has been put beside it. It refuses a folder on the network, where SQLite's
// locks cannot be trusted, and a file of a later assay (ErrNewer).
func Open(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := writable(path); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	path = withoutLinks(path)
	s := &Store{path: path, writers: map[RunID]*Writer{}, scans: make(chan struct{}, runtime.GOMAXPROCS(0))}
	s.write = sql.OpenDB(connector{dsn(path, "_txlock=immediate", "_stmt_cache_size=64")})
	s.write.SetMaxOpenConns(1)
	if err := s.migrate(); err != nil {
		s.write.Close()
		return nil, fmt.Errorf("store %s: %w", path, hint(err))
	}
	s.read = sql.OpenDB(connector{dsn(path, "_query_only=true")})
	s.read.SetMaxIdleConns(8)
	return s, nil
}

// OpenReadOnly opens a store that is there already, and never writes to it. Of
// a run that is being written elsewhere it sees what has reached the file, which
// lags by less than a second; of one that was killed, what it logged in its last
// second stays in its journal until somebody looks who may write. A file that
// nobody writes, in a folder that may not be written, must stay as it is while it
// is open.
func OpenReadOnly(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, errors.Unwrap(err))
	}
	path = withoutLinks(path)
	s := &Store{path: path, readOnly: true, scans: make(chan struct{}, runtime.GOMAXPROCS(0))}
	// To read beside others SQLite makes two files beside the store. Where it
	// cannot, it reads a file of which it is told that nobody changes it.
	_, err = os.Stat(path + "-wal")
	s.asIs = errors.Is(err, fs.ErrNotExist) && mayWrite(filepath.Dir(path)) != nil
	s.read = sql.OpenDB(s.reader("_query_only=true"))
	s.read.SetMaxIdleConns(8)
	if err := s.checkVersion(); err != nil {
		s.read.Close()
		return nil, fmt.Errorf("store %s: %w", path, hint(err))
	}
	return s, nil
}

// OpenToRead opens a store that is there already: as Open does where it may be
// written, so that what killed runs left is brought in, else as OpenReadOnly.
func OpenToRead(path string) (*Store, error) {
	if _, err := os.Stat(path); err == nil {
		if s, err := Open(path); err == nil {
			return s, nil
		}
	}
	return OpenReadOnly(path)
}

// Path returns the absolute path of the store file.
func (s *Store) Path() string { return s.path }

// Close closes the store. Runs of this process that have not ended are killed,
// as if the process had gone: what they logged is kept, and they can be resumed.
func (s *Store) Close() error {
	s.mu.Lock()
	var open []*Writer
	for _, w := range s.writers {
		open = append(open, w)
	}
	s.mu.Unlock()
	var errs []error
	for _, w := range open {
		errs = append(errs, w.abandon())
	}
	s.version.Lock()
	if s.version.conn != nil {
		errs = append(errs, s.version.conn.Close())
	}
	s.version.Unlock()
	errs = append(errs, s.read.Close())
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	return errors.Join(errs...)
}

// Version returns a number that changes whenever any process has committed
// something to the file. It costs microseconds, so that a page can poll it.
func (s *Store) Version(ctx context.Context) (int64, error) {
	s.reap(ctx)
	s.version.Lock()
	defer s.version.Unlock()
	v := &s.version
	if v.conn == nil {
		conn, err := s.read.Conn(ctx)
		if err != nil {
			return 0, hint(err)
		}
		v.conn = conn
	}
	var seen int64
	if err := v.conn.QueryRowContext(ctx, "pragma data_version").Scan(&seen); err != nil {
		return 0, hint(err)
	}
	if seen != v.seen {
		v.seen = seen
		v.count++
	}
	return v.count, nil
}

// withoutLinks returns the one path of a file that may have several: processes
// must agree on where its journals are.
func withoutLinks(path string) string {
	if file, err := filepath.EvalSymlinks(path); err == nil {
		return file
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path)) // a file that is to be made
	}
	return path
}

// transact calls f in a write transaction.
func (s *Store) transact(ctx context.Context, f func(tx *sql.Tx) error) error {
	if s.readOnly {
		return ErrReadOnly
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return hint(err)
	}
	if err := f(tx); err != nil {
		tx.Rollback()
		return hint(err)
	}
	return hint(tx.Commit())
}

// execFound executes a statement. If it has changed no row it says ErrNotFound.
func execFound(tx *sql.Tx, query string, args ...any) error {
	result, err := tx.Exec(query, args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNotFound
}

// dsn returns the data source name for path. Pragmas go in it so that every
// connection of a pool has them.
func dsn(path string, options ...string) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	u.RawQuery = "_busy_timeout=30000&_foreign_keys=on&_synchronous=NORMAL&_cache_size=-16000"
	for _, option := range options {
		u.RawQuery += "&" + option
	}
	return u.String()
}

// reader opens connections that cannot write.
func (s *Store) reader(options ...string) connector {
	if s.asIs {
		options = append(options, "immutable=1")
	}
	return connector{dsn(s.path, append(options, "mode=ro")...)}
}

// connector opens connections that know our SQL functions, without registering
// a driver for the whole program.
type connector struct{ dsn string }

func (c connector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{ConnectHook: addFunctions} }

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.dsn) }

// micros returns t as the file keeps it; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

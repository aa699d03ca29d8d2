package experiments

import (
	"sync"

	"github.com/assay-ml/assay/home"
	"github.com/assay-ml/assay/store"
)

// sharedStore is the store that the runs of a program have open together. It is
// closed when nobody uses it, which leaves all that was recorded in the one
// file, without SQLite's log beside it.
type sharedStore struct {
	mu    sync.Mutex
	store *store.Store
	users int
}

var shared sharedStore

// acquire opens the store that ASSAY_STORE names, or assay.db in the user's data
// folder. The caller releases it.
func (s *sharedStore) acquire() (*store.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		file, err := home.Store()
		if err != nil {
			return nil, err
		}
		if s.store, err = store.Open(file); err != nil {
			return nil, err
		}
	}
	s.users++
	return s.store, nil
}

func (s *sharedStore) release() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	if s.users > 0 {
		return nil
	}
	return s.store.Close()
}

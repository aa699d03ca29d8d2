package web

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// look is how often the store is asked whether anything changed. It costs
	// microseconds, and a point is on a page within a second of being logged.
	look = 150 * time.Millisecond
	// beat keeps proxies and laptops from closing a stream in which nothing happens.
	beat = 20 * time.Second
)

// events is a stream of server-sent events: one called "change" whenever any
// process has written to the store. It says nothing of what changed; pages ask
// for themselves again and take over what differs, so there is one way in which
// a page is made.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	flush := http.NewResponseController(w).Flush
	w.Header().Set("Content-Type", "text/event-stream")
	ctx := r.Context()
	seen, err := s.store.Version(ctx)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	fmt.Fprintf(w, "retry: 1000\nevent: hello\ndata: %d\n\n", seen)
	if flush() != nil {
		return
	}
	reruns := s.reruns.seen()
	tick := time.NewTicker(look)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		version, err := s.store.Version(ctx)
		rerun := s.reruns.seen()
		switch {
		case err != nil:
			return // the browser comes back
		case version != seen || rerun != reruns:
			seen, reruns, last = version, rerun, time.Now()
			fmt.Fprintf(w, "event: change\ndata: %d\n\n", version)
		case time.Since(last) > beat:
			last = time.Now()
			fmt.Fprint(w, ": still here\n\n")
		default:
			continue
		}
		if flush() != nil {
			return
		}
	}
}

package tree

import (
	"context"
	"sync"
)

// progress counts trees as they are done, and remembers why to stop.
type progress struct {
	ctx     context.Context
	mu      sync.Mutex
	done    int
	planned int
	tell    func(done, planned int) error
	failed  error
}

func newProgress(ctx context.Context, planned int, tell func(done, planned int) error) *progress {
	return &progress{ctx: ctx, planned: planned, tell: tell}
}

func (p *progress) one() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if p.tell != nil && p.failed == nil {
		p.failed = p.tell(p.done, p.planned)
	}
}

func (p *progress) stopped() bool { return p.err() != nil }

func (p *progress) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil {
		p.failed = p.ctx.Err()
	}
	return p.failed
}

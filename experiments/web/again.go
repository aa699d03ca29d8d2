package web

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/assay-ml/assay/store"
)

// An Again runs a run again, with other values for some of its params if there
// are any, tells out what happens, and returns what came of it in a sentence.
type Again func(ctx context.Context, id store.RunID, params map[string]string, out io.Writer) (string, error)

// reruns are the runs that were run again from these pages, the last time of
// each. One at a time: two would take each other's processors, and so the time
// and perhaps the bits.
type reruns struct {
	mu      sync.Mutex
	of      map[store.RunID]*rerunning
	running *rerunning
	version int64 // changes whenever a page of reruns would
	ending  sync.WaitGroup
}

// rerunning is one of them.
type rerunning struct {
	Command string
	Output  string // its end
	Result  string // in a sentence; "" while it goes on
	Failed  bool
	cancel  context.CancelFunc
}

// outputMost is how much of the output of a rerun is kept, in bytes.
const outputMost = 64 << 10

// start starts to run a run again in the background, until ctx is done.
func (rs *reruns) start(ctx context.Context, again Again, id store.RunID, params map[string]string) error {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.running != nil {
		return badRequest("another run is being run again: wait for it, or stop it on its page")
	}
	ctx, cancel := context.WithCancel(ctx)
	one := &rerunning{Command: rerunCommand(id, params), cancel: cancel}
	if rs.of == nil {
		rs.of = map[store.RunID]*rerunning{}
	}
	rs.of[id], rs.running = one, one
	rs.version++
	rs.ending.Go(func() {
		defer cancel()
		result, err := again(ctx, id, params, rerunOutput{rs, one})
		rs.mu.Lock()
		defer rs.mu.Unlock()
		one.Result = result
		if err != nil {
			one.Result, one.Failed = sentence(err), true
		}
		rs.running = nil
		rs.version++
	})
	return nil
}

// stop ends the running of a run, if it goes on.
func (rs *reruns) stop(id store.RunID) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if one := rs.of[id]; one != nil {
		one.cancel()
	}
}

// last returns how the last rerun of a run goes, or nil if these pages started
// none.
func (rs *reruns) last(id store.RunID) *rerunning {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	one := rs.of[id]
	if one == nil {
		return nil
	}
	return &rerunning{Command: one.Command, Output: strings.ToValidUTF8(one.Output, "�"), Result: one.Result, Failed: one.Failed}
}

func (rs *reruns) seen() int64 {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.version
}

// rerunOutput is where a rerun writes to.
type rerunOutput struct {
	all *reruns
	one *rerunning
}

func (o rerunOutput) Write(b []byte) (int, error) {
	o.all.mu.Lock()
	defer o.all.mu.Unlock()
	text := o.one.Output + string(b)
	if over := len(text) - outputMost; over > 0 {
		text = text[over:]
		if _, rest, cut := strings.Cut(text, "\n"); cut {
			text = rest // from the beginning of a line
		}
	}
	o.one.Output = text
	o.all.version++
	return len(b), nil
}

// rerunCommand is what one would type to do the same.
func rerunCommand(id store.RunID, params map[string]string) string {
	command := "assay rerun " + string(id)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		command += " -p " + quoted(name+"="+params[name])
	}
	return command
}

// quoted writes an argument for a shell.
func quoted(arg string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("=._-/+:,", c)
	}
	if !strings.ContainsFunc(arg, func(c rune) bool { return !plain(c) }) {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// otherParams reads "name=value" a line.
func otherParams(text string) (map[string]string, error) {
	params := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, badRequest(fmt.Sprintf("%q is no param: write name=value, one a line", line))
		}
		params[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return params, nil
}

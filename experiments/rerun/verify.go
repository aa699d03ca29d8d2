package rerun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/home"
	"github.com/assay-ml/assay/store"
)

// Check is what Verify found, a sentence each.
type Check struct {
	Run     store.RunID `json:"run"`
	Missing []string    `json:"missing"` // that a rerun cannot do without
	Notes   []string    `json:"notes"`   // that may make its numbers differ
}

// Verify checks, without running it, that a run could be run again here: that the
// record of its program is whole, that its toolchain and modules can be had, that
// its data is on this machine as it was, and that its XLA plugin is. It changes
// nothing.
func Verify(ctx context.Context, s *store.Store, id store.RunID) (Check, error) {
	check := Check{Run: id, Missing: []string{}, Notes: []string{}}
	run, err := s.Run(ctx, id)
	if err != nil {
		return check, err
	}
	dir, err := os.MkdirTemp("", "assay-verify-")
	if err != nil {
		return check, err
	}
	defer os.RemoveAll(dir)
	missing := func(err error) { check.Missing = append(check.Missing, err.Error()) }

	if run.Status == store.Running {
		missing(errors.New("it is still running"))
		return check, nil
	}
	p, err := Program(ctx, s, id)
	if err != nil {
		missing(err)
		return check, nil
	}
	modules, err := modulesDir()
	if err != nil {
		return check, err
	}
	notes, err := p.Check(ctx, dir, modules)
	check.Notes = append(check.Notes, notes...)
	if err != nil {
		missing(err)
	}
	sets, err := findData(ctx, s, run, filepath.Join(dir, "found"))
	if err != nil {
		missing(err)
	}
	gone, changed := sets.problems()
	check.Missing = append(append(check.Missing, gone...), changed...)
	checkMachine(&check, run)
	return check, ctx.Err()
}

// checkMachine notes what of the machine is not as it was.
func checkMachine(check *Check, run store.Run) {
	note := func(format string, args ...any) { check.Notes = append(check.Notes, fmt.Sprintf(format, args...)) }
	if sum := run.Env["xla_plugin.sha256"]; sum != "" && !havePlugin(run.Env["xla_plugin"], sum) {
		note("the XLA plugin %s (sha256 %.16s) that it ran on is not among those of this machine", run.Env["xla_plugin"], sum)
	}
	for name, now := range map[string]string{"arch": runtime.GOARCH, "os": runtime.GOOS} {
		if was := run.Env[name]; was != "" && was != now {
			note("its %s was %s, this machine's is %s", name, was, now)
		}
	}
}

// havePlugin reports whether a plugin folder has a file of that name and content.
func havePlugin(name, sum string) bool {
	dirs := filepath.SplitList(os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"))
	if own, err := home.Sub("plugins"); err == nil {
		dirs = append(dirs, own)
	}
	if user, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(user, ".local", "lib", "go-xla"))
	}
	for _, dir := range append(dirs, "/usr/local/lib/go-xla") {
		if now, err := experiments.FileDigest(filepath.Join(dir, name)); err == nil && now == sum {
			return true
		}
	}
	return false
}

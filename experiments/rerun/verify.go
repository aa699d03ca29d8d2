package rerun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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

// Verify checks, without running them, that runs could be run again here: that
// the record of their programs is whole, that toolchain and modules can be had,
// that the data is on this machine as it was, and that the XLA plugin is. It
// changes nothing.
func Verify(ctx context.Context, s *store.Store, ids ...store.RunID) ([]Check, error) {
	modules, err := modulesDir()
	if err != nil {
		return nil, err
	}
	v := verifier{s: s, modules: modules, programs: map[string]built{}, sums: digests{}}
	checks := make([]Check, len(ids))
	for i, id := range ids {
		if checks[i], err = v.verify(ctx, id); err != nil {
			return nil, err
		}
	}
	return checks, nil
}

// verifier remembers what it found out: many runs have one program and one data
// set.
type verifier struct {
	s        *store.Store
	modules  string
	programs map[string]built // by the digests of their files
	sums     digests
}

// built is what Program.Check said.
type built struct {
	notes []string
	err   error
}

func (v *verifier) verify(ctx context.Context, id store.RunID) (Check, error) {
	check := Check{Run: id, Missing: []string{}, Notes: []string{}}
	run, err := v.s.Run(ctx, id)
	if err != nil {
		return check, err
	}
	missing := func(err error) { check.Missing = append(check.Missing, err.Error()) }
	if run.Status == store.Running {
		missing(errors.New("it is still running"))
		return check, nil
	}
	dir, err := os.MkdirTemp("", "assay-verify-")
	if err != nil {
		return check, err
	}
	defer os.RemoveAll(dir)
	b, err := v.program(ctx, id, dir)
	if err != nil {
		return check, err
	}
	check.Notes = append(check.Notes, b.notes...)
	if b.err != nil {
		missing(b.err)
	}
	sets, err := findData(ctx, v.s, run, filepath.Join(dir, "found"), v.sums)
	if err != nil {
		missing(err)
	}
	gone, changed := sets.problems()
	check.Missing = append(append(check.Missing, gone...), changed...)
	v.machine(&check, run)
	return check, ctx.Err()
}

// program checks the record of a program, and if it is a new one whether it
// could be built.
func (v *verifier) program(ctx context.Context, id store.RunID, dir string) (built, error) {
	p, snapshot, err := program(ctx, v.s, id)
	if err != nil {
		return built{err: err}, nil
	}
	artifacts, err := v.s.Artifacts(ctx, id)
	if err != nil {
		return built{}, err
	}
	key := ""
	for _, a := range artifacts {
		if strings.HasPrefix(a.Name, experiments.CodeDir) && a.Name != experiments.DiffFile {
			key += a.Name + " " + string(a.Digest) + "\n"
		}
	}
	if b, known := v.programs[key]; known {
		return b, nil
	}
	var b built
	if p.Proxy, b.err = useProxy(ctx, v.s, id, dir); b.err == nil {
		b.notes, b.err = p.Check(ctx, filepath.Join(dir, "program"), v.modules)
	}
	if note := newer(snapshot); note != "" {
		b.notes = append(b.notes, note)
	}
	v.programs[key] = b
	return b, nil
}

// machine notes what of the machine is not as it was.
func (v *verifier) machine(check *Check, run store.Run) {
	if sum := run.Env["xla_plugin.sha256"]; sum != "" && !v.havePlugin(run.Env["xla_plugin"], sum) {
		what := strings.TrimPrefix(run.Env["xla_plugin.version"]+", sha256 "+sum[:min(16, len(sum))], ", ")
		check.Notes = append(check.Notes, fmt.Sprintf("the XLA plugin %s (%s) that it ran on is not among those of this machine", run.Env["xla_plugin"], what))
	}
}

// havePlugin reports whether a plugin folder has a file of that name and content.
func (v *verifier) havePlugin(name, sum string) bool {
	dirs := filepath.SplitList(os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"))
	if own, err := home.Sub("plugins"); err == nil {
		dirs = append(dirs, own)
	}
	if user, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(user, ".local", "lib", "go-xla"))
	}
	for _, dir := range append(dirs, "/usr/local/lib/go-xla") {
		if now, err := v.sums.of(filepath.Join(dir, name)); err == nil && now == sum {
			return true
		}
	}
	return false
}

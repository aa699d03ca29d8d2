package rerun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/kernel"
)

// useToday puts today's code in the place of what was recorded, and keeps the
// params: the literals that the program declared of that name.
func (a *again) useToday(ctx context.Context, snapshot experiments.Snapshot) error {
	recorded := *a.program
	recorded.Files = maps.Clone(a.program.Files) // today's may be written into it
	names := slices.Collect(maps.Keys(a.run.Params))
	var roots map[string]string
	var err error
	if a.run.Origin.Cell == "" {
		roots, err = a.roots(ctx, snapshot)
	} else {
		var declared []string
		declared, roots, err = a.composeToday(ctx, snapshot)
		names = append(names, declared...)
	}
	if err != nil {
		return err
	}
	if err := usePackages(a.program, snapshot, roots); err != nil {
		return err
	}
	changed, err := a.program.AdoptParameters(&recorded, names)
	if len(changed) > 0 {
		a.say("today's code with the old values of %s", strings.Join(changed, ", "))
	}
	return err
}

// composeToday makes the program of the run's cell as the notebook has it now. It
// returns the notebook's parameters, and the folders of modules. A notebook that
// is gone leaves the cell as it was.
func (a *again) composeToday(ctx context.Context, snapshot experiments.Snapshot) (parameters []string, roots map[string]string, err error) {
	file := a.run.Origin.Notebook
	nb, err := kernel.ReadNotebook(file)
	if errors.Is(err, fs.ErrNotExist) {
		a.say("note: the notebook %s is not there: the cell stays as it was, and the packages that it imports are today's", file)
		roots, err := a.roots(ctx, snapshot)
		return nil, roots, err
	}
	if err != nil {
		return nil, nil, fmt.Errorf("today's code: %w", err)
	}
	params, err := nb.Parameters()
	if err != nil {
		return nil, nil, fmt.Errorf("today's code: %s: %w", file, err)
	}
	for _, p := range params {
		parameters = append(parameters, p.Name)
	}
	a.o.Workspace.Notebook, a.o.Workspace.Dir = file, filepath.Dir(file)
	today, roots, err := kernel.Compose(ctx, nb, a.run.Origin.Cell, a.o.Workspace)
	if err != nil {
		return nil, nil, fmt.Errorf("today's code: %s: %w", file, err)
	}
	today.Settings = a.program.Settings
	a.program = today
	for _, c := range nb.Cells {
		if c.ID == a.run.Origin.Cell {
			a.run.Origin.Source = c.Source
		}
	}
	return parameters, roots, nil
}

// roots returns where people work on the modules that were folders: a rerun's own
// are copies, so they are those of the first run.
func (a *again) roots(ctx context.Context, snapshot experiments.Snapshot) (map[string]string, error) {
	run := a.run
	for before := cmp.Or(run.RerunOf, run.Parent); before != "" && before < run.ID; before = cmp.Or(run.RerunOf, run.Parent) {
		var err error
		if run, err = a.s.Run(ctx, before); err != nil {
			return nil, fmt.Errorf("the run that it repeats: %w", err)
		}
		if snapshot, err = experiments.ReadSnapshot(ctx, a.s, run.ID); err != nil {
			return nil, err
		}
	}
	return snapshot.Roots, nil
}

// usePackages puts what the folders of p's modules hold now in the place of what
// was recorded. The main package of a cell is in no such folder, and stays.
func usePackages(p *kernel.Program, snapshot experiments.Snapshot, roots map[string]string) error {
	root, isThere := roots[snapshot.Module]
	if !isThere {
		var err error
		if root, err = os.MkdirTemp("", "assay-rerun-"); err != nil {
			return err
		}
		defer os.RemoveAll(root)
		for name, content := range p.Files {
			file := filepath.Join(root, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, content, 0o600)); err != nil {
				return err
			}
		}
	}
	modules, err := experiments.Packages(snapshot.Module, root, snapshot.Package, roots)
	if err != nil {
		return fmt.Errorf("today's code: %w", err)
	}
	if isThere {
		for _, name := range []string{"go.work", "go.work.sum"} {
			if content, ok := p.Files[name]; ok {
				modules[snapshot.Module][name] = content
			}
		}
		p.Files = modules[snapshot.Module]
	}
	delete(modules, snapshot.Module)
	p.Modules = modules
	return nil
}

package kernel

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/mod/modfile"
)

// Compose returns the program that a code cell of the notebook makes, with the
// declarations of the cells before it, without running any of them: a cell that
// uses values which those carry to it is an error. roots are the folders of the
// modules whose source is one, which Program.Modules does not have yet. The cell is
// named by its id, or its number among the code cells.
func Compose(ctx context.Context, nb *Notebook, cell string, w Workspace) (p *Program, roots map[string]string, err error) {
	before, cells, err := nb.span(cell, cell)
	if err != nil {
		return nil, nil, err
	}
	w.Env = append(slices.Clip(w.Env), "ASSAY_COMPOSE=1") // run.sh then starts nothing
	session, err := Start(ctx, w)
	if err != nil {
		return nil, nil, err
	}
	defer session.Close()
	for _, c := range before {
		if err := declare(ctx, session, c); err != nil {
			return nil, nil, err
		}
	}
	c := cells[0]
	source := shellLine.ReplaceAllString(c.Source, "")
	if err := session.Execute(ctx, Code{Source: source, CellID: c.ID, Silent: true}, func(Output) {}); err != nil {
		return nil, nil, fmt.Errorf("cell %s: %w", c.ID, err)
	}
	p = &Program{Package: ".", Files: map[string][]byte{}, Modules: map[string]map[string][]byte{}, Go: runtime.Version()}
	dir := session.gonb.Load().dir()
	for _, name := range []string{"go.mod", "go.sum", "main.go", importsFile, carryFile} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) && (name == importsFile || name == carryFile) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("cell %s: %w", c.ID, err)
		}
		p.Files[name] = content
	}
	mod, err := modfile.Parse("go.mod", p.Files["go.mod"], nil)
	if err != nil {
		return nil, nil, fmt.Errorf("cell %s: %w", c.ID, err)
	}
	roots = map[string]string{}
	for _, r := range mod.Replace {
		if r.New.Version == "" {
			roots[r.Old.Path] = r.New.Path
		}
	}
	return p, roots, nil
}

// AdoptParameters gives those parameters that names lists, and that both programs
// declare with one type, the values that they have in another program. It returns
// the names of those whose value that changed.
func (p *Program) AdoptParameters(other *Program, names []string) ([]string, error) {
	theirs, err := other.Parameters()
	if err != nil {
		return nil, err
	}
	byFile, err := p.parameters()
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		params := byFile[file]
		for i, own := range params {
			at := slices.IndexFunc(theirs, func(t Parameter) bool { return t.Name == own.Name && t.Type == own.Type })
			if at < 0 || !slices.Contains(names, own.Name) || theirs[at].Default == own.Default {
				continue
			}
			params[i].Default = theirs[at].Default
			changed = append(changed, own.Name)
		}
		p.Files[file] = []byte(rewriteParameters(string(p.Files[file]), params))
	}
	return changed, nil
}

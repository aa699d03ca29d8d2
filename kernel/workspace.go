package kernel

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// modulePath is the module whose packages cells import.
const modulePath = "github.com/assay-ml/assay"

// Workspace says what cells are built with. The versions of everything a cell
// imports are those of assay's own go.mod and go.sum, so that a notebook builds
// offline and the same way wherever this version of assay runs.
type Workspace struct {
	// SourceRoot is the folder of assay's source: cells import its packages.
	SourceRoot string
	// BinDir holds gonb, goimports and gopls.
	BinDir string
	// Assay is the program that answers %assay in a cell; "" is the running one.
	Assay string
	// Notebook is the notebook's file, which cells are told, if it is known.
	Notebook string
	// Dir is the folder in which cells run; "" is the current one.
	Dir string
	// Env is added to the environment of gonb and the cells: key=value.
	Env []string

	kernelID string // that Jupyter gave the kernel, by which gonb's widgets find it
}

// Check returns an error that says what is missing and how to get it.
func (w Workspace) Check() error {
	if _, err := os.Stat(filepath.Join(w.SourceRoot, "go.mod")); err != nil {
		return fmt.Errorf("assay's source is not in %q: cells need it to build (%w)", w.SourceRoot, err)
	}
	for _, name := range []string{"gonb", "goimports", "gopls"} {
		if _, err := exec.LookPath(filepath.Join(w.BinDir, name)); err != nil {
			return fmt.Errorf("%s is not in %q: run assay setup", name, w.BinDir)
		}
	}
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("the go command is not in PATH: install Go from https://go.dev/dl")
	}
	return nil
}

var (
	//go:embed go.sh
	goScript []byte
	//go:embed build.sh
	buildScript []byte
	//go:embed run.sh
	runScript []byte
)

// prepare lays out dir for one gonb process and returns its environment.
//
//	dir/
//	├── module/go.mod, go.sum     what each cell's module starts from
//	├── path/go                   go.sh: go as gonb calls it
//	├── path/goimports            the pinned one
//	├── path/gopls                nothing: gonb would start it, and leave it behind
//	├── build.sh, plans/          how it builds a cell's program
//	├── run.sh                    starts a cell's program
//	├── values/                   what package carry keeps
//	├── cell.env, cell.go         what that program is told; its cell's source
//	├── stdout, stderr, display   pipes from that program
//	└── tmp/gonb_…                gonb's own folder
func (w Workspace) prepare(ctx context.Context, dir string) ([]string, error) {
	if err := w.Check(); err != nil {
		return nil, err
	}
	for _, sub := range []string{"module", "path", "tmp", valuesFolder} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("workspace: %w", err)
		}
	}
	if err := w.writeModule(filepath.Join(dir, "module")); err != nil {
		return nil, fmt.Errorf("workspace: %w", err)
	}
	goTool, err := w.goTool(ctx)
	if err != nil {
		return nil, fmt.Errorf("workspace: %w", err)
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "path", "go"), goScript, 0o700),
		os.WriteFile(filepath.Join(dir, "build.sh"), buildScript, 0o600),
		os.WriteFile(filepath.Join(dir, "run.sh"), runScript, 0o700),
		os.WriteFile(filepath.Join(dir, "path", "gopls"), []byte("#!/bin/sh\n"), 0o700),
		os.Symlink(filepath.Join(w.BinDir, "goimports"), filepath.Join(dir, "path", "goimports")),
	)
	for _, pipe := range []string{"stdout", "stderr", "display"} {
		err = errors.Join(err, syscall.Mkfifo(filepath.Join(dir, pipe), 0o600))
	}
	if err != nil {
		return nil, fmt.Errorf("workspace: %w", err)
	}
	env := append(os.Environ(), w.Env...)
	return append(env,
		"PATH="+filepath.Join(dir, "path")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"TMPDIR="+filepath.Join(dir, "tmp"),
		"GOTOOLCHAIN=auto",
		"GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -mod=mod"), // a cell may import a module that assay does not pin
		"GOWORK=off",
		"ASSAY_GO="+goTool,
		"ASSAY_KERNEL="+dir,
		"ASSAY_SOURCE="+w.SourceRoot,
		"ASSAY_TMPDIR="+os.TempDir(),
		"ASSAY_NOTEBOOK="+w.Notebook,
	), nil
}

// goTool returns the go command of the toolchain that assay's go.mod asks for.
// Calling it saves each build the start of the go command in PATH, which would
// only hand over to it.
func (w Workspace) goTool(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "GOROOT")
	cmd.Dir = w.SourceRoot
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=auto", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return "", fmt.Errorf("go env: %s", strings.TrimSpace(string(exit.Stderr)))
		}
		return "", fmt.Errorf("go env: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "bin", "go"), nil
}

// replaceLine is a line of go.mod at which gonb v0.11.5 would look, for a second,
// through all folders of the module, those of node_modules too: it does not know
// blocks. The comment keeps the go command from making a line of the block.
var replaceLine = regexp.MustCompile(`(?m)^replace ([^(\n]+)$`)

// writeModule writes the go.mod and go.sum that cells start from: assay's own
// with its source in the place of a released version.
func (w Workspace) writeModule(dir string) error {
	root, err := filepath.Abs(w.SourceRoot)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	f, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return err
	}
	if f.Module == nil || f.Module.Mod.Path != modulePath {
		return fmt.Errorf("%s is not the source of %s", root, modulePath)
	}
	for _, tool := range f.Tool {
		if err := f.DropTool(tool.Path); err != nil {
			return err
		}
	}
	for _, r := range f.Replace {
		if r.New.Version == "" && !filepath.IsAbs(r.New.Path) {
			if err := f.AddReplace(r.Old.Path, r.Old.Version, filepath.Join(root, r.New.Path), ""); err != nil {
				return err
			}
		}
	}
	err = errors.Join(
		f.AddModuleStmt("cell"),
		f.AddRequire(modulePath, module.ZeroPseudoVersion("v0")),
		f.AddReplace(modulePath, "", root, ""),
	)
	if err != nil {
		return err
	}
	f.Cleanup()
	if data, err = f.Format(); err != nil {
		return err
	}
	data = replaceLine.ReplaceAll(data, []byte("replace (\n\t$1\n\t// gonb watches all below the folder of a single line\n)"))
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "go.mod"), data, 0o600),
		os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o600),
	)
}

// warmed are the packages that cells import.
var warmed = []string{
	modulePath + "/experiments/...",
	modulePath + "/gomlx_models/...",
	"github.com/janpfeifer/gonb/gonbui",
}

// Warm compiles what cells import, so that the first cell is as quick as the
// others. It reports whether anything had to be compiled.
func (w Workspace) Warm(ctx context.Context) (fresh bool, err error) {
	dir, err := os.MkdirTemp("", "assay-kernel-")
	if err != nil {
		return false, fmt.Errorf("workspace: %w", err)
	}
	defer os.RemoveAll(dir)
	env, err := w.prepare(ctx, dir)
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "path", "go"), append([]string{"build", "-v"}, warmed...)...)
	cmd.Dir = filepath.Join(dir, "module")
	cmd.Env = env
	out, err := cmd.CombinedOutput() // -v names what is compiled
	if err != nil {
		return false, fmt.Errorf("workspace: go build: %w\n%s", err, lastPart(string(out), 2000))
	}
	return len(out) > 0, nil
}

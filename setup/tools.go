package setup

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

// tool is a program of another module that notebooks need beside them.
type tool struct {
	name    string
	path    string // package path of its main
	module  string // that the package is in
	modfile string // in the source tree: pins the module by version, its .sum by hash
}

// gopls does not compile beside the x/tools version that the newest goimports
// pulls in, and neither may decide versions for assay: they have a module file
// of their own.
var (
	gonb      = tool{"gonb", "github.com/janpfeifer/gonb", "github.com/janpfeifer/gonb", "go.mod"}
	goimports = tool{"goimports", "golang.org/x/tools/cmd/goimports", "golang.org/x/tools", "tools.mod"}
	gopls     = tool{"gopls", "golang.org/x/tools/gopls", "golang.org/x/tools/gopls", "tools.mod"}
)

// Pinned returns the version of a module that assay and cells are built with.
func Pinned(root, module string) (string, error) {
	return required(filepath.Join(root, "go.mod"), module)
}

// pinned returns the version that the tool's module file asks for.
func (t tool) pinned(root string) (string, error) {
	return required(filepath.Join(root, t.modfile), t.module)
}

// required returns the version of a module that a module file asks for.
func required(file, module string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	mod, err := modfile.ParseLax(file, b, nil)
	if err != nil {
		return "", err
	}
	for _, r := range mod.Require {
		if r.Mod.Path == module {
			return r.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", file, module)
}

// built returns the version of the tool in the bin folder, or "".
func (t tool) built(root string) string {
	info, err := buildinfo.ReadFile(filepath.Join(root, "bin", t.name))
	if err != nil || info.Path != t.path || info.Main.Path != t.module {
		return ""
	}
	return info.Main.Version
}

// install builds the tool into the bin folder unless it is there already.
func (t tool) install(ctx context.Context, o Options) (string, error) {
	want, err := t.pinned(o.Root)
	if err != nil {
		return "", err
	}
	if t.built(o.Root) == want {
		return want, nil
	}
	if _, err := exec.LookPath("go"); err != nil {
		return "", errors.New("Go is not on the PATH: install it from https://go.dev/dl")
	}
	fmt.Fprintf(o.Out, "  … building %s %s\n", t.name, want)
	out, err := goCommand(ctx, o.Root, "build", "-modfile="+t.modfile, "-o", filepath.Join("bin", t.name), t.path).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s (go build %s needs the Go module proxy the first time)", lastLine(out), t.path)
	}
	return want, nil
}

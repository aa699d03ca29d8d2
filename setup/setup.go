// Package setup makes a machine ready for assay, and says what is not.
//
// Run builds the programs that notebooks need (gonb, goimports, gopls, pinned by
// go.mod and tools.mod), finds or fetches an XLA plugin, installs the Jupyter
// kernelspec and compiles what cells import, so that a user's first cell is
// quick. A second Run with nothing to do takes under two seconds.
//
// Doctor checks each part and tells what to do about those that are missing.
//
// Nothing here runs by itself: `assay setup` and `assay doctor` call it.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/modfile"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/home"
	"github.com/assay-ml/assay/kernel"
)

// module is the path of this module: the source tree that Root looks for.
const module = "github.com/assay-ml/assay"

// Options say what to set up.
type Options struct {
	Root string    // the source tree, see Root
	CUDA bool      // fetch the CUDA plugin too
	Out  io.Writer // told of each step
}

// Run sets up this machine. Each step says what it did; the first that fails
// ends the set-up with one sentence that tells the way out. Steps already done
// are kept, so Run can be called again.
func Run(ctx context.Context, o Options) error {
	steps := []struct {
		name string
		do   func(context.Context, Options) (string, error)
	}{
		{"gonb", gonb.install},
		{"goimports", goimports.install},
		{"gopls", gopls.install},
		{"XLA plugin (CPU)", cpuPlugin},
		{"XLA plugin (CUDA)", cudaPlugin},
		{"echarts", echarts},
		{"Jupyter kernel", kernelspec},
		{"notebook cells", warmCells},
	}
	for _, step := range steps {
		start := time.Now()
		result, err := step.do(ctx, o)
		if err != nil {
			fmt.Fprintf(o.Out, "  ✗ %s\n", step.name)
			return fmt.Errorf("%s: %w", step.name, err)
		}
		if result == "" {
			continue
		}
		if took := time.Since(start); took > time.Second {
			result += fmt.Sprintf(" (%s)", took.Round(100*time.Millisecond))
		}
		fmt.Fprintf(o.Out, "  ✓ %-18s %s\n", step.name, result)
	}
	return nil
}

// Root returns assay's source tree, in which cells find this module: the one
// that the running program was built in, or the one around the current folder.
func Root() (string, error) {
	var starts []string
	if exe, err := os.Executable(); err == nil {
		if exe, err = filepath.EvalSymlinks(exe); err == nil {
			starts = append(starts, filepath.Dir(exe))
		}
	}
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	for _, dir := range starts {
		for {
			if b, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && modfile.ModulePath(b) == module {
				return dir, nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return "", errors.New("assay's source tree is not around this program nor this folder: clone " + module + " and run `make build` there")
}

// Workspace returns the place in which notebook cells are built on this machine.
func Workspace(root string) kernel.Workspace {
	return kernel.Workspace{SourceRoot: root, BinDir: filepath.Join(root, "bin")}
}

func kernelspec(_ context.Context, o Options) (string, error) {
	dir, err := kernel.Install(filepath.Join(o.Root, "bin", "assay"))
	if err != nil {
		return "", err
	}
	return short(dir), nil
}

// warmCells compiles what cells import with the flags that cells are built with.
func warmCells(ctx context.Context, o Options) (string, error) {
	slow := time.AfterFunc(3*time.Second, func() {
		fmt.Fprintln(o.Out, "  … compiling what cells import; the first time takes a few minutes")
	})
	defer slow.Stop()
	fresh, err := Workspace(o.Root).Warm(ctx)
	if err != nil {
		return "", err
	}
	if fresh {
		return "compiled", nil
	}
	return "warm", nil
}

// echarts copies the script to the data folder, for programs that import this
// module from the module proxy, where the npm package's file cannot be.
func echarts(_ context.Context, _ Options) (string, error) {
	script, err := charts.Script()
	if err != nil {
		return "", err
	}
	file, err := home.Sub("assets", "echarts.min.js")
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(file); err == nil && info.Size() == int64(len(script)) {
		return short(file), nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	return short(file), writeFile(file, script)
}

// writeFile replaces file at once, so that no reader sees half of it.
func writeFile(file string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // after a rename there is nothing to remove
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// short writes the user's home folder as ~.
func short(path string) string {
	if user, err := os.UserHomeDir(); err == nil && strings.HasPrefix(path, user+string(filepath.Separator)) {
		return "~" + strings.TrimPrefix(path, user)
	}
	return path
}

// goCommand returns a go command that runs in the source tree with the toolchain go.mod asks for.
func goCommand(ctx context.Context, root string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=auto", "GOWORK=off")
	return cmd
}

// lastLine returns the last line of a command's output that says something: the
// one that names the cause.
func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

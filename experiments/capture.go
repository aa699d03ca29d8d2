package experiments

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/assay-ml/assay/store"
)

// What the kernel tells the programs of cells, in their environment.
const (
	envNotebook = "ASSAY_NOTEBOOK"    // path of the notebook
	envCellID   = "ASSAY_CELL_ID"     // nbformat's id of the cell
	envCell     = "ASSAY_CELL"        // its execution count
	envSource   = "ASSAY_CELL_SOURCE" // file that holds the cell's source
)

// origin says which code this program is.
func origin() store.Origin {
	o := store.Origin{
		Notebook: os.Getenv(envNotebook),
		Cell:     os.Getenv(envCellID),
		Args:     os.Args[1:],
	}
	o.Order, _ = strconv.Atoi(os.Getenv(envCell)) // 0 outside a notebook
	if file := os.Getenv(envSource); file != "" {
		if source, err := os.ReadFile(file); err == nil {
			o.Source = string(source)
		}
	}
	// Both fail only where the system hides them; the run is worth having without.
	o.Program, _ = os.Executable()
	o.Dir, _ = os.Getwd()
	return o
}

// environment says what the program runs on. Of the environment variables it
// takes only those that change numbers: others may hold secrets.
func environment() map[string]string {
	env := map[string]string{
		"go":   runtime.Version(),
		"os":   runtime.GOOS,
		"arch": runtime.GOARCH,
		"cpus": strconv.Itoa(runtime.NumCPU()),
		"cpu":  cpuModel(),
	}
	for _, name := range []string{"GOMLX_BACKEND", "XLA_FLAGS", "GOMAXPROCS", "GLIBC_TUNABLES", "PJRT_PLUGIN_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env[name] = value
		}
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return env
	}
	env["module"] = info.Main.Path
	for _, setting := range info.Settings {
		if strings.HasPrefix(setting.Key, "vcs.") {
			env[setting.Key] = setting.Value
		}
	}
	for _, dep := range info.Deps {
		switch dep.Path {
		case "github.com/assay-ml/assay", "github.com/gomlx/gomlx", "github.com/gomlx/go-xla", "github.com/gomlx/compute":
			env[filepath.Base(dep.Path)] = dep.Version
		}
	}
	return env
}

// cpuModel returns the processor's name, or "" where the system does not tell.
func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// captureCode keeps the program of a cell as gonb composed it, with its go.mod
// and go.sum: together they are all that is needed to build it again.
func captureCode(run *Run) error {
	dir := os.Getenv(protocol.GONB_TMP_DIR_ENV)
	if dir == "" {
		return nil
	}
	for _, name := range []string{"main.go", "go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("code of the cell: %w", err)
		}
		if _, err := run.writer.Artifact(context.WithoutCancel(run.ctx), "code/"+name, "text/plain; charset=utf-8", strings.NewReader(string(content))); err != nil {
			return fmt.Errorf("code of the cell: %w", err)
		}
	}
	return nil
}

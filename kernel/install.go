package kernel

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Name is the name under which Jupyter knows the kernel, and that notebooks name.
const Name = "assay"

// DisplayName is what Jupyter shows for it.
const DisplayName = "Go (assay)"

//go:embed logo.svg
var logo []byte

// Install writes the kernelspec that makes Jupyter start executable, an
// absolute path, as "Go (assay)", with env in its environment. It returns the
// kernelspec's folder and whether anything there had to change.
func Install(executable string, env map[string]string) (dir string, changed bool, err error) {
	if !filepath.IsAbs(executable) {
		return "", false, fmt.Errorf("kernelspec: %s is not an absolute path", executable)
	}
	data, err := jupyterDataDir()
	if err != nil {
		return "", false, fmt.Errorf("kernelspec: %w", err)
	}
	all := map[string]string{"GOTOOLCHAIN": "auto"}
	for key, value := range env {
		all[key] = value
	}
	spec, err := encodeJSON(map[string]any{
		"argv":           []string{executable, "kernel", "run", "--connection-file", "{connection_file}"},
		"display_name":   DisplayName,
		"language":       "go",
		"interrupt_mode": "message",
		"env":            all,
		"metadata":       map[string]any{"debugger": false},
	})
	if err != nil {
		return "", false, fmt.Errorf("kernelspec: %w", err)
	}
	dir = filepath.Join(data, "kernels", Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", false, fmt.Errorf("kernelspec: %w", err)
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{"kernel.json", append(spec, '\n')}, {"logo-svg.svg", logo}} {
		path := filepath.Join(dir, file.name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, file.data) {
			continue
		}
		if err := os.WriteFile(path, file.data, 0o644); err != nil {
			return "", false, fmt.Errorf("kernelspec: %w", err)
		}
		changed = true
	}
	return dir, changed, nil
}

// jupyterDataDir returns the folder in which Jupyter keeps what a user installs.
// https://docs.jupyter.org/en/latest/use/jupyter-directories.html
func jupyterDataDir() (string, error) {
	if dir := os.Getenv("JUPYTER_DATA_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Jupyter"), nil
	case "windows":
		return filepath.Join(os.Getenv("APPDATA"), "jupyter"), nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "jupyter"), nil
	}
	return filepath.Join(home, ".local", "share", "jupyter"), nil
}

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
// absolute path, as "Go (assay)". It returns the kernelspec's folder, and
// changes nothing there if there is nothing to change.
func Install(executable string) (dir string, err error) {
	if !filepath.IsAbs(executable) {
		return "", fmt.Errorf("kernelspec: %s is not an absolute path", executable)
	}
	spec, err := encodeJSON(map[string]any{
		"argv":           []string{executable, "kernel", "run", "--connection-file", "{connection_file}"},
		"display_name":   DisplayName,
		"language":       "go",
		"interrupt_mode": "message",
		"env":            map[string]string{"GOTOOLCHAIN": "auto"},
		"metadata":       map[string]bool{"debugger": false},
	})
	if err != nil {
		return "", fmt.Errorf("kernelspec: %w", err)
	}
	if dir, err = specDir(); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("kernelspec: %w", err)
	}
	for name, data := range map[string][]byte{"kernel.json": append(spec, '\n'), "logo-svg.svg": logo} {
		path := filepath.Join(dir, name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
			continue
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return "", fmt.Errorf("kernelspec: %w", err)
		}
	}
	return dir, nil
}

// Installed returns the kernelspec's folder and whether there is a kernelspec.
func Installed() (dir string, ok bool) {
	dir, err := specDir()
	if err != nil {
		return "", false
	}
	_, err = os.Stat(filepath.Join(dir, "kernel.json"))
	return dir, err == nil
}

func specDir() (string, error) {
	data, err := jupyterDataDir()
	if err != nil {
		return "", fmt.Errorf("kernelspec: %w", err)
	}
	return filepath.Join(data, "kernels", Name), nil
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

package peer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Python makes the Python environment called name with what the requirements
// file lists, or makes it anew if the list has changed, and returns its Python.
// It is run in the root of the repository.
func Python(name, requirements string) (python string, err error) {
	want, err := os.ReadFile(requirements)
	if err != nil {
		return "", fmt.Errorf("requirements of %s: %w", name, err)
	}
	venv, err := filepath.Abs(filepath.Join(".venv", "bench-"+name))
	if err != nil {
		return "", err
	}
	python = filepath.Join(venv, "bin", "python")
	stamp := filepath.Join(venv, "installed")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == string(want) {
		return python, nil
	}
	fmt.Fprintf(os.Stderr, "bench: installing %s …\n", name)
	for _, command := range [][]string{
		{"python3", "-m", "venv", venv},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
		}
	}
	return python, os.WriteFile(stamp, want, 0o644)
}

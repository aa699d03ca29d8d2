package kernel

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// jupyterPython returns a Python that has Jupyter's own programs, or skips.
func jupyterPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{os.Getenv("ASSAY_TEST_PYTHON"), filepath.Join("..", ".venv", "bin", "python"), "python3"} {
		if python != "" && exec.Command(python, "-c", "import jupyter_kernel_test, nbclient, nbformat").Run() == nil {
			if strings.ContainsRune(python, filepath.Separator) {
				python, _ = filepath.Abs(python)
			}
			return python
		}
	}
	t.Skip("no Python here has what requirements-test.txt lists")
	return ""
}

// jupyterEnv installs a kernelspec that starts this test program, and returns
// the environment in which Jupyter finds it.
func jupyterEnv(t *testing.T) []string {
	t.Helper()
	w := testWorkspace(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("JUPYTER_DATA_DIR", t.TempDir())
	if _, ok := Installed(); ok {
		t.Error("installed before Install")
	}
	dir, err := Install(exe)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := Installed(); !ok || got != dir {
		t.Errorf("Installed() = %s, %t, want %s", got, ok, dir)
	}
	return append(os.Environ(), "JUPYTER_RUNTIME_DIR="+t.TempDir(), "ASSAY_TEST_ROOT="+w.SourceRoot)
}

func TestInstall(t *testing.T) {
	jupyterEnv(t)
	file := filepath.Join(os.Getenv("JUPYTER_DATA_DIR"), "kernels", "assay", "kernel.json")
	var spec struct {
		Argv      []string `json:"argv"`
		Name      string   `json:"display_name"`
		Interrupt string   `json:"interrupt_mode"`
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	if strings.Join(spec.Argv[1:], " ") != "kernel run --connection-file {connection_file}" || spec.Name != "Go (assay)" || spec.Interrupt != "message" {
		t.Errorf("kernel.json: %s", data)
	}
	before, _ := os.Stat(file)
	if _, err := Install(spec.Argv[0]); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(file); !after.ModTime().Equal(before.ModTime()) {
		t.Error("installing again wrote the file again")
	}
	if _, err := Install("bin/assay"); err == nil {
		t.Error("Install took a relative path")
	}
}

func TestJupyterKernelTest(t *testing.T) {
	python := jupyterPython(t)
	cmd := exec.Command(python, "-m", "unittest", "test_kernel")
	cmd.Dir = "testdata"
	cmd.Env = append(jupyterEnv(t), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "skipped") {
		t.Errorf("%v\n%s", err, out)
	}
}

// nbclient, which nbconvert and papermill use, executes a notebook with the
// kernel, and nbformat finds what it and Execute write valid.
func TestNbclient(t *testing.T) {
	python := jupyterPython(t)
	file := filepath.Join(t.TempDir(), "n.ipynb")
	nb := testNotebook("x := 6\nfmt.Println(x * 7)", "1 + 1", "panic(\"boom\")")
	if err := nb.Write(file); err != nil {
		t.Fatal(err)
	}
	script := `
import sys, nbformat, nbclient
nb = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(nb)
try:
    nbclient.NotebookClient(nb, kernel_name="assay", timeout=60).execute()
except nbclient.exceptions.CellExecutionError as e:
    print(e.ename, e.evalue)
nbformat.validate(nb)
for cell in nb.cells:
    print(cell.execution_count, [o.output_type for o in cell.outputs])
`
	cmd := exec.Command(python, "-c", script, file)
	cmd.Env = jupyterEnv(t)
	out, err := cmd.CombinedOutput()
	want := "Panic boom\n1 ['stream']\n2 ['execute_result']\n3 ['error']\n"
	if err != nil || string(out) != want {
		t.Errorf("nbclient: %v\n%s\nwant %s", err, out, want)
	}
}

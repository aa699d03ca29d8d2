package fit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

func TestFlagsAreAddedWhereThePluginKnowsThem(t *testing.T) {
	var known strings.Builder
	known.WriteString(strings.Repeat("code", 300_000)) // the names lie beyond the first chunk
	for _, flag := range cpuFlags {
		name, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		known.WriteString("\x00" + name + "\x00" + value)
	}
	all := strings.Join(cpuFlags, " ")
	f := func(name, plugin, set, want string) {
		t.Helper()
		t.Setenv("XLA_FLAGS", set)
		file := filepath.Join(t.TempDir(), "plugin.so")
		if err := os.WriteFile(file, []byte(plugin), 0o644); err != nil {
			t.Fatal(err)
		}
		restore, err := addFlags(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := os.Getenv("XLA_FLAGS"); got != want {
			t.Errorf("%s: XLA_FLAGS is %q, want %q", name, got, want)
		}
		if err := restore(); err != nil || os.Getenv("XLA_FLAGS") != set {
			t.Errorf("%s: XLA_FLAGS is %q afterwards (%v), want %q", name, os.Getenv("XLA_FLAGS"), err, set)
		}
	}
	f("a plugin that knows them", known.String(), "", all)
	f("with flags of the user's", known.String(), "--xla_dump_to=x", "--xla_dump_to=x "+all)
	f("added once", known.String(), all, all)
	f("the user's word wins", known.String(), "--xla_cpu_experimental_onednn_custom_call=false",
		"--xla_cpu_experimental_onednn_custom_call=false "+strings.Join(cpuFlags[1:], " "))
	f("a file of flags", known.String(), "flags.txt", "flags.txt")
	f("fields, not flags", strings.ReplaceAll(known.String(), "\x00", "("), "", "")
	f("an older scheduler", strings.ReplaceAll(known.String(), "_MEMORY_", "_"), "", "")
	f("a plugin without", "code", "--xla_dump_to=x", "--xla_dump_to=x")
}

func TestKnowsFlagsAcrossChunks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plugin.so")
	for at := 1<<20 - 12; at <= 1<<20; at++ {
		if err := os.WriteFile(file, []byte(strings.Repeat("x", at)+"\x00xla_flag\x00"), 0o644); err != nil {
			t.Fatal(err)
		}
		if known, err := knowsFlags(file, []string{"--xla_flag=true"}); err != nil || !known {
			t.Errorf("name at %d: %v, %v; want true", at, known, err)
		}
	}
}

// The plugin reads the variable once, when its client is made: programs that are
// compiled later use what it held, although it has its old value again by then.
func TestFlagsActAfterTheVariableIsRestored(t *testing.T) {
	const variable, child = "XLA_FLAGS", "ASSAY_TEST_FLAGS_DUMP"
	file, err := findPlugin("cpu")
	if err != nil {
		t.Skip(err)
	}
	if known, err := knowsFlags(file, cpuFlags); err != nil || !known {
		t.Skipf("%s does not know the flags (%v)", file, err)
	}
	dump := os.Getenv(child)
	if dump == "" { // run this again in a process that has not loaded the plugin
		dump = t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), child+"="+dump, variable+"=--xla_dump_hlo_as_text --xla_dump_to="+dump)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	before := os.Getenv(variable)
	backend, err := newBackend("xla:" + file)
	if err != nil {
		t.Fatal(err)
	}
	if got := os.Getenv(variable); got != before {
		t.Errorf("%s is %q once the backend is open, want %q", variable, got, before)
	}
	for _, size := range []int{8, 16} {
		x, kernel := tensors.FromShape(shapes.Make(dtypes.Float32, 4, size, size, 8)), tensors.FromShape(shapes.Make(dtypes.Float32, 3, 3, 8, 16))
		convolve := func(x, kernel *graph.Node) *graph.Node { return graph.Convolve(x, kernel).Done() }
		if _, err := graph.CallOnce(backend, convolve, x, kernel); err != nil {
			t.Fatal(err)
		}
	}
	programs, _ := filepath.Glob(filepath.Join(dump, "*after_optimizations.txt")) // the pattern is good
	if len(programs) != 2 {
		t.Errorf("%d programs were compiled, want two", len(programs))
	}
	for _, program := range programs {
		if text, err := os.ReadFile(program); err != nil || !strings.Contains(string(text), "onednn") {
			t.Errorf("%s does not call oneDNN (%v)", filepath.Base(program), err)
		}
	}
}

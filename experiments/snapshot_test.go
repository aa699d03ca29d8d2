package experiments

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPackagesFollowsImports(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"main/go.mod":             "module example.org/main\n",
		"main/go.sum":             "",
		"main/cmd/a/main.go":      "package main\n\nimport (\n\t\"fmt\"\n\t\"example.org/main/used\"\n\t\"example.org/dep/sub\"\n)\n",
		"main/cmd/a/main_test.go": "package main\n",
		"main/cmd/b/main.go":      "package main\n",
		"main/used/used.go":       "package used\n\nimport \"embed\"\n\n//go:embed all:pages *.txt\nvar files embed.FS\n",
		"main/used/windows.go":    "//go:build windows\n\npackage used\n\nimport _ \"example.org/main/winonly\"\n",
		"main/used/a.txt":         "a",
		"main/used/secret.key":    "s",
		"main/used/pages/x/_y":    "y",
		"main/winonly/win.go":     "package winonly\n",
		"main/unused/unused.go":   "package unused\n",
		"dep/go.mod":              "module example.org/dep\n",
		"dep/sub/sub.go":          "package sub\n\n// #include \"sub.h\"\nimport \"C\"\n",
		"dep/sub/sub.h":           "",
		"dep/other/other.go":      "package other\n",
	})
	files, err := Packages("example.org/main", filepath.Join(dir, "main"), "cmd/a", map[string]string{"example.org/dep": filepath.Join(dir, "dep")})
	if err != nil {
		t.Fatal(err)
	}
	f := func(module, want string) {
		t.Helper()
		if got := strings.Join(slices.Sorted(maps.Keys(files[module])), " "); got != want {
			t.Errorf("of %s there are\n%s, want\n%s", module, got, want)
		}
	}
	f("example.org/main", "cmd/a/main.go go.mod go.sum used/a.txt used/pages/x/_y used/used.go used/windows.go winonly/win.go")
	f("example.org/dep", "go.mod sub/sub.go sub/sub.h")

	once, err := pack(files["example.org/main"])
	if err != nil {
		t.Fatal(err)
	}
	if twice, err := pack(maps.Clone(files["example.org/main"])); err != nil || string(once) != string(twice) {
		t.Errorf("the archives of the same files differ (%v): the store could not keep them once", err)
	}
}

func TestWorkspace(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GOWORK", "")
	writeFiles(t, dir, map[string]string{
		"go.work":          "go 1.27\n\nuse (\n\t./main\n\t./dep\n)\n",
		"go.work.sum":      "sums",
		"main/go.mod":      "module example.org/main\n",
		"dep/go.mod":       "module example.org/dep\n",
		"elsewhere/go.mod": "module example.org/elsewhere\n",
	})
	f := func(module, folder string, want ...string) {
		t.Helper()
		roots, code := map[string]string{}, map[string][]byte{}
		if err := workspace(localModule{module, filepath.Join(dir, folder)}, roots, code); err != nil {
			t.Fatal(err)
		}
		if got := slices.Concat(slices.Sorted(maps.Keys(roots)), slices.Sorted(maps.Keys(code))); !slices.Equal(got, want) {
			t.Errorf("of %s: %q, want %q", module, got, want)
		}
	}
	f("example.org/main", "main", "example.org/dep", "go.work", "go.work.sum")
	f("example.org/elsewhere", "elsewhere") // below the workspace, but no part of it
	t.Setenv("GOWORK", "off")
	f("example.org/main", "main")
}

// A program that was built before its source changed is not what is kept.
func TestNewerFile(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a.go": "package a\n"})
	files := map[string]map[string][]byte{"example.org/a": {"a.go": nil, "gone.go": nil}}
	file := filepath.Join(dir, "a.go")
	f := func(age time.Duration, want string) {
		t.Helper()
		at := time.Now().Add(-age)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
		if got := newerFile(files, map[string]string{"example.org/a": dir}); got != want {
			t.Errorf("a file that is %v old: %q is newer than the program, want %q", age, got, want)
		}
	}
	f(-time.Minute, file)
	f(24*365*time.Hour, "")
}

// BenchmarkSnapshot is what a run of the imaging tutorial does in the
// background: 18 ms of an AMD EPYC.
func BenchmarkSnapshot(b *testing.B) {
	root, err := filepath.Abs("..")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		files, err := Packages("github.com/assay-ml/assay", root, "gomlx_models/imaging", nil)
		if err != nil {
			b.Fatal(err)
		}
		ours, err := Packages("github.com/assay-ml/assay", root, "experiments", nil)
		if err != nil {
			b.Fatal(err)
		}
		maps.Copy(files["github.com/assay-ml/assay"], ours["github.com/assay-ml/assay"])
		if _, err := pack(files["github.com/assay-ml/assay"]); err != nil {
			b.Fatal(err)
		}
	}
}

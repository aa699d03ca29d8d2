package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/modfile"
)

// A program with the imports of one before is built by the compiler and the linker
// alone, and is the same; whenever that cannot be, the go command builds it.
func TestPlansOfBuilds(t *testing.T) {
	s := testSession(t)
	f := func(print, want string) {
		t.Helper()
		failed := want == ""
		got := execute(t, s, `import (
	"runtime/debug"

	"github.com/assay-ml/assay/home"
)
%%
if info, ok := debug.ReadBuildInfo(); ok {
	fmt.Println(len(info.Deps), info.Main.Path, home.Dir != nil, `+print+`)
}`)
		if (got.err != nil) != failed || got.stdout != want {
			t.Errorf("%s: %q, %v, want %q", print, got.stdout, got.err, want)
		}
	}
	plan := func() (file string, made time.Time) {
		t.Helper()
		files, _ := filepath.Glob(filepath.Join(s.dir, "plans", "*", "link"))
		newest := time.Time{}
		for _, name := range files {
			if info, err := os.Stat(name); err == nil && info.Size() > 0 && info.ModTime().After(newest) {
				file, newest = name, info.ModTime()
			}
		}
		if file == "" {
			t.Fatal("there is no plan")
		}
		return file, newest
	}
	f("1", "1 cell true 1\n")
	file, made := plan()
	f("2", "1 cell true 2\n")
	if again, _ := plan(); again != file {
		t.Errorf("a cell with the same imports has the plan %s, not %s", again, file)
	}
	f("missing", "")
	if _, now := plan(); !now.Equal(made) {
		t.Error("a cell that followed the plan has made it again")
	}

	// Assay's source is newer than the plan.
	old := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	f("3", "1 cell true 3\n")
	if _, now := plan(); !now.After(made) {
		t.Error("the plan was not made again")
	}

	// The cache of the go command has been cleaned.
	config := filepath.Join(filepath.Dir(file), "b001", "importcfg.link")
	content, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(string(content), "packagefile runtime=", "packagefile runtime=/none")), 0o600); err != nil {
		t.Fatal(err)
	}
	f("4", "1 cell true 4\n")
	f("5", "1 cell true 5\n")

	// Values are a part of the program, and change under the same plan.
	execute(t, s, "n := 7")
	for _, want := range []string{"8\n", "9\n", "10\n"} {
		if got := execute(t, s, "n++\nfmt.Println(n)"); got.err != nil || got.stdout != want {
			t.Errorf("a carried value: %q, %v, want %q", got.stdout, got.err, want)
		}
	}
}

// gonb would look through all folders below one that a line of go.mod names.
func TestFirstCellIsAsQuickAsOthers(t *testing.T) {
	s := testSession(t)
	for range 2 {
		if got := execute(t, s, "fmt.Println(home.Dir != nil)"); got.err != nil || got.stdout != "true\n" {
			t.Fatalf("the cell printed %q, %v", got.stdout, got.err)
		}
	}
	module, err := os.ReadFile(filepath.Join(s.gonb.Load().dir(), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if f, err := modfile.Parse("go.mod", module, nil); err != nil || len(f.Replace) == 0 || strings.Contains(string(module), "\nreplace "+modulePath) {
		t.Errorf("go.mod names a folder in a line: %v\n%s", err, module)
	}
	all, err := s.History()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("composing took %s in the first cell, and %s in the second", all[0].Compose, all[1].Compose)
}

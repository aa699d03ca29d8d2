package kernel

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program is a program of two packages, one of a module that was a folder.
func program() *Program {
	return &Program{
		Package: "cmd/show", Go: "go1.27.4",
		Settings: map[string]string{"-tags": "loud", "CGO_ENABLED": "0"},
		Files: map[string][]byte{
			"go.mod": []byte(`module example.org/show

go 1.27

require (
	example.org/dose v0.0.0-00010101000000-000000000000
	example.org/unused v0.0.0-00010101000000-000000000000
)

replace example.org/dose => /nowhere/dose

replace example.org/unused => ../unused
`),
			"cmd/show/main.go": []byte("package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.org/dose\"\n)\n\nvar grams = 2\n\nfunc main() {\n\tsite := \"ward\"\n\tfmt.Println(site, grams, dose.Unit, volume)\n}\n"),
			"cmd/show/loud.go": []byte("//go:build loud\n\npackage main\n\nconst volume = 11\n"),
		},
		Modules: map[string]map[string][]byte{"example.org/dose": {
			"go.mod":  []byte("module example.org/dose\n\ngo 1.27\n"),
			"dose.go": []byte("package dose\n\nconst Unit = \"g\"\n"),
		}},
	}
}

func TestProgramIsBuiltAnywhere(t *testing.T) {
	ctx := context.Background()
	p := program()
	modules := t.TempDir()
	build := func(want string) {
		t.Helper()
		file, notes, err := p.Build(ctx, t.TempDir(), modules)
		if err != nil || notes != nil {
			t.Fatalf("%v, notes %q", err, notes)
		}
		if out, err := exec.Command(file).Output(); err != nil || string(out) != want {
			t.Errorf("the program prints %q, %v; want %q", out, err, want)
		}
	}
	build("ward 2 g 11\n")

	// What others did to the folder of a module is put right.
	folder := filepath.Join(modules, treeDigest(p.Modules["example.org/dose"]))
	for name, content := range map[string]string{"dose.go": "package dose\n\nconst Unit = \"kg\"\n", "more.go": "package dose\n\nfunc init() { panic(1) }\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := filepath.Join(modules, "old")
	long := time.Now().Add(-unusedFor - time.Hour)
	if err := errors.Join(os.Mkdir(old, 0o700), os.Chtimes(old, long, long)); err != nil {
		t.Fatal(err)
	}
	build("ward 2 g 11\n")
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("a module that no program has used for long is still there: %v", err)
	}

	if err := p.SetParameters(map[string]string{"grams": "5", "site": "clinic", "volume": "3"}); err != nil {
		t.Fatal(err)
	}
	build("clinic 5 g 3\n")
	err := p.SetParameters(map[string]string{"grams": "many", "size": "3"})
	for _, want := range []string{`"many" is not of type int`, "no parameter size", "  grams int = 5"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("SetParameters: %v, lacks %q", err, want)
		}
	}
}

// A workspace's modules come along, although go.mod does not name them.
func TestProgramOfAWorkspace(t *testing.T) {
	p := program()
	p.Files["go.mod"] = []byte("module example.org/show\n\ngo 1.27\n")
	p.Files["go.work"] = []byte("go 1.27\n\nuse (\n\t./dose\n\t./show\n)\n")
	if notes, err := p.Check(context.Background(), t.TempDir(), t.TempDir()); err != nil || notes != nil {
		t.Errorf("%v, notes %q; want that it can be built", err, notes)
	}
}

func TestProgramThatCannotBeBuilt(t *testing.T) {
	f := func(name string, change func(*Program), note, want string) {
		t.Helper()
		p := program()
		change(p)
		_, notes, err := p.Build(context.Background(), t.TempDir(), t.TempDir())
		if !strings.Contains(strings.Join(notes, "; "), note) {
			t.Errorf("%s: notes %q lack %q", name, notes, note)
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: error %v, want one line with %q", name, err, want)
		}
	}
	f("another machine", func(p *Program) { p.Settings["GOOS"], p.Settings["GOARCH"] = "plan9", "mips" }, "it ran on plan9/mips, this machine is", "")
	f("an unknown toolchain", func(p *Program) { p.Go = "go1.99.77" }, "go1.99.77 that built it cannot be had", "")
	f("a mistake", func(p *Program) { p.Modules["example.org/dose"]["dose.go"] = []byte("package dose\n") }, "", "undefined: dose.Unit")
	f("a module that is nowhere", func(p *Program) {
		p.Files["cmd/show/main.go"] = []byte("package main\n\nimport _ \"nowhere.invalid/x\"\n\nfunc main() {}\n")
	}, "", "nowhere.invalid/x")
	f("a name that leads elsewhere", func(p *Program) { p.Files["../evil.go"] = nil }, "", "evil.go")
}

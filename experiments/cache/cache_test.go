package cache

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type film struct {
	Pixels []float64
	Label  string
}

var made int

func prepare() ([]film, error) {
	made++
	return []film{{[]float64{0.5, float64(made)}, "a"}}, nil
}

func TestGet(t *testing.T) {
	home := t.TempDir()
	t.Setenv("ASSAY_HOME", home)
	made = 0
	f := func(name string, inputs any, want float64) {
		t.Helper()
		films, err := Get(name, inputs, prepare)
		if err != nil || len(films) != 1 || films[0].Pixels[1] != want || films[0].Label != "a" {
			t.Errorf("%s of %v is %v, %v, want that of call %v", name, inputs, films, err, want)
		}
	}
	f("films", nil, 1)
	f("films", nil, 1)
	f("films", []any{"hand", 64}, 2) // other inputs
	f("films", []any{"hand", 64}, 2)
	f("other films", nil, 3)
	f("films", nil, 1)

	files, err := filepath.Glob(filepath.Join(home, "cache", "films-*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("the cache has %v, %v", files, err)
	}
	for _, file := range files { // a disk may be full, a program killed
		if err := os.Truncate(file, 60); err != nil {
			t.Fatal(err)
		}
	}
	f("films", nil, 4)
	f("films", nil, 4)

	old := time.Now().Add(-2 * unused)
	for _, file := range files {
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}
	f("new films", nil, 5) // which removes what nobody asked for
	if left, _ := filepath.Glob(filepath.Join(home, "cache", "films-*")); len(left) != 0 {
		t.Errorf("after two months the cache has %v", left)
	}

	t.Setenv("ASSAY_RERUN_OF", "k3f")
	f("new films", nil, 6) // a rerun proves that they can be made
}

func TestGetRefuses(t *testing.T) {
	t.Setenv("ASSAY_HOME", t.TempDir())
	f := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	size := 28
	_, err := Get("films", nil, func() (int, error) { return size, nil })
	f(err, "cache films: the function that makes it uses size of the function around it")
	if n, err := Get("films", size, func() (int, error) { return size, nil }); n != 28 || err != nil {
		t.Errorf("with inputs: %d, %v", n, err)
	}
	_, err = Get("films", nil, func() (int, error) { return 0, io.ErrUnexpectedEOF })
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an error of make: %v", err)
	}
	_, err = Get("reader", nil, func() (*strings.Reader, error) { return nil, nil })
	f(err, "cache reader: a *strings.Reader cannot be kept: the field s of strings.Reader is not exported")
	_, err = Get("films", Files(filepath.Join(t.TempDir(), "none")), prepare)
	f(err, "none: no such file")
	_, err = Get("films", []any{Files(filepath.Join(t.TempDir(), "none")), 3}, prepare)
	f(err, "none: no such file")
	_, err = Get("films", struct{ rate float64 }{0.1}, prepare)
	f(err, "cache films: its inputs: ")
	_, err = Get("films", make(chan int), prepare)
	f(err, "cache films: its inputs")
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a", "1")
	one := Files(dir)
	write("b", "2")
	two := Files(dir)
	write("a", "3")
	three := Files(dir)
	write("a", "1")
	if one == two || two == three || Files(dir) != two {
		t.Errorf("folders with other files have %v, %v, %v and %v", one, two, three, Files(dir))
	}
}

// What a function uses of its package changes its code, and nothing else does.
func TestCode(t *testing.T) {
	const program = `package main

const (
	a = iota
	width
)

type Film struct{ W int }

func (f Film) size() int { return f.W * scale }

var scale = 2

func open() []Film { return []Film{{width}} }

func unused() {}

func main() {
	n := 1
	run(func() int { return open()[0].size() })
	run(func() int { return n })
}

func run(f func() int) {}
`
	code := func(source string) string {
		t.Helper()
		dir := t.TempDir()
		file := filepath.Join(dir, "main.go")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := readPackage(dir)
		if err != nil {
			t.Fatal(err)
		}
		line := 1 + strings.Count(source[:strings.Index(source, "run(func() int { return open")], "\n")
		function, around := p.functionAt(file, line)
		if function == nil || around.Name.Name != "main" {
			t.Fatalf("line %d has the function %v in %v", line, function, around)
		}
		if captured := capturedBy(function, around); captured != nil {
			t.Errorf("it captures %v", captured)
		}
		used := map[string]string{}
		p.collect(function, used)
		text := p.text(function)
		for _, name := range []string{"open", "Film", "scale", "width", "size"} {
			text += "\n" + used[name]
		}
		if len(used["unused"]+used["run"]+used["main"]) > 0 {
			t.Errorf("it uses %v", used)
		}
		return text
	}
	was := code(program)
	for _, change := range []struct {
		from, to string
		matters  bool
	}{
		{"[0].size", "[1].size", true},
		{"{{width}}", "{{width}, {1}}", true},
		{"f.W * scale", "f.W", true},
		{"scale = 2", "scale = 3", true},
		{"\ta = iota", "\ta = iota + 1", true},
		{"W int", "W int64", true},
		{"func unused() {}", "func unused() { println() }\n\n// a comment", false},
		{"n := 1", "n := 2\n\t_ = n", false},
	} {
		changed := strings.Replace(program, change.from, change.to, 1)
		if changed == program {
			t.Fatalf("%s is not there", change.from)
		}
		if (code(changed) != was) != change.matters {
			t.Errorf("%s instead of %s: changes the code %t, want %t", change.to, change.from, !change.matters, change.matters)
		}
	}
}

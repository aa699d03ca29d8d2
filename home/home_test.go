package home

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("ASSAY_HOME", filepath.Join(dir, "assay"))
	t.Setenv("ASSAY_STORE", "")
	t.Setenv("ASSAY_DATA", "")
	f := func(name, got string, err error, want string) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
	file, err := Store()
	f("the store", file, err, filepath.Join(dir, "assay", "assay.db"))
	file, err = Sub("plugins", "x.so")
	f("a plugin", file, err, filepath.Join(dir, "assay", "plugins", "x.so"))

	t.Setenv("ASSAY_STORE", filepath.Join(dir, "other.db"))
	file, err = Store()
	f("the store that is named", file, err, filepath.Join(dir, "other.db"))

	// Empty entries of a list are none, rather than the current folder.
	t.Setenv("ASSAY_DATA", strings.Join([]string{dir, "", filepath.Join(dir, "b")}, string(os.PathListSeparator)))
	dirs, err := DataDirs()
	want := []string{dir, filepath.Join(dir, "b"), filepath.Join(dir, "assay", "data")}
	if err != nil || !reflect.DeepEqual(dirs, want) {
		t.Errorf("data folders are %q, %v; want %q", dirs, err, want)
	}
	films := filepath.Join(dir, "b", "image", "films")
	if err := os.MkdirAll(films, 0o755); err != nil {
		t.Fatal(err)
	}
	file, err = DataFile("image/films")
	f("a folder of films", file, err, films)
	other := filepath.Join(dir, "assay", "data", "films")
	if err := os.MkdirAll(other, 0o755); err != nil {
		t.Fatal(err)
	}
	file, err = DataFile("films", "image/films")
	f("the second of two paths, in an earlier folder", file, err, films)
	file, err = DataFile("films")
	f("what only the last folder has", file, err, other)
	file, err = DataFile("image/none")
	f("what is nowhere", file, err, "")
}

func TestDirFollowsTheDesktopStandard(t *testing.T) {
	// https://specifications.freedesktop.org/basedir-spec: a relative path is to be ignored.
	t.Setenv("ASSAY_HOME", "")
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	if got, err := Dir(); err != nil || got != filepath.Join(dir, "assay") {
		t.Errorf("Dir is %q, %v; want it below XDG_DATA_HOME", got, err)
	}
	t.Setenv("XDG_DATA_HOME", "relative")
	if got, err := Dir(); err != nil || !filepath.IsAbs(got) || strings.Contains(got, "relative") {
		t.Errorf("Dir is %q, %v; want XDG_DATA_HOME ignored", got, err)
	}
}

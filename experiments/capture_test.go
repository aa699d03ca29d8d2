package experiments

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-ml/assay/store"
)

func TestRepeats(t *testing.T) {
	f := func(list string, n int, want store.RunID) {
		t.Helper()
		t.Setenv(EnvRerunOf, list)
		if got := repeats(n); got != want {
			t.Errorf("with %q run %d repeats %q, want %q", list, n, got, want)
		}
	}
	f("", 1, "")
	f("kaaaaaaaaa", 1, "kaaaaaaaaa")
	f("kaaaaaaaaa", 7, "kaaaaaaaaa")
	f("1=kaaaaaaaaa,12=kbbbbbbbbb", 1, "kaaaaaaaaa")
	f("1=kaaaaaaaaa,12=kbbbbbbbbb", 12, "kbbbbbbbbb")
	f("1=kaaaaaaaaa,12=kbbbbbbbbb", 2, "")
}

// A program that looks for an earlier run finds, when it is run again, the one
// that it found at first.
func TestLatestAsOf(t *testing.T) {
	t.Setenv("ASSAY_STORE", filepath.Join(t.TempDir(), "assay.db"))
	ctx := context.Background()
	record := func(name string) time.Time {
		t.Helper()
		at := time.Now()
		if err := Track(ctx, "x", func(*Run) error { return nil }, Name(name)); err != nil {
			t.Fatal(err)
		}
		return at
	}
	record("first")
	second := record("second")
	record("third")
	for asOf, want := range map[string]string{"": "third", second.Format(time.RFC3339Nano): "first"} {
		t.Setenv(EnvAsOf, asOf)
		if past, err := Latest(ctx, "x"); err != nil || past.Name != want {
			t.Errorf("as of %q the latest is %v, %v; want %s", asOf, past, err, want)
		}
	}
}

// Backends set variables when they open; what the program was started with is the
// same before and after.
func TestEnvironmentIsThatOfTheStart(t *testing.T) {
	before := environment()
	t.Setenv("XLA_FLAGS", before["XLA_FLAGS"]+" --xla_of_a_backend=true")
	t.Setenv("GOMLX_BACKEND", "go")
	if after := environment(); !maps.Equal(before, after) {
		t.Errorf("the environment is %v once variables are set, was %v", after, before)
	}
}

func TestDescribeTree(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not on the PATH")
	}
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.org"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if insideGit(dir) {
		t.Skip("the folder for temporary files is in a git repository")
	}
	git("init", "--quiet", "--initial-branch=trunk")
	writeFiles(t, dir, map[string]string{"a.go": "package a\n", "b.ipynb": "{}\n", ".gitignore": "secret\n", "secret": "s\n"})
	git("add", ".")
	git("commit", "--quiet", "--message=first")
	f := func(modified string, want ...string) {
		t.Helper()
		facts := map[string]string{}
		diff := string(describeTree(context.Background(), dir, facts))
		if facts["git.branch"] != "trunk" || len(facts["git.commit"]) < 40 || facts["git.modified"] != modified {
			t.Errorf("facts are %v, want trunk, a commit, modified %s", facts, modified)
		}
		for _, w := range want {
			if !strings.Contains(diff, w) {
				t.Errorf("the diff lacks %q:\n%s", w, diff)
			}
		}
		if strings.Contains(diff, "ipynb") || len(want) == 0 && diff != "" {
			t.Errorf("the diff should have none of notebooks:\n%s", diff)
		}
	}
	f("false")
	writeFiles(t, dir, map[string]string{"b.ipynb": "{ }\n"})
	f("true")
	writeFiles(t, dir, map[string]string{"a.go": "package b\n"})
	f("true", "-package a", "+package b")
}

func TestRememberedDigest(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	file := filepath.Join(t.TempDir(), "plugin.so")
	f := func(content, want string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 { // computed, and remembered
			if got, err := rememberedDigest(file); err != nil || got != want {
				t.Errorf("the digest of %q is %s, %v; want %s", content, got, err, want)
			}
		}
	}
	// sha256sum of coreutils 9.1
	f("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
	f("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
}

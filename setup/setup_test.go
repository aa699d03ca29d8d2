package setup

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestToolsArePinned(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range []tool{gonb, goimports, gopls} {
		version, err := tool.pinned(root)
		if err != nil || !strings.HasPrefix(version, "v0.") {
			t.Errorf("%s is pinned at %q, %v; want a version", tool.name, version, err)
		}
		sums, err := os.ReadFile(filepath.Join(root, strings.TrimSuffix(tool.modfile, ".mod")+".sum"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(sums, []byte(tool.module+" "+version+" h1:")) {
			t.Errorf("%s %s has no hash in %s", tool.module, version, tool.modfile)
		}
	}
}

// writeWheel writes a wheel that holds one file, and returns its path.
func writeWheel(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.whl")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestUnpackChecksTheHash(t *testing.T) {
	sum := sha256.Sum256([]byte("plugin"))
	w := wheel{pkg: "some-plugin", member: ".so", memberSum: hex.EncodeToString(sum[:])}
	file := filepath.Join(t.TempDir(), "plugin.so")

	if err := w.unpack(writeWheel(t, "lib/other.so", "something else"), file); err == nil || !strings.Contains(err.Error(), "not the pinned") {
		t.Errorf("a plugin with another hash: error %v, want one that says so", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a plugin with another hash was installed")
	}
	if err := w.unpack(writeWheel(t, "README", "plugin"), file); err == nil || !strings.Contains(err.Error(), "holds no") {
		t.Errorf("a wheel without a plugin: error %v, want one that says so", err)
	}
	if err := w.unpack(writeWheel(t, "lib/plugin.so", "plugin"), file); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "plugin" {
		t.Errorf("unpacked %q, %v; want %q", got, err, "plugin")
	}
}

func TestReceiptNoticesChange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plugin.so")
	if err := os.WriteFile(file, []byte("plugin"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := checkReceipt(file); err == nil {
		t.Error("a plugin without a receipt passed")
	}
	said, err := keepReceipt(file, "test 1.0")
	if err != nil || !strings.Contains(said, "test 1.0, sha256 ") {
		t.Fatalf("keepReceipt said %q, %v", said, err)
	}
	if r, err := checkReceipt(file); err != nil || r.Source != "test 1.0" {
		t.Errorf("receipt of an unchanged plugin: %v, %v", r, err)
	}
	if err := os.WriteFile(file, []byte("plug-in"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := checkReceipt(file); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("receipt of a changed plugin: error %v, want one that says so", err)
	}
}

func TestChecksTellWhatToDo(t *testing.T) {
	var b strings.Builder
	missing := WriteChecks(&b, []Check{
		{Part: "Go", Found: "go1.27.4"},
		{Part: "C compiler", Found: "not found", Remedy: "install gcc"},
		{Part: "Jupyter", Found: "not found", Remedy: "optional: make lab", Optional: true},
	})
	if missing != 1 {
		t.Errorf("missing = %d, want 1: an optional part is not missing", missing)
	}
	want := "✓ Go          go1.27.4   \n✗ C compiler  not found  install gcc\n– Jupyter     not found  optional: make lab\n"
	if b.String() != want {
		t.Errorf("table:\n%swant:\n%s", b.String(), want)
	}
}

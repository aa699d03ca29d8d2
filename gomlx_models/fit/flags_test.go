package fit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
		if err := addFlags(file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := os.Getenv("XLA_FLAGS"); got != want {
			t.Errorf("%s: XLA_FLAGS is %q, want %q", name, got, want)
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

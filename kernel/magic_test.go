package kernel

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSplitWords(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		words, err := splitWords(line)
		got := strings.Join(words, "|")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q is split into %s, want %s", line, got, want)
		}
	}
	f("", "")
	f("  a  b ", "a|b")
	f(`--where 'metric.auc > 0.9' "x\"y" '' a\ b`, `--where|metric.auc > 0.9|x"y||a b`)
	f(`"open`, `a quote or backslash in "open does not end`)
}

func TestMagic(t *testing.T) {
	w := testWorkspace(t)
	w.Assay = filepath.Join(t.TempDir(), "assay")
	w.Env = []string{"ASSAY_STORE=/s.db"}
	script := `#!/bin/sh
case "$1" in
fail) echo "assay: no run has that id" >&2; exit 2 ;;
wait) echo waiting; sleep 100 ;;
*) echo "[$*] of $ASSAY_STORE" ;;
esac
`
	if err := os.WriteFile(w.Assay, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Start(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := func(source, want string) {
		t.Helper()
		if got := execute(t, s, source); got.err != nil || !strings.Contains(got.stdout, want) {
			t.Errorf("%s: %q, %v, want %q", source, got.stdout, got.err, want)
		}
	}
	f("%assay", "%assay compare RUN RUN…")
	f("%assay help\n", "%assay values")
	f("%assay runs", "[runs ls] of /s.db\n")
	f("%assay runs --limit 3\n\n%assay runs show 'k 3'", "[runs ls --limit 3] of /s.db\n[runs show k 3] of /s.db\n")
	f("%assay compare a b", "[compare a b] of /s.db\n")
	f("%assay time", "cell  status")

	fails := func(source, want string) {
		t.Helper()
		got := execute(t, s, source)
		if got.err == nil || got.err.Failure != CommandError || got.err.Message != want || got.outputs[len(got.outputs)-1].Type != "error" {
			t.Errorf("%s: %v, want %s", source, got.err, want)
		}
	}
	fails("%assay fail\n%assay runs", "assay: no run has that id")
	fails("%assay ui", "%assay ui: start the pages in a terminal: they serve until they are stopped")
	fails("%assay runs 'x", "a quote or backslash in %assay runs 'x does not end")

	var stopped time.Time
	err = s.Execute(context.Background(), Code{Source: "%assay wait"}, func(o Output) {
		if o.Text == "waiting\n" {
			stopped = time.Now()
			s.Interrupt()
		}
	})
	var failed *CellError
	if !errors.As(err, &failed) || failed.Failure != Interrupted || time.Since(stopped) > busy*time.Second {
		t.Errorf("an interrupt: %v after %s", err, time.Since(stopped))
	}
}

package store

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

var release = flag.Bool("release", false, "write testdata/vN.db, before a version of the file is released")

func TestWriteReleased(t *testing.T) {
	if !*release {
		t.Skip("-release is not set")
	}
	s := open(t)
	writeReleased(t, s)
	check(t, s.flush())
	content, err := os.ReadFile(s.Path())
	check(t, err)
	check(t, os.MkdirAll("testdata", 0o755))
	check(t, os.WriteFile(fmt.Sprintf("testdata/v%d.db", newest()), content, 0o644))
}

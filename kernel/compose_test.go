package kernel

import (
	"slices"
	"strings"
	"testing"
)

func TestAdoptParameters(t *testing.T) {
	old := &Program{Package: ".", Files: map[string][]byte{
		"main.go": []byte("package main\n\nvar (\n\trate = 0.5\n\tfile = \"a\"\n\twait = 2 * time.Second\n\tsize = 3\n\tseed = 1\n\tgone = true\n)\n"),
	}}
	p := &Program{Package: ".", Files: map[string][]byte{
		"main.go": []byte("package main\n\nvar (\n\trate = 0.25\n\tfile = \"b\"\n\twait = time.Minute\n\tsize = 4.5\n\tseed = 1\n\tfresh = 7\n)\n"),
	}}
	changed, err := p.AdoptParameters(old, []string{"wait", "rate", "size", "seed", "gone", "fresh"})
	if err != nil || !slices.Equal(changed, []string{"rate", "wait"}) {
		t.Errorf("%q changed, %v; want rate and wait", changed, err)
	}
	// file is none that was asked for, size has another type.
	const want = "rate = 0.5\n\tfile = \"b\"\n\twait = 2 * time.Second\n\tsize = 4.5\n\tseed = 1\n\tfresh = 7\n"
	if got := string(p.Files["main.go"]); !strings.Contains(got, want) {
		t.Errorf("the program is\n%s\nwant in it\n%s", got, want)
	}
}

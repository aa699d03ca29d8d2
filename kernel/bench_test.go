package kernel

import (
	"context"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkCell measures cells with a warm build cache, and the start of a
// session. Each cell differs from the one before, so that it is compiled.
func BenchmarkCell(b *testing.B) {
	w, err := findWorkspace()
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Check(); err != nil {
		b.Skip(err)
	}
	for _, bench := range []struct{ name, source string }{
		{"trivial", "fmt.Println(\"%d\")"},
		{"value", "x := %d\nfmt.Println(x)"},
		{"carried", "fmt.Println(n + %d)"},
		{"run", "import \"github.com/assay-ml/assay/experiments\"\n%%\nvar _ *experiments.Run\nfmt.Println(\"%d\")"},
		{"XLA", "import (\n\t\"github.com/gomlx/compute\"\n\t_ \"github.com/gomlx/gomlx/backends/default\"\n)\n%%\nvar _ compute.Backend\nfmt.Println(\"%d\")"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s, err := Start(context.Background(), w)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			if err := s.Execute(context.Background(), Code{Source: "n := 1"}, func(Output) {}); err != nil {
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				n++
				source := strings.ReplaceAll(bench.source, "%d", strconv.Itoa(n))
				if err := s.Execute(context.Background(), Code{Source: source}, func(Output) {}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			s, err := Start(context.Background(), w)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

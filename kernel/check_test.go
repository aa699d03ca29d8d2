package kernel

import (
	"fmt"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	f := func(stored, executed []Output, want ...string) {
		t.Helper()
		notebook := func(outputs []Output) *Notebook {
			nb := testNotebook("first", "second")
			nb.Cells[0].ID, nb.Cells[1].ID = "a", "b"
			nb.Cells[1].ExecutionCount, nb.Cells[1].Outputs = 2, outputs
			return nb
		}
		differences, compared := Compare(notebook(stored), notebook(executed), 1e-3)
		if compared != 1 { // the first has never been executed
			t.Errorf("compared %d cells, want 1", compared)
		}
		var got []string
		for _, d := range differences {
			got = append(got, d.String())
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%v and %v differ so:\n%s\nwant\n%s", stored, executed, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	out := func(text string) []Output { return []Output{Stream("stdout", text)} }
	text := func(a, b string, want ...string) { t.Helper(); f(out(a), out(b), want...) }

	text("auc 0.9412\n", "auc   0.9413\n")
	text("auc 0.9412\nn 624\n", "auc 0.9377\nn 625\n",
		"cell 2 (id b), output 1, line 1: 0.9377 instead of the stored 0.9412, a relative difference of 0.0037 where 0.001 is allowed",
		"cell 2 (id b), output 1, line 2: 625 instead of the stored 624, a relative difference of 0.0016 where 0.001 is allowed")
	text("[1,2,3,4]", "[1,2,3,5]", "cell 2 (id b), output 1, line 1: 5 instead of the stored 4, a relative difference of 0.2 where 0.001 is allowed")
	text("a b", "a c", `cell 2 (id b), output 1, line 1: "a c" instead of the stored "a b"`)
	text("1\n2", "1", "cell 2 (id b), output 1: 1 lines instead of the stored 2")
	text("NaN", "3", "cell 2 (id b), output 1, line 1: 3 instead of the stored NaN")
	text("NaN +Inf -1,234.5e3", "NaN +Inf −1,234.5e3")
	text("0", "1e-9", "cell 2 (id b), output 1, line 1: 1e-9 instead of the stored 0, a relative difference of 1 where 0.001 is allowed")
	text("took 3.2 s, 1m4s, 120 steps/s at 2026-01-02T03:04:05Z by run calm-heron-1 (b123456789) in /tmp/x1", "took 12 s, 2h4m, 9.5 steps/s at 2027-11-22 13:14 by run warm-finch-77 (b987654321) in /tmp/yy/z")
	text("0xc000012345", "0xc000999999")
	text("\x1b[31mred\x1b[0m", "red")
	text("loading 1\rloading 2\rdone\n", "done\n")
	f([]Output{Stream("stdout", "a"), Stream("stderr", "1"), Stream("stdout", "b")}, []Output{Stream("stderr", "2"), Stream("stdout", "ab")})
	f(out("a"), nil, "cell 2 (id b): 0 outputs instead of the stored 1")

	shown := func(pairs ...string) []Output {
		o := Output{Type: "display_data", Data: Object{}}
		for i := 0; i < len(pairs); i += 2 {
			o.Data[pairs[i]], _ = encodeJSON(pairs[i+1])
		}
		return []Output{withPlainText(o)}
	}
	f(shown("text/html", "<b>1</b>", "text/plain", "n 1"), shown("text/html", "<i>2</i>", "text/plain", "n 1"))
	f(shown("text/html", "<b>1</b>"), shown("text/html", "<b>2</b>"), "cell 2 (id b), output 1, line 1: 2 instead of the stored 1, a relative difference of 0.5 where 0.001 is allowed")
	f(shown("image/png", "AAAA"), shown("image/png", "AAAB"), "cell 2 (id b), output 1: the picture is another than the stored one")
	f(shown("image/png", "AAAA"), shown("image/png", "AAAA\n"))
	f(shown("text/plain", "1"), out("1"), "cell 2 (id b), output 1: stream instead of the stored display_data")
	f([]Output{{Type: "error", EName: "Panic", EValue: "boom"}}, []Output{{Type: "error", EName: "Panic", EValue: "bang"}},
		`cell 2 (id b), output 1, line 1: "Panic: bang" instead of the stored "Panic: boom"`)

	var many, none strings.Builder
	for i := range 30 {
		fmt.Fprintf(&many, "%d\n", i+1)
		fmt.Fprintf(&none, "%d\n", i+100)
	}
	differences, _ := Compare(&Notebook{Cells: []*Cell{{ID: "x", Type: "code", Outputs: out(many.String()), ExecutionCount: 1}}},
		&Notebook{Cells: []*Cell{{ID: "x", Type: "code", Outputs: out(none.String()), ExecutionCount: 1}}}, 0)
	if len(differences) != maxDifferences+1 || differences[maxDifferences].What != "and 20 more differences" {
		t.Errorf("thirty differences are told as %v", differences)
	}
}

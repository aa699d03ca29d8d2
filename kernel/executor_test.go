package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestExecute(t *testing.T) {
	nb := testNotebook(
		"const n = 2",
		"for i := range n {\n\tfmt.Println(i)\n}\nfmt.Printf(\"\\x1b_assay;{\\\"data\\\":{\\\"text/html\\\":\\\"<b>0</b>\\\"},\\\"transient\\\":{\\\"display_id\\\":\\\"d\\\"}}\\x1b\\\\\")",
		"",
		"fmt.Printf(\"\\x1b_assay;{\\\"data\\\":{\\\"text/html\\\":\\\"<b>1</b>\\\"},\\\"transient\\\":{\\\"display_id\\\":\\\"d\\\"},\\\"update\\\":true}\\x1b\\\\\")",
		"fmt.Println(\"before\")\n\nos.Exit(n)",
		"fmt.Println(\"never\")",
	)
	nb.Cells[0].Metadata["tags"] = json.RawMessage(`["parameters"]`)
	nb.Cells[5].Outputs = []Output{Stream("stdout", "old")}
	nb.Cells = append(nb.Cells, &Cell{ID: "m", Type: "markdown", Source: "# end", Metadata: Object{}})
	file := filepath.Join(t.TempDir(), "n.ipynb")
	saves, done := 0, 0
	err := Execute(context.Background(), nb, Options{
		Workspace:  testWorkspace(t),
		Parameters: map[string]string{"n": "3"},
		Progress: func(p Progress) {
			if p.Total != 5 {
				t.Errorf("progress: %+v, want 5 cells", p)
			}
			if p.Done {
				done++
			}
		},
		Save: func(nb *Notebook) error { saves++; return nb.Write(file) },
	})
	var cellErr *CellError
	if !errors.As(err, &cellErr) || cellErr.Failure != ExitError || cellErr.CellID != nb.Cells[4].ID || cellErr.Cell != 4 || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("Execute: %v, want exit status 3 in cell [4]", err)
	}
	if done != 4 || saves != 4 {
		t.Errorf("%d cells done, %d saves, want 4 each", done, saves)
	}
	validate(t, file)
	got, err := ReadNotebook(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.Cells[0].Source != "const n = 3" {
		t.Errorf("the parameters cell is %q", got.Cells[0].Source)
	}
	out := got.Cells[1].Outputs
	if len(out) != 2 || out[0].Text != "0\n1\n2\n" || !strings.Contains(string(out[1].Data["text/html"]), "<b>1</b>") {
		var texts []string
		for _, o := range out {
			texts = append(texts, o.Type, o.Text, string(o.Data["text/html"]))
		}
		t.Errorf("the second cell's outputs: %q", texts)
	}
	if out := got.Cells[4].Outputs; len(out) != 2 || out[0].Text != "before\n" || out[1].EName != "ExitError" {
		t.Errorf("the failing cell's outputs: %+v", out)
	}
	if c := got.Cells[5]; c.ExecutionCount != 0 || len(c.Outputs) != 0 {
		t.Errorf("a cell that was not reached has count %d and outputs %v", c.ExecutionCount, c.Outputs)
	}
	var timing map[string]time.Time
	if err := json.Unmarshal(got.Cells[1].Metadata["execution"], &timing); err != nil || !timing["iopub.execute_input"].Before(timing["shell.execute_reply"]) || len(timing) != 4 {
		t.Errorf("timing %v, %v", timing, err)
	}
}

func TestExecuteSpan(t *testing.T) {
	cells := func() *Notebook {
		nb := testNotebook(
			"!echo never\nfunc twice(n int) int { return 2 * n }\nfmt.Println(\"never\")",
			"os.Exit(1)",
			"fmt.Println(twice(21))",
			"panic(\"as said\")",
			"fmt.Println(\"last\")",
			"fmt.Println(\"never\")",
		)
		for i, c := range nb.Cells {
			c.ID = string(rune('a' + i))
			c.Outputs = []Output{Stream("stdout", "old")}
		}
		nb.Cells[3].Metadata["tags"] = json.RawMessage(`["raises-exception"]`)
		return nb
	}
	w := testWorkspace(t)
	nb := cells()
	if err := Execute(context.Background(), nb, Options{Workspace: w, From: "c", To: "5"}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"old", "old", "42\n", "Panic", "last\n", "old"} {
		if out := nb.Cells[i].Outputs; len(out) != 1 || out[0].Text+out[0].EName != want {
			t.Errorf("cell %d put out %+v, want %q", i+1, out, want)
		}
	}
	nb = testNotebook("x := 1", "fmt.Println(x)")
	err := Execute(context.Background(), nb, Options{Workspace: w, From: "2"})
	if err == nil || !strings.Contains(err.Error(), "undefined: x (a cell before, which was not executed, makes a value of this name: start there)") {
		t.Errorf("without the cell that makes a value: %v", err)
	}
	nb = testNotebook("import (\n\t_ \"no/such/package\"\n)", "fmt.Println(1)")
	nb.Cells[0].ID = "imports"
	err = Execute(context.Background(), nb, Options{Workspace: w, From: "2"})
	if err == nil || !strings.Contains(err.Error(), "the declarations of cell imports, which comes before: the cell (id imports), line 2: CompileError: ") {
		t.Errorf("a mistake in the cells before: %v", err)
	}
	f := func(from, to, want string) {
		t.Helper()
		err := Execute(context.Background(), cells(), Options{Workspace: w, From: from, To: to})
		var wrong NotStarted
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("from %q to %q: %v, want %q", from, to, err, want)
		}
	}
	f("7", "", "its number, 1 to 6, or by its id: a, b, c, d, e, f")
	f("", "z", "there is no code cell z")
	f("d", "c", "cell d comes after cell c")
}

func TestExecuteStops(t *testing.T) {
	w := testWorkspace(t)
	nb := testNotebook("fmt.Println(1)\ntime.Sleep(time.Hour)", "fmt.Println(2)")
	err := Execute(context.Background(), nb, Options{Workspace: w, Timeout: 2 * time.Second})
	if err == nil || !strings.Contains(err.Error(), "did not end within 2s") || !strings.Contains(err.Error(), "cell [1]") {
		t.Errorf("a timeout: %v", err)
	}
	if out := nb.Cells[0].Outputs; len(out) != 2 || out[0].Text != "1\n" || out[1].EName != "Interrupted" {
		t.Errorf("outputs of the cell that was stopped: %+v", out)
	}

	ctx, cancel := context.WithCancel(context.Background())
	err = Execute(ctx, nb, Options{Workspace: w, Output: func(_ *Cell, o Output) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := Execute(context.Background(), nb, Options{Workspace: w, Parameters: map[string]string{"a": "1"}}); err == nil {
		t.Error("a parameter that is not there was taken")
	}
	w.BinDir = t.TempDir()
	var not NotStarted
	if err := Execute(context.Background(), nb, Options{Workspace: w}); !errors.As(err, &not) || !strings.Contains(err.Error(), "run assay setup") {
		t.Errorf("without gonb: %v", err)
	}
}

package experiments

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-ml/assay/store"
)

func TestDoubts(t *testing.T) {
	notebook := func(cells string) []byte { // "a=1 b=2": ids and sources
		type metadata struct {
			Tags []string `json:"tags,omitempty"`
		}
		type cell struct {
			ID       string   `json:"id"`
			Type     string   `json:"cell_type"`
			Source   []string `json:"source"`
			Metadata metadata `json:"metadata"`
		}
		list := []cell{{"text", "markdown", []string{"# x\n", "y"}, metadata{}}}
		for c := range strings.FieldsSeq(cells) {
			id, source, _ := strings.Cut(c, "=")
			c := cell{id, "code", []string{source}, metadata{}}
			if id == "p" {
				c.Metadata.Tags = []string{"parameters"}
			}
			list = append(list, c)
		}
		b, err := json.Marshal(map[string]any{"cells": list})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	f := func(cells, executed, now string, want ...string) {
		t.Helper()
		h := History{Notebook: notebookCells(notebook(cells))}
		for i, c := range strings.Fields(executed) {
			id, source, _ := strings.Cut(c, "=")
			h.Executed = append(h.Executed, ExecutedCell{Order: i + 1, ID: id, Source: digest(source)})
		}
		var current []byte
		if now != "" {
			current = notebook(now)
		}
		if got := h.Doubts(current); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s executed as %s, now %s: doubts\n%s\nwant\n%s", cells, executed, now, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	f("a=1 b=2 c=3", "a=1 b=2", "")
	f("a=1 b=2 c=3", "a=1 b=0 a=1 b=2", "") // the last time counts
	f("a=1 b=2 c=3", "b=2 a=1 c=3", "", "[1], cell 2 of the notebook, was run before [2], cell 1")
	f("a=1 b=2 c=3", "c=3 a=1 b=2", "", "[1], cell 3 of the notebook, was run before [2], cell 1", "[1], cell 3 of the notebook, was run before [3], cell 2")
	f("a=1 b=2 c=3", "a=1 c=3", "", "cell 2 of the notebook, which comes before, was not run")
	f("a=1 b=2", "a=1 b=2", "a=9 b=2", "[1], cell 1 of the notebook, was edited after it was run")
	f("p=1 b=2", "p=9 b=2", "", "[1], cell 1 of the notebook, ran with other parameters than it has there")
	f("a=1 b=2", "a=1 b=2", "b=2", "[1] is not in the notebook any more")
	f("", "a=1", "")
	f("a=1", "", "")
}

func TestRunKeepsItsHistory(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	file := filepath.Join(dir, "assay.db")
	t.Setenv("ASSAY_STORE", file)
	t.Setenv(envHistory, write("history.jsonl", `{"cell":1,"id":"a","source_sha256":"`+digest("1")+`","status":"ok","build_ns":5}`+"\n"))
	t.Setenv(envNotebook, write("n.ipynb", `{"cells": [{"id": "a", "cell_type": "code", "source": "1"}, {"id": "b", "cell_type": "code", "source": ["2\n", "3"]}]}`))
	t.Setenv(envCell, "2")
	t.Setenv(envCellID, "b")
	t.Setenv(envSource, write("cell.go", "2\n3"))
	var id store.RunID
	err := Track(context.Background(), "history", func(run *Run) error { id = store.RunID(run.ID()); return nil })
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenReadOnly(file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h, err := CellHistory(context.Background(), s, id)
	if err != nil || len(h.Executed) != 2 || h.Executed[0].Build != 5 || h.Executed[1].ID != "b" || h.Executed[1].Order != 2 || len(h.Notebook) != 2 {
		t.Errorf("the history is %+v, %v", h, err)
	}
	if doubts := h.Doubts(nil); doubts != nil {
		t.Errorf("doubts: %v", doubts)
	}
}

package kernel

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asJupyterWrites is a notebook in the form in which nbformat 5.11 writes it,
// with fields and metadata that this package does not know.
const asJupyterWrites = `{
 "cells": [
  {
   "attachments": {
    "a.png": {
     "image/png": "AAAA"
    }
   },
   "cell_type": "markdown",
   "id": "intro",
   "metadata": {},
   "source": [
    "# Köpfe <b>&\n",
    "\n",
    "last line"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 3,
   "id": "a1-_Z",
   "metadata": {
    "collapsed": 1.0,
    "tags": [
     "parameters"
    ]
   },
   "outputs": [
    {
     "name": "stdout",
     "output_type": "stream",
     "text": [
      "one\n",
      "two"
     ]
    },
    {
     "data": {
      "application/vnd.x+json": {
       "z": 1e3,
       "a": 12345678901234567890
      },
      "image/png": "iVBORw0KGgo=\n",
      "text/html": [
       "<b>x</b>\n",
       "y"
      ]
     },
     "metadata": {},
     "output_type": "display_data"
    },
    {
     "data": {
      "text/plain": [
       "3"
      ]
     },
     "execution_count": 3,
     "metadata": {},
     "output_type": "execute_result"
    },
    {
     "ename": "Panic",
     "evalue": "boom",
     "output_type": "error",
     "traceback": [
      "\u001b[0;31mPanic\u001b[0m: boom"
     ]
    }
   ],
   "source": []
  },
  {
   "cell_type": "raw",
   "id": "r",
   "metadata": {},
   "source": [
    "raw"
   ]
  }
 ],
 "metadata": {
  "kernelspec": {
   "display_name": "Go (assay)",
   "language": "go",
   "name": "assay"
  },
  "x": null
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
`

func TestNotebookRoundTrip(t *testing.T) {
	nb, err := ParseNotebook([]byte(asJupyterWrites))
	if err != nil {
		t.Fatal(err)
	}
	got, err := nb.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != asJupyterWrites {
		t.Errorf("written again it is\n%s", got)
	}
	if nb.Cells[0].Source != "# Köpfe <b>&\n\nlast line" || !nb.Cells[1].Tagged("parameters") || nb.Cells[1].ExecutionCount != 3 {
		t.Errorf("read: %+v", nb.Cells[0])
	}
}

func TestParseNotebook(t *testing.T) {
	nb, err := ParseNotebook([]byte(`{"nbformat":4,"nbformat_minor":2,"metadata":{},"cells":[
		{"cell_type":"code","source":"x","metadata":{},"outputs":[],"execution_count":null},
		{"cell_type":"code","id":"same","source":["a\n","b"],"metadata":{}},
		{"cell_type":"markdown","id":"same","source":"m"},
		{"cell_type":"markdown","id":"not an id","source":"m"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range nb.Cells {
		if !cellID.MatchString(c.ID) || seen[c.ID] {
			t.Errorf("id %q", c.ID)
		}
		seen[c.ID] = true
	}
	if nb.Cells[0].Source != "x" || nb.Cells[1].Source != "a\nb" || nb.Cells[1].ID != "same" {
		t.Errorf("cells: %+v %+v", nb.Cells[0], nb.Cells[1])
	}
	f := func(data, want string) {
		t.Helper()
		if _, err := ParseNotebook([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseNotebook(%s): %v, want %q", data, err, want)
		}
	}
	f("", "not JSON")
	f("[]", "not a JSON object")
	f("null", "not a JSON object")
	f(`{"nbformat":3}`, "nbformat is 3")
	f(`{"nbformat":4,"cells":{}}`, "field cells")
	f(`{"nbformat":4,"cells":[1]}`, "cell 1")
	f(`{"nbformat":4,"cells":[{"cell_type":"heading"}]}`, "heading")
	f(`{"nbformat":4,"cells":[{"cell_type":"code","source":5}]}`, "field source")
	f(`{"nbformat":4,"cells":[{"cell_type":"code","source":"","outputs":[{"output_type":"x"}]}]}`, `"x"`)
}

func TestRecord(t *testing.T) {
	a, b := NewCell(""), NewCell("")
	nb := &Notebook{Cells: []*Cell{a, b}}
	show := func(kind, id, text string) Output {
		return Output{Type: kind, DisplayID: id, Data: Object{"text/plain": json.RawMessage(`"` + text + `"`)}}
	}
	for _, o := range []Output{
		Stream("stdout", "1\n"), Stream("stdout", "2\n"), Stream("stderr", "e"), Stream("stdout", "3"),
		show("display_data", "bar", "0%"), show("display_data", "", "other"),
	} {
		nb.record(a, o)
	}
	nb.record(b, show("display_data", "bar", "0%"))
	nb.record(b, show("update_display_data", "bar", "9%"))
	nb.record(b, show("update_display_data", "unknown", "9%"))
	var got []string
	for _, o := range append(a.Outputs, b.Outputs...) {
		got = append(got, o.Name+o.Text+string(o.Data["text/plain"]))
	}
	if want := `stdout1` + "\n2\n" + `|stderre|stdout3|"9%"|"other"|"9%"`; strings.Join(got, "|") != want {
		t.Errorf("outputs are %q, want %q", strings.Join(got, "|"), want)
	}
	nb.record(a, Output{Type: "clear_output", Wait: true})
	if len(a.Outputs) != 5 {
		t.Errorf("cleared at once: %v", a.Outputs)
	}
	nb.record(a, Stream("stdout", "new"))
	if len(a.Outputs) != 1 || a.Outputs[0].Text != "new" {
		t.Errorf("cleared: %v", a.Outputs)
	}
	nb.record(a, Output{Type: "clear_output"})
	if len(a.Outputs) != 0 {
		t.Errorf("cleared: %v", a.Outputs)
	}
}

func TestWriteKeepsModeAndLink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "n.ipynb"), filepath.Join(dir, "link.ipynb")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := testNotebook("1").Write(link); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := os.Readlink(link); err != nil {
		t.Error(err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".*")); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}

// testNotebook returns a notebook with code cells.
func testNotebook(sources ...string) *Notebook {
	nb := &Notebook{Metadata: Object{"kernelspec": json.RawMessage(`{"display_name":"Go (assay)","language":"go","name":"assay"}`)}}
	for _, s := range sources {
		nb.Cells = append(nb.Cells, NewCell(s))
	}
	return nb
}

// validate has nbformat check the notebook in file, where there is nbformat.
func validate(t *testing.T, file string) {
	t.Helper()
	for _, python := range []string{filepath.Join("..", ".venv", "bin", "python"), "python3"} {
		if exec.Command(python, "-c", "import nbformat").Run() == nil {
			out, err := exec.Command(python, "-W", "error", "-c", "import sys, nbformat; nbformat.validate(nbformat.read(sys.argv[1], as_version=nbformat.NO_CONVERT))", file).CombinedOutput()
			if err != nil {
				t.Errorf("nbformat: %v\n%s", err, out)
			}
			return
		}
	}
}

func FuzzParseNotebook(f *testing.F) {
	f.Add([]byte(asJupyterWrites))
	f.Add([]byte(`{"nbformat":4,"cells":[{"cell_type":"code","source":["a"],"outputs":[{"output_type":"stream","text":"x"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		nb, err := ParseNotebook(data)
		if err != nil {
			return
		}
		first, err := nb.Bytes()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := ParseNotebook(first)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, first)
		}
		second, err := again.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("written twice it is\n%s\nand\n%s", first, second)
		}
	})
}

package kernel

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Object is a JSON object whose values are kept as they were written.
type Object = map[string]json.RawMessage

// Notebook is a Jupyter notebook of format 4. What this package does not know
// of a file, it keeps: fields, metadata and outputs come back as they were
// read, in the form in which Jupyter writes them.
//
// https://nbformat.readthedocs.io/en/latest/format_description.html
type Notebook struct {
	Cells    []*Cell
	Metadata Object

	rest Object // other fields of the file
}

// Cell is one cell of a notebook.
type Cell struct {
	ID       string
	Type     string // "code", "markdown" or "raw"
	Source   string
	Metadata Object

	ExecutionCount int      // of a code cell; 0 if it was not executed
	Outputs        []Output // of a code cell

	clearNext bool // the next output replaces those before it
	rest      Object
}

var cellID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// ReadNotebook reads the notebook in file.
func ReadNotebook(file string) (*Notebook, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("notebook: %w", err)
	}
	nb, err := ParseNotebook(data)
	if err != nil {
		return nil, fmt.Errorf("notebook %s: %w", file, err)
	}
	return nb, nil
}

// ParseNotebook reads a notebook. It takes every minor version of format 4 and
// makes 4.5 of it: cells without an id, or with one that is malformed or taken,
// get a new one.
func ParseNotebook(data []byte) (*Notebook, error) {
	if !json.Valid(data) {
		return nil, errors.New("it is not JSON")
	}
	var f fields
	if err := json.Unmarshal(data, &f.object); err != nil || f.object == nil {
		return nil, errors.New("it is not a JSON object")
	}
	nb := &Notebook{}
	var format, minor int
	var cells []json.RawMessage
	f.take("nbformat", &format)
	f.take("nbformat_minor", &minor)
	f.take("metadata", &nb.Metadata)
	f.take("cells", &cells)
	if f.err != nil {
		return nil, f.err
	}
	if format != 4 {
		return nil, fmt.Errorf("its nbformat is %d, not 4: open it in Jupyter and save it again", format)
	}
	nb.rest = f.object
	if nb.Metadata == nil {
		nb.Metadata = Object{}
	}
	seen := map[string]bool{}
	for i, raw := range cells {
		c, err := parseCell(raw)
		if err != nil {
			return nil, fmt.Errorf("cell %d: %w", i+1, err)
		}
		if !cellID.MatchString(c.ID) || seen[c.ID] {
			c.ID = newCellID()
		}
		seen[c.ID] = true
		nb.Cells = append(nb.Cells, c)
	}
	return nb, nil
}

func parseCell(raw json.RawMessage) (*Cell, error) {
	var f fields
	if err := json.Unmarshal(raw, &f.object); err != nil || f.object == nil {
		return nil, errors.New("it is not a JSON object")
	}
	c := &Cell{}
	var source text
	f.take("id", &c.ID)
	f.take("cell_type", &c.Type)
	f.take("source", &source)
	f.take("metadata", &c.Metadata)
	c.Source = string(source)
	if c.Metadata == nil {
		c.Metadata = Object{}
	}
	if c.Type == "code" {
		f.take("execution_count", &c.ExecutionCount)
		f.take("outputs", &c.Outputs)
	}
	if f.err != nil {
		return nil, f.err
	}
	if c.Type != "code" && c.Type != "markdown" && c.Type != "raw" {
		return nil, fmt.Errorf("cell_type %q is none of code, markdown and raw", c.Type)
	}
	c.rest = f.object
	return c, nil
}

// Language returns the language of the notebook's cells as its metadata has it,
// "go" or "python", and "" if they do not say.
func (nb *Notebook) Language() string {
	var spec struct {
		Language string `json:"language"`
	}
	var info struct {
		Name string `json:"name"`
	}
	json.Unmarshal(nb.Metadata["kernelspec"], &spec) // what is not there, or not so, does not say
	json.Unmarshal(nb.Metadata["language_info"], &info)
	return cmp.Or(spec.Language, info.Name)
}

// NewCell returns a code cell with source.
func NewCell(source string) *Cell {
	return &Cell{ID: newCellID(), Type: "code", Source: source, Metadata: Object{}}
}

func newCellID() string {
	var b [4]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Tagged reports whether the cell has tag.
func (c *Cell) Tagged(tag string) bool {
	var tags []string
	return json.Unmarshal(c.Metadata["tags"], &tags) == nil && slices.Contains(tags, tag)
}

// setTiming records when a cell ran, where JupyterLab and its extensions for
// timing keep it.
func (c *Cell) setTiming(started, ended time.Time) {
	iso := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
	timing := map[string]string{
		"iopub.execute_input": iso(started),
		"iopub.status.busy":   iso(started),
		"iopub.status.idle":   iso(ended),
		"shell.execute_reply": iso(ended),
	}
	c.Metadata["execution"], _ = json.Marshal(timing) // strings always encode
}

// MarshalJSON writes the notebook as nbformat 4.5.
func (nb *Notebook) MarshalJSON() ([]byte, error) {
	f := fields{object: orEmpty(maps.Clone(nb.rest))}
	cells := nb.Cells
	if cells == nil {
		cells = []*Cell{}
	}
	f.put("nbformat", 4)
	f.put("nbformat_minor", 5)
	f.put("metadata", orEmpty(nb.Metadata))
	f.put("cells", cells)
	return f.encode()
}

// MarshalJSON writes the cell as nbformat 4.5.
func (c *Cell) MarshalJSON() ([]byte, error) {
	f := fields{object: orEmpty(maps.Clone(c.rest))}
	f.put("id", c.ID)
	f.put("cell_type", c.Type)
	f.put("source", text(c.Source))
	f.put("metadata", orEmpty(c.Metadata))
	if c.Type == "code" {
		f.put("execution_count", nil)
		if c.ExecutionCount > 0 {
			f.put("execution_count", c.ExecutionCount)
		}
		outputs := c.Outputs
		if outputs == nil {
			outputs = []Output{}
		}
		f.put("outputs", outputs)
	}
	return f.encode()
}

// Write replaces file by the notebook, at once: who reads it sees the old one
// or the new one.
func (nb *Notebook) Write(file string) error {
	data, err := nb.Bytes()
	if err != nil {
		return fmt.Errorf("notebook %s: %w", file, err)
	}
	return replaceFile(file, data)
}

// replaceFile replaces the content of a file of a notebook, at once.
func replaceFile(file string, data []byte) error {
	if dir, err := filepath.EvalSymlinks(file); err == nil {
		file = dir // a link stays a link
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("notebook %s: %w", file, err)
	}
	defer os.Remove(tmp.Name())
	mode := os.FileMode(0o644)
	if info, err := os.Stat(file); err == nil {
		mode = info.Mode().Perm()
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("notebook %s: %w", file, err)
	}
	return nil
}

// Bytes returns the notebook as Jupyter writes it: keys sorted, one space of
// indentation, a newline at the end.
func (nb *Notebook) Bytes() ([]byte, error) {
	compact, err := nb.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", " "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// text is a string that a notebook may hold whole or as a list of lines.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var lines []string
	if json.Unmarshal(data, &lines) == nil {
		*t = text(strings.Join(lines, ""))
		return nil
	}
	return json.Unmarshal(data, (*string)(t))
}

func (t text) MarshalJSON() ([]byte, error) {
	lines := slices.Collect(strings.Lines(string(t)))
	if lines == nil {
		lines = []string{}
	}
	return encodeJSON(lines)
}

// fields takes a JSON object apart and puts one together, keeping the first
// error.
type fields struct {
	object Object
	err    error
}

// take decodes the field called name into value and removes it. A field that
// is missing or null leaves value as it is.
func (f *fields) take(name string, value any) {
	if raw, ok := f.object[name]; ok && f.err == nil {
		if err := json.Unmarshal(raw, value); err != nil {
			f.err = fmt.Errorf("field %s: %w", name, err)
		}
	}
	delete(f.object, name)
}

func (f *fields) put(name string, value any) {
	raw, err := encodeJSON(value)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("field %s: %w", name, err)
	}
	f.object[name] = raw
}

func (f *fields) encode() ([]byte, error) {
	if f.err != nil {
		return nil, f.err
	}
	return encodeJSON(f.object)
}

func orEmpty(o Object) Object {
	if o == nil {
		return Object{}
	}
	return o
}

// encodeJSON is json.Marshal without the escapes for HTML, which Jupyter does
// not write either.
func encodeJSON(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

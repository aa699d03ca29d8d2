package export

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// Format is how the tables of an export are written.
type Format string

const (
	CSV     Format = "csv"
	JSONL   Format = "jsonl"   // one JSON object a line
	Parquet Format = "parquet" // compressed with zstd
)

// Formats are the formats there are.
var Formats = []Format{CSV, JSONL, Parquet}

func (f Format) check() error {
	if !slices.Contains(Formats, f) {
		return fmt.Errorf("format %q: it is csv, jsonl or parquet", f)
	}
	return nil
}

// tableWriter writes the rows of one table. Close ends the table.
type tableWriter[T any] interface {
	Write(rows []T) (int, error)
	Close() error
}

// tableReader reads as parquet.GenericReader does: rows may come with io.EOF.
type tableReader[T any] interface {
	Read(rows []T) (int, error)
	Close() error
}

func newTable[T any](f Format, w io.Writer) tableWriter[T] {
	switch f {
	case CSV:
		return newCSVWriter[T](w)
	case JSONL:
		return newJSONWriter[T](w)
	}
	const rowGroup = 1 << 20 // bounds the memory that writing takes
	return parquet.NewGenericWriter[T](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowGroup))
}

func openTable[T any](f Format, file *os.File) (tableReader[T], error) {
	switch f {
	case CSV:
		return newCSVReader[T](file)
	case JSONL:
		return &jsonReader[T]{r: bufio.NewReaderSize(file, 1<<16)}, nil
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	// OpenFile first: the reader's own way to say that a file is none is to panic.
	parsed, err := parquet.OpenFile(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("it is not a whole Parquet file: %w", err)
	}
	return parquet.NewGenericReader[T](parsed), nil
}

// CSV as RFC 4180 has it. Unlike encoding/csv's reader, ours keeps \r\n inside
// quotes, so that text comes back byte for byte.

type column struct {
	name string
	kind reflect.Kind
}

func columnsOf[T any]() []column {
	var columns []column
	t := reflect.TypeFor[T]()
	for i := range t.NumField() {
		columns = append(columns, column{t.Field(i).Tag.Get("json"), t.Field(i).Type.Kind()})
	}
	return columns
}

type csvWriter[T any] struct {
	w       *bufio.Writer
	columns []column
	line    []byte
}

func newCSVWriter[T any](w io.Writer) *csvWriter[T] {
	c := &csvWriter[T]{w: bufio.NewWriterSize(w, 1<<16), columns: columnsOf[T]()}
	for i, column := range c.columns {
		if i > 0 {
			c.w.WriteByte(',')
		}
		c.w.WriteString(column.name)
	}
	c.w.WriteByte('\n') // an error stays in the bufio.Writer and comes with the next rows
	return c
}

func (c *csvWriter[T]) Write(rows []T) (int, error) {
	all := reflect.ValueOf(rows)
	for i := range rows {
		row := all.Index(i)
		c.line = c.line[:0]
		for j, column := range c.columns {
			if j > 0 {
				c.line = append(c.line, ',')
			}
			cell := row.Field(j)
			switch column.kind {
			case reflect.Int64:
				c.line = strconv.AppendInt(c.line, cell.Int(), 10)
			case reflect.Float64:
				c.line = number(cell.Float()).append(c.line)
			case reflect.Bool:
				c.line = strconv.AppendBool(c.line, cell.Bool())
			default:
				c.line = appendCell(c.line, cell.String())
			}
		}
		if _, err := c.w.Write(append(c.line, '\n')); err != nil {
			return i, err
		}
	}
	return len(rows), nil
}

func (c *csvWriter[T]) Close() error { return c.w.Flush() }

func appendCell(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, "\",\r\n") && strings.TrimSpace(s) == s {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(s, `"`, `""`)...)
	return append(dst, '"')
}

type csvReader[T any] struct {
	r       *bufio.Reader
	columns []column
	at      []int // for each column, its place in a line
	line    int
	cells   []string
	cell    []byte
}

func newCSVReader[T any](r io.Reader) (*csvReader[T], error) {
	c := &csvReader[T]{r: bufio.NewReaderSize(r, 1<<16), columns: columnsOf[T]()}
	if err := c.next(); err != nil && err != io.EOF {
		return nil, err
	}
	if len(c.cells) > 0 {
		c.cells[0] = strings.TrimPrefix(c.cells[0], "\ufeff") // spreadsheets write a byte order mark
	}
	for _, column := range c.columns {
		at := slices.Index(c.cells, column.name)
		if at < 0 {
			return nil, fmt.Errorf("it has no column %s", column.name)
		}
		c.at = append(c.at, at)
	}
	return c, nil
}

func (c *csvReader[T]) Read(rows []T) (int, error) {
	all := reflect.ValueOf(rows)
	for i := range rows {
		if err := c.next(); err != nil {
			return i, err
		}
		row := all.Index(i)
		for j, column := range c.columns {
			if c.at[j] >= len(c.cells) {
				return i, fmt.Errorf("line %d has %d cells and none for %s", c.line, len(c.cells), column.name)
			}
			if err := setCell(row.Field(j), column.kind, c.cells[c.at[j]]); err != nil {
				return i, fmt.Errorf("line %d: %s: %w", c.line, column.name, err)
			}
		}
	}
	return len(rows), nil
}

func (c *csvReader[T]) Close() error { return nil }

func setCell(cell reflect.Value, kind reflect.Kind, s string) error {
	switch kind {
	case reflect.Int64:
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not an int64", s)
		}
		cell.SetInt(i)
	case reflect.Float64:
		var n number
		if err := n.parse(s); err != nil {
			return err
		}
		cell.SetFloat(float64(n))
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		cell.SetBool(b)
	default:
		cell.SetString(s)
	}
	return nil
}

// next reads the cells of a line, which is several lines of the file if a cell
// has quotes around line ends.
func (c *csvReader[T]) next() error {
	c.line++
	c.cells, c.cell = c.cells[:0], c.cell[:0]
	inQuotes, quoted := false, false
	begun := false // something of the line was read
	for {
		b, err := c.r.ReadByte()
		if err == io.EOF && begun {
			if inQuotes {
				return fmt.Errorf("line %d ends inside quotes", c.line)
			}
			b, err = '\n', nil
		}
		if err != nil {
			return err
		}
		begun = true
		switch {
		case inQuotes && b == '"':
			if following, err := c.r.Peek(1); err == nil && following[0] == '"' {
				c.r.Discard(1)
				c.cell = append(c.cell, '"')
			} else {
				inQuotes = false
			}
		case inQuotes:
			if b == '\n' {
				c.line++
			}
			c.cell = append(c.cell, b)
		case b == '"' && len(c.cell) == 0 && !quoted:
			inQuotes, quoted = true, true
		case b == ',' || b == '\n':
			if b == '\n' && !quoted { // of a file that was saved with \r\n
				c.cell = bytes.TrimSuffix(c.cell, []byte{'\r'})
			}
			c.cells = append(c.cells, string(c.cell))
			c.cell, quoted = c.cell[:0], false
			if b == '\n' {
				return nil
			}
		case b == '\r' && quoted: // between the closing quote and \n
		default:
			c.cell = append(c.cell, b)
		}
	}
}

type jsonWriter[T any] struct {
	w *bufio.Writer
	e *json.Encoder
}

func newJSONWriter[T any](w io.Writer) *jsonWriter[T] {
	buffer := bufio.NewWriterSize(w, 1<<16)
	e := json.NewEncoder(buffer)
	e.SetEscapeHTML(false)
	return &jsonWriter[T]{buffer, e}
}

func (j *jsonWriter[T]) Write(rows []T) (int, error) {
	for i := range rows {
		if err := j.e.Encode(&rows[i]); err != nil {
			return i, err
		}
	}
	return len(rows), nil
}

func (j *jsonWriter[T]) Close() error { return j.w.Flush() }

type jsonReader[T any] struct {
	r    *bufio.Reader
	line int
}

func (j *jsonReader[T]) Read(rows []T) (int, error) {
	for i := range rows {
		line, err := j.r.ReadBytes('\n')
		if err != nil && (err != io.EOF || len(line) == 0) {
			return i, err
		}
		j.line++
		var row T
		if err := json.Unmarshal(line, &row); err != nil {
			return i, fmt.Errorf("line %d: %w", j.line, err)
		}
		rows[i] = row
	}
	return len(rows), nil
}

func (j *jsonReader[T]) Close() error { return nil }

// tableFile is a table in a file.
type tableFile[T any] struct {
	file  *os.File
	table tableWriter[T]
}

func createTable[T any](dir, name string, f Format) (*tableFile[T], error) {
	file, err := os.Create(filepath.Join(dir, name+"."+string(f)))
	if err != nil {
		return nil, err
	}
	return &tableFile[T]{file, newTable[T](f, file)}, nil
}

func (t *tableFile[T]) write(rows ...T) error {
	_, err := t.table.Write(rows)
	return err
}

func (t *tableFile[T]) close() error {
	return errors.Join(t.table.Close(), t.file.Close())
}

// cursor reads a table whose rows are in the order of the runs, run by run.
type cursor[T any] struct {
	name  string
	file  *os.File
	table tableReader[T]
	of    func(T) string // the run that a row is of
	rows  []T            // read and not taken
	all   []T            // rows is its end
	err   error
}

const batchSize = 4096 // rows

func openCursor[T any](dir, name string, f Format, of func(T) string) (*cursor[T], error) {
	c := &cursor[T]{name: name + "." + string(f), of: of, all: make([]T, batchSize)}
	var err error
	if c.file, err = os.Open(filepath.Join(dir, c.name)); err != nil {
		return nil, err
	}
	if c.table, err = openTable[T](f, c.file); err != nil {
		c.file.Close()
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return c, nil
}

// peek returns rows that come next, at least one unless the table has ended.
func (c *cursor[T]) peek() ([]T, error) {
	for len(c.rows) == 0 && c.err == nil {
		var n int
		n, c.err = c.table.Read(c.all)
		c.rows = c.all[:n]
	}
	if len(c.rows) == 0 && c.err != io.EOF {
		return nil, fmt.Errorf("%s: %w", c.name, c.err)
	}
	return c.rows, nil
}

// take returns rows of the run that come next, valid until it is called again,
// and none when there are no more.
func (c *cursor[T]) take(run string) ([]T, error) {
	rows, err := c.peek()
	if err != nil {
		return nil, err
	}
	n := slices.IndexFunc(rows, func(row T) bool { return c.of(row) != run })
	if n < 0 {
		n = len(rows)
	}
	c.rows = rows[n:]
	return rows[:n], nil
}

// each calls f with the rows of the run that come next.
func (c *cursor[T]) each(run string, f func(T) error) error {
	for {
		rows, err := c.take(run)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			if err := f(row); err != nil {
				return fmt.Errorf("%s: run %s: %w", c.name, run, err)
			}
		}
	}
}

// finish returns an error if a row is left: its run is not where it should be.
func (c *cursor[T]) finish() error {
	rows, err := c.peek()
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		return fmt.Errorf("%s has rows of run %s out of place: the rows of every table must be in the order of the runs table",
			c.name, c.of(rows[0]))
	}
	return nil
}

func (c *cursor[T]) close() error { return errors.Join(c.table.Close(), c.file.Close()) }

package table

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Options say how a file is read. The zero value infers everything.
type Options struct {
	Comma       rune            // between cells; 0 means a tab in .tsv, else whichever of comma, semicolon and tab the header has most of
	Kinds       map[string]Kind // of columns that are not to be inferred
	Missing     []string        // cells that mean "no value"; nil means "", NA, N/A, NaN, null, ?, . in any case
	ZeroMissing []string        // columns in which 0 means "no value"
}

var usualMissing = []string{"", "na", "n/a", "nan", "null", "none", "?", "."}

// Open reads a .csv, .tsv or .parquet file; the first two may be gzipped (.gz).
func Open(path string, o Options) (*Frame, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	name := strings.ToLower(filepath.Base(path))
	if strings.HasSuffix(name, ".parquet") {
		info, err := file.Stat()
		if err != nil {
			return nil, err
		}
		f, err := ReadParquet(file, info.Size(), o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return f, nil
	}
	var r io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		unzipped, err := gzip.NewReader(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		r, name = unzipped, strings.TrimSuffix(name, ".gz")
	}
	if o.Comma == 0 && strings.HasSuffix(name, ".tsv") {
		o.Comma = '\t'
	}
	f, err := ReadCSV(r, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// ReadCSV reads delimited text whose first line names the columns. A column is
// of numbers if every cell that is not missing is a finite number, and none an
// identifier that a number would not keep: 007, or of more than 15 digits.
func ReadCSV(r io.Reader, o Options) (*Frame, error) {
	text := bufio.NewReader(r)
	// Spreadsheets put a byte order mark before UTF-8.
	if mark, _ := text.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		text.Discard(3)
	}
	lines := csv.NewReader(text)
	lines.Comma, lines.ReuseRecord, lines.TrimLeadingSpace = o.Comma, true, o.Comma != '\t'
	if o.Comma == 0 {
		lines.Comma = commaOf(text)
		lines.TrimLeadingSpace = lines.Comma != '\t'
	}
	header, err := lines.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: its first line should name the columns")
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(header))
	for j, name := range header {
		names[j] = strings.TrimSpace(name)
	}
	cells := make([][]string, len(names))
	for {
		row, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, csv.ErrFieldCount) {
			line, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("line %d has %d cells where the header has %d", line, len(row), len(names))
		}
		if err != nil {
			return nil, err
		}
		for j, cell := range row {
			cells[j] = append(cells[j], strings.TrimSpace(cell))
		}
	}
	f := &Frame{}
	for j, name := range names {
		c, err := o.column(name, cells[j])
		if err != nil {
			return nil, err
		}
		f.Columns = append(f.Columns, c)
	}
	return f, o.check(f)
}

// commaOf returns what divides the cells of the first line.
func commaOf(text *bufio.Reader) rune {
	head, _ := text.Peek(4096)
	if end := bytes.IndexByte(head, '\n'); end >= 0 {
		head = head[:end]
	}
	comma := ','
	for _, other := range ";\t" {
		if bytes.Count(head, []byte(string(other))) > bytes.Count(head, []byte(string(comma))) {
			comma = other
		}
	}
	return comma
}

// column makes a column of cells, of the kind declared or inferred.
func (o Options) column(name string, cells []string) (Column, error) {
	kind, declared := o.Kinds[name]
	if declared && kind != Number && kind != Category {
		return Column{}, fmt.Errorf("column %q: there is no kind %q: use table.Number or table.Category", name, kind)
	}
	numbers := make([]float64, len(cells))
	known := 0
	for i, cell := range cells {
		if o.missing(cell) {
			numbers[i] = math.NaN()
			continue
		}
		known++
		v, err := strconv.ParseFloat(cell, 64)
		finite := err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
		if declared && kind == Number && !finite {
			return Column{}, fmt.Errorf("column %q, row %d: %q is not a finite number", name, i, cell)
		}
		if !finite || !declared && identifies(cell) {
			kind = Category
			break
		}
		numbers[i] = v
	}
	if kind == Category {
		values := make([]string, len(cells))
		for i, cell := range cells {
			if !o.missing(cell) && !(cell == "0" && slices.Contains(o.ZeroMissing, name)) {
				values[i] = cell
			}
		}
		return CategoryColumn(name, values), nil
	}
	return o.numbers(name, numbers), nil
}

// identifies reports whether digits are a name that is lost as a number.
func identifies(cell string) bool {
	digits := strings.Trim(cell, "0123456789") == ""
	return digits && (len(cell) > 15 || len(cell) > 1 && cell[0] == '0')
}

func (o Options) numbers(name string, values []float64) Column {
	if slices.Contains(o.ZeroMissing, name) {
		for i, v := range values {
			if v == 0 {
				values[i] = math.NaN()
			}
		}
	}
	return NumberColumn(name, values)
}

func (o Options) missing(cell string) bool {
	if o.Missing != nil {
		return cell == "" || slices.Contains(o.Missing, cell)
	}
	return slices.Contains(usualMissing, strings.ToLower(cell))
}

// check finds names that stand for nothing or for two columns.
func (o Options) check(f *Frame) error {
	seen := make(map[string]bool, len(f.Columns))
	for _, name := range f.Names() {
		if seen[name] {
			return fmt.Errorf("two columns are called %q: rename one", name)
		}
		seen[name] = true
	}
	for name := range o.Kinds {
		if !seen[name] {
			return fmt.Errorf("the options declare a column %q, which the file does not have: its columns are %q", name, f.Names())
		}
	}
	for _, name := range o.ZeroMissing {
		if !seen[name] {
			return fmt.Errorf("the options say that zero is missing in %q, which the file does not have: its columns are %q", name, f.Names())
		}
	}
	return nil
}

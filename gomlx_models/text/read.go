package text

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/assay-ml/assay/data"
)

// Row is one text as it was read.
type Row struct {
	Text   string
	Labels []string // names of the classes it belongs to
	Group  string   // patient or abstract it is from; "" if none is known
	Split  string   // the part of the data its source puts it in; "" if none is known
}

// Rows is what a file held.
type Rows []Row

// Columns names where the parts of a row are. Only Text is required.
type Columns struct {
	Text     string
	Labels   string // column of the label
	Between  string // what separates several labels in one field; "" means that a field is one label
	Group    string
	Split    string
	Optional bool   // Group and Split may be missing
	Encoding string // "" means UTF-8; else a name that the web knows: "windows-1252", "iso-8859-1", "utf-16le" …
}

// ReadCSV reads comma-separated rows under a header line (RFC 4180). Errors
// name the line.
func ReadCSV(r io.Reader, columns Columns) (Rows, error) { return readSeparated(r, ',', columns) }

// ReadTSV reads tab-separated rows under a header line, quoted as CSV is.
func ReadTSV(r io.Reader, columns Columns) (Rows, error) { return readSeparated(r, '\t', columns) }

func readSeparated(r io.Reader, comma rune, columns Columns) (Rows, error) {
	content, err := decode(r, columns.Encoding)
	if err != nil {
		return nil, err
	}
	reader := csv.NewReader(strings.NewReader(content))
	reader.Comma = comma
	header, err := reader.Read()
	if err == io.EOF {
		return nil, errors.New("the file is empty: its first line must name the columns")
	}
	if err != nil {
		return nil, err
	}
	header = slices.Clone(header)
	var rows Rows
	for {
		fields, err := reader.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err // names the line
		}
		row, err := columns.row(func(column string) (string, bool) {
			i := slices.Index(header, column)
			if i < 0 {
				return "", false
			}
			return fields[i], true
		})
		if err != nil {
			return nil, fmt.Errorf("%w: the columns are %q", err, header)
		}
		rows = append(rows, row)
	}
}

// row puts a row together from its fields.
func (c Columns) row(field func(column string) (value string, ok bool)) (Row, error) {
	var row Row
	var label string
	for _, part := range []struct {
		column   string
		into     *string
		optional bool
	}{{c.Text, &row.Text, false}, {c.Labels, &label, false}, {c.Group, &row.Group, c.Optional}, {c.Split, &row.Split, c.Optional}} {
		if part.column == "" {
			continue
		}
		value, ok := field(part.column)
		if !ok && !part.optional {
			return Row{}, fmt.Errorf("there is no column %q", part.column)
		}
		*part.into = value
	}
	if c.Labels != "" {
		row.Labels = c.labels(label)
	}
	return row, nil
}

// labels cuts a field of labels. An empty one has none.
func (c Columns) labels(field string) []string {
	parts := []string{field}
	if c.Between != "" {
		parts = strings.Split(field, c.Between)
	}
	var labels []string
	for _, label := range parts {
		if label = strings.TrimSpace(label); label != "" {
			labels = append(labels, label)
		}
	}
	return labels
}

// ReadJSONLines reads one JSON object a line. Columns name its keys; a label
// may be a string, a number, a boolean or a list of these.
func ReadJSONLines(r io.Reader, columns Columns) (Rows, error) {
	content, err := decode(r, columns.Encoding)
	if err != nil {
		return nil, err
	}
	var rows Rows
	lines := bufio.NewScanner(strings.NewReader(content))
	lines.Buffer(nil, len(content)+1)
	for number := 1; lines.Scan(); number++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &object); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		var labels []string
		row, err := columns.row(func(column string) (string, bool) {
			raw, ok := object[column]
			if !ok {
				return "", false
			}
			var list []json.RawMessage
			if column == columns.Labels && json.Unmarshal(raw, &list) == nil {
				labels = []string{}
				for _, one := range list {
					labels = append(labels, scalarText(one))
				}
				return "", true
			}
			return scalarText(raw), true
		})
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if labels != nil {
			row.Labels = labels
		}
		rows = append(rows, row)
	}
	return rows, lines.Err()
}

// scalarText returns a JSON string's content, and anything else as written.
func scalarText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// ReadFolder reads the .txt files below the root of files, one text each. The
// label is the folder a file is in, the group the file's name up to the first
// "_" or "."; files in the root have no label.
func ReadFolder(files fs.FS, encoding string) (Rows, error) {
	var rows Rows
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.EqualFold(path.Ext(name), ".txt") {
			return err
		}
		file, err := files.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		content, err := decode(file, encoding)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		row := Row{Text: content, Group: entry.Name()[:strings.IndexAny(entry.Name(), "_.")]}
		if dir := path.Dir(name); dir != "." {
			row.Labels = []string{path.Base(dir)}
		}
		rows = append(rows, row)
		return nil
	})
	if err == nil && len(rows) == 0 {
		err = errors.New("there are no .txt files in the folder")
	}
	return rows, err
}

// decode reads all of r as text. Bytes that the encoding does not have are an
// error that names their line, since guessing would change what a note says.
func decode(r io.Reader, name string) (string, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	if name == "" || strings.EqualFold(name, "utf-8") || strings.EqualFold(name, "utf8") {
		raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
		if at := invalidUTF8(raw); at >= 0 {
			return "", fmt.Errorf("line %d: byte 0x%02x is not UTF-8: save the file as UTF-8, or read it by the name of its encoding, such as windows-1252", lineAt(raw, at), raw[at])
		}
		return string(raw), nil
	}
	from, err := htmlindex.Get(name)
	if err != nil {
		return "", fmt.Errorf("encoding %q is not known: use a name such as utf-8, windows-1252, iso-8859-1 or utf-16le", name)
	}
	decoded, err := from.NewDecoder().Bytes(raw)
	if err != nil {
		return "", fmt.Errorf("encoding %s: %w", name, err)
	}
	decoded = bytes.TrimPrefix(decoded, []byte("\ufeff"))
	if at := bytes.IndexRune(decoded, utf8.RuneError); at >= 0 {
		return "", fmt.Errorf("line %d: a byte is not %s: name the file's encoding", lineAt(decoded, at), name)
	}
	return string(decoded), nil
}

// invalidUTF8 returns where the first byte that is not UTF-8 is, or -1.
func invalidUTF8(raw []byte) int {
	for at := 0; at < len(raw); {
		r, size := utf8.DecodeRune(raw[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

func lineAt(raw []byte, at int) int { return 1 + bytes.Count(raw[:at], []byte("\n")) }

// Data is a data set cut in three: Train to learn from, Validation to choose
// the epoch and the threshold by, Test to judge on once.
type Data struct {
	Name                    string
	Classes                 []string // what the labels index
	Train, Validation, Test Dataset
	Files                   []data.File // that it was read from; nil if it was generated
	Notes                   []string    // what a reader of any result must know

	// AllowLeak says why texts and groups that are on two sides of the cut are no
	// obstacle, and has [Data.Audit] note them instead of failing.
	AllowLeak string
}

// Dataset returns the rows with their labels as indices into classes. A label
// that is not among them is an error. A row without a group is one of its own.
func (rows Rows) Dataset(name string, classes []string) (Dataset, error) {
	set := Dataset{Name: name}
	grouped := false
	for i, row := range rows {
		labels := []int{}
		for _, label := range row.Labels {
			class := slices.Index(classes, label)
			if class < 0 {
				return Dataset{}, fmt.Errorf("row %d: label %q is not one of %q", i, label, classes)
			}
			labels = append(labels, class)
		}
		group := row.Group
		if group == "" { // not one with others of whom as little is known
			group = fmt.Sprintf("%s row %d", name, i)
		}
		set.X, set.Y, set.Group = append(set.X, row.Text), append(set.Y, labels), append(set.Group, group)
		grouped = grouped || row.Group != ""
	}
	if !grouped {
		set.Group = nil
	}
	return set, nil
}

// Classes returns the labels in use, sorted.
func (rows Rows) Classes() []string {
	var classes []string
	for _, row := range rows {
		classes = append(classes, row.Labels...)
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}

// Data cuts rows as their Split says: "train", "val" or "validation" (or
// "dev"), "test". classes nil means those in use.
func (rows Rows) Data(classes []string) (Data, error) {
	if classes == nil {
		classes = rows.Classes()
	}
	parts := map[string]Rows{}
	for i, row := range rows {
		split := row.Split
		switch split {
		case "val", "dev", "valid":
			split = "validation"
		case "train", "validation", "test":
		default:
			return Data{}, fmt.Errorf(`row %d: split is %q: it must be "train", "validation" or "test" (Cut divides data that names none)`, i, split)
		}
		parts[split] = append(parts[split], row)
	}
	d := Data{Classes: classes}
	for name, set := range map[string]*Dataset{"train": &d.Train, "validation": &d.Validation, "test": &d.Test} {
		var err error
		if *set, err = parts[name].Dataset(name, classes); err != nil {
			return Data{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return d, nil
}

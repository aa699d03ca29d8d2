package imaging

import (
	"archive/zip"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/data"
	"github.com/assay-ml/assay/gomlx_models/imaging/dicom"
)

// Columns name what a list of films says of each. The zero value is the
// defaults.
type Columns struct {
	File    string   // path of the film; "" is the first column
	Label   string   // its class; "" is the second column
	Labels  []string // its findings, a column each of 0 and 1: for [ListFindings]
	Patient string   // whose it is; "" is "patient", if there is such a column, else the Patient ID of DICOM files
	Split   string   // train, val (or validation) or test; "" is "split", if there is such a column
	About   []string // what groups of films are judged by; nil is those of "sex", "age", "view" and "device" that there are, and what DICOM files say of these

	Films   fs.FS // that paths are in; nil is images.zip beside the list, if there is one, else the list's folder
	Reading Reading
}

// List reads a CSV file that names films and says what is known of each:
//
//	file,pneumonia,patient,split,age,sex,view
//	00001280_004.jpg,0,00001280,train,36,F,PA
//
// Classes are the labels in alphabetical order; labels 0 and 1 are called "no"
// and the name of the column, and the name alone. Without a column that says the split, patients are
// divided as [Folder] does; without one that says the patient, DICOM files' headers
// say it. Ages become bands. Films are decoded only when they are needed.
func List(list string, columns Columns) (Data, error) {
	t, err := readList(list, columns)
	if err != nil {
		return Data{}, err
	}
	column := columns.Label
	if column == "" {
		if len(t.header) < 2 {
			return Data{}, fmt.Errorf("list %s has no column of labels", list)
		}
		column = t.header[1]
	}
	at, err := t.column(column)
	if err != nil {
		return Data{}, err
	}
	d := named[int](list)
	for i, row := range t.rows {
		if row[at] == "" {
			return Data{}, fmt.Errorf("list %s: row %d has no %s", list, i+1, column)
		}
		if !slices.Contains(d.Classes, row[at]) {
			d.Classes = append(d.Classes, row[at])
		}
	}
	slices.Sort(d.Classes)
	labels := slices.Clone(d.Classes)
	if slices.Equal(labels, []string{"0", "1"}) {
		d.Classes = []string{"no " + column, column}
	}
	return splitList(t, d, func(row []string) (int, error) { return slices.Index(labels, row[at]), nil })
}

// ListFindings reads a list whose films may show several findings each, or
// none: the columns of Labels. An empty cell is a finding that is not shown.
func ListFindings(list string, columns Columns) (Splits[[]bool], error) {
	if len(columns.Labels) == 0 {
		return Splits[[]bool]{}, fmt.Errorf("list %s: Columns.Labels must name the columns of findings", list)
	}
	t, err := readList(list, columns)
	if err != nil {
		return Splits[[]bool]{}, err
	}
	d := named[[]bool](list)
	d.Classes = columns.Labels
	var at []int
	for _, label := range columns.Labels {
		i, err := t.column(label)
		if err != nil {
			return Splits[[]bool]{}, err
		}
		at = append(at, i)
	}
	return splitList(t, d, func(row []string) ([]bool, error) {
		shown := make([]bool, len(at))
		for i, column := range at {
			switch strings.TrimSuffix(row[column], ".0") {
			case "", "0":
			case "1":
				shown[i] = true
			default:
				return nil, fmt.Errorf("%s is %q: it must be 0, 1 or empty", t.header[column], row[column])
			}
		}
		return shown, nil
	})
}

// listed is a list as it was read.
type listed struct {
	name    string
	header  []string
	rows    [][]string
	films   fs.FS
	files   []data.File // the list, and the archive that the films are in
	columns Columns
}

func readList(list string, columns Columns) (*listed, error) {
	file, err := os.Open(list)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := csv.NewReader(file)
	in.TrimLeadingSpace = true
	rows, err := in.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", list, err)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("list %s has no rows below its header", list)
	}
	t := &listed{name: list, header: rows[0], rows: rows[1:], films: columns.Films, columns: columns}
	t.header[0] = strings.TrimPrefix(t.header[0], "\ufeff") // spreadsheets mark UTF-8 so
	paths := []string{list}
	if t.films == nil {
		t.films = os.DirFS(filepath.Dir(list))
		if archive := filepath.Join(filepath.Dir(list), "images.zip"); exists(archive) {
			// Open for as long as films may be decoded: the life of the program.
			films, err := zip.OpenReader(archive)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", archive, err)
			}
			t.films, paths = films, append(paths, archive)
		}
	}
	t.files, err = data.Stat(paths...)
	return t, err
}

// column returns where a column is.
func (t *listed) column(name string) (int, error) {
	if i := slices.Index(t.header, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("list %s has no column %q: it has %s", t.name, name, strings.Join(t.header, ", "))
}

// optional returns where a column is, -1 if name is empty and there is no usual one.
func (t *listed) optional(name, usual string) (int, error) {
	if name == "" {
		return slices.Index(t.header, usual), nil
	}
	return t.column(name)
}

// splitList puts the rows of a list on their sides of d.
func splitList[Y Outcome](t *listed, d Splits[Y], outcome func(row []string) (Y, error)) (Splits[Y], error) {
	fail := func(err error) (Splits[Y], error) { return Splits[Y]{}, err }
	file := 0
	if t.columns.File != "" {
		var err error
		if file, err = t.column(t.columns.File); err != nil {
			return fail(err)
		}
	}
	patient, err := t.optional(t.columns.Patient, "patient")
	if err != nil {
		return fail(err)
	}
	split, err := t.optional(t.columns.Split, "split")
	if err != nil {
		return fail(err)
	}
	about := map[string]int{}
	for _, name := range []string{"sex", "age", "view", "device"} {
		if i := slices.Index(t.header, name); i >= 0 && t.columns.About == nil {
			about[name] = i
		}
	}
	for _, name := range t.columns.About {
		if about[name], err = t.column(name); err != nil {
			return fail(err)
		}
	}
	known := patient >= 0
	for i, row := range t.rows {
		film, header, read, err := t.look(row[file])
		if err != nil {
			return fail(fmt.Errorf("list %s: row %d: %w", t.name, i+1, err))
		}
		if read != nil {
			d.Files = append(d.Files, *read)
		}
		known = known || header.Patient != ""
		who := cmp.Or(header.Patient, row[file])
		if patient >= 0 {
			if who = row[patient]; who == "" {
				return fail(fmt.Errorf("list %s: row %d has no %s", t.name, i+1, t.header[patient]))
			}
		}
		if t.columns.About != nil {
			film.About = nil
		}
		side := d.sides()[sideOf(who)]
		if split >= 0 {
			switch strings.ToLower(row[split]) {
			case "train", "training":
				side = &d.Train
			case "val", "valid", "validation":
				side = &d.Validation
			case "test", "testing":
				side = &d.Test
			default:
				return fail(fmt.Errorf("list %s: row %d is in split %q: it must be train, val or test", t.name, i+1, row[split]))
			}
		}
		for name, column := range about {
			value := row[column]
			if name == "age" {
				value = ageBand(value)
			}
			if film.About == nil {
				film.About = map[string]string{}
			}
			film.About[name] = cmp.Or(value, film.About[name])
		}
		y, err := outcome(row)
		if err != nil {
			return fail(fmt.Errorf("list %s: row %d: %w", t.name, i+1, err))
		}
		side.X, side.Y, side.Group = append(side.X, film), append(side.Y, y), append(side.Group, who)
	}
	if !known {
		d.forgetPatients()
	}
	d.Files = append(t.files, d.Files...)
	if d.Train.Len() == 0 {
		return fail(fmt.Errorf("list %s has no films to train on", t.name))
	}
	return d, nil
}

// look returns a film, what its header says if it is in DICOM, and its file, nil
// if it is one of an archive.
func (t *listed) look(path string) (Film, dicom.Header, *data.File, error) {
	inArchive := len(t.files) > 1
	film, header, read, err := t.columns.Reading.look(t.films, path, !inArchive)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("film %s is not there", path)
	}
	if err != nil || inArchive {
		return film, header, nil, err
	}
	if read.Path = path; t.columns.Films == nil {
		read.Path = filepath.Join(filepath.Dir(t.name), filepath.FromSlash(path))
	}
	return film, header, &read, nil
}

// ageBand returns the band of an age in years, or as DICOM writes it: "045Y",
// "018M", "002W", "010D". What is no number stays itself; an age that nobody has,
// such as NaN or 999, is "", unknown.
func ageBand(age string) string {
	number, perYear := age, 1.0
	for unit, n := range map[string]float64{"Y": 1, "M": 12, "W": 52, "D": 365} {
		if before, ok := strings.CutSuffix(age, unit); ok {
			number, perYear = before, n
		}
	}
	years, err := strconv.ParseFloat(number, 64)
	years /= perYear
	switch {
	case err != nil:
		return age
	case !(years >= 0 && years <= 130):
		return ""
	case years < 18:
		return "0–17"
	case years < 40:
		return "18–39"
	case years < 65:
		return "40–64"
	}
	return "65 and over"
}

package text

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/data"
	models "github.com/assay-ml/assay/gomlx_models"
)

// Open returns the data set called name:
//
//   - "synthetic": notes that a generator writes, see [Synthetic]. They need no
//     files and no network, and stand for no patient.
//   - "ade" or "medical-abstracts", public sets: see `assay data ls`.
//   - a folder with one folder of .txt files a class: see [ReadFolder].
//   - a file of rows, .csv, .tsv or .jsonl, also compressed by gzip (.csv.gz),
//     whose columns are called text and label, and if there are any group (the
//     patient) and split ("train", "validation", "test").
//
// What has no split is cut by [Cut], a tenth to validate on and a fifth to test
// on. Files are UTF-8 and have one label a row: [ReadCSV] and its siblings read
// others. It never downloads: see data.Get.
func Open(name string) (Data, error) {
	switch name {
	case "synthetic":
		return Synthetic(SyntheticConfig{}), nil
	case "ade":
		return openSet(name, readADE)
	case "medical-abstracts":
		return openSet(name, readAbstracts)
	}
	info, err := os.Stat(name)
	if err != nil {
		return Data{}, fmt.Errorf(`text: there is no data set %q: name synthetic, ade or medical-abstracts, a file of rows, or a folder with one folder a class`, name)
	}
	d, err := openPath(name, info.IsDir())
	if err != nil {
		return Data{}, fmt.Errorf("text: %s: %w", name, err)
	}
	d.Name = name
	return d, nil
}

// openPath reads a folder or a file of rows.
func openPath(path string, isFolder bool) (Data, error) {
	if isFolder {
		rows, err := ReadFolder(os.DirFS(path), "")
		if err != nil {
			return Data{}, err
		}
		return rows.divided()
	}
	rows, err := readFile(path)
	if err != nil {
		return Data{}, err
	}
	d, err := rows.divided()
	if err != nil {
		return Data{}, err
	}
	d.Files, err = data.Stat(path)
	return d, err
}

// divided cuts rows as their Split says, or by Cut if none has one.
func (rows Rows) divided() (Data, error) {
	if len(rows) == 0 {
		return Data{}, errors.New("there are no rows in it")
	}
	for _, row := range rows {
		if row.Split != "" {
			return rows.Data(nil)
		}
	}
	classes := rows.Classes()
	set, err := rows.Dataset("", classes)
	if err != nil {
		return Data{}, err
	}
	d, err := Cut(set, 0.1, 0.2, 1)
	d.Classes = classes
	return d, err
}

// readFile reads a file of rows by what its name ends in.
func readFile(path string) (Rows, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var content io.Reader = file
	ending := filepath.Ext(path)
	if ending == ".gz" {
		if content, err = gzip.NewReader(file); err != nil {
			return nil, err
		}
		ending = filepath.Ext(strings.TrimSuffix(path, ending))
	}
	columns := Columns{Text: "text", Labels: "label", Group: "group", Split: "split", Optional: true}
	switch ending {
	case ".csv":
		return ReadCSV(content, columns)
	case ".tsv":
		return ReadTSV(content, columns)
	case ".jsonl":
		return ReadJSONLines(content, columns)
	}
	return nil, errors.New("its name must end in .csv, .tsv or .jsonl, or in one of these and .gz")
}

// openSet reads a set of the catalogue where the machine has it.
func openSet(name string, read func(set data.Set, files []data.File) (Data, error)) (Data, error) {
	set, err := data.Lookup(name)
	if err != nil {
		return Data{}, err
	}
	files, err := data.Find(name)
	if err != nil {
		return Data{}, err
	}
	d, err := read(set, files)
	if err != nil {
		return Data{}, fmt.Errorf("text: %s: %w", name, err)
	}
	d.Name, d.Classes, d.Files = name, set.Classes, files
	return d, nil
}

// readAbstracts reads the medical abstracts, whose labels are 1 to 5 in the
// order of the set's classes. 113 abstracts are there two or three times, each time
// under another label; an abstract is a group, so that none is on two sides of a cut.
func readAbstracts(set data.Set, files []data.File) (Data, error) {
	file, err := os.Open(files[0].Path)
	if err != nil {
		return Data{}, err
	}
	defer file.Close()
	rows, err := ReadCSV(file, Columns{Text: "medical_abstract", Labels: "condition_label"})
	if err != nil {
		return Data{}, err
	}
	first := map[string]int{}
	for i, row := range rows {
		if _, ok := first[row.Text]; !ok {
			first[row.Text] = i
		}
		rows[i].Group = strconv.Itoa(first[row.Text])
	}
	all, err := rows.Dataset("", []string{"1", "2", "3", "4", "5"})
	if err != nil {
		return Data{}, err
	}
	return Cut(all, 0.1, 0.2, 1)
}

// Uses says which data a program that trains and judges on d reads, for a run
// to record.
func (d Data) Uses() []models.DataUse {
	var uses []models.DataUse
	for _, set := range []Dataset{d.Train, d.Validation, d.Test} {
		if set.Len() > 0 {
			uses = append(uses, models.DataUse{Name: d.Name, Split: set.Name, Rows: set.Len(), Files: d.Files})
		}
	}
	return uses
}

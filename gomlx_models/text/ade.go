package text

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/assay-ml/assay/data"
)

// readADE reads the ADE corpus: from the two files in which it is published, or
// from one table of its sentences. Every sentence is there once, and every
// abstract on one side of the cut.
func readADE(_ data.Set, files []data.File) (Data, error) {
	if filepath.Ext(files[0].Path) == ".gz" {
		rows, err := readADETable(files[0].Path)
		if err != nil {
			return Data{}, err
		}
		return rows.Data([]string{"0", "1"})
	}
	var rows Rows
	for i, file := range files {
		f, err := os.Open(file.Path)
		if err != nil {
			return Data{}, err
		}
		read := readADERelations
		if i == 1 {
			read = readADENegatives
		}
		part, err := read(f)
		f.Close()
		if err != nil {
			return Data{}, fmt.Errorf("%s: %w", filepath.Base(file.Path), err)
		}
		rows = append(rows, part...)
	}
	return rows.Data([]string{"0", "1"})
}

// readADETable reads sentences under pmid, split, ade and sentence.
func readADETable(path string) (Rows, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	return ReadTSV(content, Columns{Text: "sentence", Labels: "ade", Group: "pmid", Split: "split"})
}

// readADERelations reads DRUG-AE.rel: a line is a drug and an effect in a
// sentence, which comes again with each other pair in it.
//
//	pmid|sentence|effect|from|to|drug|from|to
func readADERelations(r io.Reader) (Rows, error) {
	return readADELines(r, "1", func(line string) (pmid, sentence string, ok bool) {
		parts := strings.Split(line, "|")
		if len(parts) != 8 {
			return "", "", false
		}
		return parts[0], parts[1], true
	})
}

// readADENegatives reads ADE-NEG.txt.
//
//	pmid NEG sentence
func readADENegatives(r io.Reader) (Rows, error) {
	return readADELines(r, "0", func(line string) (pmid, sentence string, ok bool) {
		return strings.Cut(line, " NEG ")
	})
}

// readADELines makes a row of each sentence that it has not met yet.
func readADELines(r io.Reader, label string, parse func(line string) (pmid, sentence string, ok bool)) (Rows, error) {
	var rows Rows
	met := map[string]bool{}
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		pmid, sentence, ok := parse(lines.Text())
		if !ok {
			return nil, fmt.Errorf("line %d: %.40q is not a line of the ADE corpus", number, lines.Text())
		}
		if !met[sentence] {
			met[sentence] = true
			rows = append(rows, Row{Text: sentence, Labels: []string{label}, Group: pmid, Split: adeSplit(pmid)})
		}
	}
	return rows, lines.Err()
}

// adeSplit sends seven abstracts in ten to train, one to validation and two to
// test, by a hash of the PubMed id: the cut that the figures in this package's
// tests were measured on.
func adeSplit(pmid string) string {
	sum := sha256.Sum256([]byte(pmid))
	switch share := binary.BigEndian.Uint32(sum[:]) % 100; {
	case share < 70:
		return "train"
	case share < 80:
		return "validation"
	}
	return "test"
}

package text

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/assay-ml/assay/data"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
)

// TestOpenADE reads the corpus as it is published, in small.
func TestOpenADE(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("ASSAY_DATA", dir)
	t.Setenv("ASSAY_HOME", t.TempDir())
	if _, err := Open("ade"); !errors.Is(err, data.ErrNotFound) || !strings.Contains(err.Error(), "assay data get ade") {
		t.Errorf("nowhere: got error %v", err)
	}
	relations := "12111771|Two had pneumonitis and rash.|pneumonitis|8|19|fludarabine|0|3\n" +
		"12111771|Two had pneumonitis and rash.|rash|24|28|fludarabine|0|3\n"
	negatives := "18484785 NEG It is | striking.\n16565017 NEG She had NEG surgery.\n"
	for name, content := range map[string]string{"DRUG-AE.rel": relations, "ADE-NEG.txt": negatives} {
		write(t, filepath.Join(dir, name), content)
	}
	d, err := Open("ade")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct{ got, want Dataset }{
		{d.Train, Dataset{Name: "train", X: []string{"Two had pneumonitis and rash."}, Y: [][]int{{1}}, Group: []string{"12111771"}}},
		{d.Validation, Dataset{Name: "validation", X: []string{"She had NEG surgery."}, Y: [][]int{{0}}, Group: []string{"16565017"}}},
		{d.Test, Dataset{Name: "test", X: []string{"It is | striking."}, Y: [][]int{{0}}, Group: []string{"18484785"}}},
	} {
		if !reflect.DeepEqual(part.got, part.want) {
			t.Errorf("got %+v, want %+v", part.got, part.want)
		}
	}
	if len(d.Files) != 2 || len(d.Uses()) != 3 || d.Classes[1] != "adverse effect" {
		t.Errorf("files %+v, uses %+v, classes %q", d.Files, d.Uses(), d.Classes)
	}
	write(t, filepath.Join(dir, "DRUG-AE.rel"), relations+"what is this\n")
	if _, err := Open("ade"); err == nil || !strings.Contains(err.Error(), `DRUG-AE.rel: line 3: "what is this"`) {
		t.Errorf("a line of something else: error %v", err)
	}
}

// TestADETableIsCutAlike: the table of the test data has the rows that the
// published files have, cut by the same rule.
func TestADETableIsCutAlike(t *testing.T) {
	rows, err := readADETable(modeltest.Data(t, "text/ade_corpus_v2/ade_v2.tsv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if got := adeSplit(row.Group); !strings.HasPrefix(got, row.Split) { // "val"
			t.Fatalf("abstract %s goes to %s, in the table it is in %s", row.Group, got, row.Split)
		}
	}
	if len(rows) != 20896 {
		t.Errorf("%d rows, want 20896", len(rows))
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestOpenFilesAndFolders(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "split.tsv"), "split\tlabel\ttext\ntrain\ta\tx\ndev\tb\ty\ntest\ta\tz\n")
	d, err := Open(filepath.Join(dir, "split.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.X[0] != "x" || d.Validation.Y[0][0] != 1 || d.Test.X[0] != "z" || len(d.Files) != 1 {
		t.Errorf("got %+v", d)
	}

	var lines strings.Builder
	for i := range 40 {
		lines.WriteString(`{"text": "note", "label": "` + string(rune('a'+i%2)) + `", "group": "p` + string(rune('A'+i/2)) + `"}` + "\n")
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write([]byte(lines.String())); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "notes.jsonl.gz"), packed.String())
	if d, err = Open(filepath.Join(dir, "notes.jsonl.gz")); err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 28 || d.Validation.Len() != 4 || d.Test.Len() != 8 || d.leaks() == nil {
		t.Errorf("cut in %d, %d and %d, leaks %q", d.Train.Len(), d.Validation.Len(), d.Test.Len(), d.leaks())
	}

	for i := range 10 {
		write(t, filepath.Join(dir, "folder", "ill", "p"+string(rune('0'+i))+"_1.txt"), "fever")
		write(t, filepath.Join(dir, "folder", "well", "q"+string(rune('0'+i))+"_1.txt"), "no fever")
	}
	if d, err = Open(filepath.Join(dir, "folder")); err != nil {
		t.Fatal(err)
	}
	if d.Classes[0] != "ill" || d.Train.Len()+d.Validation.Len()+d.Test.Len() != 20 {
		t.Errorf("got %+v", d)
	}

	f := func(name, want string) {
		t.Helper()
		if _, err := Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
	f("nosuch", "name synthetic, ade or medical-abstracts")
	write(t, filepath.Join(dir, "a.xlsx"), "x")
	f(filepath.Join(dir, "a.xlsx"), "must end in .csv, .tsv or .jsonl")
	write(t, filepath.Join(dir, "empty.csv"), "text,label\n")
	f(filepath.Join(dir, "empty.csv"), "there are no rows in it")
	write(t, filepath.Join(dir, "b.csv"), "note,label\nx,y\n")
	f(filepath.Join(dir, "b.csv"), `no column "text": the columns are ["note" "label"]`)
}

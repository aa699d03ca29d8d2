package text_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/assay-ml/assay/gomlx_models/text"
)

var columns = text.Columns{Text: "note", Labels: "label", Between: "|", Group: "patient", Split: "part"}

func TestReaders(t *testing.T) {
	want := text.Rows{
		{Text: "no fever, \"well\"", Labels: []string{"a"}, Group: "p1", Split: "train"},
		{Text: "fièvre\n2nd line", Labels: []string{"a", "b"}, Group: "p2", Split: "test"},
	}
	check := func(name string, got text.Rows, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	csv := "patient,note,label,part\np1,\"no fever, \"\"well\"\"\",a,train\np2,\"fièvre\n2nd line\",a|b,test\n"
	got, err := text.ReadCSV(strings.NewReader(csv), columns)
	check("CSV", got, err)
	got, err = text.ReadCSV(strings.NewReader("\ufeff"+csv), columns)
	check("CSV with a byte order mark", got, err)
	got, err = text.ReadTSV(strings.NewReader("patient\tnote\tlabel\tpart\np1\t\"no fever, \"\"well\"\"\"\ta\ttrain\np2\t\"fièvre\n2nd line\"\ta|b\ttest\n"), columns)
	check("TSV", got, err)
	got, err = text.ReadJSONLines(strings.NewReader(`{"note":"no fever, \"well\"","label":"a","patient":"p1","part":"train"}
{"note":"fièvre\n2nd line","label":["a","b"],"patient":"p2","part":"test"}
`), columns)
	check("JSON lines", got, err)
	latin := columns
	latin.Encoding = "windows-1252"
	got, err = text.ReadCSV(strings.NewReader(strings.ReplaceAll(csv, "è", "\xe8")), latin)
	check("windows-1252", got, err)
}

// TestWhatIsNotKnown: an empty label is none, and a row without a group shares
// it with no other.
func TestWhatIsNotKnown(t *testing.T) {
	rows, err := text.ReadCSV(strings.NewReader("patient,note,label,part\np1,x,a,\np1,y,a,\n,z,,\n,w, a,\n"), text.Columns{Text: "note", Labels: "label", Group: "patient"})
	if err != nil {
		t.Fatal(err)
	}
	if got := rows.Classes(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("classes %q, want a alone", got)
	}
	set, err := rows.Dataset("test", []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	if g := set.Group; g[0] != "p1" || g[1] != "p1" || g[2] == g[3] || g[2] == "" {
		t.Errorf("groups %q", g)
	}
	if len(set.Y[2]) != 0 {
		t.Errorf("an empty field is the label %d", set.Y[2])
	}
}

func TestReadersNameTheMistake(t *testing.T) {
	f := func(csv, encoding, want string) {
		t.Helper()
		c := columns
		c.Encoding = encoding
		_, err := text.ReadCSV(strings.NewReader(csv), c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", csv, err, want)
		}
	}
	head := "patient,note,label,part\n"
	f("", "", "file is empty")
	f("patient,label\n1,2\n", "", `no column "note"`)
	f(head+"1,ok,a,train\n2,caf\xe9,a,train\n", "", "line 3: byte 0xe9")
	f(head+"1,\"open,a,train\n", "", "line")
	f(head+"1,a\n", "", "line 2")
	f(head, "klingon", `encoding "klingon" is not known`)
	f(head+"1,\x81,a,train\n", "windows-1252", "")
}

func TestReadFolder(t *testing.T) {
	rows, err := text.ReadFolder(fstest.MapFS{
		"ill/p1_note2.txt": {Data: []byte("fever")}, "well/p2.txt": {Data: []byte("no fever")}, "readme.md": {Data: []byte("x")},
	}, "")
	want := text.Rows{{Text: "fever", Labels: []string{"ill"}, Group: "p1"}, {Text: "no fever", Labels: []string{"well"}, Group: "p2"}}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("got %+v, %v, want %+v", rows, err, want)
	}
	_, err = text.ReadFolder(fstest.MapFS{"a/b.txt": {Data: []byte("ok\nb\xffd")}}, "")
	if err == nil || !strings.Contains(err.Error(), "a/b.txt: line 2") {
		t.Errorf("error %v, want one with the file and line", err)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("patient,note,label,part\n1,\"a\nb\",x|y,train\n")
	f.Add("note\n\xff")
	f.Fuzz(func(t *testing.T, content string) {
		for _, encoding := range []string{"", "windows-1252", "utf-16le"} {
			c := columns
			c.Encoding = encoding
			for _, row := range must(text.ReadCSV(strings.NewReader(content), c)) {
				if strings.ContainsRune(row.Text, '\ufffd') && !strings.ContainsRune(content, '\ufffd') {
					t.Errorf("%q: a byte was lost in silence", content)
				}
			}
		}
	})
}

// must returns rows, none for an error: the fuzz test looks for panics.
func must(rows text.Rows, err error) text.Rows {
	if err != nil {
		return nil
	}
	return rows
}

func FuzzReadJSONLines(f *testing.F) {
	f.Add(`{"note":"a","label":["x"],"patient":1,"part":null}`)
	f.Fuzz(func(t *testing.T, content string) {
		rows, err := text.ReadJSONLines(strings.NewReader(content), columns)
		if err == nil && len(rows) > strings.Count(content, "\n")+1 {
			t.Errorf("%d rows from %q", len(rows), content)
		}
	})
}

func TestData(t *testing.T) {
	rows := text.Rows{
		{Text: "1", Labels: []string{"b"}, Split: "train"}, {Text: "2", Labels: []string{"a"}, Split: "val"}, {Text: "3", Labels: []string{"a"}, Split: "test"},
	}
	data, err := rows.Data(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(data.Classes, []string{"a", "b"}) || data.Train.Y[0][0] != 1 || data.Validation.X[0] != "2" || data.Test.Len() != 1 {
		t.Errorf("got %+v", data)
	}
	if _, err := rows.Data([]string{"a"}); err == nil || !strings.Contains(err.Error(), `"b" is not one of`) {
		t.Errorf("unknown label: error %v", err)
	}
	rows[0].Split = "other"
	if _, err := rows.Data(nil); err == nil || !strings.Contains(err.Error(), `split is "other"`) {
		t.Errorf("unknown split: error %v", err)
	}
}

// grouped has 300 patients of one to four notes, a fifth of them ill.
func grouped() text.Dataset {
	var set text.Dataset
	for patient := range 300 {
		for note := range 1 + patient%4 {
			set.X = append(set.X, fmt.Sprintf("note %d of patient%03d", note, patient))
			set.Y = append(set.Y, []int{min(1, patient%5) ^ 1})
			set.Group = append(set.Group, fmt.Sprint(patient))
		}
	}
	return set
}

func TestCutKeepsGroupsTogether(t *testing.T) {
	set := grouped()
	data, err := text.Cut(set, 0.1, 0.2, 1)
	if err != nil {
		t.Fatal(err)
	}
	part := map[string]string{}
	total := 0
	for _, d := range []text.Dataset{data.Train, data.Validation, data.Test} {
		ill := 0
		for i, group := range d.Group {
			if other := part[group]; other != "" && other != d.Name {
				t.Fatalf("patient %s is in %s and %s", group, other, d.Name)
			}
			part[group] = d.Name
			ill += d.Y[i][0]
		}
		total += d.Len()
		if share := float64(ill) / float64(d.Len()); share < 0.17 || share > 0.23 {
			t.Errorf("%s: %.3f are ill, want about 0.2", d.Name, share)
		}
	}
	if total != set.Len() {
		t.Errorf("%d rows in the parts, want %d", total, set.Len())
	}
	if share := float64(data.Test.Len()) / float64(total); share < 0.18 || share > 0.22 {
		t.Errorf("the test part has %.3f of the rows, want 0.2", share)
	}
	again, _ := text.Cut(set, 0.1, 0.2, 1)
	if !slices.Equal(again.Test.X, data.Test.X) {
		t.Error("the same seed cuts otherwise")
	}
	if err := data.Audit(); err != nil {
		t.Errorf("audit: %v", err)
	}
	if _, err := text.Cut(set, 0.5, 0.5, 1); err == nil {
		t.Error("nothing is left to train on, and no error")
	}
}

// TestCutOfFew: the parts have their shares also where there are few rows, and
// where shares are small.
func TestCutOfFew(t *testing.T) {
	f := func(rows int, validation, test float64, want ...int) {
		t.Helper()
		var set text.Dataset
		for i := range rows {
			set.X, set.Y = append(set.X, fmt.Sprint(i)), append(set.Y, []int{i % 2})
		}
		d, err := text.Cut(set, validation, test, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := []int{d.Train.Len(), d.Validation.Len(), d.Test.Len()}; !slices.Equal(got, want) {
			t.Errorf("%d rows, %g and %g: got %d, want %d", rows, validation, test, got, want)
		}
	}
	f(10, 0.1, 0.2, 7, 1, 2)
	f(4, 0.25, 0.25, 2, 1, 1)
	f(1000, 0.02, 0, 980, 20, 0)
	f(1000, 0.17, 0.33, 500, 170, 330)
	f(1, 0.1, 0.2, 1, 0, 0)
}

func TestFolds(t *testing.T) {
	folds, err := text.Folds(grouped(), 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	var rows []int
	for _, fold := range folds {
		rows = append(rows, fold...)
		if len(fold) < 140 || len(fold) > 160 {
			t.Errorf("a fold has %d of 750 rows", len(fold))
		}
	}
	slices.Sort(rows)
	for i, row := range rows {
		if i != row {
			t.Fatalf("row %d is missing or twice", i)
		}
	}
	if _, err := text.Folds(grouped(), 1, 1); err == nil {
		t.Error("one fold is no error")
	}
	few := grouped()
	for i := range few.Group {
		few.Group[i] = []string{"a", "b"}[i%2]
	}
	if _, err := text.Folds(few, 3, 1); err == nil || !strings.Contains(err.Error(), "fewer groups") {
		t.Errorf("three folds of two patients: error %v", err)
	}
}

func TestNearDuplicates(t *testing.T) {
	texts := []string{
		"A 54 year old man was admitted with severe chest pain radiating to the left arm after exercise.",
		"The weather was fine and nobody was ill that day in the whole village by the sea.",
		"A 54 year old man was admitted with severe chest pain, radiating to the left arm after exercise!",
		"A 54 year old man was admitted with severe chest pain radiating to the right arm after exercise.",
		"",
		"",
	}
	got := text.NearDuplicates(texts, 0.5)
	if len(got) != 3 || got[0] != (text.Near{A: 0, B: 2, Similarity: 1}) || got[1].A != 0 || got[1].B != 3 {
		t.Errorf("got %+v", got)
	}
	// 16 shingles each, 3 of them differ: 13 of 19.
	if len(got) > 1 && got[1].Similarity != 12.0/18 {
		t.Errorf("similarity %g", got[1].Similarity)
	}
	data := text.Data{Train: text.Dataset{Name: "train", X: texts[:1], Group: []string{"p"}}, Test: text.Dataset{Name: "test", X: texts[2:3], Group: []string{"p"}}}
	for _, want := range []string{"1 groups are in both train and test", "1 of 1 texts of test are almost the same as one of train"} {
		if err := data.Audit(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("audit: error %v, want one with %q", err, want)
		}
	}
	data.AllowLeak = "the split is the published one"
	if err := data.Audit(); err != nil || len(data.Notes) != 1 || !strings.Contains(data.Notes[0], data.AllowLeak) {
		t.Errorf("audit with a reason: error %v, notes %q", err, data.Notes)
	}
}

// TestAuditOfTemplates: thousands of the same note are counted, not paired.
func TestAuditOfTemplates(t *testing.T) {
	same := slices.Repeat([]string{"No acute distress. Lungs are clear."}, 20000)
	data := text.Data{Train: text.Dataset{Name: "train", X: same}, Test: text.Dataset{Name: "test", X: same[:3000]}}
	if err := data.Audit(); err == nil || !strings.Contains(err.Error(), "3000 of 3000 texts of test are almost the same") {
		t.Errorf("error %v", err)
	}
}

func TestReadVectors(t *testing.T) {
	word2vec, err := text.ReadVectors(strings.NewReader("2 3\nfever 1 2 3\ncough 4 5 6 \n"), nil)
	if err != nil || word2vec.Width != 3 || !slices.Equal(word2vec.Of["cough"], []float32{4, 5, 6}) || len(word2vec.Of) != 2 {
		t.Errorf("word2vec: %+v, %v", word2vec, err)
	}
	glove, err := text.ReadVectors(strings.NewReader("fever 1 2 3\n. . . 4 5 6\nrash 7 8 9\n"), func(word string) bool { return word != "rash" })
	if err != nil || glove.Width != 3 || !slices.Equal(glove.Of[". . ."], []float32{4, 5, 6}) || len(glove.Of) != 2 {
		t.Errorf("GloVe: %+v, %v", glove, err)
	}
	for _, bad := range []string{"", "fever 1 2\ncough 1\n", "fever 1 x\n"} {
		if _, err := text.ReadVectors(strings.NewReader(bad), nil); err == nil {
			t.Errorf("%q is no error", bad)
		}
	}
}

func FuzzReadVectors(f *testing.F) {
	f.Add("2 3\na 1 2 3\n")
	f.Add("a 1 2 3\n")
	f.Fuzz(func(t *testing.T, content string) {
		v, err := text.ReadVectors(strings.NewReader(content), nil)
		if err != nil {
			return
		}
		for word, vector := range v.Of {
			if len(vector) != v.Width {
				t.Errorf("%q has %d numbers, want %d", word, len(vector), v.Width)
			}
		}
	})
}

func FuzzSentences(f *testing.F) {
	f.Add("Seen by Dr. X. (No) fever? 2.5 mg b.i.d.\n\nEnd")
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := strings.Join(strings.Fields(strings.Join(text.Sentences(s), " ")), ""), strings.Join(strings.Fields(s), ""); got != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}

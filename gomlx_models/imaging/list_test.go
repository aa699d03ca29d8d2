package imaging

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listFolder writes a list and the small pictures a.png to d.png beside it.
func listFolder(t *testing.T, list string) string {
	t.Helper()
	dir := t.TempDir()
	for i, name := range []string{"a", "b", "c", "d"} {
		m := image.NewGray(image.Rect(0, 0, 3, 2))
		m.Pix[0] = uint8(i)
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "labels.csv")
	if err := os.WriteFile(file, []byte(list), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestList(t *testing.T) {
	list := listFolder(t, "file,disease,patient,split,age,view\na.png,1,p1,train,3,AP\nb.png,0,p2,train,71,PA\nc.png,1,p3,val,20,PA\nd.png,0,p4,test,50,AP\n")
	d, err := Open(filepath.Dir(list))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Classes, []string{"no disease", "disease"}) || !slices.Equal(d.Train.Y, []int{1, 0}) || !slices.Equal(d.Train.Group, []string{"p1", "p2"}) {
		t.Errorf("classes %q, labels %d, patients %q", d.Classes, d.Train.Y, d.Train.Group)
	}
	if d.Validation.Len() != 1 || d.Test.Len() != 1 || len(d.Files) != 5 || d.Files[1].Path != filepath.Join(filepath.Dir(list), "a.png") {
		t.Errorf("%d and %d films, files %+v", d.Validation.Len(), d.Test.Len(), d.Files)
	}
	if about := d.Train.X[0].About; about["age"] != "0–17" || about["view"] != "AP" {
		t.Errorf("the first film is %v", about)
	}
	if p := pixels(t, d.Validation.X[0]); p.Values[0] != 2 {
		t.Errorf("c.png is %v", p)
	}

	named, err := List(list, Columns{Label: "view", About: []string{}})
	if err != nil || !slices.Equal(named.Classes, []string{"AP", "PA"}) || named.Train.X[0].About != nil {
		t.Errorf("by view: %q, %v, %v", named.Classes, named.Train.X[0].About, err)
	}
}

func TestListFindings(t *testing.T) {
	list := listFolder(t, "file,effusion,mass,split\na.png,1,,train\nb.png,0,1.0,train\nc.png,,,val\nd.png,1,1,test\n")
	d, err := ListFindings(list, Columns{Labels: []string{"mass", "effusion"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(d.Train.Y, d.Validation.Y, d.Test.Y); got != "[[false true] [true false]] [[false false]] [[true true]]" {
		t.Errorf("findings are %s", got)
	}
}

func TestListErrorsAreSentences(t *testing.T) {
	f := func(list string, columns Columns, want string) {
		t.Helper()
		_, err := List(listFolder(t, list), columns)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
	f("file,label\n", Columns{}, "no rows")
	f("file\na.png\n", Columns{}, "no column of labels")
	f("file,label\na.png,x,y\n", Columns{}, "wrong number of fields")
	f("file,label\na.png,\n", Columns{}, "row 1 has no label")
	f("file,label\na.png,x\n", Columns{Label: "lable"}, `no column "lable": it has file, label`)
	f("file,label\na.png,x\n", Columns{Patient: "who"}, `no column "who"`)
	f("file,label,patient\na.png,x,\n", Columns{}, "row 1 has no patient")
	f("file,label,split\na.png,x,holdout\n", Columns{}, `split "holdout"`)
	f("file,label\na.png,x\nz.png,y\n", Columns{}, "row 2: film z.png is not there")
	f("file,label,split\na.png,x,test\n", Columns{}, "no films to train on")
	if _, err := ListFindings(listFolder(t, "file,mass\na.png,2\n"), Columns{Labels: []string{"mass"}}); err == nil || !strings.Contains(err.Error(), `mass is "2"`) {
		t.Errorf("a finding of 2: got error %v", err)
	}
	if _, err := List(filepath.Join(t.TempDir(), "none.csv"), Columns{}); err == nil {
		t.Error("a list that is not there: no error")
	}
}

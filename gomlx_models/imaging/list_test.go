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

	"github.com/assay-ml/assay/gomlx_models/modeltest"
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

// Without a column of patients, DICOM files say whose they are: two of one patient
// are on one side, whatever their names.
func TestListOfDICOM(t *testing.T) {
	samples := modeltest.Data(t, "image/dicom_nifti_samples")
	dir := t.TempDir()
	list := "file,label,age\n"
	for i, name := range []string{"MR_small.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm", "CT_small.dcm"} {
		content, err := os.ReadFile(filepath.Join(samples, name))
		if err != nil {
			t.Fatal(err)
		}
		film := fmt.Sprintf("IM%06d", i) // as scanners export them
		if err := os.WriteFile(filepath.Join(dir, film), content, 0o666); err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintf("%s,%d,%s\n", film, i%2, []string{"nan", "055Y", "7", ""}[i])
	}
	if err := os.WriteFile(filepath.Join(dir, "labels.csv"), []byte(list), 0o666); err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	sides := map[string]string{}
	films := map[string]Film{}
	for _, side := range d.sides() {
		for i, who := range side.Group {
			if was := sides[who]; was != "" && was != side.Name {
				t.Errorf("patient %s is in %s and %s", who, was, side.Name)
			}
			sides[who] = side.Name
			films[side.X[i].Name] = side.X[i]
		}
	}
	if len(sides) != 2 || sides["4MR1"] == "" || sides["1CT1"] == "" {
		t.Errorf("patients are %v", sides)
	}
	if about := films["IM000001"].About; about["sex"] != "F" || about["age"] != "40–64" || about["modality"] != "MR" {
		t.Errorf("the second film is %v", about)
	}
	// Its header says 000Y, the list nothing.
	if about := films["IM000003"].About; about["age"] != "0–17" {
		t.Errorf("the last film is %v", about)
	}

	nobody, err := List(listFolder(t, "file,label\na.png,x\nb.png,y\nc.png,x\nd.png,y\n"), Columns{})
	if err != nil || nobody.Train.Group != nil {
		t.Errorf("a list that names no patient: %q, %v", nobody.Train.Group, err)
	}
}

func TestAgeBand(t *testing.T) {
	for age, want := range map[string]string{
		"3": "0–17", "17.9": "0–17", "18": "18–39", "64": "40–64", "65": "65 and over", "058Y": "40–64", "000Y": "0–17",
		"230M": "18–39", "010D": "0–17", "099W": "0–17",
		"": "", "NaN": "", "nan": "", "-1": "", "414": "", "60 or so": "60 or so", "Y": "Y",
	} {
		if got := ageBand(age); got != want {
			t.Errorf("age %q is in band %q, want %q", age, got, want)
		}
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

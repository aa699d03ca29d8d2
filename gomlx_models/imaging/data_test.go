package imaging

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/assay-ml/assay/data"
)

// npy writes an array as NumPy 1.0 does.
func npy(descr, shape string, raw []byte) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n", descr, shape)
	out := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(out[8:], uint16(len(header)))
	return append(append(out, header...), raw...)
}

func npz(t *testing.T, arrays map[string][]byte) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range arrays {
		f, err := w.Create(name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		f.Write(content)
	}
	w.Close()
	file := filepath.Join(t.TempDir(), "set.npz")
	if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

func medMNISTArrays() map[string][]byte {
	arrays := map[string][]byte{}
	for _, split := range []string{"train", "val", "test"} {
		arrays[split+"_images"] = npy("|u1", "2, 2, 3", []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
		arrays[split+"_labels"] = npy("<i8", "2, 1", []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	}
	return arrays
}

func TestMedMNIST(t *testing.T) {
	d, err := MedMNIST(npz(t, medMNISTArrays()), []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	if got := []int{d.Train.Len(), d.Validation.Len(), d.Test.Len()}; !slices.Equal(got, []int{2, 2, 2}) {
		t.Errorf("got %d rows", got)
	}
	if !slices.Equal(d.Test.Y, []int{1, 0}) {
		t.Errorf("labels are %d", d.Test.Y)
	}
	p, err := d.Validation.X[1].Pixels()
	if err != nil {
		t.Fatal(err)
	}
	if p.Height != 2 || p.Width != 3 || p.Channels != 1 || !slices.Equal(p.Values, []uint8{7, 8, 9, 10, 11, 12}) {
		t.Errorf("second film is %+v", p)
	}
}

func TestMedMNISTErrorsAreSentences(t *testing.T) {
	f := func(change func(map[string][]byte), want string) {
		t.Helper()
		arrays := medMNISTArrays()
		change(arrays)
		_, err := MedMNIST(npz(t, arrays), []string{"a", "b"})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
	f(func(a map[string][]byte) { delete(a, "val_labels") }, "no array val_labels")
	f(func(a map[string][]byte) { a["train_images"] = []byte("hello") }, "not a .npy array")
	f(func(a map[string][]byte) { a["train_images"] = a["train_images"][:75] }, "cut short")
	f(func(a map[string][]byte) { a["train_images"] = npy("<f4", "1, 1, 1", make([]byte, 4)) }, `type "<f4"`)
	f(func(a map[string][]byte) { a["train_images"] = npy("|u1", "2, 6", make([]byte, 12)) }, "has shape [2 6]")
	f(func(a map[string][]byte) { a["train_images"] = npy("|u1", "2, 2, 3, 2", make([]byte, 24)) }, "channels must be 1 or 3")
	f(func(a map[string][]byte) { a["test_labels"] = npy("|u1", "2, 1", []byte{0, 7}) }, "row 1 of test has label 7")
	f(func(a map[string][]byte) { a["test_labels"] = npy("|u1", "2, 14", make([]byte, 28)) }, "14 labels a row")
	f(func(a map[string][]byte) { a["test_labels"] = npy("|u1", "3, 1", make([]byte, 3)) }, "2 films but 3 labels")
	f(func(a map[string][]byte) { a["train_images"] = npy("|u1", "99999999999, 99999999999", nil) }, "too large")
	f(func(a map[string][]byte) { a["train_images"] = npy("|u1", "9000000000000000000, 0, 0", nil) }, "too large")
	f(func(a map[string][]byte) { a["train_images"] = npy("|u1", "9000000000, 0, 0", nil) }, "rows are empty")

	file := filepath.Join(t.TempDir(), "x.npz")
	if err := os.WriteFile(file, []byte("PK nonsense"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := MedMNIST(file, nil); err == nil || !strings.Contains(err.Error(), "not an .npz file") {
		t.Errorf("no zip: got error %v", err)
	}
}

// ChestMNIST's films show several findings, or none.
func TestMedMNISTFindings(t *testing.T) {
	arrays := medMNISTArrays()
	for _, split := range []string{"train", "val", "test"} {
		arrays[split+"_labels"] = npy("|u1", "2, 3", []byte{1, 0, 1, 0, 0, 0})
	}
	labels := []string{"atelectasis", "edema", "nodule"}
	d, err := MedMNISTFindings(npz(t, arrays), labels)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Validation.Y; len(got) != 2 || !slices.Equal(got[0], []bool{true, false, true}) || slices.Contains(got[1], true) {
		t.Errorf("findings are %v", got)
	}
	arrays["test_labels"] = npy("|u1", "2, 3", []byte{1, 0, 1, 0, 2, 0})
	if _, err := MedMNISTFindings(npz(t, arrays), labels); err == nil || !strings.Contains(err.Error(), "2 as label edema") {
		t.Errorf("a label that is neither 0 nor 1: got error %v", err)
	}
}

func TestFromImage(t *testing.T) {
	f := func(m image.Image, channels int, values ...uint8) {
		t.Helper()
		p, err := FromImage("film", m).Pixels()
		if err != nil || p.Channels != channels || !slices.Equal(p.Values, values) {
			t.Errorf("%T: got %+v, %v, want %d channels of %d", m, p, err, channels, values)
		}
	}
	grey := image.NewGray(image.Rect(0, 0, 3, 2))
	copy(grey.Pix, []uint8{1, 2, 3, 4, 5, 6})
	f(grey, 1, 1, 2, 3, 4, 5, 6)
	f(grey.SubImage(image.Rect(1, 0, 3, 2)), 1, 2, 3, 5, 6)
	deep := image.NewGray16(image.Rect(0, 0, 1, 1))
	deep.SetGray16(0, 0, color.Gray16{Y: 0x1234})
	f(deep, 1, 0x12)
	colour := image.NewRGBA(image.Rect(0, 0, 1, 1))
	colour.SetRGBA(0, 0, color.RGBA{10, 20, 30, 255})
	f(colour, 3, 10, 20, 30)
}

func FuzzReadNPY(f *testing.F) {
	for _, content := range medMNISTArrays() {
		f.Add(content)
	}
	f.Add(npy(">u2", "2,", []byte{1, 2, 3, 4}))
	f.Fuzz(func(t *testing.T, content []byte) {
		a, err := readNPY(bytes.NewReader(content))
		if err != nil {
			return
		}
		n := 1
		for _, d := range a.shape {
			n *= d
		}
		if len(a.bytes)+len(a.ints) != n {
			t.Fatalf("shape %d with %d numbers", a.shape, len(a.bytes)+len(a.ints))
		}
	})
}

func TestPneumoniaMNIST(t *testing.T) {
	d, err := Open("pneumoniamnist")
	if errors.Is(err, data.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	// Counts of the official split: Yang et al. 2023, table 2.
	if got := []int{d.Train.Len(), d.Validation.Len(), d.Test.Len()}; !slices.Equal(got, []int{4708, 524, 624}) {
		t.Errorf("got %d rows", got)
	}
	if len(d.Files) != 1 || len(d.Files[0].SHA256) != 64 {
		t.Errorf("read from %+v", d.Files)
	}
}

func TestFolder(t *testing.T) {
	var picture bytes.Buffer
	m := image.NewGray(image.Rect(0, 0, 3, 2))
	m.SetGray(1, 1, color.Gray{200})
	if err := png.Encode(&picture, m); err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	for i := range 200 {
		class := []string{"pneumonia", "normal"}[i%2]
		fsys[fmt.Sprintf("%s/p%03d_%d.png", class, i/4, i)] = &fstest.MapFile{Data: picture.Bytes()}
	}
	fsys["README.txt"] = &fstest.MapFile{}
	patient := func(file string) string { return strings.SplitN(strings.SplitN(file, "/", 2)[1], "_", 2)[0] }
	d, err := Folder(fsys, "films", patient)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Classes, []string{"normal", "pneumonia"}) {
		t.Errorf("classes are %q", d.Classes)
	}
	if n := d.Train.Len() + d.Validation.Len() + d.Test.Len(); n != 200 || d.Train.Len() < 110 || d.Test.Len() < 20 {
		t.Errorf("%d, %d and %d films", d.Train.Len(), d.Validation.Len(), d.Test.Len())
	}
	side := map[string]string{}
	for _, set := range []Dataset{d.Train, d.Validation, d.Test} {
		for _, who := range set.Group {
			if was := side[who]; was != "" && was != set.Name {
				t.Errorf("patient %s is in %s and %s", who, was, set.Name)
			}
			side[who] = set.Name
		}
	}
	p, err := d.Train.X[0].Pixels()
	if err != nil {
		t.Fatal(err)
	}
	if p.Height != 2 || p.Width != 3 || p.Channels != 1 || p.Values[4] != 200 {
		t.Errorf("film is %+v", p)
	}

	fsys["normal/broken.png"] = &fstest.MapFile{Data: []byte("no picture")}
	if _, err := File(fsys, "normal/broken.png").Pixels(); err == nil || !strings.Contains(err.Error(), "normal/broken.png") {
		t.Errorf("broken picture: got error %v", err)
	}
	if _, err := Folder(fstest.MapFS{"a.png": {}}, "films", nil); err == nil || !strings.Contains(err.Error(), "class folders") {
		t.Errorf("no class folders: got error %v", err)
	}
	split, err := Folder(fstest.MapFS{"train/a/1.png": {}, "test/a/2.png": {}, "val/b/3.png": {}}, "films", nil)
	if err != nil || split.Train.Len() != 1 || split.Validation.Len() != 1 || split.Test.Len() != 1 || len(split.Classes) != 2 {
		t.Errorf("split by folders: %+v, %v", split, err)
	}
}

func TestBatchesDoNotDependOnGoroutines(t *testing.T) {
	d := Synthetic(SyntheticConfig{Films: 64, Size: 32})
	f := &fitted{Height: 24, Width: 24, Shades: 1, Config: Config{
		Classes: d.Classes, Size: 28, Crop: 24, Channels: 1,
		Augment: Augment{Flip: true, Rotate: 10, Shift: 0.1, Scale: 0.1, Brightness: 0.1, Contrast: 0.1, Noise: 0.01},
	}}
	pixels := func(workers, epoch int) []uint8 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
		source := f.source(d.Train.X, truths(d.Train, 2), true)
		var all []uint8
		for i := range 3 {
			inputs, _, err := source.Batch(epoch, []int{i, i + 10, i + 20})
			if err != nil {
				t.Fatal(err)
			}
			inputs[0].MustConstFlatData(func(flat any) { all = append(all, flat.([]uint8)...) })
		}
		return all
	}
	one := pixels(1, 4)
	if !slices.Equal(one, pixels(4, 4)) {
		t.Error("one and four goroutines give other pixels")
	}
	if slices.Equal(one, pixels(1, 5)) {
		t.Error("two epochs give the same pixels")
	}
}

func TestResizeKeepsTheMean(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := NewPixels(40, 60, 3)
	for i := range p.Values {
		p.Values[i] = uint8(rng.IntN(256))
	}
	mean := func(p Pixels) (sum float64) {
		for _, v := range p.Values {
			sum += float64(v)
		}
		return sum / float64(len(p.Values))
	}
	q := p.Resize(10, 15)
	if q.Height != 10 || q.Width != 15 || len(q.Values) != 450 {
		t.Fatalf("got %d×%d", q.Height, q.Width)
	}
	if d := mean(p) - mean(q); d < -2 || d > 2 {
		t.Errorf("mean went from %.2f to %.2f", mean(p), mean(q))
	}
	// An even ramp stays one: the inner pixels of 8 → 4 are means of 2, 4, 4, 2 eighths… of a line.
	ramp := Pixels{1, 8, 1, []uint8{0, 10, 20, 30, 40, 50, 60, 70}}
	if got := ramp.Resize(1, 4).Values[1:3]; !slices.Equal(got, []uint8{25, 45}) {
		t.Errorf("ramp: got %d, want 25, 45", got)
	}
	if got := ramp.Resize(1, 8); !slices.Equal(got.Values, ramp.Values) {
		t.Errorf("the same size: got %d", got.Values)
	}
}

func TestAugmentNothingIsNothing(t *testing.T) {
	p, err := Synthetic(SyntheticConfig{Films: 8, Size: 16}).Train.X[0].Pixels()
	if err != nil {
		t.Fatal(err)
	}
	q := Augment{}.apply(rand.New(rand.NewPCG(1, 1)), p)
	if !slices.Equal(p.Values, q.Values) {
		t.Error("pixels changed")
	}
	flip := p.warp(true, 0, 0, 0, 1)
	for y := range 16 {
		for x := range 16 {
			if flip.Values[y*16+x] != p.Values[y*16+15-x] {
				t.Fatalf("mirrored: (%d, %d) is %d", y, x, flip.Values[y*16+x])
			}
		}
	}
}

func TestHoldOutKeepsPatientsWhole(t *testing.T) {
	set := Synthetic(SyntheticConfig{Films: 160, Size: 8}).Train
	for i := range set.Len() {
		set.Group = append(set.Group, fmt.Sprint(i/5))
	}
	rest, held := holdOut(set, 0.2, 3)
	if rest.Len()+held.Len() != set.Len() || held.Len() != set.Len()/5 {
		t.Errorf("%d and %d of %d", rest.Len(), held.Len(), set.Len())
	}
	for _, who := range held.Group {
		if slices.Contains(rest.Group, who) {
			t.Errorf("patient %s is on both sides", who)
		}
	}
}

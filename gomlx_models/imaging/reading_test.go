package imaging

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/imaging/dicom"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
)

// What pydicom and nibabel say of these files is in the tests of dicom and nifti.
func TestFilmsOfScanners(t *testing.T) {
	fsys := os.DirFS(modeltest.Data(t, "image/dicom_nifti_samples"))
	f := func(r Reading, path string, films, height, width, channels int) []Film {
		t.Helper()
		all, err := r.Films(fsys, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		p, err := all[len(all)-1].Pixels()
		if err != nil || len(all) != films || p.Height != height || p.Width != width || p.Channels != channels {
			t.Errorf("%s: %d films of %d×%d pixels and %d channels, %v", path, len(all), p.Height, p.Width, p.Channels, err)
		}
		return all
	}
	mr := f(Reading{}, "MR_small_RLE.dcm", 1, 64, 64, 1)
	if mr[0].About["sex"] != "F" || mr[0].About["device"] != "TOSHIBA_MEC" {
		t.Errorf("the MR slice is %v", mr[0].About)
	}
	f(Reading{}, "SC_rgb_rle.dcm", 1, 100, 100, 3)
	f(Reading{}, "SC_rgb_jpeg.dcm", 1, 256, 256, 3)
	f(Reading{}, "rtdose.dcm", 15, 10, 10, 1)
	f(Reading{}, "example4d.nii.gz", 48, 96, 128, 1)
	f(Reading{Across: "x"}, "example4d.nii.gz", 256, 24, 96, 1)
	f(Reading{Across: "y"}, "anatomical.nii", 41, 25, 33, 1)

	// A window of 1 HU at 0 leaves black and white alone.
	ct := f(Reading{Window: dicom.Window{Width: 1}}, "CT_small.dcm", 1, 128, 128, 1)
	for i, v := range pixels(t, ct[0]).Values {
		if v != 0 && v != 255 {
			t.Fatalf("pixel %d is %d", i, v)
		}
	}

	for path, want := range map[string]string{
		"rtdose.dcm": "15 pictures", "anatomical.nii": "25 pictures", "MR_small_jpeg_ls_lossless.dcm": "JPEG-LS", "nowhere.dcm": "nowhere.dcm",
	} {
		if _, err := File(fsys, path).Pixels(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", path, err, want)
		}
	}
	if _, err := (Reading{Across: "xy"}).Films(fsys, "anatomical.nii"); err == nil || !strings.Contains(err.Error(), `"xy"`) {
		t.Errorf("across xy: got error %v", err)
	}
}

func TestFolderOfDICOMKnowsItsPatients(t *testing.T) {
	dir := modeltest.Data(t, "image/dicom_nifti_samples")
	fsys := fstest.MapFS{}
	for i, name := range []string{"CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		fsys[fmt.Sprintf("train/class%d/%s", i%2, name)] = &fstest.MapFile{Data: content}
		fsys[fmt.Sprintf("test/class%d/1.2.840.%d", i%2, i)] = &fstest.MapFile{Data: content} // as scanners export them
	}
	fsys["test/class0/README"] = &fstest.MapFile{Data: []byte("no picture")}
	d, err := Folder(fsys, "scans", nil)
	if err != nil || !slices.Equal(d.Train.Group, []string{"1CT1", "4MR1", "4MR1"}) || d.Train.X[0].About["modality"] != "CT" {
		t.Errorf("patients %q, %v", d.Train.Group, err)
	}
	if d.Test.Len() != 3 || d.Test.Group[2] != "4MR1" || pixels(t, d.Test.X[0]).Width != 128 {
		t.Errorf("of files without an ending: patients %q", d.Test.Group)
	}
}

func TestWindowOfDeepPNG(t *testing.T) {
	m := image.NewGray16(image.Rect(0, 0, 3, 1))
	for x, v := range []uint16{0, 2048, 4095} { // 12 bits
		m.SetGray16(x, 0, color.Gray16{Y: v})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{"film.png": {Data: b.Bytes()}}
	f := func(window dicom.Window, want ...uint8) {
		t.Helper()
		if got := pixels(t, Reading{Window: window}.File(fsys, "film.png")).Values; !slices.Equal(got, want) {
			t.Errorf("%+v: got %d, want %d", window, got, want)
		}
	}
	f(dicom.Window{}, 0, 8, 15)
	f(dicom.Window{Center: 2048, Width: 4096}, 0, 128, 255)
}

// Films are decoded in parallel, ahead of the training step, and few at a time
// are in memory: the batches that wait and the one that is trained on.
func TestStreamingIsBoundedAndInOrder(t *testing.T) {
	if _, err := fit.Backend(); err != nil {
		t.Skip(err)
	}
	const films, batch = 120, 4
	var file bytes.Buffer
	if err := png.Encode(&file, pixels(t, Synthetic(SyntheticConfig{Films: 8, Size: 64}).Train.X[0]).Image()); err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{"film.png": {Data: file.Bytes()}}
	var decoded, running, together atomic.Int64
	train := Dataset{Name: "stream"}
	for i := range films {
		film := File(fsys, "film.png")
		train.X = append(train.X, NewFilm(fmt.Sprint(i), func() (Pixels, error) {
			now := running.Add(1)
			defer running.Add(-1)
			for old := together.Load(); now > old && !together.CompareAndSwap(old, now); old = together.Load() {
			}
			decoded.Add(1)
			runtime.Gosched()
			p, err := film.Pixels()
			if err == nil {
				p.Values[0] = uint8(i)
			}
			return p, err
		}))
		train.Y = append(train.Y, i%2)
	}
	ctx := context.Background()
	ahead := int64(0)
	run := func(workers, memory int) [][]float64 {
		t.Helper()
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
		decoded.Store(0)
		trained := observer(func(step int64) {
			ahead = max(ahead, decoded.Load()-step*batch)
		})
		m := New(Config{Classes: []string{"even", "odd"}, Size: 16, Filters: []int{2}, Dense: 4, HoldOut: -1, Memory: memory,
			Augment: Augment{Shift: 0.1}, Options: fit.Options{Epochs: 2, Batch: batch, Seed: 1}})
		if err := m.Fit(ctx, train, trained); err != nil {
			t.Fatal(err)
		}
		if want := int64(films * 2); memory < 0 && decoded.Load() > want+2 {
			t.Errorf("%d films were decoded, want %d and a look at the first", decoded.Load(), want)
		}
		probs, err := m.Predict(ctx, train.X[:8])
		if err != nil {
			t.Fatal(err)
		}
		return probs
	}
	want := run(1, -1)
	if most := int64(batch * 4); ahead > most {
		t.Errorf("%d films were decoded ahead of the step, at most %d may wait", ahead, most)
	}
	together.Store(0)
	for name, got := range map[string][][]float64{"four workers": run(4, -1), "films kept in memory": run(2, 0)} {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if together.Load() < 2 {
		t.Error("no two films were decoded at the same time")
	}
}

type observer func(step int64)

func (o observer) Step(step int64, _ []string, _ []float64) error {
	o(step)
	return nil
}

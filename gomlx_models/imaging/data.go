package imaging

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assay-ml/assay/data"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/imaging/dicom"
)

// Dataset is films with the index of the class that each shows.
type Dataset = models.Dataset[Film, int]

// Findings is films and, label by label, whether each shows it.
type Findings = models.Dataset[Film, []bool]

// Outcome is what is known of a film: the index of its one class, or which of
// several labels it shows.
type Outcome interface{ int | []bool }

// Splits is a data set cut in three: Train to learn from, Validation to choose
// the epoch and the threshold by, Test to judge on once.
type Splits[Y Outcome] struct {
	Name                    string
	Classes                 []string // what the outcomes index
	Train, Validation, Test models.Dataset[Film, Y]
	Files                   []data.File // that it was read from; nil if it was generated
	Notes                   []string    // what a reader of any result must know

	// AllowLeak says why films that are on two sides of the split are no
	// obstacle, and has [Splits.Audit] report them instead of failing. It goes into reports.
	AllowLeak string
}

// Data is films of one class each, cut in three.
type Data = Splits[int]

// sides returns the three.
func (d *Splits[Y]) sides() []*models.Dataset[Film, Y] {
	return []*models.Dataset[Film, Y]{&d.Train, &d.Validation, &d.Test}
}

// named returns empty Splits whose sides have their names.
func named[Y Outcome](name string) Splits[Y] {
	d := Splits[Y]{Name: name}
	for i, side := range d.sides() {
		side.Name = sideNames[i]
	}
	return d
}

var sideNames = []string{"train", "validation", "test"}

// Open returns the data set called name:
//
//   - "synthetic": films that a generator draws, see [Synthetic]. They need no
//     files and no network, and stand for no patient.
//   - a MedMNIST set with one label a picture, "pneumoniamnist", with its
//     official split: see `assay data ls`.
//   - a folder with a file labels.csv: see [List].
//   - another folder: see [Folder].
//
// It never downloads: see data.Get.
func Open(name string) (Data, error) {
	if name == "synthetic" {
		return Synthetic(SyntheticConfig{}), nil
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		if list := filepath.Join(name, "labels.csv"); exists(list) {
			return List(list, Columns{})
		}
		return Folder(os.DirFS(name), name, nil)
	}
	set, err := data.Lookup(name)
	if err != nil {
		return Data{}, fmt.Errorf("%w, synthetic, or a folder with one folder a class", err)
	}
	files, err := data.Find(name)
	if err != nil {
		return Data{}, err
	}
	d, err := MedMNIST(files[0].Path, set.Classes)
	d.Name, d.Files, d.AllowLeak = name, files, officialSplit
	return d, err
}

// officialSplit is why a leak in a published split is no obstacle.
const officialSplit = "the split is the published one, kept so that results compare with others'"

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// MedMNIST reads a file in MedMNIST's layout: train_images, val_images and
// test_images, uint8 [rows, height, width] or [rows, height, width, 3], and
// train_labels, val_labels and test_labels, [rows, 1].
func MedMNIST(file string, classes []string) (Data, error) {
	return medMNIST(file, classes, 1, func(labels []int) (int, error) {
		if label := labels[0]; label < 0 || label >= len(classes) {
			return 0, fmt.Errorf("label %d: there are %d classes", label, len(classes))
		}
		return labels[0], nil
	})
}

// MedMNISTFindings reads such a file whose labels, [rows, labels], are 0 or 1:
// that of "chestmnist".
func MedMNISTFindings(file string, labels []string) (Splits[[]bool], error) {
	return medMNIST(file, labels, len(labels), func(row []int) ([]bool, error) {
		shown := make([]bool, len(row))
		for i, v := range row {
			if v != 0 && v != 1 {
				return nil, fmt.Errorf("%d as label %s: it must be 0 or 1", v, labels[i])
			}
			shown[i] = v == 1
		}
		return shown, nil
	})
}

func medMNIST[Y Outcome](file string, classes []string, width int, outcome func(labels []int) (Y, error)) (Splits[Y], error) {
	splits := []string{"train", "val", "test"}
	var names []string
	for _, split := range splits {
		names = append(names, split+"_images", split+"_labels")
	}
	arrays, err := readNPZ(file, names...)
	if err != nil {
		return Splits[Y]{}, err
	}
	d := named[Y](file)
	d.Classes = classes
	for i, side := range d.sides() {
		split := splits[i]
		images, labels := arrays[split+"_images"], arrays[split+"_labels"]
		if side.X, err = medMNISTFilms(split, images); err != nil {
			return Splits[Y]{}, fmt.Errorf("%s: %w", file, err)
		}
		if got := labels.width(); got != width {
			return Splits[Y]{}, fmt.Errorf("%s: %s_labels has %d labels a row, not %d", file, split, got, width)
		}
		if images.len() != labels.len() {
			return Splits[Y]{}, fmt.Errorf("%s: %s has %d films but %d labels", file, split, images.len(), labels.len())
		}
		for row := range labels.len() {
			y, err := outcome(labels.row(row))
			if err != nil {
				return Splits[Y]{}, fmt.Errorf("%s: row %d of %s has %w", file, row, split, err)
			}
			side.Y = append(side.Y, y)
		}
	}
	return d, nil
}

func medMNISTFilms(split string, images array) ([]Film, error) {
	channels := 1
	if len(images.shape) == 4 {
		channels = images.shape[3]
	}
	if images.bytes == nil || len(images.shape) < 3 || len(images.shape) > 4 {
		return nil, fmt.Errorf("%s_images has shape %d: uint8 [rows, height, width] or [rows, height, width, 3] is needed", split, images.shape)
	}
	size := images.width()
	films := make([]Film, images.len())
	for i := range films {
		p := Pixels{images.shape[1], images.shape[2], channels, images.bytes[i*size : (i+1)*size : (i+1)*size]}
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("%s_images: %w", split, err)
		}
		films[i] = Of(fmt.Sprintf("%s/%d", split, i), p)
	}
	return films, nil
}

// Folder reads films from folders that are named after their classes:
//
//	normal/a.png  normal/b.dcm  pneumonia/c.jpg
//
// or from such folders in train, val (or validation) and test. Without these,
// each patient goes to one side by a hash of his name: 70 % to train, 10 % to
// validation, 20 % to test, so that films added later move no one. patient
// says whose a file is; nil takes the Patient ID of DICOM files, and every other file for
// another patient. If no file has one, Group is nil, and [Splits.Audit] says so.
// Class names are in alphabetical order. Films are decoded only when they are needed.
//
// Files are pictures by their names' endings; others are if they begin as DICOM
// files do, which scanners export without one.
func Folder(fsys fs.FS, name string, patient func(file string) string) (Data, error) {
	d := named[int](name)
	sides := map[string]*Dataset{"train": &d.Train, "val": &d.Validation, "validation": &d.Validation, "test": &d.Test}
	type file struct {
		path, class string
		side        *Dataset
	}
	var files []file
	err := fs.WalkDir(fsys, ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if picture, err := isPicture(fsys, p); err != nil || !picture {
			return err
		}
		parts := strings.Split(p, "/")
		switch {
		case len(parts) == 2:
			files = append(files, file{p, parts[0], nil})
		case len(parts) == 3 && sides[parts[0]] != nil:
			files = append(files, file{p, parts[1], sides[parts[0]]})
		}
		return nil
	})
	if err != nil {
		return Data{}, fmt.Errorf("folder %s: %w", name, err)
	}
	if len(files) == 0 {
		return Data{}, fmt.Errorf("folder %s has no pictures in class folders: it needs files such as normal/a.png, or train/normal/a.png, or a list of them, labels.csv", name)
	}
	for _, f := range files {
		if !slices.Contains(d.Classes, f.class) {
			d.Classes = append(d.Classes, f.class)
		}
	}
	slices.Sort(d.Classes)
	known := patient != nil
	for _, f := range files {
		film, header, read, err := Reading{}.look(fsys, f.path, true)
		if err != nil {
			return Data{}, fmt.Errorf("folder %s: %w", name, err)
		}
		known = known || header.Patient != ""
		who := cmp.Or(header.Patient, f.path)
		if patient != nil {
			who = patient(f.path)
		}
		side := f.side
		if side == nil {
			side = d.sides()[sideOf(who)]
		}
		side.X = append(side.X, film)
		side.Y = append(side.Y, slices.Index(d.Classes, f.class))
		side.Group = append(side.Group, who)
		read.Path = filepath.Join(name, filepath.FromSlash(f.path))
		d.Files = append(d.Files, read)
	}
	if d.Train.Len() == 0 {
		return Data{}, errors.New("folder " + name + " has no films to train on")
	}
	if !known {
		d.forgetPatients()
	}
	return d, nil
}

// forgetPatients has nobody own the films: what stood for patients were files.
func (d *Splits[Y]) forgetPatients() {
	for _, side := range d.sides() {
		side.Group = nil
	}
}

// look returns the film in a file, what its header says if it is in DICOM, and
// the file's size and, if digest says so, its digest.
func (r Reading) look(fsys fs.FS, path string, digest bool) (Film, dicom.Header, data.File, error) {
	film := r.File(fsys, path)
	fail := func(err error) (Film, dicom.Header, data.File, error) { return film, dicom.Header{}, data.File{}, err }
	f, err := fsys.Open(path)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	in, start, err := peek(f)
	if err != nil {
		return fail(err)
	}
	var header dicom.Header
	sum, size := sha256.New(), int64(0)
	if isDICOM(path, start) {
		content, err := io.ReadAll(in)
		if err != nil {
			return fail(err)
		}
		if header, err = dicom.ReadHeader(content); err != nil {
			return fail(fmt.Errorf("film %s: %w", path, err))
		}
		film.About = about(header)
		size = int64(len(content))
		sum.Write(content)
	} else if digest {
		if size, err = io.Copy(sum, in); err != nil {
			return fail(err)
		}
	}
	return film, header, data.File{Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// isPicture reports whether a file is one by its name, or is in DICOM.
func isPicture(fsys fs.FS, path string) (bool, error) {
	lower := strings.ToLower(path)
	if slices.ContainsFunc(pictureFiles, func(ending string) bool { return strings.HasSuffix(lower, ending) }) {
		return true, nil
	}
	f, err := fsys.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	_, start, err := peek(f)
	return isDICOM(path, start), err
}

var pictureFiles = []string{".png", ".jpg", ".jpeg", ".gif", ".dcm", ".nii", ".nii.gz"}

// sideOf returns 0 for seven patients in ten, 1 for one, 2 for two.
func sideOf(patient string) int {
	sum := sha256.Sum256([]byte(patient))
	switch share := float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32); {
	case share < 0.7:
		return 0
	case share < 0.8:
		return 1
	}
	return 2
}

// Uses says which data a program that trains and judges on d reads, for a run
// to record.
func (d Splits[Y]) Uses() []models.DataUse {
	var uses []models.DataUse
	for _, set := range d.sides() {
		if set.Len() > 0 {
			uses = append(uses, models.DataUse{Name: d.Name, Split: set.Name, Rows: set.Len(), Files: d.Files})
		}
	}
	return uses
}

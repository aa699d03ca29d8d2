package imaging

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assay-ml/assay/data"
	models "github.com/assay-ml/assay/gomlx_models"
)

// Dataset is films with the index of the class that each shows.
type Dataset = models.Dataset[Film, int]

// Data is a data set cut in three: Train to learn from, Validation to choose
// the epoch and the threshold by, Test to judge on once.
type Data struct {
	Name                    string
	Classes                 []string // what the labels index
	Train, Validation, Test Dataset
	Files                   []data.File // that it was read from; nil if it was generated
	Notes                   []string    // what a reader of any result must know
}

// Open returns the data set called name:
//
//   - "synthetic": films that a generator draws, see [Synthetic]. They need no
//     files and no network, and stand for no patient.
//   - a MedMNIST set with one label a picture, "pneumoniamnist", with its
//     official split: see `assay data ls`.
//   - a folder: see [Folder].
//
// It never downloads: see data.Get.
func Open(name string) (Data, error) {
	if name == "synthetic" {
		return Synthetic(SyntheticConfig{}), nil
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
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
	d.Name, d.Files = name, files
	return d, err
}

// MedMNIST reads a file in MedMNIST's layout: train_images, val_images and
// test_images, uint8 [rows, height, width] or [rows, height, width, 3], and
// train_labels, val_labels and test_labels, [rows, 1].
func MedMNIST(file string, classes []string) (Data, error) {
	splits := []string{"train", "val", "test"}
	var names []string
	for _, split := range splits {
		names = append(names, split+"_images", split+"_labels")
	}
	arrays, err := readNPZ(file, names...)
	if err != nil {
		return Data{}, err
	}
	d := Data{Name: file, Classes: classes}
	for i, set := range []*Dataset{&d.Train, &d.Validation, &d.Test} {
		if *set, err = medMNISTSplit(splits[i], arrays[splits[i]+"_images"], arrays[splits[i]+"_labels"], len(classes)); err != nil {
			return Data{}, fmt.Errorf("%s: %w", file, err)
		}
	}
	d.Validation.Name = "validation"
	return d, nil
}

func medMNISTSplit(split string, images, labels array, classes int) (Dataset, error) {
	set := Dataset{Name: split}
	channels := 1
	if len(images.shape) == 4 {
		channels = images.shape[3]
	}
	if images.bytes == nil || len(images.shape) < 3 || len(images.shape) > 4 {
		return set, fmt.Errorf("%s_images has shape %d: uint8 [rows, height, width] or [rows, height, width, 3] is needed", split, images.shape)
	}
	if len(labels.shape) > 1 && labels.shape[1] != 1 {
		return set, fmt.Errorf("%s_labels has %d labels a row: this model takes one", split, labels.shape[1])
	}
	if images.len() != labels.len() {
		return set, fmt.Errorf("%s has %d films but %d labels", split, images.len(), labels.len())
	}
	size := images.shape[1] * images.shape[2] * channels
	for i := range images.len() {
		p := Pixels{images.shape[1], images.shape[2], channels, images.bytes[i*size : (i+1)*size : (i+1)*size]}
		if err := p.check(); err != nil {
			return set, fmt.Errorf("%s_images: %w", split, err)
		}
		label := labels.at(i)
		if label < 0 || label >= classes {
			return set, fmt.Errorf("row %d of %s has label %d: there are %d classes", i, split, label, classes)
		}
		set.X = append(set.X, Of(fmt.Sprintf("%s/%d", split, i), p))
		set.Y = append(set.Y, label)
	}
	return set, nil
}

// Folder reads films from folders that are named after their classes:
//
//	normal/a.png  normal/b.jpg  pneumonia/c.png
//
// or from such folders in train, val (or validation) and test. Without these,
// each patient goes to one side by a hash of his name: 70 % to train, 10 % to
// validation, 20 % to test, so that films added later move no one. patient
// says whose a file is; nil takes every file for another patient. Class names
// are in alphabetical order. Films are decoded only when they are needed.
func Folder(fsys fs.FS, name string, patient func(file string) string) (Data, error) {
	d := Data{Name: name}
	d.Train.Name, d.Validation.Name, d.Test.Name = "train", "validation", "test"
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
		if !slices.Contains(pictureFiles, strings.ToLower(path.Ext(p))) {
			return nil
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
		return Data{}, fmt.Errorf("folder %s has no pictures in class folders: it needs files such as normal/a.png, or train/normal/a.png", name)
	}
	for _, f := range files {
		if !slices.Contains(d.Classes, f.class) {
			d.Classes = append(d.Classes, f.class)
		}
	}
	slices.Sort(d.Classes)
	for _, f := range files {
		who := f.path
		if patient != nil {
			who = patient(f.path)
		}
		side := f.side
		if side == nil {
			side = []*Dataset{&d.Train, &d.Validation, &d.Test}[sideOf(who)]
		}
		side.X = append(side.X, File(fsys, f.path))
		side.Y = append(side.Y, slices.Index(d.Classes, f.class))
		side.Group = append(side.Group, who)
		read, err := digest(fsys, f.path)
		if err != nil {
			return Data{}, fmt.Errorf("folder %s: %w", name, err)
		}
		read.Path = filepath.Join(name, filepath.FromSlash(f.path))
		d.Files = append(d.Files, read)
	}
	if d.Train.Len() == 0 {
		return Data{}, errors.New("folder " + name + " has no films to train on")
	}
	return d, nil
}

// digest returns the size and digest of a file.
func digest(fsys fs.FS, name string) (data.File, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return data.File{}, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	return data.File{Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

var pictureFiles = []string{".png", ".jpg", ".jpeg", ".gif"}

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
func (d Data) Uses() []models.DataUse {
	var uses []models.DataUse
	for _, set := range []Dataset{d.Train, d.Validation, d.Test} {
		if set.Len() > 0 {
			uses = append(uses, models.DataUse{Name: d.Name, Split: set.Name, Rows: set.Len(), Files: d.Files})
		}
	}
	return uses
}

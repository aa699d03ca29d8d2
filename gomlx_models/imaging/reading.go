package imaging

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	_ "image/gif" // films come as GIF too
	_ "image/jpeg"
	_ "image/png"
	"io"
	"io/fs"
	"strings"
	"sync"
	"weak"

	"github.com/assay-ml/assay/gomlx_models/imaging/dicom"
	"github.com/assay-ml/assay/gomlx_models/imaging/nifti"
)

// Reading says how files become films: PNG, JPEG and GIF, DICOM and NIfTI,
// told apart by their first bytes. The zero value is the defaults.
type Reading struct {
	// Window is which measured values are shown between black and white, such
	// as {Center: -600, Width: 1500} for lungs in CT. Zero is what the file
	// asks for, else from its lowest value to its highest: of the frame in
	// DICOM, of the volume in NIfTI. A grey PNG of 16 bits is shown from 0 to
	// 65535: one that holds 12 bits wants {Center: 2048, Width: 4096}.
	Window dicom.Window
	Across string // the axis of volumes that slices lie across: "x", "y" or "z"; "" is z
}

// File returns the one film in a file of fsys: os.DirFS of a folder, or a
// zip.Reader. It is read each time that the film is decoded.
func (r Reading) File(fsys fs.FS, path string) Film {
	return NewFilm(path, func() (Pixels, error) {
		stack, err := r.open(fsys, path)
		if err != nil {
			return Pixels{}, err
		}
		if stack.depth != 1 {
			return Pixels{}, fmt.Errorf("it holds %d pictures: Reading.Films makes a film of each", stack.depth)
		}
		return stack.pixels(0)
	})
}

// File returns the film in a file of fsys, with Reading's defaults.
func File(fsys fs.FS, path string) Film { return Reading{}.File(fsys, path) }

// Films returns all films in a file of fsys: the frames of a DICOM file, the
// slices of a volume, at all its times. DICOM films know their "view", "sex", "age" (its
// band), "modality" and "device". The file is read to count them, and again when films are decoded,
// once for all that are decoded at a time.
func (r Reading) Films(fsys fs.FS, path string) ([]Film, error) {
	stack, err := r.open(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("film %s: %w", path, err)
	}
	var mu sync.Mutex
	last := weak.Make(stack)
	open := func() (*stacked, error) {
		mu.Lock()
		defer mu.Unlock()
		if stack := last.Value(); stack != nil {
			return stack, nil
		}
		stack, err := r.open(fsys, path)
		if err == nil {
			last = weak.Make(stack)
		}
		return stack, err
	}
	films := make([]Film, stack.depth)
	for i := range films {
		name := path
		if stack.depth > 1 {
			name = fmt.Sprintf("%s#%d", path, i)
		}
		films[i] = NewFilm(name, func() (Pixels, error) {
			stack, err := open()
			if err != nil {
				return Pixels{}, err
			}
			return stack.pixels(i)
		})
		films[i].About = stack.about
	}
	return films, nil
}

// stacked is a file with one or more pictures.
type stacked struct {
	depth  int
	about  map[string]string
	pixels func(i int) (Pixels, error)
}

func (r Reading) open(fsys fs.FS, path string) (*stacked, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in, start, err := peek(f)
	if err != nil {
		return nil, err
	}
	switch lower := strings.ToLower(path); {
	case isDICOM(path, start):
		return r.dicom(in)
	case strings.HasSuffix(lower, ".nii"), strings.HasSuffix(lower, ".nii.gz"), bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return r.nifti(in)
	}
	m, _, err := image.Decode(in)
	if err != nil {
		return nil, fmt.Errorf("not a PNG, JPEG, GIF, DICOM or NIfTI picture, or a damaged one (%w)", err)
	}
	p := pixelsOf(m)
	if deep, ok := m.(*image.Gray16); ok && r.Window != (dicom.Window{}) {
		if err := r.Window.Check(); err != nil {
			return nil, err
		}
		for i := range p.Values {
			p.Values[i] = r.Window.Grey8(float64(binary.BigEndian.Uint16(deep.Pix[2*i:])))
		}
	}
	return &stacked{depth: 1, pixels: func(int) (Pixels, error) { return p, nil }}, nil
}

// startSize is how many bytes tell what a file is.
const startSize = 132

// peek returns the first bytes of a file beside all of it.
func peek(f io.Reader) (all *bufio.Reader, start []byte, err error) {
	all = bufio.NewReader(f)
	if start, err = all.Peek(startSize); err == io.EOF {
		err = nil
	}
	return all, start, err
}

// isDICOM reports whether a file is in DICOM by its name or its first bytes.
func isDICOM(path string, start []byte) bool {
	return strings.HasSuffix(strings.ToLower(path), ".dcm") || len(start) == startSize && string(start[startSize-4:]) == "DICM"
}

func (r Reading) dicom(in io.Reader) (*stacked, error) {
	m, err := dicom.Read(in)
	if err != nil {
		return nil, err
	}
	return &stacked{depth: m.Frames, about: about(m.Header), pixels: func(i int) (Pixels, error) {
		if m.InColour() {
			values, err := m.Colour(i)
			return Pixels{m.Rows, m.Columns, 3, values}, err
		}
		values, err := m.Grey(i, r.Window)
		return Pixels{m.Rows, m.Columns, 1, values}, err
	}}, nil
}

// about returns what a header knows that groups of films are judged by.
func about(h dicom.Header) map[string]string {
	known := map[string]string{}
	for name, value := range map[string]string{
		"view": h.View, "sex": h.Sex, "age": ageBand(h.Age), "modality": h.Modality, "device": h.Manufacturer,
	} {
		if value != "" {
			known[name] = value
		}
	}
	return known
}

func (r Reading) nifti(in io.Reader) (*stacked, error) {
	axis := strings.Index("xyz", r.Across)
	if r.Across == "" {
		axis = 2
	} else if axis < 0 || len(r.Across) != 1 {
		return nil, fmt.Errorf(`slices across %q: an axis is "x", "y" or "z"`, r.Across)
	}
	v, err := nifti.Read(in)
	if err != nil {
		return nil, err
	}
	window := r.Window
	if window == (dicom.Window{}) {
		low, high := v.Shown[0], v.Shown[1]
		if low == high {
			low, high = v.Range()
		}
		window = dicom.Window{Center: (low + high) / 2, Width: max(high-low, 1e-300), Function: "LINEAR_EXACT"}
	}
	if err := window.Check(); err != nil {
		return nil, err
	}
	return &stacked{depth: v.Shape[axis] * v.Times(), pixels: func(i int) (Pixels, error) {
		values, height, width, err := v.Slice(axis, i%v.Shape[axis], i/v.Shape[axis])
		if err != nil {
			return Pixels{}, err
		}
		p := NewPixels(height, width, 1)
		for j, x := range values {
			p.Values[j] = window.Grey8(x)
		}
		return p, nil
	}}, nil
}

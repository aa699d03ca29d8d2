package dicom

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assay-ml/assay/gomlx_models/modeltest"
)

// sample reads a test file of pydicom's.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(modeltest.Data(t, "image/dicom_nifti_samples/"+name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Expected values: pydicom 3.0.2, pixel_array and apply_modality_lut, on its own
// test files. weighted is Σ value[i] · (i mod 97).
func TestSamplesAgreeWithPydicom(t *testing.T) {
	f := func(name, syntax string, frames, frame int, sum, weighted, low, high float64, header Header) {
		t.Helper()
		m, err := Read(bytes.NewReader(sample(t, name)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		values, err := m.Values(frame)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if m.Syntax != syntax || m.Frames != frames || m.Header != header {
			t.Errorf("%s: it is %s with %d frames, %+v", name, m.Syntax, m.Frames, m.Header)
		}
		var gotSum, gotWeighted float64
		for i, v := range values {
			gotSum += v
			gotWeighted += v * float64(i%97)
		}
		if gotSum != sum || gotWeighted != weighted || slices.Min(values) != low || slices.Max(values) != high {
			t.Errorf("%s: sum %g, weighted %g, from %g to %g", name, gotSum, gotWeighted, slices.Min(values), slices.Max(values))
		}
	}
	mr := Header{Patient: "4MR1", Sex: "F", Modality: "MR", Manufacturer: "TOSHIBA_MEC"}
	f("CT_small.dcm", "Explicit VR Little Endian", 1, 0, -1950906, -91363995, -896, 1167,
		Header{Patient: "1CT1", Sex: "O", Age: "000Y", Modality: "CT", Manufacturer: "GE MEDICAL SYSTEMS"})
	f("MR_small.dcm", "Explicit VR Little Endian", 1, 0, 2125338, 101326914, 127, 2145, mr)
	f("MR_small_RLE.dcm", "RLE Lossless", 1, 0, 2125338, 101326914, 127, 2145, mr)
	f("MR_small_bigendian.dcm", "Explicit VR Big Endian", 1, 0, 2125338, 101326914, 127, 2145, mr)
	f("MR_small_implicit.dcm", "Implicit VR Little Endian", 1, 0, 2125338, 101326914, 127, 2145, mr)
	f("SC_rgb_rle.dcm", "RLE Lossless", 1, 0, 3831000, 183795523, 0, 255,
		Header{Patient: "ID1", Sex: "F", Age: "024Y", Modality: "OT"})
	dose := Header{Patient: "id11111", Sex: "O", Modality: "RTDOSE", Manufacturer: "Manufacturer name here"}
	f("rtdose.dcm", "Implicit VR Little Endian", 15, 0, 101378000, 4371695000, 795000, 1254000, dose)
	f("rtdose.dcm", "Implicit VR Little Endian", 15, 14, 101391000, 4373292000, 796000, 1251000, dose)
}

// Expected values: the formulas of PS3.3 C.11.2.1 in NumPy on pydicom's pixels.
func TestSamplesInGrey(t *testing.T) {
	f := func(name string, want int) {
		t.Helper()
		m, err := Read(bytes.NewReader(sample(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		grey, err := m.Grey(0, Window{})
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, g := range grey {
			sum += int(g)
		}
		if sum != want {
			t.Errorf("%s: the greys add up to %d, want %d", name, sum, want)
		}
	}
	f("MR_small.dcm", 463120)  // by its own window, 600 and 1600
	f("CT_small.dcm", 1573473) // it has none: from the lowest to the highest
}

// The files and what is expected of them are pydicom's: see testdata/make.py.
func TestMadeFilesAgreeWithPydicom(t *testing.T) {
	content, err := os.ReadFile("testdata/pydicom.json")
	if err != nil {
		t.Fatal(err)
	}
	var expected map[string][]float64
	if err := json.Unmarshal(content, &expected); err != nil {
		t.Fatal(err)
	}
	values := func(m *Image, frame int) ([]float64, error) { return m.Values(frame) }
	colours := func(m *Image, frame int) ([]float64, error) {
		rgb, err := m.Colour(frame)
		return numbers(rgb), err
	}
	greys := func(m *Image, frame int) ([]float64, error) {
		grey, err := m.Grey(frame, Window{})
		for i, v := range grey {
			want := expected["voi_lut.dcm"]
			if v == eight(want[i]) { // 8 bits are all that Grey keeps of it
				continue
			}
			t.Errorf("grey %d is %d, want 255 · %g", i, v, want[i])
		}
		return expected["voi_lut.dcm"], err
	}
	// off is by how much decoders of JPEG may differ.
	f := func(name string, frames int, off float64, read func(m *Image, frame int) ([]float64, error)) *Image {
		t.Helper()
		content, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Read(bytes.NewReader(content))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m.Frames != frames || m.Header.Patient != "made" {
			t.Errorf("%s: it has %d frames of patient %q", name, m.Frames, m.Header.Patient)
		}
		var got []float64
		for frame := range m.Frames {
			values, err := read(m, frame)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, values...)
		}
		want := expected[name]
		if len(got) != len(want) || len(got) == 0 {
			t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
		}
		for i, v := range got {
			if math.Abs(v-want[i]) > off {
				t.Errorf("%s: value %d is %g, want %g", name, i, v, want[i])
				break
			}
		}
		return m
	}
	f("deflated.dcm", 1, 0, values)
	f("modality_lut.dcm", 1, 0, values)
	f("modality_lut_implicit.dcm", 1, 0, values)
	f("modality_lut_big.dcm", 1, 0, values)
	f("voi_lut.dcm", 1, 0, greys)
	f("palette.dcm", 1, 0, colours)
	f("palette_8bit.dcm", 1, 0, colours)
	f("jpeg.dcm", 2, 2, values)
	f("jpeg_ybr.dcm", 1, 3, colours)
	f("jpeg_rgb.dcm", 1, 2, colours)
	enhanced := f("enhanced.dcm", 3, 0, values)
	for frame, center := range []float64{40, -960, -1960} {
		if got := enhanced.Windows(frame); !slices.Equal(got, []Window{{Center: center, Width: 400}}) {
			t.Errorf("enhanced.dcm: the windows of frame %d are %+v", frame, got)
		}
	}
}

func numbers(bytes []uint8) []float64 {
	numbers := make([]float64, len(bytes))
	for i, b := range bytes {
		numbers[i] = float64(b)
	}
	return numbers
}

func TestOtherEncodingsAreNamed(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		_, err := Read(bytes.NewReader(sample(t, name)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", name, err, want)
		}
	}
	f("MR_small_jpeg_ls_lossless.dcm", "JPEG-LS Lossless")
	f("nested_priv_SQ.dcm", "0×0 pixels")
}

// The cases that PS3.3 C.11.2.1.2 works out.
func TestWindow(t *testing.T) {
	f := func(w Window, x, want float64) {
		t.Helper()
		if got := w.Grey(x); math.Abs(got-want) > 1e-12 {
			t.Errorf("%+v shows %g as %g, want %g", w, x, got, want)
		}
	}
	f(Window{Center: 2048, Width: 4096}, 0, 0)
	f(Window{Center: 2048, Width: 4096}, 4095, 1)
	f(Window{Center: 2048, Width: 4096}, 1000, 1000.0/4095)
	f(Window{Center: 2048, Width: 1}, 2047, 0)
	f(Window{Center: 2048, Width: 1}, 2048, 1)
	f(Window{Center: 0, Width: 100}, -50, 0)
	f(Window{Center: 0, Width: 100}, 49, 1)
	f(Window{Center: 0, Width: 100}, 0, 0.5/99+0.5)
	f(Window{Center: 2048, Width: 4096, Function: "LINEAR_EXACT"}, 0, 0)
	f(Window{Center: 2048, Width: 4096, Function: "LINEAR_EXACT"}, 4096, 1)
	f(Window{Center: 2048, Width: 1, Function: "LINEAR_EXACT"}, 2047.5, 0)
	f(Window{Center: 0, Width: 100, Function: "LINEAR_EXACT"}, 0, 0.5)
	f(Window{Center: 10, Width: 4, Function: "SIGMOID"}, 10, 0.5)
	f(Window{Center: 10, Width: 4, Function: "SIGMOID"}, 11, 1/(1+math.Exp(-1)))
}

// file writes DICOM files of its own making.
type file struct {
	syntax   string
	order    binary.AppendByteOrder
	elements bytes.Buffer
}

func newFile(syntax string) *file {
	f := &file{syntax: syntax, order: binary.LittleEndian}
	if syntax == "1.2.840.10008.1.2.2" {
		f.order = binary.BigEndian
	}
	return f
}

func element(order binary.AppendByteOrder, group, number uint16, vr string, value []byte) []byte {
	if len(value)%2 == 1 {
		pad := byte(' ')
		if vr == "OB" || vr == "UI" {
			pad = 0
		}
		value = append(slices.Clone(value), pad)
	}
	b := order.AppendUint16(order.AppendUint16(nil, group), number)
	b = append(b, vr...)
	if vr == "OB" || vr == "OW" {
		b = order.AppendUint32(append(b, 0, 0), uint32(len(value)))
	} else {
		b = order.AppendUint16(b, uint16(len(value)))
	}
	return append(b, value...)
}

// put adds an element of whole numbers or of text.
func (f *file) put(group, number uint16, vr string, values ...any) *file {
	var raw []byte
	var texts []string
	for _, v := range values {
		switch v := v.(type) {
		case int:
			raw = f.order.AppendUint16(raw, uint16(v))
		case []byte:
			raw = append(raw, v...)
		case string:
			texts = append(texts, v)
		}
	}
	if texts != nil {
		raw = []byte(strings.Join(texts, `\`))
	}
	f.elements.Write(element(f.order, group, number, vr, raw))
	return f
}

func (f *file) bytes() []byte {
	meta := element(binary.LittleEndian, 2, 0x10, "UI", []byte(f.syntax))
	out := append(make([]byte, 128), "DICM"...)
	out = append(out, element(binary.LittleEndian, 2, 0, "UL", binary.LittleEndian.AppendUint32(nil, uint32(len(meta))))...)
	return append(append(out, meta...), f.elements.Bytes()...)
}

const (
	explicitLittle = "1.2.840.10008.1.2.1"
	explicitBig    = "1.2.840.10008.1.2.2"
	deflated       = "1.2.840.10008.1.2.1.99"
	rleLossless    = "1.2.840.10008.1.2.5"
)

// grey starts a file of one grey sample a pixel.
func grey(syntax, photometric string, rows, columns, allocated, stored, high, signed int) *file {
	return newFile(syntax).put(0x28, 2, "US", 1).put(0x28, 4, "CS", photometric).put(0x28, 0x10, "US", rows).
		put(0x28, 0x11, "US", columns).put(0x28, 0x100, "US", allocated).put(0x28, 0x101, "US", stored).
		put(0x28, 0x102, "US", high).put(0x28, 0x103, "US", signed)
}

func TestStoredNumbers(t *testing.T) {
	f := func(what string, content []byte, frame int, want ...float64) *Image {
		t.Helper()
		m, err := Read(bytes.NewReader(content))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got, err := m.Values(frame)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %g, %v, want %g", what, got, err, want)
		}
		return m
	}
	// Twelve bits, signed, with an overlay in the upper four.
	f("signed", grey(explicitLittle, "MONOCHROME2", 1, 3, 16, 12, 11, 1).
		put(0x7fe0, 0x10, "OW", 0xF800, 0x1FFF, 0x0005).bytes(), 0, -2048, -1, 5)
	f("high bits", grey(explicitLittle, "MONOCHROME2", 1, 2, 16, 12, 15, 0).
		put(0x7fe0, 0x10, "OW", 0xABCF, 0x0010).bytes(), 0, 0xABC, 1)
	f("big-endian", grey(explicitBig, "MONOCHROME2", 1, 2, 16, 16, 15, 1).
		put(0x7fe0, 0x10, "OW", 0xFFFE, 0x0102).bytes(), 0, -2, 258)
	f("big-endian bytes in words", grey(explicitBig, "MONOCHROME2", 1, 4, 8, 8, 7, 0).
		put(0x7fe0, 0x10, "OW", []byte{2, 1, 4, 3}).bytes(), 0, 1, 2, 3, 4)
	f("big-endian bytes", grey(explicitBig, "MONOCHROME2", 1, 4, 8, 8, 7, 0).
		put(0x7fe0, 0x10, "OB", []byte{1, 2, 3, 4}).bytes(), 0, 1, 2, 3, 4)
	f("frames, rescaled", grey(explicitLittle, "MONOCHROME2", 1, 2, 8, 8, 7, 0).put(0x28, 8, "IS", "2").
		put(0x28, 0x1052, "DS", "-10").put(0x28, 0x1053, "DS", "0.5").
		put(0x7fe0, 0x10, "OB", []byte{0, 2, 4, 255}).bytes(), 1, -8, 117.5)
	f("bits", grey(explicitLittle, "MONOCHROME2", 1, 5, 1, 1, 0, 0).put(0x28, 8, "IS", "2").
		put(0x7fe0, 0x10, "OB", []byte{0b01010001, 0b11}).bytes(), 1, 0, 1, 0, 1, 1)
	planes := newFile(explicitLittle).put(0x28, 2, "US", 3).put(0x28, 4, "CS", "YBR_FULL").put(0x28, 6, "US", 1).
		put(0x28, 0x10, "US", 1).put(0x28, 0x11, "US", 2).put(0x28, 0x100, "US", 8).
		put(0x7fe0, 0x10, "OB", []byte{76, 255, 85, 128, 255, 128}).bytes()
	m := f("planes", planes, 0, 76, 85, 255, 255, 128, 128)
	// Red in JPEG's colours (ITU-T T.871) is 76, 85, 255.
	if rgb, err := m.Colour(0); err != nil || !slices.Equal(rgb, []uint8{254, 0, 0, 255, 255, 255}) {
		t.Errorf("red and white are %d, %v", rgb, err)
	}
}

func TestGrey(t *testing.T) {
	f := func(what string, content []byte, window Window, want ...uint8) {
		t.Helper()
		m, err := Read(bytes.NewReader(content))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got, err := m.Grey(0, window)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %d, %v, want %d", what, got, err, want)
		}
	}
	pixels := func(photometric string) *file { return grey(explicitLittle, photometric, 1, 4, 16, 16, 15, 0) }
	f("span", pixels("MONOCHROME2").put(0x7fe0, 0x10, "OW", 10, 20, 30, 60).bytes(), Window{}, 0, 51, 102, 255)
	f("turned round", pixels("MONOCHROME1").put(0x7fe0, 0x10, "OW", 10, 20, 30, 60).bytes(), Window{}, 255, 204, 153, 0)
	f("padding", pixels("MONOCHROME2").put(0x28, 0x120, "US", 60).put(0x7fe0, 0x10, "OW", 10, 20, 30, 60).bytes(), Window{}, 0, 128, 255, 0)
	f("padding, turned round", pixels("MONOCHROME1").put(0x28, 0x120, "US", 10).put(0x7fe0, 0x10, "OW", 10, 20, 30, 60).bytes(), Window{}, 0, 255, 191, 0)
	f("a window that shows nothing", pixels("MONOCHROME2").put(0x28, 0x1050, "DS", "20", "20").put(0x28, 0x1051, "DS", "0", "20").
		put(0x28, 0x1056, "CS", "LINEAR_EXACT").put(0x7fe0, 0x10, "OW", 10, 20, 30, 60).bytes(), Window{}, 0, 128, 255, 255)
	f("the file's window", pixels("MONOCHROME2").put(0x28, 0x1050, "DS", "20", "30").put(0x28, 0x1051, "DS", "20", "1").
		put(0x28, 0x1056, "CS", "LINEAR_EXACT").put(0x7fe0, 0x10, "OW", 10, 20, 30, 60).bytes(), Window{}, 0, 128, 255, 255)
	f("another window", pixels("MONOCHROME2").put(0x28, 0x1050, "DS", "20").put(0x28, 0x1051, "DS", "20").
		put(0x7fe0, 0x10, "OW", 10, 20, 30, 60).bytes(), Window{Center: 35, Width: 50, Function: "LINEAR_EXACT"}, 0, 51, 102, 255)
	f("one grey", pixels("MONOCHROME2").put(0x7fe0, 0x10, "OW", 7, 7, 7, 7).bytes(), Window{}, 0, 0, 0, 0)
}

// The encoded bytes are those of Apple's description of PackBits, TN1023.
func TestUnpackBits(t *testing.T) {
	in := []byte{0xFE, 0xAA, 0x02, 0x80, 0x00, 0x2A, 0xFD, 0xAA, 0x03, 0x80, 0x00, 0x2A, 0x22, 0xF7, 0xAA}
	want := []byte{0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0xAA, 0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0x22,
		0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA}
	got := make([]byte, len(want))
	if err := unpackBits(in, got, 0, 1); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got % x, %v", got, err)
	}
	wide := make([]byte, 2*len(want))
	if err := unpackBits(in, wide, 1, 2); err != nil || wide[1] != 0xAA || wide[0] != 0 || wide[7] != 0x80 {
		t.Errorf("every other byte: got % x, %v", wide, err)
	}
	if err := unpackBits(in[:len(in)-1], got, 0, 1); !errors.Is(err, errCutShort) {
		t.Errorf("cut short: got error %v", err)
	}
}

func TestErrorsAreSentences(t *testing.T) {
	f := func(content []byte, want string) {
		t.Helper()
		_, err := Read(bytes.NewReader(content))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
	f(nil, "not a DICOM file")
	f([]byte("\x89PNG\r\n\x1a\n and so on"), "not a DICOM file")
	f(newFile(explicitLittle).put(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.88.11").bytes(), "holds no picture (Basic Text SR")
	whole := grey(explicitLittle, "MONOCHROME2", 2, 2, 8, 8, 7, 0).put(0x7fe0, 0x10, "OB", []byte{1, 2, 3, 4}).bytes()
	f(whole[:len(whole)-2], "longer than the 2 bytes")
	f(grey(explicitLittle, "MONOCHROME2", 2, 3, 8, 8, 7, 0).put(0x7fe0, 0x10, "OB", []byte{1, 2, 3, 4}).bytes(), "cut short: 4 bytes")
	f(grey(explicitLittle, "PALETTE COLOR", 2, 2, 8, 8, 7, 0).put(0x7fe0, 0x10, "OB", []byte{1, 2, 3, 4}).bytes(), "RedPaletteColorLookupTableDescriptor")
	f(grey(explicitLittle, "HSV", 2, 2, 8, 8, 7, 0).put(0x7fe0, 0x10, "OB", []byte{1, 2, 3, 4}).bytes(), "interpretation is HSV")
	f(grey(explicitLittle, "MONOCHROME2", 2, 2, 8, 8, 7, 0).put(0x28, 0x1053, "DS", "NaN").put(0x7fe0, 0x10, "OB", []byte{1, 2, 3, 4}).bytes(), `"NaN", not a number`)
	f(newFile(deflated).put(0x28, 2, "US", 1).bytes(), "deflated elements are damaged")
	f(grey(explicitLittle, "MONOCHROME2", 2, 2, 24, 24, 23, 0).put(0x7fe0, 0x10, "OB", []byte{1, 2, 3, 4}).bytes(), "24 bits")
	f(grey(explicitLittle, "MONOCHROME2", 2, 2, 8, 8, 9, 0).put(0x7fe0, 0x10, "OB", []byte{1, 2, 3, 4}).bytes(), "count bits 2 to 9 of 8")
	f(grey(explicitLittle, "MONOCHROME2", 2, 2, 8, 8, 7, 0).put(0x28, 0x1053, "DS", "big").put(0x7fe0, 0x10, "OB", []byte{1, 2, 3, 4}).bytes(), `"big", not a number`)
	f(grey(explicitLittle, "MONOCHROME2", 0, 2, 8, 8, 7, 0).put(0x7fe0, 0x10, "OB", []byte{1, 2}).bytes(), "0×2 pixels")
}

func FuzzRead(f *testing.F) {
	f.Add(grey(explicitLittle, "MONOCHROME1", 2, 2, 16, 12, 11, 1).put(0x28, 0x120, "SS", 3).put(0x7fe0, 0x10, "OW", 1, 2, 3, 4).bytes())
	f.Add(grey(explicitBig, "MONOCHROME2", 1, 4, 8, 8, 7, 0).put(0x28, 0x1050, "DS", "20").put(0x28, 0x1051, "DS", "2").put(0x7fe0, 0x10, "OW", []byte{2, 1, 4, 3}).bytes())
	rle := grey(rleLossless, "MONOCHROME2", 1, 4, 8, 8, 7, 0).put(0x7fe0, 0x10, "OB").bytes()
	rle = append(rle[:len(rle)-4], 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0, 0xE0, 66, 0, 0, 0, 1, 0, 0, 0, 64, 0, 0, 0)
	rle = append(append(rle, make([]byte, 56)...), 0xFD, 9, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0)
	if m, err := Read(bytes.NewReader(rle)); err != nil {
		f.Fatal(err)
	} else if v, err := m.Values(0); err != nil || !slices.Equal(v, []float64{9, 9, 9, 9}) {
		f.Fatalf("RLE: %g, %v", v, err)
	}
	f.Add(rle)
	made, err := filepath.Glob("testdata/*.dcm")
	if err != nil || len(made) == 0 {
		f.Fatalf("no files in testdata, %v", err)
	}
	for _, file := range made {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := Read(bytes.NewReader(content))
		if err != nil {
			return
		}
		values, err := m.Values(m.Frames - 1)
		if err != nil {
			return
		}
		if len(values) != m.Rows*m.Columns*m.Samples {
			t.Fatalf("%d values of %d×%d pixels", len(values), m.Rows, m.Columns)
		}
		if !m.InColour() {
			_, err = m.Grey(0, Window{})
		} else {
			_, err = m.Colour(0)
		}
		if err != nil && m.Frames == 1 {
			t.Fatal(err)
		}
	})
}

func ExampleRead() {
	content := grey(explicitLittle, "MONOCHROME2", 1, 3, 16, 16, 15, 0).
		put(0x28, 0x1052, "DS", "-1024").put(0x28, 0x1053, "DS", "1"). // to Hounsfield units
		put(0x7fe0, 0x10, "OW", 24, 1024, 1424).bytes()
	m, err := Read(bytes.NewReader(content))
	if err != nil {
		fmt.Println(err)
		return
	}
	hu, _ := m.Values(0)
	lung, _ := m.Grey(0, Window{Center: -600, Width: 1500})
	fmt.Println(hu, lung)
	// Output: [-1000 0 400] [60 230 255]
}

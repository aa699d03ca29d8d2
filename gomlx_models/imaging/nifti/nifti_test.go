package nifti

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/assay-ml/assay/gomlx_models/modeltest"
)

// sample reads a test file of nibabel's.
func sample(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(modeltest.Data(t, "image/dicom_nifti_samples/"+name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Expected values: nibabel 5.4.2 on its own test files, dataobj and affine.
// Slices are numpy.flipud(plane.T) in the middle, at the last time. weighted is
// Σ value[i] · (i mod 97).
func TestSamplesAgreeWithNibabel(t *testing.T) {
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(b)) }
	f := func(name string, shape []int, low, high float64, affine [4][4]float64, slices3 [3][2]float64) {
		t.Helper()
		v, err := Read(bytes.NewReader(sample(t, name)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if gotLow, gotHigh := v.Range(); !slices.Equal(v.Shape, shape) || gotLow != low || !near(gotHigh, high) {
			t.Errorf("%s: shape %d, from %g to %g", name, v.Shape, gotLow, gotHigh)
		}
		for i := range affine {
			for j := range affine[i] {
				if !near(v.Affine[i][j], affine[i][j]) {
					t.Errorf("%s: affine[%d][%d] is %.17g, want %.17g", name, i, j, v.Affine[i][j], affine[i][j])
				}
			}
		}
		for axis, want := range slices3 {
			values, height, width, err := v.Slice(axis, v.Shape[axis]/2, v.Times()-1)
			if err != nil || len(values) != height*width {
				t.Fatalf("%s: axis %d: %d values of %d×%d, %v", name, axis, len(values), height, width, err)
			}
			var sum, weighted float64
			for i, x := range values {
				sum += x
				weighted += x * float64(i%97)
			}
			if !near(sum, want[0]) || !near(weighted, want[1]) {
				t.Errorf("%s: axis %d: sum %.17g, weighted %.17g, want %.17g", name, axis, sum, weighted, want)
			}
		}
	}
	f("anatomical.nii", []int{33, 41, 25}, -610, 30393, // big-endian
		[4][4]float64{{-2, 0, 0, 32}, {0, 2, 0, -40}, {0, 0, 2, -16}, {0, 0, 0, 1}},
		[3][2]float64{{7144069, 334793754}, {7192085, 332031904}, {11555526, 551841866}})
	f("functional.nii", []int{17, 21, 3, 20}, 629.826171875, 5571.621858656406, // scaled
		[4][4]float64{{-4, 0, 0, 32}, {0, 4, 0, -40}, {0, 0, 8, 0}, {0, 0, 0, 1}},
		[3][2]float64{{230156.82527464628, 7118545.3252776265}, {185812.30024647713, 4401617.97285068}, {1327729.453685999, 60207068.65662104}})
	oblique := [4][4]float64{
		{-2, 6.714715653593746e-19, 9.081024511081715e-18, 117.8551025390625},
		{-6.714715653593746e-19, 1.9737114906311035, -0.35552823543548584, -35.72294235229492},
		{8.25548088896093e-18, 0.3232076168060303, 2.171081781387329, -7.248798370361328}, {0, 0, 0, 1}}
	f("example4d.nii.gz", []int{128, 96, 24, 2}, 0, 1162, oblique,
		[3][2]float64{{988961, 44428714}, {681134, 33366696}, {2274168, 109600003}})
	f("example_nifti2.nii.gz", []int{32, 20, 12, 2}, 46, 757, oblique,
		[3][2]float64{{114946, 4857446}, {163228, 7704865}, {286765, 13274209}})
}

// Expected values: nibabel's get_qform of the same file.
func TestQuaternion(t *testing.T) {
	content := sample(t, "example_nifti2.nii.gz")
	unpacked, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(unpacked); err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(raw.Bytes()[348:], 0) // no sform
	v, err := Read(&raw)
	if err != nil {
		t.Fatal(err)
	}
	want := [4][4]float64{
		{-1.999999995978187, 1.0282396754185892e-05, 0.00013905980362440367, 117.8551025390625},
		{-1.0282396754185892e-05, 1.9737114380364735, -0.3555282247524397, -35.72294235229492},
		{0.00012641805535562603, 0.32320761014906196, 2.1710816833341227, -7.248798370361328}, {0, 0, 0, 1}}
	for i := range want {
		for j := range want[i] {
			if math.Abs(v.Affine[i][j]-want[i][j]) > 1e-7 {
				t.Errorf("affine[%d][%d] is %.12g, want %.12g", i, j, v.Affine[i][j], want[i][j])
			}
		}
	}
}

// volume1 returns a NIfTI-1 file, 352 bytes and the voxels.
func volume1(order binary.ByteOrder, code int, dim []int, slope float32, voxels []byte) []byte {
	raw := make([]byte, 352, 352+len(voxels))
	order.PutUint32(raw, size1)
	for i, n := range append([]int{len(dim)}, dim...) {
		order.PutUint16(raw[40+2*i:], uint16(n))
		order.PutUint32(raw[76+4*i:], math.Float32bits(float32(i)))
	}
	order.PutUint16(raw[70:], uint16(code))
	order.PutUint32(raw[108:], math.Float32bits(352))
	order.PutUint32(raw[112:], math.Float32bits(slope))
	copy(raw[344:], "n+1\x00")
	return append(raw, voxels...)
}

func TestVoxelTypes(t *testing.T) {
	f := func(order binary.AppendByteOrder, both binary.ByteOrder, code int, voxel []byte, want float64) {
		t.Helper()
		v, err := Read(bytes.NewReader(volume1(both, code, []int{2, 1, 1}, 0, slices.Concat(voxel, voxel))))
		if err != nil {
			t.Errorf("type %d: %v", code, err)
			return
		}
		if got := v.At(1, 0, 0, 0); got != want {
			t.Errorf("type %d: got %g, want %g", code, got, want)
		}
	}
	for _, order := range []interface {
		binary.AppendByteOrder
		binary.ByteOrder
	}{binary.LittleEndian, binary.BigEndian} {
		f(order, order, 2, []byte{200}, 200)
		f(order, order, 256, []byte{200}, -56)
		f(order, order, 4, order.AppendUint16(nil, 0xFFFE), -2)
		f(order, order, 512, order.AppendUint16(nil, 0xFFFE), 65534)
		f(order, order, 8, order.AppendUint32(nil, 0xFFFFFFFE), -2)
		f(order, order, 768, order.AppendUint32(nil, 0xFFFFFFFE), 4294967294)
		f(order, order, 16, order.AppendUint32(nil, math.Float32bits(-1.5)), -1.5)
		f(order, order, 64, order.AppendUint64(nil, math.Float64bits(math.Pi)), math.Pi)
		f(order, order, 1024, order.AppendUint64(nil, math.MaxUint64), -1)
		f(order, order, 1280, order.AppendUint64(nil, 1<<63), 1<<63)
	}
}

func TestErrorsAreSentences(t *testing.T) {
	le := binary.LittleEndian
	f := func(content []byte, want string) {
		t.Helper()
		_, err := Read(bytes.NewReader(content))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
	f(nil, "not a NIfTI file")
	f([]byte("\x89PNG\r\n\x1a\n"), "not a NIfTI file")
	f([]byte{0x1f, 0x8b, 0, 0}, "damaged")
	whole := volume1(le, 2, []int{2, 2, 2}, 1, make([]byte, 8))
	f(whole[:200], "cut short")
	f(whole[:len(whole)-1], "cut short")
	pair := slices.Clone(whole)
	copy(pair[344:], "ni1")
	f(pair, "another file, .img")
	f(volume1(le, 128, []int{2, 2, 2}, 1, nil), "type 128")
	f(volume1(le, 2, []int{30000, 30000, 30000}, 1, nil), "below 4 GiB")
	f(volume1(le, 2, []int{2, -1, 2}, 1, nil), "must be positive")
	f(volume1(le, 2, nil, 1, nil), "has 0 axes")
	v, err := Read(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range [][3]int{{3, 0, 0}, {0, 2, 0}, {0, 0, 1}} {
		if _, _, _, err := v.Slice(at[0], at[1], at[2]); err == nil {
			t.Errorf("axis %d, slice %d, time %d: no error", at[0], at[1], at[2])
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(volume1(binary.LittleEndian, 4, []int{2, 1, 3}, 2, make([]byte, 12)))
	f.Add(volume1(binary.BigEndian, 64, []int{1, 1, 1, 2}, 0, make([]byte, 16)))
	second := make([]byte, size2, size2+1)
	binary.LittleEndian.PutUint32(second, size2)
	copy(second[4:], "n+2\x00\r\n\x1a\n")
	second[12], second[168], second[169] = 2, size2&0xff, size2>>8
	for i, n := range []byte{3, 1, 1, 1} {
		second[16+8*i] = n
	}
	if _, err := Read(bytes.NewReader(append(second, 7))); err != nil {
		f.Fatal(err)
	}
	f.Add(append(second, 7))
	f.Fuzz(func(t *testing.T, content []byte) {
		v, err := Read(bytes.NewReader(content))
		if err != nil {
			return
		}
		for axis := range 3 {
			values, height, width, err := v.Slice(axis, v.Shape[axis]-1, v.Times()-1)
			if err != nil || len(values) != height*width {
				t.Fatalf("axis %d: %d values of %d×%d, %v", axis, len(values), height, width, err)
			}
		}
	})
}

func ExampleRead() {
	file := volume1(binary.LittleEndian, 2, []int{2, 2, 1}, 10, []byte{1, 2, 3, 4})
	v, err := Read(bytes.NewReader(file))
	if err != nil {
		fmt.Println(err)
		return
	}
	values, height, width, _ := v.Slice(2, 0, 0)
	fmt.Println(height, width, values) // the second row of voxels is the upper one
	fmt.Println(v.Position(1, 1, 0))
	// Output:
	// 2 2 [30 40 10 20]
	// [1 2 0]
}

package nifti

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Volume is a grid of voxels, kept in memory as the file has them.
type Volume struct {
	Shape     []int         // voxels along x, y, z; then time and others, if there are any
	Spacing   [3]float64    // millimetres, mostly, between voxels along x, y, z
	Affine    [4][4]float64 // from voxels (x, y, z, 1) to millimetres to the right, to the front, up
	Slope     float64       // from stored numbers to values; 1 unless the file says otherwise
	Intercept float64       // added after Slope
	Shown     [2]float64    // values that the file wants black and white; both 0 if it says nothing

	kind  kind
	order binary.ByteOrder
	raw   []byte // x runs fastest
}

// kind is how a stored number is read.
type kind struct {
	bytes int
	read  func(order binary.ByteOrder, b []byte) float64
}

var kinds = map[int]kind{
	2:    {1, func(_ binary.ByteOrder, b []byte) float64 { return float64(b[0]) }},
	4:    {2, func(o binary.ByteOrder, b []byte) float64 { return float64(int16(o.Uint16(b))) }},
	8:    {4, func(o binary.ByteOrder, b []byte) float64 { return float64(int32(o.Uint32(b))) }},
	16:   {4, func(o binary.ByteOrder, b []byte) float64 { return float64(math.Float32frombits(o.Uint32(b))) }},
	64:   {8, func(o binary.ByteOrder, b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }},
	256:  {1, func(_ binary.ByteOrder, b []byte) float64 { return float64(int8(b[0])) }},
	512:  {2, func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint16(b)) }},
	768:  {4, func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint32(b)) }},
	1024: {8, func(o binary.ByteOrder, b []byte) float64 { return float64(int64(o.Uint64(b))) }},
	1280: {8, func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint64(b)) }},
}

// voxelLimit bounds the bytes of a volume: a header can claim anything.
const voxelLimit = 4 << 30

// Read reads a .nii file, or one packed by gzip.
func Read(r io.Reader) (*Volume, error) {
	in := bufio.NewReader(r)
	if start, err := in.Peek(2); err == nil && bytes.Equal(start, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("not a NIfTI file, or a damaged one (%w)", err)
		}
		in = bufio.NewReader(unpacked)
	}
	start, err := in.Peek(4)
	if err != nil {
		return nil, errors.New("not a NIfTI file")
	}
	order, size, err := headerSize(start)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, size)
	if _, err := io.ReadFull(in, raw); err != nil {
		return nil, errCutShort
	}
	h, err := readHeader(raw, order)
	if err != nil {
		return nil, err
	}
	v := &Volume{Affine: h.affine(), Slope: h.slope, Intercept: h.intercept, kind: h.kind, order: order}
	if v.Slope == 0 || math.IsNaN(v.Slope) || math.IsInf(v.Slope, 0) { // says that there is no scale
		v.Slope, v.Intercept = 1, 0
	} else if math.IsNaN(v.Intercept) || math.IsInf(v.Intercept, 0) {
		v.Intercept = 0
	}
	if h.calMax > h.calMin {
		v.Shown = [2]float64{h.calMin, h.calMax}
	}
	bytes, err := v.setShape(h)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, in, h.offset-int64(size)); err != nil {
		return nil, errCutShort
	}
	// Grown as data comes, so that a false header cannot ask for memory.
	if v.raw, err = io.ReadAll(io.LimitReader(in, bytes)); err != nil {
		return nil, fmt.Errorf("it is damaged (%w)", err)
	}
	if int64(len(v.raw)) != bytes {
		return nil, errCutShort
	}
	return v, nil
}

var errCutShort = errors.New("it is cut short")

// setShape reads the axes, and returns how many bytes the voxels take.
func (v *Volume) setShape(h header) (bytes int64, err error) {
	axes := h.dim[0]
	if axes < 1 || axes > 7 {
		return 0, fmt.Errorf("it has %d axes", axes)
	}
	bytes = int64(v.kind.bytes)
	for axis := 1; axis <= int(max(3, axes)); axis++ {
		n := int64(1)
		if axis <= int(axes) {
			n = h.dim[axis]
		}
		if n < 1 || n > voxelLimit/bytes {
			return 0, fmt.Errorf("its size is %d: axes must be positive, and all voxels together below %d GiB", h.dim[1:1+axes], voxelLimit>>30)
		}
		bytes *= n
		v.Shape = append(v.Shape, int(n))
	}
	for i := range v.Spacing {
		v.Spacing[i] = math.Abs(h.pixdim[1+i])
	}
	return bytes, nil
}

// Times returns how many volumes there are, one a time or other measurement.
func (v *Volume) Times() int {
	n := 1
	for _, m := range v.Shape[3:] {
		n *= m
	}
	return n
}

// At returns the value of a voxel at a time, all from 0. It panics outside
// the volume.
func (v *Volume) At(x, y, z, time int) float64 {
	i := ((time*v.Shape[2]+z)*v.Shape[1]+y)*v.Shape[0] + x
	return v.Slope*v.kind.read(v.order, v.raw[i*v.kind.bytes:]) + v.Intercept
}

// Position returns where the centre of a voxel lies: millimetres to the right,
// to the front and up from the origin.
func (v *Volume) Position(x, y, z float64) [3]float64 {
	var p [3]float64
	for i := range p {
		row := v.Affine[i]
		p[i] = row[0]*x + row[1]*y + row[2]*z + row[3]
	}
	return p
}

// Slice returns the values across an axis (0, 1 or 2) at an index and a time,
// all from 0, row by row. Of the two axes that are left, the first runs from left to
// right and the second from the bottom to the top: volumes whose axes run right
// (or left), to the front and up appear upright.
func (v *Volume) Slice(axis, index, time int) (values []float64, height, width int, err error) {
	if axis < 0 || axis > 2 {
		return nil, 0, 0, fmt.Errorf("axis %d: a volume has 0, 1 and 2", axis)
	}
	if index < 0 || index >= v.Shape[axis] {
		return nil, 0, 0, fmt.Errorf("slice %d along axis %d: there are %d, from 0", index, axis, v.Shape[axis])
	}
	if time < 0 || time >= v.Times() {
		return nil, 0, 0, fmt.Errorf("time %d: there are %d, from 0", time, v.Times())
	}
	across, up := 0, 1
	switch axis {
	case 0:
		across, up = 1, 2
	case 1:
		up = 2
	}
	height, width = v.Shape[up], v.Shape[across]
	var at [3]int
	at[axis] = index
	for row := range height {
		at[up] = height - 1 - row
		for column := range width {
			at[across] = column
			values = append(values, v.At(at[0], at[1], at[2], time))
		}
	}
	return values, height, width, nil
}

// Range returns the lowest and the highest finite value of the volume; 0 and 0
// if there is none.
func (v *Volume) Range() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for i := 0; i < len(v.raw); i += v.kind.bytes {
		if x := v.Slope*v.kind.read(v.order, v.raw[i:]) + v.Intercept; !math.IsInf(x, 0) && !math.IsNaN(x) {
			low, high = min(low, x), max(high, x)
		}
	}
	if low > high {
		return 0, 0
	}
	return low, high
}

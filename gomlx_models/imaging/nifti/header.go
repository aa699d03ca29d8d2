package nifti

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// header is what both versions of the format say, under one set of names.
type header struct {
	dim                [8]int64
	kind               kind
	pixdim             [8]float64
	offset             int64 // of the voxels in the file
	slope, intercept   float64
	calMax, calMin     float64
	qform, sform       int
	quaternion, origin [3]float64
	rows               [3][4]float64 // of the affine
}

// Sizes of the headers; each begins with its own as an int32, which tells the
// version and the byte order.
const (
	size1 = 348
	size2 = 540
)

// fields reads numbers at fixed places.
type fields struct {
	raw   []byte
	order binary.ByteOrder
}

func (f fields) short(at int) int  { return int(int16(f.order.Uint16(f.raw[at:]))) }
func (f fields) int(at int) int    { return int(int32(f.order.Uint32(f.raw[at:]))) }
func (f fields) long(at int) int64 { return int64(f.order.Uint64(f.raw[at:])) }
func (f fields) float(at int) float64 {
	return float64(math.Float32frombits(f.order.Uint32(f.raw[at:])))
}
func (f fields) double(at int) float64 {
	return math.Float64frombits(f.order.Uint64(f.raw[at:]))
}

// headerSize returns the byte order and the size of the header that begins with
// these four bytes.
func headerSize(start []byte) (binary.ByteOrder, int, error) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if n := order.Uint32(start); n == size1 || n == size2 {
			return order, int(n), nil
		}
	}
	return nil, 0, errors.New("not a NIfTI file")
}

// readHeader reads either version.
//
//	        NIfTI-1           NIfTI-2
//	magic   344  "n+1\0"        4  "n+2\0\r\n\x1a\n"
//	dim      40  int16[8]      16  int64[8]
//	type     70  int16         12  int16
//	pixdim   76  float32[8]   104  float64[8]
//	offset  108  float32      168  int64
//	scale   112  float32[2]   176  float64[2]
//	shown   124  float32[2]   192  float64[2]
//	codes   252  int16[2]     344  int32[2]
//	qform   256  float32[6]   352  float64[6]
//	sform   280  float32[12]  400  float64[12]
func readHeader(raw []byte, order binary.ByteOrder) (h header, err error) {
	f := fields{raw, order}
	magic, number := string(raw[4:8]), f.double
	code, decimals, scale, shown, qform, sform, width := f.short(12), 104, 176, 192, 352, 400, 8
	if len(raw) == size1 {
		magic, number = string(raw[344:348]), f.float
		code, decimals, scale, shown, qform, sform, width = f.short(70), 76, 112, 124, 256, 280, 4
	}
	switch magic {
	case "n+1\x00", "n+2\x00":
	case "ni1\x00", "ni2\x00":
		return h, errors.New("its voxels are in another file, .img: join the two into one .nii file")
	default:
		return h, errors.New("not a NIfTI file, or one in the older Analyze format")
	}
	for i := range h.dim {
		h.pixdim[i] = number(decimals + width*i)
		if len(raw) == size1 {
			h.dim[i] = int64(f.short(40 + 2*i))
		} else {
			h.dim[i] = f.long(16 + 8*i)
		}
	}
	h.slope, h.intercept = number(scale), number(scale+width)
	h.calMax, h.calMin = number(shown), number(shown+width)
	for i := range 3 {
		h.quaternion[i], h.origin[i] = number(qform+width*i), number(qform+width*(3+i))
		for j := range 4 {
			h.rows[i][j] = number(sform + width*(4*i+j))
		}
	}
	if len(raw) == size1 {
		h.offset, h.qform, h.sform = int64(f.float(108)), f.short(252), f.short(254)
	} else {
		h.offset, h.qform, h.sform = f.long(168), f.int(344), f.int(348)
	}
	if h.kind = kinds[code]; h.kind.bytes == 0 {
		return h, fmt.Errorf("its voxels are of type %d: whole numbers of 8 to 64 bits, float32 and float64 are read", code)
	}
	if h.offset < int64(len(raw)) || h.offset > 1<<30 {
		return h, fmt.Errorf("its voxels begin at byte %d, and its header has %d", h.offset, len(raw))
	}
	return h, nil
}

// affine returns the way from voxels to millimetres, by the best that the
// header has: the affine itself, a rotation as a quaternion, or the sizes of voxels.
func (h header) affine() [4][4]float64 {
	a := [4][4]float64{3: {0, 0, 0, 1}}
	switch {
	case h.sform > 0:
		copy(a[:], [][4]float64{h.rows[0], h.rows[1], h.rows[2]})
	case h.qform > 0:
		b, c, d := h.quaternion[0], h.quaternion[1], h.quaternion[2]
		w := math.Sqrt(max(0, 1-b*b-c*c-d*d))
		rotation := [3][3]float64{
			{w*w + b*b - c*c - d*d, 2 * (b*c - w*d), 2 * (b*d + w*c)},
			{2 * (b*c + w*d), w*w + c*c - b*b - d*d, 2 * (c*d - w*b)},
			{2 * (b*d - w*c), 2 * (c*d + w*b), w*w + d*d - c*c - b*b},
		}
		for i := range 3 {
			for j := range 3 {
				a[i][j] = rotation[i][j] * h.pixdim[1+j]
			}
			if h.pixdim[0] < 0 { // the third axis is mirrored
				a[i][2] = -a[i][2]
			}
			a[i][3] = h.origin[i]
		}
	default:
		for i := range 3 {
			a[i][i] = h.pixdim[1+i]
		}
	}
	return a
}

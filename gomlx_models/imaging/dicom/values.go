package dicom

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Values returns a frame, from 0, as what was measured: stored numbers times
// the file's slope plus its intercept, such as Hounsfield units, or what its
// modality lookup table has for them; row by row, the samples of a pixel together.
func (m *Image) Values(frame int) ([]float64, error) {
	stored, err := m.stored(frame)
	if err != nil {
		return nil, err
	}
	meaning, values := m.meaning(frame), make([]float64, len(stored))
	for i, v := range stored {
		values[i] = meaning.value(v)
	}
	return values, nil
}

// stored returns the numbers of a frame as they are in the file, row by row,
// the samples of a pixel together.
func (m *Image) stored(frame int) ([]int, error) {
	if frame < 0 || frame >= m.Frames {
		return nil, fmt.Errorf("frame %d: there are %d, from 0", frame, m.Frames)
	}
	n, l := m.numbers(), m.layout
	var raw []byte
	var err error
	first := 0 // of the frame in raw, in numbers
	switch l.packing {
	case rle:
		raw, err = unpackRLE(m.frames[frame], n/m.Samples, m.Samples, l.allocated/8)
	case baseline:
		raw, err = m.unpackJPEG(m.frames[frame])
	default:
		raw, first = m.frames[0], frame*n
	}
	if err != nil {
		return nil, fmt.Errorf("frame %d: %w", frame, err)
	}
	numbers := make([]int, n)
	for i := range numbers {
		from := i
		if l.planar {
			from = i%m.Samples*(n/m.Samples) + i/m.Samples
		}
		numbers[i] = l.number(l.read(raw, first+from))
	}
	return numbers, nil
}

// read returns the bits of the i-th number.
func (l layout) read(raw []byte, i int) uint32 {
	order := binary.ByteOrder(binary.LittleEndian)
	if l.big {
		order = binary.BigEndian
	}
	switch l.allocated {
	case 1:
		return uint32(raw[i/8] >> (i % 8) & 1)
	case 8:
		if l.swapped && i^1 < len(raw) {
			i ^= 1
		}
		return uint32(raw[i])
	case 16:
		return uint32(order.Uint16(raw[2*i:]))
	}
	return order.Uint32(raw[4*i:])
}

// shift is how far the counting bits lie above the lowest.
func (l layout) shift() int { return l.high + 1 - l.stored }

// number returns what the bits of a number mean: some files keep overlays in
// those that do not count.
func (l layout) number(bits uint32) int {
	left := 32 - l.high - 1
	if l.signed {
		return int(int32(bits<<left) >> (32 - l.stored))
	}
	return int(bits << left >> (32 - l.stored))
}

// unpackRLE decodes a frame in RLE Lossless: DICOM PS3.5, annex G.
//
//	┌──────────┬─────────────────────┬──────────────────────────────────────────┐
//	│ segments │ where each begins   │ segments, each in PackBits: byte n ≥ 0,  │
//	│ uint32   │ 15 × uint32         │ n+1 bytes; or n < 0, one byte 1−n times  │
//	└──────────┴─────────────────────┴──────────────────────────────────────────┘
//
// A segment is one byte of one sample, width bytes wide, of every pixel: the
// most significant byte of the first sample, and so on. It returns the samples
// one after another as little-endian numbers.
func unpackRLE(encoded []byte, pixels, samples, width int) ([]byte, error) {
	const header = 64
	if len(encoded) < header {
		return nil, errors.New("its RLE header is cut short")
	}
	segments := samples * width
	if n := binary.LittleEndian.Uint32(encoded); n != uint32(segments) {
		return nil, fmt.Errorf("it has %d RLE segments, its pixels take %d", n, segments)
	}
	// Two bytes make at most 128: a false size must not ask for memory.
	if pixels*segments > 64*len(encoded) {
		return nil, errCutShort
	}
	out := make([]byte, pixels*segments)
	for s := range segments {
		begin := binary.LittleEndian.Uint32(encoded[4+4*s:])
		if begin < header || int64(begin) > int64(len(encoded)) {
			return nil, fmt.Errorf("RLE segment %d begins at byte %d of %d", s, begin, len(encoded))
		}
		sample, place := s/width, width-1-s%width
		if err := unpackBits(encoded[begin:], out[sample*pixels*width:][:pixels*width], place, width); err != nil {
			return nil, fmt.Errorf("RLE segment %d: %w", s, err)
		}
	}
	return out, nil
}

var errCutShort = errors.New("its RLE data is cut short")

// unpackBits writes the bytes of a segment to every width-th place of dst.
func unpackBits(in, dst []byte, place, width int) error {
	for i := place; i < len(dst); {
		if len(in) < 2 {
			return errCutShort
		}
		n := int(int8(in[0]))
		switch {
		case n >= 0:
			if len(in) < n+2 {
				return errCutShort
			}
			for _, b := range in[1 : n+2] {
				if i < len(dst) {
					dst[i] = b
				}
				i += width
			}
			in = in[n+2:]
		case n == -128: // says nothing
			in = in[1:]
		default:
			for range 1 - n {
				if i < len(dst) {
					dst[i] = in[1]
				}
				i += width
			}
			in = in[2:]
		}
	}
	return nil
}

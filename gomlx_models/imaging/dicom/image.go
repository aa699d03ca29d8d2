package dicom

import (
	"fmt"
	"io"

	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"
)

// Image is the pixel data of one DICOM file, decoded frame by frame when they
// are asked for.
type Image struct {
	Rows, Columns int
	Samples       int // a pixel: 1 grey or an index of a palette, 3 colour
	Frames        int
	Photometric   string // "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422"
	Syntax        string // how the file is encoded: "Explicit VR Little Endian"
	Header        Header

	layout   layout
	meanings []meaning // of each frame; one if all have the same
	padding  []int     // stored numbers from … to that stand for no measurement; nil if there are none
	palette  [3]*table // red, green and blue of PALETTE COLOR
	frames   [][]byte  // encoded, one a frame; of native pixels one for all
}

// InColour reports whether Colour, and not Grey, shows the picture.
func (m *Image) InColour() bool { return m.Samples == 3 || m.palette[0] != nil }

// Windows returns those that the file recommends for a frame, from 0, but for such as
// show nothing.
func (m *Image) Windows(frame int) []Window { return m.meaning(frame).windows }

// Header is what a model or a report may want to know of a file. Empty where
// the file says nothing.
type Header struct {
	Patient      string // Patient ID
	Sex          string // M, F or O
	Age          string // "024Y"
	View         string // View Position: PA, AP, LL, CC …
	Modality     string // CT, MR, DX, CR, MG …
	Manufacturer string
}

// layout is how stored numbers lie in the bytes of a frame.
type layout struct {
	allocated int // bits that a number takes: 1, 8, 16 or 32
	stored    int // bits of those that count
	high      int // the most significant of them
	signed    bool
	planar    bool // all reds, then all greens, then all blues
	big       bool // the first byte is the most significant
	swapped   bool // single bytes that lie in words of the other order
	packing   packing
}

// packing is how the bytes of a frame are packed.
type packing int

const (
	native packing = iota
	rle
	baseline // JPEG
)

// packings are the transfer syntaxes that are read.
var packings = map[string]packing{
	uid.ImplicitVRLittleEndian:         native,
	uid.ExplicitVRLittleEndian:         native,
	uid.ExplicitVRBigEndian:            native,
	uid.DeflatedExplicitVRLittleEndian: native,
	"1.2.840.10008.1.2.5":              rle,      // RLE Lossless
	"1.2.840.10008.1.2.4.50":           baseline, // JPEG Baseline (Process 1)
}

// fileLimit bounds what a file may take in memory.
const fileLimit = 4 << 30

var errTooLarge = fmt.Errorf("the file is larger than %d GiB", fileLimit>>30)

// Read reads a file with a picture, with or without the 128 bytes before
// "DICM". It keeps the pixel data as it is encoded, and no more of the file.
func Read(r io.Reader) (*Image, error) {
	content, err := io.ReadAll(io.LimitReader(r, fileLimit+1))
	if err != nil {
		return nil, err
	}
	if len(content) > fileLimit {
		return nil, errTooLarge
	}
	set, err := parse(content)
	if err != nil {
		return nil, err
	}
	m := &Image{Header: set.header(), Syntax: set.syntax}
	pixels, info := set.pixels()
	if pixels == nil {
		return nil, fmt.Errorf("it holds no picture (%s)", set.kind())
	}
	if err := m.describe(set); err != nil {
		return nil, err
	}
	l := &m.layout
	l.packing = packings[set.uid]
	if info.IsEncapsulated != (l.packing != native) || l.packing == rle && l.allocated < 8 || l.packing == baseline && l.allocated != 8 {
		return nil, fmt.Errorf("its pixels are not encoded as %s, which it says they are", m.Syntax)
	}
	switch l.packing {
	case rle:
		l.planar = true
	case baseline:
		l.planar = false
	}
	l.big = set.uid == uid.ExplicitVRBigEndian
	l.swapped = l.big && l.allocated == 8 && pixels.RawValueRepresentation == "OW"
	if !info.IsEncapsulated {
		m.frames = [][]byte{info.UnprocessedValueData}
		bits := m.Frames * m.numbers() * m.layout.allocated
		if have := len(info.UnprocessedValueData); have < (bits+7)/8 {
			return nil, fmt.Errorf("its pixel data is cut short: %d bytes, and %d×%d pixels in %d frames take %d", have, m.Rows, m.Columns, m.Frames, (bits+7)/8)
		}
		return m, nil
	}
	for _, f := range info.Frames {
		m.frames = append(m.frames, f.EncapsulatedData.Data)
	}
	if l.packing == baseline {
		m.frames = jpegFrames(m.frames)
	}
	if len(m.frames) != m.Frames {
		return nil, fmt.Errorf("its pixel data has %d frames, and it says %d", len(m.frames), m.Frames)
	}
	return m, nil
}

// ReadHeader returns what a file says of its picture, which it does not decode.
func ReadHeader(content []byte) (Header, error) {
	set, err := parse(content)
	return set.header(), err
}

// most bounds rows, columns and frames: the first two have 16 bits in DICOM.
const most = 1 << 16

// describe reads what the pixels are.
func (m *Image) describe(s dataset) (err error) {
	unsigned := 0
	for _, field := range []struct {
		value   *int
		tag     tag.Tag
		missing int
	}{
		{&m.Rows, tag.Rows, 0}, {&m.Columns, tag.Columns, 0}, {&m.Samples, tag.SamplesPerPixel, 1},
		{&m.Frames, tag.NumberOfFrames, 1}, {&m.layout.allocated, tag.BitsAllocated, 0}, {&unsigned, tag.PixelRepresentation, 0},
	} {
		if *field.value, err = s.whole(field.tag, field.missing); err != nil {
			return err
		}
	}
	l := &m.layout
	if l.stored, err = s.whole(tag.BitsStored, l.allocated); err != nil {
		return err
	}
	if l.high, err = s.whole(tag.HighBit, l.stored-1); err != nil {
		return err
	}
	plane, err := s.whole(tag.PlanarConfiguration, 0)
	if err != nil {
		return err
	}
	l.signed, l.planar = unsigned == 1, plane == 1
	m.Photometric = s.first(tag.PhotometricInterpretation)
	switch {
	case m.Rows < 1 || m.Columns < 1 || m.Frames < 1 || m.Rows >= most || m.Columns >= most || m.Frames >= most:
		return fmt.Errorf("it says that it has %d×%d pixels in %d frames", m.Rows, m.Columns, m.Frames)
	case l.allocated != 1 && l.allocated != 8 && l.allocated != 16 && l.allocated != 32:
		return fmt.Errorf("its numbers have %d bits: 1, 8, 16 and 32 are read", l.allocated)
	case l.stored < 1 || l.high < l.stored-1 || l.high >= l.allocated:
		return fmt.Errorf("its numbers count bits %d to %d of %d", l.high-l.stored+1, l.high, l.allocated)
	case m.Samples == 1 && (m.Photometric == "MONOCHROME1" || m.Photometric == "MONOCHROME2"):
	case m.Samples == 1 && m.Photometric == "PALETTE COLOR":
		if m.palette, err = s.palette(l.signed); err != nil {
			return err
		}
	case m.Samples == 3 && (m.Photometric == "RGB" || m.Photometric == "YBR_FULL") && l.allocated == 8 && !l.signed:
	case m.Samples == 3 && m.Photometric == "YBR_FULL_422" && packings[s.uid] == baseline:
	default:
		return fmt.Errorf("its photometric interpretation is %s with %d samples of %d bits: MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB and YBR_FULL of 8 bits are read",
			m.Photometric, m.Samples, l.allocated)
	}
	if m.meanings, err = s.meanings(m.Frames, l.signed); err != nil {
		return err
	}
	return m.setPadding(s)
}

// setPadding reads which stored numbers stand for no measurement.
func (m *Image) setPadding(s dataset) error {
	if s.first(tag.PixelPaddingValue) == "" {
		return nil
	}
	from, err := s.whole(tag.PixelPaddingValue, 0)
	if err != nil {
		return err
	}
	to, err := s.whole(tag.PixelPaddingRangeLimit, from)
	if err != nil {
		return err
	}
	// Implicit files do not say whether these are signed: the pixels do.
	from, to = m.layout.number(uint32(from)<<m.layout.shift()), m.layout.number(uint32(to)<<m.layout.shift())
	m.padding = []int{min(from, to), max(from, to)}
	return nil
}

// numbers returns how many a frame has.
func (m *Image) numbers() int { return m.Rows * m.Columns * m.Samples }

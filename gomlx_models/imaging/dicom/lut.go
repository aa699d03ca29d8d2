package dicom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// table is a lookup table: DICOM PS3.3, C.11.1.1.
type table struct {
	first   int // the number that the first entry is for
	bits    int // that an entry has
	entries []uint16
}

// at returns the entry for v. Numbers before the first have the first's, those
// after the last have the last's.
func (t *table) at(v int) uint16 {
	return t.entries[min(len(t.entries)-1, max(0, v-t.first))]
}

// grey returns the entry for v from 0, the lowest that its bits can say, to 1.
func (t *table) grey(v float64) float64 {
	v = min(math.MaxInt32, max(math.MinInt32, math.Round(v)))
	return float64(t.at(int(v))) / float64(int(1)<<t.bits-1)
}

// table returns the lookup table in two elements. signed says that the numbers
// it is for are: implicit files do not.
func (s dataset) table(descriptor, data tag.Tag, signed bool) (*table, error) {
	var about [3]int
	texts := s.text(descriptor)
	if len(texts) != len(about) {
		return nil, fmt.Errorf("its element %s has %d numbers, not 3", tag.DebugString(descriptor), len(texts))
	}
	for i, text := range texts {
		if _, err := fmt.Sscan(text, &about[i]); err != nil {
			return nil, fmt.Errorf("its element %s is %q, not whole numbers", tag.DebugString(descriptor), texts)
		}
	}
	t := &table{first: about[1], bits: about[2]}
	if signed {
		t.first = int(int16(t.first))
	}
	size := int(uint16(about[0]))
	if size == 0 { // does not fit into 16 bits
		size = 1 << 16
	}
	if t.bits < 8 || t.bits > 16 {
		return nil, fmt.Errorf("its element %s says that entries have %d bits: they have 8 to 16", tag.DebugString(descriptor), t.bits)
	}
	raw := s.bytes(data)
	switch {
	case len(raw) >= 2*size:
		for i := range size {
			t.entries = append(t.entries, binary.LittleEndian.Uint16(raw[2*i:]))
		}
	case len(raw) >= size: // two entries a word
		for _, b := range raw[:size] {
			t.entries = append(t.entries, uint16(b))
		}
	default:
		return nil, fmt.Errorf("its lookup table is cut short: %d bytes for %d entries", len(raw), size)
	}
	if int(slices.Max(t.entries)) >= 1<<t.bits { // some files say 8 and mean 16
		t.bits = 16
	}
	return t, nil
}

// bytes returns the value of an element of bytes, or of 16-bit numbers as
// little-endian words; nil if there is none.
func (s dataset) bytes(t tag.Tag) []byte {
	element, err := s.FindElementByTag(t)
	if err != nil {
		return nil
	}
	switch v := element.Value.GetValue().(type) {
	case []byte:
		return v
	case []int:
		raw := make([]byte, 0, 2*len(v))
		for _, n := range v {
			raw = binary.LittleEndian.AppendUint16(raw, uint16(n))
		}
		return raw
	}
	return nil
}

// palette are the three tables of an image in PALETTE COLOR.
func (s dataset) palette(signed bool) (palette [3]*table, err error) {
	if _, err := s.FindElementByTag(tag.SegmentedRedPaletteColorLookupTableData); err == nil {
		return palette, errors.New("its palette is segmented, which is not read")
	}
	for i, elements := range [3][2]tag.Tag{
		{tag.RedPaletteColorLookupTableDescriptor, tag.RedPaletteColorLookupTableData},
		{tag.GreenPaletteColorLookupTableDescriptor, tag.GreenPaletteColorLookupTableData},
		{tag.BluePaletteColorLookupTableDescriptor, tag.BluePaletteColorLookupTableData},
	} {
		if palette[i], err = s.table(elements[0], elements[1], signed); err != nil {
			return palette, err
		}
	}
	return palette, nil
}

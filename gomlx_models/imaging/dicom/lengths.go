package dicom

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// afterMeta returns the elements after those that describe the file, group 2,
// which come first and are explicit and little-endian whatever syntax the others
// have.
func afterMeta(elements []byte) []byte {
	for len(elements) >= 8 && binary.LittleEndian.Uint16(elements) == 2 {
		_, length, head := explicit(elements, binary.LittleEndian)
		elements = elements[min(int64(len(elements)), int64(head)+int64(length)):]
	}
	return elements
}

// startsExplicit reports whether the first element has a value representation.
// Some files say that theirs have and lack them, or the other way round.
func startsExplicit(elements []byte) bool {
	upper := func(b byte) bool { return b >= 'A' && b <= 'Z' }
	return len(elements) >= 6 && upper(elements[4]) && upper(elements[5])
}

// explicit returns what the head of an element of 8 bytes or more says, and how
// long it is.
//
//	        ┌───────┬─────────┬────┬────────────────────────┬───────┐
//	explicit│ group │ element │ VR │ uint16, or 0 and uint32│ value │
//	        ├───────┼─────────┼────┴────────────────────────┼───────┤
//	implicit│ group │ element │ uint32                      │ value │
//	        └───────┴─────────┴─────────────────────────────┴───────┘
func explicit(element []byte, order binary.ByteOrder) (vr string, length uint32, head int) {
	vr, length = string(element[4:6]), uint32(order.Uint16(element[6:]))
	switch {
	case !slices.Contains(wideLength, vr):
		if length == 0xFFFF {
			length = tag.VLUndefinedLength // as the parser has it
		}
		return vr, length, 8
	case len(element) < 12:
		return vr, uint32(len(element)), 8 // longer than what is left
	}
	return vr, order.Uint32(element[8:]), 12
}

// checkLengths finds an element that says it is longer than the rest of the
// file. The parser takes memory for what a length claims before it looks
// whether that much is there, so that four wrong bytes could ask for 4 GiB.
// Sequences and items are walked into: their elements lie in one row.
func checkLengths(elements []byte, order binary.ByteOrder, implicit bool) error {
	inBytes := false // whose items hold no elements
	for rest := elements; len(rest) >= 8; {
		t := tag.Tag{Group: order.Uint16(rest), Element: order.Uint16(rest[2:])}
		vr, length, head := "", order.Uint32(rest[4:]), 8
		if !implicit && t.Group != 0xFFFE {
			vr, length, head = explicit(rest, order)
		}
		rest = rest[head:]
		entry, _ := tag.Find(t)
		sequence := vr == "SQ" || implicit && slices.Contains(entry.VRs, "SQ")
		switch {
		case t == tag.SequenceDelimitationItem:
			inBytes = false
		case t == tag.Item && !inBytes, sequence:
		case length == tag.VLUndefinedLength:
			inBytes = t == tag.PixelData || vr == "OB" || vr == "OW"
		case int64(length) > int64(len(rest)):
			return errLength(t, len(rest))
		default:
			rest = rest[length:]
		}
	}
	return nil
}

func errLength(t tag.Tag, left int) error {
	return fmt.Errorf("not a DICOM file, or a damaged one (element %s is longer than the %d bytes that are left)", tag.DebugString(t), left)
}

// wideLength are the value representations whose length the parser takes to
// have 32 bits.
var wideLength = []string{"NA", "OB", "OD", "OF", "OL", "OW", "SQ", "UC", "UN", "UR", "UT"}

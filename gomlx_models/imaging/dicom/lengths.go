package dicom

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"
)

// checkLengths finds an element that says it is longer than the rest of the
// file. The parser takes memory for what a length claims before it looks
// whether that much is there, so that four wrong bytes could ask for 4 GiB.
//
//	        ┌───────┬─────────┬────┬────────────────────────┬───────┐
//	explicit│ group │ element │ VR │ uint16, or 0 and uint32│ value │
//	        ├───────┼─────────┼────┴────────────────────────┼───────┤
//	implicit│ group │ element │ uint32                      │ value │
//	        └───────┴─────────┴─────────────────────────────┴───────┘
//
// Sequences and items are walked into: their elements lie in one row. The
// elements that describe the file, group 2, come first and are explicit and
// little-endian whatever syntax the others have; only they are looked at if
// syntax is empty.
func checkLengths(elements []byte, syntax string) error {
	inBytes := false // whose items hold no elements
	for rest := elements; len(rest) >= 8; {
		order, implicit := binary.ByteOrder(binary.LittleEndian), syntax == uid.ImplicitVRLittleEndian
		if binary.LittleEndian.Uint16(rest) == 2 {
			implicit = false
		} else if syntax == "" {
			return nil
		} else if syntax == uid.ExplicitVRBigEndian {
			order = binary.BigEndian
		}
		t := tag.Tag{Group: order.Uint16(rest), Element: order.Uint16(rest[2:])}
		vr, length, head := "", order.Uint32(rest[4:]), 8
		if !implicit && t.Group != 0xFFFE {
			vr, length = string(rest[4:6]), uint32(order.Uint16(rest[6:]))
			if slices.Contains(wideLength, vr) {
				if len(rest) < 12 {
					return errLength(t, len(rest))
				}
				length, head = order.Uint32(rest[8:]), 12
			} else if length == 0xFFFF {
				length = tag.VLUndefinedLength // as the parser has it
			}
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

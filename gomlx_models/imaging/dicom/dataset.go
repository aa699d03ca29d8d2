package dicom

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	parser "github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"
)

// dataset adds to the parser's what this package asks of it.
type dataset struct {
	parser.Dataset
	uid    string // of the transfer syntax
	syntax string // its name
}

// parse reads the elements, if it knows how the pixels are encoded. Damage of
// kinds that the parser does not foresee is an error too.
func parse(content []byte) (set dataset, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not a DICOM file, or a damaged one (%v)", p)
		}
	}()
	elements := content
	if len(content) >= preamble && string(content[preamble-4:preamble]) == "DICM" {
		elements = content[preamble:]
	}
	if err := checkLengths(elements[:len(elements)-len(afterMeta(elements))], binary.LittleEndian, false); err != nil {
		return dataset{}, err
	}
	options := []parser.ParseOption{
		parser.SkipProcessingPixelDataValue(), parser.AllowMissingMetaElementGroupLength(), parser.AllowUnknownSpecificCharacterSet(),
	}
	p, err := parser.NewParser(bytes.NewReader(content), int64(len(content)), nil, options...)
	if err != nil {
		return dataset{}, fmt.Errorf("not a DICOM file, or a damaged one (%w)", err)
	}
	set.Dataset = p.GetMetadata()
	if set.uid = set.first(tag.TransferSyntaxUID); set.uid == "" {
		set.uid = uid.ImplicitVRLittleEndian
	}
	set.syntax = set.uid
	if info, err := uid.Lookup(set.uid); err == nil {
		set.syntax = info.Name
	}
	if _, ok := packings[set.uid]; !ok {
		return dataset{}, fmt.Errorf("its pixels are encoded as %s (%s), which is not read: unpack the file first, with gdcmconv --raw for one", set.syntax, set.uid)
	}
	elements = afterMeta(elements)
	if set.uid == uid.DeflatedExplicitVRLittleEndian {
		if elements, err = inflate(elements); err != nil {
			return dataset{}, err
		}
		p, err = parser.NewParser(bytes.NewReader(elements), int64(len(elements)), nil, append(options, parser.SkipMetadataReadOnNewParserInit())...)
		if err != nil {
			return dataset{}, fmt.Errorf("not a DICOM file, or a damaged one (%w)", err)
		}
	}
	order, implicit := binary.ByteOrder(binary.LittleEndian), !startsExplicit(elements)
	if set.uid == uid.ExplicitVRBigEndian {
		order, implicit = binary.BigEndian, false
	}
	p.SetTransferSyntax(order, implicit)
	if err := checkLengths(elements, order, implicit); err != nil {
		return dataset{}, err
	}
	for {
		element, err := p.Next()
		if errors.Is(err, parser.ErrorEndOfDICOM) || errors.Is(err, io.EOF) {
			return set, nil
		}
		if err != nil {
			return dataset{}, fmt.Errorf("not a DICOM file, or a damaged one (%w)", err)
		}
		set.Elements = append(set.Elements, element)
		if element.Tag == tag.PixelData {
			return set, nil
		}
	}
}

// inflate unpacks the elements of a file in Deflated Explicit VR Little Endian:
// PS3.5, A.5.
func inflate(elements []byte) ([]byte, error) {
	unpacked, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(elements)), fileLimit+1))
	if err != nil {
		return nil, fmt.Errorf("its deflated elements are damaged (%w)", err)
	}
	if len(unpacked) > fileLimit {
		return nil, errTooLarge
	}
	return unpacked, nil
}

// preamble is how many bytes lie before the elements: 128 and "DICM".
const preamble = 132

// pixels returns the pixel data; nil if there is none.
func (s dataset) pixels() (*parser.Element, parser.PixelDataInfo) {
	element, err := s.FindElementByTag(tag.PixelData)
	if err != nil {
		return nil, parser.PixelDataInfo{}
	}
	info, ok := element.Value.GetValue().(parser.PixelDataInfo)
	if !ok || len(info.UnprocessedValueData) == 0 && len(info.Frames) == 0 {
		return nil, parser.PixelDataInfo{}
	}
	return element, info
}

// items returns the items of a sequence; none if there is no such sequence.
func (s dataset) items(t tag.Tag) []dataset {
	element, err := s.FindElementByTag(t)
	if err != nil {
		return nil
	}
	sequence, _ := element.Value.GetValue().([]*parser.SequenceItemValue)
	items := make([]dataset, len(sequence))
	for i, item := range sequence {
		items[i].Elements, _ = item.GetValue().([]*parser.Element)
	}
	return items
}

// text returns the values of an element as text; nil if there is none.
func (s dataset) text(t tag.Tag) []string {
	element, err := s.FindElementByTag(t)
	if err != nil {
		return nil
	}
	switch v := element.Value.GetValue().(type) {
	case []string:
		return v
	case []int:
		texts := make([]string, len(v))
		for i, n := range v {
			texts[i] = strconv.Itoa(n)
		}
		return texts
	}
	return nil
}

// first returns the first value of an element as text.
func (s dataset) first(t tag.Tag) string {
	for _, v := range s.text(t) {
		return strings.TrimSpace(v)
	}
	return ""
}

// whole returns a whole number, or missing where the file has none.
func (s dataset) whole(t tag.Tag, missing int) (int, error) {
	text := s.first(t)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("its element %s is %q, not a whole number", tag.DebugString(t), text)
	}
	return n, nil
}

// decimals returns numbers.
func (s dataset) decimals(t tag.Tag) ([]float64, error) {
	var numbers []float64
	for _, text := range s.text(t) {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("its element %s is %q, not a number", tag.DebugString(t), text)
		}
		numbers = append(numbers, v)
	}
	return numbers, nil
}

func (s dataset) header() Header {
	return Header{
		Patient: s.first(tag.PatientID), Sex: s.first(tag.PatientSex), Age: s.first(tag.PatientAge),
		View: s.first(tag.ViewPosition), Modality: s.first(tag.Modality), Manufacturer: s.first(tag.Manufacturer),
	}
}

// kind names what a file without pixels is.
func (s dataset) kind() string {
	if info, err := uid.Lookup(s.first(tag.SOPClassUID)); err == nil {
		return info.Name
	}
	return "no Pixel Data element"
}

package dicom

import (
	"fmt"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// meaning is what the stored numbers of a frame stand for, and how they want to
// be shown.
type meaning struct {
	slope, intercept float64
	values           *table   // in place of slope and intercept; nil if there is none
	windows          []Window // that show something
	greys            *table   // in place of windows; nil if there is none
}

// value returns what a stored number measures.
func (m meaning) value(stored int) float64 {
	if m.values != nil {
		return float64(m.values.at(stored))
	}
	return m.slope*float64(stored) + m.intercept
}

// read takes what s says over what m has.
func (m *meaning) read(s dataset, signed bool) error {
	for _, field := range []struct {
		value *float64
		tag   tag.Tag
	}{{&m.slope, tag.RescaleSlope}, {&m.intercept, tag.RescaleIntercept}} {
		numbers, err := s.decimals(field.tag)
		if err != nil {
			return err
		}
		if len(numbers) > 0 {
			*field.value = numbers[0]
		}
	}
	for _, field := range []struct {
		table **table
		tag   tag.Tag
	}{{&m.values, tag.ModalityLUTSequence}, {&m.greys, tag.VOILUTSequence}} {
		// The first of several is the one that is shown at first.
		for _, item := range s.items(field.tag) {
			var err error
			if *field.table, err = item.table(tag.LUTDescriptor, tag.LUTData, signed); err != nil {
				return err
			}
			break
		}
	}
	centers, err := s.decimals(tag.WindowCenter)
	if err != nil {
		return err
	}
	widths, err := s.decimals(tag.WindowWidth)
	if err != nil {
		return err
	}
	if len(centers) > 0 {
		m.windows = nil
	}
	for i := range min(len(centers), len(widths)) {
		w := Window{Center: centers[i], Width: widths[i], Function: s.first(tag.VOILUTFunction)}
		if w.Check() == nil { // scanners write widths of 0
			m.windows = append(m.windows, w)
		}
	}
	return nil
}

// meanings returns the meaning of each frame, or one if all have the same.
// Images of enhanced kinds say it in functional groups, for all frames and for
// each: PS3.3, C.7.6.16.
func (s dataset) meanings(frames int, signed bool) ([]meaning, error) {
	group := func(m *meaning, s dataset) error {
		for _, sequence := range []tag.Tag{tag.PixelValueTransformationSequence, tag.FrameVOILUTSequence} {
			for _, item := range s.items(sequence) {
				if err := m.read(item, signed); err != nil {
					return err
				}
			}
		}
		return nil
	}
	all := meaning{slope: 1}
	if err := all.read(s, signed); err != nil {
		return nil, err
	}
	for _, shared := range s.items(tag.SharedFunctionalGroupsSequence) {
		if err := group(&all, shared); err != nil {
			return nil, err
		}
	}
	groups := s.items(tag.PerFrameFunctionalGroupsSequence)
	if len(groups) == 0 {
		return []meaning{all}, nil
	}
	if len(groups) != frames {
		return nil, fmt.Errorf("it describes %d frames and has %d", len(groups), frames)
	}
	each := make([]meaning, frames)
	for i := range each {
		each[i] = all
		if err := group(&each[i], groups[i]); err != nil {
			return nil, fmt.Errorf("frame %d: %w", i, err)
		}
	}
	return each, nil
}

// meaning returns that of a frame.
func (m *Image) meaning(frame int) meaning { return m.meanings[min(frame, len(m.meanings)-1)] }

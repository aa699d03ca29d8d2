package dicom

import (
	"errors"
	"fmt"
	"math"
)

// Window says which values are shown between black and white: DICOM PS3.3,
// C.11.2.1.
type Window struct {
	Center   float64 `json:"center"`             // shown as the middle grey
	Width    float64 `json:"width"`              // of the values between black and white
	Function string  `json:"function,omitempty"` // "" or "LINEAR", "LINEAR_EXACT", "SIGMOID"
}

// Check finds a window that shows nothing.
func (w Window) Check() error {
	switch {
	case math.IsNaN(w.Center) || math.IsInf(w.Center, 0):
		return fmt.Errorf("the window's centre is %g", w.Center)
	case w.Function != "" && w.Function != "LINEAR" && w.Function != "LINEAR_EXACT" && w.Function != "SIGMOID":
		return fmt.Errorf(`the window's function is %q: it must be "LINEAR", "LINEAR_EXACT" or "SIGMOID"`, w.Function)
	case !(w.Width > 0) || math.IsInf(w.Width, 0) || w.Width < 1 && (w.Function == "" || w.Function == "LINEAR"):
		return fmt.Errorf("the window's width is %g: it must be positive, and at least 1 for LINEAR", w.Width)
	}
	return nil
}

// Grey returns the grey of a value, from 0, black, to 1, white.
//
//	LINEAR        (x − (c − ½)) / (w − 1) + ½
//	LINEAR_EXACT  (x − c) / w + ½
//	SIGMOID       1 / (1 + exp(−4 (x − c) / w))
//
// The first two are cut off at 0 and 1.
func (w Window) Grey(x float64) float64 {
	switch w.Function {
	case "LINEAR_EXACT":
		return min(1, max(0, (x-w.Center)/w.Width+0.5))
	case "SIGMOID":
		return 1 / (1 + math.Exp(-4*(x-w.Center)/w.Width))
	}
	if w.Width == 1 { // a threshold: the formula divides by zero
		if x <= w.Center-0.5 {
			return 0
		}
		return 1
	}
	return min(1, max(0, (x-(w.Center-0.5))/(w.Width-1)+0.5))
}

// Grey8 returns the grey of a value in 8 bits, 0 black. NaN is black.
func (w Window) Grey8(x float64) uint8 { return eight(w.Grey(x)) }

func eight(grey float64) uint8 {
	if math.IsNaN(grey) {
		return 0
	}
	return uint8(255*grey + 0.5)
}

// Grey returns a frame of one sample a pixel in 8 bits, 0 black, row by row, as
// window shows it. The zero Window is what the file recommends, a lookup table
// or its first window, or from the lowest value to the highest where it
// recommends nothing. Numbers that stand for no measurement are black, and
// left out of lowest and highest. MONOCHROME1 is turned round, so that in each
// file what absorbs X-rays is bright.
func (m *Image) Grey(frame int, window Window) ([]uint8, error) {
	if m.InColour() {
		return nil, errors.New("the picture is in colour: see Colour")
	}
	if window != (Window{}) {
		if err := window.Check(); err != nil {
			return nil, err
		}
	}
	stored, err := m.stored(frame)
	if err != nil {
		return nil, err
	}
	meaning := m.meaning(frame)
	var show func(value float64) float64
	switch {
	case window != (Window{}):
		show = window.Grey
	case meaning.greys != nil:
		show = meaning.greys.grey
	case len(meaning.windows) > 0:
		show = meaning.windows[0].Grey
	default:
		show = m.span(stored, meaning)
	}
	grey := make([]uint8, len(stored))
	for i, v := range stored {
		if m.pads(v) {
			continue
		}
		g := show(meaning.value(v))
		if m.Photometric == "MONOCHROME1" {
			g = 1 - g
		}
		grey[i] = eight(g)
	}
	return grey, nil
}

// pads reports whether a stored number stands for no measurement.
func (m *Image) pads(stored int) bool {
	return m.padding != nil && stored >= m.padding[0] && stored <= m.padding[1]
}

// span shows the values of a frame from the lowest to the highest.
func (m *Image) span(stored []int, meaning meaning) func(value float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range stored {
		if !m.pads(v) {
			x := meaning.value(v)
			low, high = min(low, x), max(high, x)
		}
	}
	return func(x float64) float64 {
		if !(high > low) {
			return 0
		}
		return min(1, max(0, (x-low)/(high-low)))
	}
}

// Colour returns a frame in colour as red, green, blue in 8 bits, row by row,
// the three of a pixel together.
func (m *Image) Colour(frame int) ([]uint8, error) {
	if !m.InColour() {
		return nil, errors.New("the picture is in grey: see Grey")
	}
	stored, err := m.stored(frame)
	if err != nil {
		return nil, err
	}
	rgb := make([]uint8, 0, 3*m.Rows*m.Columns)
	switch {
	case m.palette[0] != nil:
		for _, v := range stored {
			for _, t := range m.palette {
				rgb = append(rgb, uint8(t.at(v)>>(t.bits-8)))
			}
		}
	case m.Photometric == "YBR_FULL" && m.layout.packing != baseline: // PS3.3, C.7.6.3.1.2
		for i := 0; i < len(stored); i += 3 {
			y, blue, red := float64(stored[i]), float64(stored[i+1])-128, float64(stored[i+2])-128
			for _, v := range []float64{y + 1.402*red, y - 0.344136*blue - 0.714136*red, y + 1.772*blue} {
				rgb = append(rgb, uint8(min(255, max(0, v))+0.5))
			}
		}
	default:
		for _, v := range stored {
			rgb = append(rgb, uint8(v))
		}
	}
	return rgb, nil
}

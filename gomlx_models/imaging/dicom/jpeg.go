package dicom

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
)

// jpegFrames joins fragments to frames: each frame begins with a start of image.
func jpegFrames(fragments [][]byte) [][]byte {
	var frames [][]byte
	for _, f := range fragments {
		if n := len(frames); n > 0 && !bytes.HasPrefix(f, []byte{0xFF, 0xD8}) {
			frames[n-1] = append(frames[n-1], f...)
		} else {
			frames = append(frames, f)
		}
	}
	return frames
}

// unpackJPEG decodes a frame in JPEG of 8 bits: bytes row by row, of colours as
// red, green, blue, the three of a pixel together.
func (m *Image) unpackJPEG(encoded []byte) ([]byte, error) {
	config, err := jpeg.DecodeConfig(bytes.NewReader(encoded))
	if err != nil {
		return nil, fmt.Errorf("its JPEG data is damaged (%w)", err)
	}
	if config.Height != m.Rows || config.Width != m.Columns {
		return nil, fmt.Errorf("its JPEG data has %d×%d pixels, and the file says %d×%d", config.Height, config.Width, m.Rows, m.Columns)
	}
	// A bit makes at most a block of 64: a false size must not ask for memory.
	if m.Rows*m.Columns > 8*64*len(encoded) {
		return nil, errors.New("its JPEG data is cut short")
	}
	decoded, err := jpeg.Decode(bytes.NewReader(encoded))
	if err != nil {
		return nil, fmt.Errorf("its JPEG data is damaged (%w)", err)
	}
	out := make([]byte, 0, m.numbers())
	switch picture := decoded.(type) {
	case *image.Gray:
		if m.Samples != 1 {
			break
		}
		for y := range m.Rows {
			out = append(out, picture.Pix[y*picture.Stride:][:m.Columns]...)
		}
		return out, nil
	case *image.YCbCr:
		if m.Samples != 3 {
			break
		}
		// Without Adobe's marker nothing in the data tells RGB from YCbCr; the file does.
		raw := m.Photometric == "RGB" && !bytes.Contains(encoded, []byte("Adobe"))
		for y := range m.Rows {
			for x := range m.Columns {
				if c := picture.YCbCrAt(x, y); raw {
					out = append(out, c.Y, c.Cb, c.Cr)
				} else {
					r, g, b, _ := c.RGBA()
					out = append(out, uint8(r>>8), uint8(g>>8), uint8(b>>8))
				}
			}
		}
		return out, nil
	case *image.RGBA:
		if m.Samples != 3 {
			break
		}
		for y := range m.Rows {
			for x := range m.Columns {
				out = append(out, picture.Pix[y*picture.Stride+4*x:][:3]...)
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("its JPEG data has other channels than the %d that the file says", m.Samples)
}

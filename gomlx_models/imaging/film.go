package imaging

import (
	"fmt"
	"image"
	"image/color"
)

// Pixels are a decoded picture: 8 bits a channel, row by row, the channels of
// a pixel together. 0 is black.
type Pixels struct {
	Height, Width, Channels int
	Values                  []uint8
}

// NewPixels returns a black picture.
func NewPixels(height, width, channels int) Pixels {
	return Pixels{height, width, channels, make([]uint8, height*width*channels)}
}

// check finds what decoders of others may get wrong.
func (p Pixels) check() error {
	if p.Height < 1 || p.Width < 1 || p.Channels != 1 && p.Channels != 3 || len(p.Values) != p.Height*p.Width*p.Channels {
		return fmt.Errorf("a picture of %d×%d pixels with %d channels has %d values: channels must be 1 or 3, and all values there",
			p.Height, p.Width, p.Channels, len(p.Values))
	}
	return nil
}

// Image returns the picture for Go's image packages.
func (p Pixels) Image() image.Image {
	if p.Channels == 1 {
		return &image.Gray{Pix: p.Values, Stride: p.Width, Rect: image.Rect(0, 0, p.Width, p.Height)}
	}
	m := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Height * p.Width {
		copy(m.Pix[4*i:], p.Values[3*i:3*i+3])
		m.Pix[4*i+3] = 255
	}
	return m
}

// withChannels returns the picture in grey (ITU-R BT.601 luma) or in colour.
func (p Pixels) withChannels(n int) Pixels {
	if p.Channels == n {
		return p
	}
	q := NewPixels(p.Height, p.Width, n)
	for i := range p.Height * p.Width {
		if n == 1 {
			c := p.Values[3*i:]
			q.Values[i] = color.GrayModel.Convert(color.RGBA{c[0], c[1], c[2], 255}).(color.Gray).Y
		} else {
			c := p.Values[i]
			q.Values[3*i], q.Values[3*i+1], q.Values[3*i+2] = c, c, c
		}
	}
	return q
}

// Film is one picture that is decoded when it is needed, so that a data set of
// many films costs little memory.
type Film struct {
	Name   string            // the file or row it came from, for errors and pages
	About  map[string]string // what else is known of it: "sex", "view", "device"
	decode func() (Pixels, error)
}

// NewFilm returns a film that decode makes. decode is called once an epoch,
// from several goroutines; it must return the same pixels each time.
func NewFilm(name string, decode func() (Pixels, error)) Film {
	return Film{Name: name, decode: decode}
}

// Of returns a film of pixels that are in memory already.
func Of(name string, p Pixels) Film { return NewFilm(name, func() (Pixels, error) { return p, nil }) }

// FromImage returns a film of m: in grey if m is, else in colour. Of deeper
// pictures it keeps the high 8 bits.
func FromImage(name string, m image.Image) Film { return Of(name, pixelsOf(m)) }

// Pixels decodes the film.
func (f Film) Pixels() (Pixels, error) {
	if f.decode == nil {
		return Pixels{}, fmt.Errorf("film %q has no picture: make films with imaging.NewFilm, Of, FromImage or a reader", f.Name)
	}
	p, err := f.decode()
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return Pixels{}, fmt.Errorf("film %s: %w", f.Name, err)
	}
	return p, nil
}

func pixelsOf(m image.Image) Pixels {
	b := m.Bounds()
	switch m := m.(type) {
	case *image.Gray:
		p := NewPixels(b.Dy(), b.Dx(), 1)
		for y := range p.Height {
			copy(p.Values[y*p.Width:(y+1)*p.Width], m.Pix[y*m.Stride:])
		}
		return p
	case *image.Gray16:
		p := NewPixels(b.Dy(), b.Dx(), 1)
		for y := range p.Height {
			for x := range p.Width {
				p.Values[y*p.Width+x] = m.Pix[y*m.Stride+2*x] // big-endian: the high byte
			}
		}
		return p
	}
	p := NewPixels(b.Dy(), b.Dx(), 3)
	i := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, _ := m.At(x, y).RGBA()
			p.Values[i], p.Values[i+1], p.Values[i+2] = uint8(r>>8), uint8(g>>8), uint8(b>>8)
			i += 3
		}
	}
	return p
}

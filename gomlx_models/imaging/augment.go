package imaging

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Augment says how training films vary from epoch to epoch. The zero value is
// not at all. Each film is drawn anew each epoch, from the model's seed.
type Augment struct {
	Flip       bool    `json:"flip"`       // mirrors left and right, half of the time
	Rotate     float64 `json:"rotate"`     // degrees, at most, either way
	Shift      float64 `json:"shift"`      // share of height and width, at most, each way
	Scale      float64 `json:"scale"`      // 0.1 makes films up to a tenth larger or smaller
	Brightness float64 `json:"brightness"` // added to pixels between 0 and 1, at most, either way
	Contrast   float64 `json:"contrast"`   // 0.2 stretches pixels about their mean by up to a fifth more or less
	Noise      float64 `json:"noise"`      // deviation of normal noise on pixels between 0 and 1
}

func (a Augment) check() error {
	for _, field := range []struct {
		name  string
		value float64
	}{
		{"rotate", a.Rotate}, {"shift", a.Shift}, {"scale", a.Scale},
		{"brightness", a.Brightness}, {"contrast", a.Contrast}, {"noise", a.Noise},
	} {
		if v := field.value; !(v >= 0) || math.IsInf(v, 0) || field.name != "rotate" && v >= 1 {
			return fmt.Errorf("augment: %s is %g: it must be at least 0, and below 1 unless in degrees", field.name, v)
		}
	}
	return nil
}

// Example returns the film as training sees it in an epoch, from 0, if it is the
// row of the training set and needs no resizing: what a figure of augmented
// films shows.
func (a Augment) Example(film Film, seed int64, epoch, row int) (Pixels, error) {
	if err := a.check(); err != nil {
		return Pixels{}, fmt.Errorf("imaging: %w", err)
	}
	p, err := film.Pixels()
	if err != nil {
		return Pixels{}, fmt.Errorf("imaging: %w", err)
	}
	return a.vary(p, p.Height, p.Width, seed, epoch, row), nil
}

// vary returns height × width pixels of p as they are in an epoch. Each film
// and epoch has streams of random numbers of its own: which goroutine makes a
// batch does not matter.
func (a Augment) vary(p Pixels, height, width int, seed int64, epoch, row int) Pixels {
	stream := uint64(epoch)<<32 | uint64(row)
	if a != (Augment{}) {
		p = a.apply(rand.New(rand.NewPCG(uint64(seed), stream)), p)
	}
	if p.Height > height || p.Width > width {
		where := rand.New(rand.NewPCG(^uint64(seed), stream))
		p = p.cut(where.IntN(p.Height-height+1), where.IntN(p.Width-width+1), height, width)
	}
	return p
}

// apply returns p as a draw from rng changes it. What comes in from outside the
// film repeats its edge.
func (a Augment) apply(rng *rand.Rand, p Pixels) Pixels {
	within := func(most float64) float64 { return most * (2*rng.Float64() - 1) }
	// Every number is drawn, wanted or not, so that switching one on leaves
	// the others as they were.
	mirror := rng.Float64() < 0.5 && a.Flip
	angle, down, right := within(a.Rotate)*math.Pi/180, within(a.Shift), within(a.Shift)
	zoom, light, stretch := 1+within(a.Scale), within(a.Brightness), 1+within(a.Contrast)

	if mirror || angle != 0 || down != 0 || right != 0 || zoom != 1 {
		p = p.warp(mirror, angle, down*float64(p.Height), right*float64(p.Width), zoom)
	}
	if light == 0 && stretch == 1 && a.Noise == 0 {
		return p
	}
	mean := 0.0
	for _, v := range p.Values {
		mean += float64(v)
	}
	mean /= float64(len(p.Values))
	q := NewPixels(p.Height, p.Width, p.Channels)
	for i, v := range p.Values {
		u := mean + stretch*(float64(v)-mean) + 255*light
		if a.Noise > 0 {
			u += 255 * a.Noise * rng.NormFloat64()
		}
		q.Values[i] = uint8(min(255, max(0, u+0.5)))
	}
	return q
}

// warp mirrors, rotates about the centre, zooms and then shifts a picture,
// between pixels by bilinear interpolation.
func (p Pixels) warp(mirror bool, angle, down, right, zoom float64) Pixels {
	q := NewPixels(p.Height, p.Width, p.Channels)
	sin, cos := math.Sincos(angle)
	sin, cos = sin/zoom, cos/zoom
	midY, midX := float64(p.Height-1)/2, float64(p.Width-1)/2
	for y := range p.Height {
		for x := range p.Width {
			// Back from the new pixel to where it comes from.
			dy, dx := float64(y)-midY-down, float64(x)-midX-right
			fromY, fromX := midY+cos*dy-sin*dx, midX+sin*dy+cos*dx
			if mirror {
				fromX = 2*midX - fromX
			}
			p.sample(q.Values[(y*p.Width+x)*p.Channels:][:p.Channels], fromY, fromX)
		}
	}
	return q
}

// sample writes the channels at a point between pixels to dst.
func (p Pixels) sample(dst []uint8, y, x float64) {
	y, x = min(float64(p.Height-1), max(0, y)), min(float64(p.Width-1), max(0, x))
	y0, x0 := int(y), int(x)
	y1, x1 := min(y0+1, p.Height-1), min(x0+1, p.Width-1)
	fy, fx := y-float64(y0), x-float64(x0)
	at := func(y, x, c int) float64 { return float64(p.Values[(y*p.Width+x)*p.Channels+c]) }
	for c := range dst {
		top := at(y0, x0, c)*(1-fx) + at(y0, x1, c)*fx
		bottom := at(y1, x0, c)*(1-fx) + at(y1, x1, c)*fx
		dst[c] = uint8(top*(1-fy) + bottom*fy + 0.5)
	}
}

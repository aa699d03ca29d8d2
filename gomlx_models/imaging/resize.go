package imaging

import "math"

// Resize returns the picture at another size. Each new pixel is the mean of
// the old ones under a triangle two new pixels wide (two old ones when it
// grows), so that shrinking does not alias: what Pillow calls BILINEAR.
func (p Pixels) Resize(height, width int) Pixels {
	if p.Height == height && p.Width == width {
		return p
	}
	// Rows first, then columns, at full precision in between.
	rows := triangles(p.Height, height)
	columns := triangles(p.Width, width)
	line := p.Width * p.Channels
	tall := make([]float32, height*line)
	for y, t := range rows {
		out := tall[y*line : (y+1)*line]
		for k, w := range t.weights {
			in := p.Values[(t.first+k)*line : (t.first+k+1)*line]
			for i, v := range in {
				out[i] += w * float32(v)
			}
		}
	}
	q := NewPixels(height, width, p.Channels)
	for y := range height {
		in := tall[y*line : (y+1)*line]
		for x, t := range columns {
			for c := range p.Channels {
				sum := float32(0.5)
				for k, w := range t.weights {
					sum += w * in[(t.first+k)*p.Channels+c]
				}
				q.Values[(y*width+x)*p.Channels+c] = uint8(min(255, max(0, sum)))
			}
		}
	}
	return q
}

// triangle is which old pixels make a new one, and with what weights.
type triangle struct {
	first   int
	weights []float32
}

func triangles(from, to int) []triangle {
	scale := float64(from) / float64(to)
	radius := max(1, scale)
	ts := make([]triangle, to)
	for i := range ts {
		centre := (float64(i) + 0.5) * scale
		first := max(0, int(math.Ceil(centre-radius-0.5)))
		last := min(from-1, int(math.Floor(centre+radius-0.5)))
		weights := make([]float32, last-first+1)
		sum := 0.0
		for j := range weights {
			w := max(0, 1-math.Abs(float64(first+j)+0.5-centre)/radius)
			weights[j] = float32(w)
			sum += w
		}
		for j := range weights {
			weights[j] /= float32(sum)
		}
		ts[i] = triangle{first, weights}
	}
	return ts
}

// cut returns height × width pixels from a corner on.
func (p Pixels) cut(top, left, height, width int) Pixels {
	q := NewPixels(height, width, p.Channels)
	line := width * p.Channels
	for y := range height {
		copy(q.Values[y*line:(y+1)*line], p.Values[((top+y)*p.Width+left)*p.Channels:])
	}
	return q
}

// middle returns the height × width pixels in the middle.
func (p Pixels) middle(height, width int) Pixels {
	if p.Height == height && p.Width == width {
		return p
	}
	return p.cut((p.Height-height)/2, (p.Width-width)/2, height, width)
}

// stretch returns the picture with two of its quantiles as black and white,
// what is beyond them cut off: markers and collimator edges then do not
// decide how bright the body is.
func (p Pixels) stretch(low, high float64) Pixels {
	var counts [256]int
	for _, v := range p.Values {
		counts[v]++
	}
	quantile := func(q float64) float64 {
		seen := 0
		for grey, n := range counts {
			if seen += n; float64(seen) > q*float64(len(p.Values)) {
				return float64(grey)
			}
		}
		return 255
	}
	black, white := quantile(low), quantile(high)
	if white <= black {
		return p
	}
	var table [256]uint8
	for grey := range table {
		table[grey] = uint8(255*min(1, max(0, (float64(grey)-black)/(white-black))) + 0.5)
	}
	q := NewPixels(p.Height, p.Width, p.Channels)
	for i, v := range p.Values {
		q.Values[i] = table[v]
	}
	return q
}

package imaging

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// SyntheticConfig sizes the synthetic films. The zero value is the defaults.
type SyntheticConfig struct {
	Films int   `json:"films"` // in all; 0 means 1600: 1000 to train, 200 to validate, 400 to test
	Size  int   `json:"size"`  // pixels a side; 0 means 48
	Seed  int64 `json:"seed"`
}

// Synthetic returns drawings that resemble frontal chest films: body, lungs,
// spine, heart, ribs and vessels, each a little different, with noise. Half of
// them have a soft opacity in one lung and are labelled "opacity". Every third
// is from "device" B, which has half as much noise again as A. They are for
// learning the tool where no data is at hand; nothing learnt from them holds for people.
func Synthetic(config SyntheticConfig) Data {
	if config.Films == 0 {
		config.Films = 1600
	}
	if config.Size == 0 {
		config.Size = 48
	}
	d := named[int]("synthetic")
	d.Classes = []string{"clear", "opacity"}
	d.Notes = []string{"Synthetic films, drawn by a program: no result on them holds for patients."}
	for i := range config.Films {
		side := &d.Train
		switch i % 8 {
		case 5:
			side = &d.Validation
		case 6, 7:
			side = &d.Test
		}
		label, device, noise := i/8%2, "A", 1.0
		if i%3 == 0 {
			device, noise = "B", 1.5
		}
		film := NewFilm(fmt.Sprintf("synthetic/%d", i), func() (Pixels, error) {
			return drawChest(rand.New(rand.NewPCG(uint64(config.Seed), uint64(i))), config.Size, label == 1, noise), nil
		})
		film.About = map[string]string{"device": device}
		side.X, side.Y, side.Group = append(side.X, film), append(side.Y, label), append(side.Group, film.Name)
	}
	return d
}

// blob is an ellipse with soft edges; coordinates run from 0 to 1.
type blob struct{ x, y, rx, ry, tilt, grey float64 }

// at returns how much of the blob is at (x, y): 1 inside, falling over an edge
// of the given softness to 0.
func (b blob) at(x, y, soft float64) float64 {
	sin, cos := math.Sincos(b.tilt)
	dx, dy := x-b.x, y-b.y
	u, v := (cos*dx+sin*dy)/b.rx, (cos*dy-sin*dx)/b.ry
	edges := (math.Sqrt(u*u+v*v) - 1) / soft
	if edges > 12 { // less than a thousandth of a grey
		return 0
	}
	return 1 / (1 + math.Exp(edges))
}

// drawChest draws one film, with noisier times the usual noise. Brightness is what absorbs X-rays.
func drawChest(rng *rand.Rand, size int, opacity bool, noisier float64) Pixels {
	about := func(mean, spread float64) float64 { return mean + spread*(2*rng.Float64()-1) }
	body := blob{about(0.5, 0.02), about(0.62, 0.03), about(0.46, 0.03), about(0.62, 0.05), 0, 0.55}
	lungs := []blob{
		{about(0.30, 0.02), about(0.47, 0.03), about(0.145, 0.015), about(0.31, 0.03), about(0.10, 0.05), -0.36},
		{about(0.70, 0.02), about(0.47, 0.03), about(0.140, 0.015), about(0.30, 0.03), about(-0.10, 0.05), -0.36},
	}
	heart := blob{about(0.56, 0.03), about(0.63, 0.03), about(0.13, 0.025), about(0.12, 0.02), about(-0.6, 0.2), 0.25}
	// Every film has shadows, vessels end on; an opacity is larger and softer.
	var shadows []blob
	for range 6 {
		lung := lungs[rng.IntN(2)]
		r := about(0.035, 0.015)
		shadows = append(shadows, blob{lung.x + about(0, 0.1), lung.y + about(0, 0.22), r, r * about(1.2, 0.4), about(0, 1.5), about(0.07, 0.05)})
	}
	if opacity {
		lung := lungs[rng.IntN(2)]
		r := about(0.10, 0.03)
		shadows = append(shadows, blob{lung.x + about(0, 0.05), lung.y + about(0.05, 0.17), r, r * about(1.1, 0.3), about(0, 1.5), about(0.21, 0.09)})
	}
	ribs, slope, shift, contrast := about(9, 0.8), about(0.5, 0.12), rng.Float64(), about(0.055, 0.02)
	gain, lift, noise := about(1, 0.12), about(0.04, 0.05), noisier*about(0.045, 0.02)

	p := NewPixels(size, size, 1)
	for i := range p.Values {
		x, y := (float64(i%size)+0.5)/float64(size), (float64(i/size)+0.5)/float64(size)
		inside := body.at(x, y, 0.03)
		v := body.grey * inside
		aired := 0.0
		for _, lung := range lungs {
			a := lung.at(x, y, 0.05)
			v += lung.grey * a
			aired = max(aired, a)
		}
		v += heart.grey * heart.at(x, y, 0.08)
		v += 0.16 * math.Exp(-math.Pow((x-body.x)/0.035, 2)) * inside // spine
		arc := ribs*(y-slope*math.Abs(x-body.x)) + shift
		v += contrast * math.Pow(math.Cos(math.Pi*arc), 4) * inside * min(1, math.Abs(x-body.x)/0.1)
		for _, s := range shadows {
			if aired < 1e-4 {
				break // they are in the lungs
			}
			v += s.grey * s.at(x, y, 0.35) * aired
		}
		v = lift + gain*v + noise*rng.NormFloat64()
		p.Values[i] = uint8(255*min(1, max(0, v)) + 0.5)
	}
	return p
}

package imaging

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Overlay returns the film in grey with an explanation laid over it: orange
// where it speaks for the answer, blue where it speaks against, stronger where
// it weighs more, and the strongest hundredth of the film at full strength: single
// pixels that stand out would hide the rest. The two colours are told apart by
// colour-blind readers too. An explanation by a model with
// Config.Crop is of the middle that it sees: lay it over that, Of(name, See(film)).
func Overlay(film Film, e models.Explanation) (image.Image, error) {
	p, err := film.Pixels()
	if err != nil {
		return nil, fmt.Errorf("imaging: %w", err)
	}
	if len(e.Shape) != 2 || e.Shape[0] < 1 || e.Shape[1] < 1 || len(e.Values) != e.Shape[0]*e.Shape[1] {
		return nil, fmt.Errorf("imaging: an explanation of shape %d with %d values is not one of a picture", e.Shape, len(e.Values))
	}
	most := strong(e.Values)
	grey := p.withChannels(1)
	out := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	for y := range p.Height {
		for x := range p.Width {
			c := float64(grey.Values[y*p.Width+x])
			shade := [3]float64{c, c, c}
			v := e.Values[y*e.Shape[0]/p.Height*e.Shape[1]+x*e.Shape[1]/p.Width]
			if most > 0 && !math.IsNaN(v) {
				tint := [3]float64{230, 159, 0} // orange and blue of Okabe and Ito's palette
				if v < 0 {
					tint = [3]float64{0, 114, 178}
				}
				opacity := 0.6 * min(1, math.Abs(v)/most)
				for i := range shade {
					shade[i] += opacity * (tint[i] - shade[i])
				}
			}
			out.SetRGBA(x, y, color.RGBA{uint8(shade[0]), uint8(shade[1]), uint8(shade[2]), 255})
		}
	}
	return out, nil
}

// strong returns the size of value that a hundredth of the finite values exceed; the
// largest if that is 0.
func strong(values []float64) float64 {
	var sizes []float64
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			sizes = append(sizes, math.Abs(v))
		}
	}
	if len(sizes) == 0 {
		return 0
	}
	slices.Sort(sizes)
	if s := sizes[len(sizes)-1-len(sizes)/100]; s > 0 {
		return s
	}
	return sizes[len(sizes)-1]
}

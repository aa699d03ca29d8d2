package charts

import (
	"math"
	"strconv"
	"testing"
)

// vision is what becomes of red, green and blue light in an eye: with all cones, and
// without those for long, middle and short waves (Machado, Oliveira and Fernandes,
// IEEE Transactions on Visualization and Computer Graphics 15 (2009), 1291, severity 1).
var vision = map[string][3][3]float64{
	"trichromacy":  {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

// light returns the red, green and blue light of "#rrggbb", by sRGB's curve.
func light(t *testing.T, color string) (rgb [3]float64) {
	t.Helper()
	for k := range rgb {
		v, err := strconv.ParseUint(color[1+2*k:3+2*k], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		if rgb[k] = float64(v) / 255; rgb[k] <= 0.04045 {
			rgb[k] /= 12.92
		} else {
			rgb[k] = math.Pow((rgb[k]+0.055)/1.055, 2.4)
		}
	}
	return rgb
}

// luminance is the light that counts for contrast (WCAG 2.2).
func luminance(rgb [3]float64) float64 { return 0.2126*rgb[0] + 0.7152*rgb[1] + 0.0722*rgb[2] }

// lab returns the place of a light in CIE L*a*b* under D65, where distances are
// alike to the eye.
func lab(rgb [3]float64) [3]float64 {
	f := func(v float64) float64 {
		if v > 0.008856 {
			return math.Cbrt(v)
		}
		return 7.787*v + 16.0/116
	}
	x := f((0.4124*rgb[0] + 0.3576*rgb[1] + 0.1805*rgb[2]) / 0.95047)
	y := f(luminance(rgb))
	z := f((0.0193*rgb[0] + 0.1192*rgb[1] + 0.9505*rgb[2]) / 1.08883)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

func TestPaletteIsToldApart(t *testing.T) {
	const (
		apart   = 13  // CIE 1976 difference; some 2 can just be seen
		further = 22  // with all cones
		onWhite = 2.2 // ratios of contrast
		onDark  = 2.6
	)
	dark := luminance(light(t, "#14171c"))
	for i, color := range palette {
		lum := luminance(light(t, color))
		if white, black := 1.05/(lum+0.05), (lum+0.05)/(dark+0.05); white < onWhite || black < onDark {
			t.Errorf("%s has a contrast of %.1f on white and %.1f on a dark page", color, white, black)
		}
		for _, other := range palette[:i] {
			for name, eye := range vision {
				seen := func(color string) [3]float64 {
					rgb := light(t, color)
					var out [3]float64
					for k, row := range eye {
						out[k] = min(max(row[0]*rgb[0]+row[1]*rgb[1]+row[2]*rgb[2], 0), 1)
					}
					return lab(out)
				}
				a, b := seen(color), seen(other)
				want := float64(apart)
				if name == "trichromacy" {
					want = further
				}
				if d := math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2])); d < want {
					t.Errorf("with %s %s and %s are %.1f apart", name, color, other, d)
				}
			}
		}
	}
}

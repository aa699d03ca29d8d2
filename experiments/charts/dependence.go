package charts

import (
	"fmt"
	"strings"

	"github.com/assay-ml/assay/gomlx_models"
)

// Dependence returns a figure for each feature that curves of the kind "partial
// dependence" are about: how the mean answer changes with it, and pale behind it
// the answers for single patients, the curves of the kind "ice" whose label
// begins with the feature's. Other curves are left out.
func Dependence(id string, curves []models.Curve) []Figure {
	var figures []Figure
	for _, mean := range curves {
		if mean.Kind != "partial dependence" {
			continue
		}
		var lines []Line
		for _, one := range curves {
			if one.Kind == "ice" && strings.HasPrefix(one.Label, mean.Label+", ") {
				lines = append(lines, Line{X: floats(one.X), Y: floats(one.Y), Color: muted, Faint: true})
			}
		}
		lines = append(lines, Line{Name: "mean", X: floats(mean.X), Y: floats(mean.Y), Color: palette[0]})
		f := Curves(fmt.Sprintf("%s-dependence-%s", id, mean.Label), "How the answer changes with "+mean.Label, lines, CurveOptions{X: mean.Label, Y: "answer"})
		figures = append(figures, f)
	}
	return figures
}

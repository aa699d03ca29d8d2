package imaging

import (
	"image/color"
	"slices"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
)

func TestOverlay(t *testing.T) {
	p := NewPixels(4, 4, 1)
	for i := range p.Values {
		p.Values[i] = 100
	}
	film := Of("grey", p)
	// An explanation of a coarser grid: for top left, against bottom right.
	got, err := Overlay(film, models.Explanation{Values: []float64{2, 0, 0, -1}, Shape: []int{2, 2}})
	if err != nil {
		t.Fatal(err)
	}
	f := func(x, y int, want color.RGBA) {
		t.Helper()
		if c := got.At(x, y); c != want {
			t.Errorf("pixel %d, %d is %v, want %v", x, y, c, want)
		}
	}
	f(1, 1, color.RGBA{178, 135, 40, 255}) // 100 + 0.6·(230−100) …
	f(2, 1, color.RGBA{100, 100, 100, 255})
	f(3, 3, color.RGBA{70, 104, 123, 255}) // 100 + 0.3·(0−100) …

	// One pixel of 400 that stands out leaves the others their strength.
	values := slices.Repeat([]float64{1}, 400)
	values[0] = 50
	if got, err = Overlay(Of("large", NewPixels(20, 20, 1)), models.Explanation{Values: values, Shape: []int{20, 20}}); err != nil {
		t.Fatal(err)
	}
	f(10, 10, color.RGBA{138, 95, 0, 255})
	f(0, 0, color.RGBA{138, 95, 0, 255})
	if _, err := Overlay(film, models.Explanation{Values: []float64{1, 2, 3}, Shape: []int{3}}); err == nil {
		t.Error("an explanation of features was laid over a film")
	}
}

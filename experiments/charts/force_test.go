package charts

import (
	"math"
	"strings"
	"testing"

	"github.com/assay-ml/assay/gomlx_models"
)

// What raises an answer ends at it, what lowers it starts at it, and together they
// are as long as the features' values.
func TestForcePushesToTheAnswer(t *testing.T) {
	names := []string{"age", "bmi", "sex", "bp"}
	f := Force("f", "Who", []models.Explanation{
		{Answer: "risk", Names: names, Values: []float64{0.5, -1, 0.25, 0.01}, Base: 2},
		{Answer: "risk", Names: names, Values: []float64{3, 0, 1, -0.02}, Base: 2},
	}, []string{"Ann", "Bob"}, 3)
	want := []string{"Bob 5.980 +3 +1 +0 −0.02000", "Ann 1.760 +0.5000 +0.2500 −1 +0.01000"}
	for i, row := range f.table().Rows {
		if got := strings.Join(row, " "); got != want[i] {
			t.Errorf("row %d is %q, want %q", i, got, want[i])
		}
	}
	var length float64
	ends := map[float64]float64{0: math.Inf(-1), 1: math.Inf(-1)} // of what raises, in each row
	starts := map[float64]float64{0: math.Inf(1), 1: math.Inf(1)} // of what lowers
	answers := map[float64]float64{0: 5.98, 1: 1.76}
	for _, s := range optionOf(t, f)["series"].([]any) {
		data, _ := s.(map[string]any)["data"].([]any)
		if name, _ := s.(map[string]any)["name"].(string); name == "" { // a tick, or the line at the base
			continue
		}
		for k := 0; k+1 < len(data); k += 3 {
			a, b := data[k].([]any), data[k+1].([]any)
			from, to, row := a[0].(float64), b[0].(float64), a[1].(float64)
			length += to - from
			if from < answers[row]-1e-9 {
				ends[row] = max(ends[row], to)
			} else {
				starts[row] = min(starts[row], from)
			}
		}
	}
	if math.Abs(length-5.78) > 1e-4 {
		t.Errorf("bars are %v long together, want 5.78", length)
	}
	for row, answer := range answers {
		if math.Abs(ends[row]-answer) > 1e-3 || math.Abs(starts[row]-answer) > 1e-3 {
			t.Errorf("row %v: what raises ends at %v, what lowers starts at %v, and the answer is %v", row, ends[row], starts[row], answer)
		}
	}
}

// A patient without an answer takes no tick from the others, and where all features
// are shown there are no others.
func TestForceBesideNoAnswer(t *testing.T) {
	f := Force("f", "Who", []models.Explanation{
		{Names: []string{"age"}, Values: []float64{0.5}, Base: 2}, {Names: []string{"age"}, Values: []float64{1}, Base: math.NaN()},
	}, nil, 0)
	if columns := f.table().Columns; len(columns) != 3 {
		t.Errorf("columns are %q, want the row's, the answer's and age's", columns)
	}
	ticks := 0
	for _, s := range optionOf(t, f)["series"].([]any) {
		data, _ := s.(map[string]any)["data"].([]any)
		if name, _ := s.(map[string]any)["name"].(string); name != "" || len(data) < 2 {
			continue
		}
		for k := 0; k+1 < len(data); k += 3 {
			a, b := data[k].([]any), data[k+1].([]any)
			from, ok := a[0].(float64)
			if to, _ := b[0].(float64); ok && from < 2.5 && 2.5 < to {
				ticks++
			}
		}
	}
	if ticks != 1 {
		t.Errorf("there are %d ticks at 2.5, want 1", ticks)
	}
}

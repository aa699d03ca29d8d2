package imaging

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
)

func TestPointingGame(t *testing.T) {
	// 2×4 pixels; the box is the right half.
	e := func(values ...float64) models.Explanation {
		return models.Explanation{Method: "by hand", Shape: []int{2, 4}, Values: values}
	}
	right := []Box{{0.5, 0, 0.5, 1}}
	report, err := PointingGame(
		[]models.Explanation{
			e(0, 0, 0, 3, 0, 1, 0, 0),  // points into it, three quarters of it there
			e(2, 0, 0, 0, 0, 0, 0, -9), // not, none
			e(0, 0, 0, 0, 0, 0, 0, 0),  // has no box
			e(0, 0, 1, 1, 0, 0, 1, 1),  // all
		},
		[][]Box{right, right, nil, {{0.5, 0, 0.25, 1}, {0.75, 0, 0.25, 1}}}, []string{"a", "a", "b", "c"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if report.Rows != 3 || report.Groups != 2 {
		t.Errorf("%d films of %d patients", report.Rows, report.Groups)
	}
	for name, want := range map[string]float64{"pointing_game": 2.0 / 3, "energy": 1.75 / 3, "chance": 0.5} {
		m, _ := report.Metric(name)
		if math.Abs(float64(m.Value)-want) > 1e-12 || m.Low > m.Value || m.High < m.Value {
			t.Errorf("%s is %+v, want %g", name, m, want)
		}
	}
	if m, _ := report.Metric("pointing_game"); m.Low != 0.5 || m.High != 1 {
		t.Errorf("of patients with ½ and 1, the interval is %g to %g", m.Low, m.High)
	}
	if _, err := PointingGame([]models.Explanation{e(1)}, [][]Box{right}, nil, 1); err == nil || !strings.Contains(err.Error(), "shape [2 4] with 1 values") {
		t.Errorf("a short explanation: got error %v", err)
	}
	if _, err := PointingGame([]models.Explanation{e()}, [][]Box{nil}, nil, 1); err == nil || !strings.Contains(err.Error(), "has a box") {
		t.Errorf("no box: got error %v", err)
	}
}

func TestReadBoxes(t *testing.T) {
	boxes, err := ReadBoxes(filepath.Join(modeltest.Data(t, "image/nih_cxr_pneumonia_224"), "boxes.csv"), "Pneumonia", 224, 224)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, film := range boxes {
		n += len(film)
	}
	if n != 43 {
		t.Errorf("%d boxes of pneumonia, want 43", n)
	}
	file := filepath.Join(t.TempDir(), "boxes.csv")
	if err := os.WriteFile(file, []byte("file,finding,x,y,w,h\na.png,mass,1,2,3,tall\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadBoxes(file, "mass", 10, 10); err == nil || !strings.Contains(err.Error(), `h is "tall"`) {
		t.Errorf("got error %v", err)
	}
}

package sample_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/assay-ml/assay/data"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment/genome"
	"github.com/assay-ml/assay/gomlx_models/treatment/sample"
)

func TestOpen(t *testing.T) {
	s, err := sample.Open("actg175")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, arm := range s.Got() {
		count[arm]++
	}
	// Counted in the file with another program.
	if want := map[string]int{"zidovudine": 532, "zidovudine + didanosine": 522, "zidovudine + zalcitabine": 524, "didanosine": 561}; !reflect.DeepEqual(count, want) {
		t.Errorf("got %v, want %v", count, want)
	}
	groups := s.Subgroups([]int{0, 1, 2})
	if len(groups) != 3 || groups[0].Name != "gender" || !slices.Contains([]string{"female", "male"}, groups[0].Of[0]) {
		t.Errorf("subgroups %+v", groups)
	}
	if _, err := sample.Open("warfarin"); err == nil || !strings.Contains(err.Error(), "choose synthetic or actg175") {
		t.Errorf("got %v", err)
	}
	if _, err := sample.OpenDoses("warfarin"); err != nil && !errors.Is(err, data.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	listed, own := t.TempDir(), t.TempDir()
	t.Setenv("ASSAY_DATA", listed)
	t.Setenv("ASSAY_HOME", own)
	if _, err := sample.Warfarin(); !errors.Is(err, data.ErrNotFound) || !strings.Contains(err.Error(), listed) || !strings.Contains(err.Error(), own) {
		t.Errorf("got %v, want an error that names the folders", err)
	}
}

// The same seed draws the same patients, genotypes as a laboratory writes them and
// near what chance makes of their alleles.
func TestSimulate(t *testing.T) {
	c := sample.Simulation{Rows: 3000, Seed: 5}
	s := sample.Simulate(c)
	if !reflect.DeepEqual(s, sample.Simulate(c)) {
		t.Error("the same seed drew other patients")
	}
	if s.Rows() != 3000 || s.Frame.Rows() != 3000 || len(s.Expected) != 3000 {
		t.Errorf("%d patients, %d rows, %d expected outcomes", s.Rows(), s.Frame.Rows(), len(s.Expected))
	}
	calls, err := genome.Calls(s.Frame, "ADRB1")
	if err != nil {
		t.Fatal(err)
	}
	var n [3]int
	for _, call := range calls {
		if !call.Missing() {
			n[call.Count("C")]++
		}
	}
	if p := genome.HardyWeinberg(n[0], n[1], n[2]); p < 0.001 {
		t.Errorf("genotypes %v are far from equilibrium: p %v", n, p)
	}
	kidneys, err := s.Frame.Numbers("eGFR")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range kidneys {
		if v < 40 && s.Y[i].Arm != 0 {
			t.Fatalf("patient %d, eGFR %v, got the drug", i, v)
		}
	}
}

func TestFeatures(t *testing.T) {
	d := sample.SimulateDoses(50, 1)
	p, train, test, err := d.Features(table.Plan{}, []int{0, 2, 4, 6, 8}, []int{1, 3})
	if err != nil {
		t.Fatal(err)
	}
	if len(train.X) != 5 || len(test.Y) != 2 || test.Y[1] != d.Dose[3] || p.Names()[0] != "VKORC1 A alleles" {
		t.Errorf("%d rows to learn from, %v held out, features %q", len(train.X), test.Y, p.Names())
	}
	for i, dose := range d.Dose {
		if !(dose > 0) {
			t.Errorf("patient %d needs %v", i, dose)
		}
	}
}

package imaging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/modeltest"
)

// few are synthetic films, each of another patient.
func few() Data {
	d := Synthetic(SyntheticConfig{Films: 96, Size: 40, Seed: 3})
	return d
}

func pixels(t *testing.T, film Film) Pixels {
	t.Helper()
	p, err := film.Pixels()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAuditFindsLeaks(t *testing.T) {
	ctx := context.Background()
	if audit, err := few().Audit(ctx); err != nil || len(audit.Leaks) != 0 {
		t.Fatalf("films without a leak: %+v, %v", audit.Leaks, err)
	}
	f := func(kind string, plant func(d *Data)) {
		t.Helper()
		d := few()
		plant(&d)
		audit, err := d.Audit(ctx)
		if !errors.Is(err, ErrLeak) || !strings.Contains(err.Error(), kind) {
			t.Errorf("%s: got error %v", kind, err)
		}
		if len(audit.Leaks) != 1 || audit.Leaks[0].Kind != kind || audit.Leaks[0].Sides != [2]string{"train", "test"} {
			t.Errorf("%s: found %+v", kind, audit.Leaks)
		}
		d.AllowLeak = "it is a test"
		if audit, err = d.Audit(ctx); err != nil || audit.Allowed != "it is a test" || len(audit.Leaks) != 1 {
			t.Errorf("%s, allowed: %+v, %v", kind, audit, err)
		}
		note := audit.notes(models.Metric{Low: 1})
		if len(note) == 0 || !strings.Contains(note[0], "it is a test") {
			t.Errorf("%s, allowed: notes %q", kind, note)
		}
	}
	f("patient", func(d *Data) { d.Test.Group[4] = d.Train.Group[7] })
	f("same picture", func(d *Data) { d.Test.X[4] = d.Train.X[7] })
	f("same picture", func(d *Data) { // though it is a mirrored copy of one before, too
		d.Test.X[4] = d.Train.X[7]
		d.Train.X[3] = Of("mirrored", pixels(t, d.Train.X[7]).warp(true, 0, 0, 0, 1))
	})
	f("mirrored copy", func(d *Data) {
		d.Test.X[4] = Of("mirrored", pixels(t, d.Train.X[7]).warp(true, 0, 0, 0, 1))
	})
	f("mirrored copy", func(d *Data) { // in colour and another size
		d.Test.X[4] = Of("mirrored", pixels(t, d.Train.X[7]).Resize(61, 61).warp(true, 0, 0, 0, 1).withChannels(3))
	})
	near := func(change func(p Pixels) Pixels) {
		t.Helper()
		f("near-duplicate", func(d *Data) { d.Test.X[4] = Of("copy", change(pixels(t, d.Train.X[7]))) })
	}
	near(func(p Pixels) Pixels { return p.Resize(31, 31) })
	near(func(p Pixels) Pixels { // brighter, with less contrast
		q := NewPixels(p.Height, p.Width, 1)
		for i, v := range p.Values {
			q.Values[i] = uint8(40 + 0.7*float64(v))
		}
		return q
	})
	near(func(p Pixels) Pixels {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, p.Image(), &jpeg.Options{Quality: 50}); err != nil {
			t.Fatal(err)
		}
		m, err := jpeg.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		return pixelsOf(m)
	})
}

// Where nobody says whose films are, "0 patients on two sides" would be a claim.
func TestAuditSaysThatPatientsAreNotKnown(t *testing.T) {
	f := func(d Data, wantCell string, wantNote bool) {
		t.Helper()
		audit, err := d.Audit(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		table := audit.Table()
		if row := table.Rows[0]; table.Columns[2] != "train and test" || row[0] != "patient" || row[2] != wantCell {
			t.Errorf("of %q the table says %q, want %q", table.Columns, row, wantCell)
		}
		noted := slices.ContainsFunc(audit.notes(models.Metric{Low: 1}), func(note string) bool { return strings.Contains(note, "do not say whose") })
		if noted != wantNote {
			t.Errorf("a note on patients: %v, want %v", noted, wantNote)
		}
	}
	f(few(), "0", false)
	nameless := few()
	nameless.forgetPatients()
	f(nameless, "not known", true)
}

func TestAuditSaysWhatItCannotRead(t *testing.T) {
	d := few()
	d.Test.X[3] = Film{Name: "lost"}
	if _, err := d.Audit(context.Background()); err == nil || !strings.Contains(err.Error(), "lost") {
		t.Errorf("got error %v", err)
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := few().Audit(stopped); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got error %v", err)
	}
}

// The films of these two classes come from other hospitals: greys tell them apart.
func TestShortcutOfThreeClasses(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	d := named[int]("hospitals")
	d.Classes = []string{"dark", "grey", "light"}
	for i := range 240 {
		class := i % 3
		p := NewPixels(8, 8, 1)
		for j := range p.Values {
			p.Values[j] = uint8(70*class + rng.IntN(90))
		}
		side := d.sides()[i/3%3]
		side.X, side.Y = append(side.X, Of(fmt.Sprint(i), p)), append(side.Y, class)
	}
	audit, err := d.Audit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(audit.Shortcuts) != 3 || !(audit.Shortcuts[0].AUC.Value > 0.99) {
		t.Fatalf("shortcuts are %+v", audit.Shortcuts)
	}
	probs := make([][]float64, d.Test.Len())
	for i := range probs {
		probs[i] = []float64{0.5, 0.3, 0.2}
	}
	report, err := Evaluate(probs, d.Test, Judging{Classes: d.Classes, Audit: &audit})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(report.Notes, func(note string) bool { return strings.HasPrefix(note, "Shortcut: ") }) {
		t.Errorf("notes: %q", report.Notes)
	}
	if last := report.Tables[len(report.Tables)-1]; last.Kind != "audit" || len(last.Rows) != 7 || len(last.Columns) != 4 {
		t.Errorf("the last table is %+v", last)
	}
}

func TestShortcutOfFindings(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	d := named[[]bool]("findings")
	d.Classes = []string{"light", "left"}
	for i := range 200 {
		y := []bool{i%2 == 1, i/2%2 == 1}
		p := NewPixels(8, 8, 1)
		for j := range p.Values {
			p.Values[j] = uint8(rng.IntN(90))
			if y[0] {
				p.Values[j] += 60
			}
			if y[1] && j%8 < 4 {
				p.Values[j] += 60
			}
		}
		side := d.sides()[i/4%2*2]
		side.X, side.Y = append(side.X, Of(fmt.Sprint(i), p)), append(side.Y, y)
	}
	audit, err := d.Audit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if coarse := audit.Shortcuts[1]; coarse.Sees != "4×4 thumbnail" || !(coarse.AUC.Value > 0.99) {
		t.Errorf("the thumbnail's mean AUC is %+v", coarse)
	}
}

// NIH's films without a finding come from other patients, and mostly other
// machines, than those with pneumonia: scikit-learn's logistic regression on grey-level
// histograms has AUC 0.82.
func TestNIHFilmsHaveAShortcut(t *testing.T) {
	d, err := Open(modeltest.Data(t, "image/nih_cxr_pneumonia_224"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Classes, []string{"no pneumonia", "pneumonia"}) || d.Train.Len() != 705 || d.Test.Len() != 209 || len(d.Files) != 2 {
		t.Fatalf("classes %q, %d and %d films of %d files", d.Classes, d.Train.Len(), d.Test.Len(), len(d.Files))
	}
	audit, err := d.Audit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if greys := audit.Shortcuts[0].AUC; !(greys.Value > 0.80 && greys.Value < 0.85 && greys.Low > 0.75) {
		t.Errorf("the histogram's AUC is %+v", greys)
	}
	about := d.Test.X[0].About
	if about["view"] != "PA" || about["age"] == "" || about["sex"] == "" {
		t.Errorf("the first test film is %v", about)
	}
}

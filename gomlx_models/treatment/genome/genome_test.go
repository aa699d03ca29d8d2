package genome_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/table/tabletest"
	"github.com/assay-ml/assay/gomlx_models/treatment/genome"
)

func TestParse(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := genome.Parse(text)
		if err != nil || got.String() != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
	f("A/G", "A/G")
	f("G/A", "A/G")
	f(" a|g ", "A/G")
	f("AG", "A/G")
	f("*1/*3", "*1/*3")
	f("*3/*1", "*1/*3")
	f("del/ATT", "ATT/del")
	for _, text := range []string{"", "NA", "./.", "A/.", "?", "Unknown"} {
		f(text, "")
	}
	for _, text := range []string{"A", "*1", "A/G/T", "het", "12"} {
		if c, err := genome.Parse(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, c)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"A/G", "*1/*3", "./.", "A|.", "AG", "/", "||", "é/è"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := genome.Parse(text)
		if err != nil {
			return
		}
		again, err := genome.Parse(c.String())
		if err != nil || again != c {
			t.Errorf("%q was read as %q, and that as %q, %v", text, c, again, err)
		}
	})
}

func ExampleCode() {
	frame := &table.Frame{Columns: []table.Column{
		table.CategoryColumn("VKORC1", []string{"A/G", "A/A", "G/G", ""}),
		table.CategoryColumn("CYP2C9", []string{"*1/*3", "*1/*1", "*2/*2", "*1/*2"}),
	}}
	coded, err := genome.Code(frame,
		genome.Site{Column: "VKORC1", Coding: genome.Additive, Allele: "A"},
		genome.Site{Column: "CYP2C9", Coding: genome.Activity, Function: genome.CYP2C9},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range coded.Columns {
		fmt.Println(c.Name, c.Numbers)
	}
	// Output:
	// VKORC1 A alleles [1 2 0 NaN]
	// CYP2C9 activity [1 2 1 1.5]
}

func TestCode(t *testing.T) {
	frame := &table.Frame{Columns: []table.Column{table.CategoryColumn("site", []string{"A/G", "A/A", "G/G", ""}), table.CategoryColumn("star", []string{"*1/*77", "*1/*1", "", ""})}}
	f := func(coding genome.Coding, want ...float64) {
		t.Helper()
		coded, err := genome.Code(frame, genome.Site{Column: "site", Coding: coding, Allele: "A"})
		if err != nil {
			t.Fatal(err)
		}
		if got := coded.Columns[0].Numbers; !slices.Equal(got[:3], want) || !math.IsNaN(got[3]) {
			t.Errorf("%s: got %v, want %v and NaN", coding, got, want)
		}
	}
	f(genome.Additive, 1, 2, 0)
	f(genome.Dominant, 1, 1, 0)
	f(genome.Recessive, 0, 1, 0)
	wrong := func(s genome.Site, says string) {
		t.Helper()
		if _, err := genome.Code(frame, s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: got %v, want an error that says %q", s, err, says)
		}
	}
	wrong(genome.Site{Column: "site", Coding: genome.Additive, Allele: "C", Other: "T"}, "row 0: A/G is a call of a site that has C and T")
	wrong(genome.Site{Column: "star", Coding: genome.Activity, Function: genome.CYP2C9}, "row 0: the activity of *1/*77 is not known")
	wrong(genome.Site{Column: "site", Coding: "multiplicative", Allele: "A"}, "no coding")
	wrong(genome.Site{Column: "nowhere", Coding: genome.Additive, Allele: "A"}, "nowhere")
}

// The values are from testdata/hardyweinberg.py, which counts in whole numbers.
func TestHardyWeinberg(t *testing.T) {
	f := func(twoA, one, twoB int, want float64) {
		t.Helper()
		for _, got := range []float64{genome.HardyWeinberg(twoA, one, twoB), genome.HardyWeinberg(twoB, one, twoA)} {
			if math.Abs(got-want) > 1e-12 {
				t.Errorf("%d, %d, %d: got %.15g, want %.15g", twoA, one, twoB, got, want)
			}
		}
	}
	f(14, 57, 50, 0.842279756570793)
	f(0, 5, 95, 1)
	f(3, 11, 86, 0.0194730174368565)
	f(30, 40, 30, 0.0468552118134484)
	f(1, 0, 99, 0.0050251256281407)
	f(0, 0, 7, 1)
	f(500, 420, 80, 0.590788203188283)
	f(0, 0, 0, 1)
}

// A new patient who has none of the allele that is counted has 0 of it. Of a site
// with two alleles, a call off the other strand is no such patient.
func TestCodeOnePatient(t *testing.T) {
	site := genome.Site{Column: "VKORC1", Coding: genome.Additive, Allele: "A", Other: "G"}
	coded, err := genome.Code(&table.Frame{Columns: []table.Column{table.CategoryColumn("VKORC1", []string{"G/G"})}}, site)
	if err != nil || coded.Columns[0].Numbers[0] != 0 {
		t.Errorf("G/G: got %+v, %v, want 0 copies of A", coded, err)
	}
	if _, err := genome.Code(&table.Frame{Columns: []table.Column{table.CategoryColumn("VKORC1", []string{"T/T"})}}, site); err == nil || !strings.Contains(err.Error(), "other strand") {
		t.Errorf("T/T: got %v, want a word on strands", err)
	}
}

const variants = `##fileformat=VCFv4.3
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	ann	bo	cy
16	31096368	rs9923231	C	T	50	PASS	.	GT:DP	0/1:12	1|1:9	./.
10	94942290	.	C	T,A	50	PASS	.	DP:GT	3:0/2	7:1/2	9
10	94981296	rs1057910	A	C	50	q10	.	GT	0/0	0/1	0/0
`

func TestReadVCF(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write([]byte(variants))
	w.Close()
	for _, text := range []string{variants, zipped.String()} {
		frame, err := genome.ReadVCF(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		want := [][]string{{"ann", "bo", "cy"}, {"C/T", "T/T", ""}, {"A/C", "A/T", ""}}
		if got := frame.Names(); !slices.Equal(got, []string{"sample", "rs9923231", "10:94942290"}) {
			t.Errorf("columns %q", got)
		}
		for k, c := range frame.Columns {
			for i := range 3 {
				if c.Text(i) != want[k][i] {
					t.Errorf("%s, row %d: got %q, want %q", c.Name, i, c.Text(i), want[k][i])
				}
			}
		}
	}
	if frame, err := genome.ReadVCF(strings.NewReader(variants), "16:31096368"); err != nil || len(frame.Columns) != 2 {
		t.Errorf("one site by its place: %v, %v", frame, err)
	}
	wrong := func(text, says string, sites ...string) {
		t.Helper()
		if _, err := genome.ReadVCF(strings.NewReader(text), sites...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want an error that says %q", err, says)
		}
	}
	wrong(variants, "did not pass the filter q10", "rs1057910")
	wrong(variants, "rs1 is not in the file", "rs1")
	wrong("a,b\n1,2\n", "##fileformat=VCF")
	wrong(strings.Replace(variants, "0/2", "0/3", 1), "points to no allele")
	wrong(strings.Replace(variants, "\t9\n", "\n", 1), "line 5 has 11 fields where the header has 12")
}

func FuzzReadVCF(f *testing.F) {
	f.Add([]byte(variants))
	f.Add([]byte("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := genome.ReadVCF(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, c := range frame.Columns {
			if c.Len() != frame.Rows() {
				t.Errorf("column %s has %d rows of %d", c.Name, c.Len(), frame.Rows())
			}
		}
	})
}

// The patients of the IWPC come from three ancestries with other frequencies, so
// together they are far from equilibrium, and within each they are near.
func TestWarfarinGenotypes(t *testing.T) {
	frame := tabletest.Open(t, "treatment/iwpc_warfarin/iwpc.csv.gz")
	race, err := frame.Texts("Race (OMB)")
	if err != nil {
		t.Fatal(err)
	}
	calls, err := genome.Calls(frame, "VKORC1     -1639 consensus")
	if err != nil {
		t.Fatal(err)
	}
	f := func(of string) float64 {
		var n [3]int
		for i, c := range calls {
			if !c.Missing() && (of == "" || race[i] == of) {
				n[c.Count("A")]++
			}
		}
		t.Logf("%q: G/G %d, A/G %d, A/A %d", of, n[0], n[1], n[2])
		return genome.HardyWeinberg(n[0], n[1], n[2])
	}
	if p := f(""); p > 1e-20 {
		t.Errorf("all: p %v, want the mixture to show", p)
	}
	if p := f("Black or African American"); p < 0.001 {
		t.Errorf("one ancestry: p %v", p)
	}
}

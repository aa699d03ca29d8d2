package charts

import (
	"strings"
	"testing"

	"github.com/assay-ml/assay/gomlx_models"
)

func TestEffectFigures(t *testing.T) {
	f := func(table models.Table, says ...string) {
		t.Helper()
		figure := tableFigure("x", table)
		if figure.Option == nil {
			t.Fatalf("%s is not drawn", table.Kind)
		}
		if figure.Still() == nil {
			t.Errorf("%s has no still picture", table.Kind)
		}
		for _, s := range says {
			if !strings.Contains(string(figure.Option)+figure.Alt, s) {
				t.Errorf("%s: no %q in %s %s", table.Kind, s, figure.Alt, figure.Option)
			}
		}
	}
	f(models.Table{Kind: "balance", Title: "Balance", Columns: []string{"variable", "before weighting", "after weighting"},
		Rows: [][]string{{"age", "-0.500", "0.020"}, {"sex", "0.300", "0.200"}}},
		"1 of 2 variables differ by more than 0.1", "after weighting", "[0.5,0]")
	f(models.Table{Kind: "policies", Title: "Policies", Columns: []string{"policy", "value", "low", "high", "gain", "gain low", "gain high", "who gets what"},
		Rows: [][]string{{"recommended", "46", "40", "52", "-8.7", "-12", "-5", "all"}, {"all drug", "54.7", "50", "59", "0", "0", "0", "all"}}},
		"recommended 46", `"xAxis":54.7`)
	f(models.Table{Kind: "dose by genotype", Title: "Dose", Columns: []string{"genotype", "observed", "low", "high", "recommended", "patients"},
		Rows: [][]string{{"A/A", "18.0", "16.0", "20.0", "19.0", "50"}, {"G/G", "40.0", "38.0", "42.0", "41.0", "60"}}},
		"from A/A 18 to G/G 40", "60 patients", "recommended")
	if got := tableFigure("x", models.Table{Kind: "policies", Rows: [][]string{{"a", "many"}}}); got.Option != nil {
		t.Error("a table without numbers was drawn")
	}
}

func TestEffectCurves(t *testing.T) {
	x := []models.Number{0, 1}
	figures := FromReport(models.Report{Name: "test", Curves: []models.Curve{
		{Kind: "uplift", Label: "drug to those who gain most", X: x, Y: []models.Number{0, 2}, Low: []models.Number{0, 1}, High: []models.Number{0, 3}},
		{Kind: "uplift", Label: "drug to a share at random", X: x, Y: []models.Number{0, 2}},
		{Kind: "overlap", Label: "got drug", X: x, Y: []models.Number{0.4, 0.6}},
		{Kind: "effect calibration", Label: "drug", X: []models.Number{-1, 4}, Y: []models.Number{0, 3}},
	}})
	if len(figures) != 3 {
		t.Fatalf("%d figures, want 3", len(figures))
	}
	for i, says := range []string{"share treated", "chance of the arm", "as predicted"} {
		if !strings.Contains(string(figures[i].Option), says) {
			t.Errorf("no %q in %s", says, figures[i].Option)
		}
	}
}

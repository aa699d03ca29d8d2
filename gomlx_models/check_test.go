package models

import (
	"strings"
	"testing"
)

func TestReportFitsTogether(t *testing.T) {
	two := []Number{0, 1}
	f := func(r Report, want string) {
		t.Helper()
		err := r.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(Report{}, "")
	f(Report{Curves: []Curve{{Kind: "roc", X: two, Y: two}, {Kind: "pr", X: two, Y: two, Low: two, High: two}}}, "")
	f(Report{Curves: []Curve{{Kind: "roc", Label: "ill", X: two, Y: two[:1]}}}, `the roc curve "ill" has 2 x, 1 y`)
	f(Report{Curves: []Curve{{Kind: "roc", X: two, Y: two, Low: two, High: two[:1]}}}, "2 low and 1 high")
	f(Report{Tables: []Table{{Title: "By sex", Columns: []string{"", "auc"}, Rows: [][]string{{"F", "0.9"}, {"M"}}}}}, "")
	f(Report{Tables: []Table{{Title: "By sex", Columns: []string{"", "auc"}, Rows: [][]string{{"F", "0.9"}, {}}}}}, `row 2 of the table "By sex" has 0 cells`)
	f(Report{Tables: []Table{{Title: "By sex", Columns: []string{""}, Rows: [][]string{{"F", "0.9"}}}}}, "has 2 cells")
}

package charts

import (
	"math"
	"strings"
	"testing"

	"github.com/assay-ml/assay/gomlx_models"
)

func TestTokens(t *testing.T) {
	f := Tokens("t", "A note", models.Explanation{
		Method: "occlusion",
		Names:  []string{"denies", nasty, "pain", "now"},
		Values: []float64{-0.2, 0.4, 0.1, math.NaN()},
	})
	html := string(f.Fragment())
	for _, want := range []string{
		`<span class="against d5" title="-0.2000">denies</span>`,
		`<span class="for d2" title="&#43;0.1000">pain</span>`,
		`<span class="for d0" title="NaN">now</span>`,
		"<summary>Numbers</summary>",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the text lacks %s:\n%s", want, html)
		}
	}
	if strings.Contains(html, "<script>") || strings.Contains(html, "<img") {
		t.Errorf("a word became markup:\n%s", html)
	}
	if want := "Most against it: denies."; !strings.Contains(f.Alt, want) {
		t.Errorf("alt %q lacks %q", f.Alt, want)
	}
	if strings.Contains(f.Alt, "now") {
		t.Errorf("alt %q names a word that says nothing", f.Alt)
	}
}

func TestTokensOfAReport(t *testing.T) {
	table := models.Table{Kind: "tokens", Title: "A note", Columns: []string{"word", "occlusion"}, Rows: [][]string{{"no", "-0.5"}, {"fever", "0.25"}}}
	figures := FromReport(models.Report{Name: "test", Tables: []models.Table{table}})
	f := figures[len(figures)-1]
	if len(f.Words) != 2 || f.Words[0].Share != -1 || f.Words[1].Share != 0.5 {
		t.Errorf("words %+v", f.Words)
	}
	table.Rows[0][1] = "much"
	figures = FromReport(models.Report{Name: "test", Tables: []models.Table{table}})
	if f := figures[len(figures)-1]; f.Words != nil || f.Table == nil {
		t.Errorf("a table without numbers became text: %+v", f)
	}
}

func TestAttention(t *testing.T) {
	f := Attention("a", "Layer 1", models.Explanation{Names: []string{"no", "fever"}, Values: []float64{0.9, 0.1, 0.7, math.NaN()}, Shape: []int{2, 2}})
	if want := "Layer 1: no attends most to no, fever attends most to no."; f.Alt != want {
		t.Errorf("alt %q, want %q", f.Alt, want)
	}
	if cells := optionOf(t, f)["series"].([]any)[0].(map[string]any)["data"].([]any); len(cells) != 3 {
		t.Errorf("%d cells, want the 3 that are finite", len(cells))
	}
	if f.Still() == nil {
		t.Error("there is no still picture")
	}
}

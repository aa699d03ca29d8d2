package text_test

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/assay-ml/assay/gomlx_models/modeltest"
	"github.com/assay-ml/assay/gomlx_models/text"
)

func tokens(s string) []string {
	var out []string
	for _, token := range text.Tokenize(s) {
		out = append(out, token.Text)
	}
	return out
}

func TestTokenize(t *testing.T) {
	f := func(in string, want ...string) {
		t.Helper()
		if got := tokens(in); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	f("Aspirin 81 mg p.o. q.d.", "Aspirin", "81mg", "p.o.", "q.d.")
	f("0.5 mg/kg/day, then stop.", "0.5mg/kg/day", ",", "then", "stop", ".")
	f("BP 120/80, HR 72 bpm", "BP", "120/80", ",", "HR", "72bpm")
	f("on 2024-03-01 at 14:30", "on", "2024-03-01", "at", "14:30")
	f("seen 3/1/2024.", "seen", "3/1/2024", ".")
	f("beta-blocker; CD4+ cells", "beta", "blocker", ";", "CD4+", "cells")
	f("methotrexate-induced follow-up X-ray", "methotrexate", "induced", "follow-up", "X-ray")
	f("the patient's INR >= 3.5", "the", "patient's", "INR", ">=", "3.5")
	f("12.5% of 1,250 cases", "12.5%", "of", "1,250", "cases")
	f("5 months", "5months")
	f("5 monthly doses", "5", "monthly", "doses")
	f("a 35-year-old woman", "a", "35-year-old", "woman")
	f("1500 mg/m2 (or 1.2 g/m²/day)", "1500mg/m2", "(", "or", "1.2g/m²/day", ")")
	f("5 in the control group", "5", "in", "the", "control", "group")
	f("s/p CABG w/o pain, on aspirin q.d", "s/p", "CABG", "w/o", "pain", ",", "on", "aspirin", "q.d")
	f("and/or both", "and", "/", "or", "both")
	f("since 12 March 2024 or Mar. 12, 2024", "since", "12March2024", "or", "Mar.12,2024")
	f("in March 1999", "in", "March", "1999")
	f("5\u00a0mg\u202f/kg\u00a0then", "5mg/kg", "then")
	f("")
}

func FuzzTokenize(f *testing.F) {
	for _, seed := range []string{"5 mg/kg", "a.b. c", "µg 5µg", "\xff\xfe", "3/1/24x", "100% ", "1 d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		end := 0
		for _, token := range text.Tokenize(s) {
			if token.Start < end || token.End <= token.Start || token.End > len(s) {
				t.Fatalf("%q: token %+v after %d", s, token, end)
			}
			if utf8.ValidString(s) && strings.Join(strings.Fields(s[token.Start:token.End]), "") != token.Text {
				t.Fatalf("%q: token %+v is not what it covers", s, token)
			}
			if skipped := s[end:token.Start]; utf8.ValidString(s) && strings.Trim(skipped, "- \t\n\v\f\r\u0085\u00a0") != "" && strings.TrimSpace(skipped) != "" {
				t.Fatalf("%q: %q is in no token", s, skipped)
			}
			end = token.End
		}
	})
}

func ExampleAnalysis_Terms() {
	a := text.Analysis{StopWords: true, Signs: true, Stem: true, Negation: true}
	for _, term := range a.Terms("She denies chest pains, but was given aspirin 81 mg.") {
		fmt.Print(term.Text, "  ")
	}
	// Output: deni  not_chest  not_pain  but  given  aspirin  81mg
}

// TestNegationEndsAtSigns: also where the terms are words alone.
func TestNegationEndsAtSigns(t *testing.T) {
	for _, tokens := range []string{"clinical", "words"} {
		var got []string
		for _, term := range (text.Analysis{Tokens: tokens, Signs: true, Negation: true}).Terms("No fever. Cough, 2.5 mg/kg/day given") {
			got = append(got, term.Text)
		}
		if len(got) < 3 || got[1] != "not_fever" || got[2] != "cough" {
			t.Errorf("%s: got %q", tokens, got)
		}
	}
}

func TestMarkNegation(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		words := strings.Fields(in)
		var got []string
		for i, negated := range text.MarkNegation(words) {
			if negated {
				got = append(got, words[i])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: negated %q, want %q", in, got, want)
		}
	}
	f("no evidence of pneumonia . effusion seen", "pneumonia")
	f("denies fever , chills or cough but has pain", "fever chills or cough")
	f("no increase in size", "")
	f("not only fever", "")
	f("without a b c d e f g", "a b c d e f")
	f("negative for malaria", "malaria")
	f("doesn't have fever ; cough", "have fever")
	f("pain w/o nausea", "nausea")
}

func TestSentences(t *testing.T) {
	f := func(in string, want ...string) {
		t.Helper()
		if got := text.Sentences(in); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	f("Seen by Dr. Jones. No fever.", "Seen by Dr. Jones.", "No fever.")
	f("Gave 2.5 mg b.i.d. for pain. Better!", "Gave 2.5 mg b.i.d. for pain.", "Better!")
	f("Was it a stroke? (Yes.) It was.", "Was it a stroke?", "(Yes.)", "It was.")
	f("PLAN\n\nrest", "PLAN", "rest")
	f("Vit. K given", "Vit.", "K given") // "vit" is not known
	f("")
}

func TestStopWordsKeepNegations(t *testing.T) {
	for _, word := range []string{"no", "not", "nor", "without", "never", "denies", "don't", "fever"} {
		if text.IsStopWord(word) {
			t.Errorf("%q is a stop word", word)
		}
	}
	for _, word := range []string{"the", "of", "and", "was"} {
		if !text.IsStopWord(word) {
			t.Errorf("%q is no stop word", word)
		}
	}
}

// TestStemConformance measures agreement with Snowball's own vocabulary.
func TestStemConformance(t *testing.T) {
	lines := func(name string) []string {
		file, err := os.Open(modeltest.Data(t, "text/snowball_porter/"+name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		var all []string
		for s := bufio.NewScanner(file); s.Scan(); {
			all = append(all, s.Text())
		}
		return all
	}
	words, stems := lines("english_voc.txt"), lines("english_output.txt")
	wrong := 0
	var examples []string
	for i, word := range words {
		if got := text.Stem(word); got != stems[i] {
			wrong++
			if len(examples) < 20 {
				examples = append(examples, word+"→"+got+" want "+stems[i])
			}
		}
	}
	t.Logf("%d of %d words differ: %q", wrong, len(words), examples)
	if share := 1 - float64(wrong)/float64(len(words)); share < 0.998 {
		t.Errorf("%.4f of the words are stemmed as Snowball does, want 0.998", share)
	}
}

func TestNGrams(t *testing.T) {
	if got, want := text.NGrams([]string{"a", "b", "c"}, 1, 2), []string{"a", "b", "c", "a b", "b c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := text.CharNGrams([]string{"né"}, 3, 5), []string{" né", "né ", " né "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPredictions(t *testing.T) {
	set := text.Dataset{Name: "test", X: []string{"fever", "no fever"}, Y: [][]int{{1}, {0}}, Group: []string{"a", "b"}}
	p := text.Predictions([][]float64{{0.2, 0.8}, {0.9, 0.1}}, set, []string{"no", "yes"})
	if _, err := p.CSV(); err != nil || p.Len() != 2 || p.Class[0] != 1 || p.Group[1] != "b" {
		t.Errorf("got %+v, %v", p, err)
	}
	set.Y[1] = []int{0, 1}
	if _, err := text.Predictions([][]float64{{0.2, 0.8}, {0.9, 0.1}}, set, []string{"no", "yes"}).CSV(); err == nil {
		t.Error("a text of two classes that exclude each other is no error")
	}
}

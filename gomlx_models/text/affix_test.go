package text

import "testing"

func TestAffixes(t *testing.T) {
	f := func(word string, want ...string) {
		t.Helper()
		var all [affixesOfWord]string
		copy(all[:], want)
		if got := affixes(word); got != all {
			t.Errorf("%q: got %q, want %q", word, got, all)
		}
	}
	f("")
	f("mg.")
	f("rash", "ras~", "~ash")
	f("fièvre", "fiè~", "~vre", "fièv~", "~èvre", "fièvr~", "~ièvre")
	f("nephritis", "nep~", "~tis", "neph~", "~itis", "nephr~", "~ritis")
}

// TestUnknownWordsHaveKnownAffixes: a word that training never saw shares the
// ids of the affixes that it has in common with others.
func TestUnknownWordsHaveKnownAffixes(t *testing.T) {
	texts := [][]string{{"nephritis", "nephrosis"}, {"nephritis", "rash"}}
	v := learnVocabulary(texts, 1, 100)
	v.learnAffixes(texts, 2, 100)
	known, unknown := v.encodeAffixes([]string{"nephritis"}), v.encodeAffixes([]string{"hepatitis"})
	for i, n := range affixLengths {
		begin, end := 2*i, 2*i+1
		if unknown[begin] != 0 {
			t.Errorf("the first %d characters of hepatitis have id %d, though nothing begins so", n, unknown[begin])
		}
		if same := n < 5; same != (unknown[end] == known[end] && known[end] != 0) {
			t.Errorf("the last %d characters: ids %d and %d", n, known[end], unknown[end])
		}
	}
	if len(v.encodeAffixes(nil)) != affixesOfWord {
		t.Error("a text without words has no room for the affixes of its one unknown word")
	}
}

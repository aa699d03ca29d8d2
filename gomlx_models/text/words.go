package text

import (
	"unicode"

	"github.com/kljensen/snowball/english"
)

func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Mn, r)
}

// keptWords are stop words elsewhere. In a clinical text they turn a finding
// into its absence, or order it in time.
var keptWords = wordSet("no not nor without never none neither cannot denies denied against before after during off on above below over under more most few only but")

// IsStopWord says whether a lower-case English word says nothing of a patient:
// it is in Snowball's list of stop words, and is neither a negation nor one of
// the words that order findings in time or degree.
func IsStopWord(word string) bool {
	return !keptWords[word] && !isContraction(word) && english.IsStopWord(word)
}

// Stem returns the stem of a lower-case English word: the Snowball English
// stemmer (Porter 2), of an edition that stems 58 of the 42,649 words of
// Snowball's own test otherwise, such as "emergency". Words with anything but
// letters and apostrophes, such as doses and names of genes, come back as they
// are.
func Stem(word string) string {
	for _, r := range word {
		if !(r >= 'a' && r <= 'z' || r == '\'') {
			return word
		}
	}
	return english.Stem(word, true)
}

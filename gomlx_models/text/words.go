package text

import (
	"strings"
	"unicode"

	"github.com/kljensen/snowball/english"
)

func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Mn, r)
}

// keptWords are stop words elsewhere. In a clinical text they turn a finding
// into its absence, or order it in time.
var keptWords = map[string]bool{
	"no": true, "not": true, "nor": true, "without": true, "never": true, "none": true, "neither": true, "cannot": true,
	"denies": true, "denied": true, "against": true, "before": true, "after": true, "during": true, "off": true, "on": true,
	"above": true, "below": true, "over": true, "under": true, "more": true, "most": true, "few": true, "only": true, "but": true,
}

// IsStopWord says whether a lower-case English word says nothing of a patient:
// it is in Snowball's list of stop words, and is neither a negation nor one of
// the words that order findings in time or degree.
func IsStopWord(word string) bool {
	return !keptWords[word] && !strings.HasSuffix(word, "n't") && english.IsStopWord(word)
}

// Stem returns the stem of a lower-case English word: the Snowball English
// stemmer (Porter 2). Words with anything but letters and apostrophes, such as
// doses and names of genes, come back as they are.
func Stem(word string) string {
	for _, r := range word {
		if !(r >= 'a' && r <= 'z' || r == '\'') {
			return word
		}
	}
	return english.Stem(word, true)
}

// A negation holds from its cue to the end of the clause, or for so many words.
const negationScope = 6

// negationCues come before what they negate; endCues after it. Chapman et al.,
// J Biomed Inform 34 (2001), 301 (NegEx).
var negationCues = [][]string{
	{"no", "evidence", "of"}, {"no", "signs", "of"}, {"no"}, {"not"}, {"without"}, {"denies"}, {"denied"}, {"denying"},
	{"never"}, {"none"}, {"negative", "for"}, {"free", "of"}, {"absence", "of"}, {"absent"}, {"rules", "out"}, {"ruled", "out"},
	{"fails", "to", "reveal"}, {"cannot"},
}

// pseudoCues look like negations and are none.
var pseudoCues = [][]string{
	{"no", "increase"}, {"no", "change"}, {"no", "further"}, {"not", "only"}, {"not", "necessarily"}, {"without", "difficulty"},
	{"no", "longer"}, {"not", "certain", "if"},
}

// clauseEnds stop a negation.
var clauseEnds = map[string]bool{
	".": true, ";": true, ":": true, "!": true, "?": true, "but": true, "however": true, "although": true, "though": true,
	"except": true, "aside": true, "which": true, "who": true, "presents": true, "reports": true, "complains": true,
}

// MarkNegation returns which of the lower-case tokens are negated by an
// earlier one: "denies chest pain" negates "chest" and "pain". It is NegEx's
// rule: after a cue, to the end of the clause or for six words, pseudo-cues such
// as "no increase" aside.
func MarkNegation(tokens []string) []bool {
	negated := make([]bool, len(tokens))
	left := 0
	for i := 0; i < len(tokens); {
		if n := longestCue(pseudoCues, tokens[i:]); n > 0 {
			i += n
			continue
		}
		if n := longestCue(negationCues, tokens[i:]); n > 0 {
			left = negationScope
			i += n
			continue
		}
		switch {
		case clauseEnds[tokens[i]]:
			left = 0
		case left > 0 && strings.IndexFunc(tokens[i], isWordRune) >= 0:
			negated[i] = true
			left--
		}
		i++
	}
	return negated
}

func longestCue(cues [][]string, tokens []string) int {
	longest := 0
	for _, cue := range cues {
		if len(cue) <= longest || len(cue) > len(tokens) {
			continue
		}
		same := true
		for i, word := range cue {
			same = same && tokens[i] == word
		}
		if same {
			longest = len(cue)
		}
	}
	return longest
}

// abbreviations end in a dot that ends no sentence.
var abbreviations = map[string]bool{}

func init() {
	for _, a := range strings.Fields("dr mr mrs ms prof st vs etc al fig figs no nos approx ca cf resp pt pts hx dx tx rx sx fx yr yrs mo wk wks hr hrs min sec temp wt ht inc dept e.g i.e jan feb mar apr jun jul aug sep sept oct nov dec") {
		abbreviations[a] = true
	}
}

// Sentences cuts a text into sentences: at "." "!" "?" followed by space and
// something that can begin a sentence, unless the dot belongs to an abbreviation
// or a number, and at empty lines.
func Sentences(text string) []string {
	var sentences []string
	start := 0
	cut := func(end int) {
		if s := strings.TrimSpace(text[start:end]); s != "" {
			sentences = append(sentences, s)
		}
		start = end
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\n':
			if rest := strings.TrimLeft(text[i+1:], " \t\r"); strings.HasPrefix(rest, "\n") {
				cut(i)
			}
		case '.', '!', '?':
			end := i + 1
			for end < len(text) && strings.IndexByte(`.!?)"'`, text[end]) >= 0 {
				end++
			}
			if end < len(text) && !unicode.IsSpace(rune(text[end])) {
				i = end - 1
				continue
			}
			if text[i] != '.' || !endsInAbbreviation(text[start:i]) || endsParagraph(text[end:]) {
				if beginsSentence(text[end:]) {
					cut(end)
				}
			}
			i = end - 1
		}
	}
	cut(len(text))
	return sentences
}

func endsInAbbreviation(s string) bool {
	word := s[strings.LastIndexFunc(s, unicode.IsSpace)+1:]
	word = strings.ToLower(strings.TrimLeft(word, `("'[`))
	if abbreviations[word] {
		return true
	}
	// One letter, or letters with dots between them: an initial, "b.i.d".
	for i, r := range word {
		if i%2 == 0 && !unicode.IsLetter(r) || i%2 == 1 && r != '.' {
			return false
		}
	}
	return len(word)%2 == 1
}

func endsParagraph(rest string) bool {
	return strings.TrimSpace(rest) == "" || strings.HasPrefix(rest, "\n\n")
}

// beginsSentence says whether rest, after space, starts like a sentence.
func beginsSentence(rest string) bool {
	for _, r := range rest {
		if unicode.IsSpace(r) || strings.ContainsRune(`("'[`, r) {
			continue
		}
		return !unicode.IsLower(r)
	}
	return true
}

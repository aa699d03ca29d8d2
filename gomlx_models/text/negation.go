package text

import "strings"

// A negation holds from its cue to the end of the clause, or for so many words.
const negationScope = 6

// negationCues come before what they negate. Chapman et al.,
// J Biomed Inform 34 (2001), 301 (NegEx).
var negationCues = [][]string{
	{"no", "evidence", "of"}, {"no", "sign", "of"}, {"no", "signs", "of"}, {"no"}, {"not"}, {"without"}, {"w/o"}, {"denies"}, {"denied"}, {"denying"},
	{"never"}, {"none"}, {"negative", "for"}, {"free", "of"}, {"absence", "of"}, {"absent"}, {"rules", "out"}, {"ruled", "out"},
	{"fails", "to", "reveal"}, {"cannot"},
}

// pseudoCues look like negations and are none.
var pseudoCues = [][]string{
	{"no", "increase"}, {"no", "change"}, {"no", "further"}, {"not", "only"}, {"not", "necessarily"}, {"without", "difficulty"},
	{"no", "longer"}, {"not", "certain", "if"},
}

// clauseEnds stop a negation.
var clauseEnds = wordSet(". ; : ! ? but however although though except aside which who presents reports complains")

// MarkNegation returns which of the lower-case tokens are negated by an
// earlier one: "denies chest pain" negates "chest" and "pain". It is NegEx's
// forward rule: after a cue, to the end of the clause or for six words,
// pseudo-cues such as "no increase" aside. Cues that follow what they negate
// ("pneumonia was ruled out") are not looked for.
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
		case isContraction(tokens[i]):
			left = negationScope
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

// isContraction says whether word is one of "not": "doesn't".
func isContraction(word string) bool {
	return strings.HasSuffix(word, "n't") || strings.HasSuffix(word, "n’t")
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

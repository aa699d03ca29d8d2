package text

import (
	"strings"
	"unicode"
)

// abbreviations end in a dot that ends no sentence.
var abbreviations = wordSet("dr mr mrs ms prof st vs etc al fig figs no nos approx ca cf resp pt pts hx dx tx rx sx fx yr yrs mo wk wks hr hrs min sec temp wt ht inc dept e.g i.e jan feb mar apr jun jul aug sep sept oct nov dec")

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
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

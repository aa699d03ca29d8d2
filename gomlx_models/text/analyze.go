package text

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Analysis says how a text becomes terms. The zero value is the clinical
// tokeniser in lower case, nothing left out.
type Analysis struct {
	Tokens    string `json:"tokens"`     // "" or "clinical": see [Tokenize]; "words": runs of two or more letters or digits, as scikit-learn
	KeepCase  bool   `json:"keep_case"`  // do not lower
	StopWords bool   `json:"stop_words"` // leave out words that [IsStopWord] names
	Signs     bool   `json:"signs"`      // leave out tokens without a letter or digit
	Stem      bool   `json:"stem"`       // see [Stem]
	Negation  bool   `json:"negation"`   // put "not_" before tokens that [MarkNegation] finds
	Numbers   bool   `json:"numbers"`    // every number becomes "0", its unit kept: "0mg"
}

func (a Analysis) check() error {
	if a.Tokens != "" && a.Tokens != "clinical" && a.Tokens != "words" {
		return fmt.Errorf(`tokens is %q: it must be "clinical" or "words"`, a.Tokens)
	}
	return nil
}

var numberPattern = regexp.MustCompile(`\d+(?:[.,]\d+)*`)

// Terms returns the terms of text with where each was found.
func (a Analysis) Terms(text string) []Token {
	var tokens []Token
	if a.Tokens == "words" {
		tokens = plainWords(text)
	} else {
		tokens = Tokenize(text)
	}
	if !a.KeepCase {
		for i := range tokens {
			tokens[i].Text = strings.ToLower(tokens[i].Text)
		}
	}
	var negated []bool
	if a.Negation {
		negated = negatedAmong(tokens, text)
	}
	kept := tokens[:0]
	for i, token := range tokens {
		if a.StopWords && IsStopWord(strings.ToLower(token.Text)) || a.Signs && strings.IndexFunc(token.Text, isWordRune) < 0 {
			continue
		}
		if a.Stem {
			token.Text = Stem(token.Text)
		}
		if a.Numbers {
			token.Text = numberPattern.ReplaceAllLiteralString(token.Text, "0")
		}
		if negated != nil && negated[i] {
			token.Text = "not_" + token.Text
		}
		kept = append(kept, token)
	}
	return kept
}

// plainWords returns the runs of two or more letters, digits and "_" in text.
func plainWords(text string) []Token {
	var words []Token
	start, length := 0, 0
	end := func(at int) {
		if length >= 2 {
			words = append(words, Token{text[start:at], start, at})
		}
		length = 0
	}
	for at, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && r != '_' {
			end(at)
			continue
		}
		if length == 0 {
			start = at
		}
		length++
	}
	end(len(text))
	return words
}

// negatedAmong returns which of the tokens of text are in a clinical token that
// MarkNegation finds. What ends a clause is mostly a sign, and other tokens have none.
func negatedAmong(tokens []Token, text string) []bool {
	clinical := Tokenize(text)
	words := make([]string, len(clinical))
	for i, token := range clinical {
		words[i] = strings.ToLower(token.Text)
	}
	marks := MarkNegation(words)
	negated := make([]bool, len(tokens))
	at := 0
	for i, token := range tokens {
		for clinical[at].End <= token.Start {
			at++
		}
		negated[i] = marks[at]
	}
	return negated
}

// NGrams returns the runs of from to to terms, joined by a space.
func NGrams(terms []string, from, to int) []string {
	var grams []string
	for n := max(1, from); n <= to; n++ {
		for i := 0; i+n <= len(terms); i++ {
			grams = append(grams, strings.Join(terms[i:i+n], " "))
		}
	}
	return grams
}

// CharNGrams returns the runs of from to to characters within each word, which
// has a space put around it; a word shorter than a run is one run. It is
// scikit-learn's char_wb.
func CharNGrams(words []string, from, to int) []string {
	var grams []string
	for _, word := range words {
		word = " " + word + " "
		starts := make([]int, 0, len(word)+1) // of characters
		for i := range word {
			starts = append(starts, i)
		}
		starts = append(starts, len(word))
		runes := utf8.RuneCountInString(word)
		for n := max(1, from); n <= to; n++ {
			if n >= runes {
				grams = append(grams, word)
				break
			}
			for i := 0; i+n <= runes; i++ {
				grams = append(grams, word[starts[i]:starts[i+n]])
			}
		}
	}
	return grams
}

package text

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
)

// TFIDF turns texts into sparse vectors of term weights:
//
//	weight = tf · idf, tf = 1 + ln(count), idf = ln((1+n)/(1+df)) + 1
//
// with n texts learnt from, df of them with the term, and vectors scaled to
// length 1. This is scikit-learn's TfidfVectorizer with sublinear_tf.
type TFIDF struct {
	Analysis   Analysis `json:"analysis"`
	WordNGrams [2]int   `json:"word_ngrams"` // from, to; zero means 1, 2
	CharNGrams [2]int   `json:"char_ngrams"` // from, to within words; zero means none
	MinCount   int      `json:"min_count"`   // texts that a term must be in; 0 means 2
	MaxTerms   int      `json:"max_terms"`   // the most frequent; 0 means all
	RawCounts  bool     `json:"raw_counts"`  // tf is the count itself
}

func (c TFIDF) withDefaults() TFIDF {
	if c.WordNGrams == [2]int{} {
		c.WordNGrams = [2]int{1, 2}
	}
	if c.MinCount == 0 {
		c.MinCount = 2
	}
	return c
}

func (c TFIDF) check() error {
	for _, r := range [][2]int{c.WordNGrams, c.CharNGrams} {
		if r != [2]int{} && (r[0] < 1 || r[1] < r[0]) {
			return fmt.Errorf("n-grams from %d to %d: it must be from 1 or more, to no less", r[0], r[1])
		}
	}
	if c.MinCount < 0 || c.MaxTerms < 0 {
		return fmt.Errorf("min count is %d and max terms %d: they must not be negative", c.MinCount, c.MaxTerms)
	}
	return c.Analysis.check()
}

// vectorizer is a TFIDF that has learnt its terms.
type vectorizer struct {
	TFIDF
	Terms []string  `json:"terms"` // sorted
	IDF   []float64 `json:"idf"`

	index map[string]int
}

// gram is an occurrence of a term over words first to last.
type gram struct {
	term        string
	first, last int
}

// words returns the words of text.
func (c TFIDF) words(text string) []string {
	tokens := c.Analysis.Terms(text)
	words := make([]string, len(tokens))
	for i := range tokens {
		words[i] = tokens[i].Text
	}
	return words
}

// grams returns all that may be terms among the words of a text. Character
// runs are told from words by a mark in front.
func (c TFIDF) grams(words []string) []gram {
	var all []gram
	for n := c.WordNGrams[0]; n <= c.WordNGrams[1]; n++ {
		for i, term := range NGrams(words, n, n) {
			all = append(all, gram{term, i, i + n - 1})
		}
	}
	if c.CharNGrams[0] > 0 {
		for i := range words {
			for _, term := range CharNGrams(words[i:i+1], c.CharNGrams[0], c.CharNGrams[1]) {
				all = append(all, gram{"\x01" + term, i, i})
			}
		}
	}
	return all
}

// learn finds the terms of texts, each given as its words.
func (c TFIDF) learn(texts [][]string) (*vectorizer, error) {
	v := &vectorizer{TFIDF: c}
	n := float64(len(texts))
	in := map[string]int{} // texts with the term
	for _, words := range texts {
		grams := c.grams(words)
		seen := make(map[string]bool, len(grams))
		for _, g := range grams {
			if !seen[g.term] {
				seen[g.term] = true
				in[g.term]++
			}
		}
	}
	for term, df := range in {
		if df < c.MinCount {
			delete(in, term)
		}
	}
	if len(in) == 0 {
		return nil, fmt.Errorf("no term is in %d texts or more: lower min count, or look at the texts", c.MinCount)
	}
	v.Terms = slices.SortedFunc(maps.Keys(in), func(a, b string) int { return cmp.Or(in[b]-in[a], cmp.Compare(a, b)) })
	if c.MaxTerms > 0 && len(v.Terms) > c.MaxTerms {
		v.Terms = v.Terms[:c.MaxTerms]
	}
	slices.Sort(v.Terms)
	for _, term := range v.Terms {
		v.IDF = append(v.IDF, math.Log((1+n)/(1+float64(in[term])))+1)
	}
	v.makeIndex()
	return v, nil
}

func (v *vectorizer) makeIndex() {
	v.index = make(map[string]int, len(v.Terms))
	for i, term := range v.Terms {
		v.index[term] = i
	}
}

// entry is one element of a sparse vector.
type entry struct {
	term  int
	value float64
}

// weigh returns the weights of the known terms among grams, in order of term.
func (v *vectorizer) weigh(grams []gram) []entry {
	counts := map[int]float64{}
	for _, g := range grams {
		if term, ok := v.index[g.term]; ok {
			counts[term]++
		}
	}
	entries, squares := make([]entry, 0, len(counts)), 0.0
	for _, term := range slices.Sorted(maps.Keys(counts)) {
		tf := counts[term]
		if !v.RawCounts {
			tf = 1 + math.Log(tf)
		}
		value := tf * v.IDF[term]
		entries, squares = append(entries, entry{term, value}), squares+value*value
	}
	for i := range entries {
		entries[i].value /= math.Sqrt(squares)
	}
	return entries
}

package text

import (
	"cmp"
	"fmt"
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

// learn finds the terms of texts, each given as its words, and returns their
// vectors, too.
func (c TFIDF) learn(texts [][]string) (*vectorizer, [][]entry, error) {
	// Everything that may be a term gets a number, and df texts have it, of which
	// latest was the last. A text is then its numbers: what it says is looked up once.
	var names []string
	var df, latest []int
	numbers := map[string]int{}
	met := make([][]int, len(texts))
	for i, words := range texts {
		for _, g := range c.grams(words) {
			id, ok := numbers[g.term]
			if !ok {
				id = len(names)
				numbers[g.term] = id
				names, df, latest = append(names, g.term), append(df, 0), append(latest, -1)
			}
			if latest[id] != i {
				latest[id] = i
				df[id]++
			}
			met[i] = append(met[i], id)
		}
	}
	var chosen []int
	for id, n := range df {
		if n >= c.MinCount {
			chosen = append(chosen, id)
		}
	}
	if len(chosen) == 0 {
		return nil, nil, fmt.Errorf("no term is in %d texts or more: lower min count, or look at the texts", c.MinCount)
	}
	byName := func(a, b int) int { return cmp.Compare(names[a], names[b]) }
	if c.MaxTerms > 0 && len(chosen) > c.MaxTerms {
		slices.SortFunc(chosen, func(a, b int) int { return cmp.Or(df[b]-df[a], byName(a, b)) })
		chosen = chosen[:c.MaxTerms]
	}
	slices.SortFunc(chosen, byName)
	v := &vectorizer{TFIDF: c}
	terms := slices.Repeat([]int{-1}, len(names)) // by number
	for t, id := range chosen {
		terms[id] = t
		v.Terms = append(v.Terms, names[id])
		v.IDF = append(v.IDF, math.Log((1+float64(len(texts)))/(1+float64(df[id])))+1)
	}
	v.makeIndex()
	rows := make([][]entry, len(texts))
	for i, ids := range met {
		known := ids[:0]
		for _, id := range ids {
			if terms[id] >= 0 {
				known = append(known, terms[id])
			}
		}
		rows[i] = v.weigh(known)
	}
	return v, rows, nil
}

func (v *vectorizer) makeIndex() {
	v.index = make(map[string]int, len(v.Terms))
	for i, term := range v.Terms {
		v.index[term] = i
	}
}

// known returns the terms among grams, as often as they occur.
func (v *vectorizer) known(grams []gram) []int {
	var terms []int
	for _, g := range grams {
		if term, ok := v.index[g.term]; ok {
			terms = append(terms, term)
		}
	}
	return terms
}

// entry is one element of a sparse matrix: of a row, at a term.
type entry struct {
	at    int
	value float64
}

// weigh returns the weights of terms, in order, which it sorts.
func (v *vectorizer) weigh(terms []int) []entry {
	slices.Sort(terms)
	var entries []entry
	squares := 0.0
	for from, to := 0, 0; from < len(terms); from = to {
		for to < len(terms) && terms[to] == terms[from] {
			to++
		}
		tf := float64(to - from)
		if !v.RawCounts {
			tf = 1 + math.Log(tf)
		}
		value := tf * v.IDF[terms[from]]
		entries, squares = append(entries, entry{terms[from], value}), squares+value*value
	}
	for i := range entries {
		entries[i].value /= math.Sqrt(squares)
	}
	return entries
}

package genome

import (
	"fmt"
	"slices"
	"strings"
)

// Call is the two alleles of one person at one site, in alphabetical order, so
// that "A/G" and "G/A" are one call. The zero Call is a missing one.
type Call struct{ A, B string }

// missing are the ways in which files say that there is no call.
var missing = []string{"", ".", "-", "--", "?", "na", "n/a", "nan", "null", "none", "unknown", "./.", ".|.", "-/-", "?/?", "n/n", "not available"}

// Parse reads a call: two alleles with a slash or, phased, a bar between them
// ("A/G", "A|G", "*1/*3", "del/ATT"), or two letters ("AG"). A call of which one
// allele is missing ("A/.") is missing.
func Parse(text string) (Call, error) {
	text = strings.TrimSpace(text)
	if slices.Contains(missing, strings.ToLower(text)) {
		return Call{}, nil
	}
	alleles := strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '|' })
	if len(alleles) == 1 && len(text) == 2 && strings.Trim(strings.ToUpper(text), "ACGT") == "" {
		alleles = []string{text[:1], text[1:]}
	}
	if len(alleles) != 2 {
		return Call{}, fmt.Errorf("%q is not a genotype: write two alleles as in A/G or *1/*3", text)
	}
	a, b := allele(alleles[0]), allele(alleles[1])
	if a == "" || b == "" {
		return Call{}, nil
	}
	if b < a {
		a, b = b, a
	}
	return Call{A: a, B: b}, nil
}

// allele writes bases in capitals, and a missing allele as "".
func allele(text string) string {
	text = strings.TrimSpace(text)
	if slices.Contains(missing, strings.ToLower(text)) {
		return ""
	}
	if upper := strings.ToUpper(text); strings.Trim(upper, "ACGT") == "" {
		return upper
	}
	return text
}

// Missing reports whether there is no call.
func (c Call) Missing() bool { return c == Call{} }

// Count returns how many of the two alleles are the given one.
func (c Call) Count(allele string) int {
	n := 0
	for _, a := range []string{c.A, c.B} {
		if a == allele {
			n++
		}
	}
	return n
}

// String writes the call as Parse reads it, "" if it is missing.
func (c Call) String() string {
	if c.Missing() {
		return ""
	}
	return c.A + "/" + c.B
}

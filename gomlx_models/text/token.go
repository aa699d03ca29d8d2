package text

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Token is a piece of a text. text[Start:End] is what it was made of.
type Token struct {
	Text       string
	Start, End int // bytes
}

// units are what doses and measurements are given in. Inches are not among them:
// "3 in" goes on with "the control group" far more often.
const units = `(?:mg|mcg|µg|μg|ug|ng|pg|kg|g|ml|dl|µl|μl|ul|l|cc|iu|u|units?|meq|mmol|µmol|μmol|umol|nmol|pmol|mol|mosm|` +
	`mmhg|cmh2o|kpa|bpm|hz|khz|mhz|gy|cgy|mci|mbq|mm[23²³]?|cm[23²³]?|m[2²]?|µm|μm|um|nm|lbs?|oz|kcal|cal|°c|°f|°|` +
	`seconds?|secs?|minutes?|mins?|hours?|hrs?|hr|h|days?|d|weeks?|wks?|months?|years?|yrs?|%)`

// space is one between what belongs together; typesetters put narrow ones, and such
// that no line ends at, before units.
const space = `[\s\pZ]`

// months are those of dates in words.
const months = `(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)`

// tokenPattern lists what stays whole, the first that fits winning.
var tokenPattern = regexp.MustCompile(strings.Join([]string{
	`\d{4}-\d{1,2}-\d{1,2}(?:T\d{2}:\d{2}(?::\d{2})?)?`,                     // 2024-03-01
	`\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d{2})\b`,                               // 3/1/2024
	`(?i:\d{1,2}` + space + months + `\.?` + space + `\d{4}\b)`,             // 12 March 2024
	`(?i:` + months + `\.?` + space + `\d{1,2}(?:,?` + space + `\d{4})?\b)`, // Mar. 12, 2024
	`\d{1,2}:\d{2}(?::\d{2})?(?:` + space + `?[ap]m\b)?`,                    // 14:30, 2:30 pm
	`\d+(?:\.\d+)?(?:-\pL+)+`,                                               // 35-year-old, 5-fluorouracil
	`(?i:\d+(?:[.,]\d+)*(?:` + space + `?[-–x×]` + space + `?\d+(?:[.,]\d+)*)?` + space + `?` + units + `(?:` + space + `?/` + space + `?(?:\d+` + space + `?)?` + units + `|/dose)*)(?:[^\pL\pN]|$)`, // 2.5 mg/kg/day
	`\d+/\d+`,                           // 120/80
	`\d+(?:[.,]\d+)*`,                   // 1,250.5
	`(?:\pL\.)+\pL\b\.?`,                // p.o., q.i.d.
	`\pL(?:/\pL)+\b`,                    // s/p, w/o
	`[\pL\pN]+(?:['’\-+][\pL\pN]+)*\+?`, // X-ray, CD4+, patient's
	`[<>≤≥=]=?|\+/-|[±~]|\++`,           // grades and comparisons
	`[^\v\x{85}\s\pZ\pL\pN]`,            // any other sign alone
}, "|"))

// Tokenize cuts a clinical text into tokens: words with their apostrophes and
// the hyphens of short ones ("X-ray"; longer compounds fall into their parts),
// numbers, doses and measurements with their units ("0.5 mg/kg", which becomes
// "0.5mg/kg"), dates, times, blood pressures ("120/80"), abbreviations with dots
// ("p.o.") or strokes ("w/o"), and every other sign by itself.
func Tokenize(text string) []Token {
	var tokens []Token
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if unicode.IsSpace(r) {
			at += size
			continue
		}
		if n := plainWord(text[at:]); n > 0 {
			tokens = append(tokens, Token{text[at : at+n], at, at + n})
			at += n
			continue
		}
		found := tokenPattern.FindStringIndex(text[at:])
		if found == nil {
			break
		}
		start, end := at+found[0], at+found[1]
		// A unit is followed by what is no letter, which is not part of it; RE2
		// cannot look ahead without taking it.
		if c := text[start]; c >= '0' && c <= '9' {
			end = start + len(doseEnd(text[start:end]))
		}
		for _, part := range compound(text, start, end) {
			tokens = append(tokens, Token{squeeze(text[part[0]:part[1]]), part[0], part[1]})
		}
		at = end
	}
	return tokens
}

// plainWord returns the length of the word that s begins with, if it is one that
// only the pattern of words can fit, and that it fits no further; else 0. Most
// words are such, and finding them so takes a fraction of the pattern's time.
func plainWord(s string) int {
	letters, end := 0, len(s)
	var next rune
	for at, r := range s {
		if !unicode.IsLetter(r) && (at == 0 || !unicode.IsNumber(r)) {
			end, next = at, r
			break
		}
		letters++
	}
	after := strings.TrimLeftFunc(strings.TrimPrefix(s[end:], "."), unicode.IsSpace)
	switch {
	case strings.ContainsRune("'’-+", next), // patient's
		letters == 1 && (next == '.' || next == '/'),      // p.o.
		after != "" && after[0] >= '0' && after[0] <= '9': // May 5
		return 0
	}
	return end
}

// compound cuts text[start:end] at the hyphens of a compound of words, such as
// "methotrexate-induced", whose parts say more than the whole, which is rare.
// Where a part has fewer than three characters ("X-ray", "IL-2", "follow-up"),
// or begins with a digit ("35-year-old", dates), it stays whole.
func compound(text string, start, end int) [][2]int {
	parts, from := [][2]int{}, start
	for i := start; i <= end; i++ {
		if i == end || text[i] == '-' {
			if utf8.RuneCountInString(text[from:i]) < 3 || text[from] <= '9' {
				return [][2]int{{start, end}}
			}
			parts, from = append(parts, [2]int{from, i}), i+1
		}
	}
	return parts
}

// doseEnd drops the sign after a unit that the pattern had to see.
func doseEnd(s string) string {
	trimmed := strings.TrimRightFunc(s, func(r rune) bool { return !isWordRune(r) && r != '%' && r != '°' })
	if trimmed == "" {
		return s
	}
	return trimmed
}

// squeeze takes the spaces out of a dose.
func squeeze(s string) string {
	if strings.IndexFunc(s, unicode.IsSpace) < 0 {
		return s
	}
	return strings.Join(strings.Fields(s), "")
}

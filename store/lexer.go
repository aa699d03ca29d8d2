package store

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// QueryError says where a query is wrong, and why.
type QueryError struct {
	Query   string
	Offset  int // in Query, in bytes
	Message string
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("query, character %d: %s", utf8.RuneCountInString(e.Query[:e.Offset])+1, e.Message)
}

// Caret returns the query and, under it, a mark at the mistake.
func (e *QueryError) Caret() string {
	blank := func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}
	return e.Query + "\n" + strings.Map(blank, e.Query[:e.Offset]) + "^"
}

type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenWord             // bare: a field, a keyword, a value, a number
	tokenString           // quoted
	tokenSymbol           // an operator, a bracket, a comma
)

type token struct {
	kind   tokenKind
	text   string // of a string: what is between the quotes
	offset int
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenString:
		return fmt.Sprintf("%q", t.text)
	}
	return t.text
}

// is says whether t is a keyword or a symbol.
func (t token) is(text string) bool {
	return t.kind == tokenSymbol && t.text == text || t.kind == tokenWord && strings.EqualFold(t.text, text)
}

var symbols = []string{"<=", ">=", "==", "!=", "!~", "<", ">", "=", "~", "(", ")", ","} // longer ones first

// scan cuts a query into tokens. A quoted string that follows a dot belongs to
// the word before it: metric."val loss".
func scan(query string) ([]token, error) {
	var tokens []token
	for at := 0; ; {
		at += len(query[at:]) - len(strings.TrimLeftFunc(query[at:], unicode.IsSpace))
		if at == len(query) {
			return append(tokens, token{tokenEnd, "", at}), nil
		}
		t := token{offset: at}
		c, _ := utf8.DecodeRuneInString(query[at:])
		switch {
		case c == '"' || c == '\'':
			text, size, err := scanString(query, at)
			if err != nil {
				return nil, err
			}
			t.kind, t.text = tokenString, text
			at += size
		case inWord(c):
			t.kind = tokenWord
			for at < len(query) {
				c, size := utf8.DecodeRuneInString(query[at:])
				if (c == '"' || c == '\'') && strings.HasSuffix(t.text, ".") {
					text, size, err := scanString(query, at)
					if err != nil {
						return nil, err
					}
					t.text += text
					at += size
					break
				}
				if !inWord(c) {
					break
				}
				t.text += query[at : at+size]
				at += size
			}
		default:
			for _, symbol := range symbols {
				if strings.HasPrefix(query[at:], symbol) {
					t.kind, t.text = tokenSymbol, symbol
					break
				}
			}
			if t.kind != tokenSymbol {
				return nil, &QueryError{query, at, fmt.Sprintf("%q has no meaning here: put text in quotes", c)}
			}
			at += len(t.text)
		}
		tokens = append(tokens, t)
	}
}

func inWord(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) || strings.ContainsRune("._-+/:@%$#[]", c)
}

// FieldName returns how the query language writes the metric, param or tag (kind)
// of that name: metric.loss, metric."val loss".
func FieldName(kind, name string) string {
	plain := func(c rune) bool {
		return unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("._-/", c)
	}
	if name != "" && !strings.ContainsFunc(name, func(c rune) bool { return !plain(c) }) {
		return kind + "." + name
	}
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
	return kind + `."` + escaped + `"`
}

// scanString reads the quoted string at an offset, in which a backslash takes
// away the meaning of the next character. It returns also its size.
func scanString(query string, at int) (text string, size int, err error) {
	quote := query[at]
	var b strings.Builder
	for i := at + 1; i < len(query); i++ {
		switch c := query[i]; {
		case c == quote:
			return b.String(), i + 1 - at, nil
		case c == '\\' && i+1 < len(query):
			i++
			b.WriteByte(query[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, &QueryError{query, at, "this quote is not closed"}
}

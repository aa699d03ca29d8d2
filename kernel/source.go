package kernel

import (
	"errors"
	"go/parser"
	"go/scanner"
	"go/token"
	"regexp"
	"strings"
)

// loneSign is a line with which gonb v0.11.5 crashes: a command without a name.
var loneSign = regexp.MustCompile(`(?m)^(//gonb:)?[%!][ \t]+$`)

// gonbSource returns a cell as gonb is given it. A cell that ends in plain
// statements has them put into main, as if it had a line %%.
func gonbSource(source string) string {
	source = loneSign.ReplaceAllString(source, "")
	if hasMain(source) {
		return source
	}
	code := withoutCommands(source)
	at := splitCell(code)
	if at < 0 && firstError("package p;", code) < firstError("package p;func _(){", code) {
		at = 0 // statements with a mistake: the compiler should speak of that one
	}
	if at < 0 {
		return source
	}
	lines := strings.Split(source, "\n")
	return strings.Join(lines[:at], "\n") + "\n%%\n" + strings.Join(lines[at:], "\n")
}

// firstError returns how far into code, which follows open, the parser gets.
func firstError(open, code string) int {
	_, err := parser.ParseFile(token.NewFileSet(), "", open+code, parser.SkipObjectResolution)
	var list scanner.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return list[0].Pos.Offset - len(open)
	}
	return len(code) + 1
}

// hasMain reports whether a command in source says what main is, or that the
// cell is not Go.
func hasMain(source string) bool {
	for line := range strings.Lines(source) {
		line = strings.TrimPrefix(line, "//gonb:")
		for _, command := range []string{"%%", "%main", "%exec", "%test", "%wasm"} {
			if strings.HasPrefix(line, command) {
				return true
			}
		}
	}
	return false
}

// splitCell returns the line, from 0, at which the statements of a cell start
// that has declarations, and then statements, and -1 if it has no statements or
// does not parse.
func splitCell(code string) int {
	if strings.TrimSpace(code) == "" || parses("package p;"+code) {
		return -1
	}
	lines := strings.Split(code, "\n")
	for i := range lines {
		if strings.TrimSpace(lines[i]) == "" && i > 0 {
			continue // a split before the next line does as well
		}
		if parses("package p;"+strings.Join(lines[:i], "\n")) && parses("package p;func _(){"+strings.Join(lines[i:], "\n")+"\n}") {
			return i
		}
	}
	return -1
}

package kernel

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

// loneSign is a line with which gonb v0.11.5 crashes: a command without a name.
var loneSign = regexp.MustCompile(`(?m)^(//gonb:)?[%!][ \t]+$`)

// blankImport is a line of a cell that imports a package for its effects only.
var blankImport = regexp.MustCompile(`(?m)^[ \t]*(?:import[ \t]+)?_[ \t]+("[^"\n]+")[ \t]*(?://.*)?$`)

// takeBlankImports returns source without its blank imports, and their paths,
// quoted. gonb v0.11.5 keeps only one of them: it files imports by name.
func takeBlankImports(source string) (rest string, paths []string) {
	for _, m := range blankImport.FindAllStringSubmatch(source, -1) {
		paths = append(paths, m[1])
	}
	return blankImport.ReplaceAllString(source, ""), paths
}

// division is a cell taken apart: what it declares for the whole program, and
// what its main function does. Together the parts are the cell.
type division struct {
	declarations string
	command      string // the line, mostly %%, after which statements come; "" if the cell has none
	statements   string
}

// otherLanguage matches a cell that gonb does not take for Go: it writes the cell
// into a file, or gives it to another program.
var otherLanguage = regexp.MustCompile(`^(//gonb:)?%%(writefile|script|bash|sh|gx)\b`)

// divide takes a cell apart. It reports false if the cell is not a program with
// a main function: a test, a shell script, another language.
func divide(source string) (division, bool) {
	if otherLanguage.MatchString(source) {
		return division{}, false
	}
	at := 0
	for line := range strings.Lines(source) {
		text := strings.TrimPrefix(line, "//gonb:")
		switch {
		case strings.HasPrefix(text, "%%"), strings.HasPrefix(text, "%main"):
			return division{source[:at], line, source[at+len(line):]}, true
		case strings.HasPrefix(text, "%exec"), strings.HasPrefix(text, "%test"), strings.HasPrefix(text, "%wasm"):
			return division{}, false
		}
		at += len(line)
	}
	code := withoutCommands(source)
	switch at := splitCell(code); {
	case at >= 0:
		start := len(strings.Join(strings.SplitAfter(source, "\n")[:at], ""))
		return division{declarations: source[:start], statements: source[start:]}, true
	case firstError(openFile, code) < firstError(openBody, code): // statements with a mistake: the compiler should speak of that one
		return division{statements: source}, true
	}
	return division{declarations: source}, true
}

// gonbSource returns a cell as gonb is given it. A cell that ends in plain
// statements has them put into main, as if it had a line %%, and if the last is
// an expression, its value is the cell's. Values of earlier cells are brought in.
func (s *Session) gonbSource(source string) (string, error) {
	source = keepPackages(loneSign.ReplaceAllString(source, ""))
	d, ok := divide(source)
	if !ok {
		d = division{declarations: source}
	}
	if d.command == "" && d.statements != "" {
		d.command = "\n%%\n"
		if from, to := lastExpression(withoutCommands(d.statements)); to > 0 {
			text := d.statements
			d.statements = text[:from] + valueOpen + text[from:to] + valueClose + text[to:]
		}
	}
	d, err := s.carry(d)
	return d.declarations + d.command + d.statements, err
}

// What is put around the last expression of a cell. Failures are traced to the
// line without it.
var (
	valueOpen  = "fmt.Printf(" + strconv.Quote(frameStart+valueFrame+"%+v"+frameEnd) + ", "
	valueClose = " /* the value */)"
)

// keepPackages indents the lines that start with a name like packages: gonb v0.11.5
// drops each line that starts with package, whatever follows.
func keepPackages(source string) string {
	fset := token.NewFileSet()
	var s scanner.Scanner
	code := withoutCommands(source)
	file := fset.AddFile("", -1, len(code))
	s.Init(file, []byte(code), nil, 0)
	var b strings.Builder
	at := 0
	for {
		pos, tok, name := s.Scan()
		if tok == token.EOF {
			return b.String() + source[at:]
		}
		if tok == token.IDENT && strings.HasPrefix(name, "package") && file.Position(pos).Column == 1 {
			b.WriteString(source[at:file.Offset(pos)] + " ")
			at = file.Offset(pos)
		}
	}
}

// What makes declarations, and statements, a file.
const (
	openFile = "package p;"
	openBody = "package p;func _(){"
)

// lastExpression returns where in statements the last one is, if it is an
// expression that Go would not take as a statement; otherwise 0, 0. A call may
// have no value, so it is left alone.
func lastExpression(statements string) (from, to int) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", openBody+statements+"\n}", parser.SkipObjectResolution)
	if err != nil {
		return 0, 0
	}
	body := file.Decls[len(file.Decls)-1].(*ast.FuncDecl).Body.List
	if len(body) == 0 {
		return 0, 0
	}
	last, ok := body[len(body)-1].(*ast.ExprStmt)
	if !ok {
		return 0, 0
	}
	switch x := last.X.(type) {
	case *ast.CallExpr:
		return 0, 0
	case *ast.UnaryExpr:
		if x.Op == token.ARROW {
			return 0, 0
		}
	}
	return fset.Position(last.Pos()).Offset - len(openBody), fset.Position(last.End()).Offset - len(openBody)
}

func parses(open, source, end string) bool {
	_, err := parser.ParseFile(token.NewFileSet(), "", open+source+end, parser.SkipObjectResolution)
	return err == nil
}

// withoutCommands returns source with the lines that gonb takes as commands, and
// not as Go, made blank. Positions stay what they were.
func withoutCommands(source string) string {
	lines := strings.SplitAfter(source, "\n")
	for i, line := range lines {
		if isCommand(line) {
			text := strings.TrimRight(line, "\n")
			lines[i] = strings.Repeat(" ", len(text)) + line[len(text):]
		}
	}
	return strings.Join(lines, "")
}

func isCommand(line string) bool {
	line = strings.TrimPrefix(line, "//gonb:")
	return strings.HasPrefix(line, "%") || strings.HasPrefix(line, "!")
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

// splitCell returns the line, from 0, at which the statements of a cell start
// that has declarations, and then statements, and -1 if it has no statements or
// does not parse. Types and constants are declarations, for other cells to use;
// variables could be either, and are statements: values that cells carry on.
func splitCell(code string) int {
	if strings.TrimSpace(code) == "" || parses(openFile, code, "") {
		return -1
	}
	lines := strings.Split(code, "\n")
	split := -1
	for i := range lines {
		if strings.TrimSpace(lines[i]) == "" && i > 0 {
			continue // a split before the next line does as well
		}
		if !parses(openBody, strings.Join(lines[i:], "\n"), "\n}") {
			continue
		}
		if split < 0 && !parses(openFile, strings.Join(lines[:i], "\n"), "") {
			continue
		}
		if split >= 0 && !declaresTypes(strings.Join(lines[split:i], "\n")) {
			break
		}
		split = i
	}
	return split
}

// declaresTypes reports whether code is declarations of types and constants alone.
func declaresTypes(code string) bool {
	file, err := parser.ParseFile(token.NewFileSet(), "", openFile+code, parser.SkipObjectResolution)
	if err != nil {
		return false
	}
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); !ok || g.Tok != token.TYPE && g.Tok != token.CONST {
			return false
		}
	}
	return true
}

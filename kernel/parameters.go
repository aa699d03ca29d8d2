package kernel

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parameter is a constant or variable that the cell tagged "parameters" of a
// notebook declares, with the value it has there.
type Parameter struct {
	Name    string
	Type    string // a Go type: string, bool, int, float64, time.Duration …
	Default string // a Go expression

	start, end int // of Default in the cell's source
}

// parametersTag marks the cell that declares a notebook's parameters, as
// papermill has it.
const parametersTag = "parameters"

// Parameters returns the parameters of the notebook, in the order in which its
// parameters cell declares them: package-level constants and variables, and
// short declarations in a %% cell, whose value is a literal.
func (nb *Notebook) Parameters() ([]Parameter, error) {
	cell := nb.parametersCell()
	if cell == nil {
		return nil, nil
	}
	return parseParameters(cell.Source)
}

func (nb *Notebook) parametersCell() *Cell {
	for _, c := range nb.Cells {
		if c.Type == "code" && c.Tagged(parametersTag) {
			return c
		}
	}
	return nil
}

// SetParameters gives parameters other values: it rewrites them in the cell
// that declares them. A name that is not there or a value of the wrong type is
// an error that lists the parameters, and then nothing is changed.
//
// Rewriting keeps the notebook one that compiles: a cell injected after the
// parameters cell would declare the names of a %% cell's main function in vain.
func (nb *Notebook) SetParameters(values map[string]string) error {
	if len(values) == 0 {
		return nil
	}
	cell := nb.parametersCell()
	if cell == nil {
		return fmt.Errorf("the notebook has no parameters: no code cell is tagged %q", parametersTag)
	}
	params, err := parseParameters(cell.Source)
	if err != nil {
		return err
	}
	if params, err = chooseParameters(params, values); err != nil {
		return err
	}
	cell.Source = rewriteParameters(cell.Source, params)
	return nil
}

// chooseParameters returns params with the values that the user chose. A name
// that is not there or a value of the wrong type is an error that lists params.
func chooseParameters(params []Parameter, values map[string]string) ([]Parameter, error) {
	chosen := slices.Clone(params)
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(params, func(p Parameter) bool { return p.Name == name })
		if i < 0 {
			wrong = append(wrong, fmt.Errorf("there is no parameter %s", name))
			continue
		}
		expression, err := params[i].expression(values[name])
		if err != nil {
			wrong = append(wrong, err)
		}
		chosen[i].Default = expression
	}
	if wrong != nil && len(params) == 0 {
		return nil, fmt.Errorf("%w: no const, var or := there declares a value that is written out", errors.Join(wrong...))
	}
	if wrong != nil {
		return nil, fmt.Errorf("%w\nThe parameters are:\n%s", errors.Join(wrong...), listParameters(params))
	}
	return chosen, nil
}

// rewriteParameters returns the source that declares params with their values in it.
func rewriteParameters(source string, params []Parameter) string {
	for _, p := range slices.Backward(params) { // from the end, so that positions hold
		source = source[:p.start] + p.Default + source[p.end:]
	}
	return source
}

func listParameters(params []Parameter) string {
	var b strings.Builder
	for _, p := range params {
		fmt.Fprintf(&b, "  %s %s = %s\n", p.Name, p.Type, p.Default)
	}
	return strings.TrimRight(b.String(), "\n")
}

// expression returns the Go expression for value, which a user wrote.
func (p Parameter) expression(value string) (string, error) {
	wrong := func(err error) (string, error) {
		var num *strconv.NumError
		if errors.As(err, &num) && errors.Is(num.Err, strconv.ErrRange) {
			return "", fmt.Errorf("parameter %s: %s is out of the range of %s", p.Name, value, p.Type)
		}
		return "", fmt.Errorf("parameter %s: %q is not of type %s", p.Name, value, p.Type)
	}
	switch p.Type {
	case "string":
		return strconv.Quote(value), nil
	case "bool":
		b, err := strconv.ParseBool(value)
		if err != nil {
			return wrong(err)
		}
		return strconv.FormatBool(b), nil
	case "int", "int8", "int16", "int32", "int64":
		bits, _ := strconv.Atoi(strings.TrimPrefix(p.Type, "int"))
		if _, err := strconv.ParseInt(value, 0, bits); err != nil {
			return wrong(err)
		}
		return value, nil
	case "uint", "uint8", "uint16", "uint32", "uint64":
		bits, _ := strconv.Atoi(strings.TrimPrefix(p.Type, "uint"))
		if _, err := strconv.ParseUint(value, 0, bits); err != nil {
			return wrong(err)
		}
		return value, nil
	case "float32", "float64":
		bits, _ := strconv.Atoi(strings.TrimPrefix(p.Type, "float"))
		f, err := strconv.ParseFloat(value, bits)
		if err != nil {
			return wrong(err)
		}
		if f-f != 0 { // NaN and infinities have no literals
			return wrong(errors.New("not finite"))
		}
		if !strings.ContainsAny(value, ".eExX") {
			value += ".0" // x := 1 is an int, and so is a constant 1
		}
		return value, nil
	case "time.Duration":
		d, err := time.ParseDuration(value)
		if err != nil {
			return wrong(err)
		}
		return fmt.Sprintf("time.Duration(%d)", int64(d)), nil
	}
	return wrong(errors.New("unknown type"))
}

// parseParameters reads the declarations of a parameters cell.
func parseParameters(source string) ([]Parameter, error) {
	d, _ := divide(source)
	params, err := declaredParameters(openFile, withoutCommands(d.declarations), "", 0)
	if err == nil && d.statements != "" {
		var more []Parameter
		more, err = declaredParameters(openBody, withoutCommands(d.statements), "}", len(d.declarations)+len(d.command))
		params = append(params, more...)
	}
	if err != nil {
		return nil, fmt.Errorf("the parameters cell: %w", err)
	}
	return params, nil
}

func declaredParameters(open, source, end string, offset int) ([]Parameter, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", open+source+"\n"+end, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var params []Parameter
	add := func(names []ast.Expr, typ ast.Expr, values []ast.Expr) {
		if len(names) != len(values) {
			return // iota, zero values and functions of several results are no parameters
		}
		for i, n := range names {
			name, ok := n.(*ast.Ident)
			kind, value := literal(values[i])
			if typ != nil {
				kind = typeName(typ)
			}
			if !ok || name.Name == "_" || value == nil || !slices.Contains(parameterTypes, kind) {
				continue
			}
			from := fset.Position(value.Pos()).Offset - len(open)
			to := fset.Position(value.End()).Offset - len(open)
			params = append(params, Parameter{Name: name.Name, Type: kind, Default: source[from:to], start: offset + from, end: offset + to})
		}
	}
	declaration := func(d *ast.GenDecl) {
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok {
				names := make([]ast.Expr, len(v.Names))
				for i, n := range v.Names {
					names[i] = n
				}
				add(names, v.Type, v.Values)
			}
		}
	}
	statement := func(s ast.Stmt) {
		switch s := s.(type) {
		case *ast.DeclStmt:
			if d, ok := s.Decl.(*ast.GenDecl); ok {
				declaration(d)
			}
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				add(s.Lhs, nil, s.Rhs)
			}
		}
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			declaration(d)
		case *ast.FuncDecl:
			if (d.Name.Name == "main" || d.Name.Name == "_") && d.Recv == nil && d.Body != nil {
				for _, s := range d.Body.List {
					statement(s)
				}
			}
		}
	}
	return params, nil
}

// parameterTypes are the types that a parameter may have.
var parameterTypes = []string{
	"string", "bool", "float64", "float32", "time.Duration",
	"int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64",
}

// literal returns the type of a value that is written out, and the expression
// that stands for it: that of int64(3) is 3, that of flag.Int("n", 3, "") too.
// Of any other value it returns nil.
func literal(value ast.Expr) (kind string, expr ast.Expr) {
	switch v := value.(type) {
	case *ast.BasicLit:
		switch v.Kind {
		case token.INT:
			return "int", v
		case token.FLOAT:
			return "float64", v
		case token.STRING:
			return "string", v
		}
	case *ast.Ident:
		if v.Name == "true" || v.Name == "false" {
			return "bool", v
		}
	case *ast.UnaryExpr:
		if kind, x := literal(v.X); x != nil && (v.Op == token.SUB || v.Op == token.ADD) {
			return kind, v
		}
	case *ast.ParenExpr:
		if kind, x := literal(v.X); x != nil {
			return kind, v
		}
	case *ast.BinaryExpr: // 30 * time.Second, 1 << 20
		x, xe := literal(v.X)
		y, ye := literal(v.Y)
		switch {
		case xe == nil || ye == nil:
		case x == "time.Duration" || y == "time.Duration":
			return "time.Duration", v
		case x == y:
			return x, v
		}
	case *ast.SelectorExpr:
		if units := []string{"Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour"}; isIdent(v.X, "time") && slices.Contains(units, v.Sel.Name) {
			return "time.Duration", v
		}
	case *ast.CallExpr:
		if s, ok := v.Fun.(*ast.SelectorExpr); ok && isIdent(s.X, "flag") && len(v.Args) == 3 {
			kind := strings.ToLower(s.Sel.Name)
			if kind == "duration" {
				kind = "time.Duration"
			}
			if _, x := literal(v.Args[1]); x != nil {
				return kind, x
			}
			return "", nil
		}
		if kind := typeName(v.Fun); len(v.Args) == 1 && slices.Contains(parameterTypes, kind) {
			if _, x := literal(v.Args[0]); x != nil {
				if kind == "time.Duration" {
					x = v // a duration's literal names its type
				}
				return kind, x
			}
		}
	}
	return "", nil
}

// typeName returns the name of a type as it is written: int, time.Duration.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if isIdent(e.X, "time") && e.Sel.Name == "Duration" {
			return "time.Duration"
		}
	}
	return ""
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
)

// Values live on from cell to cell though each cell is a program of its own. What
// the statements of a cell declare on their top level, with := or var, package
// carry keeps when they end; and a later cell whose statements use the name gets
// the value back. The session puts the code for this around the statements
//
//	x := carriedIn_x(); _ = x; {
//	…
//	carriedOut("x", &x, "y", &y) }
//
// and what it calls into a file of its own, with the values embedded: so the
// program has them wherever it is built, also when a run of it is run again. The
// block lets the cell declare x anew.
//
// A name that cells declare outside statements, or import, or that Go declares, is
// never a value's: it means what it says in every cell.

// carryPath is the package that keeps values.
const carryPath = modulePath + "/experiments/carry"

const (
	carryFile   = "carried.go" // beside gonb's main.go
	carryFolder = "carried"    // beside it, with the values
	valuePrefix = "v_"         // of their files

	valuesFolder = "values"     // in the session's folder, where package carry keeps them
	valuesIndex  = "index.json" // in it: what the last cell kept
)

// carried is what is known of a value. All but the last two fields come from
// package carry, which says what they are.
type carried struct {
	Type struct {
		Expression string            `json:"expression"`
		Imports    map[string]string `json:"imports"`
		Own        []string          `json:"own"`
	} `json:"type"`
	Saved  bool   `json:"saved"`
	Size   int    `json:"size"`
	Reason string `json:"reason"`

	cell int    // the execution count of the one that declared or used it last
	load string // the function that reads a Saved value
}

// scope is what names mean in the statements of a cell.
type scope struct {
	declared []string // values, on the top level
	used     []string // names that the statements do not declare before
	types    []string // declared among the statements
}

// scopeOf returns the scope of statements, and false if they do not parse.
func scopeOf(statements string) (s scope, ok bool) {
	// The deprecated resolver tells what go/types would need all packages for.
	file, err := parser.ParseFile(token.NewFileSet(), "", openBody+statements+"\n}", 0)
	if err != nil {
		return s, false
	}
	for _, id := range file.Unresolved {
		s.used = append(s.used, id.Name)
	}
	body := file.Decls[len(file.Decls)-1].(*ast.FuncDecl).Body
	for _, statement := range body.List {
		switch statement := statement.(type) {
		case *ast.AssignStmt:
			if statement.Tok == token.DEFINE {
				for _, x := range statement.Lhs {
					if id, ok := x.(*ast.Ident); ok && id.Name != "_" {
						s.declared = append(s.declared, id.Name)
					}
				}
			}
		case *ast.DeclStmt:
			if d, ok := statement.Decl.(*ast.GenDecl); ok && d.Tok == token.VAR {
				s.declared = append(s.declared, slices.DeleteFunc(declaredNames(d), func(n string) bool { return n == "_" })...)
			}
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		if t, ok := n.(*ast.TypeSpec); ok {
			s.types = append(s.types, t.Name.Name)
		}
		return true
	})
	return s, true
}

// carry returns a cell with the code that takes values in and out, and writes the
// file that the code needs.
func (s *Session) carry(d division) (division, error) {
	s.localTypes = nil
	dir := s.gonb.Load().dir()
	if dir == "" {
		return d, nil // gonb has ended, which its next reply would say
	}
	file := filepath.Join(dir, carryFile)
	if err := errors.Join(os.RemoveAll(file), os.RemoveAll(filepath.Join(dir, carryFolder))); err != nil {
		return d, fmt.Errorf("values: %w", err)
	}
	scope, ok := scopeOf(withoutCommands(d.statements))
	if !ok {
		return d, nil // the compiler should speak of that
	}
	s.localTypes = scope.types
	taken, ownTypes := s.packageNames(d.declarations)
	isValue := func(name string) bool {
		return !slices.Contains(taken, name) && types.Universe.Lookup(name) == nil
	}
	var in, out []string
	for _, name := range scope.used {
		v, ok := s.values[name]
		if !ok || v.Reason != "" || !isValue(name) || slices.Contains(in, name) {
			continue
		}
		if missing := slices.IndexFunc(v.Type.Own, func(t string) bool { return !slices.Contains(ownTypes, t) }); missing >= 0 {
			continue
		}
		in = append(in, name)
	}
	for _, name := range slices.Concat(in, scope.declared) {
		if isValue(name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	s.declared = out
	s.graphs = s.graphs || strings.Contains(d.declarations, graphsPath)
	graphs := s.graphs && d.statements != ""
	if len(out) == 0 && !graphs {
		return d, nil
	}
	if err := s.writeCarried(dir, file, in, graphs); err != nil {
		return d, fmt.Errorf("values: %w", err)
	}
	var before, after strings.Builder
	if graphs {
		before.WriteString("defer carriedStack(); ")
	}
	for _, name := range in {
		fmt.Fprintf(&before, "%s := carriedIn_%s(); _ = %s; ", name, name, name)
	}
	var pointers []string
	for _, name := range out {
		pointers = append(pointers, fmt.Sprintf("%q, &%s", name, name))
	}
	if len(out) > 0 {
		fmt.Fprintf(&after, "\ncarriedOut(%s) }\n", strings.Join(pointers, ", "))
	} else {
		after.WriteString("\n}\n")
	}
	d.statements = before.String() + "{\n" + d.statements + after.String()
	return d, nil
}

// packageNames returns the names that do not stand for values: those that the
// cells declare outside statements, and of the packages that they import; and
// which of them are types.
func (s *Session) packageNames(declarations string) (names, types []string) {
	add := func(source []byte) {
		file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
		if err != nil {
			return
		}
		for _, d := range file.Decls {
			names = append(names, declaredNames(d)...)
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				types = append(types, declaredNames(d)...)
			}
		}
		for _, i := range file.Imports {
			name := path.Base(strings.Trim(i.Path.Value, `"`))
			if i.Name != nil {
				name = i.Name.Name
			}
			if !slices.Contains(s.packages, name) {
				s.packages = append(s.packages, name)
			}
		}
	}
	add(s.program())
	add([]byte(openFile + withoutCommands(declarations)))
	return append(names, s.packages...), types
}

// graphsPath starts the import paths of GoMLX. It tells of a mistake in a graph when
// the function that makes the graph has ended: a program that imports it says which
// of that function's lines it was.
const graphsPath = `"github.com/gomlx/gomlx/`

// writeCarried writes the file with the functions that carry calls, and links the
// values to where it embeds them.
func (s *Session) writeCarried(dir, file string, in []string, graphs bool) error {
	imports := []string{"assay_carry " + strconv.Quote(carryPath)} // names that no cell declares
	var functions strings.Builder
	for i, name := range in {
		v := s.values[name]
		own, expression := v.imported(i)
		imports = append(imports, own...)
		embedded := carryFolder + "/" + valuePrefix + name
		fmt.Fprintf(&functions, "\n//go:embed %s\nvar carried_%s string\n\n", embedded, name)
		if v.Saved {
			fmt.Fprintf(&functions, "var carriedIn_%s = assay_carry.Later(%q, &carried_%s, assay_v%d.%s)\n", name, name, name, i, v.load)
		} else {
			fmt.Fprintf(&functions, "func carriedIn_%s() %s { return assay_carry.In[%s](%q, carried_%s) }\n", name, expression, expression, name, name)
		}
		err := os.MkdirAll(filepath.Join(dir, carryFolder), 0o700)
		if err == nil { // a value that changes gets a new file, so a link will do
			err = os.Link(filepath.Join(s.dir, valuesFolder, valuePrefix+name), filepath.Join(dir, embedded))
		}
		if err != nil {
			return err
		}
	}
	slices.Sort(imports)
	if len(in) > 0 {
		imports = append(imports, `_ "embed"`)
	}
	source := "package main\n\nimport (\n\t" + strings.Join(imports, "\n\t") + "\n)\n\n" +
		"func carriedOut(values ...any) { assay_carry.Out(values...) }\n" + functions.String()
	if graphs {
		source += "\nvar carriedStack = assay_carry.Stack\n"
	}
	return os.WriteFile(file, []byte(source), 0o600)
}

// declaredValues returns a Go file that declares the values that cells carry, for
// completion and help.
func (s *Session) declaredValues() string {
	var imports, variables strings.Builder
	taken, _ := s.packageNames("")
	for i, name := range slices.Sorted(maps.Keys(s.values)) {
		v := s.values[name]
		if v.Reason != "" || slices.Contains(taken, name) {
			continue
		}
		own, expression := v.imported(i)
		for _, spec := range own {
			fmt.Fprintln(&imports, "import "+spec)
		}
		fmt.Fprintf(&variables, "var %s %s\n", name, expression)
	}
	return "package main\n\n" + imports.String() + variables.String()
}

// imported returns the imports that a file needs for the i-th value, with names
// that no cell declares, and its type under these.
func (v carried) imported(i int) (imports []string, expression string) {
	expression = v.Type.Expression
	for alias, path := range v.Type.Imports {
		own := fmt.Sprintf("assay_v%d%s", i, alias)
		imports = append(imports, own+" "+strconv.Quote(path))
		if alias == "" { // in an encoding of its own
			expression = "*" + own + "." + expression
		} else {
			expression = regexp.MustCompile(`\b`+alias+`\.`).ReplaceAllString(expression, own+".")
		}
	}
	return imports, expression
}

// takeValues takes note of what the cell that ended has kept.
func (s *Session) takeValues() error {
	file := filepath.Join(s.dir, valuesFolder, valuesIndex)
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) { // its statements have not run to their end
		for _, name := range s.declared {
			s.missing[name] = fmt.Sprintf("cell [%d] makes a value of this name, and keeps it at its end, which it has not come to: mend that cell and run it again", s.cells[len(s.cells)-1].count)
		}
		return nil
	}
	index := map[string]carried{}
	if err == nil {
		err = json.Unmarshal(data, &index)
	}
	if err = errors.Join(err, os.Remove(file)); err != nil {
		return fmt.Errorf("values: %w", err)
	}
	for name, v := range index {
		v.cell = s.count
		if v.Reason == "" && v.Saved {
			if v.load, err = s.workspace.loader(v.Type.Imports[""], v.Type.Expression); err != nil {
				v.Reason = err.Error()
			}
		}
		for _, own := range v.Type.Own {
			if slices.Contains(s.localTypes, own) {
				v.Reason = "its type " + own + " is declared among the cell's statements: declare it before them"
			}
		}
		s.values[name] = v
	}
	return nil
}

// loader returns the name of the function of a package of assay's that reads what
// the method Save of one of its types writes.
func (w Workspace) loader(pkg, typeName string) (string, error) {
	wrong := fmt.Errorf("it can be saved, but package %s has no function that loads it", pkg)
	folder, ok := strings.CutPrefix(pkg, modulePath+"/")
	if !ok {
		return "", wrong
	}
	files, _ := filepath.Glob(filepath.Join(w.SourceRoot, filepath.FromSlash(folder), "*.go")) // the pattern is good
	// A type is compared as it is written: the last element of a package's path
	// is its name, and the package's own types have none.
	plain := func(t string) string {
		t = regexp.MustCompile(`[\w.~-]+/`).ReplaceAllString(strings.ReplaceAll(t, " ", ""), "")
		return regexp.MustCompile(`\b`+path.Base(pkg)+`\.`).ReplaceAllString(t, "")
	}
	names := map[string]string{} // of types, by that of an alias
	loads := map[string]string{} // functions, by the type they return
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, "", source, parser.SkipObjectResolution)
		if err != nil {
			return "", err
		}
		text := func(n ast.Node) string {
			return plain(string(source[fset.Position(n.Pos()).Offset:fset.Position(n.End()).Offset]))
		}
		for _, d := range parsed.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if t, ok := spec.(*ast.TypeSpec); ok && t.Assign.IsValid() {
						names[t.Name.Name] = text(t.Type)
					}
				}
			case *ast.FuncDecl:
				f := d.Type
				if d.Recv == nil && strings.HasPrefix(d.Name.Name, "Load") && f.Params.NumFields() == 1 && text(f.Params.List[0].Type) == "io.Reader" &&
					f.Results.NumFields() == 2 && text(f.Results.List[1].Type) == "error" {
					loads[strings.TrimPrefix(text(f.Results.List[0].Type), "*")] = d.Name.Name
				}
			}
		}
	}
	for loaded, function := range loads {
		if loaded == plain(typeName) || names[loaded] == plain(typeName) {
			return function, nil
		}
	}
	return "", wrong
}

// undefined returns what to say of a name that a cell uses and that is not
// defined there, if it is that of a value; otherwise "".
func (s *Session) undefined(name string) string {
	v, ok := s.values[name]
	switch {
	case !ok:
		return s.missing[name]
	case v.Reason != "":
		return fmt.Sprintf("cell [%d] has a %s of this name, which is not carried to other cells: %s; make it again here, in a function that both cells call", v.cell, v.typeName(), v.Reason)
	}
	return fmt.Sprintf("it is a value of cell [%d], and functions do not see those: make it an argument", v.cell)
}

func (v carried) typeName() string {
	if pkg, ok := v.Type.Imports[""]; ok {
		return "*" + path.Base(pkg) + "." + v.Type.Expression
	}
	name := v.Type.Expression
	for alias, pkg := range v.Type.Imports {
		name = strings.ReplaceAll(name, alias+".", path.Base(pkg)+".")
	}
	return name
}

// valuesTable says which values there are.
func (s *Session) valuesTable() string {
	if len(s.values) == 0 {
		return "no cell has declared a value\n"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "value\tcell\ttype\tsize\t")
	for _, name := range slices.Sorted(maps.Keys(s.values)) {
		v := s.values[name]
		size := humanize.IBytes(uint64(v.Size))
		if v.Reason != "" {
			size = "not carried: " + v.Reason
		}
		fmt.Fprintf(w, "%s\t[%d]\t%s\t%s\t\n", name, v.cell, v.typeName(), size)
	}
	w.Flush()
	return b.String()
}

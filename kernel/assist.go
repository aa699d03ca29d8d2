package kernel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
)

// assistant completes and explains what is typed into a cell. It has its own
// gopls, so it answers also while a cell runs.
type assistant struct {
	goimports string
	dir       string
	env       []string

	ready chan struct{} // closed when gopls or err is set
	gopls *gopls
	err   error

	asking  sync.Mutex // one question at a time
	mu      sync.Mutex
	program []byte // what gonb made of the last cell that compiled
	values  string // a file that declares the values that cells carry
}

// startAssistant starts gopls in a folder inside the session's.
func (s *Session) startAssistant(ctx context.Context) *assistant {
	a := &assistant{
		goimports: filepath.Join(s.workspace.BinDir, "goimports"),
		dir:       filepath.Join(s.dir, "assist"),
		env:       s.env,
		ready:     make(chan struct{}),
		values:    s.declaredValues(),
	}
	go func() {
		if a.err = copyModule(filepath.Join(s.dir, "module"), a.dir); a.err == nil {
			a.gopls, a.err = startGopls(ctx, filepath.Join(s.workspace.BinDir, "gopls"), a.dir, a.env)
		}
		close(a.ready)
		if a.err == nil {
			a.complete(ctx, "fmt.P", 5) // the first answer takes seconds: let it be to nobody's question
		}
	}()
	return a
}

// close ends gopls.
func (a *assistant) close() {
	<-a.ready
	if a.gopls != nil {
		a.gopls.close()
	}
}

// learn takes note of the declarations and values of the cells that have been
// executed.
func (a *assistant) learn(program []byte, values string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.program, a.values = program, values
}

// edited is a cell as gopls is shown it: as a file of a package.
type edited struct {
	text   string
	cell   string // the cell
	prefix int    // bytes of text before the cell's first part
	body   int    // where in the cell its statements start; its length if it has none
	gap    int    // bytes of text between the two parts
}

const mainOpen = "func main() {\n"

// edit makes a file of the cell in which the cursor is at a byte offset.
func (a *assistant) edit(ctx context.Context, cell string, cursor int) (e edited, earlier string) {
	code := withoutCommands(cell)
	// A name at the cursor makes what is half typed parse.
	typed := code[:cursor] + "_" + code[cursor:]
	e.cell, e.body = cell, len(cell)
	if i := strings.Index(cell, "%%"); i >= 0 && (i == 0 || cell[i-1] == '\n') {
		e.body = i
	} else if at := splitCell(typed); at >= 0 {
		e.body = len(strings.Join(strings.SplitAfter(code, "\n")[:at], ""))
	} else if firstError(openFile, typed) < firstError(openBody, typed) {
		e.body = 0
	}
	rest := ""
	if e.body < len(cell) {
		e.gap = len(mainOpen)
		rest = mainOpen + code[e.body:] + "\n}\n"
	}
	a.mu.Lock()
	imports, earlier := earlierDeclarations(a.program, typed[:min(len(typed), e.body)])
	a.mu.Unlock()
	if missing, err := a.missingImports(ctx, imports, code[:e.body], rest); err == nil {
		imports = missing
	}
	imports = slices.DeleteFunc(imports, func(spec string) bool { return strings.Contains(code[:e.body], spec[strings.IndexByte(spec, '"'):]) })
	head := "package main; import (" + strings.Join(imports, ";") + "); "
	e.prefix = len(head)
	e.text = head + code[:e.body] + rest
	return e, earlier
}

// missingImports returns the imports that goimports finds the code to need.
func (a *assistant) missingImports(ctx context.Context, imports []string, declarations, rest string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond) // help that is late is none
	defer cancel()
	cmd := exec.CommandContext(ctx, a.goimports)
	cmd.Dir = a.dir
	cmd.Env = a.env
	cmd.Stdin = strings.NewReader("package main; import (" + strings.Join(imports, ";") + "); " + declarations + rest)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("goimports: %w", err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", out, parser.ImportsOnly)
	if err != nil {
		return nil, fmt.Errorf("goimports: %w", err)
	}
	return importSpecs(file), nil
}

// importSpecs returns the imports of a file as they are written.
func importSpecs(file *ast.File) []string {
	var specs []string
	for _, i := range file.Imports {
		spec := i.Path.Value
		if i.Name != nil {
			spec = i.Name.Name + " " + spec
		}
		specs = append(specs, spec)
	}
	return specs
}

// earlierDeclarations returns the imports of a program, and the program without
// its main function and without what the declarations of a cell replace.
func earlierDeclarations(program []byte, cell string) (imports []string, rest string) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", program, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return nil, "package main\n"
	}
	replaced := []string{"main"}
	if f, err := parser.ParseFile(token.NewFileSet(), "", openFile+cell, parser.SkipObjectResolution); f != nil && err == nil {
		for _, d := range f.Decls {
			replaced = append(replaced, declaredNames(d)...)
		}
	}
	var b bytes.Buffer
	b.WriteString("package main\n")
	keep := func(from, to token.Pos) {
		b.Write(program[fset.Position(from).Offset:fset.Position(to).Offset])
		b.WriteString("\n")
	}
	imports = importSpecs(file)
	for _, d := range file.Decls {
		gen, isGen := d.(*ast.GenDecl)
		switch {
		case isGen && gen.Tok == token.CONST: // iota counts within a group
			if !slices.ContainsFunc(declaredNames(d), func(n string) bool { return slices.Contains(replaced, n) }) {
				keep(d.Pos(), d.End())
			}
		case isGen && gen.Tok != token.IMPORT:
			for _, spec := range gen.Specs {
				if !slices.ContainsFunc(specNames(spec), func(n string) bool { return slices.Contains(replaced, n) }) {
					b.WriteString(gen.Tok.String() + " ")
					keep(spec.Pos(), spec.End())
				}
			}
		case isGen:
			keep(d.Pos(), d.End())
		default:
			if f := d.(*ast.FuncDecl); !slices.Contains(replaced, declaredNames(d)[0]) {
				if f.Doc != nil {
					keep(f.Doc.Pos(), f.Doc.End())
				}
				keep(d.Pos(), d.End())
			}
		}
	}
	return imports, b.String()
}

// declaredNames returns the names that a declaration declares; a method's is
// that of its type, a dot and its own.
func declaredNames(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			names = append(names, specNames(spec)...)
		}
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil && len(d.Recv.List) > 0 {
			t := d.Recv.List[0].Type
			if star, ok := t.(*ast.StarExpr); ok {
				t = star.X
			}
			if id, ok := t.(*ast.Ident); ok {
				name = id.Name + "." + name
			}
		}
		names = append(names, name)
	}
	return names
}

func specNames(spec ast.Spec) (names []string) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, n := range s.Names {
			names = append(names, n.Name)
		}
	case *ast.TypeSpec:
		names = append(names, s.Name.Name)
	}
	return names
}

// position returns where in the file a byte offset of the cell is.
func (e edited) position(offset int) position {
	at := e.prefix + offset
	if offset >= e.body {
		at += e.gap
	}
	before := e.text[:min(at, len(e.text))]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return position{strings.Count(before, "\n"), len(utf16.Encode([]rune(line)))}
}

// offset is the inverse of position.
func (e edited) offset(p position) int {
	at := 0
	for range p.Line {
		next := strings.IndexByte(e.text[at:], '\n')
		if next < 0 {
			break
		}
		at += next + 1
	}
	for units := 0; units < p.Character && at < len(e.text); {
		for i, r := range e.text[at:] {
			if i > 0 {
				break
			}
			units += utf16.RuneLen(r)
			at += len(string(r))
		}
	}
	offset := at - e.prefix
	if offset >= e.body+e.gap {
		offset -= e.gap
	}
	return max(0, min(offset, len(e.cell)))
}

// completion is what may stand in a cell in the place of the runes from start
// to the cursor.
type completion struct {
	start   int
	matches []match
}

type match struct {
	text, kind, detail string
}

// complete returns what the name before a cursor, in runes, may become.
func (a *assistant) complete(ctx context.Context, cell string, cursor int) (completion, error) {
	e, at, err := a.show(ctx, cell, cursor)
	if err != nil {
		return completion{start: cursor}, err
	}
	defer a.asking.Unlock()
	raw, err := a.gopls.call(ctx, "textDocument/completion", a.gopls.at("cell.go", e.position(at)))
	if err != nil {
		return completion{start: cursor}, err
	}
	var list struct {
		Items []struct {
			Label    string `json:"label"`
			Kind     int    `json:"kind"`
			Detail   string `json:"detail"`
			TextEdit *struct {
				Range struct {
					Start position `json:"start"`
				} `json:"range"`
				NewText string `json:"newText"`
			} `json:"textEdit"`
		} `json:"items"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return completion{start: cursor}, fmt.Errorf("gopls: completion: %w", err)
	}
	c := completion{start: cursor}
	for _, item := range list.Items {
		m := match{text: item.Label, kind: completionKind(item.Kind), detail: item.Detail}
		if item.TextEdit != nil {
			m.text = item.TextEdit.NewText
			c.start = len([]rune(cell[:min(e.offset(item.TextEdit.Range.Start), at)]))
		}
		c.matches = append(c.matches, m)
	}
	return c, nil
}

// explain returns what is known of the name at a cursor, in runes, as Markdown,
// or "".
func (a *assistant) explain(ctx context.Context, cell string, cursor int) (string, error) {
	e, at, err := a.show(ctx, cell, cursor)
	if err != nil {
		return "", err
	}
	defer a.asking.Unlock()
	for _, offset := range []int{at, at - 1} { // a cursor after a name or its bracket means the name
		if offset < 0 {
			break
		}
		raw, err := a.gopls.call(ctx, "textDocument/hover", a.gopls.at("cell.go", e.position(offset)))
		if err != nil {
			return "", err
		}
		var hover struct {
			Contents struct {
				Value string `json:"value"`
			} `json:"contents"`
		}
		if err := json.Unmarshal(raw, &hover); err == nil && hover.Contents.Value != "" {
			return hover.Contents.Value, nil
		}
	}
	return "", nil
}

// show shows gopls a cell, and returns the file made of it and the cursor's byte
// offset. Unless it returns an error, the caller unlocks a.asking.
func (a *assistant) show(ctx context.Context, cell string, cursor int) (edited, int, error) {
	select {
	case <-a.ready:
	case <-ctx.Done():
		return edited{}, 0, ctx.Err()
	}
	if a.err != nil {
		return edited{}, 0, a.err
	}
	at := len(string([]rune(cell)[:cursor]))
	a.asking.Lock()
	e, earlier := a.edit(ctx, cell, at)
	a.mu.Lock()
	values := a.values
	a.mu.Unlock()
	err := errors.Join(a.gopls.edit("earlier.go", earlier), a.gopls.edit("values.go", values), a.gopls.edit("cell.go", e.text))
	if err != nil {
		a.asking.Unlock()
		return edited{}, 0, err
	}
	return e, at, nil
}

// completionKind names a kind of LSP as Jupyter's front ends know it.
func completionKind(kind int) string {
	kinds := map[int]string{2: "method", 3: "function", 4: "function", 5: "field", 6: "variable", 7: "class", 8: "interface",
		9: "module", 14: "keyword", 21: "constant", 22: "struct", 25: "type"}
	if name, ok := kinds[kind]; ok {
		return name
	}
	return "text"
}

// copyModule makes dir a module like the one in from.
func copyModule(from, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("workspace: %w", err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			return fmt.Errorf("workspace: %w", err)
		}
	}
	return nil
}

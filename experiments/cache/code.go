package cache

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// codeOf returns the source of a function, and of what it uses of the package it
// is in. It is an error if the function uses variables of the one around it, and
// has no inputs that could stand for them, or if the source is not there.
func codeOf(pc uintptr, hasInputs bool) (string, error) {
	file, line := runtime.FuncForPC(pc).FileLine(pc)
	p, err := readPackage(filepath.Dir(file))
	if err != nil {
		return "", err
	}
	function, around := p.functionAt(file, line)
	if function == nil {
		return "", errors.New("the source of the function that makes it is not there: build the program without -trimpath, and run it where its source is")
	}
	if captured := capturedBy(function, around); len(captured) > 0 && !hasInputs {
		return "", fmt.Errorf("the function that makes it uses %s of the function around it: name what the value depends on as inputs", strings.Join(captured, ", "))
	}
	used := map[string]string{}
	p.collect(function, used)
	var b strings.Builder
	b.WriteString(p.text(function))
	for _, name := range slices.Sorted(maps.Keys(used)) {
		b.WriteString("\n" + used[name])
	}
	return b.String(), nil
}

// source is a package as it is written.
type source struct {
	fset     *token.FileSet
	files    map[string]*ast.File // by path
	contents map[string][]byte
	// declared are the package's declarations by name; methods are under their
	// type's name.
	declared map[string][]ast.Node
}

func readPackage(dir string) (*source, error) {
	p := &source{token.NewFileSet(), map[string]*ast.File{}, map[string][]byte{}, map[string][]ast.Node{}}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		// Objects tell which variables a function takes from around it.
		f, err := parser.ParseFile(p.fset, path, content, 0)
		if err != nil {
			continue // of another program, then
		}
		p.files[path], p.contents[path] = f, content
		for _, d := range f.Decls {
			p.declare(d)
		}
	}
	return p, nil
}

func (p *source) declare(d ast.Decl) {
	add := func(name string, n ast.Node) { p.declared[name] = append(p.declared[name], n) }
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add(d.Name.Name, d)
			return
		}
		ast.Inspect(d.Recv, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				add(id.Name, d) // under the receiver's own name too, which does no harm
			}
			return true
		})
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				add(s.Name.Name, s)
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if d.Tok == token.CONST {
						add(name.Name, d) // iota counts in the whole of it
					} else {
						add(name.Name, s)
					}
				}
			}
		}
	}
}

func (p *source) text(n ast.Node) string {
	from, to := p.fset.Position(n.Pos()), p.fset.Position(n.End())
	return string(p.contents[from.Filename][from.Offset:to.Offset])
}

// functionAt returns the outermost function that starts in a line, and the
// declared function around it.
func (p *source) functionAt(file string, line int) (function ast.Node, around *ast.FuncDecl) {
	f := p.files[file]
	if f == nil {
		return nil, nil
	}
	for _, d := range f.Decls {
		decl, _ := d.(*ast.FuncDecl)
		ast.Inspect(d, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.FuncDecl, *ast.FuncLit:
				if function == nil && p.fset.Position(n.Pos()).Line == line {
					function, around = n, decl
				}
			}
			return function == nil
		})
	}
	return function, around
}

// capturedBy returns the names of the variables that a function literal uses of
// the function around it.
func capturedBy(function ast.Node, around *ast.FuncDecl) (names []string) {
	if around == nil || function == ast.Node(around) {
		return nil
	}
	ast.Inspect(function, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok || id.Obj == nil || id.Obj.Kind != ast.Var || slices.Contains(names, id.Name) {
			return true
		}
		at := id.Obj.Pos()
		inside := function.Pos() <= at && at < function.End()
		if !inside && around.Pos() <= at && at < around.End() && id.Name != "ctx" {
			names = append(names, id.Name)
		}
		return true
	})
	return names
}

// collect adds what a piece of code uses of the package, and what that uses.
func (p *source) collect(n ast.Node, used map[string]string) {
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		if _, known := used[id.Name]; known || len(p.declared[id.Name]) == 0 {
			return true
		}
		var texts []string
		for _, d := range p.declared[id.Name] {
			texts = append(texts, p.text(d))
		}
		used[id.Name] = strings.Join(texts, "\n")
		for _, d := range p.declared[id.Name] {
			p.collect(d, used)
		}
		return true
	})
}

package carry

import (
	"encoding"
	"encoding/gob"
	"errors"
	"fmt"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// goType is a type as the source of another program can write it. Of a value in its
// own encoding it is the name alone, and Imports has the package under "".
type goType struct {
	// Expression is the type with the names of packages that Imports gives.
	Expression string `json:"expression"`
	// Imports are paths of packages by the names in Expression.
	Imports map[string]string `json:"imports,omitempty"`
	// Own are the types that the program itself declares.
	Own []string `json:"own,omitempty"`
}

// describe returns t as source. It is an error if another program cannot name
// it; the goType is then as people read it.
func describe(t reflect.Type) (goType, error) {
	d := describer{imports: map[string]string{}}
	expression, err := d.describe(t)
	if err != nil {
		return goType{Expression: t.String()}, err
	}
	return goType{Expression: expression, Imports: d.imports, Own: d.own}, nil
}

type describer struct {
	imports map[string]string // paths by name
	own     []string
}

func (d *describer) describe(t reflect.Type) (string, error) {
	if t.Name() != "" {
		return d.named(t)
	}
	element := func(before string) (string, error) {
		e, err := d.describe(t.Elem())
		return before + e, err
	}
	switch t.Kind() {
	case reflect.Pointer:
		return element("*")
	case reflect.Slice:
		return element("[]")
	case reflect.Array:
		return element("[" + strconv.Itoa(t.Len()) + "]")
	case reflect.Map:
		key, err := d.describe(t.Key())
		if err != nil {
			return "", err
		}
		return element("map[" + key + "]")
	case reflect.Struct:
		var fields []string
		for f := range t.Fields() {
			if f.Anonymous {
				return "", fmt.Errorf("the type %s has no name", t)
			}
			kind, err := d.describe(f.Type)
			if err != nil {
				return "", err
			}
			if f.Tag != "" {
				kind += " " + strconv.Quote(string(f.Tag))
			}
			fields = append(fields, f.Name+" "+kind)
		}
		return "struct{" + strings.Join(fields, "; ") + "}", nil
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return "any", nil
		}
	}
	return "", notCarried(t)
}

// typeArgument matches the name of a type from a package among type arguments.
var typeArgument = regexp.MustCompile(`([\w./~-]+)\.([A-Za-z_]\w*)`)

// named returns a type that has a name: one of a package, with its arguments.
func (d *describer) named(t reflect.Type) (string, error) {
	if t.Kind() == reflect.Interface && t.PkgPath() == "" { // error
		return "", notCarried(t)
	}
	name, arguments, generic := strings.Cut(t.Name(), "[")
	name, err := d.qualified(t.PkgPath(), name)
	if err != nil || !generic {
		return name, err
	}
	arguments = typeArgument.ReplaceAllStringFunc(arguments, func(s string) string {
		at := strings.LastIndexByte(s, '.')
		q, problem := d.qualified(s[:at], s[at+1:])
		err = errors.Join(err, problem)
		return q
	})
	return name + "[" + arguments, err
}

func (d *describer) qualified(path, name string) (string, error) {
	switch {
	case path == "":
		return name, nil
	case path == "main":
		d.own = append(d.own, name)
		return name, nil
	case !token.IsExported(name):
		return "", fmt.Errorf("the type %s of package %s is not exported", name, path)
	case slices.Contains(strings.Split(path, "/"), "internal"):
		return "", fmt.Errorf("the package %s is internal to another", path)
	}
	for alias, p := range d.imports {
		if p == path {
			return alias + "." + name, nil
		}
	}
	alias := "p" + strconv.Itoa(len(d.imports))
	d.imports[alias] = path
	return alias + "." + name, nil
}

func notCarried(t reflect.Type) error {
	switch t.Kind() {
	case reflect.Chan:
		return errors.New("a channel has no encoding")
	case reflect.Func:
		return errors.New("a function has no encoding")
	case reflect.Interface:
		return fmt.Errorf("what the interface %s holds has no type that is known before", t)
	}
	return fmt.Errorf("%s has no encoding", t)
}

var encoders = []reflect.Type{reflect.TypeFor[gob.GobEncoder](), reflect.TypeFor[encoding.BinaryMarshaler]()}

// Encodable returns an error if gob cannot encode values of t, or would leave a
// part of them out.
func Encodable(t reflect.Type) error { return encodable(t, nil) }

// encodable is Encodable, where around are the types that t is in.
func encodable(t reflect.Type, around []reflect.Type) error {
	if slices.ContainsFunc(encoders, func(e reflect.Type) bool { return t.Implements(e) || reflect.PointerTo(t).Implements(e) }) {
		return nil
	}
	if i := slices.Index(around, t); i >= 0 {
		if slices.ContainsFunc(around[i:], func(a reflect.Type) bool { return a.Kind() == reflect.Pointer }) {
			return fmt.Errorf("%s points to others of its kind, perhaps in a circle", t)
		}
		return nil
	}
	around = append(slices.Clip(around), t)
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return notCarried(t)
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return notCarried(t)
		}
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return encodable(t.Elem(), around)
	case reflect.Map:
		if err := encodable(t.Key(), around); err != nil {
			return err
		}
		return encodable(t.Elem(), around)
	case reflect.Struct:
		for f := range t.Fields() {
			if !f.IsExported() {
				return fmt.Errorf("the field %s of %s is not exported", f.Name, t)
			}
			if err := encodable(f.Type, around); err != nil {
				return err
			}
		}
	}
	return nil
}

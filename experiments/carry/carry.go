// Package carry takes values from the program of one notebook cell to those of
// the next. A user does not call it: the kernel does, in the code that it puts
// around the statements of a cell. What a cell declares with := or var among its
// statements is kept when they end, and is there again in each later cell that
// uses the name.
//
// A value is kept in the encoding of package gob, or in its own, if its type has a
// method Save(io.Writer) error and its package a function Load that reads what
// Save wrote. A copy is kept: what two values share in one cell, they do not share
// in the next. Not all values can be kept, and then the reason is: channels,
// functions, types with fields that are not exported, values larger than 64 MiB.
// Package cache keeps what takes long to make.
package carry

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// What follows, and the JSON of keptValue, package kernel knows too, which imports
// nothing from here: it is for programs of any version of this package.

// dirVariable is the environment variable that names the folder in which values are
// kept. A program without it keeps none.
const dirVariable = "ASSAY_CARRY"

// displayVariable is the environment variable that says that the kernel reads
// frames on stdout.
const displayVariable = "ASSAY_DISPLAY"

// indexFile is the file in that folder that says, as JSON, what Out kept: a map
// of keptValue by name.
const indexFile = "index.json"

// filePrefix starts the names of the files that hold values: a name alone may be
// one that some systems do not allow.
const filePrefix = "v_"

// mostBytes is the size of the largest encoding of a value that is kept. It becomes a
// part of the program that uses the value.
const mostBytes = 64 << 20

// keptValue is what is known of a value that a cell had at its end.
type keptValue struct {
	Type   goType `json:"type"`
	Saved  bool   `json:"saved,omitempty"`  // in its own encoding
	Size   int    `json:"size"`             // of the encoding
	Reason string `json:"reason,omitempty"` // why it is not kept; "" if it is
}

// Out keeps values: arguments are a name and a pointer, in turn.
func Out(values ...any) {
	dir := os.Getenv(dirVariable)
	if dir == "" {
		return
	}
	index := map[string]keptValue{}
	for i := 0; i+1 < len(values); i += 2 {
		name := values[i].(string)
		kept, err := keep(filepath.Join(dir, filePrefix+name), reflect.ValueOf(values[i+1]).Elem())
		if err != nil {
			kept.Reason = err.Error()
		}
		index[name] = kept
	}
	b, err := json.Marshal(index)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, indexFile), b, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the values of this cell are not kept for others:", err)
	}
}

// keep writes a value into file.
func keep(file string, v reflect.Value) (kept keptValue, err error) {
	var b bytes.Buffer
	w := &limited{&b}
	saver, saves := v.Interface().(interface{ Save(io.Writer) error })
	kept.Saved = saves && v.Kind() == reflect.Pointer && !v.IsNil() && v.Type().Elem().PkgPath() != "main"
	if kept.Saved {
		t := v.Type().Elem()
		kept.Type = goType{Expression: t.Name(), Imports: map[string]string{"": t.PkgPath()}}
		err = saver.Save(w)
	} else if kept.Type, err = describe(v.Type()); err == nil {
		if err = Encodable(v.Type()); err == nil && size(v, mostBytes) > mostBytes { // gob would first encode all of it
			err = errTooLarge
		}
		if err == nil {
			err = Encode(w, v)
		}
	}
	if err != nil {
		return kept, err
	}
	kept.Size = b.Len()
	// The file may be a part of a program that is being built: it is replaced.
	if err := os.WriteFile(file+".new", b.Bytes(), 0o600); err != nil {
		return kept, err
	}
	return kept, os.Rename(file+".new", file)
}

var errTooLarge = fmt.Errorf("it is larger than %d MiB, which package experiments/cache is for", mostBytes>>20)

// size returns about how many bytes of memory a value takes, and stops counting
// when it is more than most.
func size(v reflect.Value, most int) (n int) {
	n = int(v.Type().Size())
	add := func(part reflect.Value) bool {
		n += size(part, most-n)
		return n <= most
	}
	switch v.Kind() {
	case reflect.String:
		n += v.Len()
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			add(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		element := v.Type().Elem()
		if k := element.Kind(); k <= reflect.Complex128 { // and none of these points anywhere
			return n + v.Len()*int(element.Size())
		}
		for i := range v.Len() {
			if !add(v.Index(i)) {
				break
			}
		}
	case reflect.Map:
		for i := v.MapRange(); i.Next(); {
			if !add(i.Key()) || !add(i.Value()) {
				break
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !add(v.Field(i)) {
				break
			}
		}
	}
	return n
}

// limited refuses what is larger than mostBytes.
type limited struct{ b *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.b.Len()+len(p) > mostBytes {
		return 0, errTooLarge
	}
	return l.b.Write(p)
}

// In returns the value that Out kept as data.
func In[T any](name, data string) T {
	var value T
	if err := gob.NewDecoder(strings.NewReader(data)).Decode(&value); err != nil {
		unreadable(name, err)
	}
	return value
}

// Later returns a function that returns the value that Out kept as data in the
// value's own encoding, which load reads.
func Later[T any](name string, data *string, load func(io.Reader) (T, error)) func() T {
	return func() T {
		value, err := load(strings.NewReader(*data))
		if err != nil {
			unreadable(name, err)
		}
		return value
	}
}

// Stack, deferred, tells the kernel of an error that ends the program with all that
// its format %+v tells: that of GoMLX's errors is the stack where they were made,
// which is not where they end the program.
func Stack() {
	reason := recover()
	if reason == nil {
		return
	}
	if err, ok := reason.(error); ok && os.Getenv(displayVariable) == "stdout" {
		fmt.Printf("\x1b_assay;stack:%+v\x1b\\", err)
	}
	panic(reason)
}

// unreadable ends the program: it has no value for what its cell uses.
func unreadable(name string, err error) {
	fmt.Fprintf(os.Stderr, "the value of %s, from an earlier cell, cannot be read any more; run that cell again: %v\n", name, err)
	os.Exit(1)
}

// Encode writes a value in the encoding of package gob, or says why it cannot be:
// also of what gob would drop without a word.
func Encode(w io.Writer, v reflect.Value) (err error) {
	if err := Encodable(v.Type()); err != nil {
		return err
	}
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return errors.New("it is nil")
	}
	defer func() {
		if reason := recover(); reason != nil { // gob panics on some values
			err = fmt.Errorf("%v", reason)
		}
	}()
	if err := gob.NewEncoder(w).EncodeValue(v); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "gob: "))
	}
	return nil
}

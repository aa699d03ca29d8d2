// Package cache keeps values that take long to make, on this machine, from one
// cell, run and day to the next:
//
//	films, err := cache.Get("films", cache.Files("films/"), func() ([]Film, error) {
//		return prepare("films/")
//	})
//
// A value is made again when its inputs change, or the code that makes it: the
// function, and what it uses of the program's own functions, types, constants and
// variables; or the version of a module. The cache does not see what else the
// function reads: name that among the inputs. A program that runs a recorded run
// again makes every value anew.
package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/assay-ml/assay/experiments/carry"
	"github.com/assay-ml/assay/home"
)

// unused is how long a value is kept that nobody asks for.
const unused = 30 * 24 * time.Hour

// head is what a file of the cache starts with; the value follows.
type head struct {
	Name string
	Made time.Time
	Took time.Duration
}

// Get returns the value of that name, which make makes if the cache does not have
// it. inputs is what the value depends on beside the code: numbers, texts, Files,
// a struct or list of them; anything that JSON can write. A function that uses
// variables of the function around it, and has no inputs, is an error, and so is a
// type whose values package carry cannot encode.
//
// What it does it says on stderr.
func Get[T any](name string, inputs any, make func() (T, error)) (T, error) {
	var value T
	fault := func(err error) (T, error) { return value, fmt.Errorf("cache %s: %w", name, err) }
	if err := carry.Encodable(reflect.TypeFor[T]()); err != nil {
		return fault(fmt.Errorf("a %s cannot be kept: %w", reflect.TypeFor[T](), err))
	}
	if err, ok := inputs.(error); ok {
		return fault(err)
	}
	key, err := keyOf(name, reflect.TypeFor[T](), inputs, make)
	if err != nil {
		return fault(err)
	}
	folder, err := home.Sub("cache")
	if err != nil {
		return fault(err)
	}
	file := filepath.Join(folder, notInNames.ReplaceAllString(name, "_")+"-"+key)
	again := os.Getenv("ASSAY_RERUN_OF") != ""
	if !again {
		if h, ok := read(file, &value); ok {
			fmt.Fprintf(os.Stderr, "%s: from the cache, where it is since %s; making it took %s\n", name, h.Made.Local().Format("2006-01-02 15:04"), h.Took.Round(time.Millisecond))
			_ = os.Chtimes(file, time.Time{}, time.Now()) // else it is removed too early
			return value, nil
		}
	}
	started := time.Now()
	if value, err = make(); err != nil || again {
		return value, err
	}
	h := head{Name: name, Made: started, Took: time.Since(started)}
	if err := write(file, h, reflect.ValueOf(&value).Elem()); err != nil { // the value is there all the same
		fmt.Fprintf(os.Stderr, "%s: made in %s, but not kept in the cache: %v\n", name, h.Took.Round(time.Millisecond), err)
		return value, nil
	}
	fmt.Fprintf(os.Stderr, "%s: made in %s, and kept in the cache\n", name, h.Took.Round(time.Millisecond))
	return value, nil
}

// unreadable is what Files returns of files that cannot be read: an error of Get,
// also within other inputs.
type unreadable struct{ error }

func (u unreadable) MarshalJSON() ([]byte, error) { return nil, u.error }

// notInNames matches what stays out of names of files.
var notInNames = regexp.MustCompile(`[^\pL\pN_.-]+`)

// keyOf returns the hash of all that a value depends on.
func keyOf(name string, t reflect.Type, inputs, make any) (string, error) {
	if inputs != nil { // JSON would leave out what is not exported
		if err := carry.Encodable(reflect.TypeOf(inputs)); err != nil {
			return "", fmt.Errorf("its inputs: %w", err)
		}
	}
	in, err := json.Marshal(inputs)
	if err != nil {
		return "", fmt.Errorf("its inputs: %w", err)
	}
	code, err := codeOf(reflect.ValueOf(make).Pointer(), inputs != nil)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q\n%s\n%s\n%s\n", name, t, in, code)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			fmt.Fprintln(sum, m.Path, m.Version, m.Sum)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:12]), nil
}

// read reads a value. Whatever is wrong with the file, it is made again.
func read(file string, value any) (h head, ok bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return h, false
	}
	r := bytes.NewReader(b) // which both decoders share: it is an io.ByteReader
	if gob.NewDecoder(r).Decode(&h) != nil {
		return h, false
	}
	return h, gob.NewDecoder(r).Decode(value) == nil
}

func write(file string, h head, v reflect.Value) error {
	folder := filepath.Dir(file)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	removeUnused(folder)
	f, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = gob.NewEncoder(f).Encode(h)
	if err == nil {
		err = carry.Encode(f, v)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// removeUnused removes what nobody has asked for in a long time. What cannot be
// removed stays.
func removeUnused(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > unused {
			_ = os.Remove(filepath.Join(folder, e.Name()))
		}
	}
}

// Files returns an input of Get that stands for the content of files, and of all
// that is in folders. It reads them whole.
func Files(paths ...string) any {
	sum := sha256.New()
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			content := sha256.New()
			_, err = io.Copy(content, f)
			fmt.Fprintf(sum, "%q %x\n", path, content.Sum(nil))
			return errors.Join(err, f.Close())
		})
		if err != nil {
			return unreadable{err}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

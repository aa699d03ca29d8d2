// Package data knows public medical data sets: what they hold, where their
// authors publish them, and where they lie on this machine. It reads no records
// itself; the model packages do.
//
//	files, err := data.Find("pneumoniamnist")             // on this machine
//	files, err := data.Get(ctx, "pneumoniamnist", nil)    // else fetched and checked
//
// What it returns says which bytes were used, so that a run can record them.
package data

import (
	"errors"
	"fmt"
	"strings"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Set is a public data set.
type Set struct {
	Name    string   `json:"name"`
	Task    string   `json:"task"`  // which notebook it is for: "imaging", "prognosis"
	About   string   `json:"about"` // one line
	Classes []string `json:"classes,omitempty"`
	Page    string   `json:"page"`    // where its authors describe it
	Licence string   `json:"licence"` // SPDX where there is one
	Cite    string   `json:"cite"`
	Files   []Remote `json:"files"`
	Table   string   `json:"table,omitempty"` // a file that holds the rows of Files in one table: Find takes it where they are not
}

// Remote is a file as its authors publish it.
type Remote struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	MD5  string `json:"md5,omitempty"` // what the publisher states; at least one of the two
	SHA  string `json:"sha256,omitempty"`
}

// File is a file of a data set on this machine.
type File = models.File

// ErrNotFound is wrapped by errors for data that is not on this machine, and
// ErrUnknown by those for a name that no set has.
var (
	ErrNotFound = errors.New("not on this machine")
	ErrUnknown  = errors.New("no such data set")
)

// List returns all sets, those of one task together.
func List() []Set { return append([]Set(nil), sets...) }

// Lookup returns the set called name.
func Lookup(name string) (Set, error) {
	names := make([]string, len(sets))
	for i, set := range sets {
		if set.Name == name {
			return set, nil
		}
		names[i] = set.Name
	}
	return Set{}, fmt.Errorf("%w as %q: there are %s", ErrUnknown, name, strings.Join(names, ", "))
}

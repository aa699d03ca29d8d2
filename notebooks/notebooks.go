// Package notebooks holds the tutorial notebooks, so that `assay new` can copy
// one out wherever the program runs.
package notebooks

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed *.ipynb
var files embed.FS

// Names returns the names of the notebooks.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the folder is embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	return names
}

// Read returns the notebook called name, or an error that lists the names there are.
func Read(name string) ([]byte, error) {
	content, err := files.ReadFile(name + ".ipynb")
	if err != nil {
		return nil, fmt.Errorf("there is no notebook %q: choose one of %s", name, strings.Join(Names(), ", "))
	}
	return content, nil
}

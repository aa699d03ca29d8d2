package peer

import (
	"os"
	"path/filepath"
)

// Field is where the programs of one benchmark are.
type Field struct {
	Self   string // this program
	Python string // with what bench/NAME/requirements.txt lists
	Script string // bench/NAME/peers.py
	Dir    string // a folder to work in, empty; Close removes it
}

// Open prepares the benchmark called name.
func Open(name string) (f Field, err error) {
	if f.Self, err = os.Executable(); err != nil {
		return f, err
	}
	if f.Python, err = Python(name, filepath.Join("bench", name, "requirements.txt")); err != nil {
		return f, err
	}
	if f.Script, err = filepath.Abs(filepath.Join("bench", name, "peers.py")); err != nil {
		return f, err
	}
	f.Dir, err = os.MkdirTemp("", "assay-bench-*")
	return f, err
}

// Close removes the folder.
func (f Field) Close() error { return os.RemoveAll(f.Dir) }

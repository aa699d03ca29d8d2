package experiments

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/modfile"

	"github.com/assay-ml/assay/store"
)

// Snapshot says what program a run ran. Together with the run's artifacts below
// CodeDir it is all that is needed to build the program again, given the modules
// that go.sum pins:
//
//	code/build.json              the Snapshot
//	code/go.mod, code/go.sum     of the main module
//	code/main.go …               the files of the main package, from the module's root
//	code/go.work, go.work.sum    of a workspace, if the program was built in one
//	code/modules/PATH.zip        the other packages that the program imports, of the
//	                             main module and of each module that is replaced by a
//	                             folder, with go.mod and go.sum
//	code/git.diff                what differs from the commit, for people
//	code/proxy.zip               in a bundle: the modules that go.sum pins, as a module
//	                             proxy has them
//	data/…                       in a bundle: the data files
//
// The same code gives the same bytes, so that the store keeps it once.
type Snapshot struct {
	Format  int      `json:"format"`  // SnapshotFormat
	Module  string   `json:"module"`  // path of the main module; a cell's is "cell"
	Package string   `json:"package"` // folder of the main package in it: "." or "cmd/train"
	Local   []string `json:"local"`   // paths of the modules that have an archive
	// Roots are where the modules that were folders lay, by path.
	Roots map[string]string `json:"roots"`
	Go    string            `json:"go"` // toolchain: "go1.27.4"
	// Settings are those of the go command that built the program, as
	// debug.BuildInfo has them: -tags, -ldflags, CGO_ENABLED, GOARCH …
	Settings map[string]string `json:"settings"`
	// Newer is a file that changed after the program was built, if one did: then
	// what was kept may not be what ran.
	Newer string `json:"newer,omitempty"`
	// Missing says why the program cannot be built again; "" if it can.
	Missing string `json:"missing,omitempty"`
}

// SnapshotFormat is the number of the layout described at Snapshot.
const SnapshotFormat = 1

// CodeDir starts the names of the artifacts that hold a run's program.
const (
	CodeDir      = "code/"
	SnapshotFile = CodeDir + "build.json"
	ModulesDir   = CodeDir + "modules/"
	DiffFile     = CodeDir + "git.diff"
	ProxyFile    = CodeDir + "proxy.zip"
	DataDir      = "data/"
)

// patience is how long at most the first run of a program waits at its start for
// the program to be kept, so that one that ends at once, by log.Fatal say, leaves
// it. It takes 30 ms, unless the machine is busy or the source far away.
const patience = time.Second

// capture keeps the program in the background, and what it runs on. The run's
// End waits for it.
func (r *Run) capture() {
	place := callerPlace() // here, where the caller's frames are
	kept := make(chan struct{})
	r.capturing.Go(func() {
		defer close(kept)
		r.keep(r.captureCode(place))
	})
	r.capturing.Go(func() {
		history, err := cellHistory()
		if err == nil && history != nil {
			err = r.Artifact(CellsFile, history)
		}
		r.keep(err)
	})
	r.capturing.Go(func() {
		dir := filepath.Dir(os.Getenv(envNotebook))
		if dir == "." {
			dir = place.dir
		}
		facts, diff := slowFacts(context.WithoutCancel(r.ctx), dir)
		r.keep(r.writer.Env(facts))
		if len(diff) > 0 { // notebooks alone may differ
			r.keep(r.captureFile(path.Base(DiffFile), diff))
		}
	})
	if started.Load() == 1 {
		select {
		case <-kept:
		case <-time.After(patience):
		}
	}
}

func (r *Run) captureFile(name string, content []byte) error {
	media := "text/plain; charset=utf-8"
	if path.Ext(name) == ".zip" {
		media = "application/zip"
	}
	if _, err := r.writer.Artifact(context.WithoutCancel(r.ctx), CodeDir+name, media, bytes.NewReader(content)); err != nil {
		return fmt.Errorf("code of the program: %w", err)
	}
	return nil
}

func (r *Run) captureCode(place place) error {
	files, err := programFiles(place)
	if err != nil {
		return fmt.Errorf("code of the program: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := r.captureFile(name, files[name]); err != nil {
			return err
		}
	}
	return nil
}

// gathered are the files of this program, by name below CodeDir, once a run has
// looked for them: the program stays what it is when its source changes.
var gathered struct {
	sync.Mutex
	files map[string][]byte
}

// programFiles returns what to keep of this program.
func programFiles(place place) (map[string][]byte, error) {
	gathered.Lock()
	defer gathered.Unlock()
	info, ok := debug.ReadBuildInfo()
	if gathered.files != nil || !ok || strings.HasSuffix(info.Path, ".test") { // a test is run again by go test
		return gathered.files, nil
	}
	snapshot := Snapshot{Format: SnapshotFormat, Module: info.Main.Path, Go: info.GoVersion, Settings: map[string]string{}}
	for _, s := range info.Settings {
		if !strings.HasPrefix(s.Key, "vcs") {
			snapshot.Settings[s.Key] = s.Value
		}
	}
	files, err := gather(info, place, &snapshot)
	if err != nil {
		// The run is worth having without its code, and says what it lacks.
		snapshot.Missing = err.Error()
		files = map[string][]byte{}
	}
	b, err := json.MarshalIndent(snapshot, "", "  ")
	if err != nil {
		return nil, err
	}
	files[path.Base(SnapshotFile)] = b
	if snapshot.Missing == "" { // a later run may know where the source is
		gathered.files = files
	}
	return files, nil
}

// place is where the code that called Start is: a folder of the main module.
type place struct {
	dir  string // "" if it is not known
	main bool   // of the main package
}

// callerPlace looks for the main module among the functions that called Start,
// unless the kernel or a rerun has said where the main package is.
func callerPlace() place {
	if program := os.Getenv(envProgram); program != "" {
		return place{filepath.Dir(program), true}
	}
	var found place
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return found
	}
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		switch {
		case !filepath.IsAbs(frame.File): // built with -trimpath
		case strings.HasPrefix(frame.Function, "main."):
			return place{filepath.Dir(frame.File), true}
		case within(frame.Function, info.Main.Path):
			found.dir = filepath.Dir(frame.File)
		}
	}
	if found.dir == "" {
		found.dir, _ = os.Getwd() // where go run was called, as a last resort
	}
	return found
}

// within reports whether an import path, or the name of a function in a package,
// is that of a module or lies below it.
func within(pkg, module string) bool {
	return pkg == module || strings.HasPrefix(pkg, module) && (pkg[len(module)] == '/' || pkg[len(module)] == '.')
}

// gather returns the files to keep by their name below CodeDir.
func gather(info *debug.BuildInfo, place place, snapshot *Snapshot) (map[string][]byte, error) {
	module, root, err := moduleRoot(place.dir, info.Main.Path)
	if err != nil {
		return nil, err
	}
	snapshot.Module = module
	mainDir := place.dir
	if info.Path != "command-line-arguments" {
		mainDir = filepath.Join(root, filepath.FromSlash(strings.TrimPrefix(strings.TrimPrefix(info.Path, module), "/")))
	} else if !place.main {
		return nil, errors.New("the files of the main package are not known: build it as a package")
	}
	relative, err := filepath.Rel(root, mainDir)
	if err != nil {
		return nil, err
	}
	snapshot.Package = filepath.ToSlash(relative)

	code := map[string][]byte{}
	snapshot.Roots = map[string]string{}
	for _, dep := range info.Deps {
		if dep.Replace != nil && (dep.Replace.Version == "" || dep.Replace.Version == "(devel)") { // a folder
			snapshot.Roots[dep.Path] = absolute(root, dep.Replace.Path)
		}
	}
	if err := workspace(localModule{module, root}, snapshot.Roots, code); err != nil {
		return nil, err
	}
	files, err := Packages(module, root, snapshot.Package, snapshot.Roots)
	if err != nil {
		return nil, err
	}
	snapshot.Roots[module] = root
	snapshot.Newer = newerFile(files, snapshot.Roots)
	if os.Getenv(envProgram) != "" { // a cell's folder goes away
		delete(snapshot.Roots, module)
	}
	// The main package's own files are artifacts of their own: pages show them.
	for name, content := range files[module] {
		if name == "go.mod" || name == "go.sum" || path.Dir(name) == snapshot.Package {
			code[name] = content
			delete(files[module], name)
		}
	}
	for _, local := range slices.Sorted(maps.Keys(files)) {
		if len(files[local]) == 0 {
			continue
		}
		archive, err := pack(files[local])
		if err != nil {
			return nil, fmt.Errorf("archive of module %s: %w", local, err)
		}
		code["modules/"+local+".zip"] = archive
		snapshot.Local = append(snapshot.Local, local)
	}
	return code, nil
}

// newerFile returns a file, of modules that lie in roots, that is newer than the
// program, "" if none is.
func newerFile(files map[string]map[string][]byte, roots map[string]string) string {
	program, err := os.Executable()
	if err != nil {
		return ""
	}
	built, err := os.Stat(program)
	if err != nil {
		return ""
	}
	for _, module := range slices.Sorted(maps.Keys(files)) {
		for _, name := range slices.Sorted(maps.Keys(files[module])) {
			file := filepath.Join(roots[module], filepath.FromSlash(name))
			if info, err := os.Stat(file); err == nil && info.ModTime().After(built.ModTime()) {
				return file
			}
		}
	}
	return ""
}

// moduleRoot returns the folder of the module, which is dir or above it. go run
// with the names of files records no module: then it is the one around dir.
func moduleRoot(dir, module string) (path, root string, err error) {
	for at := dir; at != ""; at = filepath.Dir(at) {
		if b, err := os.ReadFile(filepath.Join(at, "go.mod")); err == nil {
			if found := modfile.ModulePath(b); found == module || module == "" {
				return found, at, nil
			}
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	return "", "", fmt.Errorf("the source of module %q was not on the machine, or the program was built with -trimpath", module)
}

func absolute(root, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(root, file)
}

// localModule is a module whose source is a folder that anyone can change.
type localModule struct{ path, root string }

// walk follows imports through local modules. It takes every source file of a
// package, also those for other systems, so that the program can be built there.
type walk struct {
	modules []localModule
	seen    map[string]bool              // folders
	files   map[string]map[string][]byte // of each module, by path from its root
}

// Packages returns the source files of the package in a folder of a module, and
// of those that it imports from it or from other modules that are folders too, by
// module path and by path in the module. go.mod and go.sum are among them.
func Packages(module, root, pkg string, others map[string]string) (map[string]map[string][]byte, error) {
	w := walk{modules: []localModule{{module, root}}, seen: map[string]bool{}, files: map[string]map[string][]byte{}}
	for path, root := range others {
		if path != module {
			w.modules = append(w.modules, localModule{path, root})
		}
	}
	if err := w.visit(w.modules[0], filepath.Join(root, filepath.FromSlash(pkg))); err != nil {
		return nil, err
	}
	return w.files, w.moduleFiles()
}

// workspace adds the other modules of the workspace that main is in, if it is in
// one, and the workspace's files to the code.
func workspace(main localModule, roots map[string]string, code map[string][]byte) error {
	file := os.Getenv("GOWORK")
	for at := main.root; file == ""; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
			file = filepath.Join(at, "go.work")
		} else if at == filepath.Dir(at) {
			return nil
		}
	}
	content, err := os.ReadFile(file)
	if file == "off" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	work, err := modfile.ParseWork(file, content, nil)
	if err != nil {
		return err
	}
	used := map[string]string{}
	for _, use := range work.Use {
		dir := absolute(filepath.Dir(file), use.Path)
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			return err
		}
		used[modfile.ModulePath(mod)] = dir
	}
	if used[main.path] != main.root {
		return nil // built outside of it, as a cell is
	}
	delete(used, main.path)
	maps.Copy(roots, used)
	code["go.work"] = content
	if sum, err := os.ReadFile(file + ".sum"); err == nil {
		code["go.work.sum"] = sum
	}
	return nil
}

// find returns the folder of a package if a local module has it.
func (w *walk) find(pkg string) (module localModule, dir string, found bool) {
	for _, m := range w.modules {
		if (pkg == m.path || strings.HasPrefix(pkg, m.path+"/")) && len(m.path) > len(module.path) {
			module = m
		}
	}
	dir = filepath.Join(module.root, filepath.FromSlash(strings.TrimPrefix(pkg, module.path)))
	info, err := os.Stat(dir)
	return module, dir, module.path != "" && err == nil && info.IsDir()
}

// sourceExtensions are those of files that the go command may compile or include.
var sourceExtensions = []string{
	".go", ".s", ".S", ".sx", ".c", ".cc", ".cpp", ".cxx", ".m", ".h", ".hh", ".hpp", ".hxx",
	".f", ".F", ".for", ".f90", ".swig", ".swigcxx", ".syso",
}

// visit takes the package in dir and those that it imports.
func (w *walk) visit(module localModule, dir string) error {
	if w.seen[dir] {
		return nil
	}
	w.seen[dir] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || strings.HasSuffix(name, "_test.go") || !slices.Contains(sourceExtensions, path.Ext(name)) {
			continue
		}
		content, err := w.take(module, filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if path.Ext(name) != ".go" {
			continue
		}
		if err := w.embedded(module, dir, content); err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, content, parser.ImportsOnly)
		if err != nil {
			continue // no file of the package, or the program would not have been built
		}
		for _, spec := range file.Imports {
			pkg, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue
			}
			if m, d, found := w.find(pkg); found {
				if err := w.visit(m, d); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// maxFile is the size of the largest file that is taken for a part of a program.
const maxFile = 64 << 20

func (w *walk) take(module localModule, file string) ([]byte, error) {
	if info, err := os.Stat(file); err == nil && info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes: with a file of more than %d MB it is not kept", file, info.Size(), maxFile>>20)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	name, err := filepath.Rel(module.root, file)
	if err != nil {
		return nil, err
	}
	if w.files[module.path] == nil {
		w.files[module.path] = map[string][]byte{}
	}
	w.files[module.path][filepath.ToSlash(name)] = content
	return content, nil
}

var embedLine = regexp.MustCompile(`(?m)^//go:embed[ \t]+(.+)$`)

// embedded takes the files that //go:embed lines name.
func (w *walk) embedded(module localModule, dir string, content []byte) error {
	if !bytes.Contains(content, []byte("//go:embed")) { // a hundred times quicker than the pattern
		return nil
	}
	for _, line := range embedLine.FindAllSubmatch(content, -1) {
		for _, pattern := range strings.Fields(string(line[1])) {
			pattern = strings.TrimPrefix(strings.Trim(pattern, "\"`"), "all:")
			matches, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
			if err != nil {
				return err
			}
			for _, match := range matches {
				err := filepath.WalkDir(match, func(file string, entry fs.DirEntry, err error) error {
					if err != nil || !entry.Type().IsRegular() {
						return err
					}
					_, err = w.take(module, file)
					return err
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// moduleFiles takes go.mod, and go.sum if there is one, of the modules that
// packages were taken from.
func (w *walk) moduleFiles() error {
	for _, module := range w.modules {
		if w.files[module.path] == nil {
			continue
		}
		if _, err := w.take(module, filepath.Join(module.root, "go.mod")); err != nil {
			return err
		}
		if _, err := w.take(module, filepath.Join(module.root, "go.sum")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// pack returns a zip archive of files that depends on nothing but them.
func pack(files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	fast, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	// One for all files, which come one after the other: it has a megabyte of tables.
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		fast.Reset(w)
		return fast, nil
	})
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, err
		}
	}
	err = z.Close()
	return b.Bytes(), err
}

// ReadSnapshot returns what a run recorded of its program.
func ReadSnapshot(ctx context.Context, s *store.Store, id store.RunID) (Snapshot, error) {
	var snapshot Snapshot
	f, _, err := s.OpenArtifact(ctx, id, SnapshotFile)
	if err != nil {
		return snapshot, err
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&snapshot); err != nil {
		return snapshot, fmt.Errorf("run %s: %s: %w", id, SnapshotFile, err)
	}
	return snapshot, nil
}

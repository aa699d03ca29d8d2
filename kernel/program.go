package kernel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// Program is the source of a Go program, such as the one that was made of a
// cell: enough to build it on any machine that can get the modules that its
// go.sum pins.
type Program struct {
	// Package is the folder of the main package in the main module: "." or "cmd/train".
	Package string
	// Files are those of the main module, by their path in it, go.mod among them;
	// go.work and go.work.sum too, if it was built in a workspace.
	Files map[string][]byte
	// Modules are the files of the modules whose source was a folder, by module path.
	Modules map[string]map[string][]byte
	// Go is the toolchain that built it, "go1.27.4", and Settings what the go
	// command was told, as debug.BuildInfo has it.
	Go       string
	Settings map[string]string
	// Proxy is a folder that has modules as a module proxy serves them, and is
	// asked before the network; "" is none.
	Proxy string
}

// Parameters returns the constants and variables of the main package whose value
// is a literal, and the defaults of its flags.
func (p *Program) Parameters() ([]Parameter, error) {
	byFile, err := p.parameters()
	if err != nil {
		return nil, err
	}
	var all []Parameter
	for _, name := range slices.Sorted(maps.Keys(byFile)) {
		all = append(all, byFile[name]...)
	}
	return all, nil
}

func (p *Program) parameters() (map[string][]Parameter, error) {
	byFile := map[string][]Parameter{}
	for name, content := range p.Files {
		if path.Dir(name) != p.Package || path.Ext(name) != ".go" {
			continue
		}
		params, err := declaredParameters("", string(content), "", 0)
		if err != nil {
			return nil, fmt.Errorf("the program's %w", err)
		}
		if len(params) > 0 {
			byFile[name] = params
		}
	}
	return byFile, nil
}

// SetParameters gives parameters other values, as Notebook.SetParameters does.
func (p *Program) SetParameters(values map[string]string) error {
	if len(values) == 0 {
		return nil
	}
	byFile, err := p.parameters()
	if err != nil {
		return err
	}
	all, err := p.Parameters()
	if err != nil {
		return err
	}
	if _, err := chooseParameters(all, values); err != nil {
		return err
	}
	for name, params := range byFile {
		here := maps.Clone(values)
		maps.DeleteFunc(here, func(name, _ string) bool {
			return !slices.ContainsFunc(params, func(p Parameter) bool { return p.Name == name })
		})
		chosen, err := chooseParameters(params, here)
		if err != nil {
			return err
		}
		p.Files[name] = []byte(rewriteParameters(string(p.Files[name]), chosen))
	}
	return nil
}

// Build builds the program in the folder dir, which must be empty, and returns
// the executable. The modules that were folders are laid out below modules, in a
// folder named after their content, so that the compiler's cache knows them
// again; what is there already is checked, and put right, and what no program has
// used for a month is removed.
//
//	dir/src/       the main module, as it was recorded
//	dir/build.mod  its go.mod with the folders of this machine
//	dir/build.sum
//	dir/program
//
// notes are sentences on what is not as it was recorded.
func (p *Program) Build(ctx context.Context, dir, modules string) (file string, notes []string, err error) {
	g, notes, err := p.prepare(ctx, dir, modules)
	if err != nil {
		return "", notes, err
	}
	file = filepath.Join(dir, "program")
	args := append([]string{"build", "-modfile=" + filepath.Join(dir, "build.mod"), "-o", file}, p.flags()...)
	return file, notes, g.run(ctx, append(args, "./"+p.Package)...)
}

// Check finds out whether the program could be built in the empty folder dir:
// it gets the toolchain and the modules, and compiles nothing.
func (p *Program) Check(ctx context.Context, dir, modules string) (notes []string, err error) {
	g, notes, err := p.prepare(ctx, dir, modules)
	if err != nil {
		return notes, err
	}
	return notes, g.run(ctx, "list", "-modfile="+filepath.Join(dir, "build.mod"), "-deps", "-f", "", "./"+p.Package)
}

// Fetch gets the modules that the program is built from, and the toolchain, and
// returns a folder that has them, for Proxy. dir must be empty. They come from the
// cache of the go command, which asks the network for the modules that it lacks. A
// toolchain that is not there, because it is the machine's own, is left out.
func (p *Program) Fetch(ctx context.Context, dir, modules string) (proxy string, err error) {
	if _, err := p.Check(ctx, filepath.Join(dir, "first"), modules); err != nil {
		return "", err // else the cache has them all now
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	here := *p
	here.Proxy = filepath.Join(strings.TrimSpace(string(out)), "cache", "download")
	second := filepath.Join(dir, "second")
	g, _, err := here.prepare(ctx, second, modules)
	if err != nil {
		return "", err
	}
	cache := filepath.Join(dir, "cache")
	g.env = append(g.env, "GOMODCACHE="+cache, "GOFLAGS=-mod=mod -modcacherw")
	err = g.run(ctx, "list", "-modfile="+filepath.Join(second, "build.mod"), "-deps", "-f", "", "./"+p.Package)
	if err != nil {
		return "", err
	}
	proxy = filepath.Join(cache, "cache", "download")
	toolchain := filepath.Join("golang.org", "toolchain", "@v", fmt.Sprintf("v0.0.1-%s.%s-%s.zip", p.Go, runtime.GOOS, runtime.GOARCH))
	err = copyFile(filepath.Join(proxy, toolchain), filepath.Join(here.Proxy, toolchain))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return proxy, err
}

func copyFile(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// fromFolder makes the go command take a toolchain from a folder. go.sum cannot pin
// it, and without a network nobody can vouch for it: only from a folder alone the
// go command takes one all the same.
func fromFolder(proxy string) []string {
	return []string{"GOPROXY=file://" + filepath.ToSlash(proxy), "GONOSUMDB=golang.org/toolchain"}
}

// goCommand is a go command, and where and how it runs.
type goCommand struct {
	path, dir string
	env       []string
}

func (g goCommand) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, g.path, args...)
	cmd.Dir = g.dir
	cmd.Env = g.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("the program does not build: %s", firstProblem(stderr.String(), err))
	}
	return nil
}

// firstProblem returns the first line of the go command's messages that says
// what is wrong.
func firstProblem(messages string, err error) string {
	for line := range strings.Lines(messages) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "go: downloading") {
			return line
		}
	}
	return err.Error()
}

// prepare lays the program out and returns the go command to build it with.
func (p *Program) prepare(ctx context.Context, dir, modules string) (g goCommand, notes []string, err error) {
	if built := p.Settings["GOOS"] + "/" + p.Settings["GOARCH"]; built != "/" && built != runtime.GOOS+"/"+runtime.GOARCH {
		notes = append(notes, fmt.Sprintf("it ran on %s, this machine is %s/%s", built, runtime.GOOS, runtime.GOARCH))
	}
	if _, err := exec.LookPath("go"); err != nil {
		return g, notes, errors.New("the go command is not in PATH: install Go from https://go.dev/dl")
	}
	env := append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	for name, value := range p.Settings {
		if strings.HasPrefix(name, "CGO_") || strings.HasPrefix(name, "GO") && name != "GOOS" && name != "GOARCH" {
			env = append(env, name+"="+value)
		}
	}
	if p.Proxy != "" {
		asked := []string{"file://" + filepath.ToSlash(p.Proxy)}
		if more := os.Getenv("GOPROXY"); more != "" {
			asked = append(asked, more)
		} else {
			asked = append(asked, "https://proxy.golang.org", "direct")
		}
		env = append(env, "GOPROXY="+strings.Join(asked, ","))
	}
	command, toolchain, note := p.toolchain(ctx)
	if note != "" {
		notes = append(notes, note)
	}
	g = goCommand{command, filepath.Join(dir, "src"), append(env, "GOTOOLCHAIN="+toolchain)}
	if err := writeTree(filepath.Join(dir, "src"), p.Files); err != nil {
		return g, notes, fmt.Errorf("the program's folder: %w", err)
	}
	unlock, err := lockFolder(modules)
	if err != nil {
		return g, notes, fmt.Errorf("the folder of modules: %w", err)
	}
	defer unlock()
	if err := p.writeModule(dir, modules); err != nil {
		return g, notes, fmt.Errorf("the program's go.mod: %w", err)
	}
	return g, notes, nil
}

var release = regexp.MustCompile(`^go1(\.\d+)+((rc|beta)\d+)?$`)

// toolchain returns the go command of the recorded toolchain, or else one that may
// do and a note, and its GOTOOLCHAIN. Proxy may have the toolchain, for a machine
// that has an older one and no network.
func (p *Program) toolchain(ctx context.Context) (command, value, note string) {
	if release.MatchString(p.Go) {
		ways := [][]string{nil}
		if p.Proxy != "" {
			ways = [][]string{fromFolder(p.Proxy), nil}
		}
		for _, way := range ways {
			cmd := exec.CommandContext(ctx, "go", "env", "GOROOT")
			cmd.Env = append(append(os.Environ(), way...), "GOTOOLCHAIN="+p.Go)
			if root, err := cmd.Output(); err == nil {
				return filepath.Join(strings.TrimSpace(string(root)), "bin", "go"), "local", ""
			}
		}
	}
	return "go", "auto", fmt.Sprintf("the toolchain %s that built it cannot be had here, another is used", p.Go)
}

// flags returns the flags of the go command that the program was built with.
func (p *Program) flags() []string {
	var flags []string
	for _, name := range slices.Sorted(maps.Keys(p.Settings)) {
		if strings.HasPrefix(name, "-") && name != "-buildmode" && name != "-compiler" {
			flags = append(flags, name+"="+p.Settings[name])
		}
	}
	return flags
}

// writeModule writes build.mod and build.sum. The recorded go.mod stays as it
// is: a rerun's own record of the program then is the same.
func (p *Program) writeModule(dir, modules string) error {
	f, err := modfile.Parse("go.mod", p.Files["go.mod"], nil)
	if err != nil {
		return err
	}
	sum := slices.Clone(p.Files["go.sum"])
	var folders []module.Version // that were replaced by one
	for _, r := range f.Replace {
		if r.New.Version == "" {
			folders = append(folders, r.Old)
		}
	}
	for _, old := range folders {
		if err := f.DropReplace(old.Path, old.Version); err != nil {
			return err
		}
	}
	f.Cleanup() // or AddReplace finds what was dropped
	if content, ok := p.Files["go.work"]; ok {
		work, err := modfile.ParseWork("go.work", content, nil)
		if err != nil {
			return err
		}
		for _, r := range work.Replace {
			if r.New.Version != "" { // folders are among Modules
				if err := f.AddReplace(r.Old.Path, r.Old.Version, r.New.Path, r.New.Version); err != nil {
					return err
				}
			}
		}
		sum = append(sum, p.Files["go.work.sum"]...)
	}
	for _, old := range folders {
		if p.Modules[old.Path] != nil {
			continue
		}
		// The program imports nothing of it, but the go command wants to see it.
		empty := filepath.Join(dir, "unused", filepath.FromSlash(old.Path))
		err := writeTree(empty, map[string][]byte{"go.mod": []byte("module " + old.Path + "\n")})
		if err := errors.Join(err, f.AddReplace(old.Path, old.Version, empty, "")); err != nil {
			return err
		}
	}
	for name, files := range p.Modules {
		folder := filepath.Join(modules, treeDigest(files))
		now := time.Now()
		if err := errors.Join(writeTree(folder, files), os.Chtimes(folder, now, now)); err != nil {
			return err
		}
		required := slices.ContainsFunc(f.Require, func(r *modfile.Require) bool { return r.Mod.Path == name })
		if !required { // of a workspace
			if err := f.AddRequire(name, module.ZeroPseudoVersion("v0")); err != nil {
				return err
			}
		}
		if err := f.AddReplace(name, "", folder, ""); err != nil {
			return err
		}
		sum = append(sum, files["go.sum"]...)
	}
	if err := forget(modules, unusedFor); err != nil {
		return err
	}
	f.Cleanup()
	content, err := f.Format()
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "build.mod"), content, 0o600),
		os.WriteFile(filepath.Join(dir, "build.sum"), sum, 0o600),
	)
}

// lockFolder keeps others from laying out modules in the folder until unlock is
// called.
func lockFolder(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// unusedFor is how long the folder of a module is kept that no program needs.
const unusedFor = 30 * 24 * time.Hour

// forget removes the folders in dir that nobody has used for a time.
func forget(dir string, unused time.Duration) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && entry.IsDir() && time.Since(info.ModTime()) > unused {
			if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// treeDigest names a tree of files by its content.
func treeDigest(files map[string][]byte) string {
	all := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(all, "%s\n%x\n", name, sha256.Sum256(files[name]))
	}
	return hex.EncodeToString(all.Sum(nil)[:16])
}

// writeTree makes dir hold files and no others. A file that is as it should be
// is left alone. It refuses names that point out of dir.
func writeTree(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if _, wanted := files[name]; err != nil || entry.IsDir() || wanted {
			return err
		}
		return root.Remove(name)
	})
	if err != nil {
		return err
	}
	for name, content := range files {
		if there, err := root.ReadFile(name); err == nil && bytes.Equal(there, content) {
			continue
		}
		if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		// A new file rather than new content: a compiler may be reading the old one.
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := root.WriteFile(name, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

package experiments

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/assay-ml/assay/store"
)

// What the kernel tells the programs of cells, and a rerun the program that it
// runs again, in their environment.
const (
	envNotebook = "ASSAY_NOTEBOOK"    // path of the notebook
	envCellID   = "ASSAY_CELL_ID"     // nbformat's id of the cell
	envCell     = "ASSAY_CELL"        // its execution count
	envSource   = "ASSAY_CELL_SOURCE" // file that holds the cell's source
	envProgram  = "ASSAY_PROGRAM"     // path of main.go, in a folder that goes away
	envHistory  = "ASSAY_HISTORY"     // file with the cells that were executed before, one a line
	envParent   = "ASSAY_PARENT"      // the run that the program's runs are part of

	// EnvRerunOf names the runs that a program's runs repeat: "2=k3f…,3=k3g…"
	// for its second and third, or one id alone for all.
	EnvRerunOf = "ASSAY_RERUN_OF"
	// EnvAsOf makes Latest and Best see no run that started then or later: a
	// rerun is to find the runs that were there when the original looked.
	EnvAsOf = "ASSAY_AS_OF"
)

// started counts the runs that this program has started.
var started atomic.Int64

// repeats returns which run the n-th run of this program repeats, if any.
func repeats(n int) store.RunID { return numbered(os.Getenv(EnvRerunOf), n) }

// origin says which code this program is, for the n-th run that it starts.
func origin(n int) store.Origin {
	o := store.Origin{
		Notebook: os.Getenv(envNotebook),
		Cell:     os.Getenv(envCellID),
		Args:     os.Args[1:],
		Run:      n,
	}
	o.Order, _ = strconv.Atoi(os.Getenv(envCell)) // 0 outside a notebook
	if file := os.Getenv(envSource); file != "" {
		if source, err := os.ReadFile(file); err == nil {
			o.Source = string(source)
		}
	}
	// Both fail only where the system hides them; the run is worth having without.
	o.Program, _ = os.Executable()
	o.Dir, _ = os.Getwd()
	return o
}

// NumericVariables are the environment variables that can change numbers. They
// are recorded as the program was started with them, and set again by a rerun. No others are: they may hold secrets.
var NumericVariables = []string{
	"GOMLX_BACKEND", "XLA_FLAGS", "TF_XLA_FLAGS", "GOMAXPROCS", "GODEBUG", "GLIBC_TUNABLES",
	"OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE", "TF_CUDNN_DETERMINISTIC",
}

// numericVariables are their values when the program started, of those that were
// set: what a backend sets once it opens is not the user's, and would tell runs of
// one program apart.
var numericVariables = func() map[string]string {
	values := map[string]string{}
	for _, name := range NumericVariables {
		if value, ok := os.LookupEnv(name); ok {
			values[name] = value
		}
	}
	return values
}()

// environment says what the program runs on, as far as that takes no time to
// find out: see slowFacts.
func environment() map[string]string {
	env := map[string]string{
		"go":         runtime.Version(),
		"os":         runtime.GOOS,
		"arch":       runtime.GOARCH,
		"cpus":       strconv.Itoa(runtime.NumCPU()),
		"gomaxprocs": strconv.Itoa(runtime.GOMAXPROCS(0)),
	}
	describeCPU(env)
	maps.Copy(env, numericVariables)
	if dirs, ok := os.LookupEnv("PJRT_PLUGIN_LIBRARY_PATH"); ok {
		env["PJRT_PLUGIN_LIBRARY_PATH"] = dirs
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return env
	}
	env["module"] = info.Main.Path
	for _, setting := range info.Settings {
		if strings.HasPrefix(setting.Key, "vcs.") {
			env[setting.Key] = setting.Value
		}
	}
	for _, dep := range info.Deps {
		switch dep.Path {
		case "github.com/assay-ml/assay", "github.com/gomlx/gomlx", "github.com/gomlx/go-xla", "github.com/gomlx/compute":
			env[filepath.Base(dep.Path)] = dep.Version
		}
	}
	return env
}

// describeCPU adds the processor's name and those of its features that
// libraries choose their code by, where the system tells.
func describeCPU(env map[string]string) {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan() && lines.Text() != ""; { // the first of the processors
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(key) {
		case "model name":
			env["cpu"] = strings.TrimSpace(value)
		case "flags", "Features":
			features := slices.DeleteFunc(strings.Fields(value), func(feature string) bool {
				return !slices.ContainsFunc([]string{"sse4", "avx", "fma", "amx", "f16c", "asimd", "sve"},
					func(family string) bool { return strings.HasPrefix(feature, family) })
			})
			env["cpu_features"] = strings.Join(features, " ")
		}
	}
}

// slowFacts finds out what takes some milliseconds: the state of the working
// tree that the code is from, the C compiler, the GPU. Whatever cannot be found
// out is left out: the run is worth having without.
func slowFacts(ctx context.Context, dir string) (facts map[string]string, diff []byte) {
	facts = map[string]string{}
	if dir != "" && insideGit(dir) {
		diff = describeTree(ctx, dir, facts)
	}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"}) {
		compiler := os.Getenv("CC")
		if compiler == "" {
			compiler = "cc"
		}
		if out, err := exec.CommandContext(ctx, compiler, "--version").Output(); err == nil {
			facts["cc"], _, _ = strings.Cut(string(out), "\n")
		}
	}
	if version, err := os.ReadFile("/proc/driver/nvidia/version"); err == nil {
		facts["gpu_driver"], _, _ = strings.Cut(string(version), "\n")
	}
	cards, _ := filepath.Glob("/proc/driver/nvidia/gpus/*/information") // the pattern is good
	for _, card := range cards {
		if information, err := os.ReadFile(card); err == nil {
			first, _, _ := strings.Cut(string(information), "\n")
			_, model, _ := strings.Cut(first, ":")
			facts["gpu"] = strings.TrimPrefix(facts["gpu"]+", "+strings.TrimSpace(model), ", ")
		}
	}
	return facts, diff
}

// insideGit spares the start of git where there is no repository.
func insideGit(dir string) bool {
	for {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
}

// describeTree adds commit, branch and whether files differ from the commit,
// and returns the difference. Notebooks are left out of it: they change by being
// run, and the cell's source is recorded anyway.
func describeTree(ctx context.Context, dir string, facts map[string]string) (diff []byte) {
	const most = 1 << 20
	status, err := exec.CommandContext(ctx, "git", "-C", dir, "status", "--porcelain=v2", "--branch", "--untracked-files=no").Output()
	if err != nil {
		return nil
	}
	dirty := false
	for line := range strings.Lines(string(status)) {
		line = strings.TrimSpace(line)
		if commit, ok := strings.CutPrefix(line, "# branch.oid "); ok {
			facts["git.commit"] = commit
		} else if branch, ok := strings.CutPrefix(line, "# branch.head "); ok {
			facts["git.branch"] = branch
		} else if !strings.HasPrefix(line, "#") {
			dirty = true
		}
	}
	facts["git.modified"] = strconv.FormatBool(dirty)
	if !dirty {
		return nil
	}
	diff, err = exec.CommandContext(ctx, "git", "-C", dir, "diff", "--no-ext-diff", "HEAD", "--", ":/", ":(top,exclude)*.ipynb").Output()
	if err != nil || len(diff) > most {
		return nil
	}
	return diff
}

// pluginFacts says which XLA plugin this process has loaded, if it has: its file,
// the content's sha256, and its version if assay setup fetched it. It tells
// nothing where the system has no /proc.
func pluginFacts() map[string]string {
	mapped, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(mapped)) {
		at := strings.IndexByte(line, '/')
		if at < 0 || !strings.Contains(filepath.Base(line[at:]), "pjrt") {
			continue
		}
		file := strings.TrimSpace(line[at:])
		facts := map[string]string{"xla_plugin": filepath.Base(file)}
		sum, err := rememberedDigest(file)
		if err != nil {
			return facts
		}
		facts["xla_plugin.sha256"] = sum
		var receipt struct{ Source, SHA256 string }
		if content, err := os.ReadFile(file + ".json"); err == nil && json.Unmarshal(content, &receipt) == nil && receipt.SHA256 == sum {
			facts["xla_plugin.version"] = receipt.Source
		}
		return facts
	}
	return nil
}

// rememberedDigest returns the sha256 of a file. It remembers it in the user's
// cache folder until the file changes: plugins have hundreds of megabytes.
func rememberedDigest(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return FileDigest(file)
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d", file, info.Size(), info.ModTime().UnixNano()))
	memo := filepath.Join(cache, "assay", "digests", hex.EncodeToString(key[:]))
	if sum, err := os.ReadFile(memo); err == nil && len(sum) == hex.EncodedLen(sha256.Size) {
		return string(sum), nil
	}
	sum, err := FileDigest(file)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(memo), 0o700); err == nil {
		_ = os.WriteFile(memo, []byte(sum), 0o600) // else it is computed again
	}
	return sum, nil
}

// FileDigest returns the sha256 of a file's content, in hex.
func FileDigest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, f.Close())
}

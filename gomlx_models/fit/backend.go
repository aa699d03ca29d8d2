package fit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/go-xla/compute/xla"

	"github.com/assay-ml/assay/home"
)

// Backend returns what graphs run on in this process. It is opened once.
//
// GOMLX_BACKEND chooses it: "xla:cpu", "xla:cuda" (either with GoMLX's options,
// as in "xla:cuda,tf32=false"), "xla:/path/to/plugin.so" or "go", GoMLX's slow
// backend that needs no plugin. Unset or "xla" means CUDA where there are both
// its plugin and an NVIDIA driver, else the CPU.
//
// Plugins are looked for in the folders of PJRT_PLUGIN_LIBRARY_PATH, then in
// plugins in assay's data folder, then where GoMLX's installer puts them.
// Nothing is ever downloaded: without a plugin the error says what to run.
//
// Opening XLA for the CPU tells its compiler, where the plugin knows all three
// flags, to give convolutions to oneDNN, only single matrix products to YNNPACK,
// and to schedule for little memory. One that XLA_FLAGS sets stays as it is there,
// and the variable itself is afterwards as it was.
func Backend() (compute.Backend, error) { return openBackend() }

var openBackend = sync.OnceValues(func() (compute.Backend, error) {
	return newBackend(os.Getenv(compute.ConfigEnvVar))
})

func newBackend(choice string) (compute.Backend, error) {
	kind, config, _ := strings.Cut(choice, ":")
	switch kind {
	case "go":
		return gobackend.New(config)
	case "", "xla":
	default:
		return nil, fmt.Errorf(`%s=%q is no backend: use "xla:cpu", "xla:cuda" or "go"`, compute.ConfigEnvVar, choice)
	}
	name, options, _ := strings.Cut(config, ",")
	file := name
	if !filepath.IsAbs(name) {
		var err error
		if file, err = findPlugin(name); err != nil {
			return nil, err
		}
	}
	// This build links no installer; a program that also links GoMLX's default
	// backends would, and it must not reach for the network from here.
	xla.EnableAutoInstall(false)
	if err := os.Setenv(xla.NoAutoInstallEnv, "1"); err != nil {
		return nil, err
	}
	restore := func() error { return nil }
	if match := pluginFile.FindStringSubmatch(filepath.Base(file)); match == nil || match[1] == "cpu" {
		var err error
		if restore, err = addFlags(file); err != nil {
			return nil, fmt.Errorf("XLA plugin: %w", err)
		}
	}
	if options != "" {
		options = "," + options
	}
	backend, err := xla.New(file + options)
	if err := restore(); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("XLA plugin %s does not start (%w): run `assay doctor`", file, err)
	}
	return backend, nil
}

// pluginFile matches what plugins are called: by OpenXLA, by GoMLX's installer
// (which adds a version), and in JAX's wheels. Its one group is "cpu", "cuda" …
var pluginFile = regexp.MustCompile(`^(?:pjrt_c_api|pjrt-plugin|pjrt_plugin|xla)[-_]([a-z]+)[^/]*\.(?:so|dylib|dll)$`)

// findPlugin returns the file of the plugin called name, "cpu" or "cuda"; of
// the better one this machine can run if name is empty.
func findPlugin(name string) (string, error) {
	own, err := home.Sub("plugins")
	if err != nil {
		return "", err
	}
	dirs := slices.DeleteFunc(filepath.SplitList(os.Getenv("PJRT_PLUGIN_LIBRARY_PATH")), func(dir string) bool { return dir == "" })
	dirs = append(dirs, own)
	if user, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(user, ".local", "lib", "go-xla"))
	}
	dirs = append(dirs, "/usr/local/lib/go-xla")

	found := map[string]string{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("XLA plugins: %w", err)
		}
		for _, entry := range entries {
			match := pluginFile.FindStringSubmatch(entry.Name())
			if match != nil && found[match[1]] == "" {
				if found[match[1]], err = filepath.Abs(filepath.Join(dir, entry.Name())); err != nil {
					return "", err
				}
			}
		}
	}
	wanted := []string{name}
	if name == "" {
		wanted = []string{"cpu"}
		if hasNVIDIADriver() {
			wanted = []string{"cuda", "cpu"}
		}
	}
	for _, name := range wanted {
		if file := found[name]; file != "" {
			return file, nil
		}
	}
	return "", fmt.Errorf("no XLA plugin for %s in %s: run `assay setup`", wanted[0], own)
}

// hasNVIDIADriver reports whether the kernel has one: loading CUDA's plugin
// without it costs seconds and ends in an error.
func hasNVIDIADriver() bool {
	if runtime.GOOS != "linux" {
		return false
	}
	_, err := os.Stat("/proc/driver/nvidia/version")
	return err == nil
}

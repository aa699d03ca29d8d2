package setup

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gomlx/go-xla/installer"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/home"
)

// wheel is an XLA plugin inside a Python wheel, pinned by hash.
type wheel struct {
	pkg, version string
	wheelSum     string // sha256 of the wheel, which pip checks
	member       string // file in the wheel
	memberSum    string // its sha256, which we check
	file         string // where it goes, below the plugins folder
	size         int64  // of the wheel, for the progress line
}

// The wheels are built from XLA for this platform only. Both are Apache-2.0.
var (
	cpuWheel = wheel{
		pkg: "lammps-jax-pjrt-cpu", version: "0.11.2",
		wheelSum:  "1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1",
		member:    ".so",
		memberSum: "ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2",
		file:      "pjrt_c_api_cpu_plugin.so",
		size:      62711338,
	}
	// The plugin looks for the CUDA libraries in ../nvidia beside its own folder.
	cudaWheel = wheel{
		pkg: "jax-cuda13-pjrt", version: "0.11.2",
		wheelSum:  "e5ff589d43064913bb74027682d89639c7ea48f9f81c2bae6fc75117e913f93e",
		member:    "jax_plugins/xla_cuda13/xla_cuda_plugin.so",
		memberSum: "43d3efd6fd43d8a5d9aa67176e830d81e4ad5fc19fda4ad09cdcc4aebd9f3920",
		file:      filepath.Join("cuda", "pjrt_c_api_cuda_plugin.so"),
		size:      124395292,
	}
	// cudaLibraries is what jax-cuda13-plugin 0.11.2 lists as its with-cuda extra.
	cudaLibraries = []string{
		"nvidia-cublas>=13.0.0.19", "nvidia-cuda-cupti>=13.0.48", "nvidia-cuda-nvcc>=13.0.48",
		"nvidia-cuda-runtime>=13.0.48", "nvidia-cudnn-cu13>=9.12.0.46,<10", "nvidia-cufft>=12.0.0.15",
		"nvidia-cusolver>=12.0.3.29", "nvidia-cusparse>=12.6.2.49", "nvidia-nccl-cu13>=2.27.7",
		"nvidia-nvjitlink>=13.0.39", "nvidia-cuda-nvrtc>=13.0.48", "nvidia-nvshmem-cu13>=3.3.20", "nvidia-nvvm",
	}
)

// receipt is kept beside a plugin: where it came from, and what it was when it
// was checked, so that set-up need not read 200 MB again to know it.
type receipt struct {
	Source   string    `json:"source"`
	SHA256   string    `json:"sha256"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

// cpuPlugin finds or fetches the XLA CPU plugin: the user's own, then what an
// earlier set-up left, then GoMLX's installer, then the wheel.
func cpuPlugin(ctx context.Context, o Options) (string, error) {
	if own := os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"); own != "" {
		return "PJRT_PLUGIN_LIBRARY_PATH=" + own, nil
	}
	dir, err := home.Sub("plugins")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, cpuWheel.file)
	if r, err := checkReceipt(file); err == nil {
		return r.String(), nil
	}
	if sum, err := experiments.FileDigest(file); err == nil && sum == cpuWheel.memberSum { // put there by hand
		return keepReceipt(file, cpuWheel.pkg+" "+cpuWheel.version)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("plugins folder: %w: make it writable, or set ASSAY_HOME to another folder", err)
	}
	gomlxErr := gomlxInstall(ctx, o, file)
	if gomlxErr == nil {
		return keepReceipt(file, "GoMLX's installer")
	}
	fmt.Fprintf(o.Out, "  … GoMLX's own installer: %s; trying the Python wheel\n", gomlxErr)
	if err := cpuWheel.fetch(ctx, o, file); err != nil {
		return "", fmt.Errorf("%w; or put an XLA CPU plugin named pjrt_c_api_cpu_plugin.so in a folder, set PJRT_PLUGIN_LIBRARY_PATH to that folder and run `assay setup` again; or set GOMLX_BACKEND=go for the slow pure Go backend", err)
	}
	return keepReceipt(file, cpuWheel.pkg+" "+cpuWheel.version)
}

// cudaPlugin fetches the CUDA plugin and NVIDIA's libraries when asked to, and
// offers them when this machine has a GPU.
func cudaPlugin(ctx context.Context, o Options) (string, error) {
	dir, err := home.Sub("plugins")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, cudaWheel.file)
	if r, err := checkReceipt(file); err == nil {
		return r.String(), nil
	}
	if !o.CUDA {
		if installer.HasNvidiaGPU() {
			return "an NVIDIA GPU is here: `assay setup --cuda` fetches the plugin for it", nil
		}
		return "", nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", fmt.Errorf("plugins folder: %w", err)
	}
	if err := cudaWheel.fetch(ctx, o, file); err != nil {
		return "", err
	}
	fmt.Fprintf(o.Out, "  … NVIDIA's libraries, about 2 GB\n")
	args := append([]string{"install", "--quiet", "--no-deps", "--no-compile", "--upgrade", "--target", dir}, cudaLibraries...)
	if err := pip(ctx, o, args...); err != nil {
		return "", err
	}
	return keepReceipt(file, cudaWheel.pkg+" "+cudaWheel.version)
}

// gomlxInstall lets GoMLX's installer fetch its plugin from its release page,
// and moves it to file. A machine that cannot reach the page hears so at once.
func gomlxInstall(ctx context.Context, o Options, file string) error {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", "github.com:443")
	if err != nil {
		return errors.New("its release page cannot be reached")
	}
	conn.Close()
	tmp, err := os.MkdirTemp(filepath.Dir(file), ".gomlx-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	fmt.Fprintln(o.Out, "  … fetching the plugin with GoMLX's own installer")
	if err := installer.CPUAutoInstall(tmp, false, installer.Quiet); err != nil {
		return errors.New(strings.SplitN(err.Error(), "\n", 2)[0])
	}
	found, err := filepath.Glob(filepath.Join(tmp, "pjrt_c_api_cpu_*plugin.*"))
	if err != nil || len(found) == 0 {
		return errors.New("it left no plugin")
	}
	return os.Rename(found[0], file)
}

// fetch downloads the wheel through pip, which checks its hash, and unpacks the
// plugin to file, checking its hash again.
func (w wheel) fetch(ctx context.Context, o Options, file string) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("%s %s is built for linux/amd64, not for %s/%s", w.pkg, w.version, runtime.GOOS, runtime.GOARCH)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(file), ".wheel-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	requirements := filepath.Join(tmp, "requirements.txt")
	line := fmt.Sprintf("%s==%s --hash=sha256:%s\n", w.pkg, w.version, w.wheelSum)
	if err := os.WriteFile(requirements, []byte(line), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "  … downloading %s %s, %d MB\n", w.pkg, w.version, w.size>>20)
	if err := pip(ctx, o, "download", "--no-deps", "--no-cache-dir", "--require-hashes", "--dest", tmp, "--requirement", requirements); err != nil {
		return err
	}
	wheels, _ := filepath.Glob(filepath.Join(tmp, "*.whl"))
	if len(wheels) != 1 {
		return fmt.Errorf("pip left %d wheels of %s, not one", len(wheels), w.pkg)
	}
	return w.unpack(wheels[0], file)
}

func (w wheel) unpack(archive, file string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(archive), err)
	}
	defer z.Close()
	for _, member := range z.File {
		if !strings.HasSuffix(member.Name, w.member) {
			continue
		}
		src, err := member.Open()
		if err != nil {
			return fmt.Errorf("%s: %w", member.Name, err)
		}
		defer src.Close()
		tmp := file + ".part"
		dst, err := os.Create(tmp)
		if err != nil {
			return err
		}
		defer os.Remove(tmp)
		sum := sha256.New()
		_, err = io.Copy(io.MultiWriter(dst, sum), src)
		if err = errors.Join(err, dst.Sync(), dst.Close()); err != nil {
			return fmt.Errorf("%s: %w", member.Name, err)
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != w.memberSum {
			return fmt.Errorf("%s in %s has sha256 %s, not the pinned %s: do not use it", member.Name, w.pkg, got, w.memberSum)
		}
		return os.Rename(tmp, file)
	}
	return fmt.Errorf("%s holds no %s", filepath.Base(archive), w.member)
}

// pip runs pip, showing its own progress.
func pip(ctx context.Context, o Options, args ...string) error {
	python := ""
	for _, name := range []string{"python3", "python"} {
		if path, err := exec.LookPath(name); err == nil {
			python = path
			break
		}
	}
	if python == "" {
		return errors.New("Python is not on the PATH: install Python 3 with pip")
	}
	cmd := exec.CommandContext(ctx, python, append([]string{"-m", "pip", "--disable-pip-version-check"}, args...)...)
	var log strings.Builder
	cmd.Stdout = o.Out
	cmd.Stderr = &log
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("pip %s: %s", args[0], lastLine([]byte(log.String())))
	}
	return nil
}

// keepReceipt writes down what file is and where it came from.
func keepReceipt(file, source string) (string, error) {
	sum, err := experiments.FileDigest(file)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	r := receipt{Source: source, SHA256: sum, Size: info.Size(), Modified: info.ModTime()}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	return r.String(), writeFile(file+".json", b)
}

// checkReceipt returns the receipt of file if file is what it was then.
func checkReceipt(file string) (receipt, error) {
	var r receipt
	info, err := os.Stat(file)
	if err != nil {
		return r, err
	}
	b, err := os.ReadFile(file + ".json")
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%s.json: %w", file, err)
	}
	if info.Size() != r.Size || !info.ModTime().Equal(r.Modified) {
		return r, fmt.Errorf("%s changed since it was installed", file)
	}
	return r, nil
}

func (r receipt) String() string {
	return fmt.Sprintf("%s, sha256 %s…", r.Source, r.SHA256[:min(12, len(r.SHA256))])
}

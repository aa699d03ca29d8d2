// Command bench compares the store with other experiment trackers on this
// machine, in one run, and prints one table. Run it in the root of the
// repository:
//
//	go run ./bench            all peers, about a quarter of an hour
//	go run ./bench -quick     a look at whether it works: small work, noisy figures
//	go run ./bench -peers mlflow,trackio
//
// The peers are Python programs. Each gets an environment of its own in .venv,
// on first use. One tracker is measured at a time. peers.py says what is
// measured, own.go does the same with ours and, as the floor that SQLite sets,
// with bare go-sqlite3.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// work is what each tracker does.
type work struct {
	Seconds float64 `json:"seconds"` // of logging, for each rate, over three runs
	Runs    int     `json:"runs"`    // to list
	History int     `json:"history"` // points of one series
	Rounds  int     `json:"rounds"`  // of which the median counts
}

// figures are what a tracker did. 0 stands for what it has no way to do.
type figures struct {
	Version string  `json:"version"`
	Single  float64 `json:"single"`  // points a second, one metric a call
	Ten     float64 `json:"ten"`     // ten metrics a call
	Bulk    float64 `json:"bulk"`    // in bulk
	List    float64 `json:"list"`    // ms
	History float64 `json:"history"` // ms
	Kept    int     `json:"-"`       // of killPoints; -1 if it was not measured
	Page    float64 `json:"-"`       // seconds until the first page came
	Memory  float64 `json:"-"`       // MB of the server then
}

// killPoints is how many points a program logs before it is killed.
const killPoints = 500

func main() {
	quick := flag.Bool("quick", false, "small work, to see whether it works")
	peers := flag.String("peers", "mlflow,trackio,aim,tensorboardX,fasttrackml", "`names` of peers to measure, or none")
	flag.Parse()
	if flag.NArg() > 0 { // as a child of its own
		if err := child(flag.Args()); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	w := work{Seconds: 6, Runs: 1000, History: 100_000, Rounds: 5}
	if *quick {
		w = work{Seconds: 0.3, Runs: 20, History: 2000, Rounds: 2}
	}
	if err := bench(w, strings.Split(*peers, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(w work, peers []string) error {
	dir, err := os.MkdirTemp("", "assay-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	assay := filepath.Join(dir, "bin")
	if out, err := exec.Command("go", "build", "-o", assay, ".").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	trackers := []tracker{
		{name: "assay", command: []string{self, "assay"}, serve: func(dir string, port int) []string {
			return []string{assay, "ui", "--store", filepath.Join(dir, storeFile), "--addr", "127.0.0.1:" + strconv.Itoa(port)}
		}},
		{name: "bare go-sqlite3", command: []string{self, "floor"}},
	}
	for _, name := range peers {
		if name == "" || name == "none" {
			continue
		}
		python, err := pythonOf(name)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s is left out: %v\n", name, err)
			continue
		}
		script, err := filepath.Abs("bench/peers.py")
		if err != nil {
			return err
		}
		command := []string{python, script, strings.ToLower(name)}
		trackers = append(trackers, tracker{name: name, command: command, serve: func(dir string, port int) []string {
			return append(command[:3:3], "serve", dir, strconv.Itoa(port))
		}})
	}
	var names []string
	var all []figures
	for _, t := range trackers {
		fmt.Fprintf(os.Stderr, "bench: %s …\n", t.name)
		f, err := t.measure(filepath.Join(dir, strings.ReplaceAll(t.name, " ", "-")), w)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s is left out: %v\n", t.name, err)
			continue
		}
		names, all = append(names, t.name), append(all, f)
	}
	if len(all) == 0 || names[0] != "assay" {
		return errors.New("there is nothing to compare")
	}
	write(os.Stdout, w, machine(), names, all)
	return nil
}

// pythonOf makes the Python environment of a peer, and returns its Python.
func pythonOf(peer string) (python string, err error) {
	requirements := filepath.Join("bench", "requirements-"+peer+".txt")
	want, err := os.ReadFile(requirements)
	if err != nil {
		return "", fmt.Errorf("there is no peer %s", peer)
	}
	venv, err := filepath.Abs(filepath.Join(".venv", "bench-"+peer))
	if err != nil {
		return "", err
	}
	python = filepath.Join(venv, "bin", "python")
	stamp := filepath.Join(venv, "installed")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == string(want) {
		return python, nil
	}
	fmt.Fprintf(os.Stderr, "bench: installing %s …\n", peer)
	for _, command := range [][]string{
		{"python3", "-m", "venv", venv},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
		}
	}
	return python, os.WriteFile(stamp, want, 0o644)
}

// tracker is one of those compared. command is a program that knows the words
// of peers.py; serve is nil for what has no pages.
type tracker struct {
	name    string
	command []string
	serve   func(dir string, port int) []string
}

func (t tracker) measure(dir string, w work) (f figures, err error) {
	for _, sub := range []string{"work", "kill"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return f, err
		}
	}
	order, err := json.Marshal(w)
	if err != nil {
		return f, err
	}
	out, err := t.run(filepath.Join(dir, "work"), "measure", string(order))
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(out, &f); err != nil {
		return f, fmt.Errorf("its figures: %w", err)
	}
	if f.Kept, err = t.kept(filepath.Join(dir, "kill")); err != nil {
		return f, err
	}
	if t.serve != nil {
		f.Page, f.Memory, err = t.page(filepath.Join(dir, "work"))
	}
	return f, err
}

// run runs a word of the tracker's program, and returns the last line it prints.
func (t tracker) run(dir, word string, more ...string) ([]byte, error) {
	args := append([]string{word, dir}, more...)
	c := exec.Command(t.command[0], append(t.command[1:len(t.command):len(t.command)], args...)...)
	c.Env = t.environ()
	c.Dir = dir
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", word, err, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return []byte(lines[len(lines)-1]), nil
}

// environ puts the programs of a peer's environment before others.
func (t tracker) environ() []string {
	return append(os.Environ(), "PATH="+filepath.Dir(t.command[0])+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// kept kills a program after its last point, and counts what a reader finds.
func (t tracker) kept(dir string) (int, error) {
	_, err := t.run(dir, "log", strconv.Itoa(killPoints))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		return -1, fmt.Errorf("it was not killed: %w", err)
	}
	out, err := t.run(dir, "count")
	if err != nil {
		return -1, err
	}
	return strconv.Atoi(string(out))
}

// page starts the server of the tracker's pages, and returns the seconds until
// the first page came and the megabytes that the server then takes.
func (t tracker) page(dir string) (seconds, memory float64, err error) {
	port, err := freePort()
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := t.serve(dir, port)
	c := exec.Command(command[0], command[1:]...)
	c.Env = t.environ()
	c.Dir = dir
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that its workers end with it
	begin := time.Now()
	if err := c.Start(); err != nil {
		return 0, 0, err
	}
	defer c.Wait()
	defer syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
	url := fmt.Sprintf("http://127.0.0.1:%d/", port)
	for !answers(ctx, url) {
		if ctx.Err() != nil {
			return 0, 0, errors.New("its pages do not come up")
		}
		time.Sleep(2 * time.Millisecond)
	}
	seconds = time.Since(begin).Seconds()
	memory, err = residentMB(c.Process.Pid)
	return seconds, memory, err
}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// residentMB returns the memory of a process and of those that it started, on Linux.
func residentMB(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	if err != nil {
		return 0, err
	}
	mb := kb / 1024
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	for _, field := range strings.Fields(string(children)) {
		if child, err := strconv.Atoi(field); err == nil {
			if more, err := residentMB(child); err == nil { // else it has just ended
				mb += more
			}
		}
	}
	return mb, nil
}

// machine says what the figures were measured on.
func machine() string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, ok := strings.Cut(string(b), "model name"); ok {
			line, _, _ := strings.Cut(after, "\n")
			model = strings.Trim(line, " \t:")
		}
	}
	load := ""
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load " + strings.Fields(string(b))[0]
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s%s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), load,
		time.Now().Format(time.DateOnly))
}

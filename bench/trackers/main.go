// Command trackers compares the store with other experiment trackers on this
// machine, in one run, and prints one table. Run it in the root of the
// repository:
//
//	go run ./bench/trackers            all peers, about a quarter of an hour
//	go run ./bench/trackers -quick     a look at whether it works: small work, noisy figures
//	go run ./bench/trackers -peers mlflow,trackio
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
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/assay-ml/assay/bench/peer"
)

// work is what each tracker does.
type work struct {
	Seconds float64 `json:"seconds"` // of logging, for each rate, over three runs
	Runs    int     `json:"runs"`    // to list
	History int     `json:"history"` // points of one series
	Rounds  int     `json:"rounds"`  // of which the median counts
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
		{Program: peer.Program{Name: "assay", Command: []string{self, "assay"}}, serve: func(dir string, port int) []string {
			return []string{assay, "ui", "--store", filepath.Join(dir, storeFile), "--addr", "127.0.0.1:" + strconv.Itoa(port)}
		}},
		{Program: peer.Program{Name: "bare go-sqlite3", Command: []string{self, "floor"}}},
	}
	for _, name := range peers {
		if name == "" || name == "none" {
			continue
		}
		python, err := peer.Python(name, filepath.Join("bench", "trackers", "requirements-"+name+".txt"))
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s is left out: %v\n", name, err)
			continue
		}
		script, err := filepath.Abs("bench/trackers/peers.py")
		if err != nil {
			return err
		}
		command := []string{python, script, strings.ToLower(name)}
		trackers = append(trackers, tracker{Program: peer.Program{Name: name, Command: command}, serve: func(dir string, port int) []string {
			return append(command[:3:3], "serve", dir, strconv.Itoa(port))
		}})
	}
	var rows []peer.Row
	for _, t := range trackers {
		fmt.Fprintf(os.Stderr, "bench: %s …\n", t.Name)
		row, err := t.measure(filepath.Join(dir, strings.ReplaceAll(t.Name, " ", "-")), w)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s is left out: %v\n", t.Name, err)
			continue
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 || rows[0].Name != "assay" {
		return errors.New("there is nothing to compare")
	}
	write(os.Stdout, w, rows)
	return nil
}

// tracker is one of those compared. command is a program that knows the words
// of peers.py; serve is nil for what has no pages.
type tracker struct {
	peer.Program
	serve func(dir string, port int) []string
}

func (t tracker) measure(dir string, w work) (peer.Row, error) {
	for _, sub := range []string{"work", "kill"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return peer.Row{}, err
		}
	}
	order, err := json.Marshal(w)
	if err != nil {
		return peer.Row{}, err
	}
	data := filepath.Join(dir, "work")
	row, err := t.Figures(context.Background(), data, "measure", data, string(order))
	if err != nil {
		return peer.Row{}, err
	}
	kept, err := t.kept(filepath.Join(dir, "kill"))
	if err != nil {
		return peer.Row{}, err
	}
	row.Figures["kept"] = float64(kept)
	if t.serve != nil {
		row.Figures["page"], row.Figures["memory"], err = t.page(data)
	}
	return row, err
}

// kept kills a program after its last point, and counts what a reader finds.
func (t tracker) kept(dir string) (int, error) {
	ctx := context.Background()
	if o, err := t.Run(ctx, dir, "log", dir, strconv.Itoa(killPoints)); !o.Killed {
		return 0, fmt.Errorf("it was not killed: %w", err)
	}
	o, err := t.Run(ctx, dir, "count", dir)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(o.Last))
}

// page starts the server of the tracker's pages, and returns the milliseconds
// until the first page came and the megabytes that the server then takes.
func (t tracker) page(dir string) (ms, memory float64, err error) {
	port, err := freePort()
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := t.serve(dir, port)
	c := exec.Command(command[0], command[1:]...)
	c.Env = t.Environ()
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
	ms = float64(time.Since(begin).Microseconds()) / 1000
	memory, err = peer.ResidentMB(c.Process.Pid)
	return ms, memory, err
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

package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Program is one of those compared: a command that prints a line of JSON as its last.
type Program struct {
	Name    string
	Command []string
	Env     []string // beside the environment of the benchmark
}

// Outcome is what a program did.
type Outcome struct {
	Last   []byte        // its last line
	Peak   float64       // the largest resident memory that it or a child of it had, MB
	Wall   time.Duration // from start to end
	Killed bool          // by SIGKILL
}

// Run runs the program in dir with more arguments, and waits for it. A program
// that fails is an error with what it wrote to stderr.
func (p Program) Run(ctx context.Context, dir string, args ...string) (Outcome, error) {
	c := exec.CommandContext(ctx, p.Command[0], append(p.Command[1:len(p.Command):len(p.Command)], args...)...)
	c.Env, c.Dir = append(p.Environ(), p.Env...), dir
	var errs strings.Builder
	c.Stderr = &errs
	begin := time.Now()
	out, err := c.Output()
	o := Outcome{Wall: time.Since(begin)}
	if use, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		o.Peak = float64(use.Maxrss) / 1024 // KB on Linux
	}
	if err != nil {
		var exit *exec.ExitError
		o.Killed = errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		return o, fmt.Errorf("%s %s: %w\n%s", p.Name, strings.Join(args, " "), err, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	o.Last = []byte(lines[len(lines)-1])
	return o, nil
}

// Figures runs the program and reads its last line as a JSON object of numbers,
// and of its "version" if it says one. The peak of its memory is added as "peak".
func (p Program) Figures(ctx context.Context, dir string, args ...string) (Row, error) {
	o, err := p.Run(ctx, dir, args...)
	if err != nil {
		return Row{}, err
	}
	var line map[string]any
	if err := json.Unmarshal(o.Last, &line); err != nil {
		return Row{}, fmt.Errorf("%s: its last line %q: %w", p.Name, o.Last, err)
	}
	row := Row{Name: p.Name, Figures: map[string]float64{"peak": o.Peak}}
	for name, v := range line {
		switch v := v.(type) {
		case float64:
			row.Figures[name] = v
		case string:
			if name == "version" && v != "" {
				row.Name += " " + v
			}
		}
	}
	return row, nil
}

// Compare runs the programs one after another on a task, and returns what each did.
func Compare(ctx context.Context, task, dir string, programs []Program, args ...string) ([]Row, error) {
	var rows []Row
	for _, p := range programs {
		fmt.Fprintf(os.Stderr, "bench: %s: %s\n", task, p.Name)
		row, err := p.Figures(ctx, dir, args...)
		if err != nil {
			return nil, err
		}
		row.Task = task
		rows = append(rows, row)
	}
	return rows, nil
}

// Environ puts the programs of the peer's environment before others.
func (p Program) Environ() []string {
	return append(os.Environ(), "PATH="+filepath.Dir(p.Command[0])+string(os.PathListSeparator)+os.Getenv("PATH"))
}

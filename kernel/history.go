package kernel

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// Past is a cell that a session has executed. The session keeps them, one JSON
// object a line, in a file that programs are told of: a run can so record what
// was executed before it, in which order, and from which source.
type Past struct {
	Cell    int       `json:"cell"` // execution count
	ID      string    `json:"id,omitempty"`
	Source  string    `json:"source_sha256"`
	Status  string    `json:"status"` // ok, or a Failure
	Started time.Time `json:"started"`

	// Where the time went: gonb's parsing and goimports, go build, the program.
	// A cell that did not get so far has zeros.
	Compose time.Duration `json:"compose_ns"`
	Build   time.Duration `json:"build_ns"`
	Run     time.Duration `json:"run_ns"`
}

const (
	historyFile = "history.jsonl"

	// go.sh touches these as it starts and ends a build.
	buildStart = "build.start"
	buildEnd   = "build.end"
)

// note appends a cell that ended now to the history.
func (s *Session) note(code Code, started time.Time, status string) error {
	sum := sha256.Sum256([]byte(code.Source))
	past := Past{Cell: s.count, ID: code.CellID, Source: hex.EncodeToString(sum[:]), Status: status, Started: started}
	ended := time.Now()
	past.Run = ended.Sub(started)
	if from, ok := s.touched(buildStart, started); ok {
		past.Compose = from.Sub(started)
		past.Build, past.Run = ended.Sub(from), 0
		if to, ok := s.touched(buildEnd, from); ok {
			past.Build, past.Run = to.Sub(from), ended.Sub(to)
		}
	}
	line, err := json.Marshal(past)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(s.dir, historyFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}

// touched returns when a file was touched, if that was not before a time.
func (s *Session) touched(name string, since time.Time) (time.Time, bool) {
	info, err := os.Stat(filepath.Join(s.dir, name))
	if err != nil || info.ModTime().Before(since.Add(-clockStep)) {
		return time.Time{}, false
	}
	return info.ModTime(), true
}

// clockStep is how far the clock of a file system may be behind: it may tick
// with the scheduler.
const clockStep = 10 * time.Millisecond

// History returns the cells that the session has executed, in order.
func (s *Session) History() ([]Past, error) {
	f, err := os.Open(filepath.Join(s.dir, historyFile))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	defer f.Close()
	var all []Past
	for d := json.NewDecoder(f); ; {
		var past Past
		err := d.Decode(&past)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		all = append(all, past)
	}
}

// timeTable says where the time of the cells before went.
func (s *Session) timeTable() (string, error) {
	all, err := s.History()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "cell\tstatus\tcompose\tbuild\trun\t")
	for _, p := range all {
		fmt.Fprintf(w, "[%d]\t%s\t%.3f s\t%.3f s\t%.3f s\t\n", p.Cell, p.Status, p.Compose.Seconds(), p.Build.Seconds(), p.Run.Seconds())
	}
	w.Flush()
	return b.String(), nil
}

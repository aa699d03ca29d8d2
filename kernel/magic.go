package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
)

// magic starts a cell that asks assay itself for something.
const magic = "%assay"

const magicHelp = `%assay help                the commands of this kernel
%assay runs [ls FLAGS…]    the recorded runs; %assay runs show RUN tells all of one
%assay compare RUN RUN…    what differs between runs
%assay rerun RUN [FLAGS…]  run a run's program again, and say whether the result is the same
%assay time                where the time of the cells before went
%assay values              the values that cells carry to later ones
%assay COMMAND …           what "assay COMMAND …" does in a terminal: data, sql, doctor …

A cell is a Go program. Its imports, types, functions and package variables are
there in later cells; so are the values that its statements declare with := or var,
if they can be encoded. What takes long to make, package experiments/cache keeps.
GoNB's own commands are in the answer to %help.
`

// notInCells are commands that have no place in a cell, and why.
var notInCells = map[string]string{
	"kernel": "this is the kernel",
	"exec":   "run another notebook in a terminal",
	"ui":     "start the pages in a terminal: they serve until they are stopped",
}

// isMagic reports whether all lines of a cell ask assay for something.
func isMagic(source string) bool {
	asks := false
	for line := range strings.Lines(source) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word != "" && word != magic {
			return false
		}
		asks = asks || word == magic
	}
	return asks
}

// executeMagic answers the lines of a cell, until one fails.
func (s *Session) executeMagic(ctx context.Context, code Code, sink func(Output)) error {
	var mu sync.Mutex // stdout and stderr come at once
	tell := func(o Output) {
		mu.Lock()
		defer mu.Unlock()
		sink(o)
	}
	for line := range strings.Lines(code.Source) {
		words, err := splitWords(strings.TrimSpace(line))
		if err == nil && len(words) > 0 {
			err = s.answerMagic(ctx, words[1:], tell)
		}
		if err != nil {
			kind := CommandError
			if errors.Is(err, errInterrupted) {
				kind = Interrupted
			}
			failed := failure{cells: []executed{{count: s.count, id: code.CellID}}}.of(kind, err.Error())
			sink(failed.output())
			return failed
		}
	}
	return nil
}

func (s *Session) answerMagic(ctx context.Context, args []string, sink func(Output)) error {
	if len(args) == 0 {
		args = []string{"help"}
	}
	switch args[0] {
	case "help":
		sink(Stream("stdout", magicHelp))
		return nil
	case "time":
		table, err := s.timeTable()
		sink(Stream("stdout", table))
		return err
	case "values":
		sink(Stream("stdout", s.valuesTable()))
		return nil
	case "runs":
		if len(args) == 1 || strings.HasPrefix(args[1], "-") {
			args = slices.Insert(slices.Clone(args), 1, "ls")
		}
	}
	if why, ok := notInCells[args[0]]; ok {
		return fmt.Errorf("%s %s: %s", magic, args[0], why)
	}
	return s.runAssay(ctx, args, sink)
}

// runAssay runs a command of assay in a process of its own, as a terminal would.
func (s *Session) runAssay(ctx context.Context, args []string, sink func(Output)) error {
	program := s.workspace.Assay
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return err
		}
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = s.workspace.Dir
	cmd.Env = append(os.Environ(), s.workspace.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	last := lastLine("")
	cmd.Stdout = outputWriter(func(text string) { sink(Stream("stdout", text)) })
	cmd.Stderr = outputWriter(func(text string) {
		last.note(Stream("stderr", text))
		sink(Stream("stderr", text))
	})
	cmd.WaitDelay = grace // a child of its may hold the pipes open
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var kill <-chan time.Time
	interrupted := false
	stop := func() {
		interrupted = true
		syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		kill = time.After(grace)
	}
	done := ctx.Done()
	for {
		select {
		case <-done:
			done = nil
			stop()
		case <-s.interrupt:
			stop()
		case <-kill:
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		case err := <-ended:
			var exit *exec.ExitError
			switch {
			case interrupted:
				return errInterrupted
			case errors.As(err, &exit) && last != "":
				return errors.New(string(last))
			}
			return err
		}
	}
}

// outputWriter passes on what is written to it.
type outputWriter func(text string)

var _ io.Writer = outputWriter(nil)

func (w outputWriter) Write(p []byte) (int, error) {
	w(strings.ToValidUTF8(string(p), "\uFFFD"))
	return len(p), nil
}

// splitWords splits a line into words, as a shell does: blanks within quotes are
// a part of a word, and so is what follows a backslash.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	inWord, escaped := false, false
	quote := rune(0)
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && unicode.IsSpace(r):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("a quote or backslash in %s does not end", line)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Session executes cells: it owns a gonb process, which makes a Go program of
// each cell and the declarations of the cells before it, builds and runs it.
// The session keeps the order of output, tells the ways of failing apart, stops
// cells, and leaves no process and no folder behind.
type Session struct {
	workspace Workspace
	dir       string
	env       []string

	gonb   atomic.Pointer[gonb]
	closed atomic.Bool
	aside  func(kind string, content json.RawMessage) // told of what gonb says to widgets; or nil

	executing sync.Mutex // held while a cell runs
	cells     []executed
	count     int
	shown     map[string]bool
	imports   []string // blank imports, quoted
	interrupt chan struct{}

	values     map[string]carried // by name
	declared   []string           // names of the values that the cell keeps when it ends
	missing    map[string]string  // why there is no value of a name that a cell declares
	packages   []string           // names of the packages that cells import
	localTypes []string           // that the cell declares among its statements
	graphs     bool               // a cell imports GoMLX
}

// Code is what a session is asked to execute.
type Code struct {
	Source string
	CellID string
	// Silent code counts as no cell.
	Silent bool
	// Input answers a program that asks the user for a line; nil if nobody can.
	// Its context ends with the cell.
	Input func(ctx context.Context, prompt string, password bool) (string, error)
}

// Start starts gonb in the workspace. Close must be called.
func Start(ctx context.Context, w Workspace) (*Session, error) { return start(ctx, w, nil) }

func start(ctx context.Context, w Workspace, aside func(kind string, content json.RawMessage)) (*Session, error) {
	dir, err := os.MkdirTemp("", "assay-kernel-")
	if err != nil {
		return nil, fmt.Errorf("workspace: %w", err)
	}
	s := &Session{workspace: w, dir: dir, shown: map[string]bool{}, values: map[string]carried{}, missing: map[string]string{}, interrupt: make(chan struct{}, 1), aside: aside}
	if s.env, err = w.prepare(ctx, dir); err == nil {
		err = s.startGonb(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// Close stops what the session started and removes its folder. A cell that is
// running is interrupted, so that one that records a run can end it.
func (s *Session) Close() error {
	s.closed.Store(true)
	s.Interrupt()
	late := time.AfterFunc(longGrace, func() { s.gonb.Load().stop() })
	defer late.Stop()
	s.executing.Lock()
	defer s.executing.Unlock()
	s.gonb.Load().stop()
	return os.RemoveAll(s.dir)
}

// Count returns the execution count of the last cell.
func (s *Session) Count() int { return s.count }

// Interrupt stops the cell that is running, if one is. Its program has a moment
// to end by itself.
func (s *Session) Interrupt() {
	select {
	case s.interrupt <- struct{}{}:
	default:
	}
}

// Execute runs code and calls sink with its output, from one goroutine at a
// time, until it returns. A cell that fails is a *CellError; its output includes
// the error. When ctx ends, the cell is interrupted.
func (s *Session) Execute(ctx context.Context, code Code, sink func(Output)) error {
	s.executing.Lock()
	defer s.executing.Unlock()
	select {
	case <-s.interrupt: // of a cell that had ended already
	default:
	}
	if !code.Silent {
		s.count++
	}
	if isMagic(code.Source) {
		return s.executeMagic(ctx, code, sink)
	}
	started := time.Now()
	failed, err := s.execute(ctx, code, sink)
	if err != nil {
		return fmt.Errorf("cell [%d]: %w", s.count, err)
	}
	status := "ok"
	if failed != nil {
		status = string(failed.Failure)
		sink(failed.output())
	}
	if !code.Silent {
		if err := s.note(code, started, status); err != nil {
			sink(Stream("stderr", err.Error()+"\n")) // the cell did what it did
		}
	}
	if failed != nil {
		return failed
	}
	return nil
}

// execute runs code and tells how it failed, if it did. An error is of the
// session itself.
func (s *Session) execute(ctx context.Context, code Code, sink func(Output)) (*CellError, error) {
	cell := executed{count: s.count, id: code.CellID, lines: strings.Split(code.Source, "\n")}
	if code.Silent {
		cell.count = 0 // that of no cell
	}
	s.cells = append(s.cells, cell)
	if err := s.reviveGonb(ctx, sink); err != nil {
		return nil, err
	}
	imports := s.imports
	source, err := s.prepareCell(code)
	if err != nil {
		return nil, err
	}
	var lastLine lastLine
	stack := ""
	out, err := openOutlet(s.dir, s.shown, func(o Output) {
		lastLine.note(o)
		switch o.Type {
		case "execute_result":
			o.ExecutionCount = s.count
		case stackOutput:
			stack = o.Text
			return
		}
		sink(o)
	})
	if err != nil {
		return nil, err
	}
	oomBefore := oomKills()
	reply, err := s.run(ctx, source, code, out)
	f := failure{cells: s.cells, value: reply.EValue, dying: out.close(), stderr: string(lastLine), stack: stack, undefined: s.undefined}
	if f.dying != "" && !f.crashed() { // it was not dying after all
		dying := Stream("stderr", f.dying)
		lastLine.note(dying)
		f.stderr = string(lastLine)
		sink(dying)
	}
	taken := s.takeValues()
	switch {
	case errors.Is(err, errInterrupted):
		return f.of(Interrupted, "the cell was stopped"), taken
	case errors.Is(err, errGonbDied):
		return f.of(KernelDied, "gonb ended while the cell ran; it is started again for the next cell, without the declarations of the cells before"), nil
	case err != nil:
		return nil, err
	case reply.Status == "ok" && reply.unknown != "":
		return f.unknownCommand(reply.unknown), taken
	case reply.Status == "ok" && reply.shell != "":
		return f.shell(reply.shell), taken
	case reply.Status == "ok":
		return nil, taken
	}
	f.program = strings.Split(string(s.program()), "\n")
	f.oom = oomKills() > oomBefore
	failed := f.error()
	if failed.Failure == CompileError {
		s.imports = imports
	}
	return failed, taken
}

// lastLine is the last line that is not blank of what was written on stderr.
type lastLine string

func (l *lastLine) note(o Output) {
	if o.Type != "stream" || o.Name != "stderr" {
		return
	}
	if t := strings.TrimRight(o.Text, "\n \t"); t != "" {
		*l = lastLine(t[strings.LastIndexByte(t, '\n')+1:])
	}
}

// reviveGonb starts gonb again if it has ended.
func (s *Session) reviveGonb(ctx context.Context, sink func(Output)) error {
	select {
	case <-s.gonb.Load().group.gone:
	default:
		return nil
	}
	if s.closed.Load() {
		return errors.New("the session is closed")
	}
	s.gonb.Load().stop()
	os.RemoveAll(filepath.Join(s.dir, "tmp"))
	if err := os.Mkdir(filepath.Join(s.dir, "tmp"), 0o700); err != nil {
		return fmt.Errorf("workspace: %w", err)
	}
	if err := s.startGonb(ctx); err != nil {
		return err
	}
	s.cells = s.cells[len(s.cells)-1:]
	sink(Stream("stderr", "gonb was started again: run the cells above once more if this one needs what they declare.\n"))
	return nil
}

// program returns the Go program that gonb made last.
func (s *Session) program() []byte {
	for _, name := range []string{"main.go", "main_test.go"} {
		if data, err := os.ReadFile(filepath.Join(s.gonb.Load().dir(), name)); err == nil {
			return data
		}
	}
	return nil
}

// prepareCell writes what the cell's program is told and returns its source as
// gonb is given it.
func (s *Session) prepareCell(code Code) (string, error) {
	sourceFile := filepath.Join(s.dir, "cell.go")
	var env strings.Builder
	for _, pair := range [][2]string{
		{"ASSAY_CELL_ID", code.CellID},
		{"ASSAY_CELL", strconv.Itoa(s.count)},
		{"ASSAY_CELL_SOURCE", sourceFile},
		{"ASSAY_HISTORY", filepath.Join(s.dir, historyFile)},
		{"ASSAY_DISPLAY", "stdout"},
		{"ASSAY_CARRY", filepath.Join(s.dir, valuesFolder)},
	} {
		fmt.Fprintf(&env, "export %s='%s'\n", pair[0], strings.ReplaceAll(pair[1], "'", `'\''`))
	}
	if captures.MatchString(code.Source) {
		env.WriteString("ASSAY_CAPTURE=1; unset ASSAY_DISPLAY\n")
	}
	if code.Input != nil && inputs.MatchString(code.Source) {
		env.WriteString("ASSAY_INPUT=1\n")
	}
	env.WriteString("export ASSAY_PROGRAM=\"$GONB_TMP_DIR/main.go\"\n")
	if resets.MatchString(code.Source) {
		s.imports, s.packages, s.graphs = nil, nil, false // as gonb forgets its declarations
		clear(s.values)
		clear(s.missing)
	}
	source := code.Source
	s.declared = nil
	var err error
	if !otherLanguage.MatchString(source) {
		var blank []string
		source, blank = takeBlankImports(source)
		s.imports = append(slices.Clip(s.imports), blank...)
		source, err = s.gonbSource(source)
	}
	return source, errors.Join(
		err,
		s.writeImports(),
		os.WriteFile(filepath.Join(s.dir, "cell.env"), []byte(env.String()), 0o600),
		os.WriteFile(sourceFile, []byte(code.Source), 0o600),
	)
}

// resets matches a cell that makes gonb forget what cells have declared.
var resets = regexp.MustCompile(`(?m)^(//gonb:)?%reset\b`)

// captures matches a cell whose output goes into a file by gonb's hand.
var captures = regexp.MustCompile(`(?m)^(//gonb:)?%capture\b`)

// inputs matches a cell whose program asks the user. That of another finds its
// input at an end: nobody could enter anything.
var inputs = regexp.MustCompile(`(?m)^(//gonb:)?%with_(inputs|password)\b`)

// importsFile is the file beside gonb's main.go that has the blank imports.
const importsFile = "blank_imports.go"

// writeImports writes the blank imports.
func (s *Session) writeImports() error {
	dir := s.gonb.Load().dir()
	file := filepath.Join(dir, importsFile)
	if dir == "" {
		return nil // gonb has ended, which its next reply would say
	}
	if len(s.imports) == 0 {
		return os.RemoveAll(file)
	}
	paths := slices.Compact(slices.Sorted(slices.Values(s.imports)))
	return os.WriteFile(file, []byte("package main\n\nimport _ "+strings.Join(paths, "\nimport _ ")+"\n"), 0o600)
}

var (
	errInterrupted = errors.New("interrupted")
	errGonbDied    = errors.New("gonb ended")
)

// executeReply is the content of an execute_reply.
type executeReply struct {
	Status string `json:"status"`
	EValue string `json:"evalue"`

	// What gonb does not reply: how a command of the shell failed, and which of
	// its own it does not know.
	shell, unknown string
}

// How long a program that is interrupted has before it is killed; how long if it
// says that it is ending, as one does that records a run; and how long gonb has to
// answer after that.
const (
	grace     = 500 * time.Millisecond
	longGrace = 3 * time.Second
	answers   = 3 * time.Second
)

// endOfProgram is what gonb writes on stderr when a program failed, beside
// replying so.
var endOfProgram = regexp.MustCompile(`^(\^C\n)?(exit status \d+|signal: .*)\n$`)

// unknownCommand is what gonb writes on stderr when it does not know a command.
var unknownCommand = regexp.MustCompile(`^"(%.*)" unknown or not implemented yet\.$`)

// run has gonb execute source and passes output on until gonb is idle again.
func (s *Session) run(ctx context.Context, source string, code Code, out *outlet) (executeReply, error) {
	var reply executeReply
	g := s.gonb.Load()
	request, err := g.request("execute_request", map[string]any{
		"code":             source,
		"silent":           code.Silent,
		"store_history":    !code.Silent,
		"user_expressions": struct{}{},
		"allow_stdin":      code.Input != nil,
		"stop_on_error":    true,
	})
	if err != nil {
		return reply, err
	}
	running, ended := context.WithCancel(ctx)
	defer ended()
	var (
		replied, idle bool
		interrupted   time.Time
		kill, giveUp  <-chan time.Time
		farewell      string // what gonb said of a program's end, until it replies
		shell         string // the same of a command of the shell
		unknown       string
		done          = ctx.Done()
	)
	stop := func() {
		if !interrupted.IsZero() {
			return // it has not longer because it is asked twice
		}
		interrupted = time.Now()
		g.group.interruptMembers()
		kill = time.After(grace)
		giveUp = time.After(longGrace + answers)
	}
	for !replied || !idle {
		select {
		case <-done:
			done = nil
			stop()
		case <-s.interrupt:
			stop()
		case <-kill:
			if !out.ending.Load() || time.Since(interrupted) > longGrace {
				g.group.killMembers()
			}
			kill = time.After(50 * time.Millisecond) // gonb may be about to start another
		case <-giveUp:
			g.stop()
		case <-g.group.gone:
			if !interrupted.IsZero() {
				return reply, errInterrupted
			}
			return reply, errGonbDied
		case m := <-g.messages:
			if m.parentID() != request {
				break
			}
			switch m.header.Type {
			case "execute_reply":
				replied = true
				if err := json.Unmarshal(m.content, &reply); err != nil {
					return reply, fmt.Errorf("gonb's reply: %w", err)
				}
				if farewell != "" && reply.Status == "ok" {
					shell = farewell
				}
				reply.shell, reply.unknown = strings.TrimSpace(shell), unknown
			case "status":
				var status struct {
					State string `json:"execution_state"`
				}
				idle = json.Unmarshal(m.content, &status) == nil && status.State == "idle"
			case "stream", "display_data", "update_display_data", "execute_result", "clear_output":
				o, err := outputOf(m.header.Type, m.content)
				if err != nil {
					break
				}
				if farewell != "" {
					shell, farewell = farewell, "" // the cell went on
				}
				if o.Type == "stream" && o.Name == "stderr" {
					if endOfProgram.MatchString(o.Text) {
						farewell = o.Text
						break
					}
					if m := unknownCommand.FindStringSubmatch(o.Text); m != nil {
						unknown = m[1]
						break
					}
				}
				out.put(o)
			case "input_request":
				go g.answerInput(running, m, code)
			}
		}
	}
	if !interrupted.IsZero() { // also if its program ended well: it did not do all it should
		g.group.killMembers() // what it started may not heed an interrupt
		return reply, errInterrupted
	}
	return reply, nil
}

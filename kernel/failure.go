package kernel

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Failure is the way in which a cell failed.
type Failure string

const (
	CompileError Failure = "CompileError" // it does not compile
	Panic        Failure = "Panic"        // its program panicked, or the Go runtime ended it
	ExitError    Failure = "ExitError"    // its program exited with a status other than 0
	Killed       Failure = "Killed"       // a signal ended its program
	OutOfMemory  Failure = "OutOfMemory"  // its program wanted more memory than there is
	Interrupted  Failure = "Interrupted"  // the user, or the end of the context, stopped it
	CommandError Failure = "CommandError" // one of its % commands failed
	KernelDied   Failure = "KernelDied"   // gonb itself ended
)

// CellError is the error of a cell that failed.
type CellError struct {
	Failure Failure
	Message string
	Cell    int    // its execution count, as [3] beside the cell
	CellID  string // if it is known
	// At is where it failed: mostly a line of the cell itself, but the cell may
	// have called what an earlier one declares. Line is 0 if it is not known.
	At        Place
	Traceback []string
}

// Place is a line, from 1, of the cell with an execution count, 0 if it is not counted.
type Place struct{ Cell, Line int }

func (p Place) String() string {
	if p.Cell == 0 {
		return fmt.Sprintf("line %d", p.Line)
	}
	return fmt.Sprintf("cell [%d], line %d", p.Cell, p.Line)
}

// Error names the cell and the line.
func (e *CellError) Error() string {
	cell := "the cell"
	if e.Cell > 0 { // else it is not counted
		cell = fmt.Sprintf("cell [%d]", e.Cell)
	}
	if e.CellID != "" {
		cell += " (id " + e.CellID + ")"
	}
	switch {
	case e.At.Line > 0 && e.At.Cell == e.Cell:
		cell += fmt.Sprintf(", line %d", e.At.Line)
	case e.At.Line > 0:
		cell += ", at " + e.At.String()
	}
	return fmt.Sprintf("%s: %s: %s", cell, e.Failure, e.Message)
}

// output returns what a notebook shows of the error.
func (e *CellError) output() Output {
	return Output{Type: "error", EName: string(e.Failure), EValue: e.Message, Traceback: e.Traceback}
}

// executed is a cell as it was sent to gonb.
type executed struct {
	count int
	id    string
	lines []string
}

// failure tells what made a cell fail from what gonb replied, what the program
// wrote on stderr as it ended, and the Go program that gonb had made.
type failure struct {
	cells   []executed // the last is the one that failed
	program []string   // the lines of gonb's main.go
	value   string     // gonb's account
	dying   string     // the runtime's last words
	stderr  string     // the last line the program wrote on stderr before
	stack   string     // an error that ended it, with the stack where it was made, of a program that says so
	oom     bool       // the kernel killed a process for want of memory meanwhile

	undefined func(name string) string // says more of a name that is not defined, or ""
}

var (
	exitStatus  = regexp.MustCompile(`^exit status \d+$`)
	endSignal   = regexp.MustCompile(`^signal: (.+?)( \(core dumped\))?$`)
	programLine = regexp.MustCompile(`(?:\S*/)?main(?:_test)?\.go:(\d+)(?::(\d+))?`)
	cellLine    = regexp.MustCompile(`/gonb_\w+/main(?:_test)?\.go:(\d+)`) // in a stack
	sourceLine  = regexp.MustCompile(`(?m)^(\S+\.go):\d+(:\d+)?: `)        // of another package
	outOfMemory = regexp.MustCompile(`out of memory|cannot allocate memory`)
)

// of returns the error of the cell, without a place in it.
func (f failure) of(kind Failure, message string) *CellError {
	cell := f.cells[len(f.cells)-1]
	e := &CellError{Failure: kind, Message: message, Cell: cell.count, CellID: cell.id}
	e.Traceback = f.head(e)
	return e
}

// error returns the error of the cell that gonb says has failed.
func (f failure) error() *CellError {
	value := strings.TrimSpace(f.value)
	switch {
	case value == "signal: killed" && f.oom:
		return f.of(OutOfMemory, "the system killed the program: it used more memory than there is")
	case endSignal.MatchString(value):
		return f.of(Killed, value)
	case f.crashed():
		return f.crash()
	case exitStatus.MatchString(value) && f.stderr != "":
		return f.of(ExitError, value+": "+f.stderr)
	case exitStatus.MatchString(value):
		return f.of(ExitError, value)
	case programLine.MatchString(value) || strings.Contains(value, importsFile) || sourceLine.MatchString(value):
		return f.compile(value)
	}
	return f.of(CommandError, value)
}

// crashed reports whether the Go runtime ended the program.
func (f failure) crashed() bool {
	return f.dying != "" && strings.TrimSpace(f.value) == "exit status 2"
}

// unknownCommand returns the error of a cell with a % command that gonb does not
// know.
func (f failure) unknownCommand(name string) *CellError {
	cell := f.cells[len(f.cells)-1]
	message := "there is no command " + name + ": %help and %assay help list those that there are"
	if name == magic {
		message = magic + " commands stand in a cell of their own"
	}
	e := f.of(CommandError, message)
	i := slices.IndexFunc(cell.lines, func(l string) bool {
		word, _, _ := strings.Cut(strings.TrimPrefix(l, "//gonb:"), " ")
		return word == name
	})
	if i >= 0 {
		e.At = Place{cell.count, i + 1}
		e.Traceback = f.head(e)
	}
	return e
}

// shell returns the error of a cell of which a command of the shell ended so. If
// there are several it is not known which.
func (f failure) shell(end string) *CellError {
	cell := f.cells[len(f.cells)-1]
	commands := 0
	line := 0
	for i, l := range cell.lines {
		if shellLine.MatchString(l) {
			commands++
			line = i + 1
		}
	}
	e := f.of(CommandError, "a command of the shell failed: "+end)
	if commands == 1 {
		e.Message = strings.TrimSpace(strings.TrimPrefix(cell.lines[line-1], "//gonb:")) + ": " + end
		e.At = Place{cell.count, line}
		e.Traceback = f.head(e)
	}
	return e
}

// maxFrames is how many calls a traceback lists: endless recursion makes a hundred.
const maxFrames = 20

// crash reads the runtime's last words: a message, then the stacks, the first
// of which is of the goroutine that failed.
func (f failure) crash() *CellError {
	_, stacks, _ := strings.Cut(f.dying, "\n\ngoroutine ")
	message, _, _ := strings.Cut(f.dying, "\n\n")
	message, _, _ = strings.Cut(message, "\n[signal ")
	if i := strings.LastIndex(message, "fatal error: "); i > 0 {
		message = message[i:] // before it come the runtime's details
	}
	if strings.HasPrefix(message, "SIG") { // C or C++ gave up: what it wrote last says why
		message, _, _ = strings.Cut(message, "\n")
		if f.stderr != "" {
			message += ": " + f.stderr
		}
	}
	message = strings.TrimPrefix(strings.TrimSpace(message), "panic: ")
	if i := strings.Index(message, " [recovered"); i > 0 { // [recovered, repanicked], by experiments.Track
		message = message[:i]
	}
	e := f.of(Panic, message)
	if outOfMemory.MatchString(f.dying[:min(len(f.dying), 1000)]) {
		e.Failure = OutOfMemory
	}
	stack, _, _ := strings.Cut(stacks, "\n\n")
	onlyCells := cellLine.MatchString(f.stack)
	if onlyCells { // it was made elsewhere than where it ended the program
		stack = f.stack
		e.Message, _, _ = strings.Cut(f.stack, "\n")
	}
	lines := strings.Split(stack, "\n")
	var frames []string
	for i := 1; i < len(lines) && len(frames) < 2*maxFrames; i++ {
		call := lines[i-1]
		at, isPlace := strings.CutPrefix(lines[i], "\t")
		if !isPlace || strings.HasPrefix(call, "panic(") || strings.HasPrefix(call, "runtime.") || strings.HasPrefix(call, carryPath+".Stack(") {
			continue
		}
		if onlyCells && !cellLine.MatchString(at) {
			continue
		}
		if i := strings.LastIndex(at, " +0x"); i > 0 {
			at = at[:i]
		}
		if m := cellLine.FindStringSubmatch(at); m != nil {
			if place, ok := f.locate(m[1]); ok {
				at = place.String()
				if e.At.Line == 0 {
					e.At = place
				}
			} else {
				at = "the program made from the cell"
			}
		}
		frames = append(frames, "  "+call, "      "+at)
	}
	e.Traceback = append(f.head(e), frames...)
	return e
}

// compile reads the messages of the compiler, goimports or the parser.
func (f failure) compile(value string) *CellError {
	e := f.of(CompileError, "")
	cell := f.cells[len(f.cells)-1]
	var messages []string
	explained := map[string]bool{}
	for line := range strings.Lines(value) {
		line = strings.TrimRight(line, "\n")
		at := programLine.FindStringSubmatchIndex(line)
		switch {
		case at != nil:
			text := strings.TrimPrefix(line[at[1]:], ": ")
			if name, ok := strings.CutPrefix(text, "undefined: "); ok {
				if more := f.undefined(name); more != "" && !explained[name] {
					text += " (" + more + ")"
					explained[name] = true
				}
			}
			place, ok := f.locate(line[at[2]:at[3]])
			if !ok {
				messages = append(messages, text)
				break
			}
			if e.At.Line == 0 {
				e.At, e.Message = place, text
			}
			messages = append(messages, place.String()+": "+text)
		case strings.HasPrefix(line, importsFile):
			text := line[strings.Index(line, ": ")+2:]
			i := slices.IndexFunc(cell.lines, func(l string) bool {
				m := blankImport.FindStringSubmatch(l)
				return m != nil && strings.Contains(text, strings.Trim(m[1], `"`))
			})
			if i >= 0 && e.At.Line == 0 {
				e.At, e.Message = Place{cell.count, i + 1}, text
				text = e.At.String() + ": " + text
			}
			messages = append(messages, text)
		case sourceLine.MatchString(line), strings.HasPrefix(line, "\t"): // the latter goes on from the line before
			messages = append(messages, line)
		}
	}
	if e.Message == "" && len(messages) > 0 {
		e.Message = messages[0]
	}
	e.Traceback = append(f.head(e), messages...)
	return e
}

// Escape sequences that every front end shows.
const (
	red   = "\x1b[0;31m"
	green = "\x1b[0;32m"
	plain = "\x1b[0m"
)

// head returns the first lines of a traceback: what happened, where, and the
// lines of the cell around it.
func (f failure) head(e *CellError) []string {
	lines := []string{red + string(e.Failure) + plain + ": " + e.Message}
	i := slices.IndexFunc(f.cells, func(c executed) bool { return c.count == e.At.Cell })
	if e.At.Line == 0 || i < 0 {
		return append(lines, fmt.Sprintf("%scell [%d]%s", green, e.Cell, plain))
	}
	lines = append(lines, green+e.At.String()+plain)
	source := f.cells[i].lines
	for n := max(1, e.At.Line-2); n <= min(len(source), e.At.Line+2); n++ {
		if n == e.At.Line {
			lines = append(lines, fmt.Sprintf("%s--> %3d | %s%s", red, n, source[n-1], plain))
		} else {
			lines = append(lines, fmt.Sprintf("    %3d | %s", n, source[n-1]))
		}
	}
	return append(lines, "")
}

// locate finds the line of a cell from which a line of the program comes. gonb
// copies declarations and statements whole, so it is the line that reads the
// same, and among several the one whose neighbours read the same too.
func (f failure) locate(number string) (place Place, ok bool) {
	n, _ := strconv.Atoi(number)
	if n < 1 || n > len(f.program) {
		return Place{}, false
	}
	best := 0
	for _, c := range slices.Backward(f.cells) {
		for i := range c.lines {
			if score := alike(f.program, n-1, c.lines, i); score > best {
				best, place = score, Place{c.count, i + 1}
			}
		}
	}
	return place, best > 0
}

// alike returns how many lines around a[i] and b[j] read the same, at most 40
// either way, and 0 if a[i] and b[j] do not.
func alike(a []string, i int, b []string, j int) (count int) {
	for k := 0; k < 40 && i+k < len(a) && j+k < len(b) && canonical(a[i+k]) == canonical(b[j+k]); k++ {
		count++
	}
	if count == 0 {
		return 0
	}
	for k := 1; k < 40 && i-k >= 0 && j-k >= 0 && canonical(a[i-k]) == canonical(b[j-k]); k++ {
		count++
	}
	return count
}

// canonical returns a line as it is compared: gonb moves single declarations
// into groups, which changes their blanks and their keyword; and the last
// expression is made to be shown.
func canonical(line string) string {
	words := strings.Fields(strings.NewReplacer(valueOpen, "", valueClose, "").Replace(line))
	if len(words) > 1 && slices.Contains([]string{"var", "const", "type", "import"}, words[0]) && words[1] != "(" {
		words = words[1:]
	}
	return strings.Join(words, " ")
}

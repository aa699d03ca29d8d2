package kernel

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// A program's output comes over three pipes: what it prints, on stdout and
// stderr; and rich output in the protocol of gonbui, on display. A program that
// wants the two in the order in which it made them, prints rich output too, as
// a frame on stdout:
//
//	ESC _ assay; JSON ESC \
//
// where JSON is the content of a Jupyter display_data message, with "update":
// true to replace what was shown under its transient display_id. In the place of
// JSON may be the word clear, which removes the cell's output when the next comes;
// ending, which says that the program has heard an interrupt and needs a moment to
// leave things in order; value: and the text of the value of the cell; or stack: and
// an error that ends the program, with the stack where it was made. Programs
// know that frames are understood by ASSAY_DISPLAY=stdout in their environment.
const (
	frameStart = "\x1b_assay;"
	frameEnd   = "\x1b\\"

	clearFrame  = "clear"
	endingFrame = "ending"
	valueFrame  = "value:"
	stackFrame  = "stack:"

	stackOutput = "stack" // the type of an Output that has it, which is for the session
)

// maxValue is how much is shown of the text of a cell's value.
const maxValue = 20 << 10

// outlet reads what one cell's program puts out, and passes it on in order.
type outlet struct {
	dir   string
	sink  func(Output)    // called from one goroutine at a time
	shown map[string]bool // ids of rich output that gonbui has shown in this session

	ending atomic.Bool // the program has said so

	mu      sync.Mutex // guards sink
	streams []*stream
	display *os.File
	writers []*os.File // keep the pipes from ending before the program has opened them
	wg      sync.WaitGroup
}

// openOutlet opens the pipes in dir for a cell that is about to run.
func openOutlet(dir string, shown map[string]bool, sink func(Output)) (*outlet, error) {
	o := &outlet{dir: dir, sink: sink, shown: shown}
	open := func(name string) (*os.File, error) {
		path := filepath.Join(dir, name)
		r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return nil, err
		}
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			r.Close()
			return nil, err
		}
		o.writers = append(o.writers, w)
		return r, nil
	}
	var err error
	for _, name := range []string{"stdout", "stderr"} {
		var f *os.File
		if f, err = open(name); err != nil {
			break
		}
		o.streams = append(o.streams, &stream{name: name, file: f, put: o.put, ending: &o.ending})
	}
	if err == nil {
		o.display, err = open("display")
	}
	if err != nil {
		o.close()
		return nil, fmt.Errorf("pipe: %w", err)
	}
	for _, s := range o.streams {
		o.wg.Go(s.read)
	}
	o.wg.Go(o.readDisplay)
	return o, nil
}

func (o *outlet) put(out Output) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sink(out)
}

// lastOutputs is how long output may still come after a program has ended:
// nothing is under way then, but a child of its own may hold the pipes open.
const lastOutputs = 300 * time.Millisecond

// close passes on what is left in the pipes and returns what the program wrote
// on stderr that may tell of its end.
func (o *outlet) close() (dying string) {
	for _, w := range o.writers {
		w.Close()
	}
	deadline := time.Now().Add(lastOutputs)
	for _, s := range o.streams {
		s.file.SetReadDeadline(deadline)
	}
	if o.display != nil {
		o.display.SetReadDeadline(deadline)
	}
	o.wg.Wait()
	for _, s := range o.streams {
		s.flush()
		s.file.Close()
		dying += s.held.String()
	}
	if o.display != nil {
		o.display.Close()
	}
	return dying
}

// readDisplay passes on rich output that comes in gonbui's protocol, and
// forwards the rest of that protocol, widgets and input, to gonb.
func (o *outlet) readDisplay() {
	defer func() { recover() }() // gob's decoder panics on some malformed input
	decoder := gob.NewDecoder(o.display)
	var toGonb *gob.Encoder
	for {
		var d protocol.DisplayData
		if err := decoder.Decode(&d); err != nil {
			return
		}
		if isRequest(d) {
			if toGonb == nil {
				name, err := os.ReadFile(filepath.Join(o.dir, "gonb_pipe"))
				if err != nil {
					continue
				}
				pipe, err := os.OpenFile(string(name), os.O_WRONLY, 0)
				if err != nil {
					continue
				}
				defer pipe.Close()
				toGonb = gob.NewEncoder(pipe)
			}
			toGonb.Encode(&d)
			continue
		}
		for _, s := range o.streams {
			s.drain() // what was printed before comes before
		}
		out := Output{Type: "display_data", Data: Object{}, Metadata: Object{}, DisplayID: d.DisplayID}
		if o.shown[d.DisplayID] {
			out.Type = "update_display_data"
		} else if d.DisplayID != "" {
			o.shown[d.DisplayID] = true
		}
		for mime, value := range d.Data {
			out.Data[string(mime)], _ = encodeJSON(value)
		}
		for key, value := range d.Metadata {
			out.Metadata[key], _ = encodeJSON(value)
		}
		o.put(withPlainText(out))
	}
}

// isRequest reports whether d asks gonb for something, rather than showing it.
func isRequest(d protocol.DisplayData) bool {
	for _, kind := range []protocol.MIMEType{protocol.MIMEJupyterInput, protocol.MIMECommValue, protocol.MIMECommSubscribe} {
		if _, ok := d.Data[kind]; ok {
			return true
		}
	}
	return false
}

// withPlainText gives rich output that has no text a short one, for front ends
// that show nothing else.
func withPlainText(o Output) Output {
	if _, ok := o.Data["text/plain"]; ok {
		return o
	}
	for _, mime := range []string{"text/markdown", "text/html", "image/svg+xml", "image/png", "image/jpeg"} {
		if raw, ok := o.Data[mime]; ok {
			if mime == "text/markdown" {
				o.Data["text/plain"] = raw
			} else {
				o.Data["text/plain"], _ = encodeJSON("<" + mime + ">")
			}
			break
		}
	}
	return o
}

// stream passes on what comes over stdout or stderr.
type stream struct {
	name string
	file *os.File
	put  func(Output)

	ending *atomic.Bool

	mu   sync.Mutex
	tail []byte          // the start of a character or frame whose end has not come
	held strings.Builder // stderr that may be the runtime's last words
}

// read passes on what comes until the pipe ends.
func (s *stream) read() {
	conn, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	var last time.Time
	burst := 0
	conn.Read(func(fd uintptr) bool {
		if burst++; time.Since(last) > time.Millisecond {
			burst = 0
		}
		if burst > 50 { // a loop that prints: let more of it come at a time
			time.Sleep(5 * time.Millisecond)
		}
		last = time.Now()
		return s.pump(int(fd))
	})
}

// drain passes on what is in the pipe now.
func (s *stream) drain() {
	if conn, err := s.file.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { s.pump(int(fd)) })
	}
}

// pump passes on what is in the pipe and reports whether it has ended.
func (s *stream) pump(fd int) (ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	buf := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(fd, buf)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return false
		case err != nil || n == 0:
			return true
		}
		s.tail = append(s.tail, buf[:n]...)
		s.tail = s.passOn(s.tail)
	}
}

// passOn passes on the text and frames in b and returns what is not complete.
func (s *stream) passOn(b []byte) []byte {
	for {
		start := bytes.Index(b, []byte(frameStart))
		if start < 0 {
			whole := len(b) - incomplete(b)
			s.text(b[:whole])
			return b[whole:]
		}
		s.text(b[:start])
		end := bytes.Index(b[start:], []byte(frameEnd))
		if end < 0 {
			return b[start:]
		}
		s.frame(b[start+len(frameStart) : start+end])
		b = b[start+end+len(frameEnd):]
	}
}

// incomplete returns how many bytes at the end of b may be the start of a
// character or of a frame.
func incomplete(b []byte) int {
	for n := min(len(b), len(frameStart)-1); n > 0; n-- {
		if strings.HasPrefix(frameStart, string(b[len(b)-n:])) {
			return n
		}
	}
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			break
		}
	}
	return 0
}

func (s *stream) frame(data []byte) {
	switch string(data) {
	case clearFrame:
		s.put(Output{Type: "clear_output", Wait: true})
		return
	case endingFrame:
		s.ending.Store(true)
		return
	}
	if value, ok := bytes.CutPrefix(data, []byte(valueFrame)); ok {
		rest := ""
		if more := len(value) - maxValue; more > 0 {
			value, rest = value[:maxValue], fmt.Sprintf("… and %d more bytes: print the value to see all", more)
		}
		text, _ := encodeJSON(strings.ToValidUTF8(string(value), "\uFFFD") + rest) // strings always encode
		s.put(Output{Type: "execute_result", Data: Object{"text/plain": text}})
		return
	}
	if stack, ok := bytes.CutPrefix(data, []byte(stackFrame)); ok {
		s.put(Output{Type: stackOutput, Text: string(stack)})
		return
	}
	var update struct {
		Update bool `json:"update"`
	}
	o, err := outputOf("display_data", data)
	if err != nil || json.Unmarshal(data, &update) != nil {
		s.text(data) // better shown than lost
		return
	}
	if update.Update {
		o.Type = "update_display_data"
	}
	s.put(withPlainText(o))
}

// maxHeld is the most of stderr that is kept back. The traces of a program with
// thousands of goroutines are longer, and then they are shown as they are.
const maxHeld = 256 << 10

func (s *stream) text(b []byte) {
	if len(b) == 0 {
		return
	}
	t := strings.ToValidUTF8(string(b), "\uFFFD")
	if s.name == "stderr" {
		if s.held.Len() > 0 {
			s.held.WriteString(t)
			if s.held.Len() > maxHeld {
				s.put(Stream(s.name, s.held.String()))
				s.held.Reset()
			}
			return
		}
		if i := lastWords(t); i >= 0 {
			s.held.WriteString(t[i:])
			t = t[:i]
		}
	}
	if t != "" {
		s.put(Stream(s.name, t))
	}
}

// lastWords returns where in t a line starts as the Go runtime starts what it
// writes when a program crashes, or -1.
func lastWords(t string) int {
	for _, start := range []string{"panic: ", "fatal error: ", "runtime: ", "SIGABRT: ", "SIGSEGV: ", "SIGBUS: ", "SIGILL: ", "SIGFPE: "} {
		if strings.HasPrefix(t, start) {
			return 0
		}
		if i := strings.Index(t, "\n"+start); i >= 0 {
			return i + 1
		}
	}
	return -1
}

// flush passes on what was not complete when the pipe ended.
func (s *stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text(s.tail)
	s.tail = nil
}

package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

// gonb is a gonb process and the sockets to it.
type gonb struct {
	tmp      string // its folder for temporary files
	group    *group
	shell    *socket
	stdin    *socket
	messages chan *message // from all sockets
	aside    func(kind string, content json.RawMessage)
	session  string
	cancel   context.CancelFunc
	once     sync.Once
}

// startTime is how long gonb may take to start; on a loaded machine it is
// seconds.
const startTime = time.Minute

// startGonb starts gonb in the session's folder.
func (s *Session) startGonb(ctx context.Context) error {
	key := newMessageID()
	conn := connection{Transport: "ipc", IP: filepath.Join(s.dir, "tmp", "s"), Key: key, Scheme: "hmac-sha256",
		ShellPort: 1, IOPubPort: 2, StdinPort: 3, ControlPort: 4, HBPort: 5}
	data, err := json.Marshal(conn)
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "kernel-"+s.workspace.kernelID+".json") // gonb reads its id off the name
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return fmt.Errorf("gonb: %w", err)
	}
	logFile, err := os.Create(filepath.Join(s.dir, "gonb.log"))
	if err != nil {
		return fmt.Errorf("gonb: %w", err)
	}
	defer logFile.Close()
	cmd := exec.Command(filepath.Join(s.workspace.BinDir, "gonb"), "-kernel", file, "-raw_error")
	cmd.Dir = s.workspace.Dir
	cmd.Env = s.env
	cmd.Stdout, cmd.Stderr = logFile, logFile
	g := &gonb{tmp: filepath.Join(s.dir, "tmp"), session: newMessageID(), aside: s.aside, messages: make(chan *message, 64)}
	if g.group, err = startGroup(cmd, s.dir); err != nil {
		return fmt.Errorf("gonb: %w", err)
	}
	if err := g.connect(ctx, conn); err != nil {
		g.stop()
		if log, _ := os.ReadFile(logFile.Name()); len(log) > 0 {
			err = fmt.Errorf("%w; it wrote: %s", err, lastPart(string(log), 400))
		}
		return fmt.Errorf("gonb: %w", err)
	}
	s.gonb.Store(g)
	return nil
}

func lastPart(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) > n {
		return "…" + strings.ToValidUTF8(s[len(s)-n:], "")
	}
	return s
}

// connect connects to gonb's sockets and waits until it answers on both those
// that matter: its publisher drops what it sends before a subscription arrives.
func (g *gonb) connect(ctx context.Context, conn connection) error {
	var life context.Context
	life, g.cancel = context.WithCancel(context.Background())
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	go func() {
		select {
		case <-g.group.gone: // do not wait for what has ended
			cancel()
		case <-ctx.Done():
		}
	}()
	options := []zmq4.Option{quiet, zmq4.WithID(zmq4.SocketIdentity(g.session)), zmq4.WithDialerMaxRetries(0), zmq4.WithDialerRetry(time.Millisecond)}
	sign := signer{key: []byte(conn.Key)}
	g.shell = &socket{signer: sign, zmq: zmq4.NewDealer(life, options...), name: "shell"}
	g.stdin = &socket{signer: sign, zmq: zmq4.NewDealer(life, options...), name: "stdin"}
	iopub := &socket{signer: sign, zmq: zmq4.NewSub(life, options...), name: "iopub"}
	for _, s := range []struct {
		*socket
		port int
	}{{g.shell, conn.ShellPort}, {g.stdin, conn.StdinPort}, {iopub, conn.IOPubPort}} {
		if err := s.dial(ctx, conn.endpoint(s.port)); err != nil {
			return err
		}
		go s.receive(life, func(m *message) {
			if g.isAside(m) {
				return
			}
			select {
			case g.messages <- m:
			case <-life.Done():
			}
		}, func(error) {})
	}
	if err := iopub.zmq.SetOption(zmq4.OptionSubscribe, ""); err != nil {
		return fmt.Errorf("iopub socket: %w", err)
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if _, err := g.request("kernel_info_request", struct{}{}); err != nil {
			return err
		}
	wait:
		for {
			select {
			case m := <-g.messages:
				if m.header.Type == "status" {
					return nil
				}
			case <-again.C:
				break wait
			case <-ctx.Done():
				return fmt.Errorf("it does not answer: %w", ctx.Err())
			}
		}
	}
}

// commID starts the ids of messages that pass on what a widget says.
const commID = "comm-"

// sendComm passes on what a widget says to gonb.
func (s *Session) sendComm(kind string, content json.RawMessage) error {
	g := s.gonb.Load()
	m, err := newMessage(kind, g.session, nil, content)
	if err != nil {
		return err
	}
	m.header.ID = commID + m.header.ID
	if m.rawHeader, err = json.Marshal(m.header); err != nil {
		return err
	}
	return g.shell.send(m)
}

// isAside reports whether m is part of a conversation with widgets, which no
// cell waits for, and passes it on if it is.
func (g *gonb) isAside(m *message) bool {
	if !strings.HasPrefix(m.header.Type, "comm_") && !strings.HasPrefix(m.parentID(), commID) {
		return false
	}
	if g.aside != nil {
		g.aside(m.header.Type, m.content)
	}
	return true
}

// dir returns the folder in which gonb builds cells.
func (g *gonb) dir() string {
	files, _ := filepath.Glob(filepath.Join(g.tmp, "gonb_*", "go.mod"))
	if len(files) == 0 {
		return ""
	}
	return filepath.Dir(files[0])
}

// request sends a request on the shell socket and returns its id.
func (g *gonb) request(kind string, content any) (string, error) {
	m, err := newMessage(kind, g.session, nil, content)
	if err != nil {
		return "", err
	}
	return m.header.ID, g.shell.send(m)
}

// stop kills gonb and all that it started.
func (g *gonb) stop() {
	g.once.Do(func() {
		g.group.stop()
		if g.cancel != nil {
			g.cancel()
		}
	})
}

// listens is when gonb v0.11.5 hears an answer for sure: it asks first, and then
// looks for it.
const listens = 50 * time.Millisecond

// answerInput asks the user for what the cell's program asks for.
func (g *gonb) answerInput(ctx context.Context, m *message, code Code) {
	var prompt struct {
		Prompt   string `json:"prompt"`
		Password bool   `json:"password"`
	}
	if json.Unmarshal(m.content, &prompt) != nil || code.Input == nil {
		return
	}
	asked := time.Now()
	value, err := code.Input(ctx, prompt.Prompt, prompt.Password)
	if err != nil {
		return
	}
	time.Sleep(listens - time.Since(asked))
	if reply, err := newMessage("input_reply", g.session, m, map[string]string{"value": value}); err == nil {
		g.stdin.send(reply)
	}
}

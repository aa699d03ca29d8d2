package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

// connection is a Jupyter connection file: where a kernel's five sockets are
// and the key that signs what goes over them.
type connection struct {
	Transport   string `json:"transport"`
	IP          string `json:"ip"`
	ShellPort   int    `json:"shell_port"`
	ControlPort int    `json:"control_port"`
	StdinPort   int    `json:"stdin_port"`
	IOPubPort   int    `json:"iopub_port"`
	HBPort      int    `json:"hb_port"`
	Key         string `json:"key"`
	Scheme      string `json:"signature_scheme"`
	KernelName  string `json:"kernel_name,omitempty"`
}

func readConnection(file string) (connection, error) {
	var c connection
	data, err := os.ReadFile(file)
	if err != nil {
		return c, fmt.Errorf("connection file: %w", err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("connection file %s: %w", file, err)
	}
	if c.Transport != "tcp" && c.Transport != "ipc" {
		return c, fmt.Errorf("connection file %s: transport %q is neither tcp nor ipc", file, c.Transport)
	}
	if c.Key != "" && c.Scheme != "hmac-sha256" {
		return c, fmt.Errorf("connection file %s: signature scheme %q is not hmac-sha256", file, c.Scheme)
	}
	return c, nil
}

// endpoint returns the address of the socket on port.
func (c connection) endpoint(port int) string {
	if c.Transport == "ipc" {
		return fmt.Sprintf("ipc://%s-%d", c.IP, port)
	}
	return fmt.Sprintf("tcp://%s:%d", c.IP, port)
}

// socket sends and receives signed messages over one ZeroMQ socket. Sending is
// safe for concurrent use; one goroutine receives.
type socket struct {
	signer
	mu   sync.Mutex
	zmq  zmq4.Socket
	name string
}

// quiet keeps the ZeroMQ library from writing on stderr: what matters comes
// back as an error.
var quiet = zmq4.WithLogger(log.New(io.Discard, "", 0))

func (s *socket) send(m *message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.zmq.SendMulti(zmq4.NewMsgFrom(s.encode(m)...)); err != nil {
		return fmt.Errorf("%s socket: %w", s.name, err)
	}
	return nil
}

// receive calls handle with each message until the socket is closed or ctx is
// done. Messages that are malformed or badly signed go to drop.
func (s *socket) receive(ctx context.Context, handle func(*message), drop func(error)) {
	for ctx.Err() == nil {
		raw, err := s.zmq.Recv()
		if err != nil {
			return
		}
		m, err := s.decode(raw.Frames)
		if err != nil {
			drop(fmt.Errorf("%s socket: %w", s.name, err))
			continue
		}
		handle(m)
	}
}

// dial connects the socket to endpoint, where a process that has just been
// started will listen, and gives up when ctx is done.
func (s *socket) dial(ctx context.Context, endpoint string) error {
	for {
		err := s.zmq.Dial(endpoint)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s socket: %w", s.name, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

package kernel

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// gopls is a gopls process that knows one package: the cell that is being
// edited, in cell.go, and what the cells before it declare, in earlier.go.
// https://microsoft.github.io/language-server-protocol
type gopls struct {
	cmd  *exec.Cmd
	dir  string
	in   io.WriteCloser
	gone chan struct{} // closed when it does not answer any more

	mu      sync.Mutex // guards what follows, and writing to in
	calls   int
	waiting map[int]chan rpcMessage
	open    map[string]int // version of each file that it knows
}

// rpcMessage is a JSON-RPC message in either direction.
type rpcMessage struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// startGopls starts gopls in dir, which has a go.mod.
func startGopls(ctx context.Context, binary, dir string, env []string) (*gopls, error) {
	g := &gopls{dir: dir, gone: make(chan struct{}), waiting: map[int]chan rpcMessage{}, open: map[string]int{}}
	g.cmd = exec.Command(binary, "serve")
	g.cmd.Dir = dir
	g.cmd.Env = env
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for the cell
	var err error
	if g.in, err = g.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("gopls: %w", err)
	}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("gopls: %w", err)
	}
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("gopls: %w", err)
	}
	go g.receive(out)
	root := "file://" + filepath.ToSlash(dir)
	_, err = g.call(ctx, "initialize", map[string]any{
		"processId":        os.Getpid(), // it ends with this process
		"rootUri":          root,
		"workspaceFolders": []map[string]string{{"uri": root, "name": "cell"}},
		"capabilities": map[string]any{"textDocument": map[string]any{
			"hover": map[string]any{"contentFormat": []string{"markdown", "plaintext"}},
		}},
		"initializationOptions": map[string]any{
			"completionBudget": "150ms",
			"matcher":          "CaseInsensitive", // front ends drop what does not start with what is typed
			"staticcheck":      false,
			"hoverKind":        "FullDocumentation",
			"linksInHover":     false,
		},
	})
	if err == nil {
		err = g.send(rpcMessage{Method: "initialized", Params: struct{}{}})
	}
	if err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// close ends gopls and waits for its end.
func (g *gopls) close() {
	syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL)
	<-g.gone
}

func (g *gopls) send(m rpcMessage) error {
	m.Version = "2.0"
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("gopls: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := fmt.Fprintf(g.in, "Content-Length: %d\r\n\r\n%s", len(data), data); err != nil {
		return fmt.Errorf("gopls: %w", err)
	}
	return nil
}

// call sends a request and waits for its result.
func (g *gopls) call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	answer := make(chan rpcMessage, 1)
	g.mu.Lock()
	g.calls++
	id := g.calls
	g.waiting[id] = answer
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.waiting, id)
		g.mu.Unlock()
	}()
	if err := g.send(rpcMessage{ID: json.RawMessage(strconv.Itoa(id)), Method: method, Params: params}); err != nil {
		return nil, err
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			return nil, fmt.Errorf("gopls: %s: %s", method, m.Error.Message)
		}
		return m.Result, nil
	case <-g.gone:
		return nil, errors.New("gopls ended")
	case <-ctx.Done():
		g.send(rpcMessage{Method: "$/cancelRequest", Params: map[string]int{"id": id}})
		return nil, fmt.Errorf("gopls: %s: %w", method, ctx.Err())
	}
}

// receive hands out answers, and answers what gopls itself asks, until it ends.
func (g *gopls) receive(out io.Reader) {
	defer close(g.gone)
	defer g.cmd.Wait()
	r := bufio.NewReader(out)
	for {
		head, err := textproto.NewReader(r).ReadMIMEHeader()
		if err != nil {
			return
		}
		size, err := strconv.Atoi(head.Get("Content-Length"))
		if err != nil {
			return
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(r, data); err != nil {
			return
		}
		var m struct {
			rpcMessage
			Params json.RawMessage `json:"params"`
		}
		if json.Unmarshal(data, &m) != nil {
			continue
		}
		if m.Method != "" && m.ID != nil {
			go g.send(rpcMessage{ID: m.ID, Result: goplsAsks(m.Method, m.Params)})
			continue
		}
		id, err := strconv.Atoi(string(m.ID))
		if err != nil {
			continue // a notification
		}
		g.mu.Lock()
		if answer, ok := g.waiting[id]; ok {
			answer <- m.rpcMessage
		}
		g.mu.Unlock()
	}
}

// goplsAsks returns the answer to a request of gopls: for each setting that it
// asks for, that there is none; and otherwise nothing.
func goplsAsks(method string, params json.RawMessage) json.RawMessage {
	if method != "workspace/configuration" {
		return json.RawMessage("null")
	}
	var asked struct {
		Items []struct{} `json:"items"`
	}
	json.Unmarshal(params, &asked)
	none, _ := json.Marshal(make([]any, len(asked.Items)))
	return none
}

// edit tells gopls that a file of the package now has text.
func (g *gopls) edit(name, text string) error {
	g.mu.Lock()
	g.open[name]++
	version := g.open[name]
	g.mu.Unlock()
	if version == 1 {
		return g.send(rpcMessage{Method: "textDocument/didOpen", Params: map[string]any{
			"textDocument": map[string]any{"uri": g.uri(name), "languageId": "go", "version": version, "text": text},
		}})
	}
	return g.send(rpcMessage{Method: "textDocument/didChange", Params: map[string]any{
		"textDocument":   map[string]any{"uri": g.uri(name), "version": version},
		"contentChanges": []map[string]string{{"text": text}},
	}})
}

func (g *gopls) uri(name string) string {
	return "file://" + filepath.ToSlash(filepath.Join(g.dir, name))
}

// position is a place in a file: line and UTF-16 code unit in it, from 0.
type position struct {
	Line      int `json:"line"`
	Character int `json:"character"`
}

// at returns the parameters of a request about a position of a file.
func (g *gopls) at(name string, p position) map[string]any {
	return map[string]any{"textDocument": map[string]string{"uri": g.uri(name)}, "position": p}
}

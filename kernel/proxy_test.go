package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
)

// testConn is a connection file and what it holds.
type testConn struct {
	connection
	file string
}

func testConnection(t *testing.T) testConn {
	t.Helper()
	c := testConn{connection: connection{Transport: "tcp", IP: "127.0.0.1", Key: newMessageID(), Scheme: "hmac-sha256"}}
	for _, port := range []*int{&c.ShellPort, &c.ControlPort, &c.StdinPort, &c.IOPubPort, &c.HBPort} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	data, err := json.Marshal(c.connection)
	if err != nil {
		t.Fatal(err)
	}
	c.file = filepath.Join(t.TempDir(), "kernel-12ab.json")
	if err := os.WriteFile(c.file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// testClient is a front end.
type testClient struct {
	shell, control, stdin, iopub *socket
	heartbeat                    zmq4.Socket
	messages                     chan *message
	cancel                       context.CancelFunc
}

func (c testConn) client(t *testing.T) *testClient {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	sign := signer{key: []byte(c.Key)}
	id := zmq4.WithID(zmq4.SocketIdentity(newMessageID()))
	client := &testClient{
		shell:     &socket{signer: sign, zmq: zmq4.NewDealer(ctx, id), name: "shell"},
		control:   &socket{signer: sign, zmq: zmq4.NewDealer(ctx, id), name: "control"},
		stdin:     &socket{signer: sign, zmq: zmq4.NewDealer(ctx, id), name: "stdin"},
		iopub:     &socket{signer: sign, zmq: zmq4.NewSub(ctx), name: "iopub"},
		heartbeat: zmq4.NewReq(ctx),
		messages:  make(chan *message, 1000),
		cancel:    cancel,
	}
	for s, port := range map[*socket]int{client.shell: c.ShellPort, client.control: c.ControlPort, client.stdin: c.StdinPort, client.iopub: c.IOPubPort} {
		if err := s.zmq.Dial(c.endpoint(port)); err != nil {
			t.Fatal(err)
		}
		go s.receive(ctx, func(m *message) { client.messages <- m }, func(err error) { t.Error(err) })
	}
	if err := client.heartbeat.Dial(c.endpoint(c.HBPort)); err != nil {
		t.Fatal(err)
	}
	if err := client.iopub.zmq.SetOption(zmq4.OptionSubscribe, ""); err != nil {
		t.Fatal(err)
	}
	for { // until the subscription has arrived
		id := client.send(t, client.shell, "kernel_info_request", struct{}{})
		deadline := time.After(time.Second)
	wait:
		for {
			select {
			case m := <-client.messages:
				if m.header.Type == "status" && m.parentID() == id {
					client.await(t, idle(id))
					return client
				}
			case <-deadline:
				break wait
			}
		}
	}
}

func (c *testClient) close() { c.cancel() }

func (c *testClient) send(t *testing.T, s *socket, kind string, content any) string {
	t.Helper()
	m, err := newMessage(kind, "test", nil, content)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.send(m); err != nil {
		t.Fatal(err)
	}
	return m.header.ID
}

// await returns the messages up to one for which last is true.
func (c *testClient) await(t *testing.T, last func(*message) bool) (all []*message) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case m := <-c.messages:
			all = append(all, m)
			if last(m) {
				return all
			}
		case <-deadline:
			for _, m := range all {
				t.Logf("%s %s", m.header.Type, m.content)
			}
			t.Fatal("the message did not come")
		}
	}
}

func idle(id string) func(*message) bool {
	return func(m *message) bool {
		return m.parentID() == id && m.header.Type == "status" && string(m.content) == `{"execution_state":"idle"}`
	}
}

// ask sends a request and returns its reply's content.
func (c *testClient) ask(t *testing.T, s *socket, kind string, content any) map[string]any {
	t.Helper()
	id := c.send(t, s, kind, content)
	var reply map[string]any
	isIdle, replied, ended := idle(id), false, false
	c.await(t, func(m *message) bool {
		ended = ended || isIdle(m)
		if m.parentID() == id && m.header.Type == kind[:len(kind)-len("request")]+"reply" {
			replied = true
			if err := json.Unmarshal(m.content, &reply); err != nil {
				t.Fatal(err)
			}
		}
		return replied && ended
	})
	return reply
}

// startKernel runs a kernel in this process.
func startKernel(t *testing.T) *testClient {
	t.Helper()
	w := testWorkspace(t)
	conn := testConnection(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- Run(ctx, conn.file, w) }()
	c := conn.client(t)
	t.Cleanup(func() {
		c.close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestProxy(t *testing.T) {
	c := startKernel(t)
	info := c.ask(t, c.control, "kernel_info_request", struct{}{})
	if info["protocol_version"] != protocolVersion || info["language_info"].(map[string]any)["name"] != "go" {
		t.Errorf("kernel info: %v", info)
	}
	if err := c.heartbeat.Send(zmq4.NewMsgString("ping")); err != nil {
		t.Fatal(err)
	}
	if m, err := c.heartbeat.Recv(); err != nil || string(m.Bytes()) != "ping" {
		t.Errorf("heartbeat: %q, %v", m.Bytes(), err)
	}

	// What is malformed or badly signed is dropped, and the kernel lives.
	garbage := &socket{signer: signer{key: []byte("wrong")}, zmq: c.shell.zmq, name: "shell"}
	c.send(t, garbage, "execute_request", map[string]any{"code": "1"})
	for _, frames := range [][][]byte{{[]byte("x")}, {[]byte(delimiter)}, {[]byte(delimiter), {}, {}, {}, {}, {}}, {{}}} {
		if err := c.shell.zmq.SendMulti(zmq4.NewMsgFrom(frames...)); err != nil {
			t.Fatal(err)
		}
	}
	if reply := c.ask(t, c.shell, "execute_request", map[string]any{"silent": false}); reply["status"] != "error" {
		t.Errorf("a request without code: %v", reply)
	}
	if reply := c.ask(t, c.shell, "execute_request", map[string]any{"code": "fmt.Println(1)"}); reply["status"] != "ok" || reply["execution_count"] != 1.0 {
		t.Errorf("execute: %v", reply)
	}

	// What waits behind a cell that fails is not executed.
	first := c.send(t, c.shell, "execute_request", map[string]any{"code": "time.Sleep(time.Second)\npanic(1)"})
	second := c.send(t, c.shell, "execute_request", map[string]any{"code": "fmt.Println(2)"})
	var order []string
	for _, m := range c.await(t, idle(second)) {
		order = append(order, fmt.Sprint(m.header.Type, map[string]string{first: "1", second: "2"}[m.parentID()]))
		if m.header.Type == "execute_reply" && m.parentID() == second && string(m.content) != `{"status":"aborted"}` {
			t.Errorf("the second cell: %s", m.content)
		}
	}
	// Shell and iopub are two connections, so only the order within one is sure.
	want := []string{"status1", "execute_input1", "error1", "status1", "status2", "status2"}
	var onIOPub []string
	for _, o := range order {
		if o != "execute_reply1" && o != "execute_reply2" {
			onIOPub = append(onIOPub, o)
		}
	}
	if fmt.Sprint(onIOPub) != fmt.Sprint(want) {
		t.Errorf("on iopub came %v, want %v", onIOPub, want)
	}

	// While a cell runs, other requests are answered, and it can be stopped.
	running := c.send(t, c.shell, "execute_request", map[string]any{"code": "fmt.Println(\"go\")\ntime.Sleep(time.Hour)"})
	c.await(t, func(m *message) bool { return m.header.Type == "stream" })
	if reply := c.ask(t, c.shell, "history_request", map[string]any{"hist_access_type": "tail", "n": 1, "output": false, "raw": true}); fmt.Sprint(reply["history"]) != "[[1 3 fmt.Println(\"go\")\ntime.Sleep(time.Hour)]]" {
		t.Errorf("history: %v", reply)
	}
	start := time.Now()
	if reply := c.ask(t, c.control, "interrupt_request", struct{}{}); reply["status"] != "ok" {
		t.Errorf("interrupt: %v", reply)
	}
	c.await(t, idle(running))
	if took := time.Since(start); took > busy*time.Second {
		t.Errorf("the interrupt took %s", took)
	}
	if reply := c.ask(t, c.shell, "execute_request", map[string]any{"code": "", "user_expressions": map[string]string{"x": "1"}}); fmt.Sprint(reply["user_expressions"].(map[string]any)["x"].(map[string]any)["status"]) != "error" {
		t.Errorf("an expression beside a cell: %v", reply)
	}
	open := c.send(t, c.shell, "comm_open", map[string]any{"comm_id": "c9", "target_name": "jupyter.widget.control", "data": struct{}{}})
	var closed bool
	for _, m := range c.await(t, idle(open)) {
		closed = closed || m.header.Type == "comm_close" && strings.Contains(string(m.content), `"c9"`)
	}
	if !closed {
		t.Error("a comm to nobody was not closed")
	}
	if reply := c.ask(t, c.control, "shutdown_request", map[string]bool{"restart": false}); reply["status"] != "ok" {
		t.Errorf("shutdown: %v", reply)
	}
}

// Each client is told that one has shut the kernel down.
func TestShutdownIsTold(t *testing.T) {
	c := startKernel(t)
	id := c.send(t, c.control, "shutdown_request", map[string]bool{"restart": true})
	m := c.await(t, func(m *message) bool {
		return m.header.Type == "shutdown_reply" && len(m.identities) == 1 && string(m.identities[0]) == "shutdown_reply"
	})
	if last := m[len(m)-1]; last.parentID() != id || string(last.content) != `{"restart":true,"status":"ok"}` {
		t.Errorf("on iopub came %s of %s", last.content, last.parentID())
	}
}

// A cell that runs when the kernel is shut down has a moment to leave things in
// order, as one needs that records a run.
func TestShutdownInterrupts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tidy")
	t.Run("kernel", func(t *testing.T) { // which has ended after it
		c := startKernel(t)
		c.send(t, c.shell, "execute_request", map[string]any{"code": fmt.Sprintf(`ch := make(chan os.Signal, 1)
signal.Notify(ch, os.Interrupt)
fmt.Println("go")
<-ch
os.WriteFile(%q, nil, 0o600)`, file)})
		c.await(t, func(m *message) bool { return m.header.Type == "stream" })
		c.ask(t, c.control, "shutdown_request", map[string]bool{"restart": true})
	})
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the cell was killed: %v", err)
	}
}

func TestInput(t *testing.T) {
	c := startKernel(t)
	id := c.send(t, c.shell, "execute_request", map[string]any{"code": "%with_inputs\n!read x; echo got $x", "allow_stdin": true})
	c.await(t, func(m *message) bool { return m.header.Type == "input_request" && m.parentID() == id })
	c.send(t, c.stdin, "input_reply", map[string]string{"value": "żółw"})
	c.await(t, func(m *message) bool {
		return m.header.Type == "stream" && string(m.content) == `{"name":"stdout","text":"got żółw\n"}`
	})
	c.await(t, idle(id))
}

// What gonb's widgets say goes through in both directions. This plays the part
// of the script that %widgets sends to the browser.
func TestWidgets(t *testing.T) {
	c := startKernel(t)
	id := c.send(t, c.shell, "execute_request", map[string]any{"code": "%widgets"})
	c.await(t, func(m *message) bool {
		return m.header.Type == "display_data" && strings.Contains(string(m.content), "12ab")
	})
	c.send(t, c.shell, "comm_open", map[string]any{"comm_id": "c1", "target_name": "gonb_comm", "kernel_id": "12ab", "data": struct{}{}})
	c.await(t, func(m *message) bool {
		return m.header.Type == "comm_msg" && strings.Contains(string(m.content), "#comm_open_ack")
	})
	for _, m := range c.await(t, idle(id)) {
		if m.header.Type == "error" {
			t.Errorf("%%widgets: %s", m.content)
		}
	}
}

func TestIsComplete(t *testing.T) {
	f := func(code, want string) {
		t.Helper()
		content, _ := json.Marshal(map[string]string{"code": code})
		if got := isComplete(content)["status"]; got != want {
			t.Errorf("isComplete(%q) = %v, want %s", code, got, want)
		}
	}
	f("", "complete")
	f("fmt.Println(1)", "complete")
	f("import \"fmt\"\nfunc f() {}", "complete")
	f("x := 1\nfmt.Println(x)", "complete")
	f("func f() {", "incomplete")
	f("if true {\n\tf(", "incomplete")
	f("x := `raw", "incomplete")
	f("x := 1 +", "incomplete")
	f("x++", "complete")
	f("/* note", "incomplete")
	f("x := \"abc", "invalid")
	f("func )", "invalid")
	f("%%\nx := 1", "complete")
	f("!ls", "complete")
	f("?fmt.Println", "complete")
	f("%%bash\nif true; then {", "complete")
}

func TestCompletionAndHelp(t *testing.T) {
	c := startKernel(t)
	if reply := c.ask(t, c.shell, "execute_request", map[string]any{"code": `import "github.com/assay-ml/assay/home"

// Film is a chest film.
type Film struct{ Width, Height int }

// Area returns the number of pixels.
func (f Film) Area() int { return f.Width * f.Height }

%%
films := []Film{{3, 2}}
fmt.Println(home.Dir())`}); reply["status"] != "ok" {
		t.Fatal(reply)
	}
	c.send(t, c.shell, "execute_request", map[string]any{"code": "time.Sleep(time.Hour)"}) // help does not wait for it
	cursor := func(code string) map[string]any {
		before, after, _ := strings.Cut(code, "|")
		return map[string]any{"code": before + after, "cursor_pos": len([]rune(before)), "detail_level": 0}
	}
	f := func(code, want string, start int) {
		t.Helper()
		reply := c.ask(t, c.shell, "complete_request", cursor(code))
		if !slices.Contains(reply["matches"].([]any), any(want)) || int(reply["cursor_start"].(float64)) != start {
			t.Errorf("complete %q: %v from %v, want %s from %d", code, reply["matches"], reply["cursor_start"], want, start)
		}
	}
	f("fmt.Printl|", "Println", 4)
	f("é := \"é𝄞\"; fmt.Printl|", "Println", 15)
	f("f := Film{}\nf.Ar|", "Area", 14)
	f("f := Film{}\nfmt.Println(f.|)", "Width", 26)
	f("home.St|", "Store", 5)
	f("films[0].Ar|", "Area", 9) // a value of the cell before
	f("func g(f Film) int {\n\treturn f.He|\n}", "Height", 31)
	f("%%\nx := strings.Rep|\n", "Repeat", 16)
	for _, code := range []string{"%assay ru|", "x := 1\n!ls fm|", "%%bash\nfm|"} {
		if reply := c.ask(t, c.shell, "complete_request", cursor(code)); len(reply["matches"].([]any)) != 0 {
			t.Errorf("complete %q, which is not Go: %v", code, reply["matches"])
		}
	}
	if reply := c.ask(t, c.shell, "complete_request", map[string]any{"code": "fmt.", "cursor_pos": 99}); reply["cursor_start"] != 4.0 || reply["cursor_end"] != 4.0 {
		t.Errorf("complete beyond the end: from %v to %v", reply["cursor_start"], reply["cursor_end"])
	}
	for range 4 {
		start := time.Now()
		f("fmt.Fprin|", "Fprintf", 4)
		t.Logf("a completion took %s", time.Since(start))
	}
	g := func(code, want string) {
		t.Helper()
		reply := c.ask(t, c.shell, "inspect_request", cursor(code))
		if help, _ := reply["data"].(map[string]any)["text/plain"].(string); reply["found"] != true || !strings.Contains(help, want) {
			t.Errorf("inspect %q: %v, want %q", code, reply, want)
		}
	}
	g("fmt.Printl|n(1)", "Println formats")
	g("fmt.Println(|1)", "Println formats")
	g("x := Film{}\nx.Ar|ea()", "number of pixels")
	g("home.DataDirs|()", "DataDirs returns")
	if reply := c.ask(t, c.shell, "inspect_request", cursor("|")); reply["found"] != false {
		t.Errorf("inspect nothing: %v", reply)
	}
}

package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-zeromq/zmq4"
)

// Run is the Jupyter kernel "Go (assay)": it serves the sockets that
// connectionFile names, and executes cells in a Session, until a client asks it
// to shut down, ctx ends, or the process that started it is gone. An interrupt
// signal stops a cell, not the kernel. Messages that it drops are told on stderr,
// where Jupyter's log is.
func Run(ctx context.Context, connectionFile string, w Workspace) error {
	conn, err := readConnection(connectionFile)
	if err != nil {
		return err
	}
	if w.Notebook == "" {
		w.Notebook = os.Getenv("JPY_SESSION_NAME") // where Jupyter's server says it
	}
	if m := kernelFile.FindStringSubmatch(filepath.Base(connectionFile)); m != nil {
		w.kernelID = m[1]
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &proxy{
		log:     log.New(os.Stderr, "assay kernel: ", 0),
		id:      newMessageID(),
		cancel:  cancel,
		started: make(chan struct{}),
		queue:   make(chan *message, maxQueue),
		asides:  make(chan *message, maxQueue),
	}
	if err := p.listen(conn); err != nil {
		return err
	}
	defer p.closeSockets()

	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	p.publish("status", nil, map[string]string{"execution_state": "starting"})
	wg.Go(func() { p.start(ctx, w) })
	wg.Go(func() {
		p.serve(ctx, p.queue, func(ctx context.Context, m *message) {
			p.status(m, "busy")
			aborted := p.execute(ctx, m)
			p.status(m, "idle")
			for _, m := range aborted {
				p.status(m, "busy")
				p.reply(p.shell, m, map[string]any{"status": "aborted"})
				p.status(m, "idle")
			}
		})
	})
	wg.Go(func() { p.serve(ctx, p.asides, func(ctx context.Context, m *message) { p.answer(ctx, m, p.shell) }) })
	drop := func(err error) { p.log.Printf("dropped a message: %v", err) }
	go p.shell.receive(ctx, p.dispatch, drop)
	go p.control.receive(ctx, func(m *message) { p.answer(ctx, m, p.control) }, drop)
	go p.stdin.receive(ctx, p.takeInput, drop)
	go p.beat(ctx)

	parent := os.Getppid()
	orphaned := time.NewTicker(time.Second)
	defer orphaned.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case sig := <-signals:
			if sig != os.Interrupt {
				return nil
			}
			p.interrupt()
		case <-orphaned.C:
			if os.Getenv("JPY_PARENT_PID") != "" && os.Getppid() != parent {
				p.log.Print("the process that started the kernel is gone")
				return nil
			}
		}
	}
}

// kernelFile is how Jupyter names a connection file.
var kernelFile = regexp.MustCompile(`^kernel-([0-9a-f-]+)\.json$`)

// maxQueue is how many requests may wait: no notebook has as many cells.
const maxQueue = 10000

// proxy is a kernel's end of the Jupyter protocol.
type proxy struct {
	log    *log.Logger
	id     string // the session in the headers of what the kernel sends
	cancel context.CancelFunc

	shell, control, stdin, iopub *socket
	heartbeat                    zmq4.Socket

	started   chan struct{} // closed when session or startErr is set
	session   *Session
	assistant *assistant
	startErr  error

	queue  chan *message // requests to execute, in order
	asides chan *message // other requests, answered also while a cell runs

	mu      sync.Mutex
	history []entry
	input   chan string // where the program waits for what the user enters; nil if none does
}

// listen opens the five sockets.
func (p *proxy) listen(c connection) error {
	life := context.Background() // closeSockets ends them, when all replies are sent
	sign := signer{key: []byte(c.Key)}
	p.shell = &socket{signer: sign, zmq: zmq4.NewRouter(life, quiet), name: "shell"}
	p.control = &socket{signer: sign, zmq: zmq4.NewRouter(life, quiet), name: "control"}
	p.stdin = &socket{signer: sign, zmq: zmq4.NewRouter(life, quiet), name: "stdin"}
	p.iopub = &socket{signer: sign, zmq: zmq4.NewPub(life, quiet), name: "iopub"}
	p.heartbeat = zmq4.NewRep(life, quiet)
	for _, s := range []struct {
		zmq  zmq4.Socket
		name string
		port int
	}{
		{p.shell.zmq, "shell", c.ShellPort}, {p.control.zmq, "control", c.ControlPort}, {p.stdin.zmq, "stdin", c.StdinPort},
		{p.iopub.zmq, "iopub", c.IOPubPort}, {p.heartbeat, "heartbeat", c.HBPort},
	} {
		if err := s.zmq.Listen(c.endpoint(s.port)); err != nil {
			p.closeSockets()
			return fmt.Errorf("%s socket: %w", s.name, err)
		}
	}
	return nil
}

func (p *proxy) closeSockets() {
	time.Sleep(50 * time.Millisecond) // the publisher sends from a queue that Close drops
	for _, s := range []zmq4.Socket{p.shell.zmq, p.control.zmq, p.stdin.zmq, p.iopub.zmq, p.heartbeat} {
		s.Close()
	}
}

// start starts the session, and closes it when ctx ends.
func (p *proxy) start(ctx context.Context, w Workspace) {
	p.session, p.startErr = start(ctx, w, func(kind string, content json.RawMessage) { p.publish(kind, nil, content) })
	if p.startErr != nil {
		p.log.Print(p.startErr)
		close(p.started)
		return
	}
	p.assistant = p.session.startAssistant(ctx)
	close(p.started)
	<-ctx.Done()
	p.assistant.close()
	if err := p.session.Close(); err != nil {
		p.log.Print(err)
	}
}

func (p *proxy) serve(ctx context.Context, queue chan *message, handle func(context.Context, *message)) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-queue:
			handle(ctx, m)
		}
	}
}

// beat sends back what comes on the heartbeat socket.
func (p *proxy) beat(ctx context.Context) {
	for ctx.Err() == nil {
		m, err := p.heartbeat.Recv()
		if err != nil {
			return
		}
		if err := p.heartbeat.Send(m); err != nil {
			p.log.Printf("heartbeat: %v", err)
		}
	}
}

// dispatch puts a request of the shell socket into its queue.
func (p *proxy) dispatch(m *message) {
	queue := p.asides
	if m.header.Type == "execute_request" {
		queue = p.queue
	}
	select {
	case queue <- m:
	default:
		p.log.Printf("dropped a message: %d requests are waiting", maxQueue)
	}
}

// publish tells every client of something that parent led to.
func (p *proxy) publish(kind string, parent *message, content any) {
	m, err := newMessage(kind, p.id, parent, content)
	if err == nil {
		m.identities = [][]byte{[]byte(kind)} // the topic
		err = p.iopub.send(m)
	}
	if err != nil {
		p.log.Print(err)
	}
}

func (p *proxy) status(parent *message, state string) {
	p.publish("status", parent, map[string]string{"execution_state": state})
}

// reply answers request on the socket that it came over.
func (p *proxy) reply(s *socket, request *message, content any) {
	kind := strings.TrimSuffix(request.header.Type, "_request") + "_reply"
	m, err := newMessage(kind, p.id, request, content)
	if err == nil {
		m.identities = request.identities
		err = s.send(m)
	}
	if err != nil {
		p.log.Print(err)
	}
}

// answer answers a request that executes nothing.
func (p *proxy) answer(ctx context.Context, m *message, s *socket) {
	p.status(m, "busy")
	defer p.status(m, "idle")
	switch m.header.Type {
	case "kernel_info_request":
		p.reply(s, m, kernelInfo())
	case "is_complete_request":
		p.reply(s, m, isComplete(m.content))
	case "complete_request":
		p.reply(s, m, p.complete(ctx, m.content))
	case "inspect_request":
		p.reply(s, m, p.inspect(ctx, m.content))
	case "history_request":
		p.reply(s, m, p.recall(m.content))
	case "comm_info_request":
		p.reply(s, m, map[string]any{"status": "ok", "comms": struct{}{}})
	case "interrupt_request":
		p.interrupt()
		p.reply(s, m, map[string]any{"status": "ok"})
	case "shutdown_request":
		var shutdown struct {
			Restart bool `json:"restart"`
		}
		json.Unmarshal(m.content, &shutdown) // a request without restart does not restart
		reply := map[string]any{"status": "ok", "restart": shutdown.Restart}
		p.reply(s, m, reply)
		p.publish("shutdown_reply", m, reply) // for other clients
		p.cancel()
	case "comm_open", "comm_msg", "comm_close":
		var comm struct {
			ID     string `json:"comm_id"`
			Target string `json:"target_name"`
		}
		json.Unmarshal(m.content, &comm) // without a target it is nobody's
		if m.header.Type == "comm_open" && comm.Target != gonbComm {
			p.publish("comm_close", m, map[string]any{"comm_id": comm.ID, "data": struct{}{}})
		} else if p.hasStarted(ctx) {
			if err := p.session.sendComm(m.header.Type, m.content); err != nil {
				p.log.Print(err)
			}
		}
	default:
		p.log.Printf("dropped a message: %s is not known", m.header.Type)
	}
}

// gonbComm is the only target of comms that there is: gonb's widgets.
const gonbComm = "gonb_comm"

// interrupt stops the cell that is running.
func (p *proxy) interrupt() {
	select {
	case <-p.started:
		if p.session != nil {
			p.session.Interrupt()
		}
	default:
	}
}

// errorReply is the content of a reply to a request that failed.
func errorReply(name, value string, traceback []string) map[string]any {
	if traceback == nil {
		traceback = []string{name + ": " + value}
	}
	return map[string]any{"status": "error", "ename": name, "evalue": value, "traceback": traceback}
}

// execute answers an execute_request. If that fails, it returns the requests that
// waited behind it, which are not to be executed.
func (p *proxy) execute(ctx context.Context, m *message) (aborted []*message) {
	request := struct {
		Code         *string `json:"code"`
		Silent       bool    `json:"silent"`
		StoreHistory *bool   `json:"store_history"`
		AllowStdin   bool    `json:"allow_stdin"`
		StopOnError  *bool   `json:"stop_on_error"`

		Expressions map[string]string `json:"user_expressions"`
	}{}
	if err := json.Unmarshal(m.content, &request); err != nil || request.Code == nil {
		p.reply(p.shell, m, errorReply("BadRequest", "the execute_request has no code", nil))
		return nil
	}
	select {
	case <-p.started:
	case <-ctx.Done():
		return nil
	}
	if p.startErr != nil {
		content := errorReply(string(KernelDied), p.startErr.Error(), nil)
		if !request.Silent {
			p.publish("error", m, content)
		}
		p.reply(p.shell, m, content)
		return nil
	}
	var cell struct {
		ID string `json:"cellId"`
	}
	json.Unmarshal(m.metadata, &cell) // clients that do not know cells say none
	code := Code{
		Source: *request.Code,
		CellID: cell.ID,
		Silent: request.Silent || request.StoreHistory != nil && !*request.StoreHistory,
	}
	if request.AllowStdin {
		code.Input = func(ctx context.Context, prompt string, password bool) (string, error) {
			return p.ask(ctx, m, prompt, password)
		}
	}
	help := question.FindStringSubmatch(code.Source)
	runs := help == nil && strings.TrimSpace(code.Source) != ""
	count := p.session.Count()
	if runs && !code.Silent {
		count++
		p.remember(count, code.Source)
	}
	if !request.Silent {
		p.publish("execute_input", m, map[string]any{"code": code.Source, "execution_count": count})
	}
	var err error
	started := time.Now()
	payload := []any{}
	switch {
	case help != nil:
		payload = p.page(ctx, help[1]+help[2])
	case runs:
		err = p.session.Execute(ctx, code, func(o Output) {
			if !request.Silent {
				p.publish(o.Type, m, o.content())
			}
		})
	}
	expressions := map[string]any{}
	for name := range request.Expressions {
		expressions[name] = errorReply("NotSupported", "an expression alone is no Go program: execute a cell", nil)
	}
	content := map[string]any{"status": "ok", "user_expressions": expressions, "payload": payload}
	if err != nil {
		var failed *CellError
		if errors.As(err, &failed) {
			content = errorReply(string(failed.Failure), failed.Message, failed.Traceback)
		} else {
			content = errorReply(string(KernelDied), err.Error(), nil)
			if !request.Silent {
				p.publish("error", m, content)
			}
		}
	}
	if err == nil {
		p.assistant.learn(p.session.program(), p.session.declaredValues())
	}
	if err != nil && (request.StopOnError == nil || *request.StopOnError) {
		time.Sleep(arrivals - time.Since(started)) // a cell may fail while those behind it are still on their way
		aborted = p.waiting()                      // what comes after the reply was sent knowing of it
	}
	content["execution_count"] = count
	p.reply(p.shell, m, content)
	return aborted
}

// arrivals is how long the requests of a notebook that is run as a whole may
// take to arrive.
const arrivals = 100 * time.Millisecond

// waiting takes the requests that wait out of the queue.
func (p *proxy) waiting() (all []*message) {
	for {
		select {
		case m := <-p.queue:
			all = append(all, m)
		default:
			return all
		}
	}
}

// ask asks the client that sent request for a line.
func (p *proxy) ask(ctx context.Context, request *message, prompt string, password bool) (string, error) {
	m, err := newMessage("input_request", p.id, request, map[string]any{"prompt": prompt, "password": password})
	if err != nil {
		return "", err
	}
	m.identities = request.identities
	input := make(chan string, 1)
	p.mu.Lock()
	p.input = input
	p.mu.Unlock()
	if err := p.stdin.send(m); err != nil {
		return "", err
	}
	select {
	case line := <-input:
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// takeInput hands the user's line to the program that waits for it.
func (p *proxy) takeInput(m *message) {
	var reply struct {
		Value string `json:"value"`
	}
	if m.header.Type != "input_reply" || json.Unmarshal(m.content, &reply) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.input != nil {
		p.input <- reply.Value // has room: it is used once
		p.input = nil
	}
}

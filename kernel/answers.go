package kernel

import (
	"context"
	"encoding/json"
	"go/scanner"
	"go/token"
	"path"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// kernelInfo returns the content of a kernel_info_reply.
func kernelInfo() map[string]any {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	return map[string]any{
		"status":                 "ok",
		"protocol_version":       protocolVersion,
		"implementation":         "assay",
		"implementation_version": version,
		"banner":                 "Go (assay): Go notebooks for medical machine learning, cells compiled by GoNB",
		"debugger":               false,
		"supported_features":     []string{},
		"help_links": []map[string]string{
			{"text": "Go packages", "url": "https://pkg.go.dev/std"},
			{"text": "GoNB", "url": "https://github.com/janpfeifer/gonb"},
			{"text": "GoMLX", "url": "https://pkg.go.dev/github.com/gomlx/gomlx"},
		},
		"language_info": map[string]any{
			"name":               "go",
			"version":            strings.TrimPrefix(runtime.Version(), "go"), // cells build with the same
			"mimetype":           "text/x-go",
			"file_extension":     ".go",
			"pygments_lexer":     "go",
			"codemirror_mode":    "go",
			"nbconvert_exporter": "script",
		},
	}
}

// isComplete returns the content of an is_complete_reply: whether Enter in a
// console should execute the code or go on to another line.
func isComplete(content json.RawMessage) map[string]any {
	var request struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(content, &request) != nil {
		return map[string]any{"status": "unknown"}
	}
	if question.MatchString(request.Code) || otherLanguage.MatchString(request.Code) {
		return map[string]any{"status": "complete"}
	}
	code := withoutCommands(request.Code)
	if parses(openFile, code, "") || splitCell(code) >= 0 {
		return map[string]any{"status": "complete"}
	}
	depth, open := nesting(code)
	if depth > 0 || open {
		return map[string]any{"status": "incomplete", "indent": strings.Repeat("\t", max(depth, 0))}
	}
	return map[string]any{"status": "invalid"}
}

// nesting returns how many brackets of code are open at its end, and whether a
// comment, a raw string or an operation is.
func nesting(code string) (depth int, open bool) {
	fset := token.NewFileSet()
	var s scanner.Scanner
	s.Init(fset.AddFile("", -1, len(code)), []byte(code), func(_ token.Position, msg string) {
		if strings.Contains(msg, "not terminated") && !strings.HasPrefix(msg, "string literal") && !strings.HasPrefix(msg, "rune") {
			open = true
		}
	}, 0)
	last := token.ILLEGAL
	for {
		_, tok, lit := s.Scan()
		switch tok {
		case token.EOF:
			return depth, open || last.IsOperator() && !closes(last) && last != token.INC && last != token.DEC
		case token.LPAREN, token.LBRACK, token.LBRACE:
			depth++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			depth--
		}
		if tok != token.SEMICOLON || lit == ";" {
			last = tok
		}
	}
}

func closes(tok token.Token) bool {
	return tok == token.RPAREN || tok == token.RBRACK || tok == token.RBRACE || tok == token.SEMICOLON
}

// entry is a line of the history: a cell and its execution count.
type entry struct {
	count  int
	source string
}

// noSlash replaces what * does not match in a pattern of package path.
func noSlash(s string) string { return strings.ReplaceAll(s, "/", "\x00") }

func (p *proxy) remember(count int, source string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.history = append(p.history, entry{count, source})
}

// recall returns the content of a history_reply. There is the history of this
// session only, which is number 1; 0 means the current one.
func (p *proxy) recall(content json.RawMessage) map[string]any {
	request := struct {
		Output  bool   `json:"output"`
		Access  string `json:"hist_access_type"`
		Session int    `json:"session"`
		Start   int    `json:"start"`
		Stop    *int   `json:"stop"`
		N       int    `json:"n"`
		Pattern string `json:"pattern"`
		Unique  bool   `json:"unique"`
	}{}
	if json.Unmarshal(content, &request) != nil {
		return errorReply("BadRequest", "the history_request cannot be read", nil)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []entry
	seen := map[string]bool{}
	for _, e := range p.history {
		keep := true
		switch request.Access {
		case "range":
			keep = (request.Session == 0 || request.Session == 1) && e.count >= request.Start && (request.Stop == nil || e.count < *request.Stop)
		case "search":
			matched, err := path.Match(noSlash(request.Pattern), noSlash(e.source))
			keep = (err == nil && matched || request.Pattern == "") && !(request.Unique && seen[e.source])
			seen[e.source] = true
		}
		if keep {
			found = append(found, e)
		}
	}
	if n := request.N; request.Access != "range" && n > 0 && len(found) > n {
		found = found[len(found)-n:]
	}
	history := [][]any{}
	for _, e := range found {
		if request.Output {
			history = append(history, []any{1, e.count, []any{e.source, nil}})
		} else {
			history = append(history, []any{1, e.count, e.source})
		}
	}
	return map[string]any{"status": "ok", "history": history}
}

// helpTime is how long a front end waits for completion and help.
const helpTime = 5 * time.Second

// atCursor is the content of a complete_request or an inspect_request.
type atCursor struct {
	Code   string `json:"code"`
	Cursor int    `json:"cursor_pos"` // in code points
}

// readCursor reads the content of such a request. A cursor outside of the code is
// at the nearer end of it.
func readCursor(content json.RawMessage) (at atCursor, err error) {
	err = json.Unmarshal(content, &at)
	at.Cursor = max(0, min(at.Cursor, len([]rune(at.Code))))
	return at, err
}

// inCommand reports whether the cursor is in a line that is not Go.
func (at atCursor) inCommand() bool {
	before := string([]rune(at.Code)[:at.Cursor])
	return otherLanguage.MatchString(at.Code) || isCommand(before[strings.LastIndexByte(before, '\n')+1:])
}

// complete returns the content of a complete_reply.
func (p *proxy) complete(ctx context.Context, content json.RawMessage) map[string]any {
	request, err := readCursor(content)
	if err != nil {
		return errorReply("BadRequest", "the complete_request cannot be read", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, helpTime)
	defer cancel()
	c := completion{start: request.Cursor}
	if !request.inCommand() && p.hasStarted(ctx) {
		if c, err = p.assistant.complete(ctx, request.Code, request.Cursor); err != nil {
			p.log.Print(err)
		}
	}
	matches := []string{}
	types := []map[string]any{}
	for _, m := range c.matches {
		matches = append(matches, m.text)
		types = append(types, map[string]any{"start": c.start, "end": request.Cursor, "text": m.text, "type": m.kind, "signature": m.detail})
	}
	return map[string]any{
		"status":       "ok",
		"matches":      matches,
		"cursor_start": c.start,
		"cursor_end":   request.Cursor,
		"metadata":     map[string]any{"_jupyter_types_experimental": types}, // JupyterLab shows kinds and signatures by it
	}
}

// inspect returns the content of an inspect_reply.
func (p *proxy) inspect(ctx context.Context, content json.RawMessage) map[string]any {
	request, err := readCursor(content)
	if err != nil {
		return errorReply("BadRequest", "the inspect_request cannot be read", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, helpTime)
	defer cancel()
	help := ""
	if !request.inCommand() && p.hasStarted(ctx) {
		if help, err = p.assistant.explain(ctx, request.Code, request.Cursor); err != nil {
			p.log.Print(err)
		}
	}
	data := map[string]string{}
	if help != "" {
		data["text/markdown"], data["text/plain"] = help, help
	}
	return map[string]any{"status": "ok", "found": help != "", "data": data, "metadata": struct{}{}}
}

// question is a cell that asks for help: ?fmt.Println or fmt.Println?
var question = regexp.MustCompile(`^\s*(?:\?([\w.]+)|([\w.]+)\?)\s*$`)

// page returns the payload of an execute_reply that shows help for name.
func (p *proxy) page(ctx context.Context, name string) []any {
	ctx, cancel := context.WithTimeout(ctx, helpTime)
	defer cancel()
	help, err := p.assistant.explain(ctx, name, len(name))
	if err != nil || help == "" {
		help = "Nothing is known of " + name + "."
	}
	return []any{map[string]any{"source": "page", "start": 0, "data": map[string]string{"text/plain": help, "text/markdown": help}}}
}

// hasStarted waits for the session and reports whether it has started.
func (p *proxy) hasStarted(ctx context.Context) bool {
	select {
	case <-p.started:
		return p.startErr == nil
	case <-ctx.Done():
		return false
	}
}

package kernel

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/formatters/html"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/alecthomas/chroma/v2/styles"
	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	goldmarkhtml "github.com/yuin/goldmark/renderer/html"
)

// Export writes the notebook into file as its name says: .ipynb, .html (see
// HTML) or .md (see Markdown; pictures go into a folder NAME_files beside it).
// Like Write it replaces the file at once.
func (nb *Notebook) Export(file string) error {
	name := filepath.Base(file)
	switch filepath.Ext(file) {
	case ".html":
		var b bytes.Buffer
		if err := nb.HTML(&b, strings.TrimSuffix(name, ".html")); err != nil {
			return fmt.Errorf("notebook %s: %w", file, err)
		}
		return replaceFile(file, b.Bytes())
	case ".md":
		folder := strings.TrimSuffix(name, ".md") + "_files"
		text, pictures := nb.Markdown(folder)
		for picture, data := range pictures {
			path := filepath.Join(filepath.Dir(file), folder, picture)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return fmt.Errorf("notebook %s: %w", file, err)
			}
			if err := replaceFile(path, data); err != nil {
				return err
			}
		}
		return replaceFile(file, text)
	case ".ipynb":
		return nb.Write(file)
	}
	return fmt.Errorf("notebook %s: a notebook is written as .ipynb, .html or .md", file)
}

//go:embed notebook.html
var notebookHTML string

var notebookTemplate = template.Must(template.New("notebook").Parse(notebookHTML))

// markdownHTML makes HTML of Markdown. HTML in it is let through, because
// notebooks have it, and cleaned after.
var markdownHTML = goldmark.New(
	goldmark.WithExtensions(extension.GFM),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(goldmarkhtml.WithUnsafe()),
)

var clean = func() *bluemonday.Policy {
	p := bluemonday.UGCPolicy()
	p.AllowDataURIImages()
	return p
}()

// HTML writes the notebook as one page that needs nothing else: no network, no
// server, no Jupyter. The outputs' own HTML is in it as it is, with its scripts,
// so figures are drawn and move as they do in Jupyter; Markdown is cleaned of
// whatever could do harm. The title is that of the first heading, or else the
// given one.
func (nb *Notebook) HTML(w io.Writer, title string) error {
	type cell struct {
		Type, ID   string
		Count      int
		Body, Code template.HTML
		Outputs    []template.HTML
	}
	page := struct {
		Title       string
		Light, Dark template.CSS
		Cells       []cell
	}{Title: nb.title(title)}
	for name, css := range map[string]*template.CSS{"github": &page.Light, "github-dark": &page.Dark} {
		var b strings.Builder
		if err := html.New(html.WithClasses(true)).WriteCSS(&b, styles.Get(name)); err != nil {
			return err
		}
		*css = template.CSS(b.String())
	}
	for _, c := range nb.Cells {
		shown := cell{Type: c.Type, ID: c.ID, Count: c.ExecutionCount}
		var err error
		switch c.Type {
		case "markdown":
			shown.Body, err = renderMarkdown(c.withAttachments())
		case "code":
			shown.Code, err = highlight(c.Source)
			for _, o := range c.Outputs {
				part, problem := o.html()
				if problem != nil {
					err = problem
				}
				shown.Outputs = append(shown.Outputs, part)
			}
		default:
			shown.Body = preformatted(c.Source)
		}
		if err != nil {
			return fmt.Errorf("cell %s: %w", c.ID, err)
		}
		page.Cells = append(page.Cells, shown)
	}
	return notebookTemplate.Execute(w, page)
}

var heading = regexp.MustCompile(`(?m)^#+[ \t]+(.+?)[ \t#]*$`)

func (nb *Notebook) title(otherwise string) string {
	for _, c := range nb.Cells {
		if m := heading.FindStringSubmatch(c.Source); c.Type == "markdown" && m != nil {
			return m[1]
		}
	}
	return otherwise
}

// withAttachments returns the source of a Markdown cell with the pictures that
// are attached to the cell in it.
func (c *Cell) withAttachments() string {
	var attachments map[string]map[string]string
	if json.Unmarshal(c.rest["attachments"], &attachments) != nil {
		return c.Source // it has none
	}
	source := c.Source
	for name, data := range attachments {
		for mime, content := range data {
			source = strings.ReplaceAll(source, "(attachment:"+name+")", "(data:"+mime+";base64,"+content+")")
		}
	}
	return source
}

func renderMarkdown(source string) (template.HTML, error) {
	var b bytes.Buffer
	if err := markdownHTML.Convert([]byte(source), &b); err != nil {
		return "", err
	}
	return template.HTML(clean.SanitizeBytes(b.Bytes())), nil
}

func highlight(source string) (template.HTML, error) {
	tokens, err := chroma.Coalesce(lexers.Get("go")).Tokenise(nil, source)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := html.New(html.WithClasses(true)).Format(&b, styles.Fallback, tokens); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil
}

func preformatted(text string) template.HTML {
	return template.HTML("<pre>" + template.HTMLEscapeString(text) + "</pre>")
}

// html returns the output as HTML.
func (o Output) html() (template.HTML, error) {
	switch o.Type {
	case "stream":
		return template.HTML(`<pre class="` + template.HTMLEscapeString(o.Name) + `">` + colored(screen(o.Text)) + "</pre>"), nil
	case "error":
		return template.HTML(`<pre class="error">` + colored(strings.Join(o.Traceback, "\n")) + "</pre>"), nil
	}
	kind, content := o.richest("text/html", "image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp", "text/markdown", "text/plain")
	switch {
	case kind == "text/html", kind == "image/svg+xml":
		return template.HTML(content), nil
	case kind == "text/markdown":
		return renderMarkdown(content)
	case strings.HasPrefix(kind, "image/"):
		alt, _ := o.text("text/plain")
		return template.HTML(`<img alt="` + template.HTMLEscapeString(alt) + `" src="data:` + kind + ";base64," + template.HTMLEscapeString(strings.TrimSpace(content)) + `">`), nil
	}
	return preformatted(content), nil
}

// text returns the content of one of an output's types.
func (o Output) text(mime string) (string, bool) {
	var t text
	raw, ok := o.Data[mime]
	ok = ok && json.Unmarshal(raw, &t) == nil
	return string(t), ok
}

// richest returns the first of the types that the output has, and its content.
func (o Output) richest(types ...string) (mime, content string) {
	for _, mime := range types {
		if content, ok := o.text(mime); ok {
			return mime, content
		}
	}
	return "", ""
}

// screen returns text as a terminal shows it in the end: a line that starts again
// with a carriage return is what was written last.
func screen(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		lines[i] = line[strings.LastIndexByte(line, '\r')+1:]
	}
	return strings.Join(lines, "\n")
}

// escape matches what tells a terminal how to show text, and its colour.
var escape = regexp.MustCompile("\x1b\\[([0-9;]*)[A-Za-z]")

// colored returns text as HTML, in the colours that its escape sequences ask for.
func colored(text string) string {
	var b strings.Builder
	open := false
	at := 0
	for _, m := range escape.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(template.HTMLEscapeString(text[at:m[0]]))
		at = m[1]
		if open {
			b.WriteString("</span>")
			open = false
		}
		for code := range strings.SplitSeq(text[m[2]:m[3]], ";") {
			if len(code) == 2 && (code[0] == '3' || code[0] == '9') && '1' <= code[1] && code[1] <= '6' {
				fmt.Fprintf(&b, `<span class="c%c">`, code[1])
				open = true
				break
			}
		}
	}
	b.WriteString(template.HTMLEscapeString(text[at:]))
	if open {
		b.WriteString("</span>")
	}
	return b.String()
}

// Markdown returns the notebook as Markdown: its text as it is, code and printed
// output between fences, and pictures as files in folder, whose names and
// contents it returns. What was shown as HTML, Markdown has as plain text.
func (nb *Notebook) Markdown(folder string) (markdown []byte, pictures map[string][]byte) {
	var b bytes.Buffer
	pictures = map[string][]byte{}
	fence := func(language, content string) {
		content = strings.TrimRight(content, "\n")
		if content == "" {
			return
		}
		ticks := "```"
		for strings.Contains(content, ticks) {
			ticks += "`"
		}
		fmt.Fprintf(&b, "%s%s\n%s\n%s\n\n", ticks, language, content, ticks)
	}
	number := 0
	for _, c := range nb.Cells {
		switch c.Type {
		case "markdown":
			b.WriteString(strings.TrimRight(c.withAttachments(), "\n") + "\n\n")
			continue
		case "code":
			fence("go", c.Source)
		default:
			fence("", c.Source)
		}
		for _, o := range c.Outputs {
			switch o.Type {
			case "stream":
				fence("text", escape.ReplaceAllString(screen(o.Text), ""))
				continue
			case "error":
				fence("text", escape.ReplaceAllString(strings.Join(o.Traceback, "\n"), ""))
				continue
			}
			kind, content := o.richest("image/png", "image/jpeg", "image/gif", "image/svg+xml", "text/markdown", "text/plain")
			switch {
			case strings.HasPrefix(kind, "image/"):
				data := []byte(content)
				if kind != "image/svg+xml" {
					var err error
					if data, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(content, "\n", "")); err != nil {
						continue // no program can show it
					}
				}
				number++
				suffix := strings.TrimSuffix(strings.TrimPrefix(kind, "image/"), "+xml")
				name := fmt.Sprintf("%s-%d.%s", c.ID, number, suffix)
				pictures[name] = data
				alt, _ := o.text("text/plain")
				fmt.Fprintf(&b, "![%s](%s/%s)\n\n", strings.Join(strings.Fields(alt), " "), folder, name)
			case kind == "text/markdown":
				b.WriteString(strings.TrimRight(content, "\n") + "\n\n")
			default:
				fence("text", content)
			}
		}
	}
	return slices.Concat(bytes.TrimRight(b.Bytes(), "\n"), []byte("\n")), pictures
}

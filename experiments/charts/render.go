package charts

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
)

// Everything that becomes HTML goes through these templates: html/template
// escapes names and titles by where they stand, and writes options as JSON in
// which no "</script>" survives.

//go:embed figure.html
var figureHTML string

var templates = template.Must(template.New("charts").Parse(figureHTML))

// view is what the templates see of a Figure.
type view struct {
	Figure
	Still  template.URL // a data: URL, or ""
	Height int
	Wide   bool // takes a row of its own
	Table  *Table
}

func (f Figure) view() view {
	o, ok := parse(f.Option) // once: it is most of the work where there are many points
	v := view{Figure: f, Height: f.height(), Table: f.tableOf(o, ok)}
	if ok {
		v.Wide = o.Width > 0
	} else if v.Table != nil {
		v.Wide = len(v.Table.Columns) > 5
	}
	if svg := f.stillOf(o, ok); svg != nil {
		v.Still = template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg))
	}
	return v
}

// Words reports of each column whether it holds words rather than numbers: most
// of what stands in it does not begin as a number does.
func (t *Table) Words() []bool {
	columns := len(t.Columns)
	for _, row := range t.Rows {
		columns = max(columns, len(row))
	}
	words := make([]bool, columns)
	for i := range words {
		count := 0
		for _, row := range t.Rows {
			if i < len(row) && row[i] != "" {
				if strings.ContainsRune("0123456789-−+.<>≤≥", []rune(row[i])[0]) || row[i] == "NaN" {
					count--
				} else {
					count++
				}
			}
		}
		words[i] = count > 0
	}
	return words
}

// Fragment returns f as HTML for a page that has Driver and CSS. It is a still
// picture with a table until the driver has drawn it.
func (f Figure) Fragment() template.HTML {
	return execute("figure", f.view())
}

func execute(name string, data any) template.HTML {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		// The templates are ours and strings.Builder does not fail.
		panic(fmt.Sprintf("charts: %v", err))
	}
	return template.HTML(b.String())
}

// Cell returns f as the output of a notebook cell. It needs no network: with
// withScript the library travels in the output, packed, and draws this figure
// and all others in the notebook, earlier and later ones. Call it with the
// script for the first output of a cell and for the one that stays; updates
// between them go without. A figure that replaces one of the same ID in the
// same notebook takes over its canvas, so updating does not flicker.
//
// Where scripts do not run, or no library is found, the output is a still
// picture and a table.
func (f Figure) Cell(withScript bool) string {
	return Cell([]Figure{f}, withScript)
}

// Cell returns several figures as one output. See Figure.Cell.
func Cell(figures []Figure, withScript bool) string {
	data := struct {
		Figures []view
		CSS     template.CSS
		Driver  template.JS
		Library string
	}{CSS: template.CSS(chartCSS)}
	for _, f := range figures {
		data.Figures = append(data.Figures, f.view())
	}
	if withScript {
		// Without a library the still pictures stay.
		if library, err := packed(); err == nil {
			data.Driver, data.Library = template.JS(inline(chartJS)), library
		}
	}
	return string(execute("cell", data))
}

// Text returns f as plain text: its sentence, and its table.
func (f Figure) Text() string {
	var b strings.Builder
	fmt.Fprintln(&b, f.Alt)
	t := f.table()
	if t == nil {
		return b.String()
	}
	rows := append([][]string{t.Columns}, t.Rows...)
	widths := make([]int, len(t.Columns))
	for _, row := range rows {
		for i, cell := range row[:min(len(row), len(widths))] {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row[:min(len(row), len(widths))] {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i == 0 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString("  " + pad + cell)
			}
		}
		fmt.Fprintln(&b, strings.TrimRight(line.String(), " "))
	}
	return b.String()
}

// WritePage writes figures as one HTML file that opens from disk, with its
// charts, without a server or a network. Without a library the charts are still
// pictures.
func WritePage(w io.Writer, title string, figures ...Figure) error {
	scripts := Inline()
	data := struct {
		Title   string
		Policy  string
		Figures []view
		CSS     template.CSS
		Scripts []template.JS
	}{Title: title, Policy: Policy(scripts), CSS: template.CSS(chartCSS), Scripts: scripts}
	for _, f := range figures {
		data.Figures = append(data.Figures, f.view())
	}
	if err := templates.ExecuteTemplate(w, "page", data); err != nil {
		return fmt.Errorf("page %q: %w", title, err)
	}
	return nil
}

// Inline returns the scripts that a file of its own needs, in order, safe
// between <script> tags. Without a library there is none.
func Inline() []template.JS {
	js, err := Script()
	if err != nil {
		return nil
	}
	return []template.JS{template.JS(inline(js)), template.JS(inline(chartJS))}
}

// Policy returns the Content-Security-Policy of a file that holds these scripts:
// they run and no others, whatever options and names hold, and nothing is loaded
// from anywhere.
func Policy(scripts []template.JS) string {
	policy := "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
	if len(scripts) > 0 {
		policy += "; script-src"
	}
	for _, js := range scripts {
		sum := sha256.Sum256([]byte(js))
		policy += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return policy
}

// inline returns js with nothing in it that ends a <script> element. In
// JavaScript both sequences stand only in strings, comments and regular
// expressions, where the backslash changes nothing.
func inline(js []byte) []byte {
	js = bytes.ReplaceAll(js, []byte("</script"), []byte(`<\/script`))
	return bytes.ReplaceAll(js, []byte("<!--"), []byte(`<\!--`))
}

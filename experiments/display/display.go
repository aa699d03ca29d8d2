// Package display shows things in the output of a notebook cell: figures,
// tables, pictures, Markdown, progress. Each goes out as HTML and as plain text; a
// program that runs in a terminal prints the text.
//
//	display.Figure(charts.Curves("loss", "Loss", lines, charts.CurveOptions{}))
//	display.Images(4, films...)
//	display.Table([]string{"split", "films"}, [][]string{{"train", "4708"}, {"test", "624"}})
package display

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"image"
	"image/png"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/assay-ml/assay/experiments/charts"
)

// InNotebook reports whether this program is a cell.
func InNotebook() bool { return inBand || gonbui.IsNotebook }

// Figure shows figures, one below the other.
func Figure(figures ...charts.Figure) {
	var text strings.Builder
	for _, f := range figures {
		text.WriteString(f.Text())
	}
	loadScript()
	show(text.String(), charts.Cell(figures, false))
}

// Table shows rows under named columns.
func Table(columns []string, rows [][]string) {
	t := charts.Figure{Table: &charts.Table{Columns: columns, Rows: rows}}
	show(t.Text(), render("table", t.Table))
}

// HTML shows html, which is trusted, and text where HTML cannot be shown.
func HTML(html template.HTML, text string) {
	show(strings.TrimRight(text, "\n")+"\n", string(html))
}

// Chart shows an ECharts option: what go-echarts makes, a map, or anything else
// that JSON writes as such. alt says in a sentence what there is to see: for those
// who do not see it, and where no chart can be drawn. It returns the error of an
// option that JSON cannot write. Package charts has ready figures.
func Chart(title, alt string, option any) error {
	if chart, ok := option.(interface {
		Validate()
		JSON() map[string]any
	}); ok { // one of go-echarts'
		chart.Validate()
		option = chart.JSON()
	}
	b, err := json.Marshal(option)
	if err != nil {
		return fmt.Errorf("chart %q: %w", title, err)
	}
	id := fmt.Sprintf("chart-%s-%d", os.Getenv("ASSAY_CELL"), drawn.Add(1))
	Figure(charts.Figure{ID: id, Title: title, Alt: alt, Option: b})
	return nil
}

// drawn counts the charts of this program.
var drawn atomic.Int64

// Markdown shows Markdown text. A notebook renders it as it does its own cells.
func Markdown(text string) {
	if !InNotebook() {
		fmt.Println(text)
		return
	}
	sendMIME("", map[string]string{"text/markdown": text, "text/plain": text})
	Flush()
}

// Picture is an image with what is written below it.
type Picture struct {
	Image   image.Image
	Caption string
}

// Images shows pictures in rows of perRow, small ones enlarged without
// smoothing. It returns the error of a picture that PNG cannot hold.
func Images(perRow int, pictures ...Picture) error {
	type cell struct {
		Source  template.URL
		Caption string
		Width   int
	}
	grid := struct {
		PerRow int
		Cells  []cell
	}{PerRow: max(perRow, 1)}
	var text strings.Builder
	for i, p := range pictures {
		var b bytes.Buffer
		if err := png.Encode(&b, p.Image); err != nil {
			return fmt.Errorf("picture %d: %w", i, err)
		}
		size := p.Image.Bounds().Size()
		grid.Cells = append(grid.Cells, cell{
			Source:  template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())),
			Caption: p.Caption,
			Width:   size.X,
		})
		fmt.Fprintf(&text, "[picture %dx%d] %s\n", size.X, size.Y, p.Caption)
	}
	show(text.String(), render("images", grid))
	return nil
}

// Live is one place in a cell's output that changes while the program runs.
type Live struct {
	id    string
	shown bool
}

// NewLive returns a place that shows nothing yet. id is unique in the notebook.
func NewLive(id string) *Live { return &Live{id: id} }

// HTML replaces what the place shows. html is trusted. Outside a notebook it
// shows nothing: a terminal scrolls, it does not change.
func (l *Live) HTML(text string, html template.HTML) {
	if InNotebook() {
		send(l.id, text, string(html))
	}
}

// Figures replaces what the place shows by figures.
func (l *Live) Figures(figures ...charts.Figure) {
	if !InNotebook() || len(figures) == 0 {
		return
	}
	if !l.shown {
		loadScript()
		l.shown = true
	}
	var text strings.Builder
	for _, f := range figures {
		fmt.Fprintln(&text, f.Alt)
	}
	send(l.id, text.String(), charts.Cell(figures, false))
}

// Clear empties the place, if it shows anything.
func (l *Live) Clear() {
	if l.shown {
		send(l.id, "", "")
	}
}

// Flush waits until the notebook has what was shown. A program that ends
// without it may lose the last of its output.
func Flush() {
	if !inBand {
		gonbui.Sync()
	}
}

// Ending tells the notebook that the program has heard an interrupt, and will end
// by itself: it is not killed at once.
func Ending() {
	if inBand {
		_, _ = os.Stdout.WriteString("\x1b_assay;ending\x1b\\")
	}
}

func show(text, html string) {
	if !InNotebook() {
		fmt.Print(text)
		return
	}
	send("", text, html)
	Flush()
}

// inBand is whether the kernel takes rich output as frames on stdout, in order
// with what the program prints. GoNB alone does not.
var inBand = os.Getenv("ASSAY_DISPLAY") == "stdout"

// frame is the content of Jupyter's display_data and update_display_data messages.
type frame struct {
	Data      map[string]string `json:"data"`
	Metadata  struct{}          `json:"metadata"`
	Transient map[string]string `json:"transient"`
	Update    bool              `json:"update"` // replace what the display_id showed
}

var (
	showing sync.Mutex
	shown   = map[string]bool{} // display ids
)

// send shows HTML, with plain text for where it cannot be shown. Under an id it
// replaces what the id showed.
func send(id, text, html string) {
	sendMIME(id, map[string]string{"text/html": html, "text/plain": text})
}

func sendMIME(id string, data map[string]string) {
	if !inBand {
		mime := map[protocol.MIMEType]any{}
		for kind, content := range data {
			mime[protocol.MIMEType(kind)] = content
		}
		gonbui.SendData(&protocol.DisplayData{Data: mime, DisplayID: id})
		return
	}
	f := frame{Data: data, Transient: map[string]string{}}
	showing.Lock()
	defer showing.Unlock()
	if id != "" {
		f.Transient["display_id"] = id
		f.Update = shown[id]
		shown[id] = true
	}
	b, err := json.Marshal(f)
	if err != nil {
		panic(fmt.Sprintf("display: %v", err)) // strings always marshal
	}
	// One write, so that nothing another goroutine prints comes between. If
	// stdout is gone, nobody is there to see the output.
	_, _ = os.Stdout.WriteString("\x1b_assay;" + string(b) + "\x1b\\")
}

// loadScript puts the charts' script into the notebook: in the first cell of a
// kernel session that needs it, in an output of its own that no update replaces.
// A saved notebook keeps it, so that its charts are drawn when it is opened
// again; every figure also carries a still picture.
var loadScript = func() func() {
	var once sync.Once
	return func() { once.Do(loadScriptOnce) }
}()

func loadScriptOnce() {
	if !InNotebook() {
		return
	}
	cell := os.Getenv("ASSAY_CELL_ID")
	mark := ""
	if dir := os.Getenv(protocol.GONB_TMP_DIR_ENV); dir != "" {
		mark = dir + "/.assay-charts"
		if by, err := os.ReadFile(mark); err == nil && (cell == "" || string(by) != cell) {
			return // another cell of this session has it
		}
	}
	send("", "", charts.Cell(nil, true))
	if mark != "" {
		// Without the mark the next cell loads it again, which does no harm.
		_ = os.WriteFile(mark, []byte(cell), 0o600)
	}
}

func render(name string, data any) string {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		panic(fmt.Sprintf("display: %v", err)) // the templates are ours and strings.Builder does not fail
	}
	return b.String()
}

var templates = template.Must(template.New("display").Parse(`
{{define "table"}}<table class="assay-table"><thead><tr>{{range .Columns}}<th scope="col">{{.}}</th>{{end}}</tr></thead>
<tbody>{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>{{end}}</tbody></table>{{end}}

{{define "progress"}}<div style="font:13px/1.5 system-ui,sans-serif;max-width:40rem"><div role="progressbar" aria-label="{{.Text}}" aria-valuemin="0" aria-valuemax="100"{{if .Known}} aria-valuenow="{{printf "%.0f" .Share}}"{{end}} style="height:6px;border-radius:3px;background:rgba(127,127,127,.2);overflow:hidden;margin:4px 0"><div style="height:100%;width:{{printf "%.1f" .Share}}%;background:#0072b2"></div></div>{{.Text}}</div>{{end}}

{{define "images"}}<div style="display:grid;grid-template-columns:repeat({{.PerRow}},max-content);gap:12px">
{{range .Cells}}<figure style="margin:0;max-width:220px"><img src="{{.Source}}" alt="{{.Caption}}" style="width:{{if lt .Width 112}}112px{{else}}200px{{end}};image-rendering:{{if lt .Width 112}}pixelated{{else}}auto{{end}};display:block">
<figcaption style="font-size:12px;line-height:1.4;padding-top:4px">{{.Caption}}</figcaption></figure>{{end}}</div>{{end}}
`))

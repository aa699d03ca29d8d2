package kernel

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// everyOutput is a notebook with each kind of cell and output.
func everyOutput() *Notebook {
	data := func(pairs ...string) Output {
		o := Output{Type: "display_data", Data: Object{}}
		for i := 0; i < len(pairs); i += 2 {
			o.Data[pairs[i]], _ = encodeJSON(pairs[i+1])
		}
		return o
	}
	nb := testNotebook("fmt.Println(\"<é>\")")
	nb.Cells[0].ID, nb.Cells[0].ExecutionCount = "code", 7
	nb.Cells[0].Outputs = []Output{
		Stream("stdout", "<é>\n10%\r20%\n```\n"),
		{Type: "error", EName: "Panic", EValue: "boom", Traceback: []string{red + "Panic" + plain + ": <boom>", "line 2"}},
		data("text/html", "<div data-x>live</div><script>window.drawn = 1 < 2</script>", "text/plain", "a figure"),
		data("image/png", "iVBORw0KGgo=\n", "text/plain", "[picture 1x1] \"dot\""),
		data("text/markdown", "**bold** <script>bad()</script>"),
		data("text/plain", "4 < 5"),
	}
	about := &Cell{ID: "about", Type: "markdown", Metadata: Object{}, rest: Object{"attachments": json.RawMessage(`{"a.png": {"image/png": "AAAA"}}`)},
		Source: "# About <x>\n\n|a|b|\n|-|-|\n|1|2|\n\n![p](attachment:a.png) <b onclick=\"bad()\">raw</b>"}
	nb.Cells = append([]*Cell{about}, nb.Cells...)
	nb.Cells = append(nb.Cells, &Cell{ID: "raw", Type: "raw", Source: "a <raw> cell", Metadata: Object{}})
	return nb
}

func TestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := everyOutput().HTML(&b, "file"); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"<title>About &lt;x&gt;</title>", "<td>1</td>", `src="data:image/png;base64,AAAA"`, "<b>raw</b>",
		`<div class="count">[7]</div>`, `<pre class="chroma">`,
		"<pre class=\"stdout\">&lt;é&gt;\n20%\n```\n</pre>", `<span class="c1">Panic</span>: &lt;boom&gt;`,
		"<div data-x>live</div><script>window.drawn = 1 < 2</script>",
		`<img alt="[picture 1x1] &#34;dot&#34;" src="data:image/png;base64,iVBORw0KGgo=">`,
		"<strong>bold</strong>", "<pre>4 &lt; 5</pre>", "<pre>a &lt;raw&gt; cell</pre>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, never := range []string{"bad()", "10%", "http:", "https:", "<é>"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %s", never)
		}
	}
}

func TestMarkdown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.md")
	if err := everyOutput().Export(file); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := "# About <x>\n\n|a|b|\n|-|-|\n|1|2|\n\n![p](data:image/png;base64,AAAA) <b onclick=\"bad()\">raw</b>\n\n" +
		"```go\nfmt.Println(\"<é>\")\n```\n\n" +
		"````text\n<é>\n20%\n```\n````\n\n" +
		"```text\nPanic: <boom>\nline 2\n```\n\n" +
		"```text\na figure\n```\n\n" +
		"![[picture 1x1] \"dot\"](out_files/code-1.png)\n\n" +
		"**bold** <script>bad()</script>\n\n" +
		"```text\n4 < 5\n```\n\n" +
		"```\na <raw> cell\n```\n"
	if string(got) != want {
		t.Errorf("Markdown is\n%s\nwant\n%s", got, want)
	}
	picture, err := os.ReadFile(filepath.Join(filepath.Dir(file), "out_files", "code-1.png"))
	if err != nil || string(picture) != "\x89PNG\r\n\x1a\n" {
		t.Errorf("the picture is %q, %v", picture, err)
	}
	if err := everyOutput().Export(filepath.Join(t.TempDir(), "out.pdf")); err == nil || !strings.Contains(err.Error(), ".ipynb, .html or .md") {
		t.Errorf("a PDF: %v", err)
	}
}

package web

import (
	"bytes"
	"fmt"
	"html/template"
	"time"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/formatters/html"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/alecthomas/chroma/v2/styles"
	"github.com/dustin/go-humanize"
	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/assay-ml/assay/store"
)

// took writes how long a run took, or has been running.
func took(run store.Run) string {
	end := run.Ended
	if end.IsZero() {
		end = time.Now()
	}
	return span(end.Sub(run.Started))
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// left guesses how long a running run has to go, from its progress so far.
func left(run store.Run) string {
	if run.Status != store.Running || run.Done <= 0 || run.Planned <= run.Done {
		return ""
	}
	each := time.Since(run.Started) / time.Duration(run.Done)
	return span(each * time.Duration(run.Planned-run.Done))
}

var clean = bluemonday.UGCPolicy()

var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM))

// noteHTML returns a note, written in Markdown, as HTML that can do no harm.
func noteHTML(note string) (template.HTML, error) {
	var b bytes.Buffer
	if err := markdown.Convert([]byte(note), &b); err != nil {
		return "", fmt.Errorf("note: %w", err)
	}
	return template.HTML(clean.SanitizeBytes(b.Bytes())), nil
}

// codeHTML returns Go source with its parts in classes that style.css colours.
func codeHTML(source string) (template.HTML, error) {
	tokens, err := chroma.Coalesce(lexers.Get("go")).Tokenise(nil, source)
	if err != nil {
		return "", fmt.Errorf("source: %w", err)
	}
	var b bytes.Buffer
	if err := html.New(html.WithClasses(true)).Format(&b, styles.Fallback, tokens); err != nil {
		return "", fmt.Errorf("source: %w", err)
	}
	return template.HTML(b.String()), nil
}

// ago writes a time as people say it.
func ago(t time.Time) string { return humanize.Time(t) }

package display

import (
	"fmt"
	"html/template"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// Progress is a bar in the cell's output, or on the terminal, that fills up. Its
// methods may be called from several goroutines.
//
//	bar := display.NewProgress("reading films", len(files))
//	for _, file := range files {
//		…
//		bar.Add(1)
//	}
//	bar.Done()
type Progress struct {
	what     string
	total    int
	started  time.Time
	place    *Live
	terminal bool

	mu    sync.Mutex
	done  int
	drawn time.Time
	ended bool
}

// redraw is how often a bar is drawn again at most.
const redraw = 100 * time.Millisecond

// bars counts those of this program.
var bars atomic.Int64

// NewProgress shows a bar for total steps of what; 0 if it is not known how many.
func NewProgress(what string, total int) *Progress {
	p := &Progress{
		what: what, total: max(total, 0), started: time.Now(),
		place:    NewLive(fmt.Sprintf("assay-progress-%s-%d", os.Getenv("ASSAY_CELL"), bars.Add(1))),
		terminal: !InNotebook() && term.IsTerminal(int(os.Stderr.Fd())),
	}
	p.draw()
	return p
}

// Add says that n more steps are done.
func (p *Progress) Add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if !p.ended && time.Since(p.drawn) > redraw {
		p.draw()
	}
}

// Done ends the bar, and says how many steps were done and how long they took.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.ended = true
	p.draw()
	Flush()
}

// draw shows the bar as it is now.
func (p *Progress) draw() {
	p.drawn = time.Now()
	text := p.text()
	switch {
	case InNotebook():
		share, known := 0.0, p.total > 0
		switch {
		case known:
			share = min(100, 100*float64(p.done)/float64(p.total))
		case p.ended:
			share, known = 100, true
		}
		p.place.HTML(text, template.HTML(render("progress", struct {
			Share float64
			Known bool
			Text  string
		}{share, known, text})))
	case p.terminal && !p.ended:
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s", text)
	case p.terminal:
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s\n", text)
	case p.ended: // in a file one line is enough
		fmt.Fprintln(os.Stderr, text)
	}
}

// text is the bar in words: reading films: 30 of 120, 25 %, 9 s left
func (p *Progress) text() string {
	var parts []string
	took := time.Since(p.started)
	switch {
	case p.total > 0:
		parts = append(parts, fmt.Sprintf("%d of %d", p.done, p.total))
		if !p.ended {
			parts = append(parts, fmt.Sprintf("%.0f %%", 100*float64(p.done)/float64(p.total)))
		}
	default:
		parts = append(parts, fmt.Sprint(p.done))
	}
	switch {
	case p.ended:
		parts = append(parts, fmt.Sprintf("in %.1f s", took.Seconds()))
	case p.done > 0 && p.done < p.total:
		left := time.Duration(float64(took) / float64(p.done) * float64(p.total-p.done))
		parts = append(parts, left.Round(time.Second).String()+" left")
	}
	return p.what + ": " + strings.Join(parts, ", ")
}

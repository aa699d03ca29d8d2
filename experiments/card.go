package experiments

import (
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/experiments/display"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// state is what a card or a progress bar says.
type state struct {
	Experiment, Name, ID string
	Status               store.Status
	Message              string // why it failed
	Fault                string // what could not be recorded
	Done, Planned        int64
	Rate                 float64 // steps a second; 0 if not known
	Elapsed, Left        time.Duration
	Latest               []latest
	Results              []result
	Part                 bool // of another run, whose card sums it up: its own is short once it has ended
	Parts                Parts
}

type latest struct {
	Name  string
	Value float64
}

// result is a metric beside the best that an earlier run had.
type result struct {
	Name             string
	Value, Low, High float64 // NaN for an interval that is not known
	Best             float64 // NaN if no earlier run has it
	BestRun          string
}

// Interval returns the interval as text, or "".
func (r result) Interval() string {
	if math.IsNaN(r.Low) || math.IsNaN(r.High) {
		return ""
	}
	return charts.Format(r.Low) + " – " + charts.Format(r.High)
}

// Change returns how the value compares with the best before: "better", "worse",
// "same", "about the same" if the best before lies in the value's interval, or ""
// where there is none.
func (r result) Change() string {
	switch {
	case math.IsNaN(r.Best) || math.IsNaN(r.Value):
		return ""
	case r.Value == r.Best:
		return "same"
	case r.Low <= r.Best && r.Best <= r.High:
		return "about the same"
	case r.Value < r.Best == models.LowerIsBetter(r.Name):
		return "better"
	}
	return "worse"
}

// Compared reports whether there is an earlier run to compare any result with.
func (s state) Compared() bool {
	return slices.ContainsFunc(s.Results, func(r result) bool { return !math.IsNaN(r.Best) })
}

// Short reports whether the card is to be short.
func (s state) Short() bool { return s.Part && s.Status != store.Running }

// Summary returns the first few results as one line.
func (s state) Summary() string {
	const most = 3
	var said []string
	for _, r := range s.Results[:min(most, len(s.Results))] {
		text := r.Name + " " + charts.Format(r.Value)
		if interval := r.Interval(); interval != "" {
			text += " (" + interval + ")"
		}
		said = append(said, text)
	}
	return strings.Join(said, ", ")
}

// Percent returns how much of the plan is done, 0 to 100.
func (s state) Percent() float64 {
	if s.Planned <= 0 {
		return 0
	}
	return min(100, 100*float64(s.Done)/float64(s.Planned))
}

// Progress returns the progress as a sentence.
func (s state) Progress() string {
	var parts []string
	switch {
	case s.Planned > 0:
		parts = append(parts, fmt.Sprintf("step %s of %s", humanize.Comma(s.Done), humanize.Comma(s.Planned)))
	case s.Done > 0:
		parts = append(parts, "step "+humanize.Comma(s.Done))
	case s.Status == store.Running:
		parts = append(parts, "starting")
	}
	if s.Status != store.Running {
		parts = append(parts, "took "+clock(s.Elapsed))
		return strings.Join(parts, ", ")
	}
	if s.Rate > 0 {
		parts = append(parts, fmt.Sprintf("%s steps/s", charts.Format(math.Round(s.Rate*10)/10)))
	}
	if s.Left > 0 {
		parts = append(parts, clock(s.Left)+" left")
	}
	return strings.Join(parts, ", ")
}

// clock writes a duration to the second.
func clock(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	d = d.Round(time.Second)
	if d < time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return strings.TrimSuffix(d.String(), "0s")
}

// bar returns the state as one line of at most width columns.
func (s state) bar(width int) string {
	const cells = 24
	var b strings.Builder
	if s.Planned > 0 {
		full := int(s.Percent() / 100 * cells)
		b.WriteString(strings.Repeat("█", full) + strings.Repeat("░", cells-full) + " ")
	}
	b.WriteString(s.Progress())
	for _, l := range s.Latest {
		fmt.Fprintf(&b, "  %s %s", l.Name, charts.Format(l.Value))
	}
	line := []rune(b.String())
	return string(line[:min(len(line), max(width-1, 20))])
}

// text returns the state of an ended run as lines.
func (s state) text() string {
	var b strings.Builder
	write := func(t *charts.Table) {
		b.WriteString(strings.TrimPrefix(charts.Figure{Table: t}.Text(), "\n"))
	}
	fmt.Fprintf(&b, "run %s (%s) of %s: %s, %s\n", s.Name, s.ID, s.Experiment, s.Status, s.Progress())
	if s.Message != "" {
		fmt.Fprintln(&b, s.Message)
	}
	if s.Fault != "" {
		fmt.Fprintln(&b, "not all was recorded: "+s.Fault)
	}
	if len(s.Results) > 0 {
		table := &charts.Table{Columns: []string{"metric", "value", "95 % interval"}}
		if s.Compared() {
			table.Columns = append(table.Columns, "best before", "of run", "")
		}
		for _, r := range s.Results {
			row := []string{r.Name, charts.Format(r.Value), r.Interval()}
			switch {
			case !s.Compared():
			case math.IsNaN(r.Best):
				row = append(row, "", "", "")
			default:
				row = append(row, charts.Format(r.Best), r.BestRun, r.Change())
			}
			table.Rows = append(table.Rows, row)
		}
		write(table)
	}
	if len(s.Parts.Runs) > 0 {
		table := &charts.Table{Columns: append([]string{"part", "status"}, s.Parts.Metrics...)}
		for _, p := range s.Parts.Runs {
			row := []string{p.Name, string(p.Status)}
			for _, v := range p.Values {
				row = append(row, v.Text())
			}
			table.Rows = append(table.Rows, row)
		}
		write(table)
	}
	if s.Parts.More > 0 {
		fmt.Fprintf(&b, "and %d more\n", s.Parts.More)
	}
	return b.String()
}

// card is a run in a cell's output: what it is and how far, and its curves.
type card struct{ head, plots *display.Live }

func newCard(run *Run) *card {
	return &card{display.NewLive("assay-run-" + run.ID()), display.NewLive("assay-curves-" + run.ID())}
}

//go:embed card.html
var cardHTML string

var cardTemplate = template.Must(template.New("card").Funcs(template.FuncMap{"number": charts.Format, "isNaN": math.IsNaN}).Parse(cardHTML))

func (c *card) draw(s state, figures []charts.Figure) {
	var b strings.Builder
	if err := cardTemplate.Execute(&b, s); err != nil {
		panic(fmt.Sprintf("experiments: card: %v", err)) // the template is ours and strings.Builder does not fail
	}
	// The text is without other runs: a notebook is checked against what it stores.
	s.Results = slices.Clone(s.Results)
	for i := range s.Results {
		s.Results[i].Best, s.Results[i].BestRun = math.NaN(), ""
	}
	c.head.HTML(s.text(), template.HTML(b.String()))
	if s.Short() {
		c.plots.Clear()
		return
	}
	c.plots.Figures(figures...)
}

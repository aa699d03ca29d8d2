package kernel

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Difference is a place where an execution of a notebook put out something else
// than the notebook stores.
type Difference struct {
	Cell   int // its number among the code cells, from 1
	CellID string
	Output int    // of the cell, from 1; 0 if it is about all of them
	Line   int    // of the output's text, from 1; 0 if it is about all of it
	What   string // is different
}

// String returns the difference as a sentence.
func (d Difference) String() string {
	at := fmt.Sprintf("cell %d (id %s)", d.Cell, d.CellID)
	if d.Output > 0 {
		at += fmt.Sprintf(", output %d", d.Output)
	}
	if d.Line > 0 {
		at += fmt.Sprintf(", line %d", d.Line)
	}
	return at + ": " + d.What
}

// ignoreOutput tags a cell whose output may be different each time, as nbval has it.
const ignoreOutput = "nbval-ignore-output"

// Compare returns where the outputs of a notebook that was executed differ from
// those that stored has, and how many cells it compared: those that were executed
// now and before, and are not tagged nbval-ignore-output.
//
// Numbers may differ by tolerance, relative to the larger. Times of day, durations,
// speeds, addresses in memory, temporary files and the generated names and ids of
// runs are different each time, and not compared; nor are blanks, what was written
// on stderr, and HTML that has its own plain text.
func Compare(stored, executed *Notebook, tolerance float64) (differences []Difference, compared int) {
	before := map[string]*Cell{}
	for _, c := range stored.Cells {
		before[c.ID] = c
	}
	number := 0
	for _, c := range executed.Cells {
		if c.Type != "code" {
			continue
		}
		number++
		old := before[c.ID]
		if c.ExecutionCount == 0 || old == nil || old.ExecutionCount == 0 && len(old.Outputs) == 0 || c.Tagged(ignoreOutput) {
			continue
		}
		compared++
		for _, d := range compareCells(old, c, tolerance) {
			d.Cell, d.CellID = number, c.ID
			differences = append(differences, d)
		}
	}
	return differences, compared
}

// maxDifferences is how many are told of one output.
const maxDifferences = 10

func compareCells(stored, executed *Cell, tolerance float64) []Difference {
	isStderr := func(o Output) bool { return o.Type == "stream" && o.Name == "stderr" }
	// Text that stderr came between is one text.
	join := func(outputs []Output) (all []Output) {
		for _, o := range outputs {
			last := len(all) - 1
			switch {
			case isStderr(o):
			case o.Type == "stream" && last >= 0 && all[last].Type == "stream":
				all[last].Text += o.Text
			default:
				all = append(all, o)
			}
		}
		return all
	}
	was, is := join(stored.Outputs), join(executed.Outputs)
	var all []Difference
	for i := range min(len(was), len(is)) {
		found := compareOutputs(was[i], is[i], tolerance)
		if more := len(found) - maxDifferences; more > 0 {
			found = append(found[:maxDifferences], Difference{What: fmt.Sprintf("and %d more differences", more)})
		}
		for _, d := range found {
			d.Output = i + 1
			all = append(all, d)
		}
	}
	if len(was) != len(is) {
		all = append(all, Difference{What: fmt.Sprintf("%d outputs instead of the stored %d", len(is), len(was))})
	}
	return all
}

func compareOutputs(stored, executed Output, tolerance float64) []Difference {
	if stored.Type != executed.Type {
		return []Difference{{What: fmt.Sprintf("%s instead of the stored %s", executed.Type, stored.Type)}}
	}
	switch stored.Type {
	case "stream":
		return compareTexts(screen(stored.Text), screen(executed.Text), tolerance)
	case "error":
		return compareTexts(stored.EName+": "+stored.EValue, executed.EName+": "+executed.EValue, tolerance)
	}
	var all []Difference
	for mime := range stored.Data {
		if _, ok := executed.Data[mime]; !ok {
			all = append(all, Difference{What: "the stored output has " + mime + ", and this one has not"})
		}
	}
	for _, mime := range []string{"image/png", "image/jpeg", "image/gif"} {
		was, _ := stored.text(mime)
		is, _ := executed.text(mime)
		if a, b := unpackImage(was), unpackImage(is); !bytes.Equal(a, b) {
			all = append(all, Difference{What: "the picture is another than the stored one"})
		}
	}
	was, own := stored.text("text/plain")
	if !own || strings.HasPrefix(was, "<text/html>") {
		was, _ = stored.text("text/html")
		is, _ := executed.text("text/html")
		return append(all, compareTexts(was, is, tolerance)...)
	}
	is, _ := executed.text("text/plain")
	return append(all, compareTexts(was, is, tolerance)...)
}

func unpackImage(content string) []byte {
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(content, "\n", ""))
	if err != nil {
		return []byte(content)
	}
	return data
}

// changing matches what is different each time that a program runs.
var changing = regexp.MustCompile(strings.Join([]string{
	`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?`,                   // a time
	`\b\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(\.\d+)?`,                                          // as package log writes it
	`\b(\d+h)?(\d+m)?\d+(\.\d+)?(ns|µs|ms|s)\b|\b\d+h\d+m\b|\b[\d.]+ (ns|µs|us|ms|s)\b`, // a duration
	`\b[\d.,]+ ?\w+/s\b`,             // a speed
	`\b0x[0-9a-f]{6,16}\b`,           // an address
	`(/tmp|/var/folders)/\S+`,        // a temporary file
	`\brun \S+ \([a-z][0-9a-z]{9}\)`, // a run
	`\b[a-z]+-[a-z]+-\d+\b`,          // its generated name
}, "|"))

// numeral matches a number in a text. A comma parts numbers: 1,000 is compared as
// two.
var numeral = regexp.MustCompile(`[-+−]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|NaN|[-+]?Inf\b`)

// compareTexts compares texts line by line.
func compareTexts(stored, executed string, tolerance float64) (all []Difference) {
	lines := func(text string) []string {
		text = changing.ReplaceAllString(escape.ReplaceAllString(text, ""), "…")
		return strings.Split(strings.TrimRight(text, " \t\n"), "\n")
	}
	was, is := lines(stored), lines(executed)
	for i := range min(len(was), len(is)) {
		for _, what := range compareLines(was[i], is[i], tolerance) {
			all = append(all, Difference{Line: i + 1, What: what})
		}
	}
	if len(was) != len(is) {
		all = append(all, Difference{What: fmt.Sprintf("%d lines instead of the stored %d", len(is), len(was))})
	}
	return all
}

// compareLines returns the numbers that differ, or that the texts do.
func compareLines(stored, executed string, tolerance float64) (whats []string) {
	words := func(line string) []string {
		parts := numeral.Split(line, -1)
		for i, p := range parts {
			parts[i] = strings.Join(strings.Fields(p), " ")
		}
		return parts
	}
	if !slices.Equal(words(stored), words(executed)) {
		return []string{fmt.Sprintf("%q instead of the stored %q", strings.TrimSpace(executed), strings.TrimSpace(stored))}
	}
	was, is := numeral.FindAllString(stored, -1), numeral.FindAllString(executed, -1)
	for i := range was {
		if was[i] == is[i] {
			continue
		}
		a, b := number(was[i]), number(is[i])
		apart := math.Abs(a-b) / max(math.Abs(a), math.Abs(b))
		if a == b || apart <= tolerance {
			continue
		}
		what := fmt.Sprintf("%s instead of the stored %s", is[i], was[i])
		if !math.IsNaN(apart) && !math.IsInf(apart, 0) {
			what += fmt.Sprintf(", a relative difference of %.2g where %.2g is allowed", apart, tolerance)
		}
		whats = append(whats, what)
	}
	return whats
}

// number returns the value of what numeral matches.
func number(s string) float64 {
	s = strings.ReplaceAll(strings.ReplaceAll(s, ",", ""), "−", "-")
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

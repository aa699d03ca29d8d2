package models

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Predictions are a model's answers for the rows of a data set, beside what was
// observed of them: what it takes to judge again, and to test two models against
// each other on the same patients. The answers are of one kind, which the fields
// that are set tell.
type Predictions struct {
	Name  string   // of the data set: "test"
	Group []string // patient of each row; nil means that every row is another patient

	// Probabilities of classes.
	Classes []string
	Class   []int       // observed
	Prob    [][]float64 // of each class

	// Numbers.
	Observed, Predicted []float64

	// Times to an event: higher risk means an earlier one.
	Time  []float64
	Event []bool
	Risk  []float64
}

// Len returns the number of rows.
func (p Predictions) Len() int { return max(len(p.Class), len(p.Observed), len(p.Time)) }

// check says what is wrong with p.
func (p Predictions) check() error {
	n := p.Len()
	kinds := 0
	for _, kind := range [][]int{{len(p.Class), len(p.Prob)}, {len(p.Observed), len(p.Predicted)}, {len(p.Time), len(p.Event), len(p.Risk)}} {
		if slices.Max(kind) == 0 {
			continue
		}
		kinds++
		if slices.Min(kind) != n {
			return fmt.Errorf("predictions of %s: the columns have from %d to %d rows", p.Name, slices.Min(kind), n)
		}
	}
	switch {
	case kinds == 0:
		return fmt.Errorf("predictions of %s: there are no rows", p.Name)
	case kinds > 1:
		return fmt.Errorf("predictions of %s: the answers are of more than one kind", p.Name)
	case p.Group != nil && len(p.Group) != n:
		return fmt.Errorf("predictions of %s: there are %d rows, but %d patients", p.Name, n, len(p.Group))
	}
	for i, class := range p.Class {
		if class < 0 || class >= len(p.Classes) || len(p.Prob[i]) != len(p.Classes) {
			return fmt.Errorf("predictions of %s, row %d: class %d and %d probabilities, of %d classes", p.Name, i, class, len(p.Prob[i]), len(p.Classes))
		}
	}
	return nil
}

const (
	patientColumn = "patient"
	classColumn   = "class"
	probColumn    = "p " // and the class
)

// CSV returns p as a table for any program that reads such: the patient if it is
// known, then "class" and a column of probabilities for each ("p normal"), or
// "observed" and "predicted", or "time", "event" and "risk". Numbers keep all
// their digits.
func (p Predictions) CSV() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	var head []string
	var cells func(i int) []string
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	switch {
	case p.Class != nil:
		head = []string{classColumn}
		for _, class := range p.Classes {
			head = append(head, probColumn+class)
		}
		cells = func(i int) []string {
			row := []string{p.Classes[p.Class[i]]}
			for _, prob := range p.Prob[i] {
				row = append(row, number(prob))
			}
			return row
		}
	case p.Observed != nil:
		head = []string{"observed", "predicted"}
		cells = func(i int) []string { return []string{number(p.Observed[i]), number(p.Predicted[i])} }
	default:
		head = []string{"time", "event", "risk"}
		cells = func(i int) []string {
			return []string{number(p.Time[i]), strconv.FormatBool(p.Event[i]), number(p.Risk[i])}
		}
	}
	if p.Group != nil {
		head = append([]string{patientColumn}, head...)
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write(head) // a strings.Builder does not fail
	for i := range p.Len() {
		row := cells(i)
		if p.Group != nil {
			row = append([]string{p.Group[i]}, row...)
		}
		w.Write(row)
	}
	w.Flush()
	return []byte(b.String()), w.Error()
}

// ReadPredictions reads what Predictions.CSV wrote. name is that of the data set.
func ReadPredictions(name string, r io.Reader) (Predictions, error) {
	p := Predictions{Name: name}
	fail := func(err error) (Predictions, error) {
		return Predictions{}, fmt.Errorf("predictions of %s: %w", name, err)
	}
	in := csv.NewReader(r)
	in.ReuseRecord = true
	first, err := in.Read()
	if err != nil {
		return fail(err)
	}
	head := slices.Clone(first)
	grouped := len(head) > 0 && head[0] == patientColumn
	if grouped {
		head = head[1:]
	}
	kind := strings.Join(head, ",")
	classes := map[string]int{}
	if len(head) > 1 && head[0] == classColumn {
		kind = classColumn
		for _, column := range head[1:] {
			class, ok := strings.CutPrefix(column, probColumn)
			if !ok {
				return fail(fmt.Errorf("column %q is no probability", column))
			}
			classes[class] = len(p.Classes)
			p.Classes = append(p.Classes, class)
		}
	}
	for line := 2; ; line++ {
		row, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fail(err)
		}
		if grouped {
			p.Group = append(p.Group, row[0])
			row = row[1:]
		}
		numbers := make([]float64, len(row))
		var wrong []error
		for k, text := range row {
			if kind == classColumn && k == 0 || kind == "time,event,risk" && k == 1 {
				continue
			}
			if numbers[k], err = strconv.ParseFloat(text, 64); err != nil {
				wrong = append(wrong, fmt.Errorf("line %d: %q is not a number", line, text))
			}
		}
		switch kind {
		case classColumn:
			class, ok := classes[row[0]]
			if !ok {
				wrong = append(wrong, fmt.Errorf("line %d: there is no probability of class %q", line, row[0]))
			}
			p.Class, p.Prob = append(p.Class, class), append(p.Prob, numbers[1:])
		case "observed,predicted":
			p.Observed, p.Predicted = append(p.Observed, numbers[0]), append(p.Predicted, numbers[1])
		case "time,event,risk":
			event, err := strconv.ParseBool(row[1])
			if err != nil {
				wrong = append(wrong, fmt.Errorf("line %d: the event is %q: it is true or false", line, row[1]))
			}
			p.Time, p.Event, p.Risk = append(p.Time, numbers[0]), append(p.Event, event), append(p.Risk, numbers[2])
		default:
			wrong = append(wrong, fmt.Errorf("the columns %q are no predictions: see models.Predictions.CSV", kind))
		}
		if wrong != nil {
			return fail(wrong[0])
		}
	}
	if err := p.check(); err != nil {
		return Predictions{}, err
	}
	return p, nil
}

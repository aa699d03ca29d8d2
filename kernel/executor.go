package kernel

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options are how Execute runs a notebook. Only Workspace is required.
type Options struct {
	Workspace Workspace
	// Parameters are values for names that the cell tagged "parameters" declares.
	Parameters map[string]string
	// From and To are the first and the last cell to execute: a cell's id, or its
	// number among the code cells, from 1. "" is the notebook's first or last. Of
	// the cells before From the declarations are taken, and nothing is executed;
	// what they and those after To have put out is kept.
	From, To string
	// Timeout ends the notebook after that time; 0 is never.
	Timeout time.Duration
	// Progress is told of each code cell before and after it runs; nil tells nobody.
	Progress func(Progress)
	// Output is given each output as it comes; nil gives it to nobody.
	Output func(cell *Cell, o Output)
	// Save is called after each cell, and every few seconds while a cell puts
	// something out, so that the notebook can be written; nil saves nothing.
	Save func(nb *Notebook) error
}

// Progress is where the execution of a notebook is.
type Progress struct {
	Cell    *Cell
	Number  int // among the code cells, from 1
	Total   int // code cells
	Started time.Time
	Done    bool
	Took    time.Duration // when Done
	Err     error         // when Done: of a cell that failed
}

// saveEvery is how long output may be only in memory.
const saveEvery = 5 * time.Second

// raisesException tags a cell that may fail without ending the notebook, as
// nbclient has it.
const raisesException = "raises-exception"

// Execute runs the notebook's code cells from top to bottom and puts their
// outputs, execution counts and times into it. It stops at the first cell that
// fails and is not tagged raises-exception, whose *CellError it returns. The
// notebook is valid whenever Execute returns, also when ctx ends or the time is
// up.
func Execute(ctx context.Context, nb *Notebook, opts Options) error {
	if err := nb.SetParameters(opts.Parameters); err != nil {
		return NotStarted{err}
	}
	before, cells, err := nb.span(opts.From, opts.To)
	if err != nil {
		return NotStarted{err}
	}
	if opts.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, opts.Timeout, fmt.Errorf("the notebook did not end within %s", opts.Timeout))
		defer cancel()
	}
	if opts.Workspace.Dir == "" && opts.Workspace.Notebook != "" {
		opts.Workspace.Dir = filepath.Dir(opts.Workspace.Notebook) // relative paths in cells are as Jupyter has them
	}
	session, err := Start(ctx, opts.Workspace)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return NotStarted{err}
	}
	defer session.Close()

	for _, c := range cells {
		c.Outputs, c.ExecutionCount = nil, 0
		delete(c.Metadata, "execution")
	}
	cells = slices.DeleteFunc(cells, func(c *Cell) bool { return strings.TrimSpace(c.Source) == "" })
	for _, c := range before {
		if err := declare(ctx, session, c); err != nil {
			return err
		}
	}
	save := opts.Save
	if save == nil {
		save = func(*Notebook) error { return nil }
	}
	report := opts.Progress
	if report == nil {
		report = func(Progress) {}
	}
	for i, c := range cells {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p := Progress{Cell: c, Number: i + 1, Total: len(cells), Started: time.Now()}
		report(p)
		err := executeCell(ctx, session, nb, c, opts.Output, save)
		p.Done, p.Took, p.Err = true, time.Since(p.Started), err
		report(p)
		var failed *CellError
		if errors.As(err, &failed) && failed.Failure != Interrupted && c.Tagged(raisesException) {
			err = nil
		}
		if err = errors.Join(err, save(nb)); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return fmt.Errorf("%w: %w", err, cause)
			}
			return err
		}
	}
	return nil
}

// NotStarted is the error of a notebook of which nothing was executed: a parameter,
// a cell that Options name, or a part of the workspace is not there.
type NotStarted struct{ error }

// Unwrap returns what is not there.
func (e NotStarted) Unwrap() error { return e.error }

// CheckSpan returns an error if the notebook does not have the cells that Options
// name From and To.
func (nb *Notebook) CheckSpan(from, to string) error {
	_, _, err := nb.span(from, to)
	return err
}

// span returns the code cells from one cell to another, and those before them.
func (nb *Notebook) span(from, to string) (before, cells []*Cell, err error) {
	for _, c := range nb.Cells {
		if c.Type == "code" {
			cells = append(cells, c)
		}
	}
	first, last := 0, len(cells)-1
	if from != "" {
		if first, err = findCell(cells, from); err != nil {
			return nil, nil, err
		}
	}
	if to != "" {
		if last, err = findCell(cells, to); err != nil {
			return nil, nil, err
		}
	}
	if from != "" && to != "" && last < first {
		return nil, nil, fmt.Errorf("cell %s comes after cell %s: nothing is between them", from, to)
	}
	return cells[:first], cells[first : last+1], nil
}

// findCell returns the index of the code cell that has an id, or else a number.
func findCell(cells []*Cell, name string) (int, error) {
	var ids []string
	for i, c := range cells {
		if c.ID == name {
			return i, nil
		}
		ids = append(ids, c.ID)
	}
	if n, err := strconv.Atoi(name); err == nil && 1 <= n && n <= len(cells) {
		return n - 1, nil
	}
	return 0, fmt.Errorf("there is no code cell %s: name one by its number, 1 to %d, or by its id: %s", name, len(cells), strings.Join(ids, ", "))
}

// shellLine is a line of a cell that the shell executes.
var shellLine = regexp.MustCompile(`(?m)^(//gonb:)?!.*$`)

// declare gives a session the declarations of a cell, and executes nothing.
func declare(ctx context.Context, session *Session, c *Cell) error {
	d, ok := divide(c.Source)
	if scope, ok := scopeOf(withoutCommands(d.statements)); ok {
		for _, name := range scope.declared {
			session.missing[name] = "a cell before, which was not executed, makes a value of this name: start there"
		}
	}
	declarations := shellLine.ReplaceAllString(d.declarations, "")
	if !ok || strings.TrimSpace(declarations) == "" {
		return nil
	}
	if err := session.Execute(ctx, Code{Source: declarations, CellID: c.ID, Silent: true}, func(Output) {}); err != nil {
		return fmt.Errorf("the declarations of cell %s, which comes before: %w", c.ID, err)
	}
	return nil
}

// executeCell runs one cell and records it in the notebook.
func executeCell(ctx context.Context, session *Session, nb *Notebook, c *Cell, output func(*Cell, Output), save func(*Notebook) error) error {
	started := time.Now()
	saved := started
	c.ExecutionCount = session.Count() + 1
	err := session.Execute(ctx, Code{Source: c.Source, CellID: c.ID}, func(o Output) {
		nb.record(c, o)
		if output != nil {
			output(c, o)
		}
		if time.Since(saved) > saveEvery {
			save(nb) // what fails now fails again when the cell has ended, and is told then
			saved = time.Now()
		}
	})
	c.setTiming(started, time.Now())
	return err
}

package kernel

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Options are how Execute runs a notebook. Only Workspace is required.
type Options struct {
	Workspace Workspace
	// Parameters are values for names that the cell tagged "parameters" declares.
	Parameters map[string]string
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

// Execute runs the notebook's code cells from top to bottom and puts their
// outputs, execution counts and times into it. It stops at the first cell that
// fails, whose *CellError it returns. The notebook is valid whenever Execute
// returns, also when ctx ends or the time is up.
func Execute(ctx context.Context, nb *Notebook, opts Options) error {
	if err := nb.SetParameters(opts.Parameters); err != nil {
		return err
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
		return err
	}
	defer session.Close()

	var cells []*Cell
	for _, c := range nb.Cells {
		if c.Type != "code" {
			continue
		}
		c.Outputs, c.ExecutionCount = nil, 0
		delete(c.Metadata, "execution")
		if strings.TrimSpace(c.Source) != "" {
			cells = append(cells, c)
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
		if err = errors.Join(err, save(nb)); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return fmt.Errorf("%w: %w", err, cause)
			}
			return err
		}
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

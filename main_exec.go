package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-ml/assay/experiments/rerun"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/kernel"
	"github.com/assay-ml/assay/setup"
	"github.com/assay-ml/assay/store"
)

// execution is what a user says to `assay exec`.
type execution struct {
	file       string
	parameters []string
	inject     string
	out        []string
	from, to   string
	timeout    time.Duration
	bitwise    bool
	jobs       int
	check      bool
	tolerance  float64

	source    []byte // of the notebook
	workspace kernel.Workspace
}

func execCommand() *cobra.Command {
	var e execution
	c := &cobra.Command{
		Use:   "exec NOTEBOOK",
		Short: "Run a notebook from top to bottom, without Jupyter",
		Long: `Run a notebook from top to bottom, and write it with its outputs: as a notebook,
as a page that needs no network (-o out.html), or as Markdown (-o out.md).

It stops at the first cell that does not compile, panics or exits non-zero, and
names the cell and the line; what was put out until then is written.

Parameters are the values that the cell tagged "parameters" declares. They come
from ASSAY_PARAM_NAME in the environment, a YAML or JSON file (--inject) and -p;
the later wins. A list runs the notebook once for each value, and each with each
of another list's; the runs they record are then children of one run, in the
experiment that is called as the notebook:

  -p epochs=5              one value
  -p lr=1e-2,1e-3          two, of a number, a bool or a duration
  -p 'data=[chest, hand]'  two, of any type, as YAML writes lists
  -p 'title=chest, left'   one: a string may have commas

With --check the outputs are compared with those that the notebook stores, so
that a notebook is a test: numbers may differ by --tolerance; times, addresses
and the generated names of runs are not compared, nor cells tagged
nbval-ignore-output. Its runs are recorded in a store that is thrown away, unless
--store names one.

Exit codes: 0, every cell ran and, with --check, put out what is stored;
1, a cell failed, an output differs, or time was up; 2, nothing was run, because
the notebook, a parameter or a part of assay's set-up is missing or wrong.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			e.file = args[0]
			return e.run(c.Context())
		},
	}
	flags := c.Flags()
	flags.StringArrayVarP(&e.parameters, "parameter", "p", nil, "override a parameter: `name=value`, or a list of values")
	flags.StringVar(&e.inject, "inject", "", "override the parameters that this YAML or JSON `file` has, by name")
	flags.StringArrayVarP(&e.out, "output", "o", nil, "write the notebook with its outputs to this `file` (.ipynb, .html, .md); may be repeated")
	flags.StringVar(&e.from, "from", "", "start at this `cell`, an id or a number; of those before only declarations are taken")
	flags.StringVar(&e.to, "to", "", "end after this `cell`")
	flags.IntVar(&e.jobs, "jobs", 1, "with lists of values: run so many at once")
	flags.BoolVar(&e.check, "check", false, "compare the outputs with those that the notebook stores")
	flags.Float64Var(&e.tolerance, "tolerance", 1e-6, "with --check: numbers may differ by this, relatively")
	flags.BoolVar(&e.bitwise, "bitwise", false, "pin what makes bits depend on free threads, as assay rerun --bitwise does: "+rerun.PinsCost)
	flags.DurationVar(&e.timeout, "timeout", 0, "stop after this time (30s, 10m)")
	return c
}

func (e *execution) run(ctx context.Context) error {
	if e.jobs < 1 {
		return fmt.Errorf("--jobs %d: write a number from 1", e.jobs)
	}
	if !(e.tolerance >= 0) {
		return fmt.Errorf("--tolerance %v: write a number that is not negative", e.tolerance)
	}
	nb, err := kernel.ReadNotebook(e.file)
	if err != nil {
		return err
	}
	if language := nb.Language(); language != "" && language != "go" {
		return fmt.Errorf("%s is a notebook in %s, and assay runs those in Go", e.file, language)
	}
	if err := nb.CheckSpan(e.from, e.to); err != nil {
		return err
	}
	if e.source, err = nb.Bytes(); err != nil {
		return err
	}
	values, err := e.values(nb)
	if err != nil {
		return err
	}
	combinations, varied, err := nb.Combinations(values)
	if err != nil {
		return err
	}
	for _, c := range combinations { // better now than after an hour
		if _, err := e.notebook(c); err != nil {
			return err
		}
	}
	if err := e.checkFiles(combinations, varied); err != nil {
		return err
	}
	if e.check && len(varied) > 0 {
		return fmt.Errorf("--check: the notebook stores the outputs of one execution, and %s has several values", strings.Join(varied, ", "))
	}
	if err := e.prepare(); err != nil {
		return err
	}
	if e.check {
		return e.runChecked(ctx, combinations[0])
	}
	if len(varied) == 0 {
		executed, err := e.execute(ctx, combinations[0], "", nil)
		return errors.Join(err, e.export(executed, ""))
	}
	return e.runMatrix(ctx, combinations, varied)
}

// values are what the user wants parameters to be, wherever that is said.
func (e *execution) values(nb *kernel.Notebook) (map[string]string, error) {
	values, unknown, err := nb.EnvironmentParameters(os.Environ())
	if err != nil {
		return nil, err
	}
	for _, variable := range unknown { // it may be for another notebook
		fmt.Fprintf(os.Stderr, "note: %s names no parameter of %s\n", variable, e.file)
	}
	if e.inject != "" {
		injected, err := kernel.ReadParameters(e.inject)
		if err != nil {
			return nil, err
		}
		maps.Copy(values, injected)
	}
	own, err := assignments("-p", e.parameters)
	if err != nil {
		return nil, err
	}
	maps.Copy(values, own)
	return values, nil
}

// notebook returns the notebook with values for its parameters.
func (e *execution) notebook(values map[string]string) (*kernel.Notebook, error) {
	nb, err := kernel.ParseNotebook(e.source)
	if err != nil {
		return nil, err
	}
	return nb, nb.SetParameters(values)
}

// prepare finds what the notebook runs with, and sees that the output can be
// written.
func (e *execution) prepare() error {
	root, err := setup.Root()
	if err != nil {
		return err
	}
	e.workspace = setup.Workspace(root)
	if e.workspace.Notebook, err = filepath.Abs(e.file); err != nil {
		return err
	}
	if storeFile != "" { // the cells' runs go where the user said
		file, err := filepath.Abs(storeFile)
		if err != nil {
			return err
		}
		e.workspace.Env = append(e.workspace.Env, "ASSAY_STORE="+file)
	}
	if e.bitwise {
		e.workspace.Env = append(e.workspace.Env, rerun.PinsHere()...)
	}
	for _, out := range e.out {
		switch filepath.Ext(out) {
		case ".ipynb", ".html", ".md":
		default:
			return fmt.Errorf("-o %s: a notebook is written as .ipynb, .html or .md", out)
		}
		if err := writable(out); err != nil {
			return fmt.Errorf("-o %s: %w", out, err)
		}
	}
	return e.workspace.Check()
}

// writable returns an error if a file could not be written: better now than after
// an hour.
func writable(file string) error {
	folder := filepath.Dir(file)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no folder %s", folder)
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return errors.New("it is a folder")
	}
	f, err := os.CreateTemp(folder, ".assay-*")
	if err != nil {
		return fmt.Errorf("the folder %s cannot be written: %w", folder, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// execute runs the notebook with values, and returns it, unless nothing was
// executed. label, if it is one of several executions, is set before what it says
// and into the names of files.
func (e *execution) execute(ctx context.Context, values map[string]string, label string, env []string) (*kernel.Notebook, error) {
	nb, err := e.notebook(values)
	if err != nil {
		return nil, err
	}
	workspace := e.workspace
	workspace.Env = slices.Concat(workspace.Env, env)
	said := progress{label: label}
	err = kernel.Execute(ctx, nb, kernel.Options{
		Workspace: workspace, From: e.from, To: e.to, Timeout: e.timeout,
		Progress: said.cell, Output: said.output,
		Save: func(nb *kernel.Notebook) error {
			for _, out := range e.out {
				if filepath.Ext(out) == ".ipynb" { // others are written when it has ended
					if err := nb.Write(labelled(out, label)); err != nil {
						return err
					}
				}
			}
			return nil
		},
	})
	var not kernel.NotStarted
	if errors.As(err, &not) {
		return nil, fmt.Errorf("%s: %w", e.file, err)
	}
	if err != nil {
		return nb, failure{fmt.Errorf("%s: %w", e.file, err)}
	}
	return nb, nil
}

// export writes the executed notebook in the forms that are not written while it
// runs.
func (e *execution) export(nb *kernel.Notebook, label string) error {
	if nb == nil {
		return nil
	}
	for _, out := range e.out {
		if err := nb.Export(labelled(out, label)); err != nil {
			return failure{err}
		}
	}
	return nil
}

// labelled returns the name of the file of one of several executions:
// out-lr=0.01.html.
func labelled(file, label string) string {
	if label == "" {
		return file
	}
	ext := filepath.Ext(file)
	clean := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, strings.ReplaceAll(label, " ", "-"))
	return strings.TrimSuffix(file, ext) + "-" + clean + ext
}

// checkFiles says which files of several executions would get in each other's way.
func (e *execution) checkFiles(combinations []map[string]string, varied []string) error {
	const longest = 240 // bytes, and a few for temporary files
	files := map[string]bool{}
	for _, c := range combinations {
		for _, out := range e.out {
			file := labelled(out, describe(c, varied))
			switch {
			case len(filepath.Base(file)) > longest:
				return fmt.Errorf("-o %s: the values make the file's name too long: give shorter ones, or no -o", out)
			case files[file]:
				return fmt.Errorf("-o %s: two executions would write %s: give values that differ in more than signs, or no -o", out, file)
			}
			files[file] = true
		}
	}
	return nil
}

// runChecked runs the notebook and compares its outputs with the stored ones.
func (e *execution) runChecked(ctx context.Context, values map[string]string) error {
	if storeFile == "" {
		dir, err := os.MkdirTemp("", "assay-check-*")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		e.workspace.Env = append(e.workspace.Env, "ASSAY_STORE="+filepath.Join(dir, "assay.db"))
	}
	stored, err := kernel.ParseNotebook(e.source)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(stored.Cells, func(c *kernel.Cell) bool { return c.ExecutionCount > 0 || len(c.Outputs) > 0 }) {
		return fmt.Errorf("%s stores no outputs: `assay exec %s -o %s` puts them in", e.file, e.file, e.file)
	}
	executed, err := e.execute(ctx, values, "", nil)
	if err = errors.Join(err, e.export(executed, "")); err != nil {
		return err
	}
	differences, compared := kernel.Compare(stored, executed, e.tolerance)
	for _, d := range differences {
		fmt.Println(d)
	}
	if len(differences) > 0 {
		return failure{fmt.Errorf("%s: %d differences from the stored outputs of %d cells", e.file, len(differences), compared)}
	}
	fmt.Printf("%d cells put out what is stored\n", compared)
	return nil
}

// runMatrix runs the notebook once for each combination of values, as children
// of one run.
func (e *execution) runMatrix(ctx context.Context, combinations []map[string]string, varied []string) error {
	s, err := openStore(toRecord)
	if err != nil {
		return err
	}
	defer s.Close()
	parent, err := s.Start(ctx, store.NewRun{
		Experiment: strings.TrimSuffix(filepath.Base(e.file), ".ipynb"),
		Origin:     store.Origin{Notebook: e.workspace.Notebook, Args: os.Args[1:]},
		Tags:       map[string]string{"combinations": fmt.Sprint(len(combinations))},
	})
	if err != nil {
		return failure{err}
	}
	outcomes, err := e.executeAll(ctx, s, parent, combinations, varied)
	err = errors.Join(err, e.recordMatrix(parent, combinations, varied, outcomes))
	failed := 0
	var results []error
	for _, o := range outcomes {
		if o.err != nil && !o.skipped {
			results = append(results, o.err)
			failed++
		}
	}
	message := ""
	status := store.Finished
	switch {
	case ctx.Err() != nil:
		status = store.Interrupted
		if len(results) == 0 { // between two of them
			results = append(results, failure{context.Cause(ctx)})
		}
	case failed > 0:
		status, message = store.Failed, fmt.Sprintf("%d of %d executions failed", failed, len(combinations))
	}
	if err = errors.Join(err, parent.End(status, message)); err != nil {
		return failure{err}
	}
	page, err := s.Runs(context.WithoutCancel(ctx), store.Query{Where: fmt.Sprintf("parent = %q", parent.ID()), Sort: []string{"started"}, Limit: -1})
	if err != nil {
		return failure{err}
	}
	fmt.Printf("run %s (%s) has %d children:\n", parent.Name(), parent.ID(), len(page.Runs))
	if err := printRuns(context.WithoutCancel(ctx), os.Stdout, s, page.Runs); err != nil {
		results = append(results, failure{err})
	}
	return errors.Join(results...)
}

// outcome is what came of one of several executions.
type outcome struct {
	err     error
	took    time.Duration
	skipped bool // it was not begun, because of an interrupt
}

// executeAll runs the notebook with each combination of values, so many at once as
// the user wants. Its error is of the record of their progress.
func (e *execution) executeAll(ctx context.Context, s *store.Store, parent *store.Writer, combinations []map[string]string, varied []string) ([]outcome, error) {
	outcomes := make([]outcome, len(combinations))
	err := parent.Progress(0, int64(len(combinations)))
	var mu sync.Mutex // guards err and done
	done := int64(0)
	turns := make(chan int)
	var wg sync.WaitGroup
	for range min(e.jobs, len(combinations)) {
		wg.Go(func() {
			for i := range turns {
				if ctx.Err() != nil {
					outcomes[i] = outcome{err: context.Cause(ctx), skipped: true}
					continue
				}
				started := time.Now()
				label := describe(combinations[i], varied)
				executed, problem := e.execute(ctx, combinations[i], label, []string{
					"ASSAY_PARENT=" + string(parent.ID()), "ASSAY_STORE=" + s.Path(),
				})
				outcomes[i] = outcome{err: errors.Join(problem, e.export(executed, label)), took: time.Since(started)}
				mu.Lock()
				done++
				err = errors.Join(err, parent.Progress(done, int64(len(combinations))))
				mu.Unlock()
			}
		})
	}
	for i := range combinations {
		turns <- i
	}
	close(turns)
	wg.Wait()
	return outcomes, err
}

// recordMatrix records which values were tried, and what came of each.
func (e *execution) recordMatrix(parent *store.Writer, combinations []map[string]string, varied []string, outcomes []outcome) error {
	table := models.Table{Kind: "combinations", Title: "Executions of " + filepath.Base(e.file), Columns: slices.Concat(varied, []string{"seconds", "result"})}
	for i, c := range combinations {
		var row []string
		for _, name := range varied {
			row = append(row, c[name])
		}
		result := "done"
		if outcomes[i].err != nil {
			result = outcomes[i].err.Error()
		}
		table.Rows = append(table.Rows, append(row, fmt.Sprintf("%.1f", outcomes[i].took.Seconds()), result))
	}
	params := map[string]store.Value{}
	for name, value := range combinations[0] {
		params[name] = value
	}
	for _, name := range varied {
		var list []string
		for _, c := range combinations {
			if !slices.Contains(list, c[name]) {
				list = append(list, c[name])
			}
		}
		params[name] = strings.Join(list, ", ")
	}
	report, err := json.Marshal(models.Report{Name: "combinations", Rows: len(combinations), Tables: []models.Table{table}})
	if err != nil {
		return err
	}
	return errors.Join(parent.Params(params), parent.Report("combinations", report))
}

// describe names one of several executions by the values that differ.
func describe(values map[string]string, varied []string) string {
	var parts []string
	for _, name := range varied {
		parts = append(parts, name+"="+values[name])
	}
	return strings.Join(parts, " ")
}

// progress says on stderr where an execution is.
type progress struct {
	label string // of one of several
}

// cell says which cell runs and how long it took.
func (s progress) cell(p kernel.Progress) {
	prefix := ""
	if s.label != "" {
		prefix = s.label + "  "
	}
	if !p.Done {
		first, _, _ := strings.Cut(strings.TrimSpace(p.Cell.Source), "\n")
		fmt.Fprintf(os.Stderr, "%scell %d of %d  %s\n", prefix, p.Number, p.Total, truncate(first, 60))
		return
	}
	mark := "done"
	if p.Err != nil {
		mark = "failed"
	}
	fmt.Fprintf(os.Stderr, "%s             %s in %.1f s\n", prefix, mark, p.Took.Seconds())
}

// truncate returns the first letters of s that fit into width.
func truncate(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}

// output passes on what a cell writes to its streams.
func (s progress) output(_ *kernel.Cell, o kernel.Output) {
	if o.Type == "stream" {
		fmt.Fprint(os.Stderr, o.Text)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/experiments/compare"
	"github.com/assay-ml/assay/experiments/export"
	"github.com/assay-ml/assay/experiments/rerun"
	"github.com/assay-ml/assay/experiments/web"
	"github.com/assay-ml/assay/store"
)

func uiCommand() *cobra.Command {
	var options web.Options
	c := &cobra.Command{
		Use:   "ui",
		Short: "Serve the pages: experiments, runs, comparison",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			mode := toRecord
			if options.ReadOnly {
				mode = toRead
			}
			s, err := openStore(mode)
			if err != nil {
				return err
			}
			defer s.Close()
			options.Again = func(ctx context.Context, id store.RunID, params map[string]string, out io.Writer) (string, error) {
				return runAgain(ctx, s, id, rerun.Options{Params: params, Out: out})
			}
			if err := web.Serve(c.Context(), s, options); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	c.Flags().StringVar(&options.Addr, "addr", "127.0.0.1:7070", "`host:port` to listen on")
	c.Flags().BoolVar(&options.ReadOnly, "read-only", false, "change nothing: no notes, no tags, no reruns")
	c.Flags().StringVar(&options.Token, "token", "", "`text` that every request must bring; made up for addresses that others reach")
	c.Flags().BoolVar(&options.Open, "open", false, "open the pages in the browser")
	return c
}

// runAgain runs a run again and says in a sentence what came of it.
func runAgain(ctx context.Context, s *store.Store, id store.RunID, o rerun.Options) (string, error) {
	result, err := rerun.Run(ctx, s, id, o)
	switch {
	case err != nil:
		return "", err
	case o.IsVariation():
		return fmt.Sprintf("Run %s varies it.", result.Rerun), nil
	}
	return fmt.Sprintf("Run %s: %s.", result.Rerun, result.Comparison.Summary()), nil
}

func compareCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "compare RUN...",
		Short: "Compare runs: what differs, side by side; or one HTML file with -o",
		Args:  cobra.MinimumNArgs(2),
		RunE: reading(func(c *cobra.Command, s *store.Store, args []string) error {
			ids, err := resolve(c.Context(), s, args)
			if err != nil {
				return err
			}
			if out == "" {
				return printComparison(c.Context(), os.Stdout, s, ids)
			}
			f, err := os.Create(out)
			if err != nil {
				return err
			}
			err = web.WriteCompare(c.Context(), f, s, ids, false)
			if err := errors.Join(err, f.Close()); err != nil {
				return failure{err}
			}
			return nil
		}),
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write one HTML `file` that opens without a network")
	return c
}

func runsCommand() *cobra.Command {
	c := &cobra.Command{Use: "runs", Short: "List, show and change recorded runs"}
	c.AddCommand(runsListCommand(), runsShowCommand(), runsRemoveCommand(), runsRestoreCommand(), runsArchiveCommand(), runsTagCommand())
	return c
}

func runsListCommand() *cobra.Command {
	var (
		query                 store.Query
		asJSON, asCSV, onlyID bool
	)
	c := &cobra.Command{
		Use:   "ls",
		Short: "List runs",
		Args:  cobra.NoArgs,
		RunE: reading(func(c *cobra.Command, s *store.Store, _ []string) error {
			if asCSV {
				return export.WriteRuns(c.Context(), os.Stdout, s, query)
			}
			page, err := s.Runs(c.Context(), query)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return writeRunsJSON(os.Stdout, page.Runs)
			case onlyID:
				for _, run := range page.Runs {
					fmt.Println(run.ID)
				}
				return nil
			}
			if err := printRuns(c.Context(), os.Stdout, s, page.Runs); err != nil {
				return err
			}
			if page.Total > len(page.Runs) {
				fmt.Fprintf(os.Stderr, "%d of %d runs; --limit shows more\n", len(page.Runs), page.Total)
			}
			return nil
		}),
	}
	c.Flags().StringVar(&query.Experiment, "experiment", "", "only runs of this experiment")
	c.Flags().StringVar(&query.Where, "where", "", "only runs for which this holds: 'metric.test.auc > 0.9 and status = finished'")
	c.Flags().StringArrayVar(&query.Sort, "sort", []string{"-started"}, "sort by this `field`; a minus puts the largest first; a second --sort orders those that are equal")
	c.Flags().IntVar(&query.Limit, "limit", 50, "list at most this many")
	c.Flags().IntVar(&query.Offset, "offset", 0, "skip this many")
	c.Flags().BoolVar(&query.Archived, "archived", false, "list also what is archived")
	c.Flags().BoolVar(&query.Trash, "trash", false, "list what is in the trash")
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	c.Flags().BoolVar(&asCSV, "csv", false, "write a CSV table for a spreadsheet, a row a run with all params, tags and metrics; all runs, whatever the limit")
	c.Flags().BoolVar(&onlyID, "ids", false, "write ids only")
	return c
}

func writeRunsJSON(w io.Writer, runs []store.Run) error {
	list := make([]web.Run, 0, len(runs))
	for _, run := range runs {
		list = append(list, web.RunOf(run))
	}
	return writeJSON(w, list)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printRuns prints runs as a table: of their params those that differ, of their
// metrics the first few.
func printRuns(ctx context.Context, w io.Writer, s *store.Store, runs []store.Run) error {
	const most = 4 // params and metrics each, to fit a terminal
	params := differing(runs)
	params = params[:min(most, len(params))]
	metrics, err := headline(ctx, s, runs)
	if err != nil {
		return err
	}
	metrics = metrics[:min(most, len(metrics))]
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(slices.Concat([]string{"ID", "NAME", "EXPERIMENT", "STATUS", "STARTED", "TOOK"}, params, metrics), "\t"))
	for _, run := range runs {
		cells := []string{string(run.ID), run.Name, run.Experiment, string(run.Status), humanize.Time(run.Started), took(run)}
		for _, name := range params {
			cells = append(cells, compare.ValueText(run.Params[name]))
		}
		for _, name := range metrics {
			cells = append(cells, metricText(run.Metrics, name))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// differing returns the params that are not the same in all runs, by name.
func differing(runs []store.Run) []string {
	all, differ := compare.ParamNames(runs)
	return slices.DeleteFunc(all, func(name string) bool { return !differ[name] })
}

// headline returns the final metrics of the runs, the foremost first: those with
// an interval, or all if none has one.
func headline(ctx context.Context, s *store.Store, runs []store.Run) ([]string, error) {
	all, err := compare.MetricNames(ctx, s, runs)
	if err != nil {
		return nil, err
	}
	final := slices.DeleteFunc(slices.Clone(all), func(name string) bool {
		return !slices.ContainsFunc(runs, func(run store.Run) bool {
			m, ok := run.Metrics[name]
			return ok && experiments.IsFinal(m)
		})
	})
	if len(final) == 0 {
		return all, nil
	}
	return final, nil
}

func took(run store.Run) string {
	end := run.Ended
	if end.IsZero() {
		end = time.Now()
	}
	return end.Sub(run.Started).Round(100 * time.Millisecond).String()
}

func metricText(metrics map[string]store.Metric, name string) string {
	m, ok := metrics[name]
	if !ok {
		return ""
	}
	text := charts.Format(m.Last)
	if m.Low == m.Low && m.High == m.High {
		text += fmt.Sprintf(" (%s–%s)", charts.Format(m.Low), charts.Format(m.High))
	}
	return text
}

// printComparison prints what differs between runs, a column a run.
func printComparison(ctx context.Context, w io.Writer, s *store.Store, ids []store.RunID) error {
	var runs []store.Run
	for _, id := range ids {
		run, err := s.Run(ctx, id)
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, cell func(store.Run) string) {
		fmt.Fprint(t, name)
		for _, run := range runs {
			fmt.Fprint(t, "\t"+cell(run))
		}
		fmt.Fprintln(t)
	}
	row("run", func(r store.Run) string { return r.Name })
	row("id", func(r store.Run) string { return string(r.ID) })
	row("status", func(r store.Run) string { return string(r.Status) })
	for _, name := range differing(runs) {
		row(name, func(r store.Run) string { return compare.ValueText(r.Params[name]) })
	}
	metrics, err := headline(ctx, s, runs)
	if err != nil {
		return err
	}
	for _, name := range metrics {
		row(name, func(r store.Run) string { return metricText(r.Metrics, name) })
	}
	return t.Flush()
}

func runsShowCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Show one run",
		Args:  cobra.ExactArgs(1),
		RunE: reading(func(c *cobra.Command, s *store.Store, args []string) error {
			id, err := s.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			run, err := s.Run(c.Context(), id)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(os.Stdout, web.RunOf(run))
			}
			artifacts, err := s.Artifacts(c.Context(), id)
			if err != nil {
				return err
			}
			printRun(os.Stdout, run, artifacts)
			return nil
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

func printRun(w io.Writer, run store.Run, artifacts []store.Artifact) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, text)
		}
	}
	line("run", fmt.Sprintf("%s (%s)", run.Name, run.ID))
	line("experiment", run.Experiment)
	line("status", string(run.Status))
	line("message", run.Message)
	line("started", run.Started.Local().Format(time.DateTime))
	line("took", took(run))
	line("last step", humanize.Comma(run.LastStep))
	line("notebook", run.Origin.Notebook)
	line("rerun of", string(run.RerunOf))
	line("verdict", run.Verdict)
	line("note", run.Note)
	for _, key := range slices.Sorted(maps.Keys(run.Tags)) {
		line("tag "+key, run.Tags[key])
	}
	for _, name := range slices.Sorted(maps.Keys(run.Params)) {
		line("param "+name, compare.ValueText(run.Params[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(run.Metrics)) {
		line("metric "+name, metricText(run.Metrics, name))
	}
	for _, a := range artifacts {
		line("artifact "+a.Name, humanize.IBytes(uint64(a.Size)))
	}
	t.Flush()
}

func runsRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm RUN...",
		Short: "Put runs in the trash, where `runs restore` finds them until `gc`",
		Args:  cobra.MinimumNArgs(1),
		RunE:  onRuns(func(ctx context.Context, s *store.Store, id store.RunID) error { return s.Trash(ctx, id) }),
	}
}

func runsRestoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restore RUN...",
		Short: "Take runs out of the trash",
		Args:  cobra.MinimumNArgs(1),
		RunE:  onRuns(func(ctx context.Context, s *store.Store, id store.RunID) error { return s.Restore(ctx, id) }),
	}
}

func runsArchiveCommand() *cobra.Command {
	var undo bool
	c := &cobra.Command{
		Use:   "archive RUN...",
		Short: "Keep runs out of listings, but for those that ask with --archived",
		Args:  cobra.MinimumNArgs(1),
		RunE:  onRuns(func(ctx context.Context, s *store.Store, id store.RunID) error { return s.Archive(ctx, id, !undo) }),
	}
	c.Flags().BoolVar(&undo, "undo", false, "list them again")
	return c
}

func runsTagCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "tag RUN KEY=VALUE...",
		Short: "Tag a run; KEY= takes the tag away",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			for _, tag := range args[1:] {
				if strings.IndexByte(tag, '=') <= 0 {
					return fmt.Errorf("tag %s: write it as key=value", tag)
				}
			}
			set := func(ctx context.Context, s *store.Store, id store.RunID) error {
				for _, tag := range args[1:] {
					key, value, _ := strings.Cut(tag, "=")
					var err error
					if value == "" {
						err = s.RemoveTag(ctx, id, key)
					} else {
						err = s.SetTag(ctx, id, key, value)
					}
					if err != nil {
						return err
					}
				}
				return nil
			}
			return onRuns(set)(c, args[:1])
		},
	}
}

// onRuns makes a command of a change to each of the runs that its arguments name,
// after it has found them all.
func onRuns(change func(context.Context, *store.Store, store.RunID) error) func(*cobra.Command, []string) error {
	return changing(func(c *cobra.Command, s *store.Store, args []string) error {
		ids, err := resolve(c.Context(), s, args)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := change(c.Context(), s, id); err != nil {
				return failure{fmt.Errorf("run %s: %w", id, err)}
			}
		}
		return nil
	})
}

// resolve returns the ids of the runs that args name by id or the start of one.
func resolve(ctx context.Context, s *store.Store, args []string) ([]store.RunID, error) {
	var ids []store.RunID
	for _, arg := range args {
		id, err := s.Resolve(ctx, arg)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/rerun"
	"github.com/assay-ml/assay/setup"
	"github.com/assay-ml/assay/store"
)

// rerunFlags are what a user says to `assay rerun`.
type rerunFlags struct {
	params, data, tolerance []string
	seed                    string
	times, jobs             int
	query                   store.Query
	many, asJSON            bool
	options                 rerun.Options
}

func rerunCommand() *cobra.Command {
	var f rerunFlags
	c := &cobra.Command{
		Use:   "rerun RUN | --where QUERY",
		Short: "Run a recorded run again and say whether the result is the same",
		Long: `Build the program of a run in a fresh folder, from the store alone, run it as a
new run and compare the two. The verdict is kept with both runs:

  identical               every point, metric and figure is bit for bit the same (exit 0)
  equal within tolerance  no value is further off than --tolerance allows (exit 0)
  differs                 the first value that does, and the likeliest cause (exit 1)
  could not run           what is missing (exit 2)
  nothing to compare      the run recorded no metric, report or figure (exit 2)

With -p, --seed, --data or --code it makes a variation instead, a child of the
run; with --times several, whose spread it tells. --code runs the cell as the
notebook has it today, and today's packages, with the params that the run had: is
the improvement real?

With --resume it goes on with a run that was interrupted, killed or failed, as
the same run: a training from its last checkpoint, the rest of the program from
its start. Points that come again are compared and kept once.`,
		Args: func(c *cobra.Command, args []string) error {
			f.many = f.query.Where != "" || f.query.Experiment != ""
			if f.many == (len(args) == 1) || len(args) > 1 {
				return errors.New("name one run, or say which with --where or --experiment")
			}
			if f.many && f.times > 0 {
				return errors.New("--times is for one run: name it")
			}
			if f.options.Resume && (f.many || f.times > 0) {
				return errors.New("--resume is for one run: name it, without --times")
			}
			return nil
		},
		RunE: changing(func(c *cobra.Command, s *store.Store, args []string) error {
			if err := f.parse(); err != nil {
				return err
			}
			if f.many {
				return f.runMany(c.Context(), s)
			}
			id, err := s.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			if f.times > 0 {
				return f.runTimes(c.Context(), s, id)
			}
			return f.runOne(c.Context(), s, id)
		}),
	}
	flags := c.Flags()
	flags.StringArrayVarP(&f.params, "parameter", "p", nil, "vary a parameter: `name=value`")
	flags.StringVar(&f.seed, "seed", "", "vary the parameter seed")
	flags.StringArrayVar(&f.data, "data", nil, "read another file or folder for a data set: `NAME=PATH`")
	flags.BoolVar(&f.options.Code, "code", false, "use today's code, of the notebook and of the modules that were folders, with the old params")
	flags.IntVar(&f.times, "times", 0, "run `N` times with other seeds, and tell the spread of each metric")
	flags.StringArrayVar(&f.tolerance, "tolerance", nil, "count values as equal that differ by less, absolutely or relatively: `1e-6`, or loss=1e-3 for one metric")
	flags.BoolVar(&f.options.Bitwise, "bitwise", false, "pin threads and XLA's flags so that bits do not depend on the machine's load; slower")
	flags.BoolVar(&f.options.OtherMachine, "other-machine", false, "run a run of another system or processor architecture too")
	flags.BoolVar(&f.options.Resume, "resume", false, "go on with a run that was cut off, from its last checkpoint")
	flags.StringVar(&f.query.Where, "where", "", "run all runs again for which this holds")
	flags.StringVar(&f.query.Experiment, "experiment", "", "run all runs of an experiment again")
	flags.IntVar(&f.jobs, "jobs", 0, "with --where, --experiment or --times: so many at once (default: half the processors)")
	flags.BoolVar(&f.asJSON, "json", false, "write JSON")
	return c
}

func (f *rerunFlags) parse() (err error) {
	if f.options.Params, err = assignments("-p", f.params); err != nil {
		return err
	}
	if f.seed != "" {
		f.options.Params["seed"] = f.seed
	}
	if f.options.Data, err = assignments("--data", f.data); err != nil {
		return err
	}
	f.options.Tolerance.Metric = map[string]float64{}
	for _, text := range f.tolerance {
		metric, number := "", text
		if at := strings.LastIndexByte(text, '='); at >= 0 {
			metric, number = text[:at], text[at+1:]
		}
		t, err := strconv.ParseFloat(number, 64)
		if err != nil || !(t >= 0) {
			return fmt.Errorf("--tolerance %s: write a number that is not negative, or metric=number", text)
		}
		if metric == "" {
			f.options.Tolerance.Default = t
		} else {
			f.options.Tolerance.Metric[metric] = t
		}
	}
	f.options.Out = os.Stderr
	if f.options.Code {
		root, err := setup.Root()
		if err != nil {
			return err
		}
		f.options.Workspace = setup.Workspace(root)
	}
	return nil
}

// assignments reads name=value arguments of a flag.
func assignments(flag string, list []string) (map[string]string, error) {
	values := map[string]string{}
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%s %s: write it as name=value", flag, text)
		}
		values[name] = value
	}
	return values, nil
}

// verdictJSON is a rerun as --json writes it.
type verdictJSON struct {
	Run        store.RunID             `json:"run"`
	Rerun      store.RunID             `json:"rerun,omitempty"`
	Verdict    experiments.Verdict     `json:"verdict,omitempty"`
	Message    string                  `json:"message,omitempty"`
	Comparison *experiments.Comparison `json:"comparison,omitempty"`
}

func (f *rerunFlags) runOne(ctx context.Context, s *store.Store, id store.RunID) error {
	result, err := rerun.Run(ctx, s, id, f.options)
	if f.asJSON {
		if err := writeJSON(os.Stdout, f.verdict(rerun.Outcome{Result: result, Err: err})); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	c := result.Comparison
	if f.options.Resume {
		if !f.asJSON {
			fmt.Printf("finished: run %s, resumed %s\n", id, result.Resumed.Tags[experiments.ResumedTag])
		}
		return nil
	}
	if f.options.IsVariation() {
		fmt.Fprintf(os.Stderr, "run %s varies run %s\n", result.Rerun, id)
		if f.asJSON {
			return nil
		}
		return printComparison(ctx, os.Stdout, s, []store.RunID{id, result.Rerun})
	}
	if !f.asJSON {
		printVerdict(c)
	}
	switch c.Verdict {
	case experiments.Differs:
		return failure{fmt.Errorf("run %s differs from run %s", result.Rerun, id)}
	case experiments.NothingToCompare:
		return fmt.Errorf("run %s ran again as run %s, which proves nothing", id, result.Rerun)
	}
	return nil
}

// printVerdict prints a comparison: the verdict, then what else there is to know.
func printVerdict(c experiments.Comparison) {
	fmt.Println(c.Summary())
	if c.Verdict == experiments.Differs && c.Largest != nil && c.Largest != c.First {
		fmt.Printf("  %d values differ, the most by %.3g: %v\n", c.Different, float64(c.Largest.By), *c.Largest)
	}
	for i, change := range c.Changes {
		if i > 0 || c.Verdict != experiments.Differs {
			fmt.Println("  also not the same:", change)
		}
	}
	for _, note := range c.Notes {
		fmt.Println("  note:", note)
	}
}

func (f *rerunFlags) verdict(o rerun.Outcome) verdictJSON {
	v := verdictJSON{Run: o.Original, Rerun: o.Rerun}
	if o.Err != nil {
		v.Verdict, v.Message = experiments.CouldNotRun, o.Err.Error()
		return v
	}
	if f.options.Resume {
		v.Message = "resumed " + o.Resumed.Tags[experiments.ResumedTag]
		return v
	}
	v.Message, v.Comparison = o.Comparison.Summary(), &o.Comparison
	if !f.options.IsVariation() { // of which nothing is expected
		v.Verdict = o.Comparison.Verdict
	}
	return v
}

func (f *rerunFlags) runMany(ctx context.Context, s *store.Store) error {
	f.query.Limit = -1
	f.query.Sort = []string{"started"}
	page, err := s.Runs(ctx, f.query)
	if err != nil {
		return err
	}
	var ids []store.RunID
	for _, run := range page.Runs {
		if run.RerunOf == "" && run.Tags[rerun.VariationTag] == "" { // those are repeats themselves
			ids = append(ids, run.ID)
		}
	}
	if len(ids) == 0 {
		return errors.New("no run to run again: the query finds none")
	}
	outcomes := rerun.Each(ctx, s, ids, f.options, f.jobs)
	if f.asJSON {
		list := make([]verdictJSON, len(outcomes))
		for i, o := range outcomes {
			list[i] = f.verdict(o)
		}
		if err := writeJSON(os.Stdout, list); err != nil {
			return err
		}
	} else {
		t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "RUN\tRERUN\tVERDICT")
		for _, o := range outcomes {
			v := f.verdict(o)
			fmt.Fprintf(t, "%s\t%s\t%s\n", v.Run, v.Rerun, v.Message)
		}
		t.Flush()
	}
	different, not := 0, 0
	for _, o := range outcomes {
		switch {
		case o.Err != nil:
			not++
		case o.Comparison.Verdict == experiments.Differs && !f.options.IsVariation():
			different++
		}
	}
	switch {
	case different > 0:
		return failure{fmt.Errorf("%d of %d run(s) differ, %d could not run", different, len(outcomes), not)}
	case not > 0:
		return fmt.Errorf("%d of %d run(s) could not run", not, len(outcomes))
	}
	return nil
}

func (f *rerunFlags) runTimes(ctx context.Context, s *store.Store, id store.RunID) error {
	spreads, err := rerun.Times(ctx, s, id, f.options, f.times, f.jobs)
	if err != nil {
		return err
	}
	if f.asJSON {
		return writeJSON(os.Stdout, spreads)
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "METRIC\tRUN\tMEAN\tSD\tLEAST\tMOST\tRUN IS OFF BY")
	for _, m := range spreads {
		fmt.Fprintf(t, "%s\t%.4g\t%.4g\t%.2g\t%.4g\t%.4g\t%.1f SD\n", m.Metric, float64(m.Run), float64(m.Mean), float64(m.SD), float64(m.Least), float64(m.Most), float64(m.Off))
	}
	return t.Flush()
}

func verifyCommand() *cobra.Command {
	var all, asJSON bool
	c := &cobra.Command{
		Use:   "verify RUN... | --all",
		Short: "Check, without running it, that everything is there to run a run again",
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return errors.New("name runs, or say --all")
			}
			return nil
		},
		RunE: reading(func(c *cobra.Command, s *store.Store, args []string) error {
			ids, err := resolve(c.Context(), s, args)
			if err != nil {
				return err
			}
			if all {
				for run, err := range s.Each(c.Context(), store.Query{Limit: -1, Archived: true}) {
					if err != nil {
						return err
					}
					ids = append(ids, run.ID)
				}
			}
			checks, err := rerun.Verify(c.Context(), s, ids...)
			if err != nil {
				return err
			}
			wrong := 0
			for _, check := range checks {
				if len(check.Missing) > 0 {
					wrong++
				}
				if !asJSON {
					printCheck(check)
				}
			}
			if asJSON {
				if err := writeJSON(os.Stdout, checks); err != nil {
					return err
				}
			}
			if wrong > 0 {
				return failure{fmt.Errorf("%d of %d run(s) could not be run again here", wrong, len(ids))}
			}
			return nil
		}),
	}
	c.Flags().BoolVar(&all, "all", false, "check all runs")
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

func printCheck(check rerun.Check) {
	if len(check.Missing) == 0 {
		fmt.Printf("run %s: everything is there\n", check.Run)
	}
	for _, sentence := range check.Missing {
		fmt.Printf("run %s: %s\n", check.Run, sentence)
	}
	for _, sentence := range check.Notes {
		fmt.Printf("run %s: note: %s\n", check.Run, sentence)
	}
}

package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/assay-ml/assay/experiments/export"
	"github.com/assay-ml/assay/experiments/importers"
	"github.com/assay-ml/assay/experiments/rerun"
	"github.com/assay-ml/assay/experiments/web"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

func fsckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "fsck",
		Short: "Check the store for damage: pages, chunks, artifacts, journals",
		Args:  cobra.NoArgs,
		RunE: reading(func(c *cobra.Command, s *store.Store, _ []string) error {
			found, err := s.Fsck(c.Context())
			if err != nil {
				return failure{err}
			}
			for _, damage := range found {
				fmt.Println(damage)
			}
			if len(found) > 0 {
				return failure{fmt.Errorf("%s: %d fault(s)", s.Path(), len(found))}
			}
			fmt.Println("no fault found")
			return nil
		}),
	}
}

func gcCommand() *cobra.Command {
	var really bool
	c := &cobra.Command{
		Use:   "gc",
		Short: "Say what is in the trash and unused; with --delete, delete it for good",
		Args:  cobra.NoArgs,
		RunE: changing(func(c *cobra.Command, s *store.Store, _ []string) error {
			g, err := s.GC(c.Context(), !really)
			if err != nil {
				return failure{err}
			}
			what := fmt.Sprintf("%d run(s) in the trash, and %d file(s) that no other run has, %s", len(g.Runs), g.Blobs, humanize.IBytes(uint64(g.Bytes)))
			if !really {
				fmt.Println("would delete " + what + ": `assay gc --delete` does")
				return nil
			}
			fmt.Printf("deleted %s; the store is %s smaller\n", what, humanize.IBytes(uint64(g.Freed)))
			return nil
		}),
	}
	c.Flags().BoolVar(&really, "delete", false, "delete it, rather than only say so")
	return c
}

func backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the store to a new file, also while runs are writing",
		Args:  cobra.ExactArgs(1),
		RunE: reading(func(c *cobra.Command, s *store.Store, args []string) error {
			if err := s.Backup(c.Context(), args[0]); err != nil {
				return failure{err}
			}
			return nil
		}),
	}
}

func sqlCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "sql QUERY",
		Short: "Run a read-only SQL query; views: runs, params, tags, metrics, points, artifacts, data",
		Args:  cobra.ExactArgs(1),
		RunE: reading(func(c *cobra.Command, s *store.Store, args []string) error {
			if asJSON {
				rows := []map[string]any{}
				err := s.SQL(c.Context(), args[0], func(columns []string, values []any) error {
					if values == nil {
						return nil
					}
					row := map[string]any{}
					for i, name := range columns {
						row[name] = values[i]
						if number, ok := values[i].(float64); ok {
							row[name] = models.Number(number)
						}
					}
					rows = append(rows, row)
					return nil
				})
				if err != nil {
					return err
				}
				return writeJSON(os.Stdout, rows)
			}
			w := csv.NewWriter(os.Stdout)
			err := s.SQL(c.Context(), args[0], func(columns []string, values []any) error {
				if values == nil {
					return w.Write(columns)
				}
				record := make([]string, len(values))
				for i, v := range values {
					record[i] = cellText(v)
				}
				return w.Write(record)
			})
			w.Flush()
			return errors.Join(err, w.Error())
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON instead of CSV")
	return c
}

// cellText writes a value that SQL gave, "" for null.
func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []byte:
		return fmt.Sprintf("%x", v)
	case float64:
		if math.IsInf(v, 1) {
			return "+Inf" // as elsewhere, not SQLite's word
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

func exportCommand() *cobra.Command {
	var (
		options export.Options
		format  string
		html    bool
		bundle  string
		packing rerun.BundleOptions
		most    string
	)
	options.Query.Limit, options.Query.Archived = -1, true
	c := &cobra.Command{
		Use:   "export DIR|FILE.html [RUN...]",
		Short: "Write runs with all they hold as CSV, JSON lines or Parquet; or as HTML files",
		Long: `Write runs with all they hold as tables in a new folder, which 'assay import'
reads back bit for bit. With --html, write one run, several side by side, or an
experiment as one HTML file that opens without a network, or as a new folder of
such files, a page for each run. With --bundle, write one run with its
program and data as a store of its own, from which 'assay --store FILE rerun RUN'
runs it again on another machine.`,
		Args: cobra.MinimumNArgs(1),
		RunE: reading(func(c *cobra.Command, s *store.Store, args []string) error {
			if bundle != "" {
				size, err := humanize.ParseBytes(most)
				if err != nil {
					return fmt.Errorf("--max-data %s: write it as 100MB", most)
				}
				packing.MaxData = int64(min(size, math.MaxInt64))
				return exportBundle(c, s, bundle, args, packing)
			}
			ids, err := resolve(c.Context(), s, args[1:])
			if err != nil {
				return err
			}
			if html {
				return exportHTML(c, s, args[0], ids, options.Query.Experiment)
			}
			if len(ids) > 0 {
				if options.Query.Where != "" {
					return errors.New("name runs, or say which with --where, not both")
				}
				options.Query.Where = idIn(ids)
			}
			options.Format = export.Format(format)
			summary, err := export.Write(c.Context(), s, args[0], options)
			if err != nil {
				return failure{err}
			}
			fmt.Fprintf(os.Stderr, "%d run(s), %s points, %s of files in %s\n",
				summary.Runs, humanize.Comma(summary.Points), humanize.IBytes(uint64(summary.Bytes)), args[0])
			return nil
		}),
	}
	c.Flags().StringVar(&format, "format", string(export.CSV), "csv, jsonl or parquet")
	c.Flags().StringVar(&options.Query.Experiment, "experiment", "", "only runs of this experiment")
	c.Flags().StringVar(&options.Query.Where, "where", "", "only runs for which this holds")
	c.Flags().BoolVar(&options.NoArtifacts, "no-artifacts", false, "leave the runs' files out")
	c.Flags().BoolVar(&html, "html", false, "write HTML of the runs named, or of the --experiment: one file if its name ends so, else a folder")
	c.Flags().StringVar(&bundle, "bundle", "", "write the run `RUN` to FILE, with what it takes to run it again")
	c.Flags().StringVar(&most, "max-data", "100MB", "with --bundle: leave out data files that are larger")
	c.Flags().BoolVar(&packing.Modules, "with-modules", false, "with --bundle: the Go modules too, for a machine without a network")
	return c
}

func exportBundle(c *cobra.Command, s *store.Store, run string, args []string, o rerun.BundleOptions) error {
	if len(args) != 1 {
		return errors.New("--bundle takes one run and one file: assay export --bundle RUN FILE")
	}
	id, err := s.Resolve(c.Context(), run)
	if err != nil {
		return err
	}
	leftOut, err := rerun.Bundle(c.Context(), s, id, args[0], o)
	for _, sentence := range leftOut {
		fmt.Fprintln(os.Stderr, "left out:", sentence)
	}
	if err != nil {
		return failure{err}
	}
	return nil
}

func exportHTML(c *cobra.Command, s *store.Store, path string, ids []store.RunID, experiment string) error {
	if len(ids) == 0 && experiment == "" {
		return errors.New("--html needs what to write: assay export --html FILE.html RUN..., or --experiment E")
	}
	ctx := c.Context()
	folder := filepath.Ext(path) != ".html"
	together := func(w io.Writer) error {
		switch len(ids) {
		case 0:
			return web.WriteExperiment(ctx, w, s, experiment, folder)
		case 1:
			return web.WriteRun(ctx, w, s, ids[0])
		}
		return web.WriteCompare(ctx, w, s, ids, folder)
	}
	if !folder {
		return writePage(path, together)
	}
	// A folder, with a page for each run beside that of all.
	if err := os.Mkdir(path, 0o755); err != nil {
		return failure{err}
	}
	if err := writePage(filepath.Join(path, "index.html"), together); err != nil {
		return err
	}
	query := store.Query{Experiment: experiment, Limit: -1, Archived: true}
	if len(ids) > 0 {
		query.Where = idIn(ids)
	}
	for run, err := range s.Each(ctx, query) {
		if err != nil {
			return failure{err}
		}
		if err := writePage(filepath.Join(path, string(run.ID)+".html"), func(w io.Writer) error { return web.WriteRun(ctx, w, s, run.ID) }); err != nil {
			return err
		}
	}
	return nil
}

func writePage(file string, write func(io.Writer) error) error {
	f, err := os.Create(file)
	if err != nil {
		return failure{err}
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return failure{err}
	}
	return nil
}

// idIn returns the query for the runs with these ids.
func idIn(ids []store.RunID) string {
	query := "id in ("
	for i, id := range ids {
		if i > 0 {
			query += ", "
		}
		query += strconv.Quote(string(id))
	}
	return query + ")"
}

func importCommand() *cobra.Command {
	c := &cobra.Command{Use: "import", Short: "Bring runs of other trackers, or of an export, into the store"}
	for _, source := range []struct {
		name, what string
		read       func(context.Context, *store.Store, string, importers.Progress) (importers.Result, error)
	}{
		{"mlflow", "an MLflow store: its SQLite file, or an mlruns folder", importers.MLflow},
		{"tensorboard", "TensorBoard event files: a log folder", importers.TensorBoard},
		{"assay", "a folder that `assay export` wrote", importers.Assay},
	} {
		c.AddCommand(&cobra.Command{
			Use:   source.name + " PATH",
			Short: "Import " + source.what,
			Args:  cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				if _, err := os.Stat(args[0]); err != nil {
					return err
				}
				s, err := openStore(toRecord)
				if err != nil {
					return err
				}
				defer s.Close()
				said := time.Now()
				result, err := source.read(c.Context(), s, args[0], func(done, total int) {
					if time.Since(said) > time.Second {
						said = time.Now()
						fmt.Fprintf(os.Stderr, "%d of %d runs\n", done, total)
					}
				})
				for _, note := range result.Notes {
					fmt.Fprintln(os.Stderr, "note:", note)
				}
				if err == nil || result.New+result.Updated > 0 {
					fmt.Fprintln(os.Stderr, result)
				}
				if err != nil {
					return failure{err}
				}
				return nil
			},
		})
	}
	return c
}

package main

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/assay-ml/assay/data"
)

func dataCommand() *cobra.Command {
	c := &cobra.Command{Use: "data", Short: "Public data sets: list and fetch them"}
	c.AddCommand(dataListCommand(), dataGetCommand())
	return c
}

// listedSet is a data set as `data ls --json` writes it.
type listedSet struct {
	data.Set
	Found []data.File `json:"found"` // on this machine; null if it is not here
}

func dataListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the data sets and say which are on this machine",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var sets []listedSet
			for _, set := range data.List() {
				found, err := data.Find(set.Name)
				if err != nil && !errors.Is(err, data.ErrNotFound) {
					return failure{err}
				}
				sets = append(sets, listedSet{set, found})
			}
			if asJSON {
				return writeJSON(os.Stdout, sets)
			}
			t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "NAME\tTASK\tHERE\tLICENCE\tABOUT")
			for _, set := range sets {
				here := ""
				if len(set.Found) > 0 {
					here = "yes"
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", set.Name, set.Task, here, set.Licence, set.About)
			}
			return t.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

func dataGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "get NAME",
		Short: "Fetch a data set from its authors' address into the user's data folder, checked by checksum",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			said := time.Now()
			files, err := data.Get(c.Context(), args[0], func(file string, done, total int64) {
				if time.Since(said) < time.Second {
					return
				}
				said = time.Now()
				of := ""
				if total > 0 {
					of = " of " + humanize.Bytes(uint64(total))
				}
				fmt.Fprintf(os.Stderr, "%s: %s%s\n", file, humanize.Bytes(uint64(done)), of)
			})
			if errors.Is(err, data.ErrUnknown) {
				return err
			}
			if err != nil {
				return failure{err}
			}
			for _, f := range files {
				fmt.Println(f.Path)
			}
			return nil
		},
	}
}

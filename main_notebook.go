package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-ml/assay/experiments/rerun"
	"github.com/assay-ml/assay/kernel"
	"github.com/assay-ml/assay/notebooks"
	"github.com/assay-ml/assay/setup"
)

func setupCommand() *cobra.Command {
	var options setup.Options
	c := &cobra.Command{
		Use:   "setup",
		Short: "Make this machine ready: gonb, XLA, the Jupyter kernel, a warm build cache",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			options.Out = os.Stderr
			if options.Root, err = setup.Root(); err != nil {
				return err
			}
			if err := setup.Run(c.Context(), options); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&options.CUDA, "cuda", false, "fetch the XLA plugin for NVIDIA GPUs too (2 GB)")
	return c
}

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check each part and say what to do about those that are missing",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			root, err := setup.Root()
			if err != nil {
				return err
			}
			if missing := setup.WriteChecks(os.Stdout, setup.Doctor(c.Context(), root)); missing > 0 {
				return failure{fmt.Errorf("%d part(s) need care", missing)}
			}
			return nil
		},
	}
}

func kernelCommand() *cobra.Command {
	c := &cobra.Command{Use: "kernel", Short: "The Jupyter kernel \"Go (assay)\""}
	install := &cobra.Command{
		Use:   "install",
		Short: "Install the kernelspec for this user",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			exe, err := os.Executable()
			if err != nil {
				return err
			}
			dir, err := kernel.Install(exe)
			if err != nil {
				return failure{err}
			}
			fmt.Println(dir)
			return nil
		},
	}
	var connection string
	run := &cobra.Command{
		Use:   "run --connection-file FILE",
		Short: "Run the kernel on a connection file; Jupyter calls this",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			root, err := setup.Root()
			if err != nil {
				return err
			}
			// An interrupt is for the cell that runs, so it must not end the context.
			if err := kernel.Run(context.WithoutCancel(c.Context()), connection, setup.Workspace(root)); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	run.Flags().StringVar(&connection, "connection-file", "", "Jupyter's connection `file`")
	if err := run.MarkFlagRequired("connection-file"); err != nil {
		panic(err) // the flag is defined above
	}
	c.AddCommand(install, run)
	return c
}

func execCommand() *cobra.Command {
	var (
		parameters []string
		out        string
		timeout    time.Duration
		bitwise    bool
	)
	c := &cobra.Command{
		Use:   "exec NOTEBOOK",
		Short: "Run a notebook from top to bottom, without Jupyter",
		Long: `Run a notebook from top to bottom and write it with its outputs.

It stops at the first cell that does not compile, panics or exits non-zero,
names the cell and the line, and exits 1. The notebook is written even then.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			values, err := assignments("-p", parameters)
			if err != nil {
				return err
			}
			root, err := setup.Root()
			if err != nil {
				return err
			}
			nb, err := kernel.ReadNotebook(args[0])
			if err != nil {
				return err
			}
			if err := nb.SetParameters(values); err != nil {
				return err
			}
			workspace := setup.Workspace(root)
			if workspace.Notebook, err = filepath.Abs(args[0]); err != nil {
				return err
			}
			if storeFile != "" { // the cells' runs go where the user said
				file, err := filepath.Abs(storeFile)
				if err != nil {
					return err
				}
				workspace.Env = append(workspace.Env, "ASSAY_STORE="+file)
			}
			if bitwise {
				workspace.Env = append(workspace.Env, rerun.PinsHere()...)
			}
			if err := workspace.Check(); err != nil {
				return err
			}
			options := kernel.Options{Workspace: workspace, Timeout: timeout, Progress: cellProgress, Output: cellErrors}
			if out != "" {
				if err := nb.Write(out); err != nil { // better now than after an hour
					return err
				}
				options.Save = func(nb *kernel.Notebook) error { return nb.Write(out) }
			}
			if err := kernel.Execute(c.Context(), nb, options); err != nil {
				return failure{fmt.Errorf("%s: %w", args[0], err)}
			}
			return nil
		},
	}
	c.Flags().StringArrayVarP(&parameters, "parameter", "p", nil, "override a value of the cell tagged parameters: `name=value`")
	c.Flags().StringVarP(&out, "output", "o", "", "write the notebook with its outputs to this `file`")
	c.Flags().BoolVar(&bitwise, "bitwise", false, "pin what makes bits depend on free threads, as assay rerun --bitwise does: "+rerun.PinsCost)
	c.Flags().DurationVar(&timeout, "timeout", 0, "stop after this time (30s, 10m)")
	return c
}

// cellProgress says on stderr which cell runs and how long it took.
func cellProgress(p kernel.Progress) {
	if !p.Done {
		first, _, _ := strings.Cut(strings.TrimSpace(p.Cell.Source), "\n")
		fmt.Fprintf(os.Stderr, "cell %d of %d  %s\n", p.Number, p.Total, truncate(first, 60))
		return
	}
	mark := "done"
	if p.Err != nil {
		mark = "failed"
	}
	fmt.Fprintf(os.Stderr, "             %s in %.1f s\n", mark, p.Took.Seconds())
}

// cellErrors passes on what a cell writes to its streams.
func cellErrors(_ *kernel.Cell, o kernel.Output) {
	if o.Type == "stream" {
		fmt.Fprint(os.Stderr, o.Text)
	}
}

func truncate(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}

func newCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new NAME [DIR]",
		Short: "Copy a tutorial notebook out: " + strings.Join(notebooks.Names(), ", "),
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			content, err := notebooks.Read(args[0])
			if err != nil {
				return err
			}
			file := args[0] + ".ipynb"
			if len(args) == 2 {
				if err := os.MkdirAll(args[1], 0o755); err != nil {
					return failure{err}
				}
				file = filepath.Join(args[1], file)
			}
			f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if errors.Is(err, os.ErrExist) {
				return failure{fmt.Errorf("%s is there already: name another folder", file)}
			}
			if err != nil {
				return failure{err}
			}
			_, err = f.Write(content)
			if err := errors.Join(err, f.Close()); err != nil {
				return failure{err}
			}
			fmt.Println(file)
			return nil
		},
	}
}

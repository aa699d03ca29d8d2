package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

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

// Command assay is the experiment tracker and notebook kernel of Assay.
//
// Each subcommand parses its flags, makes one call and maps the error to an
// exit code: 0 done, 1 the thing asked for failed or differs, 2 it could not be
// tried. Results go to stdout, messages to stderr.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/assay-ml/assay/home"
	"github.com/assay-ml/assay/setup"
	"github.com/assay-ml/assay/store"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := root().ExecuteContext(ctx)
	if err == nil {
		return
	}
	if !errors.Is(err, errSaid) {
		fmt.Fprintln(os.Stderr, "assay: "+err.Error())
	}
	var failed failure
	if errors.As(err, &failed) {
		os.Exit(1)
	}
	os.Exit(2)
}

// failure is the error of a thing that was tried and failed: exit code 1. Any
// other error means that it could not be tried: exit code 2.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// errSaid is the error of a command that has already said what was wrong.
var errSaid = errors.New("said")

func root() *cobra.Command {
	c := &cobra.Command{
		Use:           "assay",
		Short:         "Go notebooks for medical machine learning, with an experiment tracker built in",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: see `%s --help`", err, c.CommandPath())
	})
	c.PersistentFlags().StringVar(&storeFile, "store", "", "the store's `file` (default $ASSAY_STORE, or assay.db in the user's data folder)")
	c.AddCommand(
		setupCommand(), doctorCommand(), versionCommand(),
		kernelCommand(), execCommand(), newCommand(),
		uiCommand(), runsCommand(), compareCommand(), rerunCommand(), verifyCommand(),
		dataCommand(),
		exportCommand(), importCommand(), backupCommand(), fsckCommand(), gcCommand(), sqlCommand(),
	)
	checkArguments(c)
	return c
}

// checkArguments makes commands say how they are written when they are written
// otherwise, and those that have others refuse what is none of them: cobra takes it
// for a wish for help.
func checkArguments(c *cobra.Command) {
	if !c.HasSubCommands() {
		check := c.Args
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return fmt.Errorf("%w: write `%s`", err, c.UseLine())
			}
			return nil
		}
		return
	}
	c.Args, c.DisableFlagsInUseLine, c.SuggestionsMinimumDistance = cobra.ArbitraryArgs, true, 2
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		hint := fmt.Sprintf("`%s --help` lists them", c.CommandPath())
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return fmt.Errorf("%s has no command %q: %s", c.CommandPath(), args[0], hint)
	}
	for _, sub := range c.Commands() {
		checkArguments(sub)
	}
}

var storeFile string

// access is what a command does with the store that the user named.
type access int

const (
	toRead   access = iota // a store that is there, also one that may not be written
	toChange               // a store that is there
	toRecord               // one that is made if it is not there
)

func openStore(a access) (*store.Store, error) {
	file := storeFile
	if file == "" {
		var err error
		if file, err = home.Store(); err != nil {
			return nil, err
		}
	}
	if a == toRecord {
		return store.Open(file)
	}
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no store at %s yet: record a run first, or name another with --store or ASSAY_STORE", file)
	}
	if a == toRead {
		return store.OpenToRead(file)
	}
	return store.Open(file)
}

// reading and changing make a command of what is to be done with a store that is
// there.
func reading(do func(*cobra.Command, *store.Store, []string) error) func(*cobra.Command, []string) error {
	return onStore(toRead, do)
}

func changing(do func(*cobra.Command, *store.Store, []string) error) func(*cobra.Command, []string) error {
	return onStore(toChange, do)
}

func onStore(a access, do func(*cobra.Command, *store.Store, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		s, err := openStore(a)
		if err != nil {
			return err
		}
		defer s.Close()
		return do(c, s, args)
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of assay and of what it is built on",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return errors.New("this program was built without module information")
			}
			fmt.Println("assay", info.Main.Version, info.GoVersion)
			root, err := setup.Root()
			if err != nil {
				return err
			}
			for _, module := range []string{
				"github.com/gomlx/gomlx", "github.com/gomlx/go-xla", "github.com/janpfeifer/gonb",
				"github.com/mattn/go-sqlite3", "github.com/go-echarts/go-echarts/v2",
			} {
				version, err := setup.Pinned(root, module)
				if err != nil {
					return err
				}
				fmt.Println(module, version)
			}
			return nil
		},
	}
}

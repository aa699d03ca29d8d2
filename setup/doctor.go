package setup

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/mattn/go-sqlite3"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/kernel"
	"github.com/assay-ml/assay/store"
)

// Check is what Doctor found of one part.
type Check struct {
	Part     string
	Found    string // version or place; what is wrong if there is an error
	Remedy   string // what to do; "" if all is well
	Optional bool   // assay works without it
}

// OK says whether the part is there and works.
func (c Check) OK() bool { return c.Remedy == "" }

// Doctor checks each part that assay needs and each that it can use.
func Doctor(ctx context.Context, root string) []Check {
	return []Check{
		program(ctx, "Go", "install Go 1.21 or newer from https://go.dev/dl; it fetches the version that go.mod names", "go", "version"),
		program(ctx, "C compiler", "install gcc or clang (Debian: apt install gcc; macOS: xcode-select --install)", compiler(), "--version"),
		gonb.check(root),
		goimports.check(root),
		gopls.check(root),
		backend(ctx, root),
		sqlite(ctx),
		script(),
		jupyter(ctx),
	}
}

// WriteChecks writes the checks as a table, and returns the number of parts
// that are needed and not there.
func WriteChecks(w io.Writer, checks []Check) (missing int) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range checks {
		mark := "✓"
		switch {
		case c.OK():
		case c.Optional:
			mark = "–"
		default:
			mark = "✗"
			missing++
		}
		fmt.Fprintf(table, "%s %s\t%s\t%s\n", mark, c.Part, c.Found, c.Remedy)
	}
	table.Flush()
	return missing
}

func program(ctx context.Context, part, remedy, name string, args ...string) Check {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return Check{Part: part, Found: "not found", Remedy: remedy}
	}
	return Check{Part: part, Found: strings.TrimSpace(strings.SplitN(string(out), "\n", 2)[0])}
}

// compiler returns the C compiler that cgo will use.
func compiler() string {
	if cc := os.Getenv("CC"); cc != "" {
		return strings.Fields(cc)[0]
	}
	for _, name := range []string{"gcc", "clang"} {
		if _, err := exec.LookPath(name); err == nil {
			return name
		}
	}
	return "gcc"
}

func (t tool) check(root string) Check {
	want, err := t.pinned(root)
	if err != nil {
		return Check{Part: t.name, Found: err.Error(), Remedy: "restore " + t.modfile}
	}
	switch got := t.built(root); got {
	case want:
		return Check{Part: t.name, Found: got}
	case "":
		return Check{Part: t.name, Found: "not built", Remedy: "run `assay setup`"}
	default:
		return Check{Part: t.name, Found: got, Remedy: "run `assay setup`, which builds " + want}
	}
}

// backend runs probe, which multiplies two matrices on the backend that models
// will use.
func backend(ctx context.Context, root string) Check {
	c := Check{Part: "GoMLX backend"}
	dir, err := os.MkdirTemp("", "assay-doctor-*")
	if err != nil {
		c.Found, c.Remedy = err.Error(), "make the temporary folder writable, or set TMPDIR"
		return c
	}
	defer os.RemoveAll(dir)
	probe := filepath.Join(dir, "probe")
	if out, err := goCommand(ctx, root, "build", "-o", probe, "./setup/probe").CombinedOutput(); err != nil {
		c.Found, c.Remedy = "its test does not build: "+lastLine(out), "mend what is wrong above, or restore assay's source tree"
		return c
	}
	out, err := exec.CommandContext(ctx, probe).Output()
	c.Found = lastLine(out)
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit) && exit.ExitCode() == 2:
		c.Remedy = "run `assay setup`"
	default:
		c.Found = cmp.Or(c.Found, err.Error())
		c.Remedy = "run `assay setup`, or set GOMLX_BACKEND=go for the slow pure Go backend"
	}
	return c
}

// sqlite makes a store and asks SQLite how it keeps it.
func sqlite(ctx context.Context) Check {
	c := Check{Part: "SQLite"}
	dir, err := os.MkdirTemp("", "assay-doctor-*")
	if err != nil {
		c.Found, c.Remedy = err.Error(), "make the temporary folder writable, or set TMPDIR"
		return c
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "assay.db")
	var journal string
	err = func() error {
		s, err := store.Open(file)
		if err != nil {
			return err
		}
		defer s.Close()
		db, err := sql.Open("sqlite3", file)
		if err != nil {
			return err
		}
		defer db.Close()
		return db.QueryRowContext(ctx, "pragma journal_mode").Scan(&journal)
	}()
	if err != nil {
		c.Found, c.Remedy = err.Error(), "build assay with CGO_ENABLED=1 and a C compiler"
		return c
	}
	version, _, _ := sqlite3.Version()
	c.Found = fmt.Sprintf("%s, journal mode %s", version, journal)
	if journal != "wal" {
		c.Remedy = "set TMPDIR to a local disk: write-ahead logging does not work on this one"
	}
	return c
}

func script() Check {
	c := Check{Part: "echarts"}
	b, err := charts.Script()
	if err != nil {
		c.Found, c.Remedy = err.Error(), "run `make build`, which fetches it from npm"
		return c
	}
	c.Found = fmt.Sprintf("embedded, %d KB", len(b)>>10)
	return c
}

func jupyter(ctx context.Context) Check {
	c := program(ctx, "Jupyter", "optional: `make lab` installs JupyterLab; `assay exec` needs no Jupyter", "jupyter", "lab", "--version")
	if c.OK() {
		c.Found = "JupyterLab " + c.Found
	}
	c.Optional = true
	if dir, ok := kernel.Installed(); ok {
		c.Found += "; kernel in " + short(dir)
	} else {
		c.Found += "; kernel not installed"
		c.Remedy = "run `assay setup`, which installs the kernelspec"
	}
	return c
}

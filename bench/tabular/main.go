// Command tabular compares our tabular models with scikit-learn, scikit-survival
// and lifelines on this machine, in one run, and prints one table: seconds to fit
// and to predict, the score on rows held out, and the peak of memory. Run it in
// the root of the repository:
//
//	go run ./bench/tabular              80,000 × 50, about five minutes
//	go run ./bench/tabular -quick       a look at whether it works: 2,000 rows
//	go run ./bench/tabular -tasks forest,svc
//
// The data are scikit-learn's make_classification and make_regression, and the
// METABRIC breast cancer patients where a folder that ASSAY_DATA lists has them.
// Every model is fitted in a process of its own, one at a time, on all cores and
// the same rows, with the same settings; own.go has ours and peers.py the peers'.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/bench/peer"
	"github.com/assay-ml/assay/home"
)

// task is one model, fitted by us and by the peers that have it.
type task struct {
	name  string
	title string
	peers []string
	data  string // "classes", "numbers" or "metabric"
	rows  int    // at most
}

const (
	learn     = "scikit-learn"
	survive   = "scikit-survival"
	lifelines = "lifelines"
)

var tasks = []task{
	{"forest", "random forest, classes", []string{learn}, "classes", 80_000},
	{"forest_numbers", "random forest of a fifth of the trees, numbers", []string{learn}, "numbers", 80_000}, // each looks at all columns
	{"extra", "extra trees, classes", []string{learn}, "classes", 80_000},
	{"boosting", "boosting, classes", []string{learn}, "classes", 80_000},
	{"tree", "tree, classes", []string{learn}, "classes", 80_000},
	{"tree_numbers", "tree, numbers", []string{learn}, "numbers", 80_000},
	{"linear", "linear regression", []string{learn}, "numbers", 80_000},
	{"logistic", "logistic regression", []string{learn}, "classes", 80_000},
	{"svc", "SVC, radial kernel, 16,000 rows", []string{learn}, "classes", 16_000},
	{"cox", "Cox, METABRIC", []string{survive, lifelines}, "metabric", 0},
	{"survival_forest", "random survival forest, METABRIC", []string{survive}, "metabric", 0},
}

// work is how much is done.
type work struct {
	rows, trees int
}

// held is how many rows judge a model.
func (w work) held() int { return w.rows / 4 }

func main() {
	quick := flag.Bool("quick", false, "small work, to see whether it works")
	only := flag.String("tasks", "", "`names` of tasks, with commas between; all if empty")
	flag.Parse()
	var err error
	if flag.NArg() > 0 { // as a child of its own
		err = child(flag.Args())
	} else {
		w := work{rows: 80_000, trees: 100}
		if *quick {
			w = work{rows: 2000, trees: 10}
		}
		err = bench(context.Background(), w, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, w work, only string) error {
	field, err := peer.Open("tabular")
	if err != nil {
		return err
	}
	defer field.Close()
	metabric, err := home.DataFile("predict/surv_metabric/metabric.csv")
	if err != nil {
		return err
	}
	generator := peer.Program{Name: "data", Command: []string{field.Python, field.Script, "make"}}
	if _, err := generator.Run(ctx, field.Dir, strconv.Itoa(w.rows+w.held())); err != nil {
		return err
	}
	var rows []peer.Row
	for _, t := range tasks {
		if only != "" && !slices.Contains(strings.Split(only, ","), t.name) {
			continue
		}
		if t.data == "metabric" && metabric == "" {
			fmt.Fprintf(os.Stderr, "bench: %s is left out: no folder that ASSAY_DATA lists has METABRIC\n", t.title)
			continue
		}
		programs := []peer.Program{{Name: "assay", Command: []string{field.Self}}}
		for _, name := range t.peers {
			programs = append(programs, peer.Program{Name: name, Command: []string{field.Python, field.Script, name}})
		}
		trees := w.trees
		if t.name == "forest_numbers" {
			trees /= 5
		}
		more, err := peer.Compare(ctx, t.title, field.Dir, programs, t.name, strconv.Itoa(min(t.rows, w.rows)), strconv.Itoa(w.held()), strconv.Itoa(trees), metabric)
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	peer.Write(os.Stdout, []peer.Column{
		{Name: "fit", Title: "fit", Format: peer.Ms},
		{Name: "predict", Title: "predict", Format: peer.Ms},
		{Name: "score", Title: "score", Format: peer.Score, Better: peer.Alone},
		{Name: "peak", Title: "peak memory", Format: peer.MB},
	}, rows)
	fmt.Printf(`
%d rows × 50 and %d trees where nothing else is said; %d rows held out. The score is
accuracy for classes, R² for numbers, Harrell's C for METABRIC on the published
split. In brackets: how many times as long or as much memory as assay. Measured
with `+"`make bench`"+` on %s.
`, w.rows, w.trees, w.held(), peer.Machine())
	return nil
}

// child does one task and prints its figures.
func child(args []string) error {
	if len(args) != 5 {
		return fmt.Errorf("a child takes a task, rows, rows held out, trees and a file, not %q", args)
	}
	var counts [3]int
	for i := range counts {
		n, err := strconv.Atoi(args[1+i])
		if err != nil {
			return err
		}
		counts[i] = n
	}
	figures, err := own(context.Background(), args[0], counts[0], counts[1], counts[2], args[4])
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(figures)
}

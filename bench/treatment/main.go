// Command treatment compares our estimators of effects with EconML on this machine,
// in one run, and prints one table: seconds to fit and to predict, the error of the
// effect (√PEHE) for patients held out, how many of the 95 % intervals hold it, and
// the peak of memory. Run it in the root of the repository:
//
//	go run ./bench/treatment            10,000 × 25, about two minutes
//	go run ./bench/treatment -quick     a look at whether it works: 1,000 rows
//	go run ./bench/treatment -tasks forest
//
// The patients are simulated: the arm depends on two columns, the effect on two
// others. Every model is fitted in a process of its own, one at a time, on all
// cores and the same rows, with the same settings; own.go has ours and peers.py the
// peer's.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/bench/peer"
)

// tasks are the models, and what they are called.
var tasks = [][2]string{
	{"forest", "causal forest, nuisances known"},
	{"forest_dml", "causal forest with forests for its nuisances, 5 folds"},
	{"dr", "dr-learner of boosted trees, 5 folds"},
}

func main() {
	quick := flag.Bool("quick", false, "small work, to see whether it works")
	only := flag.String("tasks", "", "`names` of tasks, with commas between (forest, forest_dml, dr); all if empty")
	flag.Parse()
	rows, trees := 10_000, 500
	if *quick {
		rows, trees = 1000, 20
	}
	var err error
	if flag.NArg() > 0 { // as a child of its own
		err = child(flag.Args())
	} else {
		err = bench(context.Background(), rows, trees, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, rows, trees int, only string) error {
	field, err := peer.Open("treatment")
	if err != nil {
		return err
	}
	defer field.Close()
	if err := generate(filepath.Join(field.Dir, "patients.bin"), 2*rows); err != nil {
		return err
	}
	programs := []peer.Program{{Name: "assay", Command: []string{field.Self}}, {Name: "econml", Command: []string{field.Python, field.Script}}}
	var out []peer.Row
	for _, task := range tasks {
		if only != "" && !slices.Contains(strings.Split(only, ","), task[0]) {
			continue
		}
		more, err := peer.Compare(ctx, task[1], field.Dir, programs, task[0], strconv.Itoa(rows), strconv.Itoa(trees))
		if err != nil {
			return err
		}
		out = append(out, more...)
	}
	peer.Write(os.Stdout, []peer.Column{
		{Name: "fit", Title: "fit", Format: peer.Ms},
		{Name: "predict", Title: "predict", Format: peer.Ms},
		{Name: "pehe", Title: "√PEHE", Format: peer.Score, Better: peer.Alone},
		{Name: "covered", Title: "intervals that hold the effect", Format: peer.Score, Better: peer.Alone},
		{Name: "peak", Title: "peak memory", Format: peer.MB},
	}, out)
	fmt.Printf(`
%d patients × %d columns to learn from and as many held out; %d trees in a causal
forest, by grf's criterion, on 45 %% of the rows, leaves of 5; 100 in a nuisance.
In brackets: how many times as long or as much memory as assay. Measured with
`+"`go run ./bench/treatment`"+` on %s.
`, rows, columns, trees, peer.Machine())
	return nil
}

// child does one task and prints its figures.
func child(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("a child takes a task, rows and trees, not %q", args)
	}
	rows, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	trees, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	figures, err := own(context.Background(), args[0], rows, trees)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(figures)
}

// Command text compares the tutorial's LSTM with Keras on TensorFlow, and TF-IDF
// with logistic regression with scikit-learn, on this machine and in one run,
// and prints Markdown tables. Run it in the root of the repository, on a quiet
// machine:
//
//	go run ./bench/text            a training step, and on the ADE corpus the linear model and epochs of the LSTM: five minutes
//	go run ./bench/text -train     also both LSTMs on the corpus, with early stopping: five minutes more
//	go run ./bench/text -quick     few steps, to see whether it works
//
// The peers get an environment of their own in .venv, on first use. What needs
// the corpus (`assay data get ade`) is left out where it is not there. A step's
// texts are noise: 32 of 64 words out of 10,000, embeddings and LSTM 128 wide,
// dropout and recurrent dropout 0.2; its figure is the median of the steps after
// the first few. Epochs are those of a fit, as users call it: steps a second of
// all but the first epoch, which compiles, each with its validation.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/assay-ml/assay/bench/peer"
	"github.com/assay-ml/assay/gomlx_models/text"
)

func main() {
	quick := flag.Bool("quick", false, "few steps, to see whether it works")
	train := flag.Bool("train", false, "train the LSTMs on the corpus, too")
	flag.Parse()
	var err error
	if flag.Arg(0) == "assay" { // as a child of its own
		err = own(context.Background(), flag.Args()[1:])
	} else {
		err = compare(context.Background(), *quick, *train)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, quick, train bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// As cells and reruns are started.
	programs := []peer.Program{{Name: "assay", Command: []string{self, "assay"}, Env: []string{"GLIBC_TUNABLES=glibc.malloc.hugetlb=1"}}}
	python, err := peer.Python("text", "bench/text/requirements.txt")
	if err == nil {
		var script string
		if script, err = filepath.Abs("bench/text/peers.py"); err == nil {
			programs = append(programs, peer.Program{Command: []string{python, script}})
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: the peers are left out: %v\n", err)
	}
	fmt.Println(peer.Machine())

	steps, epochs := "300", "3"
	if quick {
		steps, epochs = "8", "2"
	}
	milliseconds := func(v float64) string { return fmt.Sprintf("%.1f ms", v) }
	table(ctx, "A training step of the LSTM, 32 texts of 64 words", programs, "Keras", []peer.Column{
		{Name: "step", Title: "step", Format: milliseconds},
		{Name: "first", Title: "first step", Format: peer.Ms},
		{Name: "peak", Title: "peak memory", Format: peer.MB},
	}, "step", "64", steps)

	path, err := corpus()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: the corpus is left out: %v\n", err)
		return nil
	}
	defer os.Remove(path)
	onCorpus := []peer.Column{
		{Name: "fit", Title: "fit", Format: peer.Ms},
		{Name: "predict", Title: "predict the test part", Format: peer.Ms},
		{Name: "auc", Title: "AUC", Format: peer.Score, Better: peer.Alone},
		{Name: "f1", Title: "F1", Format: peer.Score, Better: peer.Alone},
		{Name: "peak", Title: "peak memory", Format: peer.MB},
	}
	table(ctx, "TF-IDF with logistic regression on the ADE corpus", programs, "scikit-learn", onCorpus, "linear", path)
	table(ctx, "Epochs of the LSTM on the ADE corpus, 32 texts a step, validated after each", programs, "Keras", []peer.Column{
		{Name: "rate", Title: "steps a second", Format: func(v float64) string { return fmt.Sprintf("%.1f", v) }, Better: peer.More},
		{Name: "peak", Title: "peak memory", Format: peer.MB},
	}, "epochs", path, epochs)
	if train {
		for seed := range 3 {
			title := fmt.Sprintf("The LSTM on the ADE corpus, until validation no longer gets better, seed %d", seed)
			table(ctx, title, programs, "Keras", onCorpus, "lstm", path, strconv.Itoa(seed))
		}
	}
	return nil
}

// table runs every program with args and prints what they did. The second
// program is the peer.
func table(ctx context.Context, title string, programs []peer.Program, peerName string, columns []peer.Column, args ...string) {
	var rows []peer.Row
	for i, p := range programs {
		if i == 1 {
			p.Name = peerName
		}
		row, err := p.Figures(ctx, ".", args...)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s is left out: %v\n", p.Name, err)
			continue
		}
		rows = append(rows, row)
	}
	fmt.Printf("\n%s:\n\n", title)
	peer.Write(os.Stdout, columns, rows)
}

// part is a split of the corpus as all programs read it.
type part struct {
	X []string `json:"x"`
	Y []int    `json:"y"`
}

// corpus writes the ADE corpus into a file of its own, whatever form the machine
// has it in.
func corpus() (path string, err error) {
	data, err := text.Open("ade")
	if err != nil {
		return "", err
	}
	parts := map[string]part{}
	for _, set := range []text.Dataset{data.Train, data.Validation, data.Test} {
		p := part{X: set.X}
		for _, labels := range set.Y {
			p.Y = append(p.Y, labels[0])
		}
		parts[set.Name] = p
	}
	file, err := os.CreateTemp("", "assay-bench-*.json")
	if err != nil {
		return "", err
	}
	defer file.Close()
	return file.Name(), json.NewEncoder(file).Encode(parts)
}

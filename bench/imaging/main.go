// Command imaging compares a training step of the tutorial network and of
// ResNet-18, batches of 32 films, with Keras on TensorFlow, on this machine and in
// one run, and prints one Markdown table a network and size. Run it in the root of
// the repository, on a quiet machine:
//
//	go run ./bench/imaging                 28, 112 and 224 pixels, about twenty minutes
//	go run ./bench/imaging -networks cnn -sizes 28 -quick
//
// Keras gets an environment of its own in .venv, on first use. Films are
// noise, bytes in memory on both sides; weights and data do not change what a
// step costs. A step's time is the median of the steps after the first few; its
// processor time, which other programs disturb less, is their mean over all cores.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/bench/peer"
	"github.com/assay-ml/assay/gomlx_models/fit"
	"github.com/assay-ml/assay/gomlx_models/imaging"
)

func main() {
	networks := flag.String("networks", "cnn,resnet18", "`networks` to train, by commas")
	quick := flag.Bool("quick", false, "few steps, to see whether it works")
	sizes := flag.String("sizes", "28,112,224", "`pixels` a side, by commas; films of 100 and more are in colour")
	flag.Parse()
	run := compare
	if flag.Arg(0) == "assay" { // as a child of its own
		run = func(context.Context, []string, []string, bool) error { return own(flag.Args()[1:]) }
	}
	if err := run(context.Background(), strings.Split(*networks, ","), strings.Split(*sizes, ","), *quick); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, networks, sizes []string, quick bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	programs := []peer.Program{
		// As cells and reruns are started.
		{Name: "assay", Command: []string{self, "assay"}, Env: []string{"GLIBC_TUNABLES=glibc.malloc.hugetlb=1"}},
		{Name: "assay, by go run", Command: []string{self, "assay"}},
	}
	python, err := peer.Python("imaging", "bench/imaging/requirements.txt")
	if err == nil {
		var script string
		if script, err = filepath.Abs("bench/imaging/keras_step.py"); err == nil {
			programs = append(programs, peer.Program{Name: "Keras", Command: []string{python, script}})
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: Keras is left out: %v\n", err)
	}
	fmt.Println(peer.Machine())
	for _, network := range networks {
		for _, size := range sizes {
			if err := compareOne(ctx, programs, network, size, quick); err != nil {
				return err
			}
		}
	}
	return nil
}

func compareOne(ctx context.Context, programs []peer.Program, network, size string, quick bool) error {
	side, err := strconv.Atoi(size)
	if err != nil {
		return fmt.Errorf("size %q is not a number of pixels", size)
	}
	channels, steps := 1, 300
	if side >= 100 {
		channels, steps = 3, 30
	}
	if network == "resnet18" { // whose steps are longer
		steps = max(10, steps/10)
	}
	if quick {
		steps = min(steps, 8)
	}
	var rows []peer.Row
	for _, p := range programs {
		fmt.Fprintf(os.Stderr, "bench: %s, %s at %d pixels …\n", p.Name, network, side)
		row, err := p.Figures(ctx, ".", network, strconv.Itoa(side), strconv.Itoa(channels), strconv.Itoa(steps))
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s is left out: %v\n", p.Name, err)
			continue
		}
		rows = append(rows, row)
	}
	fmt.Printf("\n%s, %d×%d×%d:\n\n", network, side, side, channels)
	peer.Write(os.Stdout, []peer.Column{
		{Name: "step", Title: "step", Format: func(v float64) string { return fmt.Sprintf("%.1f ms", v) }},
		{Name: "cpu", Title: "processor time", Format: func(v float64) string { return fmt.Sprintf("%.1f ms", v) }},
		{Name: "peak", Title: "peak memory", Format: func(v float64) string { return fmt.Sprintf("%.0f MB", v) }},
		{Name: "first", Title: "first step", Format: func(v float64) string { return fmt.Sprintf("%.1f s", v/1000) }},
	}, rows)
	return nil
}

// own trains a network for some steps and prints what a step took.
func own(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("assay wants a network, pixels a side, channels and steps, and got %q", args)
	}
	var numbers [3]int
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.Atoi(args[1+i]); err != nil {
			return err
		}
	}
	side, channels, steps := numbers[0], numbers[1], numbers[2]
	const films, batch = 320, 32
	rng := rand.New(rand.NewPCG(1, 1))
	train := imaging.Dataset{Name: "noise"}
	for i := range films {
		p := imaging.NewPixels(side, side, channels)
		for j := range p.Values {
			p.Values[j] = uint8(rng.IntN(256))
		}
		train.X, train.Y = append(train.X, imaging.Of(strconv.Itoa(i), p)), append(train.Y, i%2)
	}
	model := imaging.New(imaging.Config{
		Classes: []string{"no", "yes"}, HoldOut: -1, Network: args[0],
		Options: fit.Options{Epochs: 1 + (steps+peer.WarmUp)*batch/films, Batch: batch, Seed: 1},
	})
	watch := peer.StartStopwatch(steps)
	if err := model.Fit(context.Background(), train, watch); err != nil && !errors.Is(err, peer.ErrTimed) {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(watch.Figures())
}

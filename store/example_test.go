package store_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"

	"github.com/assay-ml/assay/store"
)

func Example() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s, err := store.Open(filepath.Join(dir, "assay.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	ctx := context.Background()
	for _, lr := range []float64{1e-2, 1e-3} {
		w, err := s.Start(ctx, store.NewRun{Experiment: "pneumonia", Name: fmt.Sprintf("lr %g", lr)})
		if err != nil {
			log.Fatal(err)
		}
		if err := w.Params(map[string]store.Value{"lr": lr}); err != nil {
			log.Fatal(err)
		}
		for step := range int64(1000) {
			loss := math.Exp(-lr * float64(step))
			if err := w.Step(step, []string{"loss"}, []float64{loss}); err != nil {
				log.Fatal(err)
			}
		}
		if err := w.End(store.Finished, ""); err != nil {
			log.Fatal(err)
		}
	}

	page, err := s.Runs(ctx, store.Query{Where: "metric.loss < 0.1 and at(metric.loss, 100) < 0.5", Sort: []string{"metric.loss"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range page.Runs {
		fmt.Printf("%s: loss %.2g after step %d\n", r.Name, r.Metrics["loss"].Last, r.LastStep)
	}
	_, err = s.Runs(ctx, store.Query{Where: "metric.los < 0.1"})
	fmt.Println(err)
	// Output:
	// lr 0.01: loss 4.6e-05 after step 999
	// runs: query, character 1: no run has a metric called los, do you mean loss?
}

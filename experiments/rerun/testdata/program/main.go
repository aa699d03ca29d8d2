// Command program is what the tests record and run again: two runs that read a
// file, use a package of its own module with an embedded file, and a module that
// is a folder.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"time"

	"github.com/assay-ml/assay/data"
	"github.com/assay-ml/assay/experiments"
	models "github.com/assay-ml/assay/gomlx_models"

	"example.org/helper"
	"example.org/program/ward"
)

var seed int64 = 1

func main() {
	rate := flag.Float64("rate", 0.5, "learning rate")
	pause := 0 * time.Second
	explode := false
	flag.Parse()
	for _, experiment := range []string{"first", "second"} {
		err := experiments.Track(context.Background(), experiment, func(run *experiments.Run) error {
			if pause > 0 {
				fmt.Fprintln(os.Stderr, "pausing")
				select {
				case <-run.Context().Done():
					return context.Cause(run.Context())
				case <-time.After(pause):
				}
			}
			content, err := os.ReadFile("ward.csv")
			if err != nil {
				return err
			}
			files, err := data.Stat("ward.csv")
			if err != nil {
				return err
			}
			run.Data(models.DataUse{Name: "ward", Rows: len(content), Files: files})
			run.Params(map[string]any{"rate": *rate, "seed": seed})
			random := rand.New(rand.NewPCG(uint64(seed), 0))
			for step := range int64(100) {
				run.Log(step, "loss", helper.Twice(*rate)*random.Float64()+float64(content[step%int64(len(content))]))
			}
			if explode {
				panic("the ward exploded")
			}
			none := models.Number(math.NaN())
			return run.Report(models.Report{Name: experiment, Metrics: []models.Metric{
				{Name: "beds", Value: models.Number(ward.Beds()), Low: none, High: none},
			}})
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

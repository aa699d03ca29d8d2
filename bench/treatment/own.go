package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"

	"github.com/assay-ml/assay/bench/peer"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/treatment"
	"github.com/assay-ml/assay/gomlx_models/treatment/causal"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// columns of the generated data. A patient is these, the arm, the outcome, the
// effect, and what the columns say of arm and outcome, float64s, little-endian.
const (
	columns = 25
	width   = columns + 5
)

// generate writes n patients.
func generate(path string, n int) error {
	random := rand.New(rand.NewPCG(1, 2))
	cells := make([]float64, n*width)
	for i := range n {
		row := cells[i*width : (i+1)*width]
		for j := range columns {
			row[j] = random.NormFloat64()
		}
		effect := 1 + max(row[2], 0) - 0.5*row[3]
		chance := 1 / (1 + math.Exp(-row[1]-0.5*row[0]))
		arm := 0.0
		if random.Float64() < chance {
			arm = 1
		}
		copy(row[columns:], []float64{
			arm, row[0] + row[1] + arm*effect + random.NormFloat64(), effect,
			chance, row[0] + row[1] + chance*effect,
		})
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := binary.Write(f, binary.LittleEndian, cells); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// read reads the patients.
func read(path string, n int) (d treatment.Dataset, effect, chance, expected []float64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return d, nil, nil, nil, err
	}
	defer f.Close()
	cells := make([]float64, n*width)
	if err := binary.Read(f, binary.LittleEndian, cells); err != nil {
		return d, nil, nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	for i := range n {
		row := cells[i*width : (i+1)*width]
		d.X = append(d.X, row[:columns:columns])
		d.Y = append(d.Y, treatment.Outcome{Arm: int(row[columns]), Value: row[columns+1]})
		effect, chance, expected = append(effect, row[columns+2]), append(chance, row[columns+3]), append(expected, row[columns+4])
	}
	return d, effect, chance, expected, nil
}

// own fits one of our models to the first rows in this folder and judges it on the
// others.
func own(ctx context.Context, task string, rows, trees int) (map[string]float64, error) {
	d, truth, chance, expected, err := read("patients.bin", 2*rows)
	if err != nil {
		return nil, err
	}
	train, test := treatment.Dataset{X: d.X[:rows], Y: d.Y[:rows]}, d.X[rows:]
	var fit func() error
	var predict func() (effect, stdErr []float64, err error)
	switch task {
	case "forest":
		w, y := make([]float64, rows), make([]float64, rows)
		for i, o := range train.Y {
			w[i], y[i] = float64(o.Arm)-chance[i], o.Value-expected[i]
		}
		var forest *causal.Forest
		fit = func() (err error) {
			forest, err = causal.Grow(ctx, train.X, w, y, causal.Config{Trees: trees, Seed: 1})
			return err
		}
		predict = func() (effect, stdErr []float64, err error) {
			effects, err := forest.Effects(test)
			for _, e := range effects {
				effect, stdErr = append(effect, e.Value), append(stdErr, e.StdErr)
			}
			return effect, stdErr, err
		}
	case "forest_dml", "dr":
		cfg := treatment.Config{Method: treatment.CausalForest, Arms: []string{"0", "1"}, Seed: 1, Overlap: 1e-3, Forest: causal.Config{Trees: trees}}
		cfg.Outcome = prognosis.Config{Method: prognosis.Forest, Trees: tree.Config{MinLeaf: 10}}
		cfg.Propensity = cfg.Outcome
		if task == "dr" {
			cfg.Method = treatment.DRLearner
			cfg.Outcome = prognosis.Config{Method: prognosis.Boosting}
			cfg.Propensity = prognosis.Config{Method: prognosis.Linear}
		}
		m := treatment.New(cfg)
		fit = func() error { return m.Fit(ctx, train) }
		predict = func() (effect, stdErr []float64, err error) {
			answers, err := m.Predict(ctx, test)
			for _, a := range answers {
				effect = append(effect, a.Effect[1])
				if a.StdErr != nil {
					stdErr = append(stdErr, a.StdErr[1])
				}
			}
			return effect, stdErr, err
		}
	default:
		return nil, fmt.Errorf("there is no task %q", task)
	}
	var effect, stdErr []float64
	figures, err := peer.Time(fit, func() (err error) {
		effect, stdErr, err = predict()
		return err
	})
	if err != nil {
		return nil, err
	}
	var squares, covered float64
	for i, e := range effect {
		off := e - truth[rows+i]
		squares += off * off / float64(rows)
		if stdErr != nil && math.Abs(off) <= 1.96*stdErr[i] {
			covered += 1 / float64(rows)
		}
	}
	figures["pehe"] = math.Sqrt(squares)
	if stdErr != nil {
		figures["covered"] = covered
	}
	return figures, nil
}

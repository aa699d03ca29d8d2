package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/assay-ml/assay/bench/peer"
	"github.com/assay-ml/assay/gomlx_models/linear"
	"github.com/assay-ml/assay/gomlx_models/prognosis"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/svm"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/tree"
)

// columns of the generated data.
const columns = 50

// own fits one of our models to the data in this folder and returns milliseconds
// to fit and to predict, and the score.
func own(ctx context.Context, name string, rows, held, trees int, metabric string) (map[string]float64, error) {
	cfg := prognosis.Config{Trees: tree.Config{Trees: trees}}
	switch name {
	case "forest", "forest_numbers":
		cfg.Method = prognosis.Forest
	case "extra":
		cfg.Method = prognosis.Extra
	case "boosting":
		cfg.Method, cfg.Boost = prognosis.Boosting, tree.BoostConfig{Rounds: trees}
	case "tree", "tree_numbers":
		cfg.Method = prognosis.Tree
	case "linear":
		cfg.Method = prognosis.Linear
	case "logistic":
		cfg.Method, cfg.Linear = prognosis.Linear, linear.Config{Lambda: 1 / float64(rows)}
	case "svc":
		cfg.Method, cfg.SVM = prognosis.SVM, svm.Config{Folds: -1} // as SVC: calls, no probabilities
	case "cox":
		cfg.Method = prognosis.Cox
	case "survival_forest":
		cfg.Method, cfg.Trees.MinLeaf = prognosis.Forest, 15
	default:
		return nil, fmt.Errorf("there is no task %q", name)
	}
	switch name {
	case "cox", "survival_forest":
		train, test, err := patients(metabric)
		if err != nil {
			return nil, err
		}
		return measure(ctx, prognosis.NewSurvivor(cfg), train, test, func(risk []float64, observed []prognosis.Outcome) float64 {
			return score.Concordance(prognosis.Followup(observed), risk)
		})
	case "forest_numbers", "tree_numbers", "linear":
		x, y, err := generated("numbers", rows, held)
		if err != nil {
			return nil, err
		}
		train, test := prognosis.Dataset[float64]{X: x[:rows], Y: y[:rows]}, prognosis.Dataset[float64]{X: x[rows:], Y: y[rows:]}
		return measure(ctx, prognosis.NewRegressor(cfg), train, test, func(predicted, observed []float64) float64 {
			return score.R2(observed, predicted)
		})
	}
	x, y, err := generated("classes", rows, held)
	if err != nil {
		return nil, err
	}
	class := make([]int, len(y))
	for i, v := range y {
		class[i] = int(v)
	}
	cfg.Classes = []string{"0", "1"}
	train, test := prognosis.Dataset[int]{X: x[:rows], Y: class[:rows]}, prognosis.Dataset[int]{X: x[rows:], Y: class[rows:]}
	return measure(ctx, prognosis.NewClassifier(cfg), train, test, func(prob []float64, observed []int) float64 {
		positive := make([]bool, len(observed))
		for i, c := range observed {
			positive[i] = c == 1
		}
		return score.Confusion(positive, prob, 0.5).Accuracy()
	})
}

// measure fits, predicts and judges by the one number that Model.Scale makes of
// an answer.
func measure[Y, A any](ctx context.Context, m *prognosis.Model[Y, A], train, test prognosis.Dataset[Y], judge func([]float64, []Y) float64) (map[string]float64, error) {
	var answers []A
	figures, err := peer.Time(
		func() error { return m.Fit(ctx, train) },
		func() (err error) {
			answers, err = m.Predict(ctx, test.X)
			return err
		})
	if err != nil {
		return nil, err
	}
	figures["score"] = judge(m.Scale(answers), test.Y)
	return figures, nil
}

// generated reads what peers.py made: the first rows, and those held out, which
// are the last.
func generated(name string, rows, held int) (x [][]float64, y []float64, err error) {
	y, err = read(name+".y", 1, rows, held)
	if err != nil {
		return nil, nil, err
	}
	cells, err := read(name+".x", columns, rows, held)
	if err != nil {
		return nil, nil, err
	}
	x = make([][]float64, 0, len(y))
	for i := range y {
		x = append(x, cells[i*columns:(i+1)*columns:(i+1)*columns])
	}
	return x, y, nil
}

// read reads the first rows and the last of a file of float64s, little-endian.
func read(path string, width, rows, held int) ([]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := make([]float64, (rows+held)*width)
	if err := fill(out[:rows*width], f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := f.Seek(-int64(8*held*width), io.SeekEnd); err != nil {
		return nil, err
	}
	if err := fill(out[rows*width:], f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// fill reads numbers without holding all their bytes, as the peers' reader does.
func fill(dst []float64, r io.Reader) error {
	var buffer [1 << 16]byte
	for part := range slices.Chunk(dst, len(buffer)/8) {
		content := buffer[:8*len(part)]
		if _, err := io.ReadFull(r, content); err != nil {
			return err
		}
		if _, err := binary.Decode(content, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return nil
}

// patients reads METABRIC with its published split.
func patients(path string) (train, test prognosis.Dataset[prognosis.Outcome], err error) {
	frame, err := table.Open(path, table.Options{})
	if err != nil {
		return train, test, err
	}
	time, err := frame.Numbers("time")
	if err != nil {
		return train, test, err
	}
	event, err := frame.Numbers("event")
	if err != nil {
		return train, test, err
	}
	split, err := frame.Texts("split")
	if err != nil {
		return train, test, err
	}
	_, x, err := table.Fit(table.Plan{Drop: []string{"time", "event", "split"}, Number: table.NumberPlan{Impute: table.Leave}}, frame, nil)
	if err != nil {
		return train, test, err
	}
	for i, s := range split {
		set := &train
		if s == "test" {
			set = &test
		}
		set.X, set.Y = append(set.X, x[i]), append(set.Y, prognosis.Outcome{Time: time[i], Event: event[i] != 0 && !math.IsNaN(event[i])})
	}
	return train, test, nil
}

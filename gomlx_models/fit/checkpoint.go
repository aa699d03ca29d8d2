package fit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/metric"

	models "github.com/assay-ml/assay/gomlx_models"
)

// A checkpoint is a saved network of this kind. Its configuration is the
// trainingState; its weights are the best ones so far, under "best" and their
// names, and all variables, in the order in which they were made, under "now" and
// their paths: of network, optimizer, averages and random numbers.
const (
	checkpointKind = "fit.checkpoint"
	bestPrefix     = "best"
	nowPrefix      = "now"
)

// trainingState is what a training knows beside its variables.
type trainingState struct {
	Options Options `json:"options"`
	Rows    int     `json:"rows"`  // to train on
	First   string  `json:"first"` // sha256 of the first of them
	Step    int     `json:"step"`  // the last that was done
	Epoch   int     `json:"epoch"`
	// Ended says that there is nothing left to train: "best" is the result.
	Ended bool          `json:"ended"`
	Best  int           `json:"best"` // epoch of the best weights; 0 if there are none
	Score models.Number `json:"score"`
}

// checkpoints keeps the state of one training.
type checkpoints struct {
	job     Job
	trainer *train.Trainer
	best    *best
	keep    func(state []byte) error // nil if nobody keeps it

	first string    // sha256 of the first rows
	kept  int       // step of the last that was kept
	due   time.Time // of the next
}

// share is the part of the time that checkpoints take at most.
const share = 20

// resume asks the observer that keeps states, if there is one, for the last
// one, and takes the training up from it. It returns the network if that
// training had ended.
func (c *checkpoints) resume(watching watchers) (ended *Network, err error) {
	c.wait(0)
	resumer := watching.resumer()
	if resumer == nil {
		return nil, nil
	}
	state, keep, err := resumer.Resume()
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if c.job.CheckpointSeconds >= 0 {
		c.keep = keep
	}
	if c.keep == nil && state == nil {
		return nil, nil
	}
	if c.first, err = firstRows(c.job.Train); err != nil || state == nil {
		return nil, err
	}
	if ended, err = c.restore(state); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return ended, nil
}

func (c *checkpoints) restore(state []byte) (ended *Network, err error) {
	var s trainingState
	weights, err := Load(bytes.NewReader(state), checkpointKind, &s)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Options != c.job.Options || s.Rows != c.job.Train.Len():
		return nil, fmt.Errorf("it is of another training: of %d rows with options %+v, and this one is of %d with %+v",
			s.Rows, s.Options, c.job.Train.Len(), c.job.Options)
	case s.First != c.first:
		return nil, errors.New("it is of another training, on other rows: trainings that go on side by side need a run each")
	}
	store := c.trainer.Store()
	for _, w := range weights {
		prefix, name, _ := strings.Cut(w.name, "/")
		name = "/" + name
		if prefix == bestPrefix {
			c.best.weights = append(c.best.weights, weight{name, w.value})
			continue
		}
		name = c.renamed(name, false)
		if v := store.GetVariable(name); v != nil { // the random state
			err = v.SetValue(w.value)
		} else {
			_, err = store.CreateVariable(name, w.value)
		}
		if err != nil {
			return nil, err
		}
	}
	c.best.epoch, c.best.score, c.best.judged = s.Best, float64(s.Score), s.Epoch
	c.kept = s.Step
	if s.Ended {
		return c.best.network()
	}
	return nil, nil
}

// firstRows returns the sha256 of a source's first rows, which tells folds apart.
func firstRows(source Source) (string, error) {
	rows := []int{0, 1, 2, 3}
	inputs, labels, err := source.Batch(0, rows[:min(len(rows), source.Len())])
	if err != nil {
		return "", fmt.Errorf("the first rows: %w", err)
	}
	sum := sha256.New()
	for _, t := range slices.Concat(inputs, labels) {
		err := t.ConstBytes(func(raw []byte) { sum.Write(raw) })
		if err := errors.Join(err, t.FinalizeAll()); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// renamed returns the path here of a variable in a checkpoint, or toFile the
// other way round: GoMLX gives those of metrics another name in each process.
func (c *checkpoints) renamed(name string, toFile bool) string {
	for i, m := range c.trainer.TrainMetrics() {
		here, there := path.Join("/", metric.Scope, m.ScopeName())+"/", path.Join("/", metric.Scope, strconv.Itoa(i))+"/"
		if toFile {
			here, there = there, here
		}
		if rest, ok := strings.CutPrefix(name, there); ok {
			return here + rest
		}
	}
	return name
}

// wait sets when the next checkpoint is due, after one that took so long.
func (c *checkpoints) wait(took time.Duration) {
	every := time.Minute
	if c.job.CheckpointSeconds > 0 {
		every = time.Duration(c.job.CheckpointSeconds * float64(time.Second))
	}
	c.due = time.Now().Add(max(every, share*took))
}

// step keeps the state after a step if it is time to. steps is the length of an
// epoch.
func (c *checkpoints) step(done, steps int) error {
	epochs := c.job.CheckpointEpochs
	if c.keep == nil || time.Now().Before(c.due) && !(epochs > 0 && done%(epochs*steps) == 0) {
		return nil
	}
	return c.save(false)
}

// save keeps the state as it is now. Of a training that has ended only the result
// is kept, and only if it took long enough for checkpoints: otherwise it is as
// quick to train again.
func (c *checkpoints) save(ended bool) error {
	step := int(c.trainer.GlobalStep())
	if c.keep == nil || step == c.kept && !ended || ended && c.kept == 0 {
		return nil
	}
	began := time.Now()
	var all Weights
	for _, w := range c.best.weights {
		all = append(all, weight{bestPrefix + w.name, w.value})
	}
	if !ended {
		variables, err := copied(c.trainer.Store().IterVariables(), func(path string) string { return nowPrefix + c.renamed(path, true) })
		if err != nil {
			return fmt.Errorf("checkpoint of step %d: %w", step, err)
		}
		all = append(all, variables...)
	}
	var content bytes.Buffer
	err := all.save(&content, checkpointKind, trainingState{
		Options: c.job.Options, Rows: c.job.Train.Len(), First: c.first, Step: step, Epoch: c.best.judged, Ended: ended,
		Best: c.best.epoch, Score: models.Number(c.best.score),
	})
	if err == nil {
		err = c.keep(content.Bytes())
	}
	if err != nil {
		return fmt.Errorf("checkpoint of step %d: %w", step, err)
	}
	c.kept = step
	c.wait(time.Since(began))
	return nil
}

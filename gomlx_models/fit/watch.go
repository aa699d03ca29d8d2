package fit

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	models "github.com/assay-ml/assay/gomlx_models"
)

// watchers are several observers as one.
type watchers []models.Observer

// Step implements models.Observer.
func (w watchers) Step(step int64, names []string, values []float64) error {
	for _, observer := range w {
		if err := observer.Step(step, names, values); err != nil {
			return err
		}
	}
	return nil
}

// Plan implements models.Planner.
func (w watchers) Plan(steps int64) {
	for _, observer := range w {
		if planner, ok := observer.(models.Planner); ok {
			planner.Plan(steps)
		}
	}
}

// resumer returns the first of the observers that keeps a training's state, nil
// if none does.
func (w watchers) resumer() models.Resumer {
	for _, observer := range w {
		if resumer, ok := observer.(models.Resumer); ok {
			return resumer
		}
	}
	return nil
}

// resumerFirst returns the observers with those first that keep states: what is
// kept when another stops the training then knows of the step.
func (w watchers) resumerFirst() watchers {
	return slices.SortedStableFunc(slices.Values(w), func(a, b models.Observer) int {
		_, first := a.(models.Resumer)
		_, second := b.(models.Resumer)
		switch {
		case first == second:
			return 0
		case first:
			return -1
		}
		return 1
	})
}

// Keep hands what save writes to the observers that keep files. Models call it
// at the end of Fit with their Save.
func Keep(watching []models.Observer, name string, save func(io.Writer) error) error {
	var content []byte
	for _, observer := range watching {
		keeper, ok := observer.(models.Keeper)
		if !ok {
			continue
		}
		if content == nil {
			var buffer bytes.Buffer
			if err := save(&buffer); err != nil {
				return err
			}
			content = buffer.Bytes()
		}
		if err := keeper.Artifact(name, content); err != nil {
			return fmt.Errorf("artifact %s: %w", name, err)
		}
	}
	return nil
}

package imaging

import (
	"fmt"
	"slices"

	"github.com/assay-ml/assay/gomlx_models/fit"
)

// Config describes a network that classifies films. Only Classes is required;
// the zero value of everything else is the convolutional network of Keras's
// introductory tutorials, trained with Adam for up to 30 epochs.
type Config struct {
	Classes  []string `json:"classes"`  // in output order: two or more of a CNN, one or more labels of a MultiLabel
	Size     int      `json:"size"`     // films are resized to Size × Size pixels; 0 takes them as they come, all alike
	Crop     int      `json:"crop"`     // then cut to Crop × Crop: anywhere in training, else in the middle; 0 leaves them whole
	Channels int      `json:"channels"` // 1 grey, 3 colour; 0 as the first film has

	Network   string  `json:"network"`    // "" or "cnn"; "resnet18"
	Filters   []int   `json:"filters"`    // of the convolutions, a block each; nil means 32, 64, 128 (resnet18: 64, 128, 256, 512)
	Dense     int     `json:"dense"`      // width of the cnn's hidden layer; 0 means 1024
	Dropout   float64 `json:"dropout"`    // share of inputs of the last layer that a step leaves out
	BatchNorm bool    `json:"batch_norm"` // after each of the cnn's convolutions; resnet18 always has it

	Normalize    string  `json:"normalize"`     // "" leaves pixels between 0 and 1; "film" and "data" shift and scale them to mean 0 and deviation 1, "window" stretches each film's 1st to 99th percentile from 0 to 1
	Augment      Augment `json:"augment"`       // how training films vary from epoch to epoch
	ClassWeights string  `json:"class_weights"` // "" counts each film once; "balanced" gives every class the same say, and each label's yes and no
	Focal        float64 `json:"focal"`         // γ of the focal loss, 2 say; 0 is cross-entropy
	HoldOut      float64 `json:"hold_out"`      // share of patients to validate on without ValidateOn; 0 means 0.1, -1 none
	AllowLeak    string  `json:"allow_leak"`    // why patients in both training and validation are no obstacle; "" makes them an error
	Ensemble     int     `json:"ensemble"`      // networks trained alike but for their seeds, Seed and those after it, whose mean probability is the answer; 0 means 1
	Memory       int     `json:"memory"`        // MiB that decoded films may take between epochs; films beyond are decoded again; 0 means 1024, -1 none

	fit.Options
}

func (c Config) withDefaults() Config {
	if c.Network == "" {
		c.Network = "cnn"
	}
	if c.Filters == nil {
		c.Filters = []int{32, 64, 128}
		if c.Network == "resnet18" {
			c.Filters = []int{64, 128, 256, 512}
		}
	}
	if c.Dense == 0 && c.Network == "cnn" {
		c.Dense = 1024
	}
	if c.HoldOut == 0 {
		c.HoldOut = 0.1
	}
	c.Ensemble = max(1, c.Ensemble)
	if c.Memory == 0 {
		c.Memory = 1024
	}
	c.Options = c.Options.WithDefaults()
	return c
}

func (c Config) check() error {
	switch {
	case c.Size < 0:
		return fmt.Errorf("size is %d pixels: it must not be negative", c.Size)
	case c.Crop < 0 || c.Size > 0 && c.Crop > c.Size:
		return fmt.Errorf("crop is %d pixels: it must be at least 0, and at most the size, %d", c.Crop, c.Size)
	case c.Ensemble > 100:
		return fmt.Errorf("ensemble is %d networks: 100 are the most", c.Ensemble)
	case c.Channels != 0 && c.Channels != 1 && c.Channels != 3:
		return fmt.Errorf("channels is %d: it must be 1 (grey) or 3 (colour)", c.Channels)
	case c.Network != "cnn" && c.Network != "resnet18":
		return fmt.Errorf(`network is %q: it must be "cnn" or "resnet18"`, c.Network)
	case len(c.Filters) == 0 || slices.ContainsFunc(c.Filters, func(n int) bool { return n < 1 }):
		return fmt.Errorf("filters is %d: there must be at least one block, and every block needs at least one", c.Filters)
	case c.Dense < 0:
		return fmt.Errorf("dense is %d: it must not be negative", c.Dense)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("dropout is %g: it must be at least 0 and below 1", c.Dropout)
	case c.Normalize != "" && c.Normalize != "film" && c.Normalize != "data" && c.Normalize != "window":
		return fmt.Errorf(`normalize is %q: it must be empty, "film", "data" or "window"`, c.Normalize)
	case c.ClassWeights != "" && c.ClassWeights != "balanced":
		return fmt.Errorf(`class weights is %q: it must be empty or "balanced"`, c.ClassWeights)
	case !(c.Focal >= 0):
		return fmt.Errorf("focal is %g: it must not be negative", c.Focal)
	case c.HoldOut != -1 && !(c.HoldOut > 0 && c.HoldOut < 1):
		return fmt.Errorf("hold-out is %g: it must be at least 0 and below 1, or -1 for none", c.HoldOut)
	}
	return c.Augment.check()
}

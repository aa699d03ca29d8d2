package imaging

import (
	"context"
	"io"

	models "github.com/assay-ml/assay/gomlx_models"
)

// CNN is a convolutional network that says which one of several classes a
// film shows.
type CNN struct {
	network
	validation *Dataset
}

var _ models.Model[Film, int, []float64] = (*CNN)(nil)

// New returns a network to be fitted.
func New(config Config) *CNN {
	return &CNN{network: network{config: config.withDefaults(), kind: "imaging.CNN"}}
}

// ValidateOn names the films that choose the best epoch, and returns m.
// Without it, Fit holds out a share of the training patients.
func (m *CNN) ValidateOn(validation Dataset) *CNN {
	m.validation = &validation
	return m
}

// Fit trains the network from scratch on films and the indices of their
// classes. Observers get "loss" at each step, and after each epoch "val_loss",
// "val_auc" (the mean over classes, each against the rest, if there are more
// than two) and "val_accuracy". The weights of the epoch with the lowest
// val_loss are kept, or as config.Monitor says. Observers that keep files get
// the model as "model.assay".
//
// A patient in both training and validation is an error that wraps [ErrLeak],
// unless config.AllowLeak says why not.
func (m *CNN) Fit(ctx context.Context, train Dataset, watching ...models.Observer) error {
	return fitTo(ctx, &m.network, train, m.validation, watching)
}

// Load reads a CNN that Save or Fit's observers kept, in any later process.
func Load(r io.Reader) (*CNN, error) {
	m := &CNN{network: network{kind: "imaging.CNN"}}
	if err := m.load(r); err != nil {
		return nil, err
	}
	return m, nil
}

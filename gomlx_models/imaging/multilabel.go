package imaging

import (
	"context"
	"io"

	models "github.com/assay-ml/assay/gomlx_models"
)

// MultiLabel is a convolutional network that says which of several labels a
// film shows: any number of them, such as the findings of one chest film. Each
// label has a probability of its own, a logistic function of its logit.
type MultiLabel struct {
	network
	validation *Findings
}

var _ models.Model[Film, []bool, []float64] = (*MultiLabel)(nil)

// NewMultiLabel returns a network to be fitted. config.Classes are the labels.
func NewMultiLabel(config Config) *MultiLabel {
	return &MultiLabel{network: network{config: config.withDefaults(), kind: "imaging.MultiLabel", multi: true}}
}

// ValidateOn names the films that choose the best epoch, and returns m.
// Without it, Fit holds out a share of the training patients.
func (m *MultiLabel) ValidateOn(validation Findings) *MultiLabel {
	m.validation = &validation
	return m
}

// Fit trains the network from scratch on films and what each shows, label by
// label. It is otherwise [CNN.Fit]; "val_auc" and "val_accuracy" are means over
// labels.
func (m *MultiLabel) Fit(ctx context.Context, train Findings, watching ...models.Observer) error {
	return fitTo(ctx, &m.network, train, m.validation, watching)
}

// LoadMultiLabel reads a MultiLabel that Save or Fit's observers kept, in any
// later process.
func LoadMultiLabel(r io.Reader) (*MultiLabel, error) {
	m := &MultiLabel{network: network{kind: "imaging.MultiLabel", multi: true}}
	if err := m.load(r); err != nil {
		return nil, err
	}
	return m, nil
}

package treatment

import (
	"errors"
	"fmt"
	"io"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/fit"
)

// saved is a model as package fit saves it: as its state, or with a network as the
// configuration of that.
type saved struct {
	Kind   string `json:"kind"`
	Config Config `json:"config"`
	State  *state `json:"state"`
}

const kind = "treatment"

// Save writes the fitted model.
func (m *Model) Save(w io.Writer) error {
	if m.state == nil {
		return fmt.Errorf("treatment: %w", models.ErrNotFitted)
	}
	out := saved{Kind: kind, Config: m.config, State: m.state}
	if m.state.network != nil {
		return m.state.network.Save(w, kind, out)
	}
	if err := fit.SaveState(w, out); err != nil {
		return fmt.Errorf("treatment: save: %w", err)
	}
	return nil
}

// Load reads what Save wrote.
func Load(r io.Reader) (*Model, error) {
	var in saved
	weights, err := fit.LoadState(r, kind, &in)
	if err != nil {
		return nil, fmt.Errorf("treatment: load: %w", err)
	}
	if in.Kind != kind {
		return nil, fmt.Errorf("treatment: this is saved as %q, not as %q", in.Kind, kind)
	}
	if in.State == nil || in.State.Chooser == nil {
		return nil, fmt.Errorf("treatment: %w: it holds no fit", fit.ErrCorrupt)
	}
	if in.Config.Method == TARNet && weights == nil {
		return nil, fmt.Errorf("treatment: %w: it holds no network", fit.ErrCorrupt)
	}
	if weights != nil {
		if in.State.network, err = fit.Restore(in.Config.graph(), weights, in.Config.Network.Batch); err != nil {
			return nil, fmt.Errorf("treatment: %w", errors.Join(fit.ErrCorrupt, err))
		}
	}
	return &Model{config: in.Config, state: in.State}, nil
}

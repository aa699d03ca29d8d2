package prognosis

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

// Save writes the fitted model.
func (m *Model[Y, A]) Save(w io.Writer) error {
	if m.state == nil {
		return fmt.Errorf("prognosis: %w", models.ErrNotFitted)
	}
	out := saved{Kind: m.task.kind, Config: m.config, State: m.state}
	if m.members != nil {
		state := *m.state
		var err error
		if state.Members, err = m.saveMembers(); err != nil {
			return err
		}
		out.State = &state
	}
	if m.state.network != nil {
		return m.state.network.Save(w, m.task.kind, out)
	}
	if err := fit.SaveState(w, out); err != nil {
		return fmt.Errorf("prognosis: save: %w", err)
	}
	return nil
}

// LoadRegressor, LoadClassifier and LoadSurvivor read what Save of such a model
// wrote.
func LoadRegressor(r io.Reader) (*Regressor, error)   { return load(r, values) }
func LoadClassifier(r io.Reader) (*Classifier, error) { return load(r, classes) }
func LoadSurvivor(r io.Reader) (*Survivor, error)     { return load(r, survivals) }

func load[Y, A any](r io.Reader, task task[Y, A]) (*Model[Y, A], error) {
	var in saved
	weights, err := fit.LoadState(r, task.kind, &in)
	if err != nil {
		return nil, fmt.Errorf("prognosis: load: %w", err)
	}
	if in.Kind != task.kind {
		return nil, fmt.Errorf("prognosis: this is saved as %q, not as %q: load it with the function for its outcome", in.Kind, task.kind)
	}
	if in.State == nil {
		return nil, fmt.Errorf("prognosis: %w: it holds no fit", fit.ErrCorrupt)
	}
	method := in.Config.Method
	if (method == DeepSurv || method == Hazard) && weights == nil {
		return nil, fmt.Errorf("prognosis: %w: it holds no network", fit.ErrCorrupt)
	}
	if weights != nil {
		n := in.Config.Network.withDefaults()
		if in.State.network, err = fit.Restore(n.graph(in.State.Width, in.State.Base), weights, n.Batch); err != nil {
			return nil, fmt.Errorf("prognosis: %w", errors.Join(fit.ErrCorrupt, err))
		}
	}
	if (method == RandomFourier || method == Nystrom) && in.State.Map == nil || in.State.Cox != nil && in.State.Times == nil {
		return nil, fmt.Errorf("prognosis: %w: an earlier version saved it: fit it again", fit.ErrCorrupt)
	}
	members, err := loadMembers(in.State.Members, task)
	if err != nil {
		return nil, err
	}
	in.State.Members = nil
	return &Model[Y, A]{config: in.Config, task: task, state: in.State, members: members}, nil
}

package web

import (
	"net/http"

	"github.com/assay-ml/assay/store"
)

type experimentsView struct {
	Experiments []store.Experiment
	Latest      []store.Run
}

// experiments is the first page.
func (s *server) experiments(r *http.Request) (page, error) {
	ctx := r.Context()
	all, err := s.store.Experiments(ctx)
	if err != nil {
		return page{}, err
	}
	latest, err := s.store.Runs(ctx, store.Query{Limit: 12})
	if err != nil {
		return page{}, err
	}
	return page{Title: "Experiments", Body: experimentsView{all, latest.Runs}, template: "experiments"}, nil
}

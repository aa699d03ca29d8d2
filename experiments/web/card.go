package web

import (
	"context"
	"fmt"
	"html/template"
	"net/http"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/store"
)

// cardView is a model card (Mitchell et al., FAT* 2019) as far as the record
// goes: what the record does not say, the card says is missing.
type cardView struct {
	Run     store.Run
	Took    string
	Note    template.HTML // the user's words: intended use, limits
	Params  []pair
	Data    []store.DataUse
	Reports []reportView
	Figures []charts.Figure // that the run recorded, such as what its answers rest on
	Images  []picture
	Missing []string
}

func (s *server) card(r *http.Request) (page, error) {
	run, err := s.runOf(r)
	if err != nil {
		return page{}, err
	}
	v, err := cardOf(r.Context(), s.store, run.ID, false)
	if err != nil {
		return page{}, err
	}
	return page{Title: "Model card", Crumbs: append(crumbs(run), crumb{run.Name, "/run/" + string(run.ID)}), Body: v, template: "card"}, nil
}

// cardFile sends the card as a file.
func (s *server) cardFile(w http.ResponseWriter, r *http.Request) {
	run, err := s.runOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v, err := cardOf(r.Context(), s.store, run.ID, true)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="card.html"`)
	writeFile(w, "Model card: "+run.Name, "card", v, false)
}

// cardOf makes the card of a run, for a page or for a file.
func cardOf(ctx context.Context, s *store.Store, id store.RunID, static bool) (v cardView, err error) {
	if v.Run, err = s.Run(ctx, id); err != nil {
		return v, err
	}
	v.Took, v.Params = took(v.Run), paramPairs(v.Run)
	if v.Note, err = noteHTML(v.Run.Note); err != nil {
		return v, err
	}
	if v.Data, err = s.DataUses(ctx, id); err != nil {
		return v, err
	}
	if v.Reports, err = reportsOf(ctx, s, id); err != nil {
		return v, err
	}
	figures, err := s.Figures(ctx, id)
	if err != nil {
		return v, err
	}
	for _, f := range figures {
		v.Figures = append(v.Figures, figureOf(f))
	}
	if v.Images, err = picturesOf(ctx, s, v.Run, static); err != nil {
		return v, err
	}
	if v.Run.Note == "" {
		v.Missing = append(v.Missing, "intended use and limits: write them in the run's note")
	}
	if len(v.Data) == 0 {
		v.Missing = append(v.Missing, "the data it was trained and judged on: record it with the run")
	}
	if len(v.Reports) == 0 {
		v.Missing = append(v.Missing, "an evaluation: call Report in the run")
	}
	if len(v.Figures)+len(v.Images) == 0 {
		v.Missing = append(v.Missing, "what its answers rest on: keep a figure or a picture of an explanation with the run")
	}
	for _, r := range v.Reports {
		kinds := map[string]bool{}
		for _, c := range r.Curves {
			kinds[c.Kind] = true
		}
		for _, t := range r.Tables {
			kinds[t.Kind] = true
		}
		if !kinds["subgroups"] {
			v.Missing = append(v.Missing, fmt.Sprintf("metrics by subgroup of %s", r.Name))
		}
		if !kinds["calibration"] {
			v.Missing = append(v.Missing, fmt.Sprintf("calibration on %s", r.Name))
		}
	}
	return v, nil
}

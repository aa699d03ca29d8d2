package web

import (
	"context"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/store"
)

// pictureRow is pictures of one name in several runs, such as what each says of
// the same film.
type pictureRow struct {
	Name     string
	Pictures []picture // one a run
}

type picture struct {
	Run  string
	Name string
	Src  template.URL // "" if the run has no picture of this name
}

// picturesOf returns the pictures that a run kept.
func picturesOf(ctx context.Context, s *store.Store, run store.Run, inside bool) ([]picture, error) {
	artifacts, err := s.Artifacts(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	var all []picture
	for _, a := range artifacts {
		if !isPicture(a) || len(all) == picturesMost {
			continue
		}
		src, err := pictureSource(ctx, s, run.ID, a, inside)
		if err != nil {
			return nil, err
		}
		if src != "" {
			all = append(all, picture{run.Name, a.Name, src})
		}
	}
	return all, nil
}

// isPicture reports whether a browser may show a as a picture.
func isPicture(a store.Artifact) bool {
	return strings.HasPrefix(a.MediaType, "image/") && shown[a.MediaType]
}

const (
	picturesMost    = 40      // rows, or of one run
	pictureEmbedded = 2 << 20 // the largest that a file takes in
)

// picturesBeside returns the pictures that runs kept as artifacts, those of one
// name beside each other. In a file they are inside, because it has no server.
func picturesBeside(ctx context.Context, s *store.Store, runs []styledRun, inside bool) ([]pictureRow, error) {
	var rows []pictureRow
	at := map[string]int{}
	for i, run := range runs {
		artifacts, err := s.Artifacts(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		for _, a := range artifacts {
			if !isPicture(a) {
				continue
			}
			row, known := at[a.Name]
			if !known {
				if len(rows) == picturesMost {
					continue
				}
				row = len(rows)
				at[a.Name] = row
				rows = append(rows, pictureRow{Name: a.Name, Pictures: make([]picture, len(runs))})
				for k, other := range runs {
					rows[row].Pictures[k].Run, rows[row].Pictures[k].Name = other.Name, a.Name
				}
			}
			src, err := pictureSource(ctx, s, run.ID, a, inside)
			if err != nil {
				return nil, err
			}
			rows[row].Pictures[i].Src = src
		}
	}
	// A picture of one run alone has nothing beside it.
	rows = slices.DeleteFunc(rows, func(row pictureRow) bool {
		there := 0
		for _, p := range row.Pictures {
			if p.Src != "" {
				there++
			}
		}
		return there < 2
	})
	return rows, nil
}

// artifactURL is the address of an artifact. Every segment of its name is escaped by
// itself, so that no name is a way out of the folder.
func artifactURL(id store.RunID, name string) template.URL {
	return template.URL("/run/" + string(id) + "/artifact/" + url.PathEscape(name))
}

func pictureSource(ctx context.Context, s *store.Store, id store.RunID, a store.Artifact, inside bool) (template.URL, error) {
	if !inside {
		return artifactURL(id, a.Name), nil
	}
	if a.Size > pictureEmbedded {
		return "", nil
	}
	content, _, err := s.OpenArtifact(ctx, id, a.Name)
	if err != nil {
		return "", err
	}
	defer content.Close()
	b, err := io.ReadAll(content)
	if err != nil {
		return "", fmt.Errorf("artifact %s of run %s: %w", a.Name, id, err)
	}
	return template.URL("data:" + a.MediaType + ";base64," + base64.StdEncoding.EncodeToString(b)), nil
}

// figuresBeside returns the figures that at least two runs recorded under the
// same id, those of one id after each other.
func figuresBeside(ctx context.Context, s *store.Store, runs []styledRun) ([]charts.Figure, error) {
	const most = 24
	var ids []string
	byID := map[string][]charts.Figure{}
	for _, run := range runs {
		figures, err := s.Figures(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		for _, kept := range figures {
			if byID[kept.ID] == nil {
				ids = append(ids, kept.ID)
			}
			f := figureOf(kept)
			f.ID = string(run.ID) + "-" + f.ID
			f.Title += " · " + run.Name
			byID[kept.ID] = append(byID[kept.ID], f)
		}
	}
	var beside []charts.Figure
	for _, id := range ids {
		if len(byID[id]) > 1 && len(beside)+len(byID[id]) <= most {
			beside = append(beside, byID[id]...)
		}
	}
	return beside, nil
}

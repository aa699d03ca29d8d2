package experiments

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/assay-ml/assay/store"
)

// CellsFile is the artifact in which a run of a notebook keeps a History.
const CellsFile = "cells.json"

// History is what was executed in a notebook's session until a run started, and
// what the notebook was then.
type History struct {
	// Executed are the cells in order of execution; the run's own is the last.
	Executed []ExecutedCell `json:"executed"`
	// Notebook are its code cells from top to bottom, as its file had them: nil if
	// there was none that could be read.
	Notebook []NotebookCell `json:"notebook,omitempty"`
}

// ExecutedCell is one execution of a cell.
type ExecutedCell struct {
	Order   int           `json:"cell"` // execution count
	ID      string        `json:"id"`
	Source  string        `json:"source_sha256"`
	Status  string        `json:"status"` // "ok", "running", or how it failed
	Started time.Time     `json:"started"`
	Compose time.Duration `json:"compose_ns"`
	Build   time.Duration `json:"build_ns"`
	Run     time.Duration `json:"run_ns"`
}

// NotebookCell is a code cell of a notebook.
type NotebookCell struct {
	ID         string `json:"id"`
	Source     string `json:"source_sha256"`
	Parameters bool   `json:"parameters,omitempty"` // whether it is tagged so: its values may be given from outside
}

// cellHistory returns the History of this program's run, or nil if the kernel has
// told of none.
func cellHistory() ([]byte, error) {
	file := os.Getenv(envHistory)
	if file == "" {
		return nil, nil
	}
	var h History
	lines, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // the first cell has no past
		return nil, fmt.Errorf("history: %w", err)
	}
	for d := json.NewDecoder(bytes.NewReader(lines)); d.More(); {
		var c ExecutedCell
		if err := d.Decode(&c); err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		h.Executed = append(h.Executed, c)
	}
	here := origin(1)
	h.Executed = append(h.Executed, ExecutedCell{Order: here.Order, ID: here.Cell, Source: digest(here.Source), Status: string(store.Running), Started: time.Now().UTC()})
	if content, err := os.ReadFile(here.Notebook); err == nil {
		h.Notebook = notebookCells(content) // a notebook that is not saved yet has an order none the less
	}
	return json.Marshal(h)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// notebookCells returns the code cells that a notebook's file has, nil if it is
// none.
func notebookCells(content []byte) (cells []NotebookCell) {
	var nb struct {
		Cells []struct {
			ID       string          `json:"id"`
			Type     string          `json:"cell_type"`
			Source   json.RawMessage `json:"source"` // a text, or its lines
			Metadata struct {
				Tags []string `json:"tags"`
			} `json:"metadata"`
		} `json:"cells"`
	}
	if json.Unmarshal(content, &nb) != nil {
		return nil
	}
	for _, c := range nb.Cells {
		var lines []string
		var text string
		if json.Unmarshal(c.Source, &lines) == nil {
			text = strings.Join(lines, "")
		} else if json.Unmarshal(c.Source, &text) != nil {
			return nil
		}
		if c.Type == "code" && strings.TrimSpace(text) != "" {
			cells = append(cells, NotebookCell{c.ID, digest(text), slices.Contains(c.Metadata.Tags, "parameters")})
		}
	}
	return cells
}

// CellHistory returns the History that a run kept, and the zero one if it kept
// none.
func CellHistory(ctx context.Context, s *store.Store, id store.RunID) (h History, err error) {
	file, _, err := s.OpenArtifact(ctx, id, CellsFile)
	if errors.Is(err, store.ErrNotFound) {
		return h, nil
	}
	if err != nil {
		return h, err
	}
	defer file.Close()
	if err := json.NewDecoder(file).Decode(&h); err != nil {
		return History{}, nil // a file of the user's that is called so
	}
	return h, nil
}

// Doubts returns, a sentence each, what in the history keeps the run from being
// what the notebook gives when it is run from top to bottom: cells that were run
// out of order, not at all, edited after they were run, or deleted. notebook is
// the content of the notebook's file now; nil means as it was when the run started.
func (h History) Doubts(notebook []byte) (doubts []string) {
	cells := h.Notebook
	if now := notebookCells(notebook); now != nil {
		cells = now
	}
	if len(cells) == 0 || len(h.Executed) == 0 {
		return nil
	}
	place := func(id string) int {
		return slices.IndexFunc(cells, func(c NotebookCell) bool { return c.ID == id })
	}
	// Of a cell that was run several times, the last time counts.
	last := map[string]int{}
	for i, c := range h.Executed {
		last[c.ID] = i
	}
	own := h.Executed[len(h.Executed)-1]
	highest := -1 // the lowest cell in the notebook until now, by index in Executed
	for i, c := range h.Executed {
		if last[c.ID] != i || c.ID == "" {
			continue
		}
		at := place(c.ID)
		if at < 0 {
			doubts = append(doubts, fmt.Sprintf("[%d] is not in the notebook any more", c.Order))
			continue
		}
		if cells[at].Source != c.Source {
			what := "was edited after it was run"
			if cells[at].Parameters {
				what = "ran with other parameters than it has there"
			}
			doubts = append(doubts, fmt.Sprintf("[%d], cell %d of the notebook, %s", c.Order, at+1, what))
		}
		if highest >= 0 && place(h.Executed[highest].ID) > at {
			before := h.Executed[highest]
			doubts = append(doubts, fmt.Sprintf("[%d], cell %d of the notebook, was run before [%d], cell %d", before.Order, place(before.ID)+1, c.Order, at+1))
			continue
		}
		highest = i
	}
	for i, c := range cells[:max(place(own.ID), 0)] {
		if _, ok := last[c.ID]; !ok {
			doubts = append(doubts, fmt.Sprintf("cell %d of the notebook, which comes before, was not run", i+1))
		}
	}
	return doubts
}

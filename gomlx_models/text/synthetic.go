package text

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// SyntheticConfig sizes the synthetic notes. The zero value is the defaults.
type SyntheticConfig struct {
	Notes int   `json:"notes"` // in all; 0 means 6400: 4000 to train, 800 to validate, 1600 to test
	Seed  int64 `json:"seed"`
}

var (
	syntheticFindings = strings.Split("fever|cough|chest pain|palpitations|nausea|vomiting|headache|dizziness|rash|fatigue|weight loss|night sweats|back pain|joint swelling|blurred vision|ankle oedema", "|")
	syntheticDenials  = strings.Split("denies|reports no|has no|is without|was negative for|never had", "|")
	syntheticReports  = strings.Split("reports|complains of|has|presents with|was positive for|recently had", "|")
	syntheticDrugs    = strings.Split("aspirin 81 mg p.o. q.d.|metoprolol 25 mg b.i.d.|lisinopril 10 mg daily|metformin 500 mg b.i.d.|furosemide 40 mg i.v.|amoxicillin 0.5 g t.i.d.|insulin 12 units s.c.|prednisone 1 mg/kg/day", "|")
	syntheticTimes    = strings.Split("today|this morning|since 3/1/2024|for 5 days|on admission|at follow-up", "|")
)

// Synthetic returns made-up clinical notes of two clauses of findings and a
// drug, labelled with whether the patient has dyspnea. Every note names
// dyspnea once, among other findings, either in what is reported or in what is
// denied; every note has one clause of each, in either order, with the same
// words. So a bag of words learns nothing from them, nor do pairs of words: one
// must read which verb governs the list. They are for learning the tool where no
// data is at hand; nothing learnt from them holds for patients.
func Synthetic(config SyntheticConfig) Data {
	if config.Notes == 0 {
		config.Notes = 6400
	}
	d := Data{
		Name:    "synthetic notes",
		Classes: []string{"dyspnea absent", "dyspnea present"},
		Notes:   []string{"Synthetic notes, written by a program: no result on them holds for patients."},

		AllowLeak: "the generator has few words, and chance repeats a note",
	}
	d.Train.Name, d.Validation.Name, d.Test.Name = "train", "validation", "test"
	for i := range config.Notes {
		side := &d.Train
		switch i % 8 {
		case 5:
			side = &d.Validation
		case 6, 7:
			side = &d.Test
		}
		label := i / 8 % 2
		r := rand.New(rand.NewPCG(uint64(config.Seed), uint64(i)))
		side.X, side.Y = append(side.X, syntheticNote(r, label == 1)), append(side.Y, []int{label})
	}
	return d
}

func syntheticNote(r *rand.Rand, present bool) string {
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	order := r.Perm(len(syntheticFindings))
	// A list of two or three; where dyspnea is in it, it is never first, so that
	// what stands before it is another finding.
	list := func(with bool) string {
		n := 2 + r.IntN(2)
		var findings []string
		for range n {
			findings = append(findings, syntheticFindings[order[0]])
			order = order[1:]
		}
		if with {
			findings[1+r.IntN(n-1)] = "dyspnea"
		}
		return strings.Join(findings[:n-1], ", ") + " or " + findings[n-1]
	}
	clauses := []string{
		fmt.Sprintf("Patient %s %s.", pick(syntheticReports), list(present)),
		fmt.Sprintf("Patient %s %s.", pick(syntheticDenials), list(!present)),
	}
	if r.IntN(2) == 0 {
		clauses[0], clauses[1] = clauses[1], clauses[0]
	}
	drug := fmt.Sprintf("Given %s %s.", pick(syntheticDrugs), pick(syntheticTimes))
	at := r.IntN(3)
	clauses = append(clauses[:at], append([]string{drug}, clauses[at:]...)...)
	return strings.Join(clauses, " ")
}

// Package sample is three sets of patients to learn treatment on: a simulated
// cohort whose effects are known, the trial ACTG 175, and the warfarin doses of the
// IWPC. The first two come with the program; README.md beside this file says where
// they are from and under which licence.
//
//	study := sample.Simulate(sample.Simulation{Rows: 2000, Seed: 1})
//	fmt.Println(study.Schema.Describe())
//	pipeline, train, test, err := study.Features(table.Plan{}, rows[0], rows[1])
package sample

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the trial
	"fmt"
	"math"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/score"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment"
	"github.com/assay-ml/assay/gomlx_models/treatment/genome"
)

// Study is patients who got one of several arms, and what came of it.
type Study struct {
	Name     string
	Outcome  string // what it is, and in which unit
	Arms     []string
	Schema   treatment.Schema
	Sites    []genome.Site // how genotypes become numbers
	Frame    *table.Frame  // the columns of Schema, genotypes as text
	Y        []treatment.Outcome
	Known    []float64     // chance of each arm, if it was drawn by lot
	Expected [][]float64   // outcome of each patient under each arm, if simulated
	Files    []models.File // that it was read from; nil if it was simulated
	Notes    []string      // what a reader of any result must know

	levels map[string][]string // what the numbers of a column stand for
}

// Open returns the study called name: "synthetic" or "actg175".
func Open(name string) (Study, error) {
	switch name {
	case "synthetic":
		return Simulate(Simulation{Seed: 1}), nil
	case "actg175":
		return ACTG175()
	}
	return Study{}, fmt.Errorf("there is no study %q: choose synthetic or actg175", name)
}

// Rows returns the number of patients.
func (s Study) Rows() int { return len(s.Y) }

// Features turns the patients into rows: genotypes are coded, and the plan's
// medians and levels are learnt from the training rows. test may be nil.
func (s Study) Features(plan table.Plan, train, test []int) (p *table.Pipeline, trainSet, testSet treatment.Dataset, err error) {
	coded, err := genome.Code(s.Frame, s.Sites...)
	if err != nil {
		return nil, trainSet, testSet, err
	}
	set := func(name string, rows []int, x [][]float64) treatment.Dataset {
		d := treatment.Dataset{Name: name, X: x}
		for _, r := range rows {
			d.Y = append(d.Y, s.Y[r])
		}
		return d
	}
	p, x, err := table.Fit(plan, coded.Take(train), nil)
	if err != nil {
		return nil, trainSet, testSet, err
	}
	trainSet = set("train", train, x)
	if test != nil {
		if x, err = p.Transform(coded.Take(test)); err != nil {
			return nil, trainSet, testSet, err
		}
		testSet = set("test", test, x)
	}
	return p, trainSet, testSet, nil
}

// Got returns the name of the arm that each patient got.
func (s Study) Got() []string {
	out := make([]string, len(s.Y))
	for i, y := range s.Y {
		out[i] = s.Arms[y.Arm]
	}
	return out
}

// Subgroups divides some rows by sex, race and age, as far as they are known.
func (s Study) Subgroups(rows []int) []score.Subgroup {
	var out []score.Subgroup
	part := s.Frame.Take(rows)
	for _, name := range []string{"sex", "gender", "race"} {
		c, err := part.Column(name)
		if err != nil {
			continue
		}
		g := score.Subgroup{Name: name}
		for i := range rows {
			label := c.Text(i)
			if said, ok := s.levels[name]; ok && c.Kind == table.Number {
				label = said[int(c.Numbers[i])]
			}
			g.Of = append(g.Of, label)
		}
		out = append(out, g)
	}
	if age, err := part.Numbers("age"); err == nil {
		g := score.Subgroup{Name: "age"}
		for _, years := range age {
			switch {
			case math.IsNaN(years):
				g.Of = append(g.Of, "")
			case years < 40:
				g.Of = append(g.Of, "below 40")
			case years < 65:
				g.Of = append(g.Of, "40 to 64")
			default:
				g.Of = append(g.Of, "65 and more")
			}
		}
		out = append(out, g)
	}
	return out
}

// Truth returns the expected outcomes of some rows; nil if they are not known.
func (s Study) Truth(rows []int) [][]float64 {
	if s.Expected == nil {
		return nil
	}
	var out [][]float64
	for _, r := range rows {
		out = append(out, s.Expected[r])
	}
	return out
}

// Use says for a run's record that a split of so many rows was read.
func (s Study) Use(split string, rows int) models.DataUse {
	return models.DataUse{Name: s.Name, Split: split, Rows: rows, Files: s.Files}
}

//go:embed actg175.csv.gz
var actg175 []byte

// ACTG175 returns the 2139 adults with HIV and 200 to 500 CD4 cells per mm³ whom
// the AIDS Clinical Trials Group gave one of four treatments by lot. The outcome is
// the change in CD4 cells after 20 weeks. Hammer et al., New England Journal of
// Medicine 335 (1996), 1081.
func ACTG175() (Study, error) {
	s := Study{
		Name:    "actg175",
		Outcome: "change in CD4 cells per mm³ after 20 weeks",
		Arms:    []string{"zidovudine", "zidovudine + didanosine", "zidovudine + zalcitabine", "didanosine"},
		Known:   []float64{0.25, 0.25, 0.25, 0.25},
		levels:  map[string][]string{"race": {"white", "other"}, "gender": {"female", "male"}},
		Schema: treatment.Schema{
			{Name: "age", Domain: treatment.Clinical, Unit: "years", Low: 12, High: 100},
			{Name: "wtkg", Domain: treatment.Clinical, Unit: "kg", Low: 25, High: 200, Describes: "weight"},
			{Name: "hemo", Domain: treatment.Clinical, Describes: "haemophilia"},
			{Name: "homo", Domain: treatment.Lifestyle, Describes: "homosexual activity"},
			{Name: "drugs", Domain: treatment.Lifestyle, Describes: "history of intravenous drug use"},
			{Name: "karnof", Domain: treatment.Clinical, Unit: "points", Low: 0, High: 100, Describes: "Karnofsky score"},
			{Name: "oprior", Domain: treatment.Clinical, Describes: "antiretroviral other than zidovudine before"},
			{Name: "z30", Domain: treatment.Clinical, Describes: "zidovudine in the 30 days before"},
			{Name: "preanti", Domain: treatment.Clinical, Unit: "days", Low: 0, High: 5000, Describes: "antiretroviral treatment before"},
			{Name: "race", Domain: treatment.Clinical, Describes: "0 white, 1 other"},
			{Name: "gender", Domain: treatment.Clinical, Describes: "0 female, 1 male"},
			{Name: "str2", Domain: treatment.Clinical, Describes: "any antiretroviral before"},
			{Name: "symptom", Domain: treatment.Clinical, Describes: "symptoms of HIV"},
			{Name: "cd40", Domain: treatment.Clinical, Unit: "cells/mm³", Low: 0, High: 2000, Describes: "CD4 at the start"},
			{Name: "cd80", Domain: treatment.Clinical, Unit: "cells/mm³", Low: 0, High: 6000, Describes: "CD8 at the start"},
		},
		Notes: []string{"ACTG 175, a randomised trial of 1991 to 1994: its arms are history, its methods are not."},
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(actg175))
	if err != nil {
		return s, fmt.Errorf("sample: actg175: %w", err)
	}
	frame, err := table.ReadCSV(unzipped, table.Options{})
	if err != nil {
		return s, fmt.Errorf("sample: actg175: %w", err)
	}
	columns := make([][]float64, 3)
	for k, name := range []string{"arms", "cd40", "cd420"} {
		if columns[k], err = frame.Numbers(name); err != nil {
			return s, fmt.Errorf("sample: actg175: %w", err)
		}
	}
	for i, arm := range columns[0] {
		s.Y = append(s.Y, treatment.Outcome{Arm: int(arm), Value: columns[2][i] - columns[1][i]})
	}
	var names []string
	for _, v := range s.Schema {
		names = append(names, v.Name)
	}
	if s.Frame, err = frame.Select(names...); err != nil {
		return s, fmt.Errorf("sample: actg175: %w", err)
	}
	return s, nil
}

package sample

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/data"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment"
	"github.com/assay-ml/assay/gomlx_models/treatment/genome"
	"github.com/assay-ml/assay/home"
)

// Doses is patients and the dose at which they were well.
type Doses struct {
	Name      string
	Unit      string
	Schema    treatment.Schema
	Sites     []genome.Site
	Frame     *table.Frame
	Dose      []float64
	Genotype  []string  // of each patient, for tables: "VKORC1 A/G, CYP2C9 *1/*3"
	Race      []string  // of each patient
	Published []float64 // what a published rule recommends; nil if there is none
	Files     []models.File
	Notes     []string
}

// OpenDoses returns the doses called name: "synthetic" or "warfarin".
func OpenDoses(name string) (Doses, error) {
	switch name {
	case "synthetic":
		return SimulateDoses(2000, 1), nil
	case "warfarin":
		return Warfarin()
	}
	return Doses{}, fmt.Errorf("there are no doses %q: choose synthetic or warfarin", name)
}

// Features turns the patients into rows, as Study.Features does.
func (d Doses) Features(plan table.Plan, train, test []int) (p *table.Pipeline, trainSet, testSet models.Dataset[treatment.Row, float64], err error) {
	coded, err := genome.Code(d.Frame, d.Sites...)
	if err != nil {
		return nil, trainSet, testSet, err
	}
	p, x, err := table.Fit(plan, coded.Take(train), nil)
	if err != nil {
		return nil, trainSet, testSet, err
	}
	trainSet = models.Dataset[treatment.Row, float64]{Name: "train", X: x}
	for _, r := range train {
		trainSet.Y = append(trainSet.Y, d.Dose[r])
	}
	testSet.Name = "test"
	if testSet.X, err = p.Transform(coded.Take(test)); err != nil {
		return nil, trainSet, testSet, err
	}
	for _, r := range test {
		testSet.Y = append(testSet.Y, d.Dose[r])
	}
	return p, trainSet, testSet, nil
}

// Genotypes returns those of some rows.
func (d Doses) Genotypes(rows []int) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = d.Genotype[r]
	}
	return out
}

// Use says for a run's record that a split of so many rows was read.
func (d Doses) Use(split string, rows int) models.DataUse {
	return models.DataUse{Name: d.Name, Split: split, Rows: rows, Files: d.Files}
}

// warfarinPlaces are where the file is looked for in every data folder.
var warfarinPlaces = []string{"iwpc.csv.gz", "iwpc_warfarin/iwpc.csv.gz", "treatment/iwpc_warfarin/iwpc.csv.gz"}

// Warfarin returns the patients of the International Warfarin Pharmacogenetics
// Consortium who reached a stable dose and whose genotypes, age, height and weight
// are known, from the file iwpc.csv.gz in a data folder. Published is what the
// consortium's own pharmacogenetic rule says. IWPC, New England Journal of Medicine
// 360 (2009), 753.
func Warfarin() (Doses, error) {
	path, err := home.DataFile(warfarinPlaces...)
	if err != nil {
		return Doses{}, err
	}
	if path == "" {
		dirs, err := home.DataDirs()
		if err != nil {
			return Doses{}, err
		}
		return Doses{}, fmt.Errorf("sample: the warfarin doses of the IWPC are %w (looked in %s): put iwpc.csv.gz into one of these folders, or name its folder in ASSAY_DATA", data.ErrNotFound, strings.Join(dirs, ", "))
	}
	d, err := readWarfarin(path)
	if err != nil {
		return d, fmt.Errorf("sample: %s: %w", path, err)
	}
	return d, nil
}

func readWarfarin(path string) (Doses, error) {
	d := Doses{
		Name: "iwpc_warfarin", Unit: "mg/week",
		Schema: treatment.Schema{
			{Name: "VKORC1", Domain: treatment.Genome, Describes: "rs9923231 (−1639 G>A), the enzyme that warfarin blocks"},
			{Name: "CYP2C9", Domain: treatment.Genome, Describes: "enzyme that breaks warfarin down"},
			{Name: "smoker", Domain: treatment.Lifestyle, Describes: "now"},
			{Name: "age", Domain: treatment.Clinical, Unit: "decades", Low: 1, High: 9},
			{Name: "height", Domain: treatment.Clinical, Unit: "cm", Low: 100, High: 220},
			{Name: "weight", Domain: treatment.Clinical, Unit: "kg", Low: 25, High: 250},
			{Name: "race", Domain: treatment.Clinical, Describes: "as the OMB codes it"},
			{Name: "sex", Domain: treatment.Clinical},
			{Name: "amiodarone", Domain: treatment.Clinical, Describes: "slows the breakdown"},
			{Name: "inducer", Domain: treatment.Clinical, Describes: "carbamazepine, phenytoin or rifampicin, which speed it up"},
			{Name: "aspirin", Domain: treatment.Clinical},
			{Name: "statin", Domain: treatment.Clinical, Describes: "simvastatin or atorvastatin"},
			{Name: "sulfonamide", Domain: treatment.Clinical, Describes: "antibiotic"},
			{Name: "diabetes", Domain: treatment.Clinical},
			{Name: "heart failure", Domain: treatment.Clinical},
			{Name: "valve", Domain: treatment.Clinical, Describes: "replaced"},
			{Name: "indication", Domain: treatment.Clinical, Describes: "for warfarin, the first one noted"},
			{Name: "target INR", Domain: treatment.Clinical, Unit: "ratio", Low: 1, High: 5},
		},
		Sites: []genome.Site{{Column: "CYP2C9 alleles", Coding: genome.Activity, Function: genome.CYP2C9}},
		Notes: []string{"IWPC: patients of 21 centres whose doctors found their dose; no one was randomised to one."},
	}
	frame, err := table.Open(path, table.Options{})
	if err != nil {
		return d, err
	}
	if d.Files, err = data.Stat(path); err != nil {
		return d, err
	}
	var wrong error
	text := func(name string) []string {
		texts, err := frame.Texts(name)
		if wrong == nil {
			wrong = err
		}
		return texts
	}
	// What is not a number in a column of numbers ("0 ", "1,0") is left out.
	number := func(name string) []float64 {
		out := make([]float64, frame.Rows())
		for i, t := range text(name) {
			var err error
			if out[i], err = strconv.ParseFloat(strings.TrimSpace(t), 64); err != nil {
				out[i] = math.NaN()
			}
		}
		return out
	}
	ages, race, sex := text("Age"), text("Race (OMB)"), text("Gender")
	vkorc1, cyp2c9 := text("VKORC1     -1639 consensus"), text("CYP2C9 consensus")
	height, weight, dose, stable := number("Height (cm)"), number("Weight (kg)"), number("Therapeutic Dose of Warfarin"), number("Subject Reached Stable Dose of Warfarin")
	smoker, amiodarone := number("Current Smoker"), number("Amiodarone (Cordarone)")
	aspirin, sulfonamide, diabetes := number("Aspirin"), number("Sulfonamide Antibiotics"), number("Diabetes")
	failure, valve := number("Congestive Heart Failure and/or Cardiomyopathy"), number("Valve Replacement")
	statin, atorvastatin := number("Simvastatin (Zocor)"), number("Atorvastatin (Lipitor)")
	target, indication := number("Target INR"), text("Indication for Warfarin Treatment")
	inducers := [][]float64{number("Carbamazepine (Tegretol)"), number("Phenytoin (Dilantin)"), number("Rifampin or Rifampicin")}
	if wrong != nil {
		return d, wrong
	}
	var rows []int
	decades, inducer := make([]float64, len(ages)), make([]float64, len(ages))
	yes := func(v float64) float64 { // a drug that is not noted is not taken, as in the paper
		if v == 1 {
			return 1
		}
		return 0
	}
	for i, age := range ages {
		if age == "" || vkorc1[i] == "" || cyp2c9[i] == "" || math.IsNaN(height[i]+weight[i]+dose[i]) || stable[i] != 1 {
			continue
		}
		decades[i] = float64(age[0] - '0') // "60 - 69", "90+"
		amiodarone[i] = yes(amiodarone[i])
		for _, drug := range inducers {
			inducer[i] = max(inducer[i], yes(drug[i]))
		}
		if statin[i] != 1 && !math.IsNaN(atorvastatin[i]) {
			statin[i] = atorvastatin[i]
		}
		if indication[i] != "" { // "4;6"
			indication[i] = indications[indication[i][0]]
		}
		rows = append(rows, i)
		d.Dose, d.Race = append(d.Dose, dose[i]), append(d.Race, race[i])
		d.Genotype = append(d.Genotype, "VKORC1 "+vkorc1[i]+", CYP2C9 "+cyp2c9[i])
		d.Published = append(d.Published, consortium(decades[i], height[i], weight[i], vkorc1[i], cyp2c9[i], race[i], inducer[i], amiodarone[i]))
	}
	whole := &table.Frame{Columns: []table.Column{
		table.CategoryColumn("VKORC1", vkorc1), table.CategoryColumn("CYP2C9", cyp2c9), table.CategoryColumn("CYP2C9 alleles", cyp2c9),
		table.NumberColumn("smoker", smoker), table.NumberColumn("age", decades), table.NumberColumn("height", height), table.NumberColumn("weight", weight),
		table.CategoryColumn("race", race), table.CategoryColumn("sex", sex), table.NumberColumn("amiodarone", amiodarone), table.NumberColumn("inducer", inducer),
		table.NumberColumn("aspirin", aspirin), table.NumberColumn("statin", statin), table.NumberColumn("sulfonamide", sulfonamide),
		table.NumberColumn("diabetes", diabetes), table.NumberColumn("heart failure", failure), table.NumberColumn("valve", valve),
		table.CategoryColumn("indication", indication), table.NumberColumn("target INR", target),
	}}
	d.Frame = whole.Take(rows)
	return d, nil
}

// indications are what the file numbers.
var indications = map[byte]string{
	'1': "deep vein thrombosis", '2': "pulmonary embolism", '3': "atrial fibrillation", '4': "heart valve", '5': "cardiomyopathy",
	'6': "stroke", '7': "after orthopaedic surgery", '8': "other",
}

// consortium is the pharmacogenetic rule of the IWPC's paper, mg a week (its
// supplement, section S1e), for patients whose genotypes are known.
func consortium(decades, height, weight float64, vkorc1, cyp2c9, race string, inducer, amiodarone float64) float64 {
	root := 5.6044 - 0.2614*decades + 0.0087*height + 0.0128*weight
	root += map[string]float64{"A/G": -0.8677, "A/A": -1.6974}[vkorc1]
	root += map[string]float64{"*1/*2": -0.5211, "*1/*3": -0.9357, "*2/*2": -1.0616, "*2/*3": -1.9206, "*3/*3": -2.3312}[cyp2c9]
	root += map[string]float64{"Asian": -0.1092, "Black or African American": -0.2760, "Unknown": -0.1032}[race]
	root += 1.1816*inducer - 0.5503*amiodarone
	return root * root
}

package sample

import (
	"math"
	"math/rand/v2"

	"github.com/assay-ml/assay/gomlx_models/table"
	"github.com/assay-ml/assay/gomlx_models/treatment"
	"github.com/assay-ml/assay/gomlx_models/treatment/genome"
)

// Simulation describes a simulated cohort. The zero value is 2000 patients of
// everyday care.
type Simulation struct {
	Rows  int   `json:"rows"`  // 0 means 2000
	Trial bool  `json:"trial"` // the drug is given by lot; else doctors choose
	Seed  int64 `json:"seed"`
}

// cyp2d6 is what the simulated alleles of CYP2D6 are worth. The scale is CPIC's
// (Caudle et al., Clinical and Translational Science 13 (2020), 116); how the
// simulated drug depends on it is invented.
var cyp2d6 = map[string]float64{"*1": 1, "*10": 0.25, "*4": 0}

// Simulate draws patients with high blood pressure who get usual care or a drug.
// They stand for no one, and the drug does not exist: its effect depends on genes,
// drinking, kidneys and age as the code below says, so that what a model finds can
// be held against the truth.
//
// In everyday care doctors give the drug to those with higher pressure, which would
// fall further anyway, and so the drug looks better than it is. Nobody whose
// kidneys work at less than 40 gets it.
func Simulate(c Simulation) Study {
	if c.Rows == 0 {
		c.Rows = 2000
	}
	random := rand.New(rand.NewPCG(uint64(c.Seed), 0x73696d75))
	s := Study{
		Name:    "synthetic",
		Outcome: "fall in systolic pressure after 12 weeks, mmHg",
		Arms:    []string{"usual care", "drug"},
		Schema: treatment.Schema{
			{Name: "ADRB1", Domain: treatment.Genome, Describes: "rs1801253, receptor that the drug blocks"},
			{Name: "CYP2D6", Domain: treatment.Genome, Describes: "enzyme that breaks the drug down"},
			{Name: "smoking", Domain: treatment.Lifestyle, Unit: "cigarettes/day", Low: 0, High: 80, Changes: true},
			{Name: "alcohol", Domain: treatment.Lifestyle, Unit: "units/week", Low: 0, High: 100, Changes: true},
			{Name: "exercise", Domain: treatment.Lifestyle, Unit: "min/week", Low: 0, High: 1500, Changes: true},
			{Name: "salt", Domain: treatment.Lifestyle, Unit: "g/day", Low: 1, High: 30, Changes: true},
			{Name: "PM2.5", Domain: treatment.Environment, Unit: "µg/m³", Low: 0, High: 150, Describes: "fine dust at home, mean of a year"},
			{Name: "noise", Domain: treatment.Environment, Unit: "dB", Low: 20, High: 100, Describes: "traffic at night"},
			{Name: "age", Domain: treatment.Clinical, Unit: "years", Low: 18, High: 110},
			{Name: "sex", Domain: treatment.Clinical},
			{Name: "BMI", Domain: treatment.Clinical, Unit: "kg/m²", Low: 12, High: 70},
			{Name: "pressure", Domain: treatment.Clinical, Unit: "mmHg", Low: 90, High: 260, Describes: "systolic, at the start"},
			{Name: "eGFR", Domain: treatment.Clinical, Unit: "ml/min/1.73 m²", Low: 5, High: 150, Describes: "kidney function"},
		},
		Sites: []genome.Site{
			{Column: "ADRB1", Coding: genome.Additive, Allele: "C", Other: "G"},
			{Column: "CYP2D6", Coding: genome.Activity, Function: cyp2d6},
		},
		Notes: []string{"Simulated patients: the numbers say how well methods find a known truth, and nothing of any drug."},
	}
	if c.Trial {
		s.Known = []float64{0.5, 0.5}
	}
	columns := map[string][]float64{}
	texts := map[string][]string{}
	for range c.Rows {
		normal := random.NormFloat64
		adrb1 := draw(random, []string{"C", "G"}, 0.7, 0.3)
		cyp := draw(random, []string{"*1", "*10", "*4"}, 0.65, 0.15, 0.2)
		var smoking, alcohol float64
		if random.Float64() < 0.3 {
			smoking = math.Round(between(14+6*normal(), 1, 60))
		}
		if random.Float64() < 0.7 {
			alcohol = math.Round(between(6*random.ExpFloat64(), 0, 60))
		}
		exercise := math.Round(between(120*random.ExpFloat64(), 0, 900)/10) * 10
		salt := math.Round(10*between(9+2.5*normal(), 2, 20)) / 10
		dust, noise := math.Round(10*between(14+5*normal(), 3, 50))/10, math.Round(between(50+8*normal(), 30, 80))
		age, male := math.Round(between(60+11*normal(), 25, 95)), random.Float64() < 0.5
		bmi := math.Round(10*between(27+4*normal(), 17, 50)) / 10
		pressure := math.Round(between(155+12*normal()+0.15*(age-60), 130, 220))
		egfr := math.Round(between(70-0.6*(age-60)+20*normal(), 10, 130))

		// What the drug does beyond usual care, in mmHg.
		active := cyp2d6[cyp.A] + cyp2d6[cyp.B]
		effect := -2 + 4*float64(adrb1.Count("C")) - 0.3*max(alcohol-5, 0)
		if active < 1 { // slow breakdown: more of the drug
			effect += 3
		}
		if age > 70 {
			effect -= 5
		}
		usual := 4 + 0.35*(pressure-155) - 0.1*smoking + 0.005*exercise - 0.5*(salt-9) - 0.15*(dust-14) - 0.3*(bmi-27)/4
		chance := 0.5
		if !c.Trial {
			chance = 1 / (1 + math.Exp(-(0.08*(pressure-155) - 0.03*(age-60) - 0.04*alcohol)))
			if egfr < 40 {
				chance = 0
			}
		}
		arm := 0
		if random.Float64() < chance {
			arm = 1
		}
		expected := []float64{usual, usual + effect}
		s.Expected = append(s.Expected, expected)
		s.Y = append(s.Y, treatment.Outcome{Arm: arm, Value: math.Round(10*(expected[arm]+5*normal())) / 10})

		calls := []string{text(adrb1), text(cyp)}
		for k := range calls {
			if random.Float64() < 0.03 { // the assay failed
				calls[k] = ""
			}
		}
		sex := "female"
		if male {
			sex = "male"
		}
		texts["ADRB1"], texts["CYP2D6"], texts["sex"] = append(texts["ADRB1"], calls[0]), append(texts["CYP2D6"], calls[1]), append(texts["sex"], sex)
		for name, v := range map[string]float64{
			"smoking": smoking, "alcohol": alcohol, "exercise": exercise, "salt": salt, "PM2.5": dust, "noise": noise,
			"age": age, "BMI": bmi, "pressure": pressure, "eGFR": egfr,
		} {
			columns[name] = append(columns[name], v)
		}
	}
	s.Frame = &table.Frame{}
	for _, v := range s.Schema {
		if text, ok := texts[v.Name]; ok {
			s.Frame.Columns = append(s.Frame.Columns, table.CategoryColumn(v.Name, text))
		} else {
			s.Frame.Columns = append(s.Frame.Columns, table.NumberColumn(v.Name, columns[v.Name]))
		}
	}
	return s
}

// draw draws two alleles by their frequencies.
func draw(random *rand.Rand, alleles []string, frequency ...float64) genome.Call {
	one := func() string {
		u := random.Float64()
		for k, p := range frequency {
			if u -= p; u < 0 {
				return alleles[k]
			}
		}
		return alleles[len(alleles)-1]
	}
	return genome.Call{A: one(), B: one()}
}

func text(c genome.Call) string { return min(c.A, c.B) + "/" + max(c.A, c.B) }

func between(v, low, high float64) float64 { return min(max(v, low), high) }

// SimulateDoses draws patients and the doses that they need of a drug that does not
// exist, which depend on two genes, age, weight, smoking and grapefruit. They stand
// for no one.
func SimulateDoses(n int, seed int64) Doses {
	random := rand.New(rand.NewPCG(uint64(seed), 0x646f7365))
	d := Doses{
		Name: "synthetic doses", Unit: "mg/week",
		Schema: treatment.Schema{
			{Name: "VKORC1", Domain: treatment.Genome, Describes: "enzyme that the drug blocks"},
			{Name: "CYP2C9", Domain: treatment.Genome, Describes: "enzyme that breaks the drug down"},
			{Name: "smoking", Domain: treatment.Lifestyle, Unit: "cigarettes/day", Low: 0, High: 80, Changes: true},
			{Name: "grapefruit", Domain: treatment.Lifestyle, Unit: "glasses/week", Low: 0, High: 40, Changes: true},
			{Name: "PM2.5", Domain: treatment.Environment, Unit: "µg/m³", Low: 0, High: 150},
			{Name: "age", Domain: treatment.Clinical, Unit: "years", Low: 18, High: 110},
			{Name: "weight", Domain: treatment.Clinical, Unit: "kg", Low: 30, High: 250},
		},
		Sites: []genome.Site{
			{Column: "VKORC1", Coding: genome.Additive, Allele: "A", Other: "G"},
			{Column: "CYP2C9", Coding: genome.Activity, Function: genome.CYP2C9},
		},
		Notes: []string{"Simulated patients and doses: they say how well methods find a known rule, and nothing of any drug."},
	}
	var vkorc1, cyp2c9 []string
	columns := make([][]float64, 5)
	for range n {
		v, c := draw(random, []string{"A", "G"}, 0.4, 0.6), draw(random, []string{"*1", "*2", "*3"}, 0.82, 0.12, 0.06)
		smoking := 0.0
		if random.Float64() < 0.25 {
			smoking = math.Round(between(14+6*random.NormFloat64(), 1, 60))
		}
		values := []float64{
			smoking, math.Round(between(1.5*random.ExpFloat64(), 0, 20)), math.Round(10*between(14+5*random.NormFloat64(), 3, 50)) / 10,
			math.Round(between(62+14*random.NormFloat64(), 20, 95)), math.Round(between(78+15*random.NormFloat64(), 40, 160)),
		}
		root := 6.6 - 0.85*float64(v.Count("A")) - 0.9*(2-genome.CYP2C9[c.A]-genome.CYP2C9[c.B]) - 0.025*(values[3]-62) + 0.014*(values[4]-78) + 0.02*smoking - 0.06*values[1]
		dose := max(root+0.75*random.NormFloat64(), 1.5)
		d.Dose = append(d.Dose, math.Round(2*dose*dose)/2)
		vkorc1, cyp2c9 = append(vkorc1, text(v)), append(cyp2c9, text(c))
		d.Genotype = append(d.Genotype, "VKORC1 "+text(v)+", CYP2C9 "+text(c))
		for k, v := range values {
			columns[k] = append(columns[k], v)
		}
	}
	d.Frame = &table.Frame{Columns: []table.Column{table.CategoryColumn("VKORC1", vkorc1), table.CategoryColumn("CYP2C9", cyp2c9)}}
	for k, name := range []string{"smoking", "grapefruit", "PM2.5", "age", "weight"} {
		d.Frame.Columns = append(d.Frame.Columns, table.NumberColumn(name, columns[k]))
	}
	return d
}

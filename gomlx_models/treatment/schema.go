package treatment

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// Domain is where a variable comes from.
type Domain string

// The domains.
const (
	Genome      Domain = "genome"
	Lifestyle   Domain = "lifestyle"
	Environment Domain = "environment"
	Clinical    Domain = "clinical"
)

// elsewhere is the domain of features of which the schema says none.
const elsewhere Domain = "other"

// Variable is a column of a table with what a number alone does not say.
type Variable struct {
	Name      string  `json:"name"` // of the column
	Domain    Domain  `json:"domain"`
	Unit      string  `json:"unit,omitempty"` // of a column of numbers: "units/week", "µg/m³"
	Low       float64 `json:"low,omitempty"`  // plausible values, if High is above Low
	High      float64 `json:"high,omitempty"`
	Changes   bool    `json:"changes,omitempty"` // whether a patient can change it
	Describes string  `json:"describes,omitempty"`
}

// Schema says what the columns of a table are.
type Schema []Variable

// Check finds columns that are missing, are of the other kind, or hold values that
// are not plausible in their unit: inches for centimetres, a year of birth for an
// age. A variable with a unit is a column of numbers.
func (s Schema) Check(frame *table.Frame) error {
	for _, v := range s {
		c, err := frame.Column(v.Name)
		if err != nil {
			return fmt.Errorf("treatment: %w", err)
		}
		if v.Unit != "" && c.Kind != table.Number {
			return fmt.Errorf("treatment: %s is in %s, and the column holds %s", v.Name, v.Unit, text(c))
		}
		if v.High <= v.Low || c.Kind != table.Number {
			continue
		}
		for i, x := range c.Numbers {
			if x < v.Low || x > v.High {
				return fmt.Errorf("treatment: row %d: %s is %v %s, and plausible are %v to %v: is it in another unit?", i, v.Name, x, v.Unit, v.Low, v.High)
			}
		}
	}
	return nil
}

// text says what a column of categories holds.
func text(c *table.Column) string {
	if len(c.Levels) == 0 {
		return "no value at all"
	}
	return fmt.Sprintf("text, such as %q", c.Levels[0])
}

// Describe shows the variables with their units.
func (s Schema) Describe() models.Table {
	t := models.Table{Kind: "variables", Title: "Variables", Columns: []string{"variable", "domain", "unit", "plausible", "can change", "what it is"}}
	for _, v := range s {
		plausible, changes := "", ""
		if v.High > v.Low {
			plausible = fmt.Sprintf("%v – %v", v.Low, v.High)
		}
		if v.Changes {
			changes = "yes"
		}
		t.Rows = append(t.Rows, []string{v.Name, string(v.Domain), v.Unit, plausible, changes, v.Describes})
	}
	return t
}

// Of returns the variable that a feature was made from, and whether there is one:
// "smoking" of "smoking is missing", "CYP2D6" of "CYP2D6 activity", "sex" of
// "sex = male".
func (s Schema) Of(feature string) (Variable, bool) {
	best := -1
	for i, v := range s {
		rest, ok := strings.CutPrefix(feature, v.Name)
		if ok && (rest == "" || rest[0] == ' ') && (best < 0 || len(v.Name) > len(s[best].Name)) {
			best = i
		}
	}
	if best < 0 {
		return Variable{}, false
	}
	return s[best], true
}

// ByDomain adds up an explanation's values by domain: how much of the effect is in
// the genes, and how much in how and where the patient lives. They still add up to
// the effect: features of which the schema names no domain are "other", if there
// are any.
func (s Schema) ByDomain(e models.Explanation) models.Explanation {
	domains := []Domain{Genome, Lifestyle, Environment, Clinical}
	values := make([]float64, len(domains))
	for j, name := range e.Names {
		v, _ := s.Of(name)
		domain := cmp.Or(v.Domain, elsewhere)
		k := slices.Index(domains, domain)
		if k < 0 {
			k = len(domains)
			domains, values = append(domains, domain), append(values, 0)
		}
		values[k] += e.Values[j]
	}
	out := e
	out.Names, out.Values, out.Shape = nil, values, []int{len(values)}
	for _, d := range domains {
		out.Names = append(out.Names, string(d))
	}
	return out
}

// Actions returns the features that a patient can change, within what is plausible.
// Only columns of numbers that are features as they are can be tried: of a pipeline
// that scales them, limits would be in other units than the rows.
func (s Schema) Actions(features []string) []Action {
	var out []Action
	for j, name := range features {
		if v, ok := s.Of(name); ok && v.Changes && v.Name == name {
			out = append(out, Action{Column: j, Low: v.Low, High: v.High})
		}
	}
	return out
}

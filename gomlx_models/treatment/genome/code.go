package genome

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/assay-ml/assay/gomlx_models/table"
)

// Coding is how a call becomes a number.
type Coding string

// The codings. Additive says that two copies do twice what one does, Dominant
// that one copy does as much as two, Recessive that it takes two.
const (
	Additive  Coding = "additive"  // copies of the allele: 0, 1, 2
	Dominant  Coding = "dominant"  // 1 if there is a copy
	Recessive Coding = "recessive" // 1 if there are two
	Activity  Coding = "activity"  // sum of what the two alleles are worth
)

// Site says how the calls of a column become a column of numbers.
type Site struct {
	Column string `json:"column"`
	Coding Coding `json:"coding"`
	Allele string `json:"allele,omitempty"` // that is counted; not for Activity
	// Other is the other allele of a site that has two. A call of any third is then
	// an error, as is one read off the other strand: T/T where a site is G or A would
	// count as no A, and be A/A. "" means that whatever is not Allele is another.
	Other    string             `json:"other,omitempty"`
	Function map[string]float64 `json:"function,omitempty"` // for Activity: what an allele is worth
}

// CYP2C9 is the activity of the alleles of CYP2C9, which breaks down S-warfarin:
// 1 normal, ½ decreased, 0 none. CPIC's table of allele function (Karnes et al.,
// Clinical Pharmacology and Therapeutics 109 (2021), 302).
var CYP2C9 = map[string]float64{"*1": 1, "*2": 0.5, "*3": 0, "*5": 0.5, "*6": 0, "*8": 0.5, "*11": 0.5, "*13": 0, "*14": 0.5}

// Name is the name of the coded column: "VKORC1 A alleles", "CYP2C9 activity".
func (s Site) Name() string {
	switch s.Coding {
	case Additive:
		return s.Column + " " + s.Allele + " alleles"
	case Dominant:
		return s.Column + " carries " + s.Allele
	case Recessive:
		return s.Column + " " + s.Allele + "/" + s.Allele
	}
	return s.Column + " activity"
}

// Code returns the frame with each site's column replaced by numbers, NaN where
// the call is missing. The alleles are named by the caller and never taken from
// the data: in another part of the patients another might be rarer, and one new
// patient need not carry any that is counted.
func Code(frame *table.Frame, sites ...Site) (*table.Frame, error) {
	out := &table.Frame{Columns: slices.Clone(frame.Columns)}
	for _, s := range sites {
		calls, err := Calls(frame, s.Column)
		if err != nil {
			return nil, err
		}
		numbers := make([]float64, len(calls))
		for i, c := range calls {
			if numbers[i], err = s.code(c); err != nil {
				return nil, fmt.Errorf("genome: %s, row %d: %w", s.Column, i, err)
			}
		}
		k := slices.IndexFunc(out.Columns, func(c table.Column) bool { return c.Name == s.Column })
		out.Columns[k] = table.NumberColumn(s.Name(), numbers)
	}
	return out, nil
}

func (s Site) code(c Call) (float64, error) {
	if c.Missing() {
		return math.NaN(), nil
	}
	n := float64(c.Count(s.Allele))
	if s.Coding != Activity && s.Other != "" && c.Count(s.Allele)+c.Count(s.Other) < 2 {
		return 0, fmt.Errorf("%s is a call of a site that has %s and %s: is it another site, or read off the other strand?", c, s.Allele, s.Other)
	}
	switch s.Coding {
	case Additive:
		return n, nil
	case Dominant:
		return min(n, 1), nil
	case Recessive:
		return max(n-1, 0), nil
	case Activity:
		a, ok := s.Function[c.A]
		b, also := s.Function[c.B]
		if !ok || !also {
			return 0, fmt.Errorf("the activity of %s is not known: Site.Function has %s", c, strings.Join(slices.Sorted(maps.Keys(s.Function)), ", "))
		}
		return a + b, nil
	}
	return 0, fmt.Errorf("there is no coding %q: choose one of %q", s.Coding, []Coding{Additive, Dominant, Recessive, Activity})
}

// Calls reads a column of calls.
func Calls(frame *table.Frame, column string) ([]Call, error) {
	texts, err := frame.Texts(column)
	if err != nil {
		return nil, fmt.Errorf("genome: %w", err)
	}
	out := make([]Call, len(texts))
	for i, text := range texts {
		if out[i], err = Parse(text); err != nil {
			return nil, fmt.Errorf("genome: %s, row %d: %w", column, i, err)
		}
	}
	return out, nil
}

package table

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
)

// neighbours are the training rows that Neighbour imputes from: every column of
// numbers, in standard deviations so that units do not weigh.
type neighbours struct {
	Names  []string  `json:"names"`
	Centre []float64 `json:"centre"`
	Spread []float64 `json:"spread"`
	Rows   [][]gap   `json:"rows"`
}

// gap is a number whose JSON is null where it is missing.
type gap float64

func (g gap) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(g)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(g))
}

func (g *gap) UnmarshalJSON(b []byte) error {
	v := math.NaN()
	if string(b) != "null" {
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
	}
	*g = gap(v)
	return nil
}

func learnNeighbours(f *Frame) *neighbours {
	n := &neighbours{Rows: make([][]gap, f.Rows())}
	for i := range f.Columns {
		c := &f.Columns[i]
		if c.Kind != Number {
			continue
		}
		known := sortedKnown(c.Numbers)
		mean, variance := moments(known)
		spread := math.Sqrt(variance)
		if !(spread > 0) || known[0] == known[len(known)-1] {
			spread = 1
		}
		n.Names, n.Centre, n.Spread = append(n.Names, c.Name), append(n.Centre, mean), append(n.Spread, spread)
		for i, v := range c.Numbers {
			n.Rows[i] = append(n.Rows[i], gap((v-mean)/spread))
		}
	}
	return n
}

// imputer returns a function that imputes a column of f: the mean of the k
// nearest training rows that have it, or otherwise if no training row shares a
// value. The distance is of the columns that both rows have, scaled up to all.
func (n *neighbours) imputer(f *Frame, column string, k int, otherwise float64) func(row int) float64 {
	target := slices.Index(n.Names, column)
	columns := make([]*Column, len(n.Names))
	for j, name := range n.Names {
		if c, err := f.Column(name); err == nil && c.Kind == Number {
			columns[j] = c
		}
	}
	type donor struct{ distance, value float64 }
	return func(row int) float64 {
		x := make([]float64, len(columns))
		for j, c := range columns {
			x[j] = math.NaN()
			if c != nil {
				x[j] = (c.Numbers[row] - n.Centre[j]) / n.Spread[j]
			}
		}
		var donors []donor
		for _, z := range n.Rows {
			if math.IsNaN(float64(z[target])) {
				continue
			}
			var sum, shared float64
			for j, v := range x {
				if d := v - float64(z[j]); !math.IsNaN(d) {
					sum += d * d
					shared++
				}
			}
			if shared > 0 {
				donors = append(donors, donor{sum / shared, float64(z[target])})
			}
		}
		if len(donors) == 0 {
			return otherwise
		}
		slices.SortStableFunc(donors, func(a, b donor) int { return cmp.Compare(a.distance, b.distance) })
		donors = donors[:min(k, len(donors))]
		var mean float64
		for _, d := range donors {
			mean += d.value / float64(len(donors))
		}
		return mean*n.Spread[target] + n.Centre[target]
	}
}

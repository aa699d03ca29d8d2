package genome

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/table"
)

// Frequencies returns the share of each allele among the calls that are not
// missing.
func Frequencies(calls []Call) map[string]float64 {
	of, n := map[string]float64{}, 0.0
	for _, c := range calls {
		if !c.Missing() {
			of[c.A]++
			of[c.B]++
			n += 2
		}
	}
	for a := range of {
		of[a] /= n
	}
	return of
}

// ranked returns the alleles, the most frequent first.
func ranked(of map[string]float64) []string {
	return slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b))
	})
}

// alleles writes the alleles with their shares: "G 62.1 %, A 37.9 %".
func alleles(calls []Call) string {
	of := Frequencies(calls)
	var said []string
	for _, a := range ranked(of) {
		said = append(said, fmt.Sprintf("%s %.1f %%", a, 100*of[a]))
	}
	if said == nil {
		return "none"
	}
	return strings.Join(said, ", ")
}

// HardyWeinberg returns the exact p of the hypothesis that the two alleles of a
// person are drawn independently, from the numbers of people with two of one
// allele, one of each, and two of the other: the chance, given the alleles, of a
// number of heterozygotes no likelier than that observed. A low p among healthy
// people of one ancestry speaks of wrong calls; among mixed ancestries or
// patients it need not. It is 1 where nobody was called.
//
// Wigginton, Cutler and Abecasis, American Journal of Human Genetics 76 (2005), 887.
func HardyWeinberg(twoA, one, twoB int) float64 {
	n := twoA + one + twoB
	rare := 2*min(twoA, twoB) + one
	if n == 0 {
		return 1
	}
	// Of neighbouring counts of heterozygotes h and h+2, with r rare and c common
	// homozygotes at h, P(h+2)/P(h) = 4 r c / ((h+2)(h+1)). All are found from the
	// likeliest outwards, where nothing overflows.
	p := make([]float64, rare+1)
	middle := int(float64(rare) * float64(2*n-rare) / float64(2*n))
	if (middle-rare)%2 != 0 {
		middle++
	}
	p[middle] = 1
	sum := 1.0
	for h := middle; h >= 2; h -= 2 {
		r, c := float64(rare-h)/2, float64(2*n-rare-h)/2
		p[h-2] = p[h] * float64(h) * float64(h-1) / (4 * (r + 1) * (c + 1))
		sum += p[h-2]
	}
	for h := middle; h+2 <= rare; h += 2 {
		r, c := float64(rare-h)/2, float64(2*n-rare-h)/2
		p[h+2] = p[h] * 4 * r * c / (float64(h+2) * float64(h+1))
		sum += p[h+2]
	}
	var tail float64
	for _, v := range p {
		if v <= p[one]*(1+1e-9) { // counts that are equally likely differ by rounding
			tail += v
		}
	}
	return min(1, tail/sum)
}

// Describe shows what the columns of calls hold: how many calls are missing, the
// alleles and the genotypes, and the Hardy-Weinberg test of the most frequent
// allele against all others.
func Describe(frame *table.Frame, columns ...string) (models.Table, error) {
	t := models.Table{Kind: "genotypes", Title: "Genotypes", Columns: []string{"site", "called", "missing", "alleles", "genotypes", "Hardy-Weinberg p"}}
	for _, column := range columns {
		calls, err := Calls(frame, column)
		if err != nil {
			return models.Table{}, err
		}
		counts, called := map[string]float64{}, 0
		for _, c := range calls {
			if !c.Missing() {
				counts[c.String()]++
				called++
			}
		}
		var genotypes []string
		for _, g := range ranked(counts) {
			genotypes = append(genotypes, fmt.Sprintf("%s %.0f", g, counts[g]))
		}
		test := "–"
		if of := ranked(Frequencies(calls)); len(of) > 1 {
			var n [3]int
			for _, c := range calls {
				if !c.Missing() {
					n[c.Count(of[0])]++
				}
			}
			test = chance(HardyWeinberg(n[0], n[1], n[2]))
		}
		t.Rows = append(t.Rows, []string{column, fmt.Sprint(called), fmt.Sprint(len(calls) - called), alleles(calls), strings.Join(genotypes, ", "), test})
	}
	return t, nil
}

func chance(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", math.Round(p*1000)/1000)
}

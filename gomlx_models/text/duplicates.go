package text

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
)

// Near is a pair of texts that are almost the same.
type Near struct {
	A, B       int     // rows, A < B
	Similarity float64 // Jaccard index of their shingles
}

const (
	minHashes    = 96 // of a text, in bands of bandRows
	bandRows     = 4  // two texts of similarity s share a band with chance 1-(1-s⁴)²⁴: 0.45 finds 0.63 of pairs, 0.7 finds 0.998
	shingleWords = 3
)

// NearDuplicates returns the pairs of texts whose sets of three-word shingles
// have a Jaccard index of at least threshold, most alike first. Candidates are
// found by MinHash and banding, then compared exactly, so that time grows with
// the number of texts and pairs, and not with the square of texts; pairs near a
// threshold below 0.6 may be missed. Broder, Compression and Complexity of Sequences (1997), 21.
func NearDuplicates(texts []string, threshold float64) []Near {
	r := rand.New(rand.NewPCG(1, 2))
	var multiply, add [minHashes]uint64
	for i := range multiply {
		multiply[i], add[i] = r.Uint64()|1, r.Uint64()
	}
	sets := make([][]uint64, len(texts))
	type band struct {
		number int
		hash   uint64
	}
	buckets := map[band][]int{}
	for row, text := range texts {
		sets[row] = shingles(text)
		if len(sets[row]) == 0 {
			continue
		}
		var least [minHashes]uint64
		for i := range least {
			least[i] = ^uint64(0)
			for _, h := range sets[row] {
				least[i] = min(least[i], mix(h*multiply[i]+add[i]))
			}
		}
		for b := 0; b < minHashes; b += bandRows {
			h := uint64(14695981039346656037)
			for _, v := range least[b : b+bandRows] {
				h = mix(h ^ v)
			}
			key := band{b, h}
			buckets[key] = append(buckets[key], row)
		}
	}
	seen := map[[2]int]bool{}
	var pairs []Near
	for _, rows := range buckets {
		for i, a := range rows {
			for _, b := range rows[i+1:] {
				if seen[[2]int{a, b}] {
					continue
				}
				seen[[2]int{a, b}] = true
				if s := jaccard(sets[a], sets[b]); s >= threshold {
					pairs = append(pairs, Near{a, b, s})
				}
			}
		}
	}
	slices.SortFunc(pairs, func(x, y Near) int {
		return cmp.Or(cmp.Compare(y.Similarity, x.Similarity), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return pairs
}

// shingles returns the sorted hashes of a text's runs of words, without case
// and signs.
func shingles(text string) []uint64 {
	var words []string
	for _, word := range plainWords(strings.ToLower(text)) {
		words = append(words, word.Text)
	}
	if len(words) == 0 {
		return nil
	}
	var set []uint64
	for i := 0; i == 0 || i+shingleWords <= len(words); i++ {
		h := fnv.New64a()
		h.Write([]byte(strings.Join(words[i:min(i+shingleWords, len(words))], " ")))
		set = append(set, h.Sum64())
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// mix spreads the bits of h (the finalizer of SplitMix64).
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func jaccard(a, b []uint64) float64 {
	both := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			both++
			i++
			j++
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return float64(both) / float64(len(a)+len(b)-both)
}

// Audit looks for what makes a model look better than it is: groups, and texts
// that are almost the same (a Jaccard index of 0.8 or more), on both sides of the
// cut. They are an error, unless d.AllowLeak says why they may stay; then they go
// into d.Notes, for the reader of reports.
func (d *Data) Audit() error {
	findings := d.leaks()
	if len(findings) == 0 {
		return nil
	}
	found := strings.Join(findings, "; ")
	if d.AllowLeak == "" {
		return fmt.Errorf("text: %s: cut the data by group, leave these texts out, or say in AllowLeak why they may stay", found)
	}
	d.Notes = append(d.Notes, fmt.Sprintf("Leak allowed, because %s: %s.", d.AllowLeak, found))
	return nil
}

// leaks says what is on two sides of the cut, a clause a finding.
func (d *Data) leaks() []string {
	parts := []Dataset{d.Train, d.Validation, d.Test}
	// The same text in one part is looked at once: notes written from a template
	// come by the thousand, and pairs of them by the million.
	var texts []string
	var part, copies []int
	groups := make([]map[string]bool, len(parts))
	for p, set := range parts {
		groups[p] = map[string]bool{}
		first := map[string]int{}
		for row, text := range set.X {
			at, ok := first[text]
			if !ok {
				at = len(texts)
				first[text] = at
				texts, part, copies = append(texts, text), append(part, p), append(copies, 0)
			}
			copies[at]++
			if set.Group != nil && set.Group[row] != "" {
				groups[p][set.Group[row]] = true
			}
		}
	}
	near := make([]map[int]bool, len(parts)*len(parts)) // texts of the later part
	for i := range near {
		near[i] = map[int]bool{}
	}
	for _, pair := range NearDuplicates(texts, 0.8) {
		near[part[pair.A]*len(parts)+part[pair.B]][pair.B] = true
	}
	var findings []string
	for a := range parts {
		for b := a + 1; b < len(parts); b++ {
			shared := 0
			for group := range groups[a] {
				if groups[b][group] {
					shared++
				}
			}
			if shared > 0 {
				findings = append(findings, fmt.Sprintf("%d groups are in both %s and %s", shared, parts[a].Name, parts[b].Name))
			}
			n := 0
			for text := range near[a*len(parts)+b] {
				n += copies[text]
			}
			if n > 0 {
				findings = append(findings, fmt.Sprintf("%d of %d texts of %s are almost the same as one of %s", n, parts[b].Len(), parts[b].Name, parts[a].Name))
			}
		}
	}
	return findings
}

package compare

import "strings"

// Diff is how a text of one run differs from that of another.
type Diff struct {
	From, To string // names of the runs
	Name     string // of the file; "" is the cell
	Lines    []Line
}

// Line is a line of a comparison of two texts.
type Line struct {
	Mark string // "+" only in the second, "−" only in the first, "" in both, "…" lines left out
	Text string
}

const (
	diffContext = 3    // lines kept around a difference
	diffMost    = 3000 // lines between the first and the last difference; more are not code that a person wrote
)

// Texts compares two texts line by line: a longest common subsequence is
// kept, what is far from any difference is left out.
func Texts(from, to string) []Line {
	a, b := lines(from), lines(to)
	// What is the same at both ends needs no table.
	head, tail := 0, 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var all []Line
	keep := func(same []string) {
		for _, line := range same {
			all = append(all, Line{"", line})
		}
	}
	keep(a[:head])
	end := a[len(a)-tail:]
	a, b = a[head:len(a)-tail], b[head:len(b)-tail]
	if len(a) > diffMost || len(b) > diffMost {
		return []Line{{"…", "too long to compare"}}
	}
	// common[i][j] is the length of the longest common subsequence of a[i:] and b[j:].
	common := make([][]int16, len(a)+1)
	for i := range common {
		common[i] = make([]int16, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, Line{"", a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			all = append(all, Line{"−", a[i]})
			i++
		default:
			all = append(all, Line{"+", b[j]})
			j++
		}
	}
	keep(end)
	return abridge(all)
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// abridge leaves out what is far from any difference.
func abridge(all []Line) []Line {
	keep := make([]bool, len(all))
	for i, line := range all {
		if line.Mark == "" {
			continue
		}
		for k := max(i-diffContext, 0); k <= min(i+diffContext, len(all)-1); k++ {
			keep[k] = true
		}
	}
	var out []Line
	for i, line := range all {
		switch {
		case keep[i]:
			out = append(out, line)
		case i == 0 || keep[i-1]:
			out = append(out, Line{Mark: "…"})
		}
	}
	return out
}

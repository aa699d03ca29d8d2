package charts

import "hash/fnv"

// palette tells its members apart for every common kind of colour blindness and
// reads on white and on near-black: the colours of Okabe and Ito (2008) without
// black and yellow, then indigo and olive after Paul Tol's "muted" scheme.
var palette = []string{
	"#2080c4", // blue, a little lighter than theirs for dark pages
	"#d55e00", // vermilion
	"#009e73", // green
	"#cc79a7", // pink
	"#e69f00", // orange
	"#56b4e9", // sky
	"#7b68c8", // indigo
	"#94942e", // olive
}

// Color returns the colour of a run, which is the same in every chart, table
// and file because it depends on the id alone.
func Color(run string) string {
	h := fnv.New32a()
	h.Write([]byte(run))
	// FNV's low bits barely mix for ids that differ in the last letter.
	sum := h.Sum32()
	return palette[(sum^sum>>15)%uint32(len(palette))]
}

// dashes tell lines of one colour apart.
var dashes = []string{"solid", "dashed", "dotted"}

// Style is how a run's lines are drawn.
type Style struct {
	Color string // "#rrggbb"
	Dash  string // "solid", "dashed" or "dotted"
}

// Styles returns the style of each of runs, which are drawn in one chart. A run
// keeps its colour whatever it is compared with; where two share one, the later
// is dashed.
func Styles(runs []string) []Style {
	styles := make([]Style, len(runs))
	used := map[string]int{}
	for i, run := range runs {
		color := Color(run)
		styles[i] = Style{Color: color, Dash: dashes[used[color]%len(dashes)]}
		used[color]++
	}
	return styles
}

package charts

import "hash/fnv"

// palette tells its first eight members apart for every common kind of colour
// blindness and reads on white and on near-black: the colours of Okabe and Ito
// (2008) without black and yellow, the blue a little lighter for dark pages, then
// indigo and olive after Paul Tol's "muted" scheme. The second eight are the same
// hues, told from the first by their lightness.
var palette = []string{
	"#2080c4", // blue
	"#d55e00", // vermilion
	"#009e73", // green
	"#cc79a7", // pink
	"#e69f00", // orange
	"#56b4e9", // sky
	"#7b68c8", // indigo
	"#94942e", // olive
	"#86bde6", "#97430a", "#6ccbb0", "#96376f", "#a57300", "#0f6489", "#b6abe6", "#c6c65c",
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

// Contrast returns a colour of the palette that stands out from color, for a
// second line of the same run.
func Contrast(color string) string {
	switch color {
	case palette[0], palette[5], palette[6], palette[8], palette[13], palette[14]: // the blues
		return palette[1]
	}
	return palette[0]
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

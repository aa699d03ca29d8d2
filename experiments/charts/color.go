package charts

import "hash/fnv"

// palette tells its members apart also for those who lack one kind of cones, and
// each can be seen on white and on near-black: six colours of Okabe and Ito (2008),
// the blue a little lighter for dark pages, then those that are farthest from them
// and from each other among colours that are neither grey nor glaring. The test says how far.
var palette = []string{
	"#2080c4", // blue
	"#d55e00", // vermilion
	"#009e73", // green
	"#cc79a7", // pink
	"#e69f00", // orange
	"#56b4e9", // sky
	"#904830", // brown
	"#a8b460", // light olive
	"#3c54cc", // indigo
	"#785484", // plum
	"#9090fc", // periwinkle
	"#fc7890", // rose
	"#006c60", // teal
	"#785400", // umber
	"#9c249c", // magenta
	"#a82454", // crimson
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
	case palette[0], palette[5], palette[8], palette[10]: // the blues
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

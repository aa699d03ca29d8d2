package charts

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// What the curves of a report show, in the words of the field: where a curve
// ends says little of it to those who do not see it.

// saidAlt joins what say says of up to four lines, those left out that it has
// nothing to say of.
func saidAlt(title string, lines []Line, say func(Line) string) string {
	var parts []string
	for _, line := range lines {
		text := say(line)
		if text == "" || line.Color == muted {
			continue
		}
		if len(parts) == 4 {
			parts = append(parts, "and more")
			break
		}
		parts = append(parts, line.Name+" "+text)
	}
	if len(parts) == 0 {
		return title + ": no points."
	}
	return title + ": " + strings.Join(parts, ", ") + "."
}

func sayROC(l Line) string {
	best := math.NaN()
	for i, x := range l.X {
		if x <= 0.1 && finite(l.Y[i]) {
			best = l.Y[i]
		}
	}
	if !finite(best) {
		return ""
	}
	return fmt.Sprintf("finds %.0f %% at 10 %% false alarms", 100*best)
}

func sayPR(l Line) string {
	for i, x := range l.X {
		if x >= 0.9 && finite(l.Y[i]) {
			return fmt.Sprintf("is right in %.0f %% of its calls when it finds 90 %%", 100*l.Y[i])
		}
	}
	return ""
}

func sayCalibration(l Line) string {
	var off, rows float64
	for i := range l.X {
		weight := 1.0
		if i < len(l.N) {
			weight = float64(l.N[i])
		}
		if finite(l.X[i]) && finite(l.Y[i]) {
			off += weight * math.Abs(l.X[i]-l.Y[i])
			rows += weight
		}
	}
	if rows == 0 {
		return ""
	}
	return fmt.Sprintf("is off by %.2f on average", off/rows)
}

// calibrationTable shows the groups that a calibration curve is made of.
func calibrationTable(lines []Line) *Table {
	t := &Table{Columns: []string{"", "predicted", "observed", "rows"}}
	intervals := slices.ContainsFunc(lines, func(l Line) bool { return l.Low != nil && l.High != nil })
	if intervals {
		t.Columns = append(t.Columns, "95 % interval")
	}
	for _, line := range lines {
		for i := range line.X {
			rows := ""
			if i < len(line.N) {
				rows = fmt.Sprint(line.N[i])
			}
			row := []string{line.Name, Format(line.X[i]), Format(line.Y[i]), rows}
			if intervals {
				interval := ""
				if line.Low != nil && line.High != nil {
					interval = Interval(line.Low[i], line.High[i])
				}
				row = append(row, interval)
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

func sayDecision(l Line) string {
	for i, x := range l.X {
		if x >= 0.2 && finite(l.Y[i]) {
			return fmt.Sprintf("has a net benefit of %.3f at a threshold of %.0f %%", l.Y[i], 100*x)
		}
	}
	return ""
}

func sayRange(l Line) string {
	low, high := math.Inf(1), math.Inf(-1)
	for _, y := range l.Y {
		if finite(y) {
			low, high = min(low, y), max(high, y)
		}
	}
	if low > high {
		return ""
	}
	return fmt.Sprintf("between %.3f and %.3f", low, high)
}

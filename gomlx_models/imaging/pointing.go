package imaging

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Box is where a radiologist saw a finding, in shares of the film's width and
// height: {0, 0, 0.5, 1} is the left half.
type Box struct{ X, Y, Width, Height float64 }

// contains reports whether a point, in the same shares, is in the box.
func (b Box) contains(x, y float64) bool {
	return x >= b.X && x < b.X+b.Width && y >= b.Y && y < b.Y+b.Height
}

// ReadBoxes reads a CSV file with the columns file, finding, x, y, w and h, in
// pixels of films with the given height and width, and returns the boxes of
// one finding by file.
func ReadBoxes(list, finding string, height, width int) (map[string][]Box, error) {
	file, err := os.Open(list)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("boxes %s: %w", list, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("boxes %s has no header", list)
	}
	t := &listed{name: list, header: rows[0]}
	at := map[string]int{}
	for _, name := range []string{"file", "finding", "x", "y", "w", "h"} {
		if at[name], err = t.column(name); err != nil {
			return nil, err
		}
	}
	boxes := map[string][]Box{}
	for i, row := range rows[1:] {
		if row[at["finding"]] != finding {
			continue
		}
		var numbers [4]float64
		for j, name := range []string{"x", "y", "w", "h"} {
			if numbers[j], err = strconv.ParseFloat(row[at[name]], 64); err != nil {
				return nil, fmt.Errorf("boxes %s: row %d: %s is %q, not a number", list, i+1, name, row[at[name]])
			}
		}
		film := row[at["file"]]
		boxes[film] = append(boxes[film], Box{
			numbers[0] / float64(width), numbers[1] / float64(height), numbers[2] / float64(width), numbers[3] / float64(height),
		})
	}
	return boxes, nil
}

// PointingGame judges explanations of whole films, by models without Config.Crop, by
// boxes that people drew:
//
//   - pointing_game is the share of films whose largest value lies in a box;
//   - energy is the share of positive values that do, the mean over films;
//   - chance is the share of the film that is in boxes: what pointing blindly
//     would score in both.
//
// Intervals come from a bootstrap that resamples patients, 2000 times from
// seed; group is the patient of each film, nil takes each for another. Films without a
// box are left out. Zhang et al., IJCV 126 (2018), 1084; energy: Wang et al.,
// CVPR Workshops 2020.
func PointingGame(explanations []models.Explanation, boxes [][]Box, group []string, seed int64) (models.Report, error) {
	if len(boxes) != len(explanations) || group != nil && len(group) != len(explanations) {
		return models.Report{}, fmt.Errorf("imaging: there are %d explanations, boxes for %d films, and %d patients", len(explanations), len(boxes), len(group))
	}
	var scores [][3]float64
	var patients []string
	for i, e := range explanations {
		if len(boxes[i]) == 0 {
			continue
		}
		s, err := point(e, boxes[i])
		if err != nil {
			return models.Report{}, fmt.Errorf("imaging: film %d: %w", i, err)
		}
		scores = append(scores, s)
		who := strconv.Itoa(i)
		if group != nil {
			who = group[i]
		}
		patients = append(patients, who)
	}
	if len(scores) == 0 {
		return models.Report{}, fmt.Errorf("imaging: none of the %d films has a box", len(explanations))
	}
	report := models.Report{
		Name: "pointing", Rows: len(scores), Groups: len(slices.Compact(slices.Sorted(slices.Values(patients)))),
		Method: fmt.Sprintf("bootstrap by patient, %d resamples, seed %d", pointingResamples, seed),
	}
	for k, name := range []string{"pointing_game", "energy", "chance"} {
		values := make([]float64, len(scores))
		for i, s := range scores {
			values[i] = s[k]
		}
		report.Metrics = append(report.Metrics, meanOf(name, values, patients, seed))
	}
	return report, nil
}

// point returns whether an explanation points into a box, how much of it is in
// boxes, and how much of the film is.
func point(e models.Explanation, boxes []Box) (s [3]float64, err error) {
	if len(e.Shape) != 2 || e.Shape[0] < 1 || e.Shape[1] < 1 || len(e.Values) != e.Shape[0]*e.Shape[1] {
		return s, fmt.Errorf("an explanation of shape %d with %d values is not one of a picture", e.Shape, len(e.Values))
	}
	height, width := e.Shape[0], e.Shape[1]
	largest := slices.Index(e.Values, slices.Max(e.Values))
	positive := 0.0
	for i, v := range e.Values {
		x, y := (float64(i%width)+0.5)/float64(width), (float64(i/width)+0.5)/float64(height)
		inside := slices.ContainsFunc(boxes, func(b Box) bool { return b.contains(x, y) })
		positive += max(0, v)
		if inside {
			s[1] += max(0, v)
			s[2] += 1 / float64(len(e.Values))
		}
		if inside && i == largest {
			s[0] = 1
		}
	}
	if positive > 0 {
		s[1] /= positive
	}
	return s, nil
}

const pointingResamples = 2000

// meanOf returns the mean of values with a 95 % interval, patients resampled.
func meanOf(name string, values []float64, patients []string, seed int64) models.Metric {
	rows := map[string][]int{}
	for i, who := range patients {
		rows[who] = append(rows[who], i)
	}
	var groups [][]int
	for i, who := range patients {
		if rows[who][0] == i { // in order, so that the seed decides alone
			groups = append(groups, rows[who])
		}
	}
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	means := make([]float64, pointingResamples)
	for r := range means {
		sum, n := 0.0, 0
		for range groups {
			for _, i := range groups[rng.IntN(len(groups))] {
				sum += values[i]
				n++
			}
		}
		means[r] = sum / float64(n)
	}
	slices.Sort(means)
	mean := 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	at := func(q float64) models.Number { return models.Number(means[int(math.Round(q*(pointingResamples-1)))]) }
	return models.Metric{Name: name, Value: models.Number(mean), Low: at(0.025), High: at(0.975)}
}

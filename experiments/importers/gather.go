package importers

import (
	"iter"

	"github.com/assay-ml/assay/experiments/export"
	"github.com/assay-ml/assay/store"
)

// sample is a point and the series it is of.
type sample struct {
	metric string
	store.Point
}

// gather makes large pieces of samples that come one by one, series mixed. Within
// each series their order stays.
func gather(samples iter.Seq2[sample, error]) iter.Seq2[export.Points, error] {
	const most = 1 << 16
	return func(yield func(export.Points, error) bool) {
		var names []string // in order of appearance
		series := map[string][]store.Point{}
		held := 0
		flush := func() bool {
			for _, name := range names {
				if points := series[name]; len(points) > 0 && !yield(export.Points{Metric: name, Points: points}, nil) {
					return false
				}
				series[name] = series[name][:0]
			}
			held = 0
			return true
		}
		for s, err := range samples {
			if err != nil {
				yield(export.Points{}, err)
				return
			}
			points, known := series[s.metric]
			if !known {
				names = append(names, s.metric)
			}
			series[s.metric] = append(points, s.Point)
			if held++; held == most && !flush() {
				return
			}
		}
		flush()
	}
}

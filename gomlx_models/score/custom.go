package score

import (
	"errors"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Measure is a set of scores that this package does not know, such as the value
// of a treatment policy.
type Measure struct {
	Names []string
	Show  []string // those of Names that the tables of subgroups have
	// On returns what takes the scores of some of the rows: it writes one value
	// a name, row rows[i] counting weight[i] times. What needs sorting is best
	// sorted here, once; what is returned is called for every resample, from
	// several goroutines at once.
	On func(rows []int) func(weight, dst []float64)
}

// Custom judges n rows by a measure of the caller's: its scores with intervals
// from a bootstrap by patient, and the subgroups.
func Custom(n int, m Measure, o Options) (models.Report, error) {
	if err := o.check(n); err != nil {
		return models.Report{}, err
	}
	if len(m.Names) == 0 || m.On == nil {
		return models.Report{}, errors.New("a measure needs names and what takes its scores")
	}
	own := measure{names: m.Names, on: func(rows []int) statistic { return m.On(rows) }}
	r := o.report(n, own)
	r.Tables = o.subgroups(own, m.Show)
	return r, nil
}

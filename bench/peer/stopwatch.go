package peer

import (
	"errors"
	"slices"
	"syscall"
	"time"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Time calls fit and then predict, and returns how long each took: "fit" and
// "predict", in milliseconds.
func Time(fit, predict func() error) (map[string]float64, error) {
	figures := map[string]float64{}
	for _, part := range []struct {
		name string
		do   func() error
	}{{"fit", fit}, {"predict", predict}} {
		begin := time.Now()
		if err := part.do(); err != nil {
			return nil, err
		}
		figures[part.name] = float64(time.Since(begin)) / 1e6
	}
	return figures, nil
}

// WarmUp is how many steps do not count: the first compiles.
const WarmUp = 3

// Stopwatch times the steps of a training that it observes.
type Stopwatch struct {
	steps        int // to count
	last         time.Time
	step         int64
	took         []float64 // by each step, ms
	before, used float64   // processor time after the warm-up and after the last step, ms
}

var _ models.Observer = (*Stopwatch)(nil)

// ErrTimed stops a training whose steps are timed.
var ErrTimed = errors.New("timed")

// StartStopwatch returns a stopwatch that is running, and stops the training with
// ErrTimed when so many steps after the warm-up are counted.
func StartStopwatch(steps int) *Stopwatch { return &Stopwatch{steps: steps, last: time.Now()} }

// Step implements models.Observer.
func (s *Stopwatch) Step(step int64, _ []string, _ []float64) error {
	if step == s.step { // the same again, with what the epoch's end knows
		return nil
	}
	now := time.Now()
	s.step, s.last, s.took = step, now, append(s.took, float64(now.Sub(s.last))/1e6)
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return err
	}
	s.used = float64(use.Utime.Nano()+use.Stime.Nano()) / 1e6
	if step == WarmUp {
		s.before = s.used
	}
	if len(s.took) == s.steps+WarmUp {
		return ErrTimed
	}
	return nil
}

// Figures returns, in milliseconds, the median "step" after the warm-up, the mean
// processor time of one over all cores ("cpu"), and the "first" step, which compiles.
func (s *Stopwatch) Figures() map[string]float64 {
	counted := slices.Sorted(slices.Values(s.took[WarmUp:]))
	return map[string]float64{
		"step": counted[len(counted)/2], "cpu": (s.used - s.before) / float64(len(counted)), "first": s.took[0],
	}
}

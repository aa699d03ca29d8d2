package store

import "sync"

// valueCache remembers values of runs at steps, which are deep in chunks.
type valueCache struct {
	mu      sync.Mutex
	columns map[valueColumn]knownValues
	size    int // values in all columns
}

type valueColumn struct {
	name string
	step int64
}

// runState is what a run's points depend on: they do not change while it stays
// the same. A row can be that of another run after a deletion.
type runState struct {
	row     int64
	id      RunID
	segment int64
}

// knownValues are the values of runs, which come by their rows; NaN where a run
// has none.
type knownValues struct {
	runs   []runState
	values []float64
}

// maxRemembered is how many values are remembered: 10 metrics of 10,000 runs, at
// five steps. They take 4 MB, and the runs of each step half of one.
const maxRemembered = 500_000

// recall returns the values of runs, which come by their rows. It sets unknown
// for those that are not remembered, or have been written since.
func (c *valueCache) recall(column valueColumn, runs []runState, unknown []bool) []float64 {
	c.mu.Lock()
	known := c.columns[column]
	c.mu.Unlock()
	values := nans(len(runs))
	for i, r := range runs {
		for len(known.runs) > 0 && known.runs[0].row < r.row {
			known.runs, known.values = known.runs[1:], known.values[1:]
		}
		if len(known.runs) > 0 && known.runs[0] == r {
			values[i] = known.values[0]
		} else {
			unknown[i] = true
		}
	}
	return values
}

// add remembers values, which must not be changed any more, instead of what was
// known of that column. When there are too many, it first forgets the others.
func (c *valueCache) add(column valueColumn, known knownValues) {
	if len(known.values) > maxRemembered {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size += len(known.values) - len(c.columns[column].values)
	if c.columns == nil || c.size > maxRemembered {
		c.columns = map[valueColumn]knownValues{}
		c.size = len(known.values)
	}
	c.columns[column] = known
}

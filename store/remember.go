package store

import "sync"

// valueCache remembers values of series at steps, which are deep in chunks.
type valueCache struct {
	mu      sync.Mutex
	columns map[valueColumn]map[int64]seriesValue // by id of the series
	size    int
}

type valueColumn struct {
	name string
	step int64
}

// seriesValue is a value of a series, NaN if it has none at the step. It holds
// while the series has as many points, the last of them at the same time.
type seriesValue struct {
	count, time int64
	value       float64
}

// maxRemembered is how many values are remembered: 10 metrics of 10,000 runs, at
// two steps. They take about 12 MB.
const maxRemembered = 200_000

// column returns what is known; it must not be changed.
func (c *valueCache) column(name string, step int64) map[int64]seriesValue {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.columns[valueColumn{name, step}]
}

// add remembers values, instead of what was known of that column. When there are
// too many, it first forgets the others.
func (c *valueCache) add(name string, step int64, values map[int64]seriesValue) {
	if len(values) > maxRemembered {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	column := valueColumn{name, step}
	c.size += len(values) - len(c.columns[column])
	if c.columns == nil || c.size > maxRemembered {
		c.columns = map[valueColumn]map[int64]seriesValue{}
		c.size = len(values)
	}
	c.columns[column] = values
}

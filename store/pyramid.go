package store

import (
	"encoding/binary"
	"math"
)

// The points of a series are numbered in order of logging. Full blocks of
// blockSize points, then full groups of fanout aggregates of the level below,
// have an aggregate: level 0 holds one a block, level 1 one for fanout blocks.
// A row of the pyramid table holds up to fanout aggregates that follow one
// another, aggregateSize bytes each, so that the rows needed for any window
// are few and found by arithmetic.
//
// What lies behind the last full chunk has no aggregate yet and is counted
// point by point.
const (
	blockSize     = 1024
	fanout        = 64
	aggregateSize = 15 * 8
)

// aggregate sums up points that follow one another.
type aggregate struct {
	count, nans, posInfs, negInfs int64
	firstStep, lastStep           int64 // of the first and last point
	lowStep, highStep             int64 // smallest and largest
	firstTime, lastTime           int64
	first, last, min, max, mean   float64 // of the finite values; NaN if there are none
}

func (a *aggregate) finite() int64 { return a.count - a.nans - a.posInfs - a.negInfs }

// aggregateOf sums up points, of which there is at least one.
func aggregateOf(c columns) aggregate {
	n := c.len()
	nan := math.NaN()
	a := aggregate{
		count:     int64(n),
		firstStep: c.steps[0], lastStep: c.steps[n-1],
		lowStep: c.steps[0], highStep: c.steps[0],
		firstTime: c.times[0], lastTime: c.times[n-1],
		first: nan, last: nan, min: nan, max: nan, mean: nan,
	}
	var sum, lost float64 // Neumaier: lost is what rounding took from sum
	for i, b := range c.bits {
		if s := c.steps[i]; s < a.lowStep {
			a.lowStep = s
		} else if s > a.highStep {
			a.highStep = s
		}
		v := math.Float64frombits(b)
		if v-v != 0 {
			switch {
			case v > 0:
				a.posInfs++
			case v < 0:
				a.negInfs++
			default:
				a.nans++
			}
			continue
		}
		if a.first != a.first {
			a.first, a.min, a.max = v, v, v
		}
		a.last = v
		if v < a.min {
			a.min = v
		}
		if v > a.max {
			a.max = v
		}
		t := sum + v
		if math.Abs(sum) >= math.Abs(v) {
			lost += (sum - t) + v
		} else {
			lost += (v - t) + sum
		}
		sum = t
	}
	if k := float64(a.finite()); k > 0 {
		a.mean = (sum + lost) / k
		if a.mean-a.mean != 0 { // the sum left the range of float64
			a.mean = 0
			for _, b := range c.bits {
				if v := math.Float64frombits(b); v-v == 0 {
					a.mean += v / k
				}
			}
		}
	}
	return a
}

// merge adds the points of b, which follow those of a. The zero aggregate is empty.
func (a *aggregate) merge(b aggregate) {
	if a.count == 0 {
		*a = b
		return
	}
	if m := b.finite(); m > 0 {
		if n := a.finite(); n > 0 {
			a.min, a.max = min(a.min, b.min), max(a.max, b.max)
			all := float64(n + m)
			a.mean = a.mean*(float64(n)/all) + b.mean*(float64(m)/all)
		} else {
			a.first, a.min, a.max, a.mean = b.first, b.min, b.max, b.mean
		}
		a.last = b.last
	}
	a.count += b.count
	a.nans += b.nans
	a.posInfs += b.posInfs
	a.negInfs += b.negInfs
	a.lastStep, a.lastTime = b.lastStep, b.lastTime
	a.lowStep, a.highStep = min(a.lowStep, b.lowStep), max(a.highStep, b.highStep)
}

// groupOf returns the sum of aggregates that follow one another.
func groupOf(row []byte) (group aggregate) {
	for ; len(row) > 0; row = row[aggregateSize:] {
		group.merge(readAggregate(row))
	}
	return group
}

func (a *aggregate) append(dst []byte) []byte {
	for _, x := range [...]int64{
		a.count, a.nans, a.posInfs, a.negInfs,
		a.firstStep, a.lastStep, a.lowStep, a.highStep, a.firstTime, a.lastTime,
	} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(x))
	}
	for _, v := range [...]float64{a.first, a.last, a.min, a.max, a.mean} {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	return dst
}

// readAggregate reads the aggregate that data, of at least aggregateSize bytes,
// starts with.
func readAggregate(data []byte) aggregate {
	data = data[:aggregateSize]
	i := func(n int) int64 { return int64(binary.LittleEndian.Uint64(data[8*n:])) }
	f := func(n int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(data[8*n:])) }
	return aggregate{
		count: i(0), nans: i(1), posInfs: i(2), negInfs: i(3),
		firstStep: i(4), lastStep: i(5), lowStep: i(6), highStep: i(7), firstTime: i(8), lastTime: i(9),
		first: f(10), last: f(11), min: f(12), max: f(13), mean: f(14),
	}
}

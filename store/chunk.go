package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"

	"github.com/klauspost/compress/fse"
)

// A chunk holds up to chunkSize points of one series, column by column, in
// order of logging:
//
//	┌──────┬───────┬───────┬───────┬────────┬───────┐
//	│ kind │ count │ steps │ times │ values │ crc32c│
//	│ 1    │ uvar  │ column│ column│ column │ 4, LE │
//	└──────┴───────┴───────┴───────┴────────┴───────┘
//
// Steps are int64, times microseconds, values the bits of a float64 made so
// that their order is that of the numbers. A column is count 64-bit integers.
// It is differenced as often as makes it smallest (a steady step: twice; a
// smooth curve: up to maxOrder times), all in wrapping integer arithmetic, so
// that every bit comes back on any machine; or, if that is smaller, each value
// is predicted from the ones before it (see predict.go). What is left is small
// and mostly noise; it loses the low zero bits that all share (the 29 of a
// float32), is zigzagged, and written as planes of bytes, the lowest first:
//
//	┌───────┬───────┬────────┬────────────┬──────────────┬─────────┐
//	│ order │ shift │ planes │ seeds      │ coefficients │ plane … │
//	│ 1     │ 1     │ 1      │ 8 each, LE │ 8 each, LE   │         │
//	└───────┴───────┴────────┴────────────┴──────────────┴─────────┘
//	plane: ┌───┬──────┐   one byte over and over
//	       │ 0 │ byte │
//	       ├───┼──────┴────────┐
//	       │ 1 │ count bytes   │   as they are (noise)
//	       ├───┼──────┬────────┤
//	       │ 2 │ uvar │ bytes  │   coded by their frequency (FSE)
//	       └───┴──────┴────────┘
//
// There are max(order, 1) seeds, the first values of the column; order 0 takes
// the difference from the seed. The planes hold what follows the seeds. An order
// of predicted means taps seeds and as many coefficients, which others lack.
const (
	chunkKind = 1
	chunkSize = 4096 // points in a full chunk
	maxOrder  = 8
	predicted = 0x80
	minCoded  = 32 // bytes of a plane; coding fewer takes time and gains nothing

	planeConstant = 0
	planeRaw      = 1
	planeCoded    = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

var errChunk = errors.New("damaged chunk")

// columns are points, column by column.
type columns struct {
	steps []int64
	times []int64 // µs
	bits  []uint64
}

func (c *columns) len() int { return len(c.steps) }

func (c *columns) add(step, time int64, bits uint64) {
	c.steps = append(c.steps, step)
	c.times = append(c.times, time)
	c.bits = append(c.bits, bits)
}

func (c *columns) slice(from, to int) columns {
	return columns{c.steps[from:to], c.times[from:to], c.bits[from:to]}
}

func (c *columns) reset() {
	c.steps, c.times, c.bits = c.steps[:0], c.times[:0], c.bits[:0]
}

// codec has the scratch space for coding chunks. It is not safe for concurrent use.
type codec struct {
	fse    fse.Scratch
	words  []int64
	diffs  []int64
	plane  []byte
	values []float64
}

// appendChunk appends the chunk of 1 to chunkSize points to dst.
func (k *codec) appendChunk(dst []byte, c columns) []byte {
	start := len(dst)
	dst = append(dst, chunkKind)
	dst = binary.AppendUvarint(dst, uint64(c.len()))
	dst = k.appendDifferences(dst, c.steps)
	dst = k.appendDifferences(dst, c.times)
	words := k.words[:0]
	for _, b := range c.bits {
		words = append(words, ordered(b))
	}
	k.words = words
	dst = k.appendValues(dst, words)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

// readChunk appends the points of a chunk to dst. Any damage is an error, and
// leaves dst as it was.
func (k *codec) readChunk(dst *columns, chunk []byte) error {
	body, n, err := openChunk(chunk)
	if err != nil {
		return err
	}
	was := dst.len()
	steps, body, err := k.readColumn(dst.steps, body, n, n)
	if err != nil {
		return err
	}
	times, body, err := k.readColumn(dst.times, body, n, n)
	if err != nil {
		return err
	}
	words, body, err := k.readColumn(k.words[:0], body, n, n)
	if err != nil {
		return err
	}
	k.words = words
	if len(body) > 0 {
		return fmt.Errorf("%w: %d bytes after its end", errChunk, len(body))
	}
	dst.steps, dst.times, dst.bits = steps, times, dst.bits[:was]
	for _, x := range words {
		dst.bits = append(dst.bits, unordered(x))
	}
	return nil
}

// valueAt returns the value that a chunk last has at a step. It reads no more of
// the chunk than it must.
func (k *codec) valueAt(chunk []byte, step int64) (v float64, found bool, err error) {
	body, n, err := openChunk(chunk)
	if err != nil {
		return 0, false, err
	}
	words, body, err := k.readColumn(k.words[:0], body, n, n)
	if err != nil {
		return 0, false, err
	}
	k.words = words
	i := n - 1
	for i >= 0 && words[i] != step {
		i--
	}
	if i < 0 {
		return 0, false, nil
	}
	if _, body, err = k.readColumn(nil, body, n, 0); err != nil { // times
		return 0, false, err
	}
	if words, _, err = k.readColumn(words[:0], body, n, i+1); err != nil {
		return 0, false, err
	}
	return math.Float64frombits(unordered(words[i])), true, nil
}

// openChunk checks a chunk's checksum, and returns its columns and how many
// points they hold.
func openChunk(chunk []byte) (body []byte, n int, err error) {
	if len(chunk) < 6 {
		return nil, 0, fmt.Errorf("%w: %d bytes", errChunk, len(chunk))
	}
	body, sum := chunk[:len(chunk)-4], binary.LittleEndian.Uint32(chunk[len(chunk)-4:])
	if checksum(body) != sum {
		return nil, 0, fmt.Errorf("%w: wrong checksum", errChunk)
	}
	if body[0] != chunkKind {
		return nil, 0, fmt.Errorf("%w: unknown kind %d", errChunk, body[0])
	}
	count, used := binary.Uvarint(body[1:])
	if used <= 0 || count == 0 || count > chunkSize {
		return nil, 0, fmt.Errorf("%w: count %d", errChunk, count)
	}
	return body[1+used:], int(count), nil
}

// ordered maps the bits of a float64 to an integer of the same order. It is one
// to one, and keeps differences of neighbours divisible by what divided them.
func ordered(b uint64) int64 {
	x := int64(b)
	return x ^ int64(uint64(x>>63)>>1)
}

func unordered(x int64) uint64 { return uint64(x ^ int64(uint64(x>>63)>>1)) }

func zigzag(x int64) uint64 { return uint64(x<<1) ^ uint64(x>>63) }

func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// appendDifferences appends a column of at least one integer.
func (k *codec) appendDifferences(dst []byte, xs []int64) []byte {
	order, _ := k.bestOrder(xs)
	return k.appendOrder(dst, xs, order)
}

// appendValues appends a column of at least one value, made ordered.
func (k *codec) appendValues(dst []byte, xs []int64) []byte {
	order, cost := k.bestOrder(xs)
	if p, found := k.fit(xs); found {
		k.diffs = p.residuals(k.diffs[:0], xs, k.values)
		if 64*2*taps+size(k.diffs) < cost {
			dst = append(dst, predicted, byte(p.shift))
			return k.appendRest(dst, xs[:taps], p.coefficients[:], k.diffs, p.shift)
		}
	}
	return k.appendOrder(dst, xs, order)
}

func (k *codec) appendOrder(dst []byte, xs []int64, order int) []byte {
	diffs := append(k.diffs[:0], xs...)
	k.diffs = diffs
	rest := difference(diffs, order)
	shift := sharedZeros(rest)
	return k.appendRest(append(dst, byte(order), byte(shift)), xs[:max(order, 1)], nil, rest, shift)
}

// appendRest appends what follows shift. It uses rest up.
func (k *codec) appendRest(dst []byte, seeds []int64, coefficients []float64, rest []int64, shift int) []byte {
	var all uint64
	for i, d := range rest {
		u := zigzag(d >> shift)
		rest[i] = int64(u)
		all |= u
	}
	planes := (bits.Len64(all) + 7) / 8
	dst = append(dst, byte(planes))
	for _, x := range seeds {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(x))
	}
	for _, c := range coefficients {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(c))
	}
	for p := range planes {
		plane := k.plane[:0]
		for _, d := range rest {
			plane = append(plane, byte(uint64(d)>>(8*p)))
		}
		k.plane = plane
		dst = k.appendPlane(dst, plane)
	}
	return dst
}

// sharedZeros returns how many low bits of all xs are zero, 0 if all bits are.
func sharedZeros(xs []int64) int {
	var all uint64
	for _, x := range xs {
		all |= uint64(x)
	}
	return bits.TrailingZeros64(all) % 64
}

// size returns how many bits xs need, without what coding by frequency saves.
func size(xs []int64) int {
	n := 0
	for _, x := range xs {
		n += bits.Len64(zigzag(x))
	}
	return n
}

// bestOrder returns how often to difference xs, and the bits that this leaves.
func (k *codec) bestOrder(xs []int64) (order, least int) {
	least = math.MaxInt
	diffs := append(k.diffs[:0], xs...)
	k.diffs = diffs
	for o := range min(maxOrder, len(xs)-1) + 1 {
		cost := 64 * max(o, 1)
		if o == 0 {
			for _, x := range xs[1:] {
				cost += bits.Len64(zigzag(x - xs[0]))
			}
		} else {
			for i := len(diffs) - 1; i >= o; i-- {
				diffs[i] -= diffs[i-1]
			}
			cost += size(diffs[o:])
		}
		if cost < least {
			order, least = o, cost
		}
	}
	return order, least
}

// difference replaces xs by its differences of the order, and returns them
// without the seeds.
func difference(xs []int64, order int) []int64 {
	if order == 0 {
		for i := 1; i < len(xs); i++ {
			xs[i] -= xs[0]
		}
		return xs[1:]
	}
	for o := 1; o <= order; o++ {
		for i := len(xs) - 1; i >= o; i-- {
			xs[i] -= xs[i-1]
		}
	}
	return xs[order:]
}

// integrate undoes difference: seeds are the first values, xs the differences
// that follow them and, afterwards, the values.
func integrate(seeds, xs []int64, order int) {
	switch order { // the usual ones have loops of their own, several times as fast
	case 0:
		for i := range xs {
			xs[i] += seeds[0]
		}
		return
	case 1:
		x := seeds[0]
		for i, d := range xs {
			x += d
			xs[i] = x
		}
		return
	case 2:
		x, slope := seeds[1], seeds[1]-seeds[0]
		for i, d := range xs {
			slope += d
			x += slope
			xs[i] = x
		}
		return
	}
	var last [maxOrder]int64 // last[o] is the latest difference of order o
	for _, x := range seeds {
		for o := range order {
			x, last[o] = x-last[o], x
		}
	}
	for i, d := range xs {
		for o := order - 1; o >= 0; o-- {
			last[o] += d
			d = last[o]
		}
		xs[i] = d
	}
}

func (k *codec) appendPlane(dst, plane []byte) []byte {
	if constant(plane) {
		return append(dst, planeConstant, plane[0])
	}
	if len(plane) >= minCoded {
		coded, err := fse.Compress(plane, &k.fse)
		if err == nil && len(coded)+2 < len(plane) {
			dst = binary.AppendUvarint(append(dst, planeCoded), uint64(len(coded)))
			return append(dst, coded...)
		}
	}
	return append(append(dst, planeRaw), plane...)
}

func constant(plane []byte) bool {
	for _, b := range plane {
		if b != plane[0] {
			return false
		}
	}
	return true
}

// readColumn appends the first of the n integers of the column that data starts
// with to dst, as many as are wanted, and returns what follows the column.
func (k *codec) readColumn(dst []int64, data []byte, n, want int) ([]int64, []byte, error) {
	if len(data) < 3 {
		return nil, nil, errChunk
	}
	order, shift, planes := int(data[0]), int(data[1]), int(data[2])
	seeds, coefficients := max(order, 1), 0
	if order == predicted {
		seeds, coefficients = taps, taps
	} else if order > maxOrder {
		return nil, nil, errChunk
	}
	data = data[3:]
	if shift > 63 || planes > 8 || seeds > n || len(data) < 8*(seeds+coefficients) {
		return nil, nil, errChunk
	}
	start := len(dst)
	for range seeds {
		dst = append(dst, int64(binary.LittleEndian.Uint64(data)))
		data = data[8:]
	}
	p := predictor{first: dst[start], shift: shift}
	for i := range coefficients {
		p.coefficients[i] = math.Float64frombits(binary.LittleEndian.Uint64(data))
		data = data[8:]
	}
	dst = append(dst, make([]int64, max(0, want-seeds))...)
	rest := dst[start+seeds:]
	var same uint64 // of the planes that are one byte over and over
	for i := range planes {
		plane, after, err := k.readPlane(data, n-seeds, len(rest) > 0)
		if err != nil {
			return nil, nil, err
		}
		data = after
		if len(rest) == 0 {
			continue
		}
		if len(plane) == 1 {
			same |= uint64(plane[0]) << (8 * i)
			continue
		}
		for j, b := range plane[:len(rest)] {
			rest[j] |= int64(uint64(b) << (8 * i))
		}
	}
	for i, u := range rest {
		rest[i] = unzigzag(uint64(u)|same) << shift
	}
	if order == predicted {
		p.restore(dst[start:])
	} else {
		integrate(dst[start:start+seeds], rest, order)
	}
	return dst[:min(len(dst), start+want)], data, nil
}

// readPlane returns the n bytes of the plane that data starts with, or one byte
// for all of them, valid until the next call, if they are wanted, and what
// follows it.
func (k *codec) readPlane(data []byte, n int, wanted bool) (plane, after []byte, err error) {
	if len(data) < 2 {
		return nil, nil, errChunk
	}
	kind, data := data[0], data[1:]
	switch kind {
	case planeConstant:
		return data[:1], data[1:], nil
	case planeRaw:
		if len(data) < n {
			return nil, nil, errChunk
		}
		return data[:n], data[n:], nil
	case planeCoded:
		size, used := binary.Uvarint(data)
		if used <= 0 || size > uint64(len(data)-used) {
			return nil, nil, errChunk
		}
		data = data[used:]
		if !wanted {
			return nil, data[size:], nil
		}
		k.fse.DecompressLimit = chunkSize
		plane, err := fse.Decompress(data[:size], &k.fse)
		if err != nil || len(plane) != n {
			return nil, nil, errChunk
		}
		return plane, data[size:], nil
	}
	return nil, nil, fmt.Errorf("%w: unknown kind of plane %d", errChunk, kind)
}

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
// that every bit comes back on any machine. What is left is small and mostly
// noise; it loses the low zero bits that all share (the 29 of a float32), is
// zigzagged, and written as planes of bytes, the lowest first:
//
//	┌───────┬───────┬────────┬──────────────────┬─────────┐
//	│ order │ shift │ planes │ seeds            │ plane … │
//	│ 1     │ 1     │ 1      │ 8 each, LE       │         │
//	└───────┴───────┴────────┴──────────────────┴─────────┘
//	plane: ┌───┬──────┐   one byte over and over
//	       │ 0 │ byte │
//	       ├───┼──────┴────────┐
//	       │ 1 │ count bytes   │   as they are (noise)
//	       ├───┼──────┬────────┤
//	       │ 2 │ uvar │ bytes  │   coded by their frequency (FSE)
//	       └───┴──────┴────────┘
//
// There are max(order, 1) seeds, the first values of the column; order 0 takes
// the difference from the seed. The planes hold what follows the seeds.
const (
	chunkKind = 1
	chunkSize = 4096 // points in a full chunk
	maxOrder  = 8

	planeConstant = 0
	planeRaw      = 1
	planeCoded    = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

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
	fse   fse.Scratch
	words []int64
	diffs []int64
	plane []byte
}

// appendChunk appends the chunk of 1 to chunkSize points to dst.
func (k *codec) appendChunk(dst []byte, c columns) []byte {
	start := len(dst)
	dst = append(dst, chunkKind)
	dst = binary.AppendUvarint(dst, uint64(c.len()))
	dst = k.appendColumn(dst, c.steps)
	dst = k.appendColumn(dst, c.times)
	words := k.words[:0]
	for _, b := range c.bits {
		words = append(words, ordered(b))
	}
	k.words = words
	dst = k.appendColumn(dst, words)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// readChunk appends the points of a chunk to dst. Any damage is an error, and
// leaves dst as it was.
func (k *codec) readChunk(dst *columns, chunk []byte) error {
	body, n, err := openChunk(chunk)
	if err != nil {
		return err
	}
	was := dst.len()
	steps, body, err := k.readColumn(dst.steps, body, n)
	if err != nil {
		return err
	}
	times, body, err := k.readColumn(dst.times, body, n)
	if err != nil {
		return err
	}
	words, body, err := k.readColumn(k.words[:0], body, n)
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

// openChunk checks a chunk's checksum, and returns its columns and how many
// points they hold.
func openChunk(chunk []byte) (body []byte, n int, err error) {
	if len(chunk) < 6 {
		return nil, 0, fmt.Errorf("%w: %d bytes", errChunk, len(chunk))
	}
	body, sum := chunk[:len(chunk)-4], binary.LittleEndian.Uint32(chunk[len(chunk)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
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

// appendColumn appends a column of at least one integer.
func (k *codec) appendColumn(dst []byte, xs []int64) []byte {
	order := k.bestOrder(xs)
	seeds := max(order, 1)
	rest := difference(append(k.diffs[:0], xs...), order)
	k.diffs = rest[:0]
	var all uint64
	for _, d := range rest {
		all |= uint64(d)
	}
	shift := 0
	if all != 0 {
		shift = bits.TrailingZeros64(all)
	}
	all = 0
	for i, d := range rest {
		u := zigzag(d >> shift)
		rest[i] = int64(u)
		all |= u
	}
	planes := (bits.Len64(all) + 7) / 8
	dst = append(dst, byte(order), byte(shift), byte(planes))
	for _, x := range xs[:seeds] {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(x))
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

// bestOrder returns how often to difference xs: what leaves the fewest bits.
func (k *codec) bestOrder(xs []int64) int {
	best, order := math.MaxInt, 0
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
			for _, d := range diffs[o:] {
				cost += bits.Len64(zigzag(d))
			}
		}
		if cost < best {
			best, order = cost, o
		}
	}
	return order
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
	if order == 0 {
		for i := range xs {
			xs[i] += seeds[0]
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
	coded, err := fse.Compress(plane, &k.fse)
	switch {
	case err == fse.ErrUseRLE || constant(plane):
		return append(dst, planeConstant, plane[0])
	case err != nil || len(coded)+2 >= len(plane):
		return append(append(dst, planeRaw), plane...)
	}
	dst = binary.AppendUvarint(append(dst, planeCoded), uint64(len(coded)))
	return append(dst, coded...)
}

func constant(plane []byte) bool {
	for _, b := range plane {
		if b != plane[0] {
			return false
		}
	}
	return true
}

// readColumn appends the n integers of the column that data starts with to dst,
// and returns what follows the column.
func (k *codec) readColumn(dst []int64, data []byte, n int) ([]int64, []byte, error) {
	if len(data) < 3 {
		return nil, nil, errChunk
	}
	order, shift, planes := int(data[0]), data[1], int(data[2])
	seeds := max(order, 1)
	data = data[3:]
	if order > maxOrder || shift > 63 || planes > 8 || seeds > n || len(data) < 8*seeds {
		return nil, nil, errChunk
	}
	start := len(dst)
	for i := range seeds {
		dst = append(dst, int64(binary.LittleEndian.Uint64(data[8*i:])))
	}
	data = data[8*seeds:]
	for range n - seeds {
		dst = append(dst, 0)
	}
	rest := dst[start+seeds:]
	for p := range planes {
		plane, after, err := k.readPlane(data, len(rest))
		if err != nil {
			return nil, nil, err
		}
		for i, b := range plane {
			rest[i] |= int64(uint64(b) << (8 * p))
		}
		data = after
	}
	for i, u := range rest {
		rest[i] = unzigzag(uint64(u)) << shift
	}
	integrate(dst[start:start+seeds], rest, order)
	return dst, data, nil
}

// readPlane returns the n bytes of the plane that data starts with, valid until
// the next call, and what follows it.
func (k *codec) readPlane(data []byte, n int) (plane, after []byte, err error) {
	if len(data) < 2 {
		return nil, nil, errChunk
	}
	kind, data := data[0], data[1:]
	switch kind {
	case planeConstant:
		plane = k.plane[:0]
		for range n {
			plane = append(plane, data[0])
		}
		k.plane = plane
		return plane, data[1:], nil
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
		k.fse.DecompressLimit = chunkSize
		plane, err := fse.Decompress(data[:size], &k.fse)
		if err != nil || len(plane) != n {
			return nil, nil, errChunk
		}
		return plane, data[size:], nil
	}
	return nil, nil, fmt.Errorf("%w: unknown kind of plane %d", errChunk, kind)
}

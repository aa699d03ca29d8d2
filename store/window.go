package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// Bucket sums up points of a series that follow one another in order of
// logging. First, Last, Min, Max and Mean are those of the finite values, and
// NaN if there are none.
type Bucket struct {
	FirstStep, LastStep           int64 // of the first and the last point
	FirstTime, LastTime           time.Time
	First, Last, Min, Max, Mean   float64
	Count, NaNs, PosInfs, NegInfs int64 // Count is of all points
}

// Window returns the points of a series with steps from through to, cut into at
// most so many buckets, and not less than an eighth of that if there are as many
// points, of about the same number of points. Every point in the window is in
// exactly one bucket. Where there are few points a bucket is one point; where
// there are many it is made of blocks that were summed up when they were written,
// so that the time it takes hardly depends on the number of points. math.MinInt64
// and math.MaxInt64 mean the whole series.
func (s *Store) Window(ctx context.Context, id RunID, name string, from, to int64, buckets int) ([]Bucket, error) {
	if buckets < 1 {
		return nil, fmt.Errorf("run %s: metric %s: a window needs at least one bucket", id, name)
	}
	series, _, err := s.seriesRow(ctx, id, name)
	if err != nil {
		return nil, err
	}
	// The pyramid and the chunks must be of one moment.
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return nil, hint(err)
	}
	defer tx.Rollback()
	w := walk{ctx: ctx, tx: tx, series: series, from: from, to: to}
	all, err := w.window(buckets)
	if err != nil {
		return nil, fmt.Errorf("run %s: metric %s: %w", id, name, hint(err))
	}
	return all, nil
}

// walk goes through the pyramid of a series from its top, to what lies between
// two steps.
type walk struct {
	ctx      context.Context
	tx       *sql.Tx
	series   int64
	from, to int64

	rows  *sql.Stmt
	codec codec
	start int64 // ordinal of the first point in chunk
	chunk columns
}

const (
	never      = -1 // a level below the pyramid
	everything = math.MaxInt
)

func (w *walk) window(buckets int) ([]Bucket, error) {
	var count int64
	if err := w.tx.QueryRowContext(w.ctx, `select count from series where id = ?`, w.series).Scan(&count); err != nil {
		return nil, err
	}
	var err error
	w.rows, err = w.tx.PrepareContext(w.ctx, `select data from pyramid where series = ? and level = ? and idx = ?`)
	if err != nil {
		return nil, err
	}
	defer w.rows.Close()

	// First count the points: only the edges of the window are looked at closely.
	var total int64
	err = w.visit(count, everything, func(a aggregate) { total += a.count }, func(c columns) { total += int64(c.len()) })
	if err != nil || total == 0 {
		return nil, err
	}
	// Whole blocks if they make an eighth of the buckets: unpacking more points
	// than that takes longer than a page should wait.
	level := never
	if total >= blockSize*int64(buckets)/8 {
		level = 0
		for size := int64(blockSize * fanout); total/int64(buckets) >= size; size *= fanout {
			level++
		}
	}
	cut := cutter{total: total, buckets: int64(buckets)}
	if err := w.visit(count, level, cut.add, cut.points); err != nil {
		return nil, err
	}
	cut.close()
	return cut.done, nil
}

// visit calls whole for the largest aggregates up to level that lie in the
// window, and points for the rest of it, in order.
func (w *walk) visit(count int64, level int, whole func(aggregate), points func(columns)) error {
	full := count / chunkSize * chunkSize
	top, size := 0, int64(blockSize)
	for full/size > fanout {
		size *= fanout
		top++
	}
	// Complete groups hang from the top; those that are not start a row of each
	// level below.
	row := int64(0)
	for l := top; l >= 0; l-- {
		if err := w.visitRow(l, row, level, whole, points); err != nil {
			return err
		}
		row = full / size
		size /= fanout
	}
	return w.visitTail(full, points)
}

func (w *walk) visitRow(l int, row int64, level int, whole func(aggregate), points func(columns)) error {
	var data []byte
	err := w.rows.QueryRowContext(w.ctx, w.series, l, row).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	for i := int64(0); len(data) >= aggregateSize; i, data = i+1, data[aggregateSize:] {
		a := readAggregate(data)
		if a.highStep < w.from || a.lowStep > w.to {
			continue
		}
		inside := a.lowStep >= w.from && a.highStep <= w.to
		switch {
		case inside && l <= level:
			whole(a)
		case l > 0:
			err = w.visitRow(l-1, row*fanout+i, level, whole, points)
		default:
			err = w.visitBlock((row*fanout+i)*blockSize, points)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// visitBlock visits the points of the block that starts at an ordinal.
func (w *walk) visitBlock(start int64, points func(columns)) error {
	if w.chunk.len() == 0 || start < w.start || start >= w.start+chunkSize {
		w.start = start / chunkSize * chunkSize
		var data []byte
		err := w.tx.QueryRowContext(w.ctx, `select data from chunk where series = ? and start = ?`, w.series, w.start).Scan(&data)
		if err != nil {
			return err
		}
		w.chunk.reset()
		if err := w.codec.readChunk(&w.chunk, data); err != nil {
			return err
		}
		if w.chunk.len() != chunkSize {
			return fmt.Errorf("%w: %d points in a full one", errChunk, w.chunk.len())
		}
	}
	at := int(start - w.start)
	w.filter(w.chunk.slice(at, at+blockSize), points)
	return nil
}

func (w *walk) visitTail(full int64, points func(columns)) error {
	tail, err := readTail(w.tx, &w.codec, w.series, full)
	if err != nil {
		return err
	}
	w.filter(tail, points)
	return nil
}

// filter visits the stretches of c that lie in the window.
func (w *walk) filter(c columns, points func(columns)) {
	start := 0
	for i, step := range c.steps {
		if step < w.from || step > w.to {
			if i > start {
				points(c.slice(start, i))
			}
			start = i + 1
		}
	}
	if start < c.len() {
		points(c.slice(start, c.len()))
	}
}

// cutter cuts points into buckets by their place among total.
type cutter struct {
	total, buckets int64
	seen           int64 // points so far
	open           aggregate
	bucket         int64 // that open is
	done           []Bucket
}

func (c *cutter) add(a aggregate) {
	c.open.merge(a)
	c.seen += a.count
	if next := c.index(); next != c.bucket {
		c.close()
		c.bucket = next
	}
}

// index returns the bucket of the next point: ⌊seen·buckets/total⌋.
func (c *cutter) index() int64 { return muldiv(c.seen, c.buckets, c.total, 0) }

func (c *cutter) points(p columns) {
	for p.len() > 0 {
		end := muldiv(c.bucket+1, c.total, c.buckets, c.buckets-1) // where the next bucket begins
		n := int(min(end-c.seen, int64(p.len())))
		c.add(aggregateOf(p.slice(0, n)))
		p = p.slice(n, p.len())
	}
}

// muldiv returns ⌊(a·b + c)/d⌋, which fits, of numbers that are not negative.
func muldiv(a, b, d, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	lo, carry := bits.Add64(lo, uint64(c), 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(d))
	return int64(q)
}

func (c *cutter) close() {
	a := c.open
	c.open = aggregate{}
	if a.count == 0 {
		return
	}
	c.done = append(c.done, Bucket{
		FirstStep: a.firstStep, LastStep: a.lastStep,
		FirstTime: time.UnixMicro(a.firstTime).UTC(), LastTime: time.UnixMicro(a.lastTime).UTC(),
		First: a.first, Last: a.last, Min: a.min, Max: a.max, Mean: a.mean,
		Count: a.count, NaNs: a.nans, PosInfs: a.posInfs, NegInfs: a.negInfs,
	})
}

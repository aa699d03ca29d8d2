package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"
)

// seriesRow returns the row and number of points of a series.
func (s *Store) seriesRow(ctx context.Context, id RunID, name string) (series, count int64, err error) {
	row, err := s.row(ctx, id)
	if err != nil {
		return 0, 0, err
	}
	err = s.read.QueryRowContext(ctx, `select s.id, s.count from series s join name n on n.id = s.name
		where n.text = ? and s.run = ?`, name, row).Scan(&series, &count)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return 0, 0, fmt.Errorf("run %s: metric %s: %w", id, name, hint(err))
	}
	return series, count, nil
}

// Series returns all points of a series, in order of logging.
func (s *Store) Series(ctx context.Context, id RunID, name string) ([]Point, error) {
	series, count, err := s.seriesRow(ctx, id, name)
	if err != nil {
		return nil, err
	}
	points := make([]Point, 0, count)
	for c, err := range s.chunks(ctx, series, 0, math.MaxInt64) {
		if err != nil {
			return nil, fmt.Errorf("run %s: metric %s: %w", id, name, err)
		}
		points = appendPoints(points, c)
	}
	return points, nil
}

// Points goes through a series without holding more than a few thousand points,
// in order of logging. It ends after the first error.
func (s *Store) Points(ctx context.Context, id RunID, name string) iter.Seq2[Point, error] {
	return func(yield func(Point, error) bool) {
		series, _, err := s.seriesRow(ctx, id, name)
		if err != nil {
			yield(Point{}, err)
			return
		}
		var points []Point
		for c, err := range s.chunks(ctx, series, 0, math.MaxInt64) {
			if err != nil {
				yield(Point{}, fmt.Errorf("run %s: metric %s: %w", id, name, err))
				return
			}
			points = appendPoints(points[:0], c)
			for _, p := range points {
				if !yield(p, nil) {
					return
				}
			}
		}
	}
}

func appendPoints(dst []Point, c columns) []Point {
	for i, step := range c.steps {
		dst = append(dst, Point{step, time.UnixMicro(c.times[i]).UTC(), math.Float64frombits(c.bits[i])})
	}
	return dst
}

// chunks goes through the chunks of a series that start at ordinals from up to
// before to. What it yields is valid until the next one.
func (s *Store) chunks(ctx context.Context, series, from, to int64) iter.Seq2[columns, error] {
	return func(yield func(columns, error) bool) {
		rows, err := s.read.QueryContext(ctx, `select data from chunk where series = ? and start >= ? and start < ? order by start`,
			series, from, to)
		if err != nil {
			yield(columns{}, hint(err))
			return
		}
		defer rows.Close()
		var k codec
		var c columns
		for rows.Next() {
			c.reset()
			var data sql.RawBytes
			if err := rows.Scan(&data); err != nil {
				yield(columns{}, hint(err))
				return
			}
			if err := k.readChunk(&c, data); err != nil {
				yield(columns{}, err)
				return
			}
			if !yield(c, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(columns{}, hint(err))
		}
	}
}

package store

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestWindow compares windows with sums over all points.
func TestWindow(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	rng := rand.New(rand.NewPCG(3, 4))
	w := start(t, s, NewRun{})
	curves := map[string]func(i int) (int64, float64){
		"rising":   func(i int) (int64, float64) { return int64(i) * 3, loss(i) },
		"backward": func(i int) (int64, float64) { return int64(i % 50_000), rng.NormFloat64() },
		"shuffled": func(i int) (int64, float64) { return rng.Int64N(1000) - 500, float64(rng.IntN(100)) },
		"broken": func(i int) (int64, float64) {
			return int64(i), [...]float64{math.NaN(), 1, math.Inf(1), math.Inf(-1), -2}[rng.IntN(5)]
		},
		"no number": func(i int) (int64, float64) { return int64(i), math.NaN() },
		"huge":      func(i int) (int64, float64) { return int64(i), 1.5e308 * float64(1-2*rng.IntN(2)) },
		"extreme":   func(i int) (int64, float64) { return [...]int64{math.MinInt64, 0, math.MaxInt64}[i%3], float64(i) },
	}
	for name, curve := range curves {
		var points []Point
		for i := range 100_000 + rng.IntN(chunkSize) {
			step, v := curve(i)
			points = append(points, Point{step, time.UnixMicro(int64(i) - 1000).UTC(), v})
		}
		check(t, w.Append(name, points))
		check(t, w.Sync())
		for _, window := range [][2]int64{{math.MinInt64, math.MaxInt64}, {1000, 50_001}, {-3, 3}, {77_777, 77_777}, {10, 9}, {1 << 40, 1 << 41}} {
			for _, buckets := range []int{1, 3, 100, 2000, 1_000_000} {
				got, err := s.Window(ctx, w.ID(), name, window[0], window[1], buckets)
				check(t, err)
				var in []Point
				for _, p := range points {
					if p.Step >= window[0] && p.Step <= window[1] {
						in = append(in, p)
					}
				}
				if err := fits(got, in, buckets); err != nil {
					t.Errorf("%s from %d to %d in %d buckets: %v", name, window[0], window[1], buckets, err)
				}
			}
		}
	}
	if _, err := s.Window(ctx, w.ID(), "rising", 0, 1, 0); err == nil {
		t.Error("no buckets are no error")
	}
	check(t, w.End(Finished, ""))
}

// bitsOf makes NaNs equal, and leaves the mean out.
func bitsOf(b Bucket) (all [12]int64) {
	f := func(v float64) int64 { return int64(math.Float64bits(v)) }
	return [12]int64{b.FirstStep, b.LastStep, b.FirstTime.UnixMicro(), b.LastTime.UnixMicro(),
		f(b.First), f(b.Last), f(b.Min), f(b.Max), b.Count, b.NaNs, b.PosInfs, b.NegInfs}
}

// fits says in what buckets are not those of the points.
func fits(buckets []Bucket, points []Point, most int) error {
	if len(buckets) > most || len(points) > 0 && len(buckets)*8 < min(most, len(points)/100) {
		return fmt.Errorf("%d buckets", len(buckets))
	}
	for i, b := range buckets {
		if b.Count < 1 || b.Count > int64(len(points)) {
			return fmt.Errorf("bucket %d of %d points, %d are left", i, b.Count, len(points))
		}
		mine := points[:b.Count]
		points = points[b.Count:]
		nan := math.NaN()
		want := Bucket{
			FirstStep: mine[0].Step, LastStep: mine[len(mine)-1].Step, FirstTime: mine[0].Time, LastTime: mine[len(mine)-1].Time,
			First: nan, Last: nan, Min: nan, Max: nan, Mean: nan, Count: b.Count,
		}
		sum, scale, finite := 0.0, 0.0, 0.0
		for _, p := range mine {
			v := p.Value
			switch {
			case v != v:
				want.NaNs++
				continue
			case math.IsInf(v, 1):
				want.PosInfs++
				continue
			case math.IsInf(v, -1):
				want.NegInfs++
				continue
			}
			if finite == 0 {
				want.First, want.Min, want.Max = v, v, v
			}
			want.Last, want.Min, want.Max = v, min(want.Min, v), max(want.Max, v)
			sum += v / 1024
			scale = max(scale, math.Abs(v))
			finite++
		}
		if finite > 0 {
			want.Mean = sum / finite * 1024
		}
		if !(math.Abs(b.Mean-want.Mean) <= 1e-12*scale) && finite > 0 {
			return fmt.Errorf("bucket %d: mean %v, want %v", i, b.Mean, want.Mean)
		}
		if bitsOf(b) != bitsOf(want) {
			return fmt.Errorf("bucket %d: got %v, want %v", i, b, want)
		}
	}
	if len(points) > 0 {
		return fmt.Errorf("%d points are in no bucket", len(points))
	}
	return nil
}

package store

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func equal(a, b columns) bool {
	return slices.Equal(a.steps, b.steps) && slices.Equal(a.times, b.times) && slices.Equal(a.bits, b.bits)
}

func TestChunk(t *testing.T) {
	var k codec
	f := func(name string, c columns) {
		t.Helper()
		dst := []byte("before")
		dst = k.appendChunk(dst, c)
		got := columns{steps: []int64{1}, times: []int64{2}, bits: []uint64{3}}
		if err := k.readChunk(&got, dst[len("before"):]); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if !equal(got.slice(1, got.len()), c) {
			t.Errorf("%s: got other points back", name)
		}
	}
	var c columns
	for _, p := range hard() {
		c.add(p.Step, p.Time.UnixMicro(), math.Float64bits(p.Value))
		if c.len() < 20 {
			f("hard", c)
		}
	}
	f("hard", c)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 7, 8, 9, 100, blockSize, chunkSize} {
		var random, constant, smooth columns
		for i := range n {
			random.add(int64(rng.Uint64()), int64(rng.Uint64()), rng.Uint64())
			constant.add(5, 6, math.Float64bits(0.1))
			smooth.add(int64(i), int64(i)*15000, math.Float64bits(float64(i*i*i)))
		}
		f("random", random)
		f("constant", constant)
		f("smooth", smooth)
	}
}

// TestChunkSize holds the sizes of what training logs, in bytes a point.
func TestChunkSize(t *testing.T) {
	var k codec
	rng := rand.New(rand.NewPCG(1, 2))
	f := func(name string, most float64, point func(i int) (step, time int64, value float64)) {
		t.Helper()
		var c columns
		for i := range chunkSize {
			step, time, value := point(i)
			c.add(step, time, math.Float64bits(value))
		}
		size := float64(len(k.appendChunk(nil, c))) / chunkSize
		t.Logf("%-40s %5.2f", name, size)
		if size > most {
			t.Errorf("%s: %.2f bytes a point, at most %.2f are wanted", name, size, most)
		}
	}
	clock := int64(1.8e15)
	tick := func(mean, jitter float64) int64 {
		clock += int64(max(0, mean+jitter*rng.NormFloat64()))
		return clock
	}
	f("float64 loss, 15 ms steps", 6, func(i int) (int64, int64, float64) { return int64(i), tick(15000, 100), loss(i) })
	f("float64 loss, as fast as it goes", 6, func(i int) (int64, int64, float64) { return int64(i), tick(2, 1), loss(i) })
	f("noisy float32 loss, 15 ms steps", 6, func(i int) (int64, int64, float64) {
		return int64(i), tick(15000, 500), float64(float32(loss(i) + 0.1*rng.NormFloat64()))
	})
	f("float64 loss with 0.1 % noise", 7.1, func(i int) (int64, int64, float64) {
		return int64(i), tick(15000, 100), loss(i) * (1 + 1e-3*rng.NormFloat64())
	})
	f("accuracy of batches of 32", 3, func(i int) (int64, int64, float64) {
		return int64(i), tick(15000, 100), float64(20+rng.IntN(13)) / 32
	})
	f("learning rate with cosine decay", 5, func(i int) (int64, int64, float64) {
		return int64(i), tick(15000, 100), 1e-3 * (1 + math.Cos(math.Pi*float64(i)/20000)) / 2
	})
	f("constant every second", 1.5, func(i int) (int64, int64, float64) { return int64(i), int64(i) * 1e6, 0.5 })
	f("random bits", 24.1, func(int) (int64, int64, float64) {
		return int64(rng.Uint64()), int64(rng.Uint64()), math.Float64frombits(rng.Uint64())
	})
	f("random doubles with timestamps", 12, func(i int) (int64, int64, float64) { return int64(i), tick(15000, 1000), rng.ExpFloat64() })
}

func FuzzChunkRoundTrip(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmn"), uint8(3), false)
	f.Add(make([]byte, 240), uint8(0), true)
	f.Fuzz(func(t *testing.T, data []byte, shift uint8, smooth bool) {
		var c columns
		for ; len(data) >= 24 && c.len() < chunkSize; data = data[8:] {
			word := func(i int) uint64 { return binary.LittleEndian.Uint64(data[8*i:]) << (shift % 64) }
			if smooth {
				c.add(int64(c.len()), int64(word(0)>>40), word(2))
			} else {
				c.add(int64(word(0)), int64(word(1)), word(2))
			}
		}
		if c.len() == 0 {
			return
		}
		var k codec
		var got columns
		if err := k.readChunk(&got, k.appendChunk(nil, c)); err != nil {
			t.Fatal(err)
		}
		if !equal(got, c) {
			t.Fatalf("got %v, want %v", got, c)
		}
	})
}

// FuzzChunkGarbage reads what no encoder wrote, with a checksum that fits, so
// that it gets past that.
func FuzzChunkGarbage(f *testing.F) {
	var k codec
	var c columns
	for i := range 300 {
		c.add(int64(i), int64(i)*15000+int64(i%7), math.Float64bits(loss(i)))
	}
	chunk := k.appendChunk(nil, c)
	f.Add(chunk[:len(chunk)-4])
	f.Add([]byte{chunkKind, 2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		var k codec
		got := columns{steps: []int64{1}, times: []int64{2}, bits: []uint64{3}}
		err := k.readChunk(&got, binary.LittleEndian.AppendUint32(body, checksum(body)))
		if got.steps[0] != 1 || got.bits[0] != 3 || len(got.steps) != len(got.bits) || len(got.steps) > chunkSize+1 {
			t.Fatalf("%d steps and %d values, %v", len(got.steps), len(got.bits), err)
		}
		if err != nil && got.len() != 1 {
			t.Fatal("an error left points behind")
		}
	})
}

// FuzzSegment reads damaged journals: what comes before the damage is kept.
func FuzzSegment(f *testing.F) {
	j := journal{names: map[string]uint64{}, dir: f.TempDir(), run: "aaaaaaaaaa"}
	for i := range 5 {
		j.begin(recordStep)
		j.varint(int64(i))
		j.varint(1)
		j.uvarint(1)
		j.name("loss")
		j.value(loss(i))
		j.commit(1)
	}
	size := j.size
	segment := make([]byte, size)
	if _, err := j.file.ReadAt(segment, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(uint16(3), uint8(1), uint16(60))
	f.Add(uint16(100), uint8(255), uint16(200))
	f.Fuzz(func(t *testing.T, at uint16, flip uint8, cut uint16) {
		data := slices.Clone(segment)
		data[int(at)%len(data)] ^= flip
		data = data[:min(int(cut), len(data))]
		var b batch
		used := b.read(data)
		if b.points > 5 || used > len(data) || b.points == 5 && used != int(size) {
			t.Fatalf("%d points from %d bytes of %d", b.points, used, len(data))
		}
		for i := range int(b.points) {
			if b.series[0].steps[i] != int64(i) || b.series[0].bits[i] != math.Float64bits(loss(i)) {
				t.Fatalf("point %d is other", i)
			}
		}
	})
}

func BenchmarkChunk(b *testing.B) {
	var k codec
	var c columns
	for i := range chunkSize {
		c.add(int64(i), int64(i)*15000+int64(i*i%701), math.Float64bits(loss(i)))
	}
	var chunk []byte
	b.Run("append", func(b *testing.B) {
		for b.Loop() {
			chunk = k.appendChunk(chunk[:0], c)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*chunkSize), "ns/point")
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			c.reset()
			if err := k.readChunk(&c, chunk); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*chunkSize), "ns/point")
	})
}

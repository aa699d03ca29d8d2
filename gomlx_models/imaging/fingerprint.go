package imaging

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// fingerprint is what the audits keep of a film.
type fingerprint struct {
	digest    [16]byte   // of the pixels
	hash      uint64     // alike for pictures that look alike
	mirrored  uint64     // hash of the picture with left and right exchanged
	thumbnail [256]uint8 // 16×16 greys
	greys     [greyBins]float64
	coarse    [16]float64 // 4×4 greys
}

const greyBins = 16

// fingerprints decodes films, in parallel, and returns their fingerprints in order.
func fingerprints(ctx context.Context, films []Film) ([]fingerprint, error) {
	all, errs := make([]fingerprint, len(films)), make([]error, len(films))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(films) || ctx.Err() != nil {
					return
				}
				var p Pixels
				if p, errs[i] = films[i].Pixels(); errs[i] == nil {
					all[i] = p.fingerprint()
				}
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return all, cmp.Or(errs...) // the first: a sentence
}

func (p Pixels) fingerprint() fingerprint {
	grey := p.withChannels(1)
	var f fingerprint
	sum := sha256.Sum256(fmt.Appendf(slices.Clone(p.Values), " %d %d", p.Height, p.Width))
	copy(f.digest[:], sum[:])
	copy(f.thumbnail[:], grey.Resize(16, 16).Values)
	// Each bit says whether the picture grows brighter to the right there: Krawetz's
	// difference hash, which exposure, contrast and compression leave as it is.
	small := grey.Resize(8, 9)
	for y := range 8 {
		row := small.Values[y*9:][:9]
		for x := range 8 {
			f.hash, f.mirrored = f.hash<<1, f.mirrored<<1
			if row[x] < row[x+1] {
				f.hash |= 1
			}
			if row[8-x] < row[7-x] {
				f.mirrored |= 1
			}
		}
	}
	for _, v := range grey.Values {
		f.greys[int(v)*greyBins/256] += 1 / float64(len(grey.Values))
	}
	for i, v := range grey.Resize(4, 4).Values {
		f.coarse[i] = float64(v) / 255
	}
	return f
}

// alike returns the correlation of two thumbnails, the second as it is or
// with left and right exchanged.
func (a *fingerprint) alike(b *fingerprint, mirrored bool) float64 {
	turn := 0
	if mirrored {
		turn = 15 // i^15 is the place across in its row of 16
	}
	var sa, sb, saa, sbb, sab float64
	for i := range a.thumbnail {
		x, y := float64(a.thumbnail[i]), float64(b.thumbnail[i^turn])
		sa, sb, saa, sbb, sab = sa+x, sb+y, saa+x*x, sbb+y*y, sab+x*y
	}
	n := float64(len(a.thumbnail))
	return (sab - sa*sb/n) / math.Sqrt((saa-sa*sa/n)*(sbb-sb*sb/n))
}

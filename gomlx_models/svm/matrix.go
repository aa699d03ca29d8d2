package svm

import (
	"runtime"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// rows are the rows of one matrix with their squared lengths.
type rows struct {
	kernel Kernel
	x      *mat.Dense
	square []float64
}

func newRows(x *mat.Dense, kernel Kernel) rows {
	n, _ := x.Dims()
	r := rows{kernel: kernel, x: x, square: make([]float64, n)}
	for i := range r.square {
		row := x.RawRowView(i)
		r.square[i] = floats.Dot(row, row)
	}
	return r
}

// self returns the kernel of row i with itself.
func (r rows) self(i int) float64 {
	var dst [1]float64
	r.against(dst[:], r.x.RawRowView(i), r.square[i], i)
	return dst[0]
}

// against fills dst with the kernel of x and rows from, from+1, …
func (r rows) against(dst, x []float64, xx float64, from int) {
	block := r.x.RawMatrix()
	block.Data = block.Data[from*block.Stride:]
	block.Rows = len(dst)
	r.kernel.against(dst, x, xx, block, r.square[from:])
}

// matrix is the kernel matrix of the rows, computed a row at a time and cached
// in 32 bits, as libsvm does. Rows can trade places, so that the active ones
// come first and a cached row is as short as the solver needs it.
//
// The cache is made once, in slots of one width that halve as fewer rows are
// active: lines made and forgotten one by one would double the memory before it
// is collected.
//
//	width            ──── line ────│ ── line ──     │ free           │
//	narrowed, width/2 ─line─│ free  │ ─line─│ free   │ free  │ free   │
type matrix struct {
	rows
	cache  []float32
	work   []float64 // of a row that is filled, before it is cached
	width  int       // of a slot
	narrow int       // how often the width was halved
	free   []int
	cached []*line
	recent line // head of the ring of cached lines, most recently used first
}

// line is a cached start of a kernel row.
type line struct {
	values     []float32 // in its slot
	slot       int
	next, prev *line
	at         int
}

// halvings is how often the width of a slot can be halved.
const halvings = 6

// newMatrix returns the kernel matrix of the rows of x, which it reorders. spare is
// the cache of a matrix that is done with, or nil.
func newMatrix(x *mat.Dense, kernel Kernel, cacheMiB int, spare []float32) *matrix {
	n, _ := x.Dims()
	m := &matrix{rows: newRows(x, kernel), cached: make([]*line, n), work: make([]float64, n)}
	m.width = (n + 1<<halvings - 1) >> halvings << halvings
	slots := min(n, max(2, cacheMiB<<20/4/m.width)) // the two rows of a step must fit
	if m.cache = spare; cap(spare) < slots*m.width {
		m.cache = make([]float32, slots*m.width)
	}
	m.cache = m.cache[:slots*m.width]
	for slot := range slots {
		m.free = append(m.free, slot)
	}
	m.recent.next, m.recent.prev = &m.recent, &m.recent
	return m
}

func (l *line) unlink() { l.prev.next, l.next.prev = l.next, l.prev }

func (m *matrix) touch(l *line) {
	l.prev, l.next = &m.recent, m.recent.next
	l.prev.next, l.next.prev = l, l
}

// row returns the kernel of row i with the first n rows, at most as many as fit
// a slot. It is valid until rows trade places, two other rows were asked for, or
// the width changes.
func (m *matrix) row(i, n int) []float32 {
	l := m.cached[i]
	if l == nil {
		l = m.vacant()
		l.at, m.cached[i] = i, l
	} else {
		l.unlink()
	}
	m.touch(l)
	if have := len(l.values); have < n {
		l.values = l.values[:n]
		m.fill(l.values[have:], i, have)
	}
	return l.values[:n]
}

// vacant returns an empty line: in a free slot, or the one least recently used.
func (m *matrix) vacant() *line {
	if last := len(m.free) - 1; last >= 0 {
		l := &line{slot: m.free[last]}
		m.free = m.free[:last]
		l.values = m.slot(l.slot)[:0]
		return l
	}
	l := m.recent.prev
	l.unlink()
	m.cached[l.at] = nil
	l.values = l.values[:0]
	return l
}

func (m *matrix) slot(k int) []float32 { return m.cache[k*m.width : (k+1)*m.width : (k+1)*m.width] }

// fit makes slots as narrow as n values allow, or as wide as they need. Lines keep
// what still fits; where narrow slots become one, the first of them stays.
func (m *matrix) fit(n int) {
	for m.narrow < halvings && n <= m.width/2 {
		m.narrow++
		m.width /= 2
		for k, slot := range m.free {
			m.free[k] = 2 * slot
			m.free = append(m.free, 2*slot+1)
		}
		for l := m.recent.next; l != &m.recent; l = l.next {
			l.slot *= 2
			m.free = append(m.free, l.slot+1)
			l.values = m.slot(l.slot)[:min(len(l.values), m.width)]
		}
	}
	for n > m.width {
		m.narrow--
		m.width *= 2
		free := m.free[:0]
		for _, slot := range m.free {
			if slot%2 == 0 {
				free = append(free, slot/2)
			}
		}
		m.free = free
		for l := m.recent.next; l != &m.recent; l = l.next {
			if l.slot%2 == 1 {
				l.unlink()
				m.cached[l.at] = nil
				continue
			}
			l.slot /= 2
			l.values = m.slot(l.slot)[:len(l.values)]
		}
	}
}

// fill computes the kernel of row i with rows from, from+1, … on all cores.
func (m *matrix) fill(dst []float32, i, from int) {
	x, xx := m.x.RawRowView(i), m.square[i]
	split(len(dst), 2048, func(low, high int) {
		const block = 512 // stays in the first cache until it is copied
		for at := low; at < high; at += block {
			values := m.work[at:min(at+block, high)]
			m.against(values, x, xx, from+at)
			for j, v := range values {
				dst[at+j] = float32(v)
			}
		}
	})
}

// swap makes rows i < j trade places.
func (m *matrix) swap(i, j int) {
	a, b := m.x.RawRowView(i), m.x.RawRowView(j)
	for k := range a {
		a[k], b[k] = b[k], a[k]
	}
	m.square[i], m.square[j] = m.square[j], m.square[i]
	m.cached[i], m.cached[j] = m.cached[j], m.cached[i]
	for _, at := range []int{i, j} {
		if m.cached[at] != nil {
			m.cached[at].at = at
		}
	}
	for l := m.recent.next; l != &m.recent; l = l.next {
		switch {
		case len(l.values) > j:
			l.values[i], l.values[j] = l.values[j], l.values[i]
		case len(l.values) > i:
			l.values = l.values[:i] // the new value at i is not known
		}
	}
}

// split calls f on pieces of 0..n on all cores, or at once if n is below
// worthwhile. Pieces begin at multiples of 4: gonum's product of a matrix and a
// vector takes four rows at a time and adds the rest up in another order, so that
// bits would depend on the number of cores.
func split(n, worthwhile int, f func(low, high int)) {
	workers := min(runtime.GOMAXPROCS(0), n/worthwhile)
	if workers < 2 {
		f(0, n)
		return
	}
	edge := func(w int) int {
		if w == workers {
			return n
		}
		return w * n / workers &^ 3
	}
	var wait sync.WaitGroup
	for w := 1; w < workers; w++ {
		wait.Go(func() { f(edge(w), edge(w+1)) })
	}
	f(0, edge(1))
	wait.Wait()
}

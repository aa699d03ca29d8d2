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
type matrix struct {
	rows
	budget int // numbers that the cache may hold
	used   int
	cached []*line
	recent line // head of the ring of cached lines, most recently used first
}

// line is a cached start of a kernel row.
type line struct {
	values     []float32
	next, prev *line
	at         int
}

func newMatrix(x *mat.Dense, kernel Kernel, cacheMiB int) *matrix {
	n, _ := x.Dims()
	m := &matrix{rows: newRows(mat.DenseCopyOf(x), kernel), cached: make([]*line, n)}
	m.budget = max(cacheMiB<<20/4, 2*n) // the two rows of a step must fit
	m.recent.next, m.recent.prev = &m.recent, &m.recent
	return m
}

func (l *line) unlink() { l.prev.next, l.next.prev = l.next, l.prev }

func (m *matrix) touch(l *line) {
	l.prev, l.next = &m.recent, m.recent.next
	l.prev.next, l.next.prev = l, l
}

// row returns the kernel of row i with the first n rows. It is valid until rows
// trade places or two other rows were asked for.
func (m *matrix) row(i, n int) []float32 {
	l := m.cached[i]
	if l == nil {
		l = &line{at: i}
		m.cached[i] = l
	} else {
		l.unlink()
	}
	m.touch(l)
	if have := len(l.values); have < n {
		if cap(l.values) < n {
			m.used += n - cap(l.values)
			spare := m.evict(l, n)
			l.values = append(spare[:0], l.values...)
		}
		l.values = l.values[:n]
		m.fill(l.values[have:], i, have)
	}
	return l.values[:n]
}

// evict forgets lines least recently used until the cache fits its budget, and
// returns memory for n numbers: of a forgotten line, if one is large enough.
func (m *matrix) evict(keep *line, n int) (spare []float32) {
	for m.used > m.budget {
		old := m.recent.prev
		if old == keep {
			break
		}
		old.unlink()
		m.used -= cap(old.values)
		m.cached[old.at] = nil
		if cap(old.values) >= n && cap(old.values) < n+n/4 {
			spare = old.values
		}
	}
	if spare != nil {
		m.used += cap(spare) - n
		return spare
	}
	return make([]float32, 0, n)
}

// fill computes the kernel of row i with rows from, from+1, … on all cores.
func (m *matrix) fill(dst []float32, i, from int) {
	x, xx := m.x.RawRowView(i), m.square[i]
	split(len(dst), 2048, func(low, high int) {
		var block [512]float64
		for at := low; at < high; at += len(block) {
			values := block[:min(len(block), high-at)]
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
// worthwhile.
func split(n, worthwhile int, f func(low, high int)) {
	workers := min(runtime.GOMAXPROCS(0), n/worthwhile)
	if workers < 2 {
		f(0, n)
		return
	}
	var wait sync.WaitGroup
	for w := 1; w < workers; w++ {
		wait.Go(func() { f(w*n/workers, (w+1)*n/workers) })
	}
	f(0, n/workers)
	wait.Wait()
}

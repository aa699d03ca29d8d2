// Package parallel divides work among goroutines.
package parallel

import (
	"sync"
	"sync/atomic"
)

// Each calls f(0) … f(n-1) from the given number of goroutines.
func Each(n, threads int, f func(i int)) {
	With(n, threads, func() func(i int) { return f })
}

// With does what Each does with an f that every goroutine makes for itself, so
// that what f works in is made once a goroutine and shared with none.
func With(n, threads int, make func() (f func(i int))) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(n, threads) {
		workers.Go(func() {
			f := make()
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	workers.Wait()
}

package fit

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
)

// Source turns rows into tensors. It holds the data of one split.
type Source interface {
	// Len returns the number of rows.
	Len() int
	// Batch returns the tensors of the given rows, in that order, the rows
	// along axis 0. It is called from several goroutines at once, ahead of the
	// step that needs it, so what it returns must depend on its arguments
	// alone. epoch, from 0, seeds augmentation. The caller frees the tensors.
	Batch(epoch int, rows []int) (inputs, labels []*tensors.Tensor, err error)
}

// Arranger is a Source that has a say in which rows share a batch, such as
// texts of one length.
type Arranger interface {
	// Arrange reorders the rows of an epoch, which come in random order and
	// will be cut into batches of size.
	Arrange(order []int, size int)
}

// shuffled yields the batches of a training: for each epoch every row once, in
// an order that seed and the epoch alone decide, cut into batches of one size.
// What is left at the end of an epoch sits that epoch out, because a batch of
// another size would be another graph to compile; a source smaller than size
// is one batch.
type shuffled struct {
	source Source
	size   int
	epochs int
	seed   int64
	from   int // batches that an earlier process has had
}

// steps returns the number of batches in an epoch.
func (s shuffled) steps() int { return s.source.Len() / s.size }

// Name implements train.Dataset.
func (s shuffled) Name() string { return "train" }

// Iter implements train.Dataset.
func (s shuffled) Iter() iter.Seq2[train.Batch, error] {
	var order []int
	next := func(i int) (epoch int, rows []int) {
		i += s.from
		epoch, step := i/s.steps(), i%s.steps()
		if step == 0 || order == nil {
			order = rand.New(rand.NewPCG(uint64(s.seed), uint64(epoch))).Perm(s.source.Len())
			if a, ok := s.source.(Arranger); ok {
				a.Arrange(order[:s.steps()*s.size], s.size)
			}
		}
		return epoch, order[step*s.size : (step+1)*s.size]
	}
	return ahead(s.source, s.epochs*s.steps()-s.from, next)
}

// inOrder yields the rows of source once, in order, in batches of one size: the
// last is filled up with its last row, so that one compiled graph serves all.
func inOrder(source Source, size int) iter.Seq2[train.Batch, error] {
	batches := (source.Len() + size - 1) / size
	return ahead(source, batches, func(i int) (epoch int, rows []int) {
		rows = make([]int, size)
		for j := range rows {
			rows[j] = min(i*size+j, source.Len()-1)
		}
		return 0, rows
	})
}

// ahead yields n batches of source in order, and makes the next few while the
// consumer works on one. next is called in order from the consumer's goroutine.
func ahead(source Source, n int, next func(i int) (epoch int, rows []int)) iter.Seq2[train.Batch, error] {
	type result struct {
		batch train.Batch
		err   error
	}
	depth := runtime.GOMAXPROCS(0) + 1
	return func(yield func(train.Batch, error) bool) {
		var queue []chan result
		start := func(i int) {
			epoch, rows := next(i)
			made := make(chan result, 1)
			queue = append(queue, made)
			go func() {
				inputs, labels, err := source.Batch(epoch, rows)
				if err != nil {
					err = fmt.Errorf("batch %d: %w", i+1, err)
				}
				made <- result{train.Batch{Inputs: inputs, Labels: labels}, err}
			}()
		}
		for i := range min(depth, n) {
			start(i)
		}
		defer func() { // wait for what was made in vain
			for _, made := range queue {
				if r := <-made; r.err == nil {
					_ = r.batch.Finalize()
				}
			}
		}()
		for i := range n {
			r := <-queue[0]
			queue = queue[1:]
			if i+depth < n {
				start(i + depth)
			}
			if !yield(r.batch, r.err) || r.err != nil {
				return
			}
		}
	}
}

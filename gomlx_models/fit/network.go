package fit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
)

// Network is a graph with trained weights. Its methods may be called from
// several goroutines.
type Network struct {
	backend compute.Backend
	store   *model.Store
	scope   string // of the weights in store
	job     Job    // Graph, Batch and, for validation, Loss

	mu      sync.Mutex // one execution at a time: the device is one
	forward map[bool]*model.Exec
}

func newNetwork(backend compute.Backend, store *model.Store, scope string, job Job) *Network {
	return &Network{backend: backend, store: store, scope: scope, job: job, forward: map[bool]*model.Exec{}}
}

// Restore returns the network that graph and weights make. It works in batches
// of so many rows.
func Restore(graph GraphFn, weights Weights, batch int) (*Network, error) {
	backend, err := Backend()
	if err != nil {
		return nil, err
	}
	store := model.NewStore()
	for _, w := range weights {
		if _, err := store.CreateVariable(networkScope+w.name, w.value); err != nil {
			return nil, err
		}
	}
	return newNetwork(backend, store, networkScope, Job{Graph: graph, Options: Options{Batch: max(1, batch)}}), nil
}

// Member is the scope, in the graph of [Join], of the i-th network that was joined.
const Member = "member%d"

// Join returns one network of several: graph runs on the weights of all, those
// of each in scope.In(Member, i).
func Join(graph GraphFn, members ...*Network) (*Network, error) {
	var all Weights
	batch := 1
	for i, member := range members {
		weights, err := member.weights()
		if err != nil {
			return nil, err
		}
		for _, w := range weights {
			all = append(all, weight{fmt.Sprintf("/"+Member, i) + w.name, w.value})
		}
		batch = member.job.Batch
	}
	return Restore(graph, all, batch)
}

// Predict returns the outputs of all rows of source, row after row. A row's
// outputs do not depend on the rows beside it. It stops between batches when
// ctx is done.
func (n *Network) Predict(ctx context.Context, source Source) ([]float32, error) {
	var outputs []float32
	err := catch(func() (err error) {
		outputs, _, err = n.run(ctx, source, false)
		return err
	})
	return outputs, err
}

// run returns the outputs of all rows, and if asked their losses.
func (n *Network) run(ctx context.Context, source Source, withLoss bool) (outputs, losses []float32, err error) {
	rows := source.Len()
	if rows == 0 {
		return nil, nil, nil
	}
	size := n.job.Batch
	for batch, err := range inOrder(source, size) {
		if err != nil {
			return nil, nil, err
		}
		left := min(size, rows) // rows of this batch that are not filling
		rows -= left
		if ctx.Err() != nil {
			return nil, nil, errors.Join(context.Cause(ctx), batch.Finalize())
		}
		results, err := n.forwardBatch(batch, withLoss)
		if err := errors.Join(err, batch.Finalize()); err != nil {
			return nil, nil, err
		}
		if outputs, err = appendRows(outputs, results[0], left, size); err != nil {
			return nil, nil, err
		}
		if withLoss {
			if results[1].Shape().IsScalar() { // rows are coupled: see Job.Loss
				size, left = 1, 1
			}
			if losses, err = appendRows(losses, results[1], left, size); err != nil {
				return nil, nil, err
			}
		}
	}
	return outputs, losses, nil
}

// forwardBatch returns the outputs of one batch, then if asked their losses.
func (n *Network) forwardBatch(batch train.Batch, withLoss bool) ([]*tensors.Tensor, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	arguments := batch.Inputs
	if withLoss {
		arguments = slices.Concat(batch.Inputs, batch.Labels)
	}
	if n.forward[withLoss] == nil {
		inputs := len(batch.Inputs)
		var err error
		n.forward[withLoss], err = n.compile(func(scope *model.Scope, arguments []*Node) []*Node {
			outputs := n.job.Graph(scope, arguments[:inputs])
			if !withLoss {
				return []*Node{outputs}
			}
			return []*Node{outputs, n.job.Loss(arguments[inputs:], []*Node{outputs})}
		})
		if err != nil {
			return nil, err
		}
	}
	return call(n.forward[withLoss], arguments)
}

// Compile returns fn ready to run on the network's weights, for explanations.
// fn gets the scope that the weights are in, to call the network's own GraphFn
// or parts of it there; it is compiled at the first call, and once more for
// each new shape of inputs. The caller keeps the inputs.
func (n *Network) Compile(fn func(scope *model.Scope, inputs []*Node) []*Node) func(inputs ...*tensors.Tensor) ([]*tensors.Tensor, error) {
	var exec *model.Exec
	return func(inputs ...*tensors.Tensor) (outputs []*tensors.Tensor, err error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		err = catch(func() (err error) {
			if exec == nil {
				if exec, err = n.compile(fn); err != nil {
					return err
				}
			}
			outputs, err = call(exec, inputs)
			return err
		})
		return outputs, err
	}
}

func (n *Network) compile(fn func(scope *model.Scope, inputs []*Node) []*Node) (*model.Exec, error) {
	return model.NewExec(n.backend, n.store, func(_ *model.Scope, inputs []*Node) []*Node {
		return fn(n.store.Scope(n.scope), inputs)
	})
}

func call(exec *model.Exec, inputs []*tensors.Tensor) ([]*tensors.Tensor, error) {
	arguments := make([]any, len(inputs))
	for i, input := range inputs {
		arguments[i] = input
	}
	return exec.Call(arguments...)
}

// appendRows appends the first rows of t, of size rows, to dst and frees t.
func appendRows(dst []float32, t *tensors.Tensor, rows, size int) ([]float32, error) {
	err := tensors.ConstFlatData(t, func(flat []float32) {
		dst = append(dst, flat[:len(flat)/size*rows]...)
	})
	return dst, errors.Join(err, t.FinalizeAll())
}

// Weights are the variables of a network, by name.
type Weights []weight

type weight struct {
	name  string // below the network's scope, "/dense/weights"
	value *tensors.Tensor
}

// weights returns a copy of the network's weights on the host.
func (n *Network) weights() (Weights, error) {
	return copied(n.store.Scope(n.scope).IterVariables(), func(path string) string { return strings.TrimPrefix(path, n.scope) })
}

// copied returns copies of variables on the host, under the names that their
// paths are given.
func copied(variables iter.Seq[*model.Variable], name func(path string) string) (Weights, error) {
	var weights Weights
	for v := range variables {
		value, err := v.Value()
		if err != nil {
			return nil, err
		}
		local, err := value.LocalClone()
		if err != nil {
			return nil, err
		}
		weights = append(weights, weight{name(v.Path()), local})
	}
	return weights, nil
}

// Parameters returns the number of numbers that the network consists of.
func (n *Network) Parameters() int { return n.store.Scope(n.scope).NumParameters() }

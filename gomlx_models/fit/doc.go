// Package fit trains the networks of all tasks: batches made ahead of the step
// that needs them, a learning-rate schedule, validation after each epoch with
// the best weights kept, early stopping, saving and loading.
//
// A model package says what to learn, a [Job], and keeps the [Network] that
// comes back:
//
//	network, err := fit.Train(ctx, fit.Job{
//		Graph: func(scope *model.Scope, inputs []*Node) *Node { … }, // logits
//		Loss:  func(labels, outputs []*Node) *Node { … },           // one loss a row
//		Train: rows, Validation: others,
//		Options: fit.Options{Epochs: 20, Seed: 1},
//	}, run)
//	outputs, err := network.Predict(ctx, rows)
//
// The same job gives the same weights, bit for bit, in every process on the
// same machine and backend: everything random comes from Options.Seed.
// A training that was cut off goes on from its last checkpoint, with those bits
// too, if one of its observers is a [models.Resumer], as a run of experiments is.
//
// Any other GoMLX program attaches its loop to a run with [Observe] alone.
package fit

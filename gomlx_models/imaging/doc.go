// Package imaging classifies medical pictures: chest films, slices, microscope
// fields. It reads them, trains a convolutional network on them, judges it and
// shows what its answers rest on.
//
//	d, err := imaging.Open("pneumoniamnist")
//	model := imaging.New(imaging.Config{Classes: d.Classes, Epochs: 10, Seed: 1}).ValidateOn(d.Validation)
//	err = model.Fit(ctx, d.Train, run)                    // run is a models.Observer
//	probs, err := model.Predict(ctx, d.Test.X)            // [film][class]
//	report, err := imaging.Evaluate(probs, d.Test, imaging.Judging{Classes: d.Classes})
//
// Films are decoded when a batch needs them, ahead of the training step and in
// parallel, so that memory stays bounded however many there are. Segmentation
// and volumes are not here.
package imaging

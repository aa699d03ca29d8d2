// Package imaging classifies medical pictures: chest films, slices, microscope
// fields. It reads them, looks for leaks and shortcuts among them, trains a
// convolutional network on them, judges it and shows what its answers rest on.
//
//	d, err := imaging.Open("pneumoniamnist")              // or a folder, of PNG, JPEG, DICOM or NIfTI files
//	audit, err := d.Audit(ctx)                            // a patient or a film on two sides of the split is an error
//	model := imaging.New(imaging.Config{Classes: d.Classes, Epochs: 10, Seed: 1}).ValidateOn(d.Validation)
//	err = model.Fit(ctx, d.Train, run)                    // run is a models.Observer
//	probs, err := model.Predict(ctx, d.Test.X)            // [film][class]
//	report, err := imaging.Evaluate(probs, d.Test, imaging.Judging{Classes: d.Classes, Audit: &audit})
//
// A [CNN] gives each film one of several classes, a [MultiLabel] any number of
// findings. Either is an ensemble if its configuration says so.
//
// A [Film] is a name and a way to decode it: in memory, in a file, or drawn. Films are
// decoded when a batch needs them, ahead of the training step and in parallel,
// and those kept between epochs take 8 bits a channel and no more than
// Config.Memory, so that memory stays bounded however many there are. What is
// random about a film depends on the seed, the epoch and its row alone.
//
// Segmentation and networks of volumes are not here.
package imaging

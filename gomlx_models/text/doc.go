// Package text classifies clinical and biomedical texts: it reads and cuts them,
// trains a linear baseline and three kinds of network on them, judges them side
// by side and shows which words an answer rests on.
//
//	rows, err := text.ReadTSV(file, text.Columns{Text: "sentence", Labels: "ade", Group: "pmid", Split: "split"})
//	data, err := rows.Data([]string{"0", "1"})
//	baseline := text.NewBaseline(text.BaselineConfig{Classes: data.Classes}) // fitted as the network is; base is what it predicts
//	network := text.New(text.Config{Classes: data.Classes, Network: "lstm", Seed: 1}).ValidateOn(data.Validation)
//	err = network.Fit(ctx, data.Train, run)               // run is a models.Observer
//	probs, err := network.Predict(ctx, data.Test.X)       // [text][class]
//	report, err := text.Evaluate(probs, data.Test, text.Judging{Classes: data.Classes, Baseline: text.Answers{Probabilities: base}})
//
// Everything that is learnt, the vocabulary and the document frequencies
// included, is learnt in Fit from training rows. Generating text is not here.
package text

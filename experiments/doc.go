// Package experiments records runs. A run is the record of one program: its
// params, metrics as they happen, figures, reports, files, code and how it ended,
// in one SQLite file that any number of programs write and read.
//
//	err := experiments.Track(ctx, "pneumonia", func(run *experiments.Run) error {
//		run.Params(cfg)
//		model := imaging.New(cfg)
//		if err := model.Fit(run.Context(), data.Train, run); err != nil { // run watches
//			return err
//		}
//		…
//		return run.Report(report)
//	})
//
// In a notebook the run shows a card in the cell's output that moves while it
// trains; in a terminal it shows a progress bar. The package imports no GoMLX:
// a *Run is a models.Observer, and fit.Observe attaches it to any training loop.
//
// Without being asked for, a run records its program and what it ran on (see
// Snapshot), so that the package rerun can run it again from the store alone, and
// Compare say whether the result is the same.
//
// What Log and Step took survives kill -9 when they return; Sync and End make it
// safe against power loss too. A disk that fills up never stops the training.
package experiments

// Package store keeps experiments in one SQLite file: runs with their params,
// tags, metrics, figures, reports, artifacts, data and output. It knows SQL and
// bytes; nothing of HTTP, GoMLX or notebooks.
//
//	s, err := store.Open("assay.db")
//	w, err := s.Start(ctx, store.NewRun{Experiment: "pneumonia"})
//	err = w.Params(map[string]store.Value{"lr": 1e-3})
//	err = w.Step(1, []string{"loss", "acc"}, []float64{0.7, 0.5})
//	err = w.End(store.Finished, "")
//	page, err := s.Runs(ctx, store.Query{Where: "metric.acc > 0.9 and param.lr = 1e-3"})
//
// # What is promised
//
// When Step, Append, Summary or Output returns, kill -9 of the process loses
// nothing of it. When Sync or End returns, a power cut does not either, and the
// store file by itself has everything.
//
// Points come back bit for bit, in order of logging: NaN, infinities, -0, steps
// that repeat or go back, any name. Other processes see them within a second. A
// run whose process is gone is killed for every reader, with the last step that
// it reached. A full disk or a broken store does not stop a run (see Writer).
//
// Any number of processes read and write one file on a local disk at a time.
//
// # How points travel
//
// The commits of SQLite wait for each other, across all processes, and a commit a
// call is what a training loop should not wait for. So each run being written has
// a journal of its own beside the file, in assay.db-live; a call is one write(2)
// of a record with a checksum, some microseconds, whatever others do. Three times
// a second the writer folds its journal into the store; reading in the same
// process folds first, so that it sees what it wrote. The journal of a process
// that was killed is folded by whoever reads next and may write. When a run has
// ended nothing of it is left beside the file, unless it was killed at that moment:
// that GC removes.
//
// In the file, the points of a series are chunks of 4096, differenced or
// predicted, and coded by frequency (chunk.go): a loss with wall times takes about
// four bytes a point. A pyramid of sums over blocks (pyramid.go) answers for any
// window of any series in milliseconds, without hiding a spike. Points behind the
// last full chunk are small chunks that are joined when there are many.
//
// The file can be copied while runs go on with Backup, checked with Fsck, and
// cleared of what is in the trash with GC.
package store

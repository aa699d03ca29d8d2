// Package rerun runs a recorded run again, from the store alone, and says
// whether the result is the same.
//
//	result, err := rerun.Run(ctx, s, id, rerun.Options{Out: os.Stderr})
//	fmt.Println(result.Comparison.Summary()) // identical: 14 metrics with 310 points, 1 report, bit for bit
//
// The program is built in a fresh folder from what the run recorded (see
// experiments.Snapshot), with the modules that its go.sum pins and the toolchain
// that built it. Data files are known by their content: one that was moved into a
// folder of ASSAY_DATA is found, one that changed is named. The run that comes of
// it is a run like any other, linked to the first; its points are compared with
// the first one's by experiments.Compare and the verdict is kept with both.
//
// What happens is told as it happens: Options.Out gets sentences of Run's own
// (what has changed, "built the program of run k3f… in 2.1 s") and, unchanged, what
// the program writes on stdout and stderr; if it is a terminal's *os.File, progress
// bars too. The new run is in the store from its start, as running, with RerunOf or
// Parent naming the first, and its Done and Planned steps: what a page polls.
//
// A variation is a run of the same program with other params, data, seeds or
// newer packages. It is kept as a child of the run that it varies, and nothing is
// expected of its numbers.
//
// A run that was cut off can be resumed instead: its program, built from the store,
// goes on as the same run. Each training goes on from its last checkpoint, of which
// one is kept every minute (see fit.Options); what the program does beside training
// it does again. Points that come again, from the checkpoint to where the run was
// cut off, are compared with those that are there, which stay: nothing that was
// recorded is taken back. The run's tag "resumed" says how many came again, and
// whether one had another value.
package rerun
